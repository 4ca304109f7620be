"""It returns a view of its input."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return A_prev[..., ::-1], None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
