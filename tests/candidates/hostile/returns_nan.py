"""It returns nothing but NaN."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return np.full_like(A_prev, np.nan), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
