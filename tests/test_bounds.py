"""How far a right answer may be from the truth: never too little, and not much too much."""

import numpy as np
import parametrize_from_file
import pytest

from verification.questions import arrays, parse
from verification.truth import bounds, oracle

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
        ratios = [np.abs(answers[name] - truth[name]) / limits[name] for name in limits]
        worst = max(worst, *(float(ratio.max()) for ratio in ratios))
    assert 0.01 < worst <= 1


@parametrize_from_file
def test_what_rounds_is_bounded(line, bounded):
    """Everything else is compared by ==."""
    assert list(ask(line)[-1]) == list(bounded)


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


def test_the_bound_grows_with_live_products_alone():
    """Zeros in x and w cost nothing: the same bound with and without a channel of them."""
    _, given, _, limits = ask("conv x=[1,4,4,1] w=[3,3,1,1] fill=dense")
    (wider,) = parse("conv x=[1,4,4,2] w=[3,3,2,1] fill=dense")
    padded = given | {"x": np.pad(given["x"], [(0, 0)] * 3 + [(0, 1)])}
    padded["w"] = np.pad(given["w"], [(0, 0)] * 2 + [(0, 1), (0, 0)])
    np.testing.assert_array_equal(bounds.bound(wider, padded, "float32")["y"], limits["y"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gamma_is_highams(dtype):
    """n u / (1 - n u), u half the distance from 1 to the next number."""
    u = float(np.finfo(dtype).eps) / 2
    for n in 1, 4608:
        assert bounds.gamma(np.array(n), dtype) == n * u / (1 - n * u)
