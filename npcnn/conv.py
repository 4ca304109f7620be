"""Convolution (cross-correlation, as in every framework) and its gradients, by runs of windows.

    y[n, o, k]  = b[k] + sum over t, c of  x[n, o*stride - before + t*dilation, c] * w[t, c, k]
    dw[t, c, k] =        sum over n, o of  x[n, o*stride - before + t*dilation, c] * dy[n, o, k]
    dx[n, i, c] =        sum over o, t, k of dy[n, o, k] * w[t, c, k]
                         where i = o*stride - before + t*dilation
    db[k]       =        sum over n, o of  dy[n, o, k]

x (N, *space, C), w (*kernel, C/G, K), b (K,), y and dy (N, *out, K).  Output channels are ordered
group by group.  Each matrix product has G groups, M rows, one for each window of the run, and the
depth D = (taps of the kernel) * C/G.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npcnn import depthwise, geometry, windows, workers
from npcnn.geometry import Axes, Piece
from npcnn.windows import Array

WORK = 2**23
"""Bytes of gathered cells, results or weights' gradients in one product: they stay in caches."""
SUMS = 2**25
"""Bytes of sums of dw over parts of the windows, which are at work at once."""
MOST = 16
"""Such sums at most."""


def forward(x: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    if depthwise.takes(axes, w.shape[-2], w.shape[-1], groups):
        return depthwise.forward(x, w, b, axes)
    y = np.empty((len(x), *geometry.outs(axes), w.shape[-1]), x.dtype)
    wg = _by_group(w, groups)

    def work(piece: Piece) -> None:
        cells = windows.gather(x[piece.reach], piece.axes, groups)
        np.matmul(cells, wg, out=_by_group(y[piece.box], groups))  # (G, M, D) @ (G, D, K/G)
        if b is not None:
            y[piece.box] += b

    workers.run(work, geometry.cut(len(x), axes, _most(wg)), multiplies=True)
    return y


def input_grad(dy: Array, w: Array, axes: Axes, groups: int) -> Array:
    if depthwise.takes(axes, w.shape[-2], w.shape[-1], groups):
        return depthwise.input_grad(dy, w, axes)
    dx = np.zeros((len(dy), *(axis.size for axis in axes), groups * w.shape[-2]), dy.dtype)
    wg = _by_group(w, groups)

    def work(image: Sequence[Piece]) -> None:
        for piece in image:
            out = dy[piece.box].shape[:-1]
            cells = _spread(_by_group(dy[piece.box], groups), wg, w.shape[-2])
            cells = cells.reshape(groups, *w.shape[:-1], *out)
            windows.scatter(cells, piece.axes, dx[piece.reach])

    pieces = geometry.cut(len(dy), axes, _most(wg))
    workers.run(work, geometry.by_image(pieces), multiplies=True)
    return dx


def weight_grad(dy: Array, x: Array, axes: Axes, groups: int) -> Array:
    kernel, channels = [axis.kernel for axis in axes], x.shape[-1] // groups
    if depthwise.takes(axes, channels, dy.shape[-1], groups):
        return depthwise.weight_grad(dy, x, axes)
    dwg = np.zeros((groups, math.prod(kernel) * channels, dy.shape[-1] // groups), dy.dtype)

    def work(pieces: Sequence[Piece]) -> Array:
        total = np.zeros_like(dwg)
        for piece in pieces:
            cells = windows.gather(x[piece.reach], piece.axes, groups)
            dyg = _by_group(dy[piece.box], groups)
            for (rows,) in geometry.boxes(dwg.shape[1:2], WORK // (dy.shape[-1] * dy.itemsize)):
                part = windows.lend("part", total[:, rows].shape, total.dtype)
                np.matmul(cells[..., rows].mT, dyg, out=part)  # (G, D, M) @ (G, M, K/G)
                total[:, rows] += part
        return total

    pieces = geometry.cut(len(x), axes, _most(dwg))
    step = -(-len(pieces) // max(1, min(MOST, SUMS // dwg.nbytes)))  # neighbours together
    parts = [pieces[at : at + step] for at in range(0, len(pieces), step or 1)]
    for total in workers.run(work, parts, multiplies=True):
        dwg += total
    return np.ascontiguousarray(dwg.swapaxes(0, 1)).reshape(*kernel, channels, dy.shape[-1])


def bias_grad(dy: Array) -> Array:
    rows = dy.reshape(-1, dy.shape[-1])
    with workers.single_blas():  # its second thread would spin while ours are at the next pass
        db: Array = np.ones(len(rows), dy.dtype) @ rows  # a product outruns a sum by rows
    return db


def _most(wg: Array) -> int:
    """How a layer is cut: so many windows at a time."""
    return WORK // (max(wg[..., 0].size, wg[:, 0].size) * wg.itemsize)


def _spread(dyg: Array, wg: Array, channels: int) -> Array:
    """(G, T, C/G, M): what each window adds to the cells under its taps."""
    (groups, depth, filters), rows = wg.shape, dyg.shape[1]
    if windows.is_thin(channels):
        cells = windows.lend("cells", (groups, depth, rows), dyg.dtype)
        return np.matmul(wg, dyg.mT, out=cells)  # (G, D, K/G) @ (G, K/G, M)
    taps = wg.reshape(groups, depth // channels, channels, filters)
    cells = windows.lend("cells", (groups, depth // channels, rows, channels), dyg.dtype)
    return np.matmul(dyg[:, None], taps.mT, out=cells).mT  # (G, 1, M, K/G) @ (G, T, K/G, C/G)


def _by_group(a: Array, groups: int) -> Array:
    """(..., K) as (G, rows, K/G): what a matrix product takes of dy (rows M) and of w (rows D)."""
    return a.reshape(-1, groups, a.shape[-1] // groups).swapaxes(0, 1)
