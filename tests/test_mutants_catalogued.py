"""Catalogued mistakes as implementations: all of them, everywhere, and wrong but for a few."""

import functools

import numpy as np
import pytest

from verification import covering, fills, mistakes, questions
from verification.case import Case
from verification.contracts import OWN
from verification.mistakes.code import Code
from verification.mutants import __main__ as command
from verification.mutants import catalogued, coded
from verification.mutants.habits import HABITS

WRONG = {wrong.id: wrong for wrong in catalogued.every()}
CATALOGUE = {mistake.id: mistake for mistake in mistakes.read()}
FUNCTIONS = {function.op: function for function in coded.contract().functions}
EQUIVALENT = command.read_equivalents()
RIGHT_ALL_THE_SAME = sorted(name for name in EQUIVALENT if "/" in name)
SAMPLE = [wrong for name, wrong in WRONG.items() if name not in EQUIVALENT][::28]


def kind(op):
    """conv, pool, or the helper's own name."""
    return op.removesuffix("_forward").removesuffix("_backward")


@functools.cache
def asked(op):
    """The covering set; of helpers, which it leaves out, every question that is exact."""
    own = [case for case in covering.cases() if case.op.endswith(kind(op))]
    return own or [q for q in questions.every() if isinstance(q, Case) and q.op == op]


@functools.cache
def exact(op):
    """Questions that leave one right answer, whatever the order of a sum, small ones first."""
    cases = [q for q in questions.every() if isinstance(q, Case) and q.op.endswith(kind(op))]
    chosen = [case for case in cases if case.is_exact and not case.check and case.work <= 3000]
    return sorted(chosen, key=lambda case: case.work)


def answer(candidate, op, case, dtype):
    """All that can be seen of it."""
    reply = candidate.ask(FUNCTIONS[op], case, fills.arrays(case, 0, dtype), OWN)
    bits = {name: (a.dtype, a.shape, a.tobytes()) for name, a in told(reply)}
    return reply.status, reply.error, bits, reply.changed, reply.steady


def told(reply):
    """Zeros of both signs are one number, and so is every NaN."""
    for name, a in reply.values.items():
        yield name, np.where(np.isnan(a), np.nan, a) + 0 if a.dtype.kind == "f" else a


@functools.cache
def right(op, case, dtype):
    return answer(coded.coded("", Code()), op, case, dtype)


def differs(wrong, case, op=""):
    """Whether this question, put to its function `op`, tells it from right code."""
    op = op or wrong.op
    return answer(wrong.candidate, op, case, wrong.dtype) != right(op, case, wrong.dtype)


def test_every_mistake_in_each_of_its_functions():
    """Once at least; and as many times as there are ways to write it."""
    assert len(CATALOGUE) > 50
    ways = {
        (mistake.id, op): len(mistake.lines) + (mistake.id in HABITS)
        for mistake in CATALOGUE.values()
        for op in mistake.ops
    }
    found = [(wrong.mistake.id, wrong.op) for wrong in WRONG.values()]
    assert ways == {each: found.count(each) for each in found}
    assert min(ways.values()) >= 1


def test_their_names():
    """No two alike; the mistake, the function, and the number of the way if there are several."""
    assert len(catalogued.every()) == len(WRONG)
    for name, wrong in WRONG.items():
        way = name.removeprefix(f"{wrong.mistake.id}/{wrong.op}")
        several = len(wrong.mistake.lines) > 1
        numbers = [f"#{n}" for n in range(1, len(wrong.mistake.lines) + 1)]
        assert way in numbers if several else way == ""


def test_habits_are_the_mistakes_without_lines():
    """These and no others."""
    assert {name for name, mistake in CATALOGUE.items() if not mistake.lines} == set(HABITS)


def test_one_is_seen_in_single_precision_alone():
    """A result that is wider; all others are asked in float64."""
    narrow = {wrong.mistake.id for wrong in WRONG.values() if wrong.dtype == "float32"}
    assert narrow == {"wider-result"}
    assert {wrong.dtype for wrong in WRONG.values()} == {"float32", "float64"}


def test_equivalents_exist_and_have_reasons():
    """One each, and not for a word's sake."""
    assert [name for name in RIGHT_ALL_THE_SAME if name not in WRONG] == []
    assert [name for name, reason in EQUIVALENT.items() if len(reason.split()) < 4] == []
    rows = (command.FOLDER / "equivalents.toml").read_text(encoding="utf-8").count("{id=")
    assert rows == len(EQUIVALENT)


@pytest.mark.parametrize("name", RIGHT_ALL_THE_SAME)
def test_equivalents_are_right_code(name):
    """Every question of the covering set is answered as right code does."""
    cases = asked(WRONG[name].op)
    assert len(cases) >= 12
    assert [case.row for case in cases if differs(WRONG[name], case)] == []


@pytest.mark.parametrize("wrong", SAMPLE, ids=[wrong.id for wrong in SAMPLE])
def test_all_others_are_wrong_code(wrong):
    """Some question is answered otherwise: of every 28th of them."""
    assert any(differs(wrong, case) for case in exact(wrong.op))


def test_the_sample_is_wide():
    """Twenty mistakes or nearly, and most functions."""
    assert len(SAMPLE) >= 19
    assert len({wrong.op for wrong in SAMPLE}) >= 5


@pytest.mark.parametrize("name", HABITS)
def test_habits_are_seen(name):
    """Each changes the answer to some question."""
    wrong = next(wrong for wrong in WRONG.values() if wrong.mistake.id == name)
    assert any(differs(wrong, case) for case in exact(wrong.op))


def test_wrong_in_its_own_function_alone():
    """Where the other pass is asked, right code answers."""
    wrong = WRONG["stride-ignored-backward/conv_backward#1"]
    case = next(case for case in exact("conv_forward") if max(case.stride) > 1)
    assert differs(wrong, case)
    assert not differs(wrong, case, "conv_forward")
