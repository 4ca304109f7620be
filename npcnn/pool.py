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

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from npcnn import geometry, windows, workers
from npcnn.geometry import Axis, Box
from npcnn.windows import Array

WORK = 2**22
"""Bytes of input under one run of windows: within a cache, and long enough for two threads."""

Taps = Sequence[tuple[int, Box, Box]]
"""Each with its rank: the number of taps for the first one, 1 for the last."""


def max_forward(x: Array, axes: Sequence[Axis]) -> Array:
    def work(x: Array, y: Array) -> None:
        for box, reach, taps in _runs(x, axes):
            _highest(x, reach, taps, y[box])

    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.share(work, x, y)
    return y


def max_index(x: Array, y: Array, axes: Sequence[Axis]) -> NDArray[np.int64]:
    """Where max_forward found each number of y."""

    def work(x: Array, y: Array, index: NDArray[np.int64]) -> None:
        for box, _, taps in _runs(x, axes):
            index[box] = cells[len(taps) - _ranks(x[box[0]], taps, y[box])]

    corners = _plane([np.array(axis.corners) for axis in axes], axes)
    cells = _plane([np.arange(axis.kernel) * axis.dilation for axis in axes], axes).ravel()
    index = np.empty(y.shape, np.int64)
    workers.share(work, x, y, index)
    index += corners[..., None]
    return index


def max_backward(dy: Array, x: Array, axes: Sequence[Axis]) -> Array:
    def work(dy: Array, x: Array, dx: Array) -> None:
        for box, reach, taps in _runs(x, axes):
            y = np.empty(dy[box].shape, x.dtype)
            _highest(x, reach, taps, y)
            ranks, bits = _ranks(x[box[0]], taps, y), _bits(dy[box])
            for rank, at, cells in reversed(taps):
                won = bits[at] * (ranks[at] == rank)  # all bits of a number, or none
                dx[box[0]][cells] += won.view(dy.dtype)

    dx = np.zeros(x.shape, dy.dtype)
    workers.share(work, dy, x, dx)
    return dx


def avg_forward(x: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    def work(x: Array, y: Array) -> None:
        for box, reach, _ in geometry.runs(len(x), axes, windows.over(WORK, x, axes)):
            total = y[box]
            total.fill(0)
            if _is_global(axes, x):
                total += np.add.reduce(x[reach], axis=plane, keepdims=True)
            else:
                for at, cells in geometry.taps(axes, box[1:]):
                    total[at] += x[box[0]][cells]
            total /= over[box[1:]]
            total += 0  # as torch: a quotient of -0 is returned as +0

    over, plane = divisor.astype(x.dtype)[..., None], tuple(range(1, x.ndim - 1))
    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.share(work, x, y)
    return y


def avg_backward(dy: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    def work(dy: Array, dx: Array) -> None:
        for box, reach, _ in geometry.runs(len(dx), axes, windows.over(WORK, dx, axes)):
            share = dy[box] / over[box[1:]]
            if _is_global(axes, dx):
                dx[reach] += share
            else:
                for at, cells in reversed(geometry.taps(axes, box[1:])):
                    dx[box[0]][cells] += share[at]

    over = divisor.astype(dy.dtype)[..., None]
    dx = np.zeros((len(dy), *(axis.size for axis in axes), dy.shape[-1]), dy.dtype)
    workers.share(work, dy, dx)
    return dx


def _runs(x: Array, axes: Sequence[Axis]) -> Iterator[tuple[Box, Box, Taps]]:
    """Runs of windows in row order, the input that they reach, and their taps with their ranks."""
    for box, reach, _ in geometry.runs(len(x), axes, windows.over(WORK, x, axes)):
        taps = geometry.taps(axes, box[1:])
        yield box, reach, [(len(taps) - place, *tap) for place, tap in enumerate(taps)]


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
    if bits.min(initial=0) == np.iinfo(bits.dtype).min:
        ranks = _ranks(x[reach[0]], taps, y)  # there is a -0, and maximum takes any of two zeros
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


def _plane(lines: Sequence[Array], axes: Sequence[Axis]) -> NDArray[np.int64]:
    """Row-major numbers of the cells at every combination of the lines' positions."""
    number = np.zeros((), np.int64)
    for line, axis in zip(lines, axes):
        number = np.add.outer(number * axis.size, line)
    return number
