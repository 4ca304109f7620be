"""Layers of the CNN assignment.  The only loops are over the positions inside the kernel."""

import numpy as np


def zero_pad(X, pad):
    batch, height, width, channels = X.shape
    padded = np.zeros((batch, height + 2 * pad, width + 2 * pad, channels), X.dtype)
    padded[:, pad : height + pad, pad : width + pad] = X
    return padded


def conv_single_step(a_slice_prev, W, b):
    return (a_slice_prev * W).sum() + b.sum()


def cells_at(X, i, j, stride, n_H, n_W):
    """The cells that all windows have at position (i, j)."""
    return X[:, i : i + stride * n_H : stride, j : j + stride * n_W : stride]


def conv_forward(A_prev, W, b, hparameters):
    stride, pad = hparameters["stride"], hparameters["pad"]
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f, n_C = W.shape[0], W.shape[3]
    n_H = 1 + (n_H_prev + 2 * pad - f) // stride
    n_W = 1 + (n_W_prev + 2 * pad - f) // stride
    padded = zero_pad(A_prev, pad)

    Z = np.zeros((m, n_H, n_W, n_C), dtype=np.result_type(A_prev, W))
    for i in range(f):
        for j in range(f):
            Z += cells_at(padded, i, j, stride, n_H, n_W) @ W[i, j]
    Z += b

    cache = {"input": A_prev, "padded": padded, "W": W, "b": b, "stride": stride, "pad": pad}
    return Z, cache


def conv_backward(dZ, cache):
    padded, W, stride, pad = cache["padded"], cache["W"], cache["stride"], cache["pad"]
    height, width = cache["input"].shape[1:3]
    f = W.shape[0]
    _, n_H, n_W, _ = dZ.shape

    d_padded = np.zeros(padded.shape, dtype=dZ.dtype)
    dW = np.zeros(W.shape, dtype=dZ.dtype)
    for i in range(f):
        for j in range(f):
            d_cells = cells_at(d_padded, i, j, stride, n_H, n_W)
            d_cells += np.einsum("mhwk,ck->mhwc", dZ, W[i, j])
            cells = cells_at(padded, i, j, stride, n_H, n_W)
            dW[i, j] = np.einsum("mhwc,mhwk->ck", cells, dZ)
    db = np.einsum("mhwk->k", dZ)[None, None, None, :]

    return d_padded[:, pad : height + pad, pad : width + pad], dW, db


def pool_forward(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    n_H = 1 + (n_H_prev - f) // stride
    n_W = 1 + (n_W_prev - f) // stride

    if mode == "max":
        A = np.full((m, n_H, n_W, n_C), -np.inf, dtype=A_prev.dtype)
        position = np.zeros(A.shape, dtype=int)
    else:
        A = np.zeros((m, n_H, n_W, n_C), dtype=A_prev.dtype)
        position = None
    for i in range(f):
        for j in range(f):
            cells = cells_at(A_prev, i, j, stride, n_H, n_W)
            if mode == "max":
                larger = cells > A
                A[larger] = cells[larger]
                position[larger] = i * f + j
            else:
                A += cells
    if mode == "average":
        A /= f * f

    return A, {"input": A_prev, "f": f, "stride": stride, "position": position}


def create_mask_from_window(x):
    mask = np.zeros(x.shape, dtype=bool)
    best = None
    for cell, value in np.ndenumerate(x):
        if best is None or value > x[best]:
            best = cell
    mask[best] = True
    return mask


def distribute_value(dz, shape):
    height, width = shape
    return np.tile(dz / (height * width), shape)


def pool_backward(dA, cache, mode="max"):
    f, stride, position = cache["f"], cache["stride"], cache["position"]
    _, n_H, n_W, _ = dA.shape
    dA_prev = np.zeros(cache["input"].shape, dtype=dA.dtype)
    for i in range(f):
        for j in range(f):
            d_cells = cells_at(dA_prev, i, j, stride, n_H, n_W)
            if mode == "max":
                d_cells += dA * (position == i * f + j)
            else:
                d_cells += dA / (f * f)
    return dA_prev
