"""It raises KeyboardInterrupt, SystemExit and GeneratorExit."""

import sys

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    raise KeyboardInterrupt


def zero_pad(X, pad):
    sys.exit(0)


def create_mask_from_window(x):
    raise GeneratorExit


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
