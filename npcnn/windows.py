"""Two linear maps, each beside its adjoint: pad and crop, gather and scatter.

Arrays are (N, *space, C), or (N, *space, G, C/G) where groups matter.  A border is
(before, after) for each spatial axis; a block is a run of taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Border = tuple[int, int]
DType = np.dtype[Any]
Block = Sequence[tuple[slice, ...]]


def blank(shape: Sequence[int], borders: Sequence[Border], fill: float, dtype: DType) -> Array:
    """Room for an array of this shape within the border: `fill` everywhere."""
    space = [before + size + after for size, (before, after) in zip(shape[1:], borders)]
    return np.full((shape[0], *space, *shape[1 + len(borders) :]), fill, dtype)


def pad(x: Array, borders: Sequence[Border], fill: float = 0) -> Array:
    """x within a border of `fill`; x itself where every border is (0, 0)."""
    if not any(map(any, borders)):
        return x
    xp = blank(x.shape, borders, fill, x.dtype)
    crop(xp, borders)[...] = x
    return xp


def crop(xp: Array, borders: Sequence[Border]) -> Array:
    """The adjoint of pad: a view of xp without its border."""
    inner = (slice(before, size - after) for size, (before, after) in zip(xp.shape[1:], borders))
    return xp[(slice(None), *inner)]


def gather(xp: Array, block: Block) -> Array:
    """(G, windows, taps * C/G): each window's cells under the block's taps, a row a window."""
    first = xp[(slice(None), *block[0])]
    *windows, groups, channels = first.shape
    cells = np.empty((groups, *windows, len(block), channels), xp.dtype)
    for t, at in enumerate(block):
        cells[..., t, :] = np.moveaxis(xp[(slice(None), *at)], -2, 0)
    return cells.reshape(groups, -1, len(block) * channels)


def scatter(cells: Array, block: Block, xp: Array) -> None:
    """The adjoint of gather: add each window's cells to where gather read them."""
    *windows, groups, channels = xp[(slice(None), *block[0])].shape
    cells = cells.reshape(groups, *windows, len(block), channels)
    for t, at in enumerate(block):
        xp[(slice(None), *at)] += np.moveaxis(cells[..., t, :], 0, -2)
