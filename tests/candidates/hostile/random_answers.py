"""It answers anew each time."""

import numpy as np

RNG = np.random.default_rng()


def conv_forward(A_prev, W, b, hparameters):
    return RNG.standard_normal(A_prev.shape), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
