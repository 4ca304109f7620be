"""It returns lists of numbers."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return A_prev.tolist(), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
