"""It never returns."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    while True:
        pass


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
