"""What is true of a question, and how far an answer may be from it and still pass."""

import numpy as np
import pytest

from verification import bounds, fills, oracle, row, truth

CONV = "conv x=[3,7,9,4] w=[3,2,2,6] groups=2 stride=[1,2] pad=[[1,0],[2,1]]"
POOL = "max_pool x=[3,7,8,2] kernel=[2,3] stride=[1,2] pad=[1,0]"
AVERAGE = "avg_pool x=[2,7,8,3] kernel=[3,2] stride=[2,1] pad=1 count_include_pad=false"


@pytest.fixture(autouse=True)
def _forgotten():
    truth.forget()
    yield
    truth.forget()


def one(line):
    (case,) = row.parse(line)
    return case


@pytest.fixture
def asked(monkeypatch):
    """The questions that the oracle is asked."""
    seen, honest = [], oracle.answers

    def counting(case, given):
        seen.append(case.row)
        return honest(case, given)

    monkeypatch.setattr(oracle, "answers", counting)
    return seen


def test_exact_numbers_leave_no_room():
    """Nor do a pool's, where bits are compared."""
    exact = truth.of(one(f"{CONV} fill=integers"), 0, "float64")
    bitwise = truth.of(one(f"{POOL} fill=dense"), 0, "float64", bitwise=True)
    assert (exact.limits, bitwise.limits, exact.missed, bitwise.missed) == ({}, {}, 0.0, 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", [f"{CONV} fill=sparse", f"{AVERAGE} fill=dense"])
def test_what_a_bound_could_miss_is_told_in_units_of_the_output(line, dtype):
    """The widest bound of any output, over its root mean square."""
    told = truth.of(one(line), 0, dtype)
    limits = bounds.of(told.case, told.given, dtype)
    shares = {
        name: limit.max() / np.sqrt(np.mean(told.truth[name].astype(float) ** 2))
        for name, limit in limits.items()
    }
    assert pytest.approx(max(shares.values()), rel=1e-12) == told.missed
    assert 1 < told.missed / np.finfo(dtype).eps < 1e4


def test_a_bound_on_zeros_is_no_share():
    """Nothing can be told of it."""
    assert truth._share(np.array([3.0, 4.0]), np.zeros(2)) == 0.0
    assert truth._share(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
    assert truth._share(np.array([3.0, 10.0]), np.array([1.0, -7.0])) == 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_coefficient_hides_once_in_so_many_times(dtype):
    """Two in as many numbers as each entry may be; the narrower of both arrays decides."""
    told = truth.of(one(f"{CONV} fill=integers"), 0, dtype)
    top = min(np.abs(told.given[name]).max() for name in ("x", "w"))
    assert 2 / (2 * top + 1) == told.chance
    assert {"float32": 1e-4, "float64": 1e-7}[dtype] < told.chance * 10 < 1


@pytest.mark.parametrize(
    "line",
    [
        f"{CONV} fill=digits",
        f"{CONV} fill=sparse",
        f"{POOL} fill=permutation",
        f"{AVERAGE} fill=integers",
        "conv x=[0,7,9,4] w=[3,2,4,6] fill=integers",
    ],
)
def test_no_chance_is_told_of_what_was_not_drawn_for_it(line):
    """Of other fills, of pools, of an empty batch."""
    assert truth.of(one(line), 0, "float64").chance == 0.0


def test_a_small_question_is_remembered_and_can_be_forgotten(asked):
    """Asked once for every seed, dtype and manner."""
    case = one(f"{CONV} fill=digits")
    first = truth.of(case, 0, "float64")
    assert first is truth.of(case, 0, "float64")
    assert first.truth is first.truth
    assert [case.row] == asked
    for other in ((1, "float64"), (0, "float32"), (0, "float64", True)):
        assert truth.of(case, *other).truth
    assert len(asked) == 4
    truth.forget()
    again = truth.of(case, 0, "float64")
    np.testing.assert_array_equal(first.truth["dx"], again.truth["dx"])
    assert (len(asked), again is first) == (5, False)


@pytest.mark.parametrize("fill", ["digits", "sparse"])
def test_the_truth_is_found_when_it_is_wanted(asked, fill):
    """The arrays are there at once; once asked for, truth and limits are both known."""
    told = truth.of(one(f"{CONV} fill={fill}"), 0, "float64")
    assert told.given["x"].shape == told.case.x
    assert asked == []
    limits, questions = told.limits, len(asked)
    assert questions == {"digits": 1, "sparse": 3}[fill]
    assert told.truth["y"].shape == told.case.y
    assert (told.limits is limits, len(asked)) == (True, questions)


def test_a_large_question_is_not_remembered_for_long(asked):
    """The arrays of all of them would fill the memory."""
    case = one("conv x=[2,13,17,9] w=[3,2,9,8] fill=digits")
    assert case.work > truth.SMALL
    first = truth.of(case, 0, "float64")
    for seed in range(1, truth.FEW):
        truth.of(case, seed, "float64")
    assert truth.of(case, 0, "float64") is first
    for seed in range(truth.FEW):
        truth.of(case, seed + 1, "float64")
    assert truth.of(case, 0, "float64") is not first


@pytest.mark.parametrize(
    "line", [f"{CONV} fill=integers", f"{POOL} fill=ties", f"{AVERAGE} fill=digits"]
)
def test_half_precision_is_float32s_answer_narrowed(line):
    """Rounded once; an index stays whole."""
    told = truth.of(one(f"{line} dtype=float16"), 0, "float64")
    wide = {name: a.astype(np.float64) for name, a in told.given.items()}
    answers = oracle.answers(told.case, wide)
    assert told.dtype == "float16"
    assert answers.keys() == told.truth.keys()
    for name, a in told.truth.items():
        assert np.dtype("int64" if name == "index" else "float16") == a.dtype
        np.testing.assert_array_equal(answers[name].astype(a.dtype), a)


def test_half_precision_is_never_asked_of_torch(monkeypatch):
    """Its sums of halves are rounded on the way."""
    honest, dtypes = oracle.answers, set()

    def watching(case, given):
        dtypes.update(a.dtype.name for a in given.values())
        return honest(case, given)

    monkeypatch.setattr(oracle, "answers", watching)
    assert truth.of(one(f"{CONV} fill=integers dtype=float16"), 0, "float32").truth
    assert {"float32"} == dtypes


def test_a_questions_own_dtype_comes_before_the_runs():
    """For its arrays and its bounds alike."""
    case = one(f"{CONV} fill=sparse dtype=float32")
    told, plain = truth.of(case, 0, "float64"), truth.of(one(f"{CONV} fill=sparse"), 0, "float64")
    assert ("float32", np.float32) == (told.dtype, told.given["x"].dtype)
    assert told.missed > 1e6 * plain.missed


def test_the_arrays_are_those_of_the_seed():
    """The question's own, nothing of another."""
    case = one(f"{POOL} fill=permutation")
    told = truth.of(case, 5, "float64")
    np.testing.assert_array_equal(fills.arrays(case, 5, "float64")["x"], told.given["x"])
    assert told.seed == 5
