"""One whole run: a candidate before its questions, function after function, and why it fails.

A function that stands on one that fails is not blamed for what it may have inherited: its failures
are `not judged`.  Of the others, the catalogue names the mistake, and the smallest question that
fails in the same way is looked for.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from verification import mistakes, truth
from verification.candidates import Function, Terms, load
from verification.judging import smallest
from verification.judging.trial import LOST, Outcome, Trial, plan
from verification.mistakes import Diagnosis, Inquiry, Mistake, Sighting
from verification.questions import Case, CaseError, Question, level, parse, read, rung

SMALL = 50_000
"""Multiply-adds up to which a question is worth shrinking."""
ENOUGH = 24
"""Numbers in an output that a pattern shows in."""
CALLS = 256
"""Cells of a question up to which every coefficient is looked at, with a call for each."""
SIMPLE = ("units", "digits")
"""Fills that are easier to read, the easier one first."""


class UsageError(ValueError):
    """A setting that fits nothing; the message says which and what is known."""


@dataclass(frozen=True)
class Settings(Terms):
    """What to judge, and how; every question is asked unless a filter says otherwise.

    `candidate` is a file, a notebook, a module, or the names of a live session; `case` an id or a
    row, `text` a part of ids, `only` functions by the candidate's names or ours.
    """

    candidate: str | Mapping[str, Any] = "npcnn"
    only: tuple[str, ...] = ()
    text: str = ""
    level: int = 4
    rung: str = ""
    case: str = ""
    seed: int = 0
    dtype: str = "float64"
    first: bool = False
    strict: bool = False
    exam: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.timeout < 1e6 or self.memory < 1:
            raise UsageError(f"timeout={self.timeout:g} and memory={self.memory} must be above 0")

    @property
    def is_row(self) -> bool:
        return "=" in self.case

    @property
    def is_narrowed(self) -> bool:
        """Whether only some questions are asked: then what lies outside is not counted."""
        return bool(self.only or self.text or self.case or self.rung or self.level < 4)


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

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]

    @property
    def deviations(self) -> list[str]:
        """The conventions that it follows, by name."""
        return sorted({name for outcome in self.outcomes for name in outcome.deviations})

    @property
    def status(self) -> str:
        """differs, not judged, deviates, ok, not attempted or outside."""
        statuses = {outcome.status for outcome in self.outcomes}
        if self.failing:
            return "differs"
        for status in ("not judged", "DEVIATES", "ok", "not attempted"):
            if status in statuses:
                return status.lower()
        return "outside"


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it.

    `fault` is unloadable, interrupted, fault or nothing where the run did not come to its end, and
    `error` says why.
    """

    settings: Settings
    candidate: str
    contract: str = ""
    sha256: str = ""
    oracle: str = "torch"
    numpy: str = ""
    python: str = ""
    channels_first: bool = False
    notes: Sequence[str] = ()
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    fault: str = ""
    error: str = ""

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for finding in self.findings for outcome in finding.outcomes]

    @property
    def asked(self) -> list[Outcome]:
        """The outcomes of functions that exist."""
        return [outcome for outcome in self.outcomes if outcome.status != "not attempted"]

    @property
    def differing(self) -> list[Finding]:
        """The functions that fail; strictly, those too that had to be mended."""
        return [f for f in self.findings if f.failing or (self.settings.strict and f.age)]

    @property
    def verdict(self) -> str:
        """match, differs, nothing; or unloadable, interrupted, fault."""
        if self.fault or not self.asked:
            return self.fault or "nothing"
        return "differs" if self.differing else "match"


@dataclass(frozen=True)
class Watch:
    """What is to happen while a run goes on: at its beginning, at each outcome, at each finding."""

    begin: Callable[[Run], None] = lambda run: None
    count: Callable[[int, int], None] = lambda done, total: None
    show: Callable[[Run, Finding], None] = lambda run, finding: None


class Session:
    """A candidate, loaded, with the questions that are to be put to it.

    `known` is the run as far as it has come.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self._start = settings, time.perf_counter()
        self.judged = judged = load(settings.candidate, settings)
        self.known = Run(
            settings,
            judged.name,
            judged.contract.name,
            judged.sha256,
            numpy=judged.hello.numpy,
            python=judged.hello.python,
            channels_first=judged.contract.channels_first,
            notes=judged.notes,
        )
        try:
            self._only = self._resolve_only()
            self.checks, outside = plan(self.judged, self._questions(), self._chooses)
        except BaseException:
            self.judged.close()
            raise
        self._outside = Counter() if settings.is_narrowed else outside
        self._trial = Trial(self.judged, settings.seed, settings.dtype)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *raised: object) -> None:
        self.judged.close()

    def run(self, watch: Watch = Watch()) -> Run:
        """Ask everything; what came of it."""
        self.known = replace(self.known, oracle=truth.prepare())
        watch.begin(self.known)
        for finding in self._find(watch):
            findings, seconds = (*self.known.findings, finding), time.perf_counter() - self._start
            self.known = replace(self.known, findings=findings, seconds=seconds)
            watch.show(self.known, finding)
        return self.known

    def _questions(self) -> Sequence[Question]:
        if self.settings.is_row:
            try:
                return parse(self.settings.case)
            except CaseError as error:
                raise UsageError(str(error)) from error
        return read(within=self.settings.case)

    def _resolve_only(self) -> set[str]:
        """The functions to judge, by the candidate's own names; none of them is unknown."""
        contract, judged = self.judged.contract, self.judged
        ours = {function.name: judged.name_of(function) for function in contract.functions}
        for our, their in self.settings.names.items():
            if our not in ours or their not in judged.hello.names:
                words = ", ".join(ours)
                raise UsageError(f"--name {our}={their}: known are {words}; and theirs must exist")
        known = ours | {their: their for their in ours.values()}
        known = {name.rpartition(".")[2]: their for name, their in known.items()} | known
        for name in self.settings.only:
            if name not in known:
                words = ", ".join(dict.fromkeys((*ours.values(), *ours)))
                raise UsageError(f"unknown function {name!r}, known are {words}")
        return {known[name] for name in self.settings.only}

    def _chooses(self, name: str, question: Question) -> bool:
        settings = self.settings
        if self._only and name not in self._only:
            return False
        if settings.case and not settings.is_row:
            ids = {question.id, question.name}
            if settings.case not in ids | {f"{name}/{one}" for one in ids}:
                return False
        fits = not settings.rung or rung(question) == settings.rung
        return (
            fits and level(question) <= settings.level and settings.text in f"{name}/{question.id}"
        )

    def _find(self, watch: Watch) -> Iterator[Finding]:
        """The findings, in the contract's order, each as soon as it is complete."""
        functions = {self.judged.name_of(f): f for f in self.judged.contract.functions}
        waiting = Counter(self.judged.name_of(f) for c in self.checks for f in c.functions)
        total, outside = waiting.total(), Counter(self._outside)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in functions}
        order, statuses = list(functions), dict[str, str]()
        for done, outcome in enumerate(self._trial.run(self.checks), start=1):
            waiting[outcome.function] -= 1
            if outcome.status == "outside":
                outside[outcome.function] += 1
            else:
                outcomes[outcome.function].append(outcome)
            watch.count(done, total)
            stop = self.settings.first and self._fails(functions[outcome.function], outcome)
            while order and (stop or not waiting[order[0]]):
                name = order.pop(0)
                if outcomes[name] or outside[name]:
                    finding = self._conclude(functions[name], outcomes[name], statuses)
                    statuses[functions[name].name] = finding.status
                    yield replace(finding, outside=outside[name])
            if stop:
                return

    def _inquiry(self, function: Function) -> Inquiry:
        return Inquiry(function.op, function.form, self.settings.seed, self.settings.dtype)

    def _fails(self, function: Function, outcome: Outcome) -> bool:
        """Whether it still fails when conventions are taken for what they are."""
        return outcome.is_failing and self._name_convention(function, outcome).is_failing

    def _conclude(
        self, function: Function, outcomes: Sequence[Outcome], statuses: Mapping[str, str]
    ) -> Finding:
        """What came of a function, and why; `statuses` are those of the functions before it."""
        outcomes = _drop_unattempted(outcomes, function, statuses)
        outcomes = [self._name_convention(function, outcome) for outcome in outcomes]
        forward = self.judged.contract.forward_of(function)
        outcomes = [_excuse(outcome, function, forward, statuses) for outcome in outcomes]
        aged = [outcome.age[0] for outcome in outcomes if outcome.age]
        age = next((m for m in mistakes.read() if m.id in aged[:1]), None)
        finding = Finding(self.judged.name_of(function), function.op, tuple(outcomes), age=age)
        failing = [outcome for outcome in finding.failing if outcome.has_numbers]
        if not failing:
            return replace(finding, smallest=min(finding.failing, key=_size, default=None))
        passing = [o for o in outcomes if o.status == "ok" and o.has_numbers]
        inquiry = self._inquiry(function)
        found = mistakes.diagnose(inquiry, [*map(_sight, failing)], [*map(_sight, passing)])
        least = self._shrink(function, inquiry, min(failing, key=_size), found)
        looks = () if found else tuple(self._look(function, least, failing))
        return replace(finding, diagnosis=found, smallest=least, looks=looks)

    def _name_convention(self, function: Function, outcome: Outcome) -> Outcome:
        """A wrong answer that a convention alone explains deviates; strictly, it stays wrong."""
        if self.judged.contract.is_bitwise:
            return outcome
        if outcome.status == "WRONG" and not outcome.habits and outcome.has_numbers:
            inquiry = self._inquiry(function)
            if name := mistakes.find_convention(inquiry, _sight(outcome)):
                names = tuple(dict.fromkeys((*outcome.deviations, name)))
                outcome = replace(outcome, status="DEVIATES", deviations=names)
        if self.settings.strict and outcome.status == "DEVIATES":
            return replace(outcome, status="WRONG")
        return outcome

    def _shrink(
        self, function: Function, inquiry: Inquiry, outcome: Outcome, found: Diagnosis | None
    ) -> Outcome:
        """The smallest outcome that fails in the same way."""
        case = outcome.question
        assert isinstance(case, Case)
        if case.work > SMALL or outcome.kind in LOST:
            return outcome
        suspect, best = found and found.suspect, outcome

        def fails(smaller: Case) -> bool:
            nonlocal best
            again = self._name_convention(function, self._trial.judge(function, smaller))
            if _way(again) != _way(outcome):
                return False
            is_alike = not suspect or bool(inquiry.explains(suspect, _sight(again)))
            best = again if is_alike else best
            return is_alike

        least = smallest.shrink(case, fails)
        for fill in SIMPLE if outcome.evidence == "exact" else ():
            with suppress(CaseError):
                if fails(*parse(replace(least, fill=fill).row)):
                    break
        return best

    def _look(
        self, function: Function, least: Outcome, failing: Sequence[Outcome]
    ) -> Iterator[str]:
        """What the error looks like; of a convolution, which coefficient is wrong."""
        many = [o for o in failing if any(c.of >= ENOUGH for c in o.comparisons if c.worst)]
        outcome = min(many or failing, key=_size)
        case, wrong = outcome.question, {c.name for c in outcome.comparisons if c.worst}
        assert isinstance(case, Case)
        for name, got in outcome.answers.items():
            word = function.words.get(name, name)
            if word in wrong:
                plain = self._trial.restore(function, case, name, got)
                right = truth.answer(case, self.settings.seed, self.settings.dtype).values[name]
                yield from (f"{word}: {look}" for look in mistakes.describe(plain, right, name))
        case = least.question
        assert isinstance(case, Case)
        if case.op == "conv" and least.answers and max(map(math.prod, (case.x, case.y))) <= CALLS:
            proof = self._trial.judge(function, replace(case, check="proof", dtype=""))
            yield from proof.message.splitlines()


def _drop_unattempted(
    outcomes: Sequence[Outcome], function: Function, statuses: Mapping[str, str]
) -> list[Outcome]:
    """A function that returns None whatever it is asked is not written yet.

    Nor is one that has nothing but None to go on, of a function below it.
    """
    is_short = any(statuses.get(name) == "not attempted" for name in function.needs)
    sign = "NoneType" if is_short else "a NoneType"
    words = (o.message + "".join(c.message for c in o.comparisons) for o in outcomes)
    if outcomes and all(sign in text for text in words):
        return [replace(outcome, status="not attempted", message="") for outcome in outcomes]
    return list(outcomes)


def _excuse(
    outcome: Outcome, function: Function, forward: Function, statuses: Mapping[str, str]
) -> Outcome:
    """Not judged where it stands on what fails; a check needs a forward pass that is written."""
    below = sorted(name for name in function.needs if statuses.get(name) == "differs")
    if isinstance(outcome.question, Case) and outcome.question.check:
        below += [forward.name] * (statuses.get(forward.name) in ("differs", "not attempted"))
    if not below or not outcome.is_failing:
        return outcome
    word = "fails" if statuses[below[0]] == "differs" else "is not written"
    return replace(outcome, status="not judged", message=f"it stands on {below[0]}, which {word}")


def _sight(outcome: Outcome) -> Sighting:
    assert isinstance(outcome.question, Case)
    return Sighting(
        outcome.question,
        outcome.status,
        outcome.answers,
        outcome.kind,
        outcome.message,
        outcome.habits,
    )


def _size(outcome: Outcome) -> tuple[int, bool, int, str]:
    """The order in which failures are shown: small questions first, exact ones before others."""
    question = outcome.question
    return question.work, outcome.evidence != "exact", len(question.row), outcome.id


def _way(outcome: Outcome) -> tuple[str, str, frozenset[str]]:
    """How it fails: the status, the exception, the outputs that are wrong."""
    wrong = frozenset(c.name for c in outcome.comparisons if not c.is_right)
    return outcome.status, outcome.kind, wrong
