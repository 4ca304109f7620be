"""Convolution of windows that lie mostly in padding, tap by tap: no padded plane is made.

    y[n, o, g, k]     = b[g, k] + sum over t, c of  x[n, i, g, c] * w[t, c, g, k]
    dw[t, c, g, k]    =           sum over n, o of  x[n, i, g, c] * dy[n, o, g, k]
    dx[n, i, g, c] adds up        sum over k of     dy[n, o, g, k] * w[t, c, g, k]

where i = o*stride - before + t*dilation is a cell of the input.  Of 30,000 cells of padding around
an image of 4 by 4, a plane would hold 3.6 billion cells, and its windows nine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npcnn import geometry
from npcnn.geometry import Axis
from npcnn.windows import Array

LEAST = 16
"""Times that padded cells outnumber those that are read."""


def takes(axes: Sequence[Axis]) -> bool:
    """Whether most of the padded plane is padding that few windows read."""
    read = math.prod(axis.size for axis in axes)
    read += math.prod(axis.out * axis.kernel for axis in axes)
    return math.prod(axis.padded for axis in axes) > LEAST * read


def forward(x: Array, w: Array, b: Array | None, axes: Sequence[Axis], groups: int) -> Array:
    outs = geometry.outs(axes)
    y = np.zeros((len(x), *outs, groups, w.shape[-1] // groups), x.dtype)
    xg, wg = _by_group(x, groups), _by_group(w, groups)
    for tap, among, cells in geometry.taps(axes):
        y[among] += np.einsum("...gc,cgk->...gk", xg[cells], wg[tap])
    y = y.reshape(len(x), *outs, -1)
    return y if b is None else y + b


def input_grad(dy: Array, w: Array, axes: Sequence[Axis], groups: int) -> Array:
    channels = w.shape[-2]
    dx = np.zeros((len(dy), *(axis.size for axis in axes), groups, channels), dy.dtype)
    dyg, wg = _by_group(dy, groups), _by_group(w, groups)
    for tap, among, cells in geometry.taps(axes):
        dx[cells] += np.einsum("...gk,cgk->...gc", dyg[among], wg[tap])
    return dx.reshape(*dx.shape[:-2], -1)


def weight_grad(dy: Array, x: Array, axes: Sequence[Axis], groups: int) -> Array:
    kernel, channels = [axis.kernel for axis in axes], x.shape[-1] // groups
    dw = np.zeros((*kernel, channels, groups, dy.shape[-1] // groups), dy.dtype)
    dyg, xg = _by_group(dy, groups), _by_group(x, groups)
    for tap, among, cells in geometry.taps(axes):
        rows = (a.reshape(-1, *a.shape[-2:]) for a in (xg[cells], dyg[among]))
        dw[tap] = np.einsum("ngc,ngk->cgk", *rows)
    return dw.reshape(*dw.shape[:-2], -1)


def _by_group(a: Array, groups: int) -> Array:
    return a.reshape(*a.shape[:-1], groups, -1)
