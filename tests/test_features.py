"""A question's place on the ladder and among the levels."""

import pytest

from verification import features, questions, row
from verification.questions import Refusal

CONV = "conv x=[3,7,9,4] w=[3,2,2,6] groups=2 stride=[1,2]"
POOL = "max_pool x=[2,5,8,3] kernel=[2,3]"
AVERAGE = "avg_pool x=[2,5,8,3] kernel=[2,3]"
REFUSED = Refusal("pad-text", "zero_pad", {"pad": "one"}, "TypeError", ("pad",))


def one(line):
    (case,) = row.parse(line)
    return case


@pytest.mark.parametrize(
    ("line", "rung"),
    [
        (f"{CONV} fill=integers", "exact"),
        (f"{CONV} fill=digits", "exact"),
        (f"{CONV} fill=units", "exact"),
        (f"{CONV} fill=integers dtype=float16", "exact"),
        (f"{CONV} fill=integers layout=swapped", "contract"),
        (f"{CONV} fill=sparse layout=F", "contract"),
        ("conv x=[0,7,9,4] w=[3,2,4,6] fill=integers", "contract"),
        (f"{POOL} fill=ties", "edge"),
        (f"{POOL} fill=permutation", "edge"),
        (f"{POOL} fill=special", "edge"),
        (f"{POOL} fill=dense", "rounding"),
        (f"{CONV} fill=sparse", "rounding"),
        (f"{CONV} fill=wide", "rounding"),
        (f"{CONV} fill=special", "edge"),
        (f"{CONV} check=linear", "properties"),
        (f"{CONV} check=stride layout=F", "properties"),
        (f"{POOL} check=monotone", "properties"),
        (f"{CONV} check=adjoint", "adjoint"),
        (f"{AVERAGE} check=adjoint", "adjoint"),
        (f"{CONV} check=taps", "proof"),
        (f"{POOL} check=cells", "proof"),
        (f"{POOL} fill=special check=cells", "proof"),
        (f"{CONV} check=scale", "scale"),
        ("zero_pad x=[2,3,4,1] pad=[[1,2],[0,3]] fill=integers", "exact"),
        ("zero_pad x=[0,3,4,1] pad=1 fill=integers", "contract"),
    ],
)
def test_a_rung_is_a_kind_of_evidence(line, rung):
    """A check before a memory order, a memory order before a fill."""
    assert rung == features.rung(one(line))


def test_what_must_be_refused_is_of_the_contract():
    """And of the highest level: it says nothing of numbers."""
    assert (features.rung(REFUSED), features.level(REFUSED)) == ("contract", 4)


def test_every_rung_is_asked_and_every_check_has_one():
    """By the questions of the files; a new check without a rung of its own is a property."""
    asked = {features.rung(question) for question in questions.every()}
    assert set(features.RUNGS) == asked
    of_check = {check for checks in row.CHECKS.values() for check in checks}
    assert set(features._OF_CHECK) <= of_check
    known = [*row.USUAL.values(), *row.ON_REQUEST.values()]
    fills = {fill for some in known for fill in some}
    assert set(features._OF_FILL) <= fills


@pytest.mark.parametrize(
    ("words", "level"),
    [("check=adjoint", 2), ("check=adjoint stride=[1,2]", 4), ("dtype=float32 fill=integers", 2)],
)
def test_a_check_and_a_dtype_raise_no_level(words, level):
    """They are other ways to judge the same geometry."""
    assert level == features.level(one(f"conv x=[2,7,7,3] w=[2,2,3,5] {words}"))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("conv x=[2,7,9,3] w=[2,3,1,6] groups=3 fill=integers", "depthwise"),
        ("conv x=[0,7,9,3] w=[2,3,3,6] fill=integers", "empty-batch"),
        ("conv x=[2,7,9,3] w=[7,9,3,2] fill=integers", "kernel-is-input"),
        ("conv x=[2,9,3] w=[2,3,4] fill=integers", "1-D"),
        ("conv x=[2,4,5,6,3] w=[2,1,3,3,4] fill=integers", "3-D"),
        (f"{POOL} pad=1 fill=ties", "padded-pool"),
        (f"{POOL} stride=[1,4] fill=permutation", "pool-overlap"),
        ("create_mask_from_window x=[3,2] fill=special", "special"),
    ],
)
def test_a_feature_is_told(line, name):
    """And is not told of a plain convolution."""
    assert name in features.of(one(line))
    assert name not in features.of(one("conv x=[2,7,9,3] w=[2,3,3,4] fill=integers"))


def test_a_helper_has_no_features_but_its_fill():
    """It has no windows."""
    assert frozenset() == features.of(one("distribute_value x=[3,2] fill=integers"))
