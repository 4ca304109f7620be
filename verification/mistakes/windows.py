"""Mistakes about windows: where they start and end, and how many there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from verification.case import Ints
from verification.mistakes.code import Array, Axes, Axis, Lines, each, start, stop, summed


def fits(axis: Axis, pads: int | None = None, rounded: Callable[[float], float] = np.floor) -> int:
    """How many windows fit, as the formula has it."""
    after = axis.after if pads is None else pads - axis.before
    return int(rounded(exactly(replace(axis, after=after)))) + 1


def exactly(axis: Axis) -> float:
    """The steps that fit, with what remains."""
    room = axis.size + axis.before + axis.after - axis.dilation * (axis.kernel - 1) - 1
    return room / axis.stride


def placed(name: str, line: Callable[[Any, int, Axes], int], right: Any) -> list[Lines]:
    """A corner or an end written wrongly on every axis, on the rows alone, on the columns alone."""

    def on(*wrong: int) -> Lines:
        return {name: lambda o, i, axes: (line if i in wrong else right)(o, i, axes)}

    return [on(0, 1, 2), on(0), on(1)]


def sized(count: Callable[[Axis], int]) -> Lines:
    """The output's size by another formula."""
    return {"out": lambda axes: tuple(map(count, axes))}


def exchanged(name: str, counted: bool) -> Lines:
    """One setting of the first two axes exchanged; `counted`: also where windows are counted."""

    def axes(axes: Axes) -> Axes:
        if len(axes) < 2:
            return axes
        one, two, *more = axes
        fields = ("before", "after") if name == "pad" else (name,)
        swapped = [
            replace(axis, **{field: getattr(other, field) for field in fields})
            for axis, other in ((one, two), (two, one))
        ]
        return [*swapped, *more]

    return {"axes": axes, **(sized(fits) if counted else {})}


def from_rows(name: str, counted: bool) -> Lines:
    """The rows' setting on every axis."""
    lines = {"axes": lambda axes: each(axes, **{name: lambda axis: getattr(axes[0], name)})}
    return {**lines, **(sized(fits) if counted else {})}


def shortened(*by: int) -> Callable[[Ints, Axes], Iterator[Ints]]:
    """Loops that end before the last row or column."""

    def loops(out: Ints, axes: Axes) -> Iterator[Ints]:
        less = itertools.chain(by, itertools.repeat(0))
        return itertools.product(*(range(size - early) for size, early in zip(out, less)))

    return loops


def whole(xp: Array, x: Array, cut: Any) -> Array:
    """The window, where it lies within the array: vectorised code has no shorter ones."""
    ends = [(part, size) for part, size in zip(cut[1:], xp.shape[1:])]
    if any(part.stop > size or part.start < 0 for part, size in ends):
        raise ValueError("a window leaves the array")
    return np.asarray(xp[cut])


def strictly(lines: list[Lines]) -> list[Lines]:
    """As written with loops, whose windows are cut short, and vectorised, which raises."""
    return lines + [{**line, "cut": whole} for line in lines]


def db_apart(lines: list[Lines]) -> list[Lines]:
    """With db from the loop, and with a sum of its own."""
    return lines + [{**line, "bias": lambda dy, looped: summed(dy)} for line in lines]


LINES: dict[str, list[Lines]] = {
    "stride-ignored-backward": placed("start", lambda o, i, axes: o[i], start),
    "stride-ignored-forward": placed("start", lambda o, i, axes: o[i], start),
    "width-from-height": strictly(
        [
            {"out": lambda axes: (axes[0].out,) * len(axes)},
            {"out": lambda axes: tuple(fits(replace(a, kernel=axes[0].kernel)) for a in axes)},
            {"out": lambda axes: tuple(fits(replace(a, size=axes[0].size)) for a in axes)},
            {"out": lambda axes: tuple(fits(replace(axes[0], stride=a.stride)) for a in axes)},
            from_rows("kernel", counted=False),
            from_rows("kernel", counted=True),
        ]
    ),
    "size-ignores-stride": strictly(
        [
            sized(lambda axis: axis.size // axis.kernel),
            sized(lambda axis: fits(replace(axis, stride=1))),
            sized(lambda axis: fits(replace(axis, stride=axis.kernel))),
        ]
    ),
    "size-ignores-pad": strictly(
        [
            sized(lambda axis: fits(axis, pads=0)),
            sized(lambda axis: fits(axis, pads=axis.before)),
        ]
    ),
    "plus-one-forgotten": [sized(lambda axis: axis.out - 1)],
    "last-row-missing": db_apart(
        [
            {"loops": shortened(1)},
            {"out": lambda axes: (axes[0].out - 1, *(axis.out for axis in axes[1:]))},
            {"loops": shortened(1, 1, 1)},
        ]
    ),
    "last-column-missing": db_apart(
        [
            {"loops": shortened(0, 1)},
            {"out": lambda axes: (*(axis.out for axis in axes[:-1]), axes[-1].out - 1)},
        ]
    ),
    "ceil-for-floor": strictly([sized(lambda axis: fits(axis, rounded=np.ceil))]),
    "round-for-floor": strictly(
        [
            sized(lambda axis: fits(axis, rounded=round)),
            sized(lambda axis: round(1 + exactly(axis))),
            sized(lambda axis: fits(axis, rounded=lambda v: np.floor(v + 0.5))),
        ]
    ),
    "window-end-stride": placed("stop", lambda first, i, axes: first + axes[i].stride, stop),
    "one-based-window": placed("start", lambda o, i, axes: (o[i] - 1) * axes[i].stride + 1, start),
    "height-for-width-index": [
        {"start": lambda o, i, axes: o[0] * axes[i].stride},
        {"start": lambda o, i, axes: o[-1] * axes[i].stride},
    ],
    "axes-exchanged": strictly(
        [
            exchanged(name, counted)
            for name in ("stride", "kernel", "pad", "dilation")
            for counted in (False, True)
        ]
    ),
    "rows-for-columns": strictly(
        [from_rows(name, counted) for name in ("stride", "dilation") for counted in (False, True)]
        + [from_rows("kernel", counted=False)]
    ),
    "dilation-ignored": [
        {"axes": lambda axes: each(axes, dilation=lambda axis: 1)},
        {"axes": lambda axes: each(axes, dilation=lambda axis: 1), **sized(fits)},
    ],
}
