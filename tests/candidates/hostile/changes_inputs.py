"""It works in its inputs' memory."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    A_prev *= 2
    W[...] = 0
    return A_prev.copy(), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
