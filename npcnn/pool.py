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
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npcnn import geometry, windows, workers
from npcnn.geometry import Axes, Axis, Box, Piece, Taps
from npcnn.windows import Array

WORK = 2**22
"""Bytes of input under one piece at most: each step of a piece is then worth handing over Python's
lock, which two threads at steps of a quarter of that spend more time on than on the cells."""


def max_forward(x: Array, axes: Axes) -> Array:
    def work(piece: Piece) -> None:
        _highest(x[piece.reach], piece.axes, y[piece.box])

    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.run(work, _pieces(x, axes))
    return y


def max_index(x: Array, y: Array, axes: Axes) -> NDArray[np.int64]:
    """Where max_forward found each number of y."""

    def work(piece: Piece) -> None:
        index[piece.box] = _winners(x[piece.reach], y[piece.box], piece, steps)

    steps = [0, *(math.prod(axis.size for axis in axes[place:]) for place in range(1, x.ndim - 1))]
    index = np.empty(y.shape, np.int64)
    workers.run(work, _pieces(x, axes))
    return index


def max_backward(dy: Array, x: Array, axes: Axes) -> Array:
    def work(image: Sequence[Piece]) -> None:
        for piece in image:
            y = windows.lend("highest", dy[piece.box].shape, x.dtype)
            _highest(x[piece.reach], piece.axes, y)
            places = _winners(x[piece.reach], y, piece, steps)
            places += channels
            # one after the other, in the windows' order: a mask for each tap takes twice as long
            np.add.at(flat, places.reshape(-1), dy[piece.box].reshape(-1))

    dx = np.zeros(x.shape, dy.dtype)
    flat, channels = dx.reshape(-1), np.arange(x.shape[-1])
    steps = [step // dx.itemsize for step in dx.strides[:-1]]
    workers.run(work, geometry.by_image(_pieces(x, axes)))
    return dx


def avg_forward(x: Array, axes: Axes, divisor: Array) -> Array:
    def work(piece: Piece) -> None:
        total, reached = y[piece.box], x[piece.reach]
        if _is_alone(axes):
            cells = reached.reshape(len(reached), -1, x.shape[-1])
            # of one channel sum would add pairs, and not in row order
            sums = cells.sum(axis=1) if x.shape[-1] > 1 else cells.cumsum(axis=1)[:, -1]
            total[...] = sums.reshape(total.shape)
        else:
            taps = [(among, cells) for _, among, cells in piece.taps]
            _combine(np.add, reached, taps, total)
        total /= over[piece.box[1:]]
        total += 0  # as torch: a quotient of -0 is returned as +0

    over = divisor.astype(x.dtype)[..., None]
    y = np.empty((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    workers.run(work, _pieces(x, axes))
    return y


def avg_backward(dy: Array, axes: Axes, divisor: Array) -> Array:
    def work(image: Sequence[Piece]) -> None:
        for piece in image:
            share, reached = dy[piece.box] / over[piece.box[1:]], dx[piece.reach]
            if _is_alone(axes):
                reached += share
            else:
                for _, among, cells in reversed(piece.taps):
                    before = 0 if are_apart else reached[cells]
                    np.add(before, share[among], out=reached[cells])  # added to 0, -0 becomes 0

    are_apart = all(axis.stride >= axis.span for axis in axes)  # cells are 0 yet: none is read
    over = divisor.astype(dy.dtype)[..., None]
    dx = np.zeros((len(dy), *(axis.size for axis in axes), dy.shape[-1]), dy.dtype)
    workers.run(work, geometry.by_image(_pieces(dx, axes)))
    return dx


def _pieces(x: Array, axes: Axes) -> Sequence[Piece]:
    work = min(WORK, max(WORK // 4, x.nbytes // 4))  # so that middling layers have pieces, too
    return geometry.cut(len(x), axes, windows.over(work, x, axes))


def _is_alone(axes: Axes) -> bool:
    """Whether there is one window, which all that is reached lies under."""
    return all(axis.out == 1 for axis in axes)


def _highest(x: Array, axes: Axes, y: Array) -> None:
    """The largest cell of each window, into y: along one axis, then of those along the next."""
    lines = x
    for place, axis in enumerate(axes, 1):
        shape = (*lines.shape[:place], axis.out, *lines.shape[place + 1 :])
        highest = y if place == len(axes) else windows.lend(f"lines {place}", shape, x.dtype)
        _highest_along(lines, axis, (slice(None),) * place, highest)
        lines = highest
    if x.dtype.kind == "f" and _is_doubtful(x, y):
        taps = geometry.taps(axes)
        ranks = _ranks(x, taps, y)
        for rank, (_, among, cells) in enumerate(reversed(taps), 1):
            np.copyto(y[among], x[cells], where=ranks[among] == rank)


def _highest_along(x: Array, axis: Axis, before: Box, y: Array) -> None:
    """The largest cell of each window of one axis, which lies after those `before`, into y."""
    taps = [((*before, among), (*before, cells)) for _, among, cells in axis.taps]
    taps.sort(key=lambda tap: x[tap[1]].shape != y.shape)  # any order will do
    _combine(np.maximum, x, taps, y)


def _combine(by: np.ufunc, x: Array, taps: Sequence[tuple[Box, Box]], y: Array) -> None:
    """The cells of each window in the taps' order, by addition or maximum, into y."""
    pair = [x[cells] for _, cells in taps[:2]]
    if [cells.shape for cells in pair] == [y.shape] * 2:  # y need not be filled and read first
        by(*pair, out=y)
        taps = taps[2:]
    else:
        least = -np.inf if y.dtype.kind == "f" else np.iinfo(y.dtype).min
        y.fill(0 if by is np.add else least)
    for among, cells in taps:
        by(y[among], x[cells], out=y[among])


def _winners(x: Array, y: Array, piece: Piece, steps: Sequence[int]) -> NDArray[np.int64]:
    """Where each window's largest cell lies: as many steps along the batch and every axis."""
    strides = [axis.dilation * step for axis, step in zip(piece.axes, steps[1:])]
    spots = [sum(map(operator.mul, place, strides)) for place, *_ in reversed(piece.taps)]
    lines = [np.arange(run.start, run.stop, run.step) for run in piece.corners]
    corners = functools.reduce(np.add.outer, map(operator.mul, lines, steps))
    places = windows.lend("places", y.shape, np.dtype(np.int64))
    np.take(np.array([0, *spots]), _ranks(x, piece.taps, y), out=places, mode="clip")  # unchecked
    places += corners[..., None]
    return places


def _is_doubtful(x: Array, y: Array) -> bool:
    """Whether maximum may have taken another zero than the first, or another NaN than the last."""
    bits = x.view(f"i{x.itemsize}")
    least = np.iinfo(bits.dtype).min  # the bits of -0
    return bool(np.isnan(y.min(initial=0)) or (not y.all() and bits.min(initial=0) == least))


def _ranks(x: Array, taps: Taps, y: Array) -> Array:
    """Of each window the rank of the tap that has its largest cell: the first, or the last NaN.

    The last tap has rank 1.  A mask for each tap would take as many bytes as there are taps.
    """
    ranks = np.zeros(y.shape, np.min_scalar_type(len(taps)))
    for rank, (_, among, cells) in enumerate(reversed(taps), 1):
        here = (x[cells] == y[among]).view(np.uint8)
        np.maximum(ranks[among], here * ranks.dtype.type(rank), out=ranks[among])
    if np.isnan(y.min(initial=0)):
        for rank, (_, among, cells) in reversed([*enumerate(reversed(taps), 1)]):
            np.copyto(ranks[among], rank, where=np.isnan(x[cells]))
    return ranks
