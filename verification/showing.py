"""What is shown of a function that fails: a question as small as can be, and what it looks like."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from verification import asking, row, shrink, symptoms, taps, trial, truth
from verification.candidate import Candidate
from verification.case import Case, CaseError
from verification.contracts import Function
from verification.diagnosis import Diagnosis
from verification.inquiry import Inquiry
from verification.outcomes import Outcome

Array = NDArray[Any]

SIMPLE = ("units", "digits")
"""Fills that are easier to read, the easier one first."""
ENOUGH = 24
"""Numbers in an output that a pattern shows in."""
SMALL = 50_000
"""Multiply-adds up to which a question is worth shrinking."""


def size(outcome: Outcome) -> tuple[int, bool, int, str]:
    """The order in which failures are told: small questions first, exact ones before others."""
    question = outcome.question
    return question.work, outcome.evidence != "exact", len(question.row), outcome.id


def smallest(
    judged: Candidate,
    function: Function,
    inquiry: Inquiry,
    outcome: Outcome,
    found: Diagnosis | None,
) -> Outcome:
    """The smallest outcome that fails in the same way."""
    case = outcome.question
    if not isinstance(case, Case) or case.work > SMALL or outcome.status in ("TIMEOUT", "MEMORY"):
        return outcome
    if outcome.kind == "DIED":
        return outcome
    best = [outcome]

    def same(smaller: Case) -> bool:
        if not judged.expresses(function, smaller):
            return False
        (again,) = trial.answered(judged, [function], smaller, inquiry.seed, inquiry.dtype, set())
        again = again.final
        alike = _way(again) == _way(outcome) and (
            found is None or _is_explained(inquiry, again, found)
        )
        if alike:
            best.append(again)
        return alike

    smallest = shrink.smallest(case, same)
    for fill in SIMPLE:
        with contextlib.suppress(CaseError):
            (simple,) = row.parse(replace(smallest, fill=fill).row)
            if outcome.evidence == "exact" and same(simple):
                break
    return best[-1]


def _way(outcome: Outcome) -> tuple[str, str, frozenset[str]]:
    """How it fails: the status, the exception, the outputs that are wrong."""
    return outcome.status, outcome.kind, frozenset(v.name for v in outcome.verdicts if not v.ok)


def _is_explained(inquiry: Inquiry, outcome: Outcome, found: Diagnosis) -> bool:
    return found.suspect is None or bool(inquiry.explains(found.suspect, outcome))


def telling(failing: Sequence[Outcome]) -> Outcome:
    """The smallest failing outcome that has numbers enough to show a pattern."""
    many = [o for o in failing if any(v.of >= ENOUGH for v in o.verdicts if v.worst)]
    return min(many or failing, key=size)


def looks(
    judged: Candidate, function: Function, smallest: Outcome, outcome: Outcome, inquiry: Inquiry
) -> list[str]:
    """What the error looks like; of a convolution, which coefficient is wrong."""
    case = outcome.question
    assert isinstance(case, Case)
    right = truth.of(case, inquiry.seed, inquiry.dtype).truth
    told = []
    for name, got in outcome.answers.items():
        shown = function.words.get(name, name)
        if any(v.name == shown and v.worst for v in outcome.verdicts):
            plain = asking.unformed(function.form, case, name, got, right[name].shape)
            looks = symptoms.describe(plain, right[name], name)
            told += [f"{shown}: {words}" for words in looks]
    case = smallest.question
    if isinstance(case, Case) and case.op == "conv" and smallest.answers:
        ask = partial(asking.Asker(judged, function, judged.ask), case)
        with contextlib.suppress(CaseError, asking.UnansweredError):
            told += taps.proof(case, ask, inquiry.dtype)
    return told
