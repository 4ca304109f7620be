"""Mistakes of the gradients: accumulators, what is multiplied, what is summed over."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from verification.case import Case, Ints
from verification.mistakes import code, passes
from verification.mistakes.code import Answers, Array, Arrays, Axes, Code, Cut, Lines
from verification.mistakes.convolution import answer, flip, given


def part(*names: str, **lines: Any) -> Lines:
    """These gradients by other lines, the others by the right ones."""

    def mixed(case: Case, arrays: Arrays, answers: Answers) -> Answers:
        wrong = passes.answers("conv_backward", case, arrays, replace(Code(), **lines))
        return answers | {name: wrong[name] for name in names}

    return {"answer": mixed}


def last_filter(dxp: Array, cut: Any, shares: Array) -> None:
    dxp[cut] = shares[..., -1]


def replaced(dxp: Array, cut: Any, shares: Array) -> None:
    dxp[cut] = shares.sum(axis=-1)


def replaced_where_not_zero(dxp: Array, cut: Any, shares: Array) -> None:
    share = shares.sum(axis=-1)
    dxp[cut] = np.where(share == 0, dxp[cut], share)


def backwards(out: Ints, axes: Axes) -> Iterator[Ints]:
    """Taps as the outer loops: of the windows that meet a cell, the last tap's is the first."""
    return itertools.product(*(range(size - 1, -1, -1) for size in out))


def negative_border(case: Case, arrays: Arrays) -> Arrays:
    if any(size > d * (k - 1) for (size, _), k, d in zip(case.pad, case.kernel, case.dilation)):
        raise ValueError("index can't contain negative values")
    return arrays


def columns_reshaped(case: Case, arrays: Arrays, answers: Answers) -> Answers:
    """dw of im2col, from the matrix of windows reshaped where it must be transposed."""
    axes, filters = code.axes_of(case), case.w[-1]
    xp = code.pad(arrays["x"], axes, 0.0)
    places = itertools.product(*map(range, code.out(axes)))
    windows = [xp[code.cut_at(o, axes, Code())].reshape(len(xp), -1) for o in places]
    rows = np.stack(windows, axis=1).reshape(len(xp) * len(windows), -1)
    dw = rows.reshape(rows.shape[::-1]) @ arrays["dy"].reshape(-1, filters)
    return {**answers, "dw": dw.reshape(case.w)}


def scrambled(*order: int) -> Callable[[Array], Array]:
    """The upstream gradient, its axes in this order in memory, read as (K, N * P * Q)."""

    def read(dy: Array) -> Array:
        rows = np.transpose(dy, order).reshape(dy.shape[-1], -1)
        return rows.T.reshape(dy.shape)

    return read


def dw_from_gradient(early: bool) -> Lines:
    """dw from slices of the padded gradient, before or after the window is added to it."""

    def answered(case: Case, arrays: Arrays, answers: Answers) -> Answers:
        axes, dy, w = code.axes_of(case), arrays["dy"], arrays["w"]
        dxp, dw = np.zeros_like(code.pad(arrays["x"], axes, 0.0)), np.zeros_like(w)
        for o in itertools.product(*map(range, code.out(axes))):
            at = code.cut_at(o, axes, Code())
            for k in range(w.shape[-1]):
                place: Cut = (slice(None), *o, k)
                up = dy[place].reshape(-1, *[1] * (len(axes) + 1))
                if early:
                    dw[..., k] += (dxp[at] * up).sum(axis=0)
                dxp[at] += w[..., k] * up
                if not early:
                    dw[..., k] += (dxp[at] * up).sum(axis=0)
        return answers | {"dw": dw}

    return {"answer": answered}


def stays_as_it_is(o: Ints, i: int, axes: Axes) -> int:
    return o[i]


def all_but_filters(dy: Array) -> tuple[int, ...]:
    return tuple(range(dy.ndim - 1))


SUMS = {"last example": slice(-1, None), "first example": slice(0, 1)}

LINES: dict[str, list[Lines]] = {
    "upstream-index-swapped": [{"above": lambda dy, o: dy[(slice(None), *reversed(o))]}],
    "assign-not-add": [
        {"add": last_filter},
        {"add": replaced},
        {"add": replaced, "loops": backwards},
        {"add": replaced_where_not_zero},
    ],
    "assign-not-add-dw": [
        {"add_dw": lambda dw, shares: shares[-1]},
        {"add_dw": lambda dw, shares: shares.sum(axis=0)},
    ],
    "gradient-divided-by-batch": [
        {
            "answer": lambda case, arrays, answers, names=names: {
                name: a / max(1, case.x[0]) if name in names else a for name, a in answers.items()
            }
        }
        for names in (("dw", "db"), ("dx", "dw", "db"), ("dw",), ("db",))
    ],
    "wrong-array-sliced": [dw_from_gradient(early=False), dw_from_gradient(early=True)],
    "reshape-for-transpose": [
        *(
            part(*names, given=given(dy=scrambled(*order))["given"])
            for order in ((0, 1, 2, 3), (0, 3, 1, 2))
            for names in (("dw",), ("dx",), ("dx", "dw"), ("dx", "dw", "db"))
        ),
        {"answer": columns_reshaped},
        answer(dw=lambda dw: np.moveaxis(dw, -1, 0).reshape(dw.shape)),
        answer(dw=lambda dw: np.moveaxis(dw, -1, 0).swapaxes(1, -1).reshape(dw.shape)),
    ],
    "loop-over-input": [
        {"loops": lambda out, axes: itertools.product(*(range(axis.size) for axis in axes))}
    ],
    "dx-kernel-flipped": [{"weights": flip}],
    "dw-flipped": [answer(dw=flip)],
    "unpadded-used": [{"cut": lambda xp, x, cut: x[cut]}],
    "dx-summed-over-channels": [
        answer(dx=lambda dx: np.broadcast_to(dx.sum(axis=-1, keepdims=True), dx.shape))
    ],
    "upstream-of-ones": [
        given(dy=np.ones_like),
        *(
            part(*names, given=given(dy=np.ones_like)["given"])
            for names in (("dx",), ("dw",), ("db",))
        ),
    ],
    "db-last-example": [
        {"bias": lambda dy, looped, which=which: code.summed(dy[which])} for which in SUMS.values()
    ],
    "db-last-position": [
        {"bias": lambda dy, looped: dy[(-1,) * (dy.ndim - 1)]},
        {"bias": lambda dy, looped: dy[(slice(None), *[-1] * (dy.ndim - 2))].sum(axis=0)},
        {"bias": lambda dy, looped: dy[(slice(None), *[0] * (dy.ndim - 2))].sum(axis=0)},
    ],
    "db-averaged": [
        {"bias": lambda dy, looped: dy.mean(axis=all_but_filters(dy))},
        {"bias": lambda dy, looped: dy.mean(axis=all_but_filters(dy)[1:]).sum(axis=0)},
    ],
    "full-pad-negative": [{"given": negative_border}],
    "dw-strided-gradient": [
        part(*names, start=stays_as_it_is) for names in (("dw",), ("dx",), ("dx", "dw"))
    ],
}
