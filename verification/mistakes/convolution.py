"""Mistakes of convolutions on the way forward: products, biases, which numbers are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verification.case import Case
from verification.mistakes import code
from verification.mistakes.code import Answers, Array, Arrays, Lines


def given(**edits: Callable[[Array], Array]) -> Lines:
    """Other arrays than those that were given."""
    return {
        "given": lambda case, arrays: {
            name: edits[name](a) if name in edits else a for name, a in arrays.items()
        }
    }


def answer(**edits: Callable[[Array], Any]) -> Lines:
    """The right answer, spoilt at the end."""
    return {
        "answer": lambda case, arrays, answers: {
            name: edits[name](a) if name in edits else a for name, a in answers.items()
        }
    }


def flip(w: Array) -> Array:
    return w[(slice(None, None, -1),) * (w.ndim - 2)]


def interleaved(case: Case, arrays: Arrays) -> Arrays:
    return {**arrays, "x": arrays["x"][..., _order(case, case.x[-1])]}


def interleaved_back(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    if "dx" not in answers:
        return answers
    dx = np.empty_like(answers["dx"])
    dx[..., _order(case, case.x[-1])] = answers["dx"]
    return answers | {"dx": dx}


def filters_too(case: Case, arrays: Arrays) -> Arrays:
    filters = _order(case, case.w[-1])
    dealt = {name: arrays[name][..., filters] for name in ("w", "b", "dy") if name in arrays}
    return {**interleaved(case, arrays), **dealt}


def filters_back(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    filters = np.argsort(_order(case, case.w[-1]))
    back = {name: answers[name][..., filters] for name in ("y", "dw", "db") if name in answers}
    return interleaved_back(case, arrays, answers | back)


def _order(case: Case, count: int) -> Array:
    """Channels or filters as they are dealt out in turn."""
    return np.arange(count).reshape(-1, case.groups).T.ravel()


def dot(window: Array, w: Array, b: Array) -> Array:
    return np.array([[np.dot(window[0], w[..., 0]).sum() + b[0]]])


def bare_dot(window: Array, w: Array, b: Array) -> Array:
    return np.asarray(np.dot(window[0], w[..., 0]) + b[0])[None, ..., None]


def pooled_batch(window: Array, w: Array, b: Array) -> Array:
    return code.product(window.sum(axis=0, keepdims=True), w, b)


def mean(window: Array, w: Array, b: Array) -> Array:
    products = window[..., None] * w
    average: Array = products.mean(axis=tuple(range(1, products.ndim - 1)))
    return average + b


LINES: dict[str, list[Lines]] = {
    "bias-per-product": [
        {"product": lambda window, w, b: code.summed_products(window[..., None] * w + b)}
    ],
    "bias-forgotten": [{"product": lambda window, w, b: code.product(window, w, 0 * b)}],
    "bias-twice": [{"product": lambda window, w, b: code.product(window, w, 2 * b)}],
    "bias-first-channel": [given(b=lambda b: np.full_like(b, b[0]))],
    "batch-size-for-bias": [
        {"product": lambda window, w, b: code.product(window, w, 0 * b) + len(window)},
        {"product": lambda window, w, b: code.product(window, w, b) + len(window)},
    ],
    "mean-for-sum": [{"product": mean}],
    "channel-sum-missing": [
        {"product": lambda window, w, b: (window[..., None] * w).sum(axis=(1, 2)) + b}
    ],
    "dot-for-product": [{"product": dot}, {"product": bare_dot}],
    "batch-first": [given(x=lambda x: x[[0] * len(x)])],
    "batch-second": [given(x=lambda x: x[[1] * len(x)])],
    "window-over-batch": [
        {
            "product": pooled_batch,
            "reduce": lambda window: window.max(axis=tuple(range(window.ndim - 1)), keepdims=True)[
                0, 0
            ],
            "average": lambda total, divisor, axes: total.mean(axis=0, keepdims=True) / divisor,
        }
    ],
    "batch-reversed": [given(x=lambda x: x[::-1])],
    "first-channel-only": [
        {"product": lambda window, w, b: code.product(window[..., :1], w[..., :1, :], b)}
    ],
    "kernel-flipped": [given(w=flip)],
    "kernel-transposed": [given(w=lambda w: w.swapaxes(0, -3))],
    "kernel-channels-exchanged": [given(w=lambda w: w.swapaxes(-1, -2))],
    "groups-interleaved": [
        {"given": interleaved, "answer": interleaved_back},
        {"given": filters_too, "answer": filters_back},
    ],
}
