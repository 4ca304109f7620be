"""Two linear maps, each beside its adjoint: pad and crop, gather and scatter.

Arrays are (N, *space, C).  A border is (before, after) for each spatial axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from npcnn import scratch
from npcnn.geometry import Axis

Array = NDArray[Any]
DType = np.dtype[Any]


THIN = 4
"""Channels of a group at most for which lines along the windows are the longer ones."""


def is_thin(channels: int) -> bool:
    """Whether a group of so many channels is laid out by channel, windows side by side."""
    return channels <= THIN


def pad(x: Array, axes: Sequence[Axis], thin: bool = False) -> Array:
    """x within its axes' borders of zeros, in lent memory; x itself without a border.

    Where groups are `thin` the memory is (C, N, *space): lines along the windows are longer than
    those along a group's few channels.
    """
    if not thin and not any(axis.before or axis.after for axis in axes):
        return x
    space = [axis.padded for axis in axes]
    if thin:
        xp = np.moveaxis(scratch.lend("padded", (x.shape[-1], len(x), *space), x.dtype), 0, -1)
    else:
        xp = scratch.lend("padded", (len(x), *space, x.shape[-1]), x.dtype)
    xp.fill(0)
    crop(xp, axes)[...] = x
    return xp


def crop(xp: Array, axes: Sequence[Axis]) -> Array:
    """The adjoint of pad: a view of xp without its border."""
    inner = (slice(axis.before, axis.before + axis.size) for axis in axes)
    return xp[(slice(None), *inner)]


def gather(xp: Array, axes: Sequence[Axis], groups: int) -> Array:
    """(G, windows, taps * C/G): each window's cells, a row a window; a copy only where needed."""
    cells, rank = windowed(xp, axes, groups), len(axes)
    depth = math.prod(cells.shape[1 : rank + 2])
    if is_thin(cells.shape[rank + 1]):
        return _in_order(cells).reshape(groups, depth, -1).mT
    kernel, inner = range(1, rank + 2), range(rank + 2, cells.ndim)
    return _in_order(cells.transpose(0, *inner, *kernel)).reshape(groups, -1, depth)


def scatter(cells: Array, axes: Sequence[Axis], xp: Array) -> None:
    """The adjoint of gather: add the cells (G, *kernel, C/G, N, *out) to where it read them."""
    spread = windowed(xp, axes, len(cells))
    for tap in np.ndindex(*(axis.kernel for axis in axes)):
        spread[:, *tap] += cells[:, *tap]


def windowed(xp: Array, axes: Sequence[Axis], groups: int = 1) -> Array:
    """(G, *kernel, C/G, N, *out): a view of xp, each window's cells where they are.

    The axes are the last ones before the channels; N stands for all before them.
    """
    first, last = xp.ndim - 1 - len(axes), xp.ndim - 1
    steps, depth = xp.strides, xp.shape[-1] // groups
    along = list(zip(axes, xp.shape[first:last], steps[first:last]))
    outs = [(size - axis.span) // axis.stride + 1 for axis, size, _ in along]
    kernel = [axis.kernel for axis in axes]
    between = [step * axis.stride for axis, _, step in along]
    within = [step * axis.dilation for axis, _, step in along]
    return as_strided(
        xp,
        (groups, *kernel, depth, *xp.shape[:first], *outs),
        (depth * steps[-1], *within, steps[-1], *steps[:first], *between),
    )


def over(work: int, x: Array, axes: Sequence[Axis]) -> int:
    """How many windows lie over so many bytes of x."""
    window: int = x.shape[-1] * x.itemsize * math.prod(axis.stride for axis in axes)
    return work // max(1, window)


def _in_order(a: Array) -> Array:
    if a.flags.c_contiguous:
        return a
    ordered = scratch.lend("cells", a.shape, a.dtype)
    ordered[...] = a
    return ordered
