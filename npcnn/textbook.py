"""The eight passes as the well-known course writes them: loops over windows, one at a time.

Read this first.  `npcnn.passes` does the same fast and with every option, and a test compares the
two; `python -m verification npcnn.textbook` judges this one.  The letters are the course's:

    A_prev (m, n_H_prev, n_W_prev, n_C_prev)    W (f, f, n_C_prev, n_C)    b (1, 1, 1, n_C)
    Z, A   (m, n_H, n_W, n_C)                   dA_prev, dW, db, dZ, dA    in the shapes of those

Results have the dtype of the arrays that go in, or float64 where those are integers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
HParams = dict[str, int]
Cache = tuple[Any, ...]


def zero_pad(X: Array, pad: int) -> Array:
    """X (m, n_H, n_W, n_C) with `pad` rows and columns of zeros on every side."""
    return np.pad(X.astype(_dtype(X)), ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def conv_single_step(a_slice_prev: Array, W: Array, b: Array) -> Any:
    """sum(a_slice_prev * W) + b, one number: a window (f, f, n_C_prev) under one filter."""
    s = np.multiply(a_slice_prev, W, dtype=_dtype(a_slice_prev, W, b))
    return np.sum(s) + b.item()


def conv_forward(A_prev: Array, W: Array, b: Array, hparameters: HParams) -> tuple[Array, Cache]:
    """Z, and the cache for conv_backward; hparameters are {"stride", "pad"}.

    n_H = floor((n_H_prev + 2 pad - f) / stride) + 1, and n_W alike.
    """
    stride, pad = hparameters["stride"], hparameters["pad"]
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f, f, _, n_C = W.shape
    n_H = (n_H_prev + 2 * pad - f) // stride + 1
    n_W = (n_W_prev + 2 * pad - f) // stride + 1
    A_prev_pad = zero_pad(A_prev, pad)
    Z = np.zeros((m, n_H, n_W, n_C), _dtype(A_prev, W, b))
    for i in range(m):
        for h in range(n_H):
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                horiz_start = w * stride
                horiz_end = horiz_start + f
                a_slice_prev = A_prev_pad[i, vert_start:vert_end, horiz_start:horiz_end, :]
                for c in range(n_C):
                    Z[i, h, w, c] = conv_single_step(a_slice_prev, W[:, :, :, c], b[:, :, :, c])
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dA_prev, dW, db: of every dz in dZ, W * dz goes to its window, window * dz to dW, dz to db.

    All of them are sums, over the windows and the examples.
    """
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    _, n_H_prev, n_W_prev, _ = A_prev.shape
    f, f, _, _ = W.shape
    m, n_H, n_W, n_C = dZ.shape
    dtype = _dtype(dZ, A_prev, W)
    dZ = dZ.astype(dtype)
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = np.zeros(A_prev_pad.shape, dtype)
    dW = np.zeros(W.shape, dtype)
    db = np.zeros(b.shape, dtype)
    for i in range(m):
        for h in range(n_H):
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                horiz_start = w * stride
                horiz_end = horiz_start + f
                a_slice = A_prev_pad[i, vert_start:vert_end, horiz_start:horiz_end, :]
                da_slice = dA_prev_pad[i, vert_start:vert_end, horiz_start:horiz_end, :]
                for c in range(n_C):
                    dz = dZ[i, h, w, c]
                    da_slice += W[:, :, :, c] * dz  # a slice is a view: this fills dA_prev_pad
                    dW[:, :, :, c] += a_slice * dz
                    db[:, :, :, c] += dz
    dA_prev = dA_prev_pad[:, pad : pad + n_H_prev, pad : pad + n_W_prev, :]  # pad:-pad fails at 0
    return dA_prev, dW, db


def pool_forward(A_prev: Array, hparameters: HParams, mode: str = "max") -> tuple[Array, Cache]:
    """A, and the cache for pool_backward; hparameters are {"f", "stride"}, mode "max" or "average".

    n_H = floor((n_H_prev - f) / stride) + 1, and n_W alike.
    """
    assert mode in ("max", "average"), f"{mode=}"
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    n_H = (n_H_prev - f) // stride + 1
    n_W = (n_W_prev - f) // stride + 1
    A = np.zeros((m, n_H, n_W, n_C), _dtype(A_prev))
    for i in range(m):
        for h in range(n_H):
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):
                    a_slice_prev = A_prev[i, vert_start:vert_end, horiz_start:horiz_end, c]
                    if mode == "max":
                        A[i, h, w, c] = np.max(a_slice_prev)
                    else:
                        A[i, h, w, c] = np.mean(a_slice_prev)
    return A, (A_prev, hparameters)


def create_mask_from_window(x: Array) -> Array:
    """A mask of x (f, f), True at its maximum: the first in row order, but the last NaN if any."""
    best = (0, 0)
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            if x[row, column] > x[best] or np.isnan(x[row, column]):
                best = (row, column)
    mask = np.zeros(x.shape, bool)
    mask[best] = True
    return mask


def distribute_value(dz: Any, shape: tuple[int, int]) -> Array:
    """An array of this shape (n_H, n_W), each cell dz / (n_H * n_W)."""
    n_H, n_W = shape
    return np.full(shape, dz / (n_H * n_W))


def pool_backward(dA: Array, cache: Cache, mode: str = "max") -> Array:
    """dA_prev: each number of dA goes to the maximum of its window, or equally to all its cells."""
    assert mode in ("max", "average"), f"{mode=}"
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape, _dtype(dA, A_prev))
    for i in range(m):
        for h in range(n_H):
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):
                    a_slice = A_prev[i, vert_start:vert_end, horiz_start:horiz_end, c]
                    da_slice = dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c]
                    if mode == "max":
                        da_slice[create_mask_from_window(a_slice)] += dA[i, h, w, c]
                    else:
                        da_slice += distribute_value(dA[i, h, w, c], (f, f))
    return dA_prev


def _dtype(*arrays: Array) -> np.dtype[Any]:
    """The dtype that the arrays have in common; float64 for integers."""
    dtype = np.result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)
