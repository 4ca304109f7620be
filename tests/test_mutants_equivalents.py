"""Mutants of the source that are said to be right code: no question of the covering set tells."""

import importlib
from functools import partial

import pytest

from verification import covering, features, questions, trial, truth, vacuity
from verification.mutants import __main__ as command
from verification.mutants import coded, field, forks, source

SAID = {name for name in command.read_equivalents() if "/" not in name}
MUTANTS = {mutant.id: mutant for mutant in source.mutants()}


@pytest.fixture(scope="module")
def asked():
    """The covering set and the proofs, of the general face that all passes stand on."""
    trial.prepare()
    proofs = [q for q in questions.read_all() if features.rung(q) == "proof"]
    questions_put = [*covering.cases(), *proofs]
    judged = coded.here({})
    planned, _ = trial.plan(judged, questions_put, lambda name, _: "functional" in name)
    for check in planned:  # once, here, and not in every fork
        if not check.question.check:
            known = truth.of(check.question, 0, "float64", judged.contract.bitwise)
            assert not any(vacuity.reason(known, function.op) for function in check.functions)
    return planned


def killed(mutant, asked):
    if mutant is not None:
        source.install(mutant)
    return field.killers(coded.here(vars(importlib.import_module(source.CORE))), asked)


def test_they_exist():
    """Under these names, until the core is rewritten."""
    assert SAID
    assert sorted(SAID - set(MUTANTS)) == []


def test_they_answer_alike(asked):
    """Every one of them, on every question."""
    tasks = {name: partial(killed, MUTANTS[name], asked) for name in sorted(SAID)}
    assert dict(forks.run(tasks, 120)) == {name: {} for name in SAID}


def test_another_one_would_be_seen(asked):
    """A mutant that is not among them."""
    name = next(m.id for m in MUTANTS.values() if (m.room, m.kind) == ("conv", "product"))
    ((_, found),) = forks.run({name: partial(killed, MUTANTS[name], asked)}, 120)
    assert found
