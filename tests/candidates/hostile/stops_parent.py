"""It stops its parent, and loops."""

import os
import signal
import time

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(60)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
