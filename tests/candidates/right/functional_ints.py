"""Torch's functions as exercises have them: whole sizes, a bias always, no padding of pools."""

import numpy as np


class Conv:
    @staticmethod
    def cut(x, kernel, s):
        """(N, C, P, Q, R, S): a view."""
        return np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))[:, :, ::s, ::s]


def conv2d(image, weight, beta, s=1, pad=0):
    p = int(0 + pad)
    x = np.pad(image, ((0, 0), (0, 0), (p, p), (p, p)))
    y = np.einsum("nchwij,kcij->nkhw", Conv.cut(x, weight.shape[2:], 1 * s), weight)
    return y + beta.reshape(1, -1, 1, 1)


def max_pool2d(x, size, *, stride=None):
    s = size if stride is None else stride
    return Conv.cut(x, (size, size), s).max((-1, -2))


def avg_pool2d(x, kernel_size):
    k = kernel_size + 0
    return Conv.cut(x, (k, k), k).mean((-1, -2))
