import itertools

import numpy as np
import pytest

from verification import bounds, fills, oracle, row

QUESTIONS = [
    "conv x=[2,6,7,16] w=[3,2,8,6] groups=2 stride=[1,2] pad=[1,0] fill=dense",
    "conv x=[2,9,8] w=[3,8,4] dilation=2 fill=sparse",
    "max_pool x=[2,7,6,3] kernel=[3,2] stride=1 pad=1 fill=dense",
    "avg_pool x=[2,7,6,3] kernel=[3,2] stride=[1,2] pad=1 count_include_pad=false fill=dense",
    "avg_pool x=[2,7,6,3] kernel=[3,2] stride=1 divisor_override=-5 fill=dense",
    "conv_single_step x=[3,2,8] b=[1,1] fill=sparse",
    "distribute_value x=[3,5] fill=dense",
]


def one(line):
    (case,) = row.parse(line)
    return case


def errors(line, seed):
    """Torch in float32 against torch in float64, and the bounds, on one question."""
    case = one(line)
    given = fills.arrays(case, seed, "float32")
    limits = bounds.of(case, given, "float32")
    wide = oracle.answers(case, {name: a.astype(float) for name, a in given.items()})
    narrow = oracle.answers(case, given)
    return {name: np.abs(narrow[name] - wide[name]) / limits[name] for name in limits}


@pytest.mark.parametrize("line", QUESTIONS)
def test_a_right_answer_is_within_its_bound(line):
    """Torch in float32, ten seeds; and no bound is a hundred times too wide."""
    ratios = [ratio for seed in range(10) for ratio in errors(line, seed).values()]
    worst = max(float(ratio.max()) for ratio in ratios)
    assert 0.01 < worst <= 1


@pytest.mark.parametrize("detour", [np.float16, "bfloat16"])
@pytest.mark.parametrize("line", QUESTIONS[:2])
def test_a_detour_through_a_narrower_type_is_beyond_it(line, detour):
    """Sums of some 16 products in half the bits."""
    case = one(line)
    given = fills.arrays(case, 0, "float32")
    limits = bounds.of(case, given, "float32")
    want = oracle.answers(case, {name: a.astype(float) for name, a in given.items()})
    got = oracle.answers(case, {name: narrowed(a, detour) for name, a in given.items()})
    for name in ("y", "dx", "dw"):
        assert (np.abs(got[name] - want[name]) > limits[name]).mean() > 0.2


def narrowed(a, detour):
    if detour == "bfloat16":
        return (a.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(float)
    return a.astype(detour).astype(float)


def test_exact_fills_have_no_bound():
    """They are compared by ==."""
    case = one("conv x=[1,4,4,1] w=[2,2,1,1] fill=integers")
    assert bounds.of(case, fills.arrays(case, 0, "float64"), "float64") == {}


def test_values_and_indices_of_max_pools_have_no_bound():
    """Choosing rounds nothing."""
    case = one("max_pool x=[1,4,4,1] kernel=2 stride=1 fill=dense")
    assert set(bounds.of(case, fills.arrays(case, 0, "float64"), "float64")) == {"dx"}


def test_no_bias_has_no_bound_of_its_gradient():
    """Nothing is asked, nothing is bounded."""
    case = one("conv x=[1,4,4,1] w=[2,2,1,1] bias=false fill=sparse")
    assert set(bounds.of(case, fills.arrays(case, 0, "float64"), "float64")) == {"y", "dx", "dw"}


def test_the_bound_grows_with_live_products_alone():
    """Zeros in x cost nothing: the same bound with and without a channel of them."""
    case, wider = (one(f"conv x=[1,4,4,{c}] w=[3,3,{c},1] fill=dense") for c in (1, 2))
    given = fills.arrays(case, 0, "float32")
    padded = given | {name: np.pad(given[name], _channel(name)) for name in ("x", "w")}
    np.testing.assert_array_equal(
        bounds.of(case, given, "float32")["y"], bounds.of(wider, padded, "float32")["y"]
    )


def _channel(name):
    return [(0, 0)] * (3 if name == "x" else 2) + [(0, 1)] + [(0, 0)] * (name == "w")


def test_gamma_is_highams():
    """n u / (1 - n u), u half the distance from 1 to the next number."""
    for dtype, n in itertools.product(("float32", "float64"), (1, 4608)):
        u = float(np.finfo(dtype).eps) / 2
        assert bounds.gamma(np.array(n), dtype) == n * u / (1 - n * u)
