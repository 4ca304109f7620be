"""It prints without end, and closes what it prints to."""

import sys

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    for _ in range(20000):
        print("flood " * 100)
        print(A_prev, file=sys.stderr) if A_prev.size == 0 else None
    sys.stdout.close()
    sys.stdout = None
    return A_prev * 2, None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
