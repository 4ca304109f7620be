"""It takes its settings out of hparameters."""

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    hparameters.pop("stride")
    return A_prev.copy(), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
