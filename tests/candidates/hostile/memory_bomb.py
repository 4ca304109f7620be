"""It wants more memory than there is."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return np.ones((2**20, 2**20)), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
