"""The eight passes of a convolutional network, in the words of the well-known course assignment.

    A_prev (m, n_H, n_W, n_C_prev)    W (f, f, n_C_prev, n_C)    b (1, 1, 1, n_C)
    Z, A   (m, n_H', n_W', n_C)       dA_prev, dW, db, dZ, dA    as what they are gradients of

One or three spatial axes work alike, and so does an f of its own for each axis.  Sizes, pads,
dtypes and rules are those of npcnn.functional; what does not fit raises ShapeError, unknown or
missing keys of `hparameters` too, and what has a wrong type TypeError.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from npcnn import arguments as arg
from npcnn import functional, geometry
from npcnn.arguments import Pad, Size
from npcnn.geometry import ShapeError
from npcnn.windows import Array

HParameters = Mapping[str, Any]
ConvCache = tuple[ArrayLike, ArrayLike, ArrayLike | None, HParameters]
PoolCache = tuple[ArrayLike, HParameters]


def zero_pad(X: ArrayLike, pad: Pad) -> Array:
    """X within a border of zeros: (m, n_H, n_W, n_C) -> (m, n_H + 2 pad, n_W + 2 pad, n_C).

    pad is an int, one for each spatial axis, or (before, after) for each.  Integers become float64.
    ShapeError: a pad below 0, an X without a batch, spatial axes and channels.  By loops:
    npcnn.textbook.

    >>> zero_pad(np.ones((1, 1, 2, 1)), 1)[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [0., 1., 1., 0.],
           [0., 0., 0., 0.]])
    """
    x = arg.array("X", X)
    space = arg.spatial("X", x)
    borders = arg.pads("pad", pad, len(space))
    arg.affordable((len(x), *geometry.outs(arg.axes(space, 1, pad=borders)), x.shape[-1]))
    return np.pad(x.astype(arg.result_dtype(x)), [(0, 0), *borders, (0, 0)])


def conv_single_step(a_slice_prev: ArrayLike, W: ArrayLike, b: ArrayLike) -> Any:
    """sum(a_slice_prev * W) + b, a NumPy scalar: one window (f, f, n_C_prev) under one filter.

    W has the window's shape, of whatever rank; b is a number, or an array of any shape that holds
    one.  ShapeError: other shapes.  By loops: npcnn.textbook.

    >>> conv_single_step(np.array([1.0, 2.0]), np.array([3.0, 4.0]), 0.5)
    np.float64(11.5)
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

        Z[i, h, w, c] = b[c] + sum(A_prev_pad[i, h*stride : h*stride + f, ...] * W[..., c])
        n_H = floor((n_H_prev + 2 pad - f) / stride) + 1, and n_W alike

    A_prev (m, n_H_prev, n_W_prev, n_C_prev), W (f, f, n_C_prev, n_C), b (1, 1, 1, n_C), (n_C,) or
    None.  hparameters: stride (1), pad (0; also "same" and "valid"), dilation (1), groups (1, which
    W's n_C_prev is divided by).  ShapeError: what does not fit, unknown keys.  By loops:
    npcnn.textbook.

    >>> x, W, b = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1))
    >>> Z, cache = conv_forward(x, W, b, {"stride": 1, "pad": 0})
    >>> Z[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    bias = None if b is None else _flat_bias(b, W)
    with _words("a convolution", hparameters) as words:
        Z = functional.conv(A_prev, W, bias, **words)
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: ArrayLike, cache: ConvCache) -> tuple[Array, Array, Array | None]:
    """dA_prev, dW and db, in the shapes of A_prev, W and b, from dZ in that of Z.

        dA_prev_pad[i, window of (h, w)] += W[..., c] * dZ[i, h, w, c]
        dW[..., c]                       += A_prev_pad[i, window of (h, w)] * dZ[i, h, w, c]
        db[c]                            += dZ[i, h, w, c]

    Sums over the batch, not means; db is None where b is.  ShapeError: a dZ of another shape, a
    cache that conv_forward has not returned.  By loops: npcnn.textbook.

    >>> x, W, b = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1))
    >>> Z, cache = conv_forward(x, W, b, {})
    >>> dA_prev, dW, db = conv_backward(np.ones_like(Z), cache)
    >>> dA_prev[0, :, :, 0], db.item()
    (array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]]), 4.0)
    """
    A_prev, W, b, hparameters = _unpacked(cache, "A_prev, W, b, hparameters")
    if b is not None:
        _flat_bias(b, W)
    with _words("a convolution", hparameters) as words:
        dA_prev, dW, db = functional.conv_backward(dZ, A_prev, W, **words)
    return dA_prev, dW, None if b is None else db.reshape(np.shape(b))


def pool_forward(
    A_prev: ArrayLike, hparameters: HParameters, mode: str = "max"
) -> tuple[Array, PoolCache]:
    """A (m, n_H, n_W, n_C) and the cache for pool_backward: the first two arguments themselves.

        A[i, h, w, c] = max or mean of A_prev[i, h*stride : h*stride + f, ..., c]
        n_H = floor((n_H_prev + 2 pad - f) / stride) + 1, and n_W alike

    mode is "max" or "average".  hparameters: f (asked for), stride (f), pad (0), ceil_mode
    (False); of "max" also dilation (1), of "average" count_include_pad (True) and divisor_override
    (None).  Padding never wins a maximum.  ShapeError: what does not fit, unknown keys or modes.
    By loops: npcnn.textbook.

    >>> A, cache = pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), {"f": 2})
    >>> A[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    kind = _kind(mode)
    pool = functional.max_pool if mode == "max" else functional.avg_pool
    with _words(kind, hparameters) as words:
        A: Array = pool(A_prev, **words)
    return A, (A_prev, hparameters)


def pool_backward(dA: ArrayLike, cache: PoolCache, mode: str = "max") -> Array:
    """dA_prev, in the shape of A_prev, from dA in that of A; mode as in the forward pass.

    "max": each dA goes to the cell that was the maximum, the first of ties.  "average": each dA is
    shared out equally among the cells of its window.  Where windows overlap, cells add up.
    ShapeError: a dA of another shape, a cache that pool_forward has not returned.  By loops:
    npcnn.textbook.

    >>> A, cache = pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), {"f": 2}, "average")
    >>> pool_backward(np.full_like(A, 4.0), cache, "average")[0, :2, :2, 0]
    array([[1., 1.],
           [1., 1.]])
    """
    A_prev, hparameters = _unpacked(cache, "A_prev, hparameters")
    kind = _kind(mode)
    pool = functional.max_pool_backward if mode == "max" else functional.avg_pool_backward
    with _words(kind, hparameters) as words:
        return pool(dA, A_prev, **words)


def create_mask_from_window(x: ArrayLike) -> Array:
    """A bool mask of x's shape, True at the cell that max pooling chooses, and nowhere else.

    The first of equal maxima, the last of NaNs.  ShapeError: an x without a number.  By loops:
    npcnn.textbook.

    >>> create_mask_from_window(np.array([[1.0, 3.0], [3.0, 2.0]]))
    array([[False,  True],
           [False, False]])
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

    ShapeError: a length below 1, a dz of more than one number.  By loops: npcnn.textbook.

    >>> distribute_value(2.0, (2, 2))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    share, lengths = arg.array("dz", dz), arg.lengths("shape", shape)
    arg.fitting("dz, flattened,", share.reshape(-1), (1,))
    arg.affordable(lengths)
    dtype = arg.result_dtype(share)
    (number,) = arg.working(dtype, share.reshape(()))
    return np.full(lengths, number / number.dtype.type(math.prod(lengths)), dtype)


_CONV = {"stride": "stride", "pad": "padding", "dilation": "dilation", "groups": "groups"}
_POOL = {"f": "kernel_size", "stride": "stride", "pad": "padding", "ceil_mode": "ceil_mode"}
_KEYS = {
    "a convolution": _CONV,
    "max pooling": _POOL | {"dilation": "dilation"},
    "average pooling": _POOL | {name: name for name in ("count_include_pad", "divisor_override")},
}
"""The keys of hparameters, and functional's names for them."""
_NAMES = {"input": "A_prev", "x": "A_prev", "weights": "W", "w": "W", "bias": "b"}
_NAMES |= {"padding": "pad", "kernel": "f", "kernel_size": "f"}
"""What functional's errors call the arguments, and what the passes' callers do."""


@contextmanager
def _words(kind: str, hparameters: HParameters) -> Iterator[dict[str, Any]]:
    """The hparameters under functional's names, and its errors in the words of the callers."""
    if not isinstance(hparameters, Mapping):
        raise TypeError(f"hparameters must be a mapping, got {type(hparameters).__name__}")
    known = _KEYS[kind]
    for key in hparameters:
        if key not in known:
            near = difflib.get_close_matches(str(key).lower(), known, n=1, cutoff=0)
            raise ShapeError(
                f"hparameters of {kind} has the unknown key {key!r}; the nearest known one is "
                f"{near[0]!r}, known are {sorted(known)}"
            )
    if "f" in known and "f" not in hparameters:
        raise ShapeError(f"hparameters of {kind} must have f, got keys={list(hparameters)}")
    names = _NAMES | dict.fromkeys(("upstream gradient", "dy"), "dA" if "f" in known else "dZ")
    named = re.compile(rf"\b({'|'.join(names)})(?= must| misses|\.shape=|=)")
    try:
        yield {known[key]: value for key, value in hparameters.items()}
    except (ShapeError, TypeError) as error:
        raise type(error)(named.sub(lambda name: names[name[1]], str(error))) from error


def _kind(mode: str) -> str:
    """What pools so, as errors call it."""
    if not isinstance(mode, str) or mode not in ("max", "average"):
        raise ShapeError(f'mode must be "max" or "average", got mode={mode!r}')
    return f"{mode} pooling"


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
