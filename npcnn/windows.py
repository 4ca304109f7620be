"""The view of the cells under windows, and two linear maps, each beside its adjoint.

Arrays are (N, *space, C).  `pad` puts borders of zeros around them and `crop` takes these off;
`gather` copies out the cells of every window and `scatter` adds them to where they were.

Where windows lie mostly in padding, these two go tap by tap and leave the padding out: of 30,000
cells around an image of 4 by 4 a padded plane would hold 3.6 billion cells, and its windows nine.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from npcnn import geometry
from npcnn.geometry import Axes

Array = NDArray[Any]
DType = np.dtype[Any]

THIN = 4
"""Channels of a group at most for which lines along the windows are the longer ones."""
HOLLOW = 16
"""Times that padded cells outnumber those that are read, in a plane that is not made."""
ROOM = 4 * 2**20
"""Bytes of lent memory that are kept for the next pass; more is made and let go."""

_rooms = threading.local()


def lend(role: str, shape: tuple[int, ...], dtype: DType) -> Array:
    """An array that holds anything, this thread's until it asks for the same role again.

    Fresh memory costs more than small passes compute.
    """
    size = math.prod(shape) * dtype.itemsize
    room: Array | None = getattr(_rooms, role, None)
    if room is None or room.nbytes < size:
        room = np.empty(size, np.uint8)
        if size <= ROOM:
            setattr(_rooms, role, room)
    return room[:size].view(dtype).reshape(shape)


def is_thin(channels: int) -> bool:
    """Whether a group of so many channels is laid out by channel, windows side by side."""
    return channels <= THIN


def is_hollow(axes: Axes) -> bool:
    """Whether most of the padded plane is padding that few windows read."""
    read = math.prod(axis.size for axis in axes)
    read += math.prod(axis.out * axis.kernel for axis in axes)
    return math.prod(axis.padded for axis in axes) > HOLLOW * read


def pad(x: Array, axes: Axes, thin: bool = False) -> Array:
    """x within its axes' borders of zeros, in lent memory; x itself without a border.

    Where groups are `thin` the memory is (C, N, *space): lines along the windows are longer than
    those along a group's few channels.
    """
    if not thin and not any(axis.before or axis.after for axis in axes):
        return x
    space = [axis.padded for axis in axes]
    if thin:
        xp = np.moveaxis(lend("padded", (x.shape[-1], len(x), *space), x.dtype), 0, -1)
    else:
        xp = lend("padded", (len(x), *space, x.shape[-1]), x.dtype)
    xp.fill(0)
    crop(xp, axes)[...] = x
    return xp


def crop(xp: Array, axes: Axes) -> Array:
    """The adjoint of pad: a view of xp without its border."""
    inner = (slice(axis.before, axis.before + axis.size) for axis in axes)
    return xp[(slice(None), *inner)]


def gather(x: Array, axes: Axes, groups: int) -> Array:
    """(G, windows, taps * C/G): each window's cells, a row a window; a copy only where needed."""
    rank, channels = len(axes), x.shape[-1] // groups
    if is_hollow(axes):
        taps, outs = [axis.kernel for axis in axes], geometry.outs(axes)
        cells = np.zeros((groups, *taps, channels, len(x), *outs), x.dtype)
        for tap, at in _pair(axes):
            cells[tap] = _by_channel(x, groups)[at]
    else:
        cells = windowed(pad(x, axes, is_thin(channels)), axes, groups)
    depth, rows = math.prod(cells.shape[1 : rank + 2]), math.prod(cells.shape[rank + 2 :])
    if is_thin(channels):
        return _in_order(cells).reshape(groups, depth, rows).mT
    kernel, inner = range(1, rank + 2), range(rank + 2, cells.ndim)
    return _in_order(cells.transpose(0, *inner, *kernel)).reshape(groups, rows, depth)


def scatter(cells: Array, axes: Axes, x: Array) -> None:
    """The adjoint of gather: add the cells (G, *kernel, C/G, N, *out) to where it read them."""
    if is_hollow(axes):
        for tap, at in _pair(axes):
            _by_channel(x, len(cells))[at] += cells[tap]
        return
    xp = pad(x, axes, is_thin(x.shape[-1] // len(cells)))
    spread = windowed(xp, axes, len(cells))
    for place in np.ndindex(*(axis.kernel for axis in axes)):
        spread[:, *place] += cells[:, *place]
    if xp is not x:
        x[...] = crop(xp, axes)


def windowed(xp: Array, axes: Axes, groups: int = 1) -> Array:
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


def over(work: int, x: Array, axes: Axes) -> int:
    """How many windows lie over so many bytes of x."""
    window: int = x.shape[-1] * x.itemsize * math.prod(axis.stride for axis in axes)
    return work // max(1, window)


def _pair(axes: Axes) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """A tap's places in (G, *kernel, C/G, N, *out), and in (G, C/G, N, *space), if it meets x."""
    every = slice(None)
    for place, among, cells in geometry.taps(axes):
        yield (every, *place, every, *among), (every, every, *cells)


def _by_channel(x: Array, groups: int) -> Array:
    """(G, C/G, N, *space), a view."""
    split = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    return np.moveaxis(split, (-2, -1), (0, 1))


def _in_order(a: Array) -> Array:
    if a.flags.c_contiguous:
        return a
    ordered = lend("cells", a.shape, a.dtype)
    ordered[...] = a
    return ordered
