"""Answers judged by what must hold of them, without an oracle's numbers.

A question with a `check` puts several questions to the candidate, and the check says in sentences
what does not hold between the answers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from verification import adjoint, cells, outcomes, properties, scale, taps
from verification.asking import Arrays, Ask, Asker, InexpressibleError, Put, UnansweredError
from verification.candidate import Candidate
from verification.case import Case, CaseError
from verification.contracts import Function
from verification.outcomes import Outcome

PROVED = frozenset({"taps", "cells"})
ONCE = frozenset({"scale"})
"""Checks that make a single call."""
TAPS = 4096
"""Calls that a proof may take: the questions that ask for one are small."""
CHANCE = 1 / 18
"""Weights and probes are 18 different numbers: of two errors, one hides the other so often."""


def expect(judged: Candidate, function: Function, case: Case, given: Arrays) -> None:
    """Announce the first call, where it is of the question's own arrays."""
    if case.check not in PROVED:
        Asker(judged, function, judged.ask).expect(_plain(case), given)


def of(judged: Candidate, function: Function, case: Case, given: Arrays, put: Put) -> Outcome:
    """What a question with a check came to."""
    forward = judged.contract.forward_of(function)
    asker, other = Asker(judged, function, put), Asker(judged, forward, put)
    proved = case.check in PROVED
    outcome = replace(
        outcomes.plain(judged, function, case, "ok"),
        evidence="proved" if proved else "exact",
        chance=0.0 if proved else CHANCE,
    )
    try:
        with np.errstate(all="ignore"):  # a stranger's numbers may be infinite
            said = list(_sentences(case, given, asker, other))
    except InexpressibleError:
        return replace(outcome, status="outside")
    except UnansweredError as error:
        if error.reply is None:
            return replace(outcome, status="WRONG", message=str(error))
        return outcomes.unanswered(outcome, error.reply)
    return replace(outcome, status="WRONG" if said else "ok", message="\n".join(said))


@functools.lru_cache(maxsize=4)
def _plain(case: Case) -> Case:
    """The question without its check: the same one every time, as it is known by."""
    return replace(case, check="")


def _sentences(case: Case, given: Arrays, ask: Ask, forward: Ask) -> Iterator[str]:
    plain = _plain(case)
    if case.check == "adjoint":
        yield from adjoint.sentences(plain, given, forward, ask)
    elif case.check == "scale":
        yield from scale.sentences(plain, given, ask)
    elif case.check == "cells":
        yield from cells.sentences(plain, given, ask)
    elif case.check == "taps":
        yield from taps.proof(plain, lambda arrays: ask(plain, arrays), str(given["x"].dtype), TAPS)
    elif not properties.fits(case.check, plain):
        raise CaseError(f"the check {case.check!r} says nothing of {plain.row}")
    else:
        for name, got, want in properties.relations(case.check, plain, given, ask):
            wrong = int((got != want).sum()) if got.shape == want.shape else want.size
            if wrong:
                yield f"{name} breaks the rule {case.check!r} at {wrong} of {want.size} places"
