"""Further pools, made of the passes of pool.py: adaptive ones, those of a p-norm, and unpooling.

    adaptive  of `out` windows over an axis of `size` cells the o-th holds those from
              floor(o * size / out) up to ceil((o + 1) * size / out).  Laid out side by side, with
              as many cells each, they are what an ordinary pool takes.
    p-norm    y = (a * taps)^(1 / p), a being the average of x^p.  No magnitudes are taken: p = 1
              is a sum with its signs.  Where a is 0, so is dx; an infinite p takes the largest
              magnitude, or the smallest.
    unpooling y[index] = x, of equal indices the last one; dx = dy[index].

An index counts cells of a plane in row order, as pool.py's does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npcnn import pool, windows
from npcnn.geometry import Axis
from npcnn.windows import Array

Index = NDArray[np.int64]
Spans = Sequence[tuple[Index, Index]]


def find_spans(space: Sequence[int], outs: Sequence[int]) -> Spans:
    """For each axis, where its adaptive windows start and end."""
    lines = [(size, out, np.arange(out)) for size, out in zip(space, outs)]
    return [(o * size // out, -(-(o + 1) * size // out)) for size, out, o in lines]


def adaptive_max(x: Array, spans: Spans) -> tuple[Array, Index]:
    """y, and where in the plane each of its numbers stands."""
    laid, axes = _lay_out(x, spans, is_padded=False)
    y = pool.max_forward(laid, axes)
    plane = np.arange(math.prod(x.shape[1:-1])).reshape(1, *x.shape[1:-1], 1)
    return y, _lay_out(plane, spans, is_padded=False)[0].ravel()[pool.max_index(laid, y, axes)]


def adaptive_max_backward(dy: Array, index: Index, space: Sequence[int]) -> Array:
    dx = np.zeros((len(dy), math.prod(space), dy.shape[-1]), dy.dtype)
    n, _, c = np.ogrid[: len(dy), :1, : dy.shape[-1]]
    np.add.at(dx, (n, _planes(index), c), _planes(dy))  # in row order, as torch adds
    return dx.reshape(len(dy), *space, dy.shape[-1])


def adaptive_avg(x: Array, spans: Spans) -> Array:
    laid, axes = _lay_out(windows.pad(x, [(0, 1)] * len(spans)), spans, is_padded=True)
    y = pool.avg_forward(laid, axes, np.ones([axis.out for axis in axes], int))
    return _over_cells(y, spans)


def adaptive_avg_backward(dy: Array, spans: Spans, space: Sequence[int]) -> Array:
    dx = np.zeros((len(dy), *space, dy.shape[-1]), dy.dtype)
    share = _over_cells(dy.copy(), spans)
    for out in np.ndindex(share.shape[1:-1]):  # in row order, as torch adds
        cells = [slice(starts[o], ends[o]) for o, (starts, ends) in zip(out, spans)]
        dx[:, *cells] += share[(slice(None), *(slice(o, o + 1) for o in out))]
    return dx


def norm_forward(x: Array, p: float, axes: Sequence[Axis], divisor: Array) -> Array:
    if math.isinf(p):
        sign = math.copysign(1, p)
        return sign * pool.max_forward(sign * np.abs(x), axes)
    taps = math.prod(axis.kernel for axis in axes)
    return (pool.avg_forward(x**p, axes, divisor) * taps) ** (1 / p)


def norm_backward(dy: Array, x: Array, p: float, axes: Sequence[Axis], divisor: Array) -> Array:
    if math.isinf(p):
        dx = pool.max_backward(dy, math.copysign(1, p) * np.abs(x), axes)
        dx *= np.sign(x)
        return dx
    taps = math.prod(axis.kernel for axis in axes)
    total = pool.avg_forward(x**p, axes, divisor) * taps
    share = np.where(total == 0, 0, dy * (total ** (1 / p - 1) / p) * taps)
    dx = pool.avg_backward(share, axes, divisor)
    dx *= p * x ** (p - 1)
    return dx


def unpool(x: Array, index: Index, space: Sequence[int]) -> Array:
    y = np.zeros((len(x), math.prod(space), x.shape[-1]), x.dtype)
    np.put_along_axis(y, _planes(index), _planes(x), axis=1)
    return y.reshape(len(x), *space, x.shape[-1])


def unpool_backward(dy: Array, index: Index) -> Array:
    return np.take_along_axis(_planes(dy), _planes(index), axis=1).reshape(index.shape)


def _lay_out(x: Array, spans: Spans, is_padded: bool) -> tuple[Array, list[Axis]]:
    """x with its windows side by side.

    What a window has not is the last cell of the plane, if that is padding, or its own last one,
    which changes no maximum.
    """
    axes = []
    for axis, (starts, ends) in enumerate(spans, 1):
        most = int((ends - starts).max())
        cells = starts[:, None] + np.arange(most)
        beyond = x.shape[axis] - 1 if is_padded else ends[:, None] - 1
        x = x.take(np.where(cells < ends[:, None], cells, beyond).ravel(), axis)
        axes.append(Axis(len(starts) * most, most, most))
    return x, axes


def _over_cells(y: Array, spans: Spans) -> Array:
    """y, divided in place by the cells of its windows: along one axis after the other, as torch."""
    for axis, (starts, ends) in enumerate(spans, 1):
        along = [1] * y.ndim
        along[axis] = -1
        y /= (ends - starts).astype(y.dtype).reshape(along)
    return y


def _planes(a: Array) -> Array:
    """(N, *space, C) as (N, cells, C)."""
    return np.ascontiguousarray(a).reshape(len(a), math.prod(a.shape[1:-1]), a.shape[-1])
