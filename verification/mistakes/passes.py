"""The passes as people write them: loops over windows, with the lines of a `Code`.

Slices are NumPy's own, so a window that leaves the array is cut short, a negative corner wraps
around, and what cannot be broadcast raises, as it does for people.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from verification import fills
from verification.case import Case, Ints
from verification.mistakes.code import Answers, Arrays, Axes, Axis, Code, Cut, axes_of, cut_at


def answers(op: str, case: Case, given: Arrays, code: Code) -> Answers:
    """What this code answers to a question put to the function `op`; it may raise."""
    with np.errstate(all="ignore"):
        read, seen = code.case(case), code.given(case, given)
        return code.answer(read, seen, _PASS[op](read, seen, code))


def _conv_forward(case: Case, given: Arrays, code: Code) -> Answers:
    axes = code.axes(axes_of(case))
    xp, size = code.pad(given["x"], axes, 0.0), code.out(axes)
    y = np.zeros((len(xp), *size, case.w[-1]))
    for o in code.loops(size, axes):
        window = code.cut(xp, given["x"], cut_at(o, axes, code))
        for channels, filters in _groups(case):
            b = given["b"][filters] if case.bias else np.zeros(1)
            put: Cut = (slice(None), *o, filters)
            y[put] = code.product(window[..., channels], given["w"][..., filters], b)
    return {"y": y}


def _conv_backward(case: Case, given: Arrays, code: Code) -> Answers:
    axes, x, dy = code.axes(axes_of(case)), given["x"], given["dy"]
    xp = code.pad(x, axes, 0.0)
    dxp, dw, db = code.zeros(xp), code.zeros(given["w"]), np.zeros(case.w[-1])
    for o in code.loops(dy.shape[1:-1], axes):
        at = cut_at(o, axes, code)
        window, above = code.cut(xp, x, at), code.above(dy, o)
        db += above.sum(axis=0)
        for channels, filters in _groups(case):
            up = above[:, filters]
            up = up.reshape(len(up), *[1] * (len(axes) + 1), up.shape[1])
            w = code.weights(given["w"][..., filters])
            code.add(dxp, (*at, channels), up * w)
            dw[..., filters] = code.add_dw(dw[..., filters], window[..., channels, None] * up)
    replies = {"dx": code.crop(dxp, axes, x), "dw": dw}
    return replies | ({"db": code.bias(dy, db)} if case.bias else {})


def _pool_forward(case: Case, given: Arrays, code: Code) -> Answers:
    axes, divisors = code.axes(axes_of(case)), _divisors(case)
    xp = code.pad(given["x"], axes, -math.inf if case.op == "max_pool" else 0.0)
    size = code.out(axes)
    y = np.zeros((len(xp), *size, case.x[-1]))
    for o in code.loops(size, axes):
        put: Cut = (slice(None), *o)
        window = code.cut(xp, given["x"], cut_at(o, axes, code))
        if case.op == "max_pool":
            y[put] = code.reduce(window)
        else:
            total = window.sum(axis=tuple(range(1, window.ndim - 1)))
            y[put] = code.average(total, divisors.get(o, _cells(axes)), axes)
    return {"y": y}


def _pool_backward(case: Case, given: Arrays, code: Code) -> Answers:
    axes, divisors, x = code.axes(axes_of(case)), _divisors(case), given["x"]
    if case.op == "max_pool":
        x = np.maximum(x, np.finfo(x.dtype).min)  # -inf of the input comes before the padding's
    xp = code.pad(x, axes, -math.inf if case.op == "max_pool" else 0.0)
    dxp = code.zeros(xp)
    for o in code.loops(given["dy"].shape[1:-1], axes):
        at = cut_at(o, axes, code)
        above = code.above(given["dy"], o).reshape(len(xp), *[1] * len(axes), case.x[-1])
        if case.op == "max_pool":
            window = code.cut(xp, x, at)
            code.add(dxp, at, code.spread(code.mask(window), above)[..., None])
        else:
            share = code.average(above, divisors.get(o, _cells(axes)), axes)
            window = np.ones([1, *(axis.kernel for axis in axes), 1])
            code.add(dxp, at, (window * share)[..., None])
    return {"dx": code.crop(dxp, axes, given["x"])}


def _zero_pad(case: Case, given: Arrays, code: Code) -> Answers:
    axes = [Axis(size, 1, 1, 1, *sides, 0) for size, sides in zip(case.space, case.pad)]
    return {"y": code.pad(given["x"], code.axes(axes), 0.0)}


def _single_step(case: Case, given: Arrays, code: Code) -> Answers:
    window, w, b = given["x"][None], given["w"][..., None], given["b"].reshape(-1)
    return {"y": code.product(window, w, b)[0, ..., 0]}


def _mask(case: Case, given: Arrays, code: Code) -> Answers:
    found = code.mask(given["x"][None, ..., None])[0, ..., 0]
    return {"y": found.astype(bool) if np.isin(found, (0, 1)).all() else found}


def _distribute(case: Case, given: Arrays, code: Code) -> Answers:
    axes = code.axes([Axis(size, size, 1, 1, 0, 0, 1) for size in case.x])
    return {"y": np.ones(case.x) * code.average(given["dy"], math.prod(case.x), axes)}


_PASS = {
    "conv_forward": _conv_forward,
    "conv_backward": _conv_backward,
    "pool_forward": _pool_forward,
    "pool_backward": _pool_backward,
    "zero_pad": _zero_pad,
    "conv_single_step": _single_step,
    "create_mask_from_window": _mask,
    "distribute_value": _distribute,
}


def _groups(case: Case) -> list[tuple[slice, slice]]:
    """The channels and the filters of every group."""
    channels, filters = case.w[-2], case.w[-1] // case.groups
    return [
        (slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters))
        for g in range(case.groups)
    ]


def _divisors(case: Case) -> dict[Ints, Any]:
    if case.op != "avg_pool":
        return {}
    found = fills.divisors(case)
    return {o: found[o] for o in np.ndindex(found.shape)}


def _cells(axes: Axes) -> int:
    return math.prod(axis.kernel for axis in axes)
