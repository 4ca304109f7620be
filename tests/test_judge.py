"""The loop: a right candidate passes, whatever is wrong with another is found and called so."""

import types
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import npcnn
from verification import candidate, definition, judge, oracle, questions, row
from verification.candidate import Candidate
from verification.contracts.npcnn import CONTRACT
from verification.judge import OracleFaultError

CONV = "conv x=[2,5,6,2] w=[3,2,2,3] stride=[1,2] pad=1 fill=integers"
POOL = "max_pool x=[2,5,6,2] kernel=[3,2] stride=1 fill=ties"


def module(**functions):
    """npcnn with these functions in place of its own."""
    built = types.SimpleNamespace(**{name: getattr(npcnn, name) for name in npcnn.__all__})
    for name, function in functions.items():
        setattr(built, name, function)
    return Candidate("built", built, CONTRACT)


def outcomes(judged, line, dtype="float64", names=None, seed=0):
    """What the line's questions come to, by function."""
    asked = row.parse(line)
    checks = judge.plan(judged, asked, lambda name, _: names is None or name in names)
    return {o.function: o for o in judge.run(judged, checks, seed, dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", [CONV, CONV.replace("integers", "sparse"), POOL])
def test_a_right_candidate_is_ok(line, dtype):
    """Exact where the fill is, bounded where it rounds."""
    found = outcomes(module(), line, dtype)
    assert {outcome.status for outcome in found.values()} == {"ok"}
    evidence = "bounded" if "sparse" in line else "exact"
    assert {outcome.evidence for outcome in found.values()} == {evidence}
    assert len(found) == 4


def test_every_output_is_compared():
    """y, index, dx, dw and db, each by its own verdict."""
    found = outcomes(module(), CONV) | outcomes(module(), POOL)
    compared = {name: [v.name for v in o.verdicts] for name, o in found.items()}
    assert compared == {
        "conv_forward": ["y"],
        "conv_backward": ["dx", "dw", "db"],
        "functional.conv2d": ["y"],
        "functional.conv2d_backward": ["dx", "dw", "db"],
        "pool_forward": ["y"],
        "pool_backward": ["dx"],
        "functional.max_pool2d": ["y", "index"],
        "functional.max_pool2d_backward": ["dx"],
    }


@pytest.mark.parametrize("output", [0, 1, 2])
def test_one_wrong_element_of_one_output_is_wrong(output):
    """And the other outputs are said to match."""

    def conv_backward(dZ, cache):
        gradients = npcnn.conv_backward(dZ, cache)
        gradients[output].flat[-1] += 1
        return gradients

    outcome = outcomes(module(conv_backward=conv_backward), CONV)["conv_backward"]
    assert outcome.status == "WRONG"
    assert [v.wrong for v in outcome.verdicts] == [int(i == output) for i in range(3)]


def test_a_pool_is_held_to_the_last_bit():
    """Multiplying by a reciprocal is not dividing, under npcnn's own contract."""

    def pool_forward(A_prev, hparameters, mode="max"):
        assert mode == "average"
        A, cache = npcnn.pool_forward(A_prev, {**hparameters, "divisor_override": 1}, mode)
        return A * (1 / 9), cache

    line = "avg_pool x=[2,9,9,3] kernel=3 fill=dense"
    assert outcomes(module(pool_forward=pool_forward), line)["pool_forward"].status == "WRONG"


def test_a_looser_contract_holds_pools_to_their_bounds():
    """There the same reciprocal passes, as bounded; and a wrong divisor does not."""

    def pool_forward(divisor, A_prev, hparameters, mode="max"):
        A, cache = npcnn.pool_forward(A_prev, {**hparameters, "divisor_override": 1}, mode)
        return A * (1 / divisor), cache

    line = "avg_pool x=[2,9,9,3] kernel=3 fill=dense"
    for divisor, status in ((9, "ok"), (8, "WRONG")):
        judged = module(pool_forward=partial(pool_forward, divisor))
        judged = replace(judged, contract=replace(CONTRACT, bitwise=False))
        outcome = outcomes(judged, line)["pool_forward"]
        assert (outcome.status, outcome.evidence) == (status, "bounded")


def test_the_sign_of_zero_counts_in_pools():
    """-0 where torch has 0."""

    def pool_forward(A_prev, hparameters, mode="max"):
        A, cache = npcnn.pool_forward(A_prev, hparameters, mode)
        return np.where(A == 0, -A, A), cache

    assert outcomes(module(pool_forward=pool_forward), POOL)["pool_forward"].status == "WRONG"


def test_an_exception_is_a_crash():
    """With its type and words; other functions are judged all the same."""

    def conv_forward(A_prev, W, b, hparameters):
        raise IndexError("index 7 is out of bounds")

    found = outcomes(module(conv_forward=conv_forward), CONV)
    assert {name: o.status for name, o in found.items()} == {
        "conv_forward": "CRASH",
        "conv_backward": "CRASH",
        "functional.conv2d": "ok",
        "functional.conv2d_backward": "ok",
    }
    assert found["conv_forward"].message == "IndexError: index 7 is out of bounds"


def test_changing_an_input_is_wrong():
    """Though the answer be right."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        A_prev[0] = 0
        return Z, cache

    outcome = outcomes(module(conv_forward=conv_forward), CONV)["conv_forward"]
    assert (outcome.status, outcome.message) == ("WRONG", "changes its argument x")
    assert all(v.ok for v in outcome.verdicts)


def test_sharing_memory_is_wrong():
    """A padding of nothing must still be a copy."""
    judged = module(zero_pad=lambda X, pad: X)
    outcome = outcomes(judged, "zero_pad x=[1,2,3,1] pad=0 fill=integers")["zero_pad"]
    assert (outcome.status, outcome.message) == ("WRONG", "shares memory: y with x")


def test_the_wrong_dtype_is_wrong():
    """float64 out of a float32 question."""
    judged = module(zero_pad=lambda X, pad: npcnn.zero_pad(X, pad).astype(float))
    outcome = outcomes(judged, "zero_pad x=[1,2,3,1] pad=1 fill=integers", "float32")["zero_pad"]
    assert outcome.verdicts[0].message == "has dtype float64, it should be float32"


def test_what_a_candidate_prints_is_kept():
    """Beside its outcome, not on the report's own output."""

    def zero_pad(X, pad):
        print("padding by", pad)
        return npcnn.zero_pad(X, pad)

    outcome = outcomes(module(zero_pad=zero_pad), "zero_pad x=[1,2,3,1] pad=1 fill=integers")
    assert outcome["zero_pad"].stdout == "padding by 1\n"


def test_a_missing_function_is_not_attempted():
    """Not a failure; the rest is judged."""
    found = outcomes(module(conv_backward=None), CONV)
    assert found["conv_backward"].status == "not attempted"
    assert found["conv_forward"].status == "ok"


@pytest.mark.parametrize(
    ("pad", "status", "message"),
    [
        (ValueError("pad must be 0 or more, got pad=-1"), "ok", ""),
        (ValueError("no"), "WRONG", "got ValueError: no"),
        (TypeError("pad must be 0 or more, got pad=-1"), "WRONG", "got TypeError: pad"),
        (None, "WRONG", "got an answer"),
    ],
)
def test_a_refusal_needs_its_error_and_its_words(pad, status, message):
    """Anything else is wrong, an answer most of all."""

    def zero_pad(X, pad_given):
        if pad is not None:
            raise pad

    arguments = {"X": {"array": [1, 2, 2, 1]}, "pad_given": -1}
    refusal = questions.Refusal("r", "zero_pad", arguments, "ValueError", ("0 or more", "pad=-1"))
    judged = module(zero_pad=zero_pad)
    (outcome,) = judge.run(judged, judge.plan(judged, [refusal], lambda *_: True), 0, "float64")
    assert outcome.status == status
    assert message in outcome.message


def test_a_lying_oracle_is_found_out(monkeypatch):
    """The definition has to agree before anybody is judged."""
    honest = oracle.answers

    def lying(case, given):
        answers = dict(honest(case, given))
        answers["dw"] = answers["dw"] + 1
        return answers

    monkeypatch.setattr(oracle, "answers", lying)
    with pytest.raises(
        OracleFaultError, match=r"torch and the definition disagree on dw of conv x="
    ):
        outcomes(module(), CONV)


def test_a_lying_definition_is_found_out(monkeypatch):
    """Which of the two is wrong is for a person to find."""
    monkeypatch.setattr(definition, "answers", lambda case, given: {"y": {(): 1}})
    line = "conv_single_step x=[2,2] b=[1] fill=integers"
    with pytest.raises(OracleFaultError, match="disagree on y"):
        outcomes(module(), line)


def test_every_check_has_an_id_of_its_own():
    """So that --case asks one question, and JSON can be indexed."""
    checks = judge.plan(candidate.load("npcnn"), questions.read_all(), lambda *_: True)
    ids = [
        f"{function.name}/{check.question.id}" for check in checks for function in check.functions
    ]
    assert len(ids) == len(set(ids)) > 8000


def test_small_questions_come_first():
    """So that the first failure is a small one."""
    checks = judge.plan(candidate.load("npcnn"), questions.read_all(), lambda *_: True)
    work = [check.question.work or judge.EMPTY for check in checks]
    assert work == sorted(work)
    assert work[0] == checks[0].question.work == 1


def test_the_same_seed_gives_the_same_outcomes_and_another_one_others():
    """Every array depends on the question, the seed and the dtype alone."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z + 1, cache

    judged = module(conv_forward=conv_forward)
    worst = [
        outcomes(judged, CONV, seed=seed, names=["conv_forward"])["conv_forward"].verdicts[0].worst
        for seed in (0, 0, 1)
    ]
    assert worst[0] == worst[1] != worst[2]


class Unspeakable(BaseException):
    """An exception that is no Exception, and whose words cannot be had."""

    def __str__(self):
        raise RuntimeError


def test_whatever_is_raised_is_a_crash():
    """BaseException too, and where the message itself raises."""

    def zero_pad(X, pad):
        raise Unspeakable

    outcome = outcomes(module(zero_pad=zero_pad), PAD)["zero_pad"]
    assert (outcome.status, outcome.message) == (
        "CRASH",
        "Unspeakable, whose words cannot be read",
    )


PAD = "zero_pad x=[2,7,6,3] pad=1 fill=special"


@pytest.mark.parametrize(
    ("name", "wrong", "line"),
    [
        ("zero_pad", lambda X, pad: npcnn.zero_pad(X, pad) + 0.0, PAD),
        ("zero_pad", lambda X, pad: np.ma.masked_array(npcnn.zero_pad(X, pad), mask=True), PAD),
        ("zero_pad", lambda X, pad: npcnn.zero_pad(X, pad).tolist(), PAD),
        ("conv_backward", lambda dZ, cache: reshaped(*npcnn.conv_backward(dZ, cache)), CONV),
    ],
    ids=["zeros", "masked", "list", "db"],
)
def test_an_answer_in_disguise_is_wrong(name, wrong, line):
    """Zeros of another sign, a subclass of ndarray, a list, a db of another shape than b."""
    assert outcomes(module(**{name: wrong}), line)[name].status == "WRONG"


def reshaped(dA_prev, dW, db):
    return dA_prev, dW, db.reshape(-1, 1, 1, 1)


def test_a_changed_shape_is_a_changed_input():
    """Though every number stay."""

    def zero_pad(X, pad):
        padded = npcnn.zero_pad(X, pad)
        X.shape = (-1,)
        return padded

    outcome = outcomes(module(zero_pad=zero_pad), PAD)["zero_pad"]
    assert outcome.message == "changes its argument x"


def test_a_forward_pass_without_a_cache_is_told_what_to_return():
    """Not that something cannot be unpacked."""
    for returns in (None, np.ones(2)):
        found = outcomes(module(conv_forward=lambda *_, r=returns: r), CONV)["conv_forward"]
        kind = type(returns).__name__
        assert found.message == f"TypeError: it should return (Z, cache), it returned a {kind}"


def test_a_function_that_changes_its_input_does_not_spoil_the_next():
    """Every function gets arrays of its own."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        W[...] = 7
        return Z, cache

    found = outcomes(module(conv_forward=conv_forward), CONV)
    assert found["conv_forward"].message == "changes its argument w"
    assert found["functional.conv2d"].status == "ok"


@pytest.mark.parametrize("layout", [name for name in row.LAYOUTS if name != "C"])
def test_a_layout_reaches_the_candidate(layout):
    """The arrays are not tidied up on the way."""
    seen = []

    def zero_pad(X, pad):
        seen.append(X.flags.c_contiguous and X.flags.writeable and X.dtype.isnative)
        return npcnn.zero_pad(X, pad)

    line = f"zero_pad x=[3,2,4,2] pad=1 fill=integers layout={layout}"
    assert outcomes(module(zero_pad=zero_pad), line)["zero_pad"].status == "ok"
    assert seen == [False]


def test_a_detour_through_float32_is_found_in_float64():
    """By the bound of sparse numbers alone, too: they are not integers."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev.astype(np.float32), W, b, hparameters)
        return Z.astype(float), cache

    line = CONV.replace("integers", "sparse")
    assert outcomes(module(conv_forward=conv_forward), line)["conv_forward"].status == "WRONG"


def test_every_word_of_a_refusal_counts():
    """One of two is not enough."""

    def zero_pad(X, pad):
        raise TypeError("first alone")

    refusal = questions.Refusal(
        "r", "zero_pad", {"X": 1, "pad": 2}, "TypeError", ("first", "second")
    )
    judged = module(zero_pad=zero_pad)
    (outcome,) = judge.run(judged, judge.plan(judged, [refusal], lambda *_: True), 0, "float64")
    assert outcome.status == "WRONG"


def test_the_general_face_is_asked_about_its_defaults_and_the_passes_are_not():
    """Words that hold anyway are left out of the one and spelled out in the other."""
    seen = {}

    def recorded(name, function):
        def call(*args, **kwargs):
            seen[name] = kwargs
            return function(*args, **kwargs)

        return call

    general = {
        name: recorded(name, getattr(npcnn.functional, name))
        for name in ("conv2d", "max_pool2d", "avg_pool2d", "conv2d_backward")
    }
    judged = module(functional=types.SimpleNamespace(**vars(npcnn.functional) | general))
    for line in ("conv x=[1,4,5,2] w=[2,2,1,2] groups=2", "max_pool x=[1,4,5,1] kernel=2"):
        outcomes(judged, f"{line} fill={'integers' if 'conv' in line else 'ties'}")
    outcomes(judged, "avg_pool x=[1,4,5,1] kernel=2 stride=1 fill=dense")
    assert seen == {
        "conv2d": {"groups": 2},
        "conv2d_backward": {"groups": 2},
        "max_pool2d": {"kernel_size": 2, "return_indices": True},
        "avg_pool2d": {"kernel_size": 2, "stride": 1},
    }


def test_an_answer_without_outputs_is_no_match():
    """A comparison of nothing must not be green."""
    functions = tuple(replace(f, ask=lambda *_: {}) for f in CONTRACT.functions)
    judged = replace(module(), contract=replace(CONTRACT, functions=functions))
    found = outcomes(judged, CONV)["conv_backward"]
    assert (found.status, found.message) == ("WRONG", "has no output to compare")
