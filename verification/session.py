"""One whole run: function after function, what came of it, and why.

A function that stands on one that fails is not blamed for what it may have inherited: its failures
are `not judged`.  Of the others, the catalogue names the mistake, and the smallest question that
fails in the same way is looked for.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from verification import diagnosis, fills, showing, trial
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import Function
from verification.diagnosis import Diagnosis
from verification.inquiry import Inquiry
from verification.mistakes import Mistake
from verification.outcomes import Outcome
from verification.trial import Check

Array = NDArray[Any]

GOOD = ("ok", "not attempted", "DEVIATES")
FAILING = ("WRONG", "CRASH", "TIMEOUT", "MEMORY")


@dataclass(frozen=True)
class Finding:
    """One function: its outcomes, the questions outside its contract, and what is wrong with it.

    `age` is the error of age that was mended; `smallest` the outcome to show; `looks` what the
    error looks like where no mistake is known.
    """

    function: str
    op: str
    outcomes: tuple[Outcome, ...]
    outside: int = 0
    age: Mistake | None = None
    diagnosis: Diagnosis | None = None
    smallest: Outcome | None = None
    looks: tuple[str, ...] = ()
    channels_first: bool = False

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status in FAILING]

    @property
    def deviations(self) -> list[str]:
        """The conventions that it follows, by name."""
        return sorted({name for outcome in self.outcomes for name in outcome.deviations})

    @property
    def status(self) -> str:
        """ok, differs, vacuous, deviates, not attempted, not judged or outside."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        if self.failing:
            return "differs"
        for status, said in _SAID.items():
            if counts[status]:
                return said
        return "outside"


_SAID = {
    "VACUOUS": "vacuous",
    "not judged": "not judged",
    "DEVIATES": "deviates",
    "ok": "ok",
    "not attempted": "not attempted",
}


@dataclass(frozen=True)
class Rules:
    """How a run is held."""

    seed: int
    dtype: str
    catalogue: Sequence[Mistake]
    first: bool = False
    strict: bool = False


def hold(
    judged: Candidate,
    checks: Sequence[Check],
    outside: Mapping[str, int],
    rules: Rules,
    progress: Callable[[int], None] = lambda done: None,
) -> Iterator[Finding]:
    """The findings, in the contract's order, each as soon as it is complete."""
    order = [judged.name_of(function) for function in judged.contract.functions]
    waiting = {judged.name_of(f): 0 for f in judged.contract.functions}
    for check in checks:
        for function in check.functions:
            waiting[judged.name_of(function)] += 1
    found: dict[str, list[Outcome]] = {name: [] for name in order}
    beyond = Counter(outside)
    fails: set[str] = set()
    outcomes = trial.run(judged, checks, rules.seed, rules.dtype)
    for done, outcome in enumerate(outcomes, start=1):
        waiting[outcome.function] -= 1
        if outcome.status == "outside":
            beyond[outcome.function] += 1
        else:
            found[outcome.function].append(outcome)
        progress(done)
        stop = rules.first and _fails(judged, outcome, rules)
        while order and (stop or not waiting[order[0]]):
            function = judged.contract.functions[-len(order)]
            name = order.pop(0)
            if found[name] or beyond[name]:
                finding = _finding(judged, function, found[name], beyond[name], fails, rules)
                if any(outcome.final.status in FAILING for outcome in finding.failing):
                    fails.add(function.name)
                yield finding
        if stop:
            return


def _finding(
    judged: Candidate,
    function: Function,
    outcomes: Sequence[Outcome],
    outside: int,
    fails: set[str],
    rules: Rules,
) -> Finding:
    name = judged.name_of(function)
    inquiry = _inquiry(judged, function, outcomes, rules)
    outcomes = _unattempted(outcomes)
    if not judged.contract.bitwise:
        outcomes = [_settled(inquiry, outcome, rules) for outcome in outcomes]
    forward = judged.contract.forward_of(function)
    outcomes = [_inherited(outcome, function, forward, fails) for outcome in outcomes]
    aged = [outcome for outcome in outcomes if outcome.mended]
    age = next((m for m in rules.catalogue if aged and m.tells(aged[0].message)), None)
    first = judged.contract.channels_first
    finding = Finding(name, function.op, tuple(outcomes), outside, age, channels_first=first)
    mended = [o.final for o in finding.failing if _has_numbers(o)]
    failing = [outcome for outcome in mended if outcome.status in FAILING]
    if not failing:
        unasked = [outcome for outcome in finding.failing if not outcome.mended]
        return replace(finding, smallest=min(unasked, key=showing.size, default=None))
    passing = [o.final for o in outcomes if o.final.status == "ok" and _has_numbers(o)]
    asked = replace(inquiry, failing=failing, passing=passing)
    found = diagnosis.of(asked, rules.catalogue)
    least = min(failing, key=showing.size)
    smallest = showing.smallest(judged, function, inquiry, least, found)
    finding = replace(finding, diagnosis=found, smallest=smallest)
    if found:
        return finding
    looks = showing.looks(judged, function, smallest, showing.telling(failing), inquiry)
    return replace(finding, looks=tuple(looks))


def _has_numbers(outcome: Outcome) -> bool:
    """Whether it holds the answers to one question, as an oracle's would be."""
    return isinstance(outcome.question, Case) and not outcome.question.check


def _inquiry(
    judged: Candidate, function: Function, outcomes: Sequence[Outcome], rules: Rules
) -> Inquiry:
    @functools.lru_cache(maxsize=4096)
    def arrays(case: Case) -> Mapping[str, Array]:
        return fills.arrays(case, rules.seed, rules.dtype)

    return Inquiry(function.op, function.form, arrays, rules.seed, rules.dtype, (), ())


def _fails(judged: Candidate, outcome: Outcome, rules: Rules) -> bool:
    """Whether it still fails when conventions are taken for what they are."""
    if outcome.status in FAILING and not judged.contract.bitwise:
        functions = judged.contract.functions
        (function,) = (f for f in functions if judged.name_of(f) == outcome.function)
        outcome = _settled(_inquiry(judged, function, [outcome], rules), outcome, rules)
    return outcome.status in FAILING


def _unattempted(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """A function that returns None whatever it is asked is not written yet."""
    said = (outcome.message + "".join(v.message for v in outcome.verdicts) for outcome in outcomes)
    if outcomes and all("NoneType" in words for words in said):
        return [replace(outcome, status="not attempted", message="") for outcome in outcomes]
    return list(outcomes)


def _settled(inquiry: Inquiry, outcome: Outcome, rules: Rules) -> Outcome:
    """A wrong answer that a convention alone explains deviates; strictly, it stays wrong."""
    if outcome.mended:
        return replace(outcome, mended=_settled(inquiry, outcome.mended, rules))
    if outcome.status == "WRONG" and not outcome.habits:
        name = diagnosis.conventions(inquiry, rules.catalogue, outcome)
        if name:
            named = tuple(dict.fromkeys((*outcome.deviations, name)))
            outcome = replace(outcome, status="DEVIATES", deviations=named)
    if rules.strict and outcome.status == "DEVIATES":
        return replace(outcome, status="WRONG")
    return outcome


def _inherited(outcome: Outcome, function: Function, forward: Function, fails: set[str]) -> Outcome:
    """Not judged where it stands on what fails; a check stands on the forward pass too."""
    checked = bool(getattr(outcome.question, "check", ""))
    below = sorted(fails & {*function.needs, *[forward.name] * checked})
    if not below or outcome.status not in FAILING:
        return outcome
    return replace(outcome, status="not judged", message=f"it stands on {below[0]}, which fails")
