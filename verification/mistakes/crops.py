"""Mistakes of the last line of a backward pass: what is cut out of the padded gradient."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from verification.case import Ints
from verification.mistakes.code import Array, Axes, Lines
from verification.mistakes.convolution import answer


def cropped(cut: Callable[[Array, Axes], Array], assigned: bool) -> Lines:
    """Another crop; `assigned`: stored into an array of the input's shape, which may raise."""

    def crop(dxp: Array, axes: Axes, x: Array) -> Array:
        if not assigned:
            return cut(dxp, axes)
        dx = np.zeros_like(x)
        dx[...] = cut(dxp, axes)
        return dx

    return {"crop": crop}


def both(cut: Callable[[Array, Axes], Array]) -> list[Lines]:
    return [cropped(cut, assigned=True), cropped(cut, assigned=False)]


def pad_to_minus_pad(dxp: Array, axes: Axes) -> Array:
    return dxp[(slice(None), *(slice(axis.before, -axis.after) for axis in axes))]


def one_to_minus_one(dxp: Array, axes: Axes) -> Array:
    return dxp[(slice(None), *(slice(1, -1) for _ in axes))]


def from_axis(first: int) -> Callable[[Array, Axes], Array]:
    """The crop, on axes from the first on."""

    def cut(dxp: Array, axes: Axes) -> Array:
        inner = [slice(axis.before, axis.before + axis.size) for axis in axes]
        return dxp[(*[slice(None)] * first, *inner)]

    return cut


def covered(dxp: Array, axes: Axes) -> Array:
    ends = ((a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 for a in axes)
    inner = (slice(a.before, min(end, a.before + a.size)) for a, end in zip(axes, ends))
    return dxp[(slice(None), *inner)]


def swapped_loops(out: Ints, axes: Axes) -> Iterator[Ints]:
    return itertools.product(*map(range, reversed(out)))


def channels_cropped(dxp: Array, axes: Axes) -> Array:
    """The crop of axes 1 and 2 where the channels come first."""
    rows, columns = (slice(axis.before, axis.before + axis.size) for axis in axes)
    return dxp[:, columns, :, rows]


def sizes_exchanged(dxp: Array, axes: Axes) -> Array:
    sizes = reversed([axis.size for axis in axes])
    inner = (slice(axis.before, axis.before + size) for axis, size in zip(axes, sizes))
    return dxp[(slice(None), *inner)]


LINES: dict[str, list[Lines]] = {
    "pad-0-crop": both(pad_to_minus_pad),
    "loop-bounds-swapped": [{"loops": swapped_loops}],
    "height-width-swapped": [
        {"zeros": lambda dxp: np.zeros(dxp.swapaxes(1, 2).shape)},
        {"loops": swapped_loops},
        *both(sizes_exchanged),
    ],
    "crop-not-written-back": [{"crop": lambda dxp, axes, x: np.zeros_like(x)}],
    "crop-missing": [{"crop": lambda dxp, axes, x: dxp}],
    "crop-outside-batch-loop": [
        answer(dx=lambda dx: np.concatenate([np.zeros_like(dx[:-1]), dx[-1:]]))
    ],
    "input-as-gradient": [{"crop": lambda dxp, axes, x: x}],
    "pad-hard-coded": both(one_to_minus_one),
    "wrong-axes-cropped": [line for first in (0, 2) for line in both(from_axis(first))]
    + both(channels_cropped),
    "remainder-rows-dropped": both(covered),
}
