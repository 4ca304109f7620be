"""Depthwise convolution, one channel and one filter a group, and its gradients.

    y[n, o, c]         = b[c] + sum over t of     xp[n, o, t, c] * w[t, c]
    dw[t, c]           =        sum over n, o of  xp[n, o, t, c] * dy[n, o, c]
    dxp[n, o, t, c] adds up     dy[n, o, c] * w[t, c]

where xp[n, o, t, c] is the padded cell x[n, o*stride - before + t*dilation, c].
x (N, *space, C), w (*kernel, 1, C), y, dy (N, *out, C).  A matrix product of such groups would
multiply one row by one column; einsum goes along all channels at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npcnn import geometry, windows, workers
from npcnn.geometry import Axes, Axis, Piece
from npcnn.windows import Array

WORK = 2**21
"""Bytes of input under one piece: within a core's cache, with what is made of it."""


def takes(axes: Axes, channels: int, filters: int, groups: int) -> bool:
    """Whether each group has one of both, and there are others; not without a padded plane."""
    return channels == 1 and filters == groups > 1 and not windows.is_hollow(axes)


def forward(x: Array, w: Array, b: Array | None, axes: Axes) -> Array:
    def work(piece: Piece) -> None:
        cells = _lines(windows.pad(x[piece.reach], piece.axes), axes)
        every, weights, results = _axes(cells, axes)
        yl: Array = y[piece.box].reshape(cells.shape[-len(results) :])
        np.einsum(cells, every, _tiled(w, yl), weights, results, out=yl)
        if b is not None:
            y[piece.box] += b

    y = np.empty((len(x), *geometry.outs(axes), w.shape[-1]), x.dtype)
    workers.run(work, geometry.cut(len(x), axes, windows.over(WORK, x, axes)))
    return y


def input_grad(dy: Array, w: Array, axes: Axes) -> Array:
    if (turned := _turn(axes)) and np.isfinite(w).all():  # 0 * inf is none of dx's terms
        return forward(dy, np.flip(w, (*range(len(axes)),)), None, turned)

    def work(image: Sequence[Piece]) -> None:
        for piece in image:
            dxp = windows.pad(dx[piece.reach], piece.axes)
            cells = _lines(dxp, axes)
            part = windows.lend("part", cells.shape[len(axes) :], dy.dtype)
            dyl, wl = dy[piece.box].reshape(part.shape), _tiled(w, part)
            for tap in np.ndindex(wl.shape[:-1]):
                np.multiply(dyl, wl[tap], out=part)
                cells[tap] += part
            dx[piece.reach] = windows.crop(dxp, piece.axes)

    dx = np.zeros((len(dy), *(axis.size for axis in axes), w.shape[-1]), dy.dtype)
    pieces = geometry.cut(len(dx), axes, windows.over(WORK, dx, axes))
    workers.run(work, geometry.by_image(pieces))
    return dx


def weight_grad(dy: Array, x: Array, axes: Axes) -> Array:
    def work(piece: Piece) -> Array:
        cells = _lines(windows.pad(x[piece.reach], piece.axes), axes)
        every, weights, results = _axes(cells, axes)
        dyl = dy[piece.box].reshape(cells.shape[-len(results) :])
        part: Array = np.einsum(cells, every, dyl, results, weights)
        dwl: Array = part.reshape(*kernel, -1, dy.shape[-1]).sum(axis=-2, keepdims=True)
        return dwl

    kernel = [axis.kernel for axis in axes]
    dw: Array = np.zeros((*kernel, 1, dy.shape[-1]), dy.dtype)
    for part in workers.run(work, geometry.cut(len(x), axes, windows.over(WORK, x, axes))):
        dw += part
    return dw


def _turn(axes: Axes) -> Axes:
    """The axes from y to x, along which dx is the forward pass of dy with w's taps turned around.

    That takes half the time of adding tap by tap.  () where a stride is above 1, which would want
    zeros between dy's numbers, or a pad beyond the window.
    """
    if any(axis.stride > 1 or axis.span <= max(axis.before, axis.after) for axis in axes):
        return ()
    pads = [(axis.span - 1 - axis.before, axis.span - 1 - axis.after) for axis in axes]
    turned = tuple(Axis(a.out, a.kernel, 1, a.dilation, *pad) for a, pad in zip(axes, pads))
    return () if windows.is_hollow(turned) else turned


def _tiled(w: Array, lines: Array) -> Array:
    """(*kernel, L): the weights along a line, again and again."""
    tiled: Array = np.tile(w[..., 0, :], lines.shape[-1] // w.shape[-1])
    return tiled


def _lines(xp: Array, axes: Axes) -> Array:
    """(*kernel, ..., *out, L), a view of xp (..., *space, C).

    L is C, or as many for each of the last axis's windows: of stride 1 they lie side by side, and
    the computer goes along long lines.
    """
    if axes[-1].stride > 1:
        return np.moveaxis(windows.windowed(xp, axes)[0], len(axes), -1)
    columns = np.moveaxis(windows.windowed(xp, axes[-1:])[0], 1, -1)  # (J, ..., *space, Q, C)
    lines = columns.reshape(*columns.shape[:-2], -1)
    return np.moveaxis(windows.windowed(lines, axes[:-1])[0], len(axes) - 1, -1)


def _axes(cells: Array, axes: Axes) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the axes of cells: all, those of weights by lines, those of results."""
    every, taps = list(range(cells.ndim)), len(axes)
    return every, [*every[:taps], every[-1]], every[taps:]
