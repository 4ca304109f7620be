import pytest
import torch

from verification import parity

PLAIN = {"where": lambda case: case.layout == "C"}  # arrays as torch takes them


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    if groups not in (1, x.shape[1]):
        raise NotImplementedError("the kernel knows no groups of several channels")
    x, w, b = (a if a is None else torch.from_numpy(a) for a in (x, w, b))
    return torch.conv2d(x, w, b, stride, padding, dilation, groups).numpy()


@pytest.mark.parametrize("question", parity.questions("conv2d", dtype="float32", **PLAIN))
def test_conv2d(question):
    question.check(conv2d)
