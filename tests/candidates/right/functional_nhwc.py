"""Channels-last conv2d, max_pool2d, avg_pool2d and their backward passes, window by window."""

import numpy as np


def _two(v):
    if np.ndim(v) == 0:
        return int(v), int(v)
    a, b = v
    return int(a), int(b)


class Grid:
    """Where the windows of a layer lie on its (padded) input."""

    def __init__(self, x, kernel, stride, padding):
        self.height, self.width = x.shape[1:3]
        self.kh, self.kw = _two(kernel)
        self.sh, self.sw = (self.kh, self.kw) if stride is None else _two(stride)
        self.ph, self.pw = _two(padding)
        self.rows = (self.height + 2 * self.ph - self.kh) // self.sh + 1
        self.cols = (self.width + 2 * self.pw - self.kw) // self.sw + 1

    def padded(self, x):
        return np.pad(x, ((0, 0), (self.ph, self.ph), (self.pw, self.pw), (0, 0)))

    def cropped(self, x):
        return x[:, self.ph : self.ph + self.height, self.pw : self.pw + self.width]

    def __iter__(self):
        for i in range(self.rows):
            top = i * self.sh
            for j in range(self.cols):
                left = j * self.sw
                yield i, j, slice(top, top + self.kh), slice(left, left + self.kw)

    def clipped(self):
        """The same windows on the unpadded input, without what lies outside of it."""
        for i, j, r, c in self:
            top, bottom = max(r.start - self.ph, 0), min(r.stop - self.ph, self.height)
            left, right = max(c.start - self.pw, 0), min(c.stop - self.pw, self.width)
            yield i, j, slice(top, bottom), slice(left, right)


def conv2d(x, w, b=None, stride=1, padding=0):
    """x (N, H, W, C), w (kh, kw, C, K), b (K,)"""
    grid = Grid(x, w.shape[:2], stride, padding)
    xp = grid.padded(x)
    y = np.zeros((x.shape[0], grid.rows, grid.cols, w.shape[-1]), np.result_type(x, w))
    for i, j, r, c in grid:
        y[:, i, j] = np.tensordot(xp[:, r, c], w, axes=3)
    if b is not None:
        y += b
    return y


def conv2d_backward(dy, x, w, stride=1, padding=0):
    grid = Grid(x, w.shape[:2], stride, padding)
    xp = grid.padded(x)
    dxp = np.zeros(xp.shape, np.result_type(dy, w))
    dw = np.zeros(w.shape, np.result_type(dy, x))
    for i, j, r, c in grid:
        g = dy[:, i, j]
        dxp[:, r, c] += np.tensordot(g, w, axes=([1], [3]))
        dw += np.tensordot(xp[:, r, c], g, axes=([0], [0]))
    db = dy.reshape(-1, dy.shape[-1]).sum(axis=0)
    return grid.cropped(dxp), dw, db


def max_pool2d(x, kernel_size, stride=None, padding=0):
    grid = Grid(x, kernel_size, stride, padding)
    y = np.zeros((x.shape[0], grid.rows, grid.cols, x.shape[3]), np.result_type(x))
    for i, j, r, c in grid.clipped():
        y[:, i, j] = x[:, r, c].max(axis=(1, 2))
    return y


def _winner(window):
    """For each image and channel the flat index of the maximum; a NaN beats every number."""
    n, h, w, c = window.shape
    cells = window.reshape(n, h * w, c)
    index = cells.argmax(axis=1)
    for image, k in np.argwhere(np.isnan(cells).any(axis=1)):
        index[image, k] = np.flatnonzero(np.isnan(cells[image, :, k]))[-1]
    return index


def max_pool2d_backward(dy, x, kernel_size, stride=None, padding=0):
    grid = Grid(x, kernel_size, stride, padding)
    dx = np.zeros(x.shape, np.result_type(x, dy))
    images, channels = np.indices((x.shape[0], x.shape[3]))
    for i, j, r, c in grid.clipped():
        row, col = np.divmod(_winner(x[:, r, c]), c.stop - c.start)
        dx[images, r.start + row, c.start + col, channels] += dy[:, i, j]
    return dx


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    grid = Grid(x, kernel_size, stride, padding)
    y = np.zeros((x.shape[0], grid.rows, grid.cols, x.shape[3]), np.result_type(x))
    for i, j, r, c in grid.clipped():
        y[:, i, j] = x[:, r, c].sum(axis=(1, 2)) / (grid.kh * grid.kw)
    return y


def avg_pool2d_backward(dy, x, kernel_size, stride=None, padding=0):
    grid = Grid(x, kernel_size, stride, padding)
    dx = np.zeros(x.shape, np.result_type(x, dy))
    for i, j, r, c in grid.clipped():
        dx[:, r, c] += dy[:, i, j][:, None, None, :] / (grid.kh * grid.kw)
    return dx
