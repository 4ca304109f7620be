"""The assignment's layers with every window unrolled into a row of a matrix."""

import math

import numpy as np


def window_indices(n_H_prev, n_W_prev, f, stride):
    """Rows and columns of the cells of each window, both (n_H, n_W, f, f) after broadcasting."""
    n_H = (n_H_prev - f) // stride + 1
    n_W = (n_W_prev - f) // stride + 1
    rows = stride * np.arange(n_H)[:, None] + np.arange(f)
    cols = stride * np.arange(n_W)[:, None] + np.arange(f)
    return rows[:, None, :, None], cols[None, :, None, :]


def im2col(X, f, stride):
    rows, cols = window_indices(X.shape[1], X.shape[2], f, stride)
    return X[:, rows, cols, :]


def col2im(patches, shape, stride):
    """Add every cell of every window to the cell of the image that it was taken from."""
    X = np.zeros(shape, dtype=patches.dtype)
    f = patches.shape[3]
    rows, cols = window_indices(shape[1], shape[2], f, stride)
    np.add.at(X, (slice(None), rows, cols), patches)
    return X


def zero_pad(X, pad):
    return np.pad(X, [(0, 0), (pad, pad), (pad, pad), (0, 0)])


def conv_single_step(a_slice_prev, W, b):
    return np.dot(a_slice_prev.ravel(), W.ravel()) + b.ravel()[0]


def conv_forward(A_prev, W, b, hparameters):
    stride, pad = hparameters["stride"], hparameters["pad"]
    f, _, n_C_prev, n_C = W.shape
    patches = im2col(zero_pad(A_prev, pad), f, stride)
    m, n_H, n_W = patches.shape[:3]
    X_col = patches.reshape(m * n_H * n_W, f * f * n_C_prev)
    W_col = W.reshape(f * f * n_C_prev, n_C)
    Z = X_col @ W_col + b.reshape(1, n_C)
    return Z.reshape(m, n_H, n_W, n_C), (A_prev, W, b, hparameters)


def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    m, n_H, n_W, n_C = dZ.shape
    f = W.shape[0]

    A_prev_pad = zero_pad(A_prev, pad)
    X_col = im2col(A_prev_pad, f, stride).reshape(m * n_H * n_W, f * f * n_C_prev)
    W_col = W.reshape(f * f * n_C_prev, n_C)
    dZ_col = dZ.reshape(m * n_H * n_W, n_C)

    dW = (X_col.T @ dZ_col).reshape(W.shape)
    db = dZ_col.sum(axis=0).reshape(b.shape)
    dX_col = dZ_col @ W_col.T
    dpatches = dX_col.reshape(m, n_H, n_W, f, f, n_C_prev)
    dA_prev_pad = col2im(dpatches, A_prev_pad.shape, stride)
    dA_prev = dA_prev_pad[:, pad : pad + n_H_prev, pad : pad + n_W_prev, :]
    return dA_prev, dW, db


def pool_forward(A_prev, hparameters, mode="max"):
    f, stride = hparameters["f"], hparameters["stride"]
    patches = im2col(A_prev, f, stride)
    m, n_H, n_W, _, _, n_C = patches.shape
    cells = patches.reshape(m, n_H, n_W, f * f, n_C)
    A = cells.max(axis=3) if mode == "max" else cells.mean(axis=3)
    return A, (A_prev, hparameters)


def create_mask_from_window(x):
    mask = np.zeros(x.size, dtype=bool)
    mask[x.argmax()] = True
    return mask.reshape(x.shape)


def distribute_value(dz, shape):
    return np.full(shape, dz / math.prod(shape))


def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    if mode == "max":
        cells = im2col(A_prev, f, stride).reshape(m, n_H, n_W, f * f, n_C)
        winners = cells.argmax(axis=3)[:, :, :, None, :]
        dcells = np.zeros(cells.shape, dtype=dA.dtype)
        np.put_along_axis(dcells, winners, dA[:, :, :, None, :], axis=3)
    else:
        dcells = np.repeat(dA[:, :, :, None, :] / (f * f), f * f, axis=3)
    return col2im(dcells.reshape(m, n_H, n_W, f, f, n_C), A_prev.shape, stride)
