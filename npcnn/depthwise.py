"""Convolution of every channel by itself, and its gradients, where C/G is 1.

    y[n, o, c, m]  = b[c, m] + sum over t of      xp[n, o, t, c] * w[t, c, m]
    dw[t, c, m]    =           sum over n, o of   xp[n, o, t, c] * dy[n, o, c, m]
    dxp[n, o, t, c] adds up    sum over m of      dy[n, o, c, m] * w[t, c, m]

where xp[n, o, t, c] is the padded cell x[n, o*stride - before + t*dilation, c].  x (N, *space, C),
w (*kernel, 1, K), y and dy (N, *out, K), and K = C * M.  Two halves of the batch run at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npcnn import geometry, windows, workers
from npcnn.geometry import Axis
from npcnn.scratch import Scratch
from npcnn.windows import Array

WORK = 2**21
"""Bytes of input under one run of windows: within a cache, and long enough for two threads."""


def takes(channels: int, groups: int) -> bool:
    """Whether a group has one channel, and there are others."""
    return channels == 1 < groups


def forward(x: Array, w: Array, b: Array | None, axes: Sequence[Axis]) -> Array:
    def work(x: Array, y: Array) -> None:
        for box, reach, borders in geometry.runs(len(x), axes, windows.over(WORK, x, axes)):
            with Scratch() as scratch:
                cells = windows.windowed(windows.pad(x[reach], borders, scratch), axes)[0]
                np.einsum(f"{t}cn{o},{t}cm->n{o}cm", cells, wc, out=_by_channel(y[box], channels))
            if b is not None:
                y[box] += b

    t, o = _letters(axes)
    channels, wc = x.shape[-1], _by_channel(w[..., 0, :], x.shape[-1])
    y = np.empty((len(x), *geometry.outs(axes), w.shape[-1]), x.dtype)
    workers.share(work, x, y)
    return y


def input_grad(dy: Array, w: Array, channels: int, axes: Sequence[Axis]) -> Array:
    def work(dy: Array, dx: Array) -> None:
        for box, reach, borders in geometry.runs(len(dx), axes, windows.over(WORK, dx, axes)):
            with Scratch() as scratch:
                dxp, dyc = windows.pad(dx[reach], borders, scratch), _by_channel(dy[box], channels)
                part = scratch.take(dyc.shape[:-1], dyc.dtype)
                cells = windows.windowed(dxp, axes)[0]
                for tap in np.ndindex(wc.shape[:-2]):
                    np.einsum(f"n{o}cm,cm->n{o}c", dyc, wc[tap], out=part)
                    cells[tap] += np.moveaxis(part, -1, 0)
                dx[reach] = windows.crop(dxp, borders)

    _, o = _letters(axes)
    wc = _by_channel(w[..., 0, :], channels)
    dx = np.zeros((len(dy), *(axis.size for axis in axes), channels), dy.dtype)
    workers.share(work, dy, dx)
    return dx


def weight_grad(dy: Array, x: Array, axes: Sequence[Axis]) -> Array:
    def work(dy: Array, x: Array) -> Array:
        dw = np.zeros((*kernel, channels, dy.shape[-1] // channels), dy.dtype)
        for box, reach, borders in geometry.runs(len(x), axes, windows.over(WORK, x, axes)):
            with Scratch() as scratch:
                cells = windows.windowed(windows.pad(x[reach], borders, scratch), axes)[0]
                dw += np.einsum(f"{t}cn{o},n{o}cm->{t}cm", cells, _by_channel(dy[box], channels))
        return dw

    t, o = _letters(axes)
    kernel, channels = [axis.kernel for axis in axes], x.shape[-1]
    dw = np.sum(workers.share(work, dy, x), axis=0)
    return np.asarray(dw.reshape(*kernel, 1, dy.shape[-1]))


def _letters(axes: Sequence[Axis]) -> tuple[str, str]:
    """The axes of the kernel and of the output, for einsum."""
    return "ijk"[: len(axes)], "pqr"[: len(axes)]


def _by_channel(a: Array, channels: int) -> Array:
    """(..., K) as (..., C, K/C)."""
    return a.reshape(*a.shape[:-1], channels, -1)
