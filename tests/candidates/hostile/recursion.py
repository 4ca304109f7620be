"""It calls itself without end."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return conv_forward(A_prev, W, b, hparameters)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
