import numpy as np
from numpy.lib.stride_tricks import as_strided


def out_size(n, f, stride):
    return (n - f) // stride + 1


def view_as_windows(x, f, stride):
    """View of x as (m, n_H, n_W, f, f, n_C); copies nothing."""
    m, n_H_prev, n_W_prev, n_C = x.shape
    n_H = out_size(n_H_prev, f, stride)
    n_W = out_size(n_W_prev, f, stride)
    s_m, s_H, s_W, s_C = x.strides
    return as_strided(
        x,
        shape=(m, n_H, n_W, f, f, n_C),
        strides=(s_m, s_H * stride, s_W * stride, s_H, s_W, s_C),
        writeable=False,
    )


def taps(n, f, stride):
    """For each offset inside the window, the slice of all cells that windows have there."""
    count = out_size(n, f, stride)
    return [slice(k, k + stride * count, stride) for k in range(f)]


def zero_pad(X, pad):
    return np.pad(X, ((0,), (pad,), (pad,), (0,)), "constant")


def conv_single_step(a_slice_prev, W, b):
    return np.sum(np.multiply(a_slice_prev, W)) + np.squeeze(b)


def conv_forward(A_prev, W, b, hparameters):
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    X = zero_pad(A_prev, pad)
    view = view_as_windows(X, W.shape[0], stride)
    Z = np.tensordot(view, W, axes=([3, 4, 5], [0, 1, 2])) + b
    cache = (A_prev, W, b, hparameters)
    return Z, cache


def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    f = W.shape[0]
    n_H_prev, n_W_prev = A_prev.shape[1:3]

    X = zero_pad(A_prev, pad)
    view = view_as_windows(X, f, stride)
    dW = np.tensordot(view, dZ, axes=([0, 1, 2], [0, 1, 2]))
    db = np.sum(dZ, axis=(0, 1, 2)).reshape(b.shape)

    dX = np.zeros(X.shape, dtype=dZ.dtype)
    for i, rows in enumerate(taps(X.shape[1], f, stride)):
        for j, cols in enumerate(taps(X.shape[2], f, stride)):
            dX[:, rows, cols] += dZ @ W[i, j].T
    dA_prev = dX[:, pad : pad + n_H_prev, pad : pad + n_W_prev]
    return dA_prev, dW, db


def pool_forward(A_prev, hparameters, mode="max"):
    f = hparameters["f"]
    stride = hparameters["stride"]
    view = view_as_windows(A_prev, f, stride)
    if mode == "max":
        A = view.max(axis=(3, 4))
    elif mode == "average":
        A = view.sum(axis=(3, 4)) / (f * f)
    else:
        raise ValueError(mode)
    return A, (A_prev, hparameters)


def create_mask_from_window(x):
    mask = np.zeros_like(x, dtype=bool)
    row, col = divmod(int(np.argmax(x)), x.shape[1])
    mask[row, col] = True
    return mask


def distribute_value(dz, shape):
    a = np.empty(shape, dtype=np.asarray(dz).dtype)
    a.fill(dz / a.size)
    return a


def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f = hparameters["f"]
    stride = hparameters["stride"]
    view = view_as_windows(A_prev, f, stride)
    m, n_H, n_W, _, _, n_C = view.shape
    winner = view.reshape(m, n_H, n_W, f * f, n_C).argmax(axis=3)

    dA_prev = np.zeros(A_prev.shape, dtype=dA.dtype)
    for i, rows in enumerate(taps(A_prev.shape[1], f, stride)):
        for j, cols in enumerate(taps(A_prev.shape[2], f, stride)):
            if mode == "max":
                dA_prev[:, rows, cols] += np.where(winner == i * f + j, dA, 0)
            else:
                dA_prev[:, rows, cols] += dA / (f * f)
    return dA_prev
