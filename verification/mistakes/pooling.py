"""Mistakes of pools and of the helpers at a window: maxima, masks, averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from verification.case import Case
from verification.mistakes.code import Answers, Array, Arrays, Axes, Cut, Lines, each, mask, pad
from verification.mistakes.windows import fits, sized


def over_window(window: Array) -> tuple[int, ...]:
    return tuple(range(1, window.ndim - 1))


def highest(window: Array) -> Array:
    """The maximum of each channel, as often as the window has cells."""
    top: Array = window.max(axis=over_window(window), keepdims=True)
    return top


def all_ties(window: Array) -> Array:
    return np.asarray(window == highest(window), float)


def shared(window: Array) -> Array:
    tied = all_ties(window)
    return np.asarray(tied / tied.sum(axis=over_window(window), keepdims=True))


def last(window: Array) -> Array:
    ways: Cut = (slice(None), *[slice(None, None, -1)] * (window.ndim - 2))
    return mask(window[ways])[ways]


def by_columns(window: Array) -> Array:
    order = (0, *reversed(over_window(window)), window.ndim - 1)
    return np.transpose(mask(np.transpose(window, order)), order)


def single(window: Array) -> Array:
    if (all_ties(window).sum(axis=over_window(window)) > 1).any():
        raise ValueError("more than one maximum")
    return mask(window)


def corner(window: Array) -> Array:
    first = np.zeros_like(window)
    at: Cut = (slice(None), *[0] * (window.ndim - 2))
    first[at] = 1
    return first


def without_nan(window: Array) -> Array:
    return mask(np.where(np.isnan(window), -math.inf, window))


def divided(divisor: Callable[[Axes], float]) -> list[Lines]:
    return [{"average": lambda total, cells, axes: total / divisor(axes)}]


def as_if(**settings: Any) -> Lines:
    """Another question: one setting has the value that it has anyway."""
    return {"case": lambda case: replace(case, **settings) if case.kernel else case}


def other_mode(op: str) -> Lines:
    def changed(case: Case) -> Case:
        return replace(case, op=op) if case.kernel else case

    return {"case": changed}


def two(**more: Any) -> Lines:
    return {"axes": lambda axes: each(axes, kernel=lambda axis: 2), **more}


def tiled(case: Case, arrays: Arrays) -> Arrays:
    if any(size % kernel for size, kernel in zip(case.space, case.kernel)):
        raise ValueError("cannot reshape")
    return arrays


def tiled_where_it_can_be(case: Case, arrays: Arrays) -> Arrays:
    return tiled(case, arrays) if case.stride == case.kernel else arrays


def striding(case: Case, arrays: Arrays) -> Arrays:
    axes = zip(case.space, case.kernel, case.stride)
    if any((size - kernel) % stride for size, kernel, stride in axes):
        raise ValueError("the windows do not tile the input")
    return arrays


def floored(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    return {"y": np.maximum(answers["y"], 0)} if case.op == "max_pool" else answers


def scalar(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    return {"y": np.asarray(arrays["dy"] / math.prod(case.x))}


def largest(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    return {"y": arrays["x"].max()} if not case.kernel else answers


def across_channels(window: Array) -> Array:
    top = window.max(axis=tuple(range(1, window.ndim)), keepdims=True)
    return np.asarray(window == top, float)


def first_across_channels(window: Array) -> Array:
    """1 at one cell of all, the first of the highest."""
    found = mask(window.reshape(len(window), -1, 1))
    return found.reshape(window.shape)


def for_every_channel(mask: Array, above: Array) -> Array:
    """The mask of all channels, added once for each."""
    return np.asarray(mask * above.sum(axis=-1, keepdims=True))


def first_of_the_highest(window: Array) -> Array:
    """Each channel's first maximum, if no other channel has a higher one."""
    return mask(window) * across_channels(window)


LINES: dict[str, list[Lines]] = {
    "ties-all": [{"mask": all_ties}],
    "ties-split": [{"mask": shared}],
    "nan-ignored": [
        {
            "reduce": lambda window: np.fmax.reduce(window, axis=over_window(window)),
            "mask": without_nan,
        }
    ],
    "last-tie": [{"mask": last}],
    "column-order-tie": [{"mask": by_columns}],
    "mask-is-max": [
        {"mask": lambda window: highest(window) * np.ones_like(window), "answer": largest}
    ],
    "mask-of-abs": [
        {"mask": lambda window: mask(abs(window))},
        {"mask": lambda window: all_ties(abs(window))},
        {"mask": lambda window: (window == highest(abs(window))).astype(float)},
    ],
    "mask-min": [{"mask": lambda window: mask(-window)}, {"mask": lambda w: all_ties(-w)}],
    "tie-raises": [{"mask": single}],
    "all-channels-mask": [
        {"mask": across_channels},
        {"mask": first_across_channels, "spread": for_every_channel},
        {"mask": first_of_the_highest},
    ],
    "first-cell": [{"mask": corner}],
    "upstream-not-used": [
        {"spread": lambda mask, above: mask},
        {"average": lambda total, cells, axes: np.ones_like(total) / cells},
        {"above": lambda dy, o: np.ones_like(dy[(slice(None), *o)])},
        {
            "spread": lambda mask, above: mask,
            "mask": all_ties,
        },
    ],
    "whole-image-pooled": [{"cut": lambda xp, x, cut: xp}],
    "all-channels-pooled": [
        {
            "reduce": lambda window: window.max(axis=tuple(range(1, window.ndim)))[:, None],
            "average": lambda total, cells, axes: total.mean(axis=-1, keepdims=True) / cells,
        }
    ],
    "average-divisor": divided(lambda axes: sum(axis.kernel for axis in axes)),
    "average-undivided": divided(lambda axes: 1),
    "divisor-one-side": divided(lambda axes: axes[0].kernel)
    + divided(lambda axes: axes[-1].kernel),
    "ceil-mode-ignored": [as_if(ceil_mode=False)],
    "count-include-pad-ignored": [
        as_if(count_include_pad=True),
        as_if(count_include_pad=False),
        *divided(lambda axes: math.prod(axis.kernel for axis in axes)),
    ],
    "divisor-override-ignored": [as_if(divisor_override=None)],
    "mode-ignored": [other_mode("max_pool"), other_mode("avg_pool")],
    "max-floored-at-0": [{"answer": floored}],
    "zero-padding-in-max": [{"pad": lambda x, axes, fill: pad(x, axes, 0.0)}],
    "min-for-max": [{"reduce": lambda window: window.min(axis=over_window(window))}],
    "window-hard-coded": [two(), two(**sized(lambda axis: fits(replace(axis, kernel=2))))],
    "reshape-needs-divisible": [
        {"given": tiled},
        {"given": tiled_where_it_can_be},
        {"given": striding},
    ],
    "scalar-returned": [{"answer": scalar}],
}
