import numpy as np
import pytest
import torch

from verification import parity


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    if groups not in (1, x.shape[1]):
        raise NotImplementedError("the kernel knows no groups of several channels")
    arrays = (a if a is None else np.array(a, a.dtype.newbyteorder("=")) for a in (x, w, b))
    x, w, b = (a if a is None else torch.from_numpy(a) for a in arrays)
    return torch.conv2d(x, w, b, stride, padding, dilation, groups).numpy()


@pytest.mark.parametrize("question", parity.questions("conv2d", level=3, dtype="float32"))
def test_conv2d(question):
    question.check(conv2d)


DEPTHWISE = {"where": lambda case: case.groups == case.channels > 1, "rung": "exact"}


@pytest.mark.parametrize("question", parity.questions("conv2d", **DEPTHWISE))
def test_depthwise(question):
    question.check(conv2d)
