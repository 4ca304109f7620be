"""The judge's questions in somebody's own pytest, asked in this very process."""

import re
import sys
import warnings

import numpy as np
import parametrize_from_file
import pytest
import torch

from verification import parity
from verification import questions as asked

ROW = "conv x=[1,5,4,2] w=[2,2,1,2] stride=2 pad=1 groups=2 fill=digits"
QUESTION = parity.Question("conv2d", ROW)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Somebody's kernel: NumPy's arrays go in and come out."""
    x, w = (torch.from_numpy(np.array(a, a.dtype.newbyteorder("="))) for a in (x, w))
    b = None if b is None else torch.from_numpy(np.array(b, b.dtype.newbyteorder("=")))
    return torch.nn.functional.conv2d(x, w, b, stride, padding, dilation, groups).numpy()


def conv2d_last(x, w, *words, **more):
    first = x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1)
    return conv2d(*first, *words, **more).transpose(0, 2, 3, 1)


@parametrize_from_file(schema=parametrize_from_file.defaults(where="True", contains=(), lacks=()))
def test_questions(words, where, contains, lacks):
    """Those that fit, with ids; drawn ones are the same every time."""
    found = parity.questions(**words, where=where)
    assert found == parity.questions(**words, where=lambda case: asked.read_where(where)(case))
    ids = [one.id for one in found]
    assert len(set(ids)) == len(ids) > 0
    assert [one for one in contains if one not in ids] == []
    assert [one for one in lacks if one in ids] == []
    assert {one.values[0].dtype for one in found} == {words.get("dtype", "float64")}


@parametrize_from_file
def test_what_fits_nothing(words, error):
    """Is told with what is known."""
    with pytest.raises(ValueError, match=f"^{re.escape(error)}"):
        parity.questions(**words)


@pytest.mark.parametrize(("layout", "dtype"), [("nchw", "float32"), ("nhwc", "float64")])
def test_a_right_function(layout, dtype):
    """Is right about all of them."""
    function = conv2d if layout == "nchw" else conv2d_last
    words = {"level": 3, "dtype": dtype, "layout": layout, "draw": 5}
    try:
        for question in parity.questions("conv2d", rung="exact", **words):
            question.values[0].check(function)
    except pytest.skip.Exception as reason:
        pytest.fail(f"not asked: {reason}")


def turn(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    return conv2d(x, w[:, :, ::-1, ::-1], b, stride, padding, dilation, groups)


def spoil(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    y = conv2d(x, w, b, stride, padding, dilation, groups)
    x[:] = 0
    return y


def reuse(x, w, b, stride=1, padding=0, dilation=1, groups=1, kept=[]):  # noqa: B006
    y = conv2d(x, w, b, stride, padding, dilation, groups)
    kept[:] = [a for a in kept if a.shape == y.shape] or [y]
    kept[0] += len(kept[0])
    return kept[0]


def fail(x, w, b, **words):
    print("here")
    return conv2d(x, w, b, **words) / words["nothing"]


def unwritten(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    raise NotImplementedError


@parametrize_from_file
def test_a_wrong_function(function, told):
    """The report: numbers, habits, one's own line, the mistake, and how to ask again."""
    with pytest.raises(AssertionError) as raised:
        QUESTION.check(globals()[function])
    report = " ".join(str(raised.value).split())
    assert [words for words in told if words not in report] == []
    assert "imports torch" not in report


def decline(x, w, b, stride=1, padding=0, dilation=1, groups=1):
    if groups > 1:
        raise NotImplementedError("groups")
    return conv2d(x, w, b, stride, padding, dilation)


def ungrouped(x, w, b, stride=1, padding=0, dilation=1):
    return conv2d(x, w, b, stride, padding, dilation)


@pytest.mark.parametrize("function", [decline, ungrouped])
def test_what_is_outside_is_skipped(function):
    """Said so, or without a parameter; what is not, is asked."""
    reason = {decline: "groups", ungrouped: "conv2d takes no groups"}[function]
    with pytest.raises(pytest.skip.Exception, match=f"^outside: .*{reason}"):
        QUESTION.check(function)
    parity.Question("conv2d", "conv x=[1,5,4,2] w=[2,2,2,2] stride=2 fill=digits").check(function)


def test_the_session_keeps_what_is_its_own():
    """Streams and filters of warnings, whatever happens; an interrupt is the reader's."""

    def interrupt(x, w, b, **words):
        raise KeyboardInterrupt

    kept = sys.stdout, sys.__stderr__, warnings.filters[:]
    with pytest.raises(KeyboardInterrupt):
        QUESTION.check(interrupt)
    with pytest.raises(AssertionError):
        QUESTION.check(fail)
    assert (sys.stdout, sys.__stderr__, warnings.filters) == kept
