"""The field of the mutants: right code stands, wrong code falls on the rungs that can see it."""

from dataclasses import replace

import pytest

from verification import features, questions, row, trial
from verification.features import RUNGS
from verification.mistakes.code import Code
from verification.mutants import catalogued, coded, field
from verification.trial import Check

RIGHT = coded.coded("", Code())
WRONG = {wrong.id: wrong for wrong in catalogued.every()}
CONV = "conv x=[2,5,7,3] w=[3,2,3,4] stride=[2,1] pad=[1,0] fill=integers"
FUNCTIONS = {function.op: function for function in RIGHT.contract.functions}


@pytest.fixture(scope="module")
def asked():
    """The questions that a mutant is asked."""
    return field.small()


def killed(wrong, asked, most=30):
    """The rungs that kill it, of about so many questions each."""
    planned = field.checks(wrong.candidate, asked, [wrong.op])
    return list(field.killers(wrong.candidate, planned, wrong.dtype, most))


def test_small_questions(asked):
    """Of every rung, none too large for bare loops, and most of all that there are."""
    assert {features.rung(q) for q in asked} == set(RUNGS)
    assert max(q.work for q in asked if features.rung(q) != "scale") <= field.WORK
    assert max(q.work for q in asked if features.rung(q) == "scale") <= field.SCALE
    assert len(asked) > len(questions.every()) / 2


def test_large_questions(asked):
    """Layers of networks, none of them among the small."""
    large = field.large()
    assert large
    assert {features.rung(q) for q in large} == {"scale"}
    assert min(q.work for q in large) > field.SCALE
    assert {q.row for q in large} & {q.row for q in asked} == set()


def test_checks_of_one_function(asked):
    """No other is asked; without a name, all are."""
    one = field.checks(RIGHT, asked, ["pool_backward"])
    assert {f.op for check in one for f in check.functions} == {"pool_backward"}
    assert {check.question.op for check in one} == {"max_pool", "avg_pool"}
    every = field.checks(RIGHT, asked, [])
    assert {f.op for check in every for f in check.functions} == set(FUNCTIONS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_code_is_killed_by_nothing(asked, dtype):
    """Of every rung some twenty questions."""
    assert field.killers(RIGHT, field.checks(RIGHT, asked, []), dtype, 20) == {}


def test_nan_ignored(asked):
    """Seen where there is a NaN: on the rungs of edges and of proofs."""
    ordinary = [q for q in asked if features.rung(q) != "edge"]
    special = [q for q in asked if features.rung(q) == "edge" and q.fill == "special"]
    for op in ("pool_forward", "pool_backward"):
        wrong = WRONG[f"nan-ignored/{op}"]
        assert killed(wrong, ordinary, 40) == ["proof"]
        assert killed(wrong, special) == ["edge"]


def test_a_loss_of_precision(asked):
    """A detour through float16 leaves small integers as they are; reals tell it."""
    assert "rounding" in killed(WRONG["float16-inside/conv_forward"], asked)


def test_wrong_indices(asked):
    """Seen by every rung that holds an index."""
    seen = killed(WRONG["stride-ignored-backward/conv_backward#1"], asked)
    assert {"exact", "rounding", "adjoint"} <= set(seen)
    assert seen == [rung for rung in RUNGS if rung in seen]


def test_a_wider_result_is_seen_in_float32_alone(asked):
    """In float64 there is nothing wider."""
    wide = WRONG["wider-result/conv_forward"]
    planned = field.checks(wide.candidate, asked, ["conv_forward"])
    exact = [c for c in planned if features.rung(c.question) == "exact" and not c.question.dtype]
    assert field.killers(wide.candidate, exact, "float64", 10) == {}
    assert field.killers(wide.candidate, exact, "float32", 10)


def test_the_killer_is_the_smallest(asked):
    """Named with the function; of a rung the one with the least work that sees it."""
    wrong = WRONG["bias-forgotten/conv_forward"]
    planned = field.checks(wrong.candidate, asked, [wrong.op])
    killer = field.killers(wrong.candidate, planned)["exact"]
    exact = [c.question for c in planned if features.rung(c.question) == "exact"]
    small, function = [q for q in exact if q.work <= 100], FUNCTIONS[wrong.op]
    seeing = [q for q in small if field.kills(wrong.candidate, function, q, "float64")]
    least = min(q.work for q in seeing)
    assert killer in {f"conv_forward/{q.id}" for q in seeing if q.work == least}


def test_fewer_are_asked_of_a_rung(asked, monkeypatch):
    """About as many as said, small and large."""
    planned = field.checks(RIGHT, asked, ["conv_forward"])
    put = []
    monkeypatch.setattr(field, "kills", lambda judged, f, q, dtype: put.append(q))
    assert field.killers(RIGHT, planned, most=10) == {}
    counts = {rung: sum(features.rung(q) == rung for q in put) for rung in RUNGS}
    there = {rung: sum(features.rung(c.question) == rung for c in planned) for rung in RUNGS}
    for rung in RUNGS:
        assert min(10, there[rung]) <= counts[rung] < 20
    assert {q.id for q in put} < {check.question.id for check in planned}
    put.clear()
    field.killers(RIGHT, planned)
    assert len(put) == len(planned)
    works = [q.work for q in put if features.rung(q) == "exact"]
    assert works == sorted(works)


@pytest.mark.parametrize(
    ("status", "kills"),
    [
        *((name, True) for name in ("WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES")),
        *((name, False) for name in ("ok", "VACUOUS", "not attempted", "not judged")),
    ],
)
def test_what_kills(status, kills, monkeypatch):
    """Every outcome that a stranger's code would be reproached with, and no other."""
    (question,) = row.parse(CONV)
    function = FUNCTIONS["conv_forward"]
    (outcome,) = trial.run(RIGHT, [Check(question, (function,))], 0, "float64")
    assert outcome.status == "ok"
    monkeypatch.setattr(trial, "run", lambda *a: iter([replace(outcome, status=status)]))
    assert field.kills(RIGHT, function, question, "float64") == kills
