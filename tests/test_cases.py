"""The case files are sound: enough cases, small enough, and one for every rule."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from verification import definition, features, fills, questions, row
from verification.case import Case
from verification.contracts.npcnn import CONTRACT
from verification.questions import FOLDER, Refusal

ALL = questions.read_all()
CASES = [question for question in ALL if isinstance(question, Case)]
HAND_MADE = [
    question
    for name in ("conv.toml", "max_pool.toml", "avg_pool.toml")
    for part in questions.read(FOLDER / name).values()
    for question in part
]


def test_there_are_enough():
    """At least 600 questions, refusals apart; every level and every operation among them."""
    assert len(CASES) >= 600
    assert set(Counter(features.level(case) for case in CASES)) == {1, 2, 3, 4}
    assert set(Counter(case.op for case in CASES)) == set(fills_by_op())


def fills_by_op():
    found = {}
    for case in CASES:
        found.setdefault(case.op, set()).add(case.fill)
    return found


def test_every_fill_of_every_operation_is_used():
    """And no more than there are."""
    assert fills_by_op() == {
        "conv": {"integers", "sparse", "dense", "wide", "digits", "special"},
        "max_pool": {"ties", "permutation", "dense", "special"},
        "avg_pool": {"integers", "dense", "digits"},
        "zero_pad": {"integers", "dense", "special"},
        "conv_single_step": {"integers", "sparse"},
        "create_mask_from_window": {"ties", "permutation", "dense", "special"},
        "distribute_value": {"integers", "dense"},
    }


SLIDING = {
    *("1-D", "3-D", "batch", "empty-batch", "unequal-sides", "unequal-window", "pad"),
    *("asymmetric-pad", "stride", "overlap", "gap", "remainder", "kernel-is-input", "layout"),
}
FEATURES = {
    "conv": SLIDING
    | {"pad-word", "pad-beyond-kernel", "dilation", "groups", "depthwise", "no-bias", "special"},
    "max_pool": SLIDING
    | {"padded-pool", "pool-overlap", "dilation", "ceil-mode", "special", "ties"},
    "avg_pool": SLIDING
    | {"padded-pool", "pool-overlap", "ceil-mode", "pads-not-counted", "divisor"},
}


@pytest.mark.parametrize("op", FEATURES)
def test_every_feature_of_an_operation_has_a_case(op):
    """Hand-made or in a grid, not only in a real network."""
    seen = set().union(*(features.of(case) for case in HAND_MADE if case.op == op))
    assert FEATURES[op] <= seen


def test_most_hand_made_cases_are_checked_by_the_definition():
    """Torch is asked alone only where bare loops would take too long."""
    exact = [case for case in HAND_MADE if case.is_exact]
    affordable = [case for case in exact if case.work <= definition.AFFORDABLE]
    assert len(affordable) > 0.9 * len(exact)


@pytest.mark.parametrize("op", FEATURES)
def test_squares_are_few(op):
    """A square hides every exchange of rows and columns."""
    cases = [case for case in HAND_MADE if case.op == op and len(case.space) == 2]
    square = [case for case in cases if "unequal-sides" not in features.of(case)]
    assert len(square) < 0.3 * len(cases)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_case_has_live_numbers(dtype):
    """No array is all zeros but an x of ties, and no upstream gradient is constant."""
    for case in HAND_MADE:
        arrays = fills.arrays(case, 0, dtype)
        for name, a in arrays.items():
            assert not a.size or a.any() or (case.fill, name) == ("ties", "x"), (case.row, name)
        assert arrays["dy"].size < 9 or np.ptp(arrays["dy"]), case.row


NETWORKS = [
    *("LeNet-5", "AlexNet", "VGG", "ResNet", "DenseNet", "GoogLeNet", "Inception v3"),
    *("SqueezeNet", "MobileNet v2", "MobileNet v3"),
]


def test_every_network_is_there():
    """By the names that the layers carry."""
    layers = [q for part in questions.read(FOLDER / "layers.toml").values() for q in part]
    named = " ".join(question.why for question in layers)
    assert [network for network in NETWORKS if network not in named] == []


def test_reasons_are_given():
    """Every question says what it is there for."""
    assert [case.name for case in CASES if not case.why] == []


def test_every_case_is_repeated_by_its_line():
    """What a report prints can be asked."""
    for case in CASES:
        (again,) = row.parse(case.row)
        assert replace(again, name=case.name, why=case.why) == case


def test_every_refusal_is_asked():
    """Of a function that the contract has."""
    names = {function.name for function in CONTRACT.functions}
    assert {q.function for q in ALL if isinstance(q, Refusal)} <= names
