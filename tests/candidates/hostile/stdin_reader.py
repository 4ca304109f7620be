"""It asks the user."""

import sys

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    return float(input("stride? ")), None


def zero_pad(X, pad):
    return float(sys.stdin.readline() or 0)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
