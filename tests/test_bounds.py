"""How far a right answer may be from the truth: never too little, and not much too much."""

import numpy as np
import parametrize_from_file
import pytest

from verification.questions import arrays, parse, shapes
from verification.truth import answer, bounds, oracle

CONV = "conv x=[2,6,7,16] w=[3,2,8,6] groups=2 stride=[1,2] pad=[1,0] fill=dense"


def ask(line, seed=0, dtype="float32"):
    """The question, its arrays, the truth (torch's in float64) and the bounds."""
    (case,) = parse(line)
    given = arrays(case, seed, dtype)
    truth = oracle.answers(case, {name: a.astype(float) for name, a in given.items()})
    return case, given, truth, bounds.bound(case, given, dtype)


@parametrize_from_file
def test_a_right_answer_is_within_its_bound(line):
    """Torch in float32, ten seeds; and no bound is a hundred times too wide."""
    worst = 0.0
    for seed in range(10):
        case, given, truth, limits = ask(line, seed)
        answers = oracle.answers(case, given)
        worst = max(worst, *((abs(answers[n] - truth[n]) / limits[n]).max() for n in limits))
    assert 0.01 < worst <= 1


@parametrize_from_file
def test_what_rounds_is_bounded(line, bounded):
    """Everything else is compared by ==."""
    (case,) = parse(line)
    assert list(answer(case, 0, "float32").limits) == list(bounded)


@parametrize_from_file
def test_other_algorithms_are_allowed_a_little(line, allowed):
    """A rounding of the sums at least, and less than would reach another integer."""
    case, given, truth, _ = ask(line)
    room = bounds.allowance(case, given, "float32")
    assert {name: a.shape for name, a in room.items()} == {n: case.outputs[n] for n in allowed}
    for name, a in room.items():
        assert (np.abs(truth[name]) * 2.0**-24 <= a).all()
        assert (a < 0.5).all()


@pytest.mark.parametrize("mask", [0xFFFFE000, 0xFFFF0000], ids=["float16", "bfloat16"])
def test_a_detour_through_fewer_bits_is_beyond_it(mask):
    """Sums of some 16 products in half the bits."""
    case, given, truth, limits = ask(CONV)
    narrow = {
        name: (a.view("u4") & np.uint32(mask)).view("f4").astype(float) for name, a in given.items()
    }
    answers = oracle.answers(case, narrow)
    for name in ("y", "dx", "dw"):
        assert (np.abs(answers[name] - truth[name]) > limits[name]).mean() > 0.2


@parametrize_from_file
def test_bounds_are_the_formulas(line, given, expected):
    """So many roundings of so large a sum: n u / (1 - n u) of it, as Higham has it."""
    (case,) = parse(line)
    filled = {name: np.array(given[name], "f").reshape(s) for name, s in shapes(case).items()}
    limits = bounds.bound(case, filled, "float32")
    assert limits.keys() == expected.keys()
    for name, elements in expected.items():
        right = [size * n * 2.0**-24 / (1 - n * 2.0**-24) for n, size in elements]
        np.testing.assert_allclose(limits[name].ravel(), right, rtol=1e-6, atol=1e-43)
