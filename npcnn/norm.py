"""Batch norm and its gradient, on x (N, ..., C) with n numbers a channel.

    mean = sum x / n,    var = sum (x - mean)^2 / n,    z = (x - mean) / sqrt(var + eps)
    y  = z * w + b
    db = sum dy,    dw = sum dy * z
    dx = w / sqrt(var + eps) * (dy - (db + z * dw) / n)    in training, where x moves mean and var
    dx = w / sqrt(var + eps) * dy                          in evaluation, where they are given

Sums are taken in float64, and so is all that holds one number a channel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from npcnn.windows import Array


def count(x: Array) -> int:
    """The numbers of each channel."""
    return math.prod(x.shape[:-1])


def statistics(x: Array) -> tuple[Array, Array]:
    """Each channel's mean and biased variance; zeros of an empty batch."""
    mean = _sum(x) / max(1, count(x))
    return mean, _sum(np.square(x - mean)) / max(1, count(x))


def track(
    old: Sequence[Array], mean: Array, var: Array, n: int, momentum: float
) -> Iterator[Array]:
    """The running statistics, moved towards these; the running variance is of unbiased ones."""
    rate = momentum if n else 0
    for was, seen in zip(old, (mean, var * n / max(1, n - 1))):
        yield (1 - rate) * was + rate * seen


def forward(
    x: Array, mean: Array, var: Array, w: Array | None, b: Array | None, eps: float
) -> Array:
    steepness = 1 / np.sqrt(var + eps)
    y: Array = np.subtract(x, mean.astype(x.dtype), order="C")
    y *= (steepness if w is None else w * steepness).astype(x.dtype)
    if b is not None:
        y += b.astype(x.dtype)
    return y


def backward(
    dy: Array, x: Array, mean: Array, var: Array, w: Array | None, eps: float, is_training: bool
) -> tuple[Array, Array, Array]:
    steepness = 1 / np.sqrt(var + eps)
    z = np.subtract(x, mean.astype(x.dtype), order="C")
    z *= steepness.astype(x.dtype)
    dw, db = _sum(dy * z), _sum(dy)
    dx = np.array(dy, order="C")
    if is_training:
        z *= (dw / max(1, count(x))).astype(x.dtype)
        dx -= z
        dx -= (db / max(1, count(x))).astype(x.dtype)
    dx *= (steepness if w is None else w * steepness).astype(x.dtype)
    return dx, dw, db


def _sum(x: Array) -> Array:
    total: Array = x.sum(axis=tuple(range(x.ndim - 1)), dtype=np.float64)
    return total
