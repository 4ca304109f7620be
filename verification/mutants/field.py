"""The field on which mutants are tried: every question that could kill one, rung by rung.

On each rung the questions are put in the order of their work until one of them kills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verification import features, questions, trial
from verification.candidate import Candidate
from verification.contracts import Function
from verification.features import RUNGS
from verification.questions import Question
from verification.trial import Check

KILLS = frozenset({"WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES"})
WORK = 3_000
"""Multiply-adds of the questions that mutants are asked; layers of networks have up to SCALE."""
SCALE = 1_500_000


def small() -> list[Question]:
    """The questions that a mutant is asked: bare loops answer them in milliseconds."""
    asked = questions.every()
    return [q for q in asked if q.work <= (SCALE if features.rung(q) == "scale" else WORK)]


def large() -> list[Question]:
    """Layers of real networks, in several blocks of taps: bare loops would take minutes."""
    return [q for q in questions.every() if features.rung(q) == "scale" and q.work > SCALE]


def checks(judged: Candidate, asked: Sequence[Question], ops: Sequence[str]) -> list[Check]:
    """The questions put to these functions alone, all of them where none is named."""
    names = {judged.name_of(f) for f in judged.contract.functions if not ops or f.op in ops}
    planned, _ = trial.plan(judged, asked, lambda name, _: name in names)
    return planned


def killers(
    judged: Candidate, planned: Sequence[Check], dtype: str = "float64", most: int = 1_000_000
) -> dict[str, str]:
    """The rungs that see something wrong, each with the first question that does.

    Of each rung only about so many checks are made.
    """
    found = {}
    for rung in RUNGS:
        of_rung = [check for check in planned if features.rung(check.question) == rung]
        thinned = sorted(of_rung, key=_work)[:: max(1, len(of_rung) // most)]
        killer = next(_kills(judged, thinned, dtype), None)
        if killer is not None:
            found[rung] = killer
    return found


def _work(check: Check) -> int:
    return check.question.work


def _kills(judged: Candidate, planned: Sequence[Check], dtype: str) -> Iterator[str]:
    for check in planned:
        for function in check.functions:
            if kills(judged, function, check.question, dtype):
                yield f"{judged.name_of(function)}/{check.question.id}"


def kills(judged: Candidate, function: Function, question: Question, dtype: str) -> bool:
    """Whether this question shows that something is wrong."""
    outcomes = trial.run(judged, [Check(question, (function,))], 0, dtype)
    return any(outcome.status in KILLS for outcome in outcomes)
