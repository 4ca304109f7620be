"""Max and average pooling and their gradients, tap by tap, bit for bit as torch.nn.functional.

    max   y = the largest cell of the window: of ties the first in row order, of NaNs the last;
          padding is below everything and never wins.  dx: each dy goes to the cell that won.
    avg   y = (sum of the window's cells in row order) / divisor; padding adds nothing.
          dx: each cell of the window receives dy / divisor.

Where windows overlap, a cell adds up its gradients in the row order of the windows; the taps run
backwards for that, since of two windows the later one meets the cell with the earlier tap.

x (N, *space, C), y, dy and index (N, *out, C); an index counts cells of the unpadded plane.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npcnn import geometry, windows
from npcnn.geometry import Axis, Tap
from npcnn.windows import Array


def max_forward(x: Array, axes: Sequence[Axis]) -> tuple[Array, NDArray[np.int64]]:
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    xp = windows.pad(x, geometry.borders(axes), lowest)
    shape = (len(x), *geometry.outs(axes), x.shape[-1])
    y = np.full(shape, lowest, x.dtype)
    index = np.empty(shape, np.int64)
    index[...] = _first_cells(axes)[..., None]
    for at in geometry.taps(axes):
        v = xp[(slice(None), *at)]
        wins = (v > y) | (v != v)
        np.copyto(y, v, where=wins)
        np.copyto(index, _cells(at, axes)[..., None], where=wins)
    return y, index


def max_backward(dy: Array, index: NDArray[np.int64], axes: Sequence[Axis]) -> Array:
    dxp = _blank(dy, axes)
    for at in reversed(geometry.taps(axes)):
        won = index == _cells(at, axes)[..., None]
        dxp[(slice(None), *at)] += np.where(won, dy, dy.dtype.type(0))
    return np.ascontiguousarray(windows.crop(dxp, geometry.borders(axes)))


def avg_forward(x: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    xp = windows.pad(x, geometry.borders(axes))
    total = np.zeros((len(x), *geometry.outs(axes), x.shape[-1]), x.dtype)
    for at in geometry.taps(axes):
        total += xp[(slice(None), *at)]
    total /= divisor.astype(x.dtype)[..., None]
    total += 0  # as torch: a quotient of -0 is returned as +0
    return total


def avg_backward(dy: Array, axes: Sequence[Axis], divisor: Array) -> Array:
    share = dy / divisor.astype(dy.dtype)[..., None]
    dxp = _blank(dy, axes)
    for at in reversed(geometry.taps(axes)):
        dxp[(slice(None), *at)] += share
    return np.ascontiguousarray(windows.crop(dxp, geometry.borders(axes)))


def _cells(at: Tap, axes: Sequence[Axis]) -> NDArray[np.int64]:
    """(*out): which cell of the unpadded plane a tap meets in each window."""
    lines = [np.arange(tap.start, tap.stop, tap.step) for tap in at]
    return _plane([line - axis.before for line, axis in zip(lines, axes)], axes)


def _first_cells(axes: Sequence[Axis]) -> NDArray[np.int64]:
    """(*out): which cell of the unpadded plane each window meets first."""
    return _plane([np.array(axis.first_cells) for axis in axes], axes)


def _plane(lines: Sequence[Array], axes: Sequence[Axis]) -> NDArray[np.int64]:
    """Row-major numbers of the cells at every combination of the lines' positions."""
    number = np.zeros((), np.int64)
    for line, axis in zip(lines, axes):
        number = np.add.outer(number * axis.size, line)
    return number


def _blank(dy: Array, axes: Sequence[Axis]) -> Array:
    shape = (len(dy), *(axis.size for axis in axes), dy.shape[-1])
    return windows.blank(shape, geometry.borders(axes), 0, dy.dtype)
