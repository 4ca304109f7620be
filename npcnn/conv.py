"""Convolution (cross-correlation, as in every framework) and its gradients, by blocks of taps.

    y[n, o, k]  = b[k] + sum over t, c of  x[n, o*stride - before + t*dilation, c] * w[t, c, k]
    dw[t, c, k] =        sum over n, o of  x[n, o*stride - before + t*dilation, c] * dy[n, o, k]
    dx[n, i, c] =        sum over o, t, k of dy[n, o, k] * w[t, c, k]
                         where i = o*stride - before + t*dilation
    db[k]       =        sum over n, o of  dy[n, o, k]

x (N, *space, C), w (*kernel, C/G, K), b (K,), y and dy (N, *out, K).  Output channels are ordered
group by group.  Each matrix product has G groups, M = N * (windows an image) rows, and the depth
D = (taps of the block) * C/G.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from npcnn import geometry, windows
from npcnn.geometry import Axis
from npcnn.windows import Array, Block

WORK = 16 * 2**20
"""Bytes of gathered cells that one matrix product works on, if one tap does not take more."""


def forward(x: Array, w: Array, b: Array | None, axes: Sequence[Axis], groups: int) -> Array:
    xp = windows.pad(_split(x, groups), geometry.borders(axes))
    wg = _by_group(w, groups)
    rows = len(x) * math.prod(geometry.outs(axes))
    y = np.zeros((groups, rows, w.shape[-1] // groups), x.dtype)
    for block, depth in _blocks(axes, rows, xp):
        y += windows.gather(xp, block) @ wg[:, depth]  # (G, M, D) @ (G, D, K/G)
    y = _joined(y, (len(x), *geometry.outs(axes), w.shape[-1]))
    if b is not None:
        y += b
    return y


def input_grad(dy: Array, w: Array, axes: Sequence[Axis], groups: int) -> Array:
    borders = geometry.borders(axes)
    shape = (len(dy), *(axis.size for axis in axes), groups, w.shape[-2])
    dxp = windows.blank(shape, borders, 0, dy.dtype)
    wg = _by_group(w, groups)
    dyg = _by_group(dy, groups)
    for block, depth in _blocks(axes, dyg.shape[1], dxp):
        windows.scatter(dyg @ wg[:, depth].mT, block, dxp)  # (G, M, K/G) @ (G, K/G, D)
    dx = np.ascontiguousarray(windows.crop(dxp, borders))
    return dx.reshape(*dx.shape[:-2], groups * w.shape[-2])


def weight_grad(dy: Array, x: Array, axes: Sequence[Axis], groups: int) -> Array:
    xp = windows.pad(_split(x, groups), geometry.borders(axes))
    kernel = [axis.kernel for axis in axes]
    dwg = np.zeros((groups, math.prod(kernel) * xp.shape[-1], dy.shape[-1] // groups), dy.dtype)
    dyg = _by_group(dy, groups)
    for block, depth in _blocks(axes, dyg.shape[1], xp):
        dwg[:, depth] = windows.gather(xp, block).mT @ dyg  # (G, D, M) @ (G, M, K/G)
    return _joined(dwg, (*kernel, xp.shape[-1], dy.shape[-1]))


def bias_grad(dy: Array) -> Array:
    db: Array = dy.sum(axis=tuple(range(dy.ndim - 1)))
    return db


def _blocks(axes: Sequence[Axis], rows: int, xp: Array) -> Iterator[tuple[Block, slice]]:
    """The runs of taps that one product deals with, and the rows of the weights that they meet."""
    taps = geometry.taps(axes)
    groups, channels = xp.shape[-2:]
    run = max(1, WORK // max(1, rows * groups * channels * xp.itemsize))
    for t in range(0, len(taps), run):
        block = taps[t : t + run]
        yield block, slice(t * channels, (t + len(block)) * channels)


def _split(a: Array, groups: int) -> Array:
    """(..., C) as (..., G, C/G)."""
    return a.reshape(*a.shape[:-1], groups, a.shape[-1] // groups)


def _by_group(a: Array, groups: int) -> Array:
    """(..., K) as (G, rows, K/G): what a matrix product takes of dy (rows M) and of w (rows D)."""
    return np.moveaxis(_split(a, groups).reshape(-1, groups, a.shape[-1] // groups), 1, 0)


def _joined(a: Array, shape: Sequence[int]) -> Array:
    """(G, rows, K/G) as (..., K) of this shape: the inverse of _by_group."""
    return np.moveaxis(a, 0, 1).reshape(shape)
