"""What is true of a question: two oracles that agree, how it is compared, what is remembered."""

import numpy as np
import parametrize_from_file
import pytest

from verification import truth
from verification.judging import Settings
from verification.judging.compare import compare
from verification.questions import parse, read
from verification.truth import OracleFaultError, answers, oracle

CONV = "conv x=[3,7,9,4] w=[3,2,2,6] groups=2 stride=[1,2] pad=[[1,0],[2,1]]"
LARGE = "conv x=[2,13,17,9] w=[3,2,9,8] fill=digits"


@pytest.fixture(autouse=True)
def _forgotten():
    truth.forget()
    yield
    truth.forget()


@pytest.fixture
def asked(monkeypatch):
    """The dtypes in which torch is asked, question by question."""
    seen, honest = [], oracle.answers

    def watch(case, given):
        seen.append(given["x"].dtype.name)
        return honest(case, given)

    monkeypatch.setattr(oracle, "answers", watch)
    return seen


def answer(line, *settings):
    return truth.answer(parse(line)[0], *(settings or (0, "float64")))


@parametrize_from_file
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_oracles_must_agree(monkeypatch, line, outputs, dtype):
    """In every number of every output: one that is off is nobody's fault but theirs."""
    told = answer(line, 0, dtype)
    assert {name: a.shape for name, a in told.values.items()} == told.case.outputs
    assert tuple(told.values) == outputs
    honest = oracle.answers

    for lie in outputs:

        def answer_falsely(case, given, lie=lie):
            right = {name: np.array(a) for name, a in honest(case, given).items()}
            right[lie].flat[-1] = 0 if right[lie].flat[-1] else 77
            return right

        truth.forget()
        with monkeypatch.context() as patch:
            patch.setattr(oracle, "answers", answer_falsely)
            with pytest.raises(OracleFaultError, match=f"disagree on {lie} of {line[:4]}"):
                assert answer(line, 0, dtype).values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_textbook_in_torchs_place(dtype):
    """Within the bounds that any right answer keeps, of whatever it may be asked; not by its bits.

    Torch is asked again afterwards.
    """
    settings = Settings(oracle="textbook")
    asked = [q for q in read() if q.op != "refuse" and settings.admits(q) and not q.check]
    asked = [case for case in asked if case.work < 2000 and not case.dtype]
    told = [truth.answer(case, 0, dtype) for case in asked]
    right = [one.values for one in told]
    try:
        assert truth.prepare("textbook") == "textbook"
        for case, one, values in zip(asked, told, right, strict=True):
            ours = truth.answer(case, 0, dtype, is_bitwise=True)
            assert (ours.is_bitwise, ours.values.keys()) == (False, values.keys())
            for name, value in values.items():
                got, limit = ours.values[name].astype(float), one.limits.get(name, 0.0)
                compared = compare(name, got, value.astype(float), "float64", limit)
                assert compared.is_right, (case.row, name)
    finally:
        assert truth.prepare().startswith("torch 2")
    assert len(asked) > 200
    assert truth.answer(asked[0], 0, dtype) is not told[0]


def test_torch_is_asked_alone_where_loops_would_take_too_long():
    """And nowhere else: nine in ten of the exact questions are vouched for."""
    exact = [q for q in read() if q.op != "refuse" and q.is_exact and not q.check]
    vouched = [case for case in exact if case.work <= answers.AFFORDABLE]
    assert 0.85 < len(vouched) / len(exact) < 1


@parametrize_from_file
def test_what_is_limited(line, is_bitwise, limited):
    """And a limit has the shape of its output."""
    told = answer(line, 0, "float32", is_bitwise)
    assert tuple(told.limits) == limited
    for name, limit in told.limits.items():
        assert limit.shape == told.values[name].shape
        assert (limit > 0).all()


@pytest.mark.parametrize(
    ("line", "dtypes"),
    [
        (f"{CONV} fill=digits", ["float32"]),
        (f"{CONV} fill=sparse", ["float64"]),
        (f"{CONV} fill=integers dtype=float16", ["float32"]),
        (f"{CONV} fill=integers dtype=float64", ["float64"]),
    ],
)
def test_exact_numbers_are_asked_as_they_are_and_reals_in_float64(asked, line, dtypes):
    """Half precision in float32, for torch rounds its sums; of a run in float32."""
    told = answer(line, 0, "float32")
    assert asked == []
    assert told.values is told.values
    assert asked == dtypes


def test_half_precision_is_rounded_once():
    """And an index stays whole."""
    for line in f"{CONV} fill=integers", "max_pool x=[2,6,7,2] kernel=3 fill=ties":
        told = answer(f"{line} dtype=float16", 0, "float32")
        wide = oracle.answers(told.case, {k: a.astype(float) for k, a in told.arrays.items()})
        for name, a in told.values.items():
            assert a.dtype == ("int64" if name == "index" else "float16")
            np.testing.assert_array_equal(wide[name].astype(a.dtype), a)


def test_a_small_question_is_remembered_until_it_is_forgotten(asked):
    """For every seed and dtype; in its own dtype whatever the run's is."""
    told = answer(f"{CONV} fill=digits")
    assert told.values is answer(f"{CONV} fill=digits").values
    assert len(asked) == 1
    for settings in (1, "float64"), (0, "float32"):
        assert answer(f"{CONV} fill=digits", *settings).values
    assert answer(f"{CONV} fill=digits") is told
    assert len(asked) == 3
    truth.forget()
    assert answer(f"{CONV} fill=digits") is not told
    own = f"{CONV} fill=digits dtype=float32"
    assert answer(own, 0, "float32") is answer(own, 0, "float64")


def test_a_large_question_is_not_remembered_for_long():
    """The arrays of all of them would fill the memory."""
    first = answer(LARGE)
    assert first.case.work > answers.SMALL
    for seed in range(1, answers.FEW):
        answer(LARGE, seed, "float64")
    assert answer(LARGE) is first
    for seed in range(1, answers.FEW + 1):
        answer(LARGE, seed, "float64")
    assert answer(LARGE) is not first
