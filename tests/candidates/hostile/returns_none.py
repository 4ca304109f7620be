"""It forgets to return."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    A_prev + 1


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
