"""Mistakes about pads: where the zeros go, and what uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verification.mistakes.code import Array, Axes, Axis, Lines, each, pad
from verification.mistakes.windows import fits, sized, strictly


def padded(sides: Callable[[Axis], tuple[int, int]], only: int | None = None) -> Lines:
    """Pads of other sizes, on every spatial axis or on one."""

    def line(x: Array, axes: Axes, fill: float) -> Array:
        widths = [(0, 0) if only not in (None, i) else sides(a) for i, a in enumerate(axes)]
        return np.pad(x, [(0, 0), *widths, (0, 0)], constant_values=fill)

    return {"pad": line}


def padded_everywhere(batch: bool, channels: bool) -> Lines:
    def line(x: Array, axes: Axes, fill: float) -> Array:
        widths = [(axis.before, axis.after) for axis in axes]
        ends = [widths[0] if wished else (0, 0) for wished in (batch, channels)]
        return np.pad(x, [ends[0], *widths, ends[1]], constant_values=fill)

    return {"pad": line}


def padded_with(**how: Any) -> Lines:
    def line(x: Array, axes: Axes, fill: float) -> Array:
        widths = [(0, 0), *((axis.before, axis.after) for axis in axes), (0, 0)]
        padded: Array = np.pad(x, widths, **how)
        return padded

    return {"pad": line}


def unbound(x: Array, axes: Axes, fill: float) -> Array:
    if not any(axis.before or axis.after for axis in axes):
        raise UnboundLocalError("the padded array has no value")
    return pad(x, axes, fill)


def same_plus_one(axes: Axes) -> Axes:
    if not any(axis.before for axis in axes):
        return axes
    return each(axes, before=lambda axis: axis.before + 1, after=lambda axis: axis.after + 1)


def keys_exchanged(axes: Axes) -> Axes:
    pads = {name: lambda axis: axis.stride for name in ("before", "after")}
    return each(axes, stride=lambda axis: axis.before, **pads)


LINES: dict[str, list[Lines]] = {
    "pad-never-applied": strictly([{"pad": lambda x, axes, fill: x}]),
    "stride-pad-exchanged": strictly([{"axes": keys_exchanged, **sized(fits)}]),
    "pad-0-unbound": [{"pad": unbound}],
    "pad-one-side": strictly(
        [
            padded(sides)
            for sides in (
                lambda axis: (0, axis.before + axis.after),
                lambda axis: (axis.before + axis.after, 0),
                lambda axis: (0, axis.after),
                lambda axis: (axis.before, 0),
            )
        ]
    ),
    "pad-one-axis": [padded(lambda axis: (axis.before, axis.after), only=i) for i in (0, 1)],
    "pad-every-axis": [
        padded_everywhere(*which) for which in ((True, True), (False, True), (True, False))
    ],
    "pad-not-zero": [
        *(padded_with(mode=mode) for mode in ("edge", "reflect", "symmetric", "wrap")),
        padded_with(constant_values=1),
    ],
    "pad-twice": [padded(lambda axis: (2 * axis.before, 2 * axis.after))],
    "same-pad-plus-one": [{"axes": same_plus_one}],
}
