"""CNN layers without a loop over pixels: sliding_window_view and einsum."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows_of(X, f, stride):
    """(m, n_H, n_W, n_C, f, f)"""
    return sliding_window_view(X, (f, f), axis=(1, 2))[:, ::stride, ::stride]


def dilate(dZ, stride):
    """Put stride - 1 zeros between neighbours, along the height and along the width."""
    m, n_H, n_W, n_C = dZ.shape
    out = np.zeros((m, stride * (n_H - 1) + 1, stride * (n_W - 1) + 1, n_C), dtype=dZ.dtype)
    out[:, ::stride, ::stride] = dZ
    return out


def zero_pad(X, pad):
    m, n_H, n_W, n_C = X.shape
    X_pad = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C), dtype=X.dtype)
    X_pad[:, pad : pad + n_H, pad : pad + n_W, :] = X
    return X_pad


def conv_single_step(a_slice_prev, W, b):
    return np.einsum("ijc,ijc->", a_slice_prev, W) + b[0, 0, 0]


def conv_forward(A_prev, W, b, hparameters):
    X = zero_pad(A_prev, hparameters["pad"])
    patches = windows_of(X, W.shape[0], hparameters["stride"])
    Z = np.einsum("mhwcij,ijck->mhwk", patches, W) + b
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ, cache):
    """Both gradients are correlations with the dilated dZ: dW of the input, dX of the kernel."""
    A_prev, W, b, hparameters = cache
    pad, stride = hparameters["pad"], hparameters["stride"]
    _, n_H, n_W, _ = A_prev.shape
    f = W.shape[0]
    X = zero_pad(A_prev, pad)
    grown = dilate(dZ, stride)

    # [:f, :f] since stride may leave some rows and columns of X unused
    fields = sliding_window_view(X, grown.shape[1:3], axis=(1, 2))[:, :f, :f]
    dW = np.einsum("mijchw,mhwk->ijck", fields, grown)
    db = dZ.sum(axis=(0, 1, 2), keepdims=True)

    full = windows_of(zero_pad(grown, f - 1), f, 1)
    rotated = W[::-1, ::-1]
    dX = np.zeros(X.shape, dtype=X.dtype)
    covered = np.einsum("mhwkij,ijck->mhwc", full, rotated)
    dX[:, : covered.shape[1], : covered.shape[2]] = covered
    dA_prev = dX[:, pad : pad + n_H, pad : pad + n_W]
    return dA_prev, dW, db


def pool_forward(A_prev, hparameters, mode="max"):
    patches = windows_of(A_prev, hparameters["f"], hparameters["stride"])
    reduce = {"max": np.max, "average": np.mean}[mode]
    A = reduce(patches, axis=(4, 5))
    return A, (A_prev, hparameters)


def create_mask_from_window(x):
    return (np.arange(x.size) == np.argmax(x)).reshape(x.shape)


def distribute_value(dz, shape):
    return np.broadcast_to(dz / (shape[0] * shape[1]), shape).copy()


def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape, dtype=dA.dtype)
    if mode == "max":
        patches = windows_of(A_prev, f, stride).reshape(m, n_H, n_W, n_C, f * f)
        first = patches.argmax(axis=-1)
        i, h, w, c = np.indices(dA.shape)
        np.add.at(dA_prev, (i, h * stride + first // f, w * stride + first % f, c), dA)
    else:
        share = dA / (f * f)
        for h in range(n_H):
            for w in range(n_W):
                top, left = h * stride, w * stride
                dA_prev[:, top : top + f, left : left + f] += share[:, h : h + 1, w : w + 1]
    return dA_prev
