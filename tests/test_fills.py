import math

import numpy as np
import pytest

from verification import fills, layouts, oracle, row
from verification.apart import requests
from verification.fills import LIMIT

DEEP = "conv x=[2,5,6,64] w=[3,3,64,8] stride=[1,2] pad=1"


def one(line):
    (case,) = row.parse(line)
    return case


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "line",
    [
        DEEP,
        "conv x=[1,1,1,1] w=[1,1,1,1]",
        "conv x=[17,6,5,2] w=[2,3,1,4] groups=2 dilation=2",
        "conv x=[0,4,4,1] w=[2,2,1,1]",
    ],
)
def test_integers_keep_every_sum_exact(line, dtype):
    """The certificate: magnitudes summed in float64 stay within the limit, for every output."""
    case = one(f"{line} fill=integers")
    given = {k: np.abs(a).astype(float) for k, a in fills.arrays(case, 0, dtype).items()}
    sums = oracle.answers(case, given)
    assert max(a.max(initial=0) for a in sums.values()) <= LIMIT[dtype]


@pytest.mark.parametrize(("dtype", "least"), [("float32", 85), ("float64", 2**13)])
def test_integers_are_as_large_as_the_certificate_allows(dtype, least):
    """At 4608 products a sum, and of both signs."""
    case = one("conv x=[2,4,3,512] w=[3,3,512,4] pad=1 fill=integers")
    x = fills.arrays(case, 0, dtype)["x"]
    assert x.max() > 0.9 * -x.min() > 0.8 * least
    assert math.isclose(x.mean(), 0, abs_tol=0.1 * x.max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("words", ["pad=1", "pad=1 count_include_pad=false", "divisor_override=-7"])
def test_averages_of_integers_are_whole(words, dtype):
    """Multiples of every divisor that occurs, in both directions."""
    case = one(f"avg_pool x=[2,5,6,2] kernel=3 stride=2 ceil_mode=true {words} fill=integers")
    answers = oracle.answers(case, fills.arrays(case, 0, dtype))
    assert all((a == np.rint(a)).all() and a.any() for a in answers.values())


def test_no_integers_where_none_are_exact():
    """Divisors without end leave no room: said, not passed over."""
    case = one("avg_pool x=[1,40,40,1] kernel=37 pad=18 count_include_pad=false fill=integers")
    with pytest.raises(ValueError, match="no integers are exact for avg_pool"):
        fills.arrays(case, 0, "float32")


def test_divisors_count_what_torch_counts():
    """An overhang of ceil_mode never, pads if they are included."""
    words = "x=[1,4,4,1] kernel=3 stride=2 pad=1 ceil_mode=true fill=integers"
    np.testing.assert_array_equal(
        fills.divisors(one(f"avg_pool {words}")), [[9, 9, 6], [9, 9, 6], [6, 6, 4]]
    )
    np.testing.assert_array_equal(
        fills.divisors(one(f"avg_pool count_include_pad=false {words}")),
        [[4, 6, 2], [6, 9, 3], [2, 3, 1]],
    )


def test_sparse_numbers_have_full_significands_and_few_live_products():
    """About 16 a sum where there are more than 32; within 2^-6 and 2^6."""
    case = one(f"{DEEP} fill=sparse")
    given = fills.arrays(case, 0, "float64")
    live = oracle.answers(case, {name: np.sign(np.abs(a)) for name, a in given.items()})
    assert 8 < np.median(live["y"] - 1) < 32
    sizes = np.abs(given["w"][given["w"] != 0])
    assert 2**-6 <= sizes.min() < 2**-3 < 2**3 < sizes.max() < 2**6
    assert (sizes.astype(np.float32) != sizes).mean() > 0.9


def test_ties_have_no_positive_value():
    """So that a padding of zeros shows."""
    x = fills.arrays(one("max_pool x=[2,5,6,2] kernel=2 fill=ties"), 0, "float64")["x"]
    assert set(x.ravel().tolist()) == {-2, -1, 0}


def test_a_permutation_is_all_different_and_negative():
    """In float32 too."""
    x = fills.arrays(one("max_pool x=[2,5,6,2] kernel=2 fill=permutation"), 0, "float32")["x"]
    assert sorted(-x.ravel()) == list(range(1, 121))


def test_special_values_are_all_there():
    """NaN, both infinities, both zeros, and numbers between them."""
    x = fills.arrays(one("max_pool x=[3,5,6,3] kernel=2 fill=special"), 0, "float64")["x"]
    zeros = np.signbit(x[x == 0])
    assert np.isnan(x).any()
    assert {math.inf, -math.inf} <= set(x.ravel().tolist())
    assert set(zeros.tolist()) == {True, False}
    assert 0.5 < np.isfinite(x).mean() < 0.95


@pytest.mark.parametrize("fill", ["ties", "permutation", "special", "dense"])
def test_an_upstream_gradient_has_no_zeros(fill):
    """A cell that receives nothing could not be wrong."""
    dy = fills.arrays(one(f"max_pool x=[2,9,9,2] kernel=2 fill={fill}"), 0, "float64")["dy"]
    assert (dy != 0).all()
    assert (dy < 0).any()
    assert (dy > 0).any()


def test_arrays_depend_on_the_question_the_seed_and_the_dtype_alone():
    """The same on every call, whatever the name; others for another seed."""
    case, again = one(f"{DEEP} fill=integers"), one(f"{DEEP} fill=integers")
    for name, a in fills.arrays(case, 0, "float64").items():
        np.testing.assert_array_equal(a, fills.arrays(again, 0, "float64")[name])
        assert (a != fills.arrays(case, 1, "float64")[name]).any()
        assert (a != fills.arrays(case, 0, "float32")[name]).any()


@pytest.mark.parametrize("layout", row.LAYOUTS)
def test_a_layout_is_another_way_through_memory(layout):
    """Copies with the same numbers; broadcast repeats the first image."""
    a = np.arange(24.0).reshape(2, 3, 4)
    laid = layouts.laid_out(a, layout)
    want = a[[0, 0]] if layout == "broadcast" else a
    np.testing.assert_array_equal(laid, want)
    assert not np.shares_memory(laid, a)
    plain = laid.flags.c_contiguous and laid.flags.writeable and laid.dtype.isnative
    assert plain == (layout == "C")


def test_broadcast_arrays_are_what_the_oracle_sees():
    """The images of such a question are equal."""
    case = one("conv x=[3,4,5,2] w=[2,2,2,3] fill=integers layout=broadcast")
    x = fills.arrays(case, 0, "float64")["x"]
    np.testing.assert_array_equal(x, np.broadcast_to(x[:1], x.shape))


def test_arguments_of_refusals_are_made():
    """Arrays and tuples; anything else as it stands."""
    made = requests.argument({"tuple": [{"array": [2, 3], "dtype": "int8"}, {"f": 2}]})
    assert (made[0].shape, made[0].dtype, made[1]) == ((2, 3), np.int8, {"f": 2})
    assert requests.argument([1, 2]) == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "conv x=[1,3,3,1] w=[3,3,1,64] pad=2",
        "conv x=[1,1,1,1] w=[1,1,1,2]",
        "conv x=[9,7,6,1] w=[1,1,1,1]",
    ],
)
def test_the_longest_sum_decides(line):
    """That of dx, of y with its bias, of dw: magnitudes summed stay within the limit."""
    case = one(f"{line} fill=integers")
    for seed in range(20):
        given = {k: np.abs(a).astype(float) for k, a in fills.arrays(case, seed, "float32").items()}
        assert max(a.max() for a in oracle.answers(case, given).values()) <= LIMIT["float32"]


def test_sparse_numbers_have_both_signs():
    """Sums of one sign would hide a sign."""
    w = fills.arrays(one(f"{DEEP} fill=sparse"), 0, "float64")["w"]
    assert 0.4 < (w < 0).sum() / (w != 0).sum() < 0.6


def test_a_question_by_its_line_has_the_arrays_of_the_file():
    """The name plays no part; the shapes do."""
    named = row.cases("conv", {"id": "named", "x": [1, 4, 4, 1], "w": [2, 2, 1, 1]})[0]
    lined, other = (one(f"conv x=[1,{n},4,1] w=[2,2,1,1] fill=integers") for n in (4, 5))
    np.testing.assert_array_equal(
        *(fills.arrays(case, 0, "float64")["w"] for case in (named, lined))
    )
    assert (fills.arrays(other, 0, "float64")["w"] != fills.arrays(lined, 0, "float64")["w"]).any()


def test_special_gradients_of_max_pools_are_not_all_finite():
    """A tap that was not chosen must add 0, not 0 * inf."""
    dy = fills.arrays(one("max_pool x=[3,5,6,3] kernel=2 fill=special"), 0, "float64")["dy"]
    assert np.isnan(dy).any()
    assert np.isinf(dy).any()
    assert np.isfinite(dy).mean() > 0.5


def test_wide_numbers_are_beyond_half_precision_and_their_products_are_not():
    """x 2^24 times smaller than sparse ones, w and dy as much larger; the bias stays."""
    line = "conv x=[2,5,6,64] w=[3,2,64,8] stride=[1,2] pad=1"
    wide, sparse = (fills.arrays(one(f"{line} fill={fill}"), 0, "float64") for fill in SPARSE)
    ends = {"x": (-30, -18), "w": (18, 30), "dy": (18, 30), "b": (-6, 6)}
    for name, (least, most) in ends.items():
        sizes = np.abs(wide[name][wide[name] != 0])
        assert 2.0**least <= sizes.min() < sizes.max() < 2.0**most
        near = 0.05 if name != "b" else 1
        assert abs((wide[name] != 0).mean() - (sparse[name] != 0).mean()) < near
    y, usual = (oracle.answers(one(f"{line} fill=wide"), a)["y"] for a in (wide, sparse))
    assert 0.2 < np.abs(y).mean() / np.abs(usual).mean() < 5


SPARSE = ("wide", "sparse")


@pytest.mark.parametrize("name", ["x", "w", "dy"])
def test_a_detour_through_half_precision_loses_wide_numbers(name):
    """They vanish, or are infinite; of sparse ones half precision keeps something."""
    line = "conv x=[2,5,6,3] w=[3,2,3,8] stride=[1,2] pad=1"
    wide, sparse = (fills.arrays(one(f"{line} fill={fill}"), 0, "float32") for fill in SPARSE)
    with np.errstate(over="ignore", under="ignore"):
        narrow = wide[name].astype(np.float16)
        np.testing.assert_allclose(sparse[name].astype(np.float16), sparse[name], rtol=1e-3)
    lost = np.isinf(narrow) | (np.abs(narrow - wide[name]) > 0.01 * np.abs(wide[name]))
    assert lost[wide[name] != 0].mean() > 0.8


def test_wide_numbers_keep_every_sum_finite_and_normal():
    """In float32: neither products nor sums leave its range."""
    case = one("conv x=[2,5,6,64] w=[3,2,64,8] stride=[1,2] pad=1 fill=wide")
    answers = oracle.answers(case, fills.arrays(case, 0, "float32"))
    for a in answers.values():
        assert np.isfinite(a).all()
        assert np.abs(a[a != 0]).min() > np.finfo(np.float32).tiny


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_questions_own_dtype_is_that_of_its_arrays(dtype):
    """Whatever the run's is; and the run's changes nothing then."""
    case = one(f"conv x=[2,5,6,3] w=[3,2,3,4] fill=digits dtype={dtype}")
    one_run, other = (fills.arrays(case, 0, of) for of in ("float32", "float64"))
    for name, a in one_run.items():
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, other[name])
