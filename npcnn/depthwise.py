"""Convolution of every channel by itself, and its gradients, where C/G is 1.

    y[n, o, k]      = b[k] + sum over t of      xp[n, o, t, c] * w[t, k]
    dw[t, k]        =        sum over n, o of   xp[n, o, t, c] * dy[n, o, k]
    dxp[n, o, t, c] adds up  sum over m of      dy[n, o, k] * w[t, k]

where xp[n, o, t, c] is the padded cell x[n, o*stride - before + t*dilation, c], and k = c*M + m.
x (N, *space, C), w (*kernel, 1, C*M), y, dy (N, *out, C*M).  Two halves of the batch run at once.
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
        for box, reach, borders in geometry.runs(len(x), axes, most):
            with Scratch() as scratch:
                xp = windows.pad(_repeated(x[reach], many), borders, scratch)
                t, o, cells = _lines(xp, axes)
                out: Array = y[box].reshape(cells.shape[len(axes) :])
                wl = np.tile(w[..., 0, :], out.shape[-1] // w.shape[-1])
                np.einsum(f"{t}{o},{t}l->{o}", cells, wl, out=out)
            if b is not None:
                y[box] += b

    many = w.shape[-1] // x.shape[-1]
    most = windows.over(WORK // many, x, axes)
    y = np.empty((len(x), *geometry.outs(axes), w.shape[-1]), x.dtype)
    workers.share(work, x, y)
    return y


def input_grad(dy: Array, w: Array, channels: int, axes: Sequence[Axis]) -> Array:
    def work(dy: Array, dx: Array) -> None:
        for box, reach, borders in geometry.runs(len(dx), axes, most):
            with Scratch() as scratch:
                dxp = windows.pad(dx[reach], borders, scratch)
                *_, cells = _lines(dxp, axes)
                part = scratch.take(cells.shape[len(axes) :], dy.dtype)
                for m in range(many):
                    dym = dy[box][..., m::many].reshape(part.shape)
                    wm = np.tile(w[..., 0, m::many], part.shape[-1] // channels)
                    for tap in np.ndindex(w.shape[:-2]):
                        np.multiply(dym, wm[tap], out=part)
                        cells[tap] += part
                dx[reach] = windows.crop(dxp, borders)

    many = w.shape[-1] // channels
    dx = np.zeros((len(dy), *(axis.size for axis in axes), channels), dy.dtype)
    most = windows.over(WORK, dx, axes)
    workers.share(work, dy, dx)
    return dx


def weight_grad(dy: Array, x: Array, axes: Sequence[Axis]) -> Array:
    def work(dy: Array, x: Array) -> Array:
        dw = np.zeros((*kernel, dy.shape[-1]), dy.dtype)
        for box, reach, borders in geometry.runs(len(x), axes, most):
            with Scratch() as scratch:
                xp = windows.pad(_repeated(x[reach], many), borders, scratch)
                t, o, cells = _lines(xp, axes)
                dyl = dy[box].reshape(cells.shape[len(axes) :])
                part = np.einsum(f"{t}{o},{o}->{t}l", cells, dyl)
                dw += part.reshape(*kernel, -1, dy.shape[-1]).sum(axis=-2)
        return dw

    kernel, many = [axis.kernel for axis in axes], dy.shape[-1] // x.shape[-1]
    most = windows.over(WORK // many, x, axes)
    dw = np.sum(workers.share(work, dy, x), axis=0)
    return np.asarray(dw[..., None, :])


def _lines(xp: Array, axes: Sequence[Axis]) -> tuple[str, str, Array]:
    """(*kernel, N, *out, L), a view of xp: L is C, or as many for each of the last axis's windows.

    Of stride 1 they lie side by side, and the computer goes along long lines.
    """
    if axes[-1].stride > 1:
        cells = np.moveaxis(windows.windowed(xp, axes)[0], len(axes), -1)
    else:
        columns = np.moveaxis(windows.windowed(xp, axes[-1:])[0], 1, -1)  # (J, N, *space, Q, C)
        lines = columns.reshape(*columns.shape[:-2], -1)
        cells = np.moveaxis(windows.windowed(lines, axes[:-1])[0], len(axes) - 1, -1)
    taps = len(axes)
    return "ijk"[:taps], "npqr"[: cells.ndim - taps - 1] + "l", cells


def _repeated(x: Array, many: int) -> Array:
    """Each channel as often as it has filters."""
    return x if many == 1 else np.repeat(x, many, axis=-1)
