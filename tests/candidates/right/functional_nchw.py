"""conv2d, max_pool2d and avg_pool2d with their gradients, as in torch.nn.functional."""

import numpy as np


def pair(value):
    return (value, value) if isinstance(value, int | np.integer) else tuple(value)


def pad2d(x, padding, value=0):
    ph, pw = pair(padding)
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)


def tap_slices(shape, kernel, stride, dilation=(1, 1)):
    """(i, j, rows, columns) for each position of the kernel, and the size of the output."""
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    oh = (shape[2] - dh * (kh - 1) - 1) // sh + 1
    ow = (shape[3] - dw * (kw - 1) - 1) // sw + 1
    rows = [slice(i * dh, i * dh + sh * oh, sh) for i in range(kh)]
    columns = [slice(j * dw, j * dw + sw * ow, sw) for j in range(kw)]
    return [(i, j, rows[i], columns[j]) for i in range(kh) for j in range(kw)], oh, ow


def unfold(x, kernel, stride, dilation=(1, 1)):
    """(N, C, H, W) -> (N, C, kh, kw, oh, ow)"""
    slices, oh, ow = tap_slices(x.shape, kernel, stride, dilation)
    patches = np.empty((*x.shape[:2], *kernel, oh, ow), dtype=x.dtype)
    for i, j, rows, columns in slices:
        patches[:, :, i, j] = x[:, :, rows, columns]
    return patches


def fold(patches, shape, padding, stride, dilation=(1, 1)):
    """The transpose of pad2d followed by unfold."""
    n, c, h, w = shape
    ph, pw = padding
    x = np.zeros((n, c, h + 2 * ph, w + 2 * pw), dtype=patches.dtype)
    slices, _, _ = tap_slices(x.shape, patches.shape[2:4], stride, dilation)
    for i, j, rows, columns in slices:
        x[:, :, rows, columns] += patches[:, :, i, j]
    return x[:, :, ph : ph + h, pw : pw + w]


def grouped(x, w, padding, stride, dilation, groups):
    patches = unfold(pad2d(x, padding), w.shape[2:], stride, dilation)
    n, c, kh, kw, oh, ow = patches.shape
    patches = patches.reshape(n, groups, c // groups, kh, kw, oh, ow)
    filters = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    return patches, filters


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    patches, filters = grouped(x, w, padding, stride, dilation, groups)
    y = np.einsum("ngcijhw,gkcij->ngkhw", patches, filters)
    y = y.reshape(x.shape[0], w.shape[0], *y.shape[3:])
    if b is not None:
        y = y + b.reshape(1, -1, 1, 1)
    return y


def conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1):
    stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    patches, filters = grouped(x, w, padding, stride, dilation, groups)
    n, k, oh, ow = dy.shape
    dy_grouped = dy.reshape(n, groups, k // groups, oh, ow)
    dw = np.einsum("ngkhw,ngcijhw->gkcij", dy_grouped, patches).reshape(w.shape)
    dpatches = np.einsum("ngkhw,gkcij->ngcijhw", dy_grouped, filters)
    dpatches = dpatches.reshape(n, x.shape[1], *w.shape[2:], oh, ow)
    dx = fold(dpatches, x.shape, padding, stride, dilation)
    db = dy.sum(axis=(0, 2, 3))
    return dx, dw, db


def max_pool2d(x, kernel_size, stride=None, padding=0):
    kernel = pair(kernel_size)
    stride = kernel if stride is None else pair(stride)
    patches = unfold(pad2d(x, padding, -np.inf), kernel, stride)
    return patches.max(axis=(2, 3))


def max_pool2d_backward(dy, x, kernel_size, stride=None, padding=0):
    kernel, padding = pair(kernel_size), pair(padding)
    stride = kernel if stride is None else pair(stride)
    patches = unfold(pad2d(x, padding, -np.inf), kernel, stride)
    inside = unfold(pad2d(np.ones(x.shape, dtype=bool), padding, False), kernel, stride)

    flat = (*x.shape[:2], kernel[0] * kernel[1], *dy.shape[2:])
    cells = patches.reshape(flat)
    candidates = (cells == cells.max(axis=2, keepdims=True)) & inside.reshape(flat)
    nan = np.isnan(cells)
    last_nan = flat[2] - 1 - nan[:, :, ::-1].argmax(axis=2)
    winner = np.where(nan.any(axis=2), last_nan, candidates.argmax(axis=2))

    numbers = np.arange(flat[2]).reshape(-1, 1, 1)
    dcells = np.where(numbers == winner[:, :, None], dy[:, :, None], 0)
    return fold(dcells.reshape(patches.shape), x.shape, padding, stride)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    kernel = pair(kernel_size)
    stride = kernel if stride is None else pair(stride)
    patches = unfold(pad2d(x, padding), kernel, stride)
    return patches.sum(axis=(2, 3)) / (kernel[0] * kernel[1])


def avg_pool2d_backward(dy, x, kernel_size, stride=None, padding=0):
    kernel, padding = pair(kernel_size), pair(padding)
    stride = kernel if stride is None else pair(stride)
    share = dy / (kernel[0] * kernel[1])
    n, c, oh, ow = dy.shape
    dpatches = np.broadcast_to(share[:, :, None, None], (n, c, *kernel, oh, ow))
    return fold(dpatches, x.shape, padding, stride)
