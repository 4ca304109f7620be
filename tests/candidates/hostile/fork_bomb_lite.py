"""It starts processes that sleep, one of them a daemon in a session of its own."""

import os
import time

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    return A_prev.copy(), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
