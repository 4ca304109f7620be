"""It returns words, objects and complex numbers."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return A_prev.astype(str), None


def zero_pad(X, pad):
    return X.astype(object)


def create_mask_from_window(x):
    return x + 0j


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
