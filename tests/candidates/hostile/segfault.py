"""It reads at address zero."""

import ctypes

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return ctypes.string_at(0)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
