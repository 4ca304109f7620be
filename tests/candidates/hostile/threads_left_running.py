"""It leaves threads behind that never end."""

import threading
import time

import numpy as np


def forever():
    while True:
        time.sleep(0.01)


def conv_forward(A_prev, W, b, hparameters):
    for _ in range(3):
        threading.Thread(target=forever).start()
    return A_prev.copy(), None


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
