"""The eight passes of a convolutional network, in the words of the well-known course assignment.

    A_prev (m, n_H, n_W, n_C_prev)    W (f, f, n_C_prev, n_C)    b (1, 1, 1, n_C)
    Z, A   (m, n_H', n_W', n_C)       dA_prev, dW, db, dZ, dA    as what they are gradients of

One or three spatial axes work alike, and so does an f of its own for each axis.  `hparameters`
is a mapping: for convolutions `stride` (1), `pad` (0), `dilation` (1), `groups` (1); for pools
`f`, `stride` (f), `pad` (0), `ceil_mode` (False), with mode "max" also `dilation` (1), with mode
"average" also `count_include_pad` (True) and `divisor_override` (None).  Sizes, pads, dtypes and
rules are those of npcnn.functional; what does not fit raises ShapeError, unknown or missing keys
and unknown modes too, and what has a wrong type TypeError.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npcnn import arguments as arg
from npcnn import functional, windows
from npcnn.arguments import Pad, Size
from npcnn.geometry import ShapeError
from npcnn.windows import Array

HParameters = Mapping[str, Any]
ConvCache = tuple[ArrayLike, ArrayLike, ArrayLike | None, HParameters]
PoolCache = tuple[ArrayLike, HParameters]


def zero_pad(X: ArrayLike, pad: Pad) -> Array:
    """X (m, n_H, n_W, n_C) with zeros around its spatial axes; integers become float64.

    pad is an int, one for each spatial axis, or (before, after) for each.
    The same by loops: npcnn.textbook.
    """
    x = arg.array("X", X)
    borders = arg.borders("X", x, pad)
    arg.affordable((len(x), *(n + sum(pair) for n, pair in zip(x.shape[1:], borders)), x.shape[-1]))
    return windows.pad(x.astype(arg.result_dtype(x)), borders)


def conv_single_step(a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> Any:
    """sum(a_slice_prev * W) + b, a NumPy scalar: one window (f, f, n_C_prev) under one filter.

    b is a number, or an array of any shape that holds one.
    The same by loops: npcnn.textbook.
    """
    a, w, bias = arg.array("a_slice_prev", a_slice_prev), arg.array("W", W), arg.array("b", b)
    arg.fitting("W", w, a.shape)
    arg.fitting("b, flattened,", bias.reshape(-1), (1,))
    if type(b) in (int, float):  # a number of Python's has no width of its own
        bias = bias.astype(arg.result_dtype(a, w))
    window, column = a.reshape(1, 1, -1), w.reshape(1, -1, 1)
    return functional.conv(window, column, bias.reshape(-1))[0, 0, 0]


def conv_forward(
    A_prev: ArrayLike, W: ArrayLike, b: ArrayLike | None, hparameters: HParameters
) -> tuple[Array, ConvCache]:
    """Z (m, n_H, n_W, n_C) and the cache for conv_backward: the four arguments, the very objects.

    n_H = floor((n_H_prev + 2 pad - f) / stride) + 1.  b may be (n_C,), or None for no bias.
    The same by loops: npcnn.textbook.
    """
    bias = None if b is None else _flat_bias(b, W)
    Z = functional.conv(A_prev, W, bias, **_conv_words(hparameters))
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: ArrayLike, cache: ConvCache) -> tuple[Array, Array, Array | None]:
    """dA_prev, dW and db, in the shapes of A_prev, W and b, from dZ in that of Z.

    Sums over the batch, not means; db is None where b is.
    The same by loops: npcnn.textbook.
    """
    A_prev, W, b, hparameters = _unpacked(cache, "A_prev, W, b, hparameters")
    if b is not None:
        _flat_bias(b, W)
    dA_prev, dW, db = functional.conv_backward(dZ, A_prev, W, **_conv_words(hparameters))
    return dA_prev, dW, None if b is None else db.reshape(np.shape(b))


def pool_forward(
    A_prev: ArrayLike, hparameters: HParameters, mode: str = "max"
) -> tuple[Array, PoolCache]:
    """A (m, n_H, n_W, n_C) and the cache for pool_backward: the first two arguments themselves.

    n_H = floor((n_H_prev + 2 pad - f) / stride) + 1.  mode is "max" or "average".
    The same by loops: npcnn.textbook.
    """
    words = _pool_words(hparameters, mode)
    pool = functional.max_pool if mode == "max" else functional.avg_pool
    A: Array = pool(A_prev, **words)
    return A, (A_prev, hparameters)


def pool_backward(dA: ArrayLike, cache: PoolCache, mode: str = "max") -> Array:
    """dA_prev, in the shape of A_prev, from dA in that of A; mode as in the forward pass.

    The same by loops: npcnn.textbook.
    """
    A_prev, hparameters = _unpacked(cache, "A_prev, hparameters")
    words = _pool_words(hparameters, mode)
    if mode == "max":
        return functional.max_pool_backward(dA, A_prev, **words)
    return functional.avg_pool_backward(dA, A_prev, **words)


def create_mask_from_window(x: ArrayLike) -> Array:
    """A bool mask of x's shape, True at the cell that max pooling chooses, and nowhere else.

    The same by loops: npcnn.textbook.
    """
    window = arg.array("x", x)
    if not window.size:
        raise ShapeError(f"x must hold at least one number, got shape={window.shape}")
    cells, mask = window.reshape(-1), np.zeros(window.size, bool)
    lost = np.flatnonzero(np.isnan(cells))  # of NaNs the last one wins
    mask[lost[-1] if len(lost) else cells.argmax()] = True
    return mask.reshape(window.shape)


def distribute_value(dz: ArrayLike, shape: Size) -> Array:
    """An array of this shape with dz, one number, shared out equally among its cells.

    The same by loops: npcnn.textbook.
    """
    share, lengths = arg.array("dz", dz), arg.lengths("shape", shape)
    arg.fitting("dz, flattened,", share.reshape(-1), (1,))
    arg.affordable(lengths)
    dtype = arg.result_dtype(share)
    (number,) = arg.working(dtype, share.reshape(()))
    return np.full(lengths, number / number.dtype.type(math.prod(lengths)), dtype)


def _conv_words(hparameters: HParameters) -> dict[str, Any]:
    return _words("a convolution", hparameters, _CONV)


def _pool_words(hparameters: HParameters, mode: str) -> dict[str, Any]:
    if not isinstance(mode, str) or mode not in _POOL:
        raise ShapeError(f'mode must be "max" or "average", got mode={mode!r}')
    words = _words(f"{mode} pooling", hparameters, _POOL[mode])
    if "kernel_size" not in words:
        raise ShapeError(f"hparameters of {mode} pooling must have f, got keys={list(hparameters)}")
    return words


_CONV = {"stride": "stride", "pad": "padding", "dilation": "dilation", "groups": "groups"}
_WINDOW = {"f": "kernel_size", "stride": "stride", "pad": "padding", "ceil_mode": "ceil_mode"}
_POOL = {
    "max": _WINDOW | {"dilation": "dilation"},
    "average": _WINDOW
    | {"count_include_pad": "count_include_pad", "divisor_override": "divisor_override"},
}


def _words(kind: str, hparameters: HParameters, known: Mapping[str, str]) -> dict[str, Any]:
    """The hparameters under functional's names."""
    if not isinstance(hparameters, Mapping):
        raise TypeError(f"hparameters must be a mapping, got {type(hparameters).__name__}")
    for key in hparameters:
        if key not in known:
            near = difflib.get_close_matches(str(key).lower(), known, n=1, cutoff=0)
            raise ShapeError(
                f"hparameters of {kind} has the unknown key {key!r}; the nearest known one is "
                f"{near[0]!r}, known are {sorted(known)}"
            )
    return {known[key]: value for key, value in hparameters.items()}


def _unpacked(cache: Any, names: str) -> Any:
    """The cache, if it is a tuple of these."""
    if not isinstance(cache, tuple) or len(cache) != len(names.split(", ")):
        length = f" of {len(cache)}" if isinstance(cache, tuple) else ""
        raise ShapeError(
            f"cache must be the tuple ({names}) that the forward pass returned, "
            f"got a {type(cache).__name__}{length}"
        )
    return cache


def _flat_bias(b: ArrayLike, W: ArrayLike) -> Array:
    """b (n_C,) or (1, 1, 1, n_C), for as many filters as W has, as (n_C,)."""
    bias, w = arg.array("b", b), arg.array("W", W)
    if bias.shape != w.shape[-1:]:
        arg.fitting("b", bias, (1,) * (w.ndim - 1) + w.shape[-1:])
    return bias.reshape(-1)
