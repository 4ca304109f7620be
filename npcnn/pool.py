"""Max and average pooling and their gradients, tap by tap, bit for bit as torch.nn.functional.

    max   y = the largest cell of the window: of ties the first in row order, of NaNs the last;
          padding is below everything and never wins.  dx: each dy goes to the cell that won.
    avg   y = (sum of the window's cells in row order) / divisor; padding adds nothing.
          dx: each cell of the window receives dy / divisor.

Where windows overlap, a cell adds up its gradients in the row order of the windows; the taps run
backwards for that, since of two windows the later one meets the cell with the earlier tap.

x (N, *space, C), y, dy and index (N, *out, C); an index counts cells of the unpadded plane.
Padding is left out: a tap is the windows in which it meets the input, and the cells that it meets.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npcnn import geometry, windows, workers
from npcnn.geometry import Axis, Box, Run
from npcnn.windows import Array

WORK = 2**22
"""Bytes of input under one run of windows: within a core's cache, and worth a thread's turn."""

Taps = Sequence[tuple[int, Box, Box]]
"""Each with its rank: the number of taps for the first one, 1 for the last."""


def max_forward(x: Array, axes: Sequence[Axis]) -> Array:
    def work(piece: Run) -> None:
        box, reach, _ = piece
        _highest(x, reach, _rank(geometry.taps(axes, box[1:])), y[box])

    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.run(work, _runs(x, axes))
    return y


def max_index(x: Array, y: Array, axes: Sequence[Axis]) -> NDArray[np.int64]:
    """Where max_forward found each number of y."""

    def work(piece: Run) -> None:
        box, _, _ = piece
        taps = geometry.taps(axes, box[1:])
        spots = [[k * axis.dilation for k, axis in zip(place, axes)] for place, *_ in taps]
        cells = np.array([np.dot(spot, steps) for spot in spots])
        index[box] = cells[len(taps) - _ranks(x[box[0]], _rank(taps), y[box])]

    steps = [math.prod(axis.size for axis in axes[place:]) for place in range(1, len(axes) + 1)]
    corners = [np.array(axis.corners) * step for axis, step in zip(axes, steps)]
    index = np.empty(y.shape, np.int64)
    workers.run(work, _runs(x, axes))
    index += functools.reduce(np.add.outer, corners)[..., None]
    return index


def max_backward(dy: Array, x: Array, axes: Sequence[Axis]) -> Array:
    def work(image: Sequence[Run]) -> None:
        for box, reach, _ in image:
            taps, y = _rank(geometry.taps(axes, box[1:])), np.empty(dy[box].shape, x.dtype)
            _highest(x, reach, taps, y)
            ranks, bits = _ranks(x[box[0]], taps, y), _bits(dy[box])
            for rank, at, cells in reversed(taps):
                won = bits[at] * (ranks[at] == rank)  # all bits of a number, or none
                dx[box[0]][cells] += won.view(dy.dtype)

    dx = np.zeros(x.shape, dy.dtype)
    workers.run(work, geometry.by_image(_runs(x, axes)))
    return dx


def avg_forward(x: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    def work(piece: Run) -> None:
        box, reach, _ = piece
        total = y[box]
        total.fill(0)
        if _is_global(axes, x):
            total += np.add.reduce(x[reach], axis=plane, keepdims=True)
        else:
            for _, at, cells in geometry.taps(axes, box[1:]):
                total[at] += x[box[0]][cells]
        total /= over[box[1:]]
        total += 0  # as torch: a quotient of -0 is returned as +0

    over, plane = divisor.astype(x.dtype)[..., None], tuple(range(1, x.ndim - 1))
    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.run(work, _runs(x, axes))
    return y


def avg_backward(dy: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    def work(image: Sequence[Run]) -> None:
        for box, reach, _ in image:
            share = dy[box] / over[box[1:]]
            if _is_global(axes, dx):
                dx[reach] += share
            else:
                for _, at, cells in reversed(geometry.taps(axes, box[1:])):
                    dx[box[0]][cells] += share[at]

    over = divisor.astype(dy.dtype)[..., None]
    dx = np.zeros((len(dy), *(axis.size for axis in axes), dy.shape[-1]), dy.dtype)
    workers.run(work, geometry.by_image(_runs(dx, axes)))
    return dx


def _runs(x: Array, axes: Sequence[Axis]) -> list[Run]:
    return geometry.runs(len(x), axes, windows.over(WORK, x, axes))


def _rank(taps: Sequence[tuple[tuple[int, ...], Box, Box]]) -> Taps:
    return [(len(taps) - place, among, cells) for place, (_, among, cells) in enumerate(taps)]


def _is_global(axes: Sequence[Axis], x: Array) -> bool:
    """Whether the plane is one window, and NumPy's own sum is in row order: not of one channel."""
    whole = all(axis.cells == [axis.size] for axis in axes)
    return whole and x.shape[-1] > 1 and x.flags.c_contiguous


def _highest(x: Array, reach: Box, taps: Taps, y: Array) -> None:
    """The largest cell of each window, into y."""
    y.fill(-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
    for _, at, cells in taps:
        np.maximum(y[at], x[reach[0]][cells], out=y[at])
    bits = _bits(x[reach])
    if bits.min(initial=0) == np.iinfo(bits.dtype).min or np.isnan(y).any():
        ranks = _ranks(x[reach[0]], taps, y)  # maximum takes any of two zeros, and the first NaN
        for rank, at, cells in taps:
            np.copyto(y[at], x[reach[0]][cells], where=ranks[at] == rank)


def _ranks(x: Array, taps: Taps, y: Array) -> Array:
    """Of each window the rank of the tap that has its largest cell: the first, or the last NaN."""
    ranks = np.zeros(y.shape, np.min_scalar_type(len(taps)))
    for rank, at, cells in taps:
        here = (x[cells] == y[at]).view(np.uint8)
        np.maximum(ranks[at], here * ranks.dtype.type(rank), out=ranks[at])
    if np.isnan(y).any():
        for rank, at, cells in taps:
            np.copyto(ranks[at], rank, where=np.isnan(x[cells]))
    return ranks


def _bits(a: Array) -> Array:
    return a.view(f"i{a.itemsize}")
