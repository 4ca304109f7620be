"""Convolution of groups of few channels, and its gradients: depthwise, and nearly so.

    y[n, o, k]         = b[k] + sum over t, c of  xp[n, o, t, g, c] * w[t, c, k]
    dw[t, c, k]        =        sum over n, o of  xp[n, o, t, g, c] * dy[n, o, k]
    dxp[n, o, t, g, c] adds up  sum over m of     dy[n, o, k] * w[t, c, k]

where xp[n, o, t, g, c] is the padded cell x[n, o*stride - before + t*dilation, g*C/G + c], and
k = g*M + m.  x (N, *space, C), w (*kernel, C/G, G*M), y, dy (N, *out, G*M).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npcnn import geometry, scratch, windows, workers
from npcnn.geometry import Axis, Run
from npcnn.windows import Array

FEW = 4
"""Channels or filters of a group, at most: of more, matrix products are as fast."""
WORK = 2**21
"""Bytes of input under one run of windows: within a core's cache, with what is made of it."""


def takes(channels: int, filters: int, groups: int) -> bool:
    """Whether groups have so few of both, and there are others."""
    return max(channels, filters // groups) <= FEW and groups > 1


def forward(x: Array, w: Array, b: Array | None, axes: Sequence[Axis], groups: int) -> Array:
    def work(piece: Run) -> None:
        box, reach, borders = piece
        xp = windows.pad(x[reach], borders, "padded")
        cells = _lines(_by_filter(xp, groups, many), axes)
        every, weights, results = _axes(cells, axes)
        yl: Array = y[box].reshape(cells.shape[-len(results) :])
        wl = np.tile(w, yl.shape[-1] // w.shape[-1])
        np.einsum(cells, every, wl, weights, results, out=yl)
        if b is not None:
            y[box] += b

    many = w.shape[-1] // groups
    y = np.empty((len(x), *geometry.outs(axes), w.shape[-1]), x.dtype)
    workers.run(work, geometry.runs(len(x), axes, windows.over(WORK // many, x, axes)))
    return y


def input_grad(dy: Array, w: Array, axes: Sequence[Axis], groups: int) -> Array:
    def work(image: Sequence[Run]) -> None:
        for box, reach, borders in image:
            dxp = windows.pad(dx[reach], borders, "padded")
            cells = _lines(dxp, axes)
            part = scratch.lend("part", cells.shape[len(axes) :], dy.dtype)
            for m in range(many):
                dym = _repeated(dy[box][..., m::many], channels).reshape(part.shape)
                wm = w[..., m::many].mT.reshape(*w.shape[:-2], -1)
                wl = np.tile(wm, part.shape[-1] // wm.shape[-1])
                for tap in np.ndindex(wl.shape[:-1]):
                    np.multiply(dym, wl[tap], out=part)
                    cells[tap] += part
            dx[reach] = windows.crop(dxp, borders)

    channels, many = w.shape[-2], w.shape[-1] // groups
    dx = np.zeros((len(dy), *(axis.size for axis in axes), groups * channels), dy.dtype)
    pieces = geometry.runs(len(dx), axes, windows.over(WORK, dx, axes))
    workers.run(work, geometry.by_image(pieces))
    return dx


def weight_grad(dy: Array, x: Array, axes: Sequence[Axis], groups: int) -> Array:
    def work(piece: Run) -> Array:
        box, reach, borders = piece
        xp = windows.pad(x[reach], borders, "padded")
        cells = _lines(_by_filter(xp, groups, many), axes)
        every, weights, results = _axes(cells, axes)
        dyl = dy[box].reshape(cells.shape[-len(results) :])
        part: Array = np.einsum(cells, every, dyl, results, weights)
        dwg: Array = part.reshape(*shape[:-1], -1, shape[-1]).sum(axis=-2)
        return dwg

    shape = *(axis.kernel for axis in axes), x.shape[-1] // groups, dy.shape[-1]
    many = dy.shape[-1] // groups
    pieces = geometry.runs(len(x), axes, windows.over(WORK // many, x, axes))
    dw: Array = np.zeros(shape, dy.dtype)
    for part in workers.run(work, pieces):
        dw += part
    return dw


def _by_filter(x: Array, groups: int, many: int) -> Array:
    """(C/G, N, *space, K): for every filter the channels that it sees, one after the other."""
    channels = np.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -1, 0)
    return _repeated(np.ascontiguousarray(channels), many)


def _repeated(x: Array, many: int) -> Array:
    """Each channel so many times."""
    return x if many == 1 else np.repeat(x, many, axis=-1)


def _lines(xp: Array, axes: Sequence[Axis]) -> Array:
    """(*kernel, ..., *out, L), a view of xp (..., *space, C).

    L is C, or as many for each of the last axis's windows: of stride 1 they lie side by side, and
    the computer goes along long lines.
    """
    if axes[-1].stride > 1:
        return np.moveaxis(windows.windowed(xp, axes)[0], len(axes), -1)
    columns = np.moveaxis(windows.windowed(xp, axes[-1:])[0], 1, -1)  # (J, ..., *space, Q, C)
    lines = columns.reshape(*columns.shape[:-2], -1)
    return np.moveaxis(windows.windowed(lines, axes[:-1])[0], len(axes) - 1, -1)


def _axes(cells: Array, axes: Sequence[Axis]) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the axes of cells: all, those of weights by lines, those of results."""
    every, taps = list(range(cells.ndim)), len(axes) + 1
    return every, [*every[:taps], every[-1]], every[taps:]
