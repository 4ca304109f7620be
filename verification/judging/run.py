"""What a run is: its settings, and what it came to, a finding for each function and the verdict."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

from verification import mistakes
from verification.candidates import HELPERS, LAYOUTS, NAMES, Terms
from verification.judging.trial import Outcome
from verification.mistakes import Diagnosis, Mistake
from verification.questions import RUNGS, Case, CaseError, Question, level, read_where, rung

LARGE = 100_000
"""Multiply-adds that right code in bare loops may not do in time."""
TOP = 4
"""The level of every question."""
MOST = 1e6
"""Points that a function may be worth."""
SHOW = ("all", "actual", "status")
_CHOICES: Mapping[str, Sequence[object]] = {
    "show": SHOW,
    "hint": range(4),
    "level": range(1, TOP + 1),
    "rung": ("", *RUNGS),
    "dtype": ("float64", "float32"),
    "oracle": ("torch", "textbook"),
    "contract": ("", *NAMES),
    "layout": ("", *LAYOUTS),
}
_KINDS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("text", "where", "case"), (str, "a text")),
    **dict.fromkeys(("draw", "memory"), (Integral, "a whole number")),
    "timeout": (Real, "a number"),
}


class UsageError(ValueError):
    """A setting that fits nothing; the message says which and what is known."""


def choose_show(exam: bool, show: str) -> str:
    """How much is shown, where "" is no wish: an exam is "status", whatever else is wished."""
    if exam and show not in ("", "status"):
        raise UsageError(f"an exam shows status alone, got show={show}")
    return "status" if exam else show or SHOW[0]


@dataclass(frozen=True)
class Settings(Terms):
    """What to judge, and how; every question is asked unless a filter says otherwise.

    `candidate` is a file, a notebook, a module, or the names of a live session; `case` an id or a
    row, `text` a part of ids, `where` an expression over questions' fields, `only` functions by the
    candidate's names or ours; `draw` so many questions on geometries of this `seed`, or of the
    clock's.  `shard` (K, N) is the K-th of N parts of the questions; `known` are ids of cases that
    may fail; `points` what a function is worth, where it is not 1; the `oracle` torch or textbook.
    What is told: `show` "all", "actual" (no right number) or "status" (nor a name), and with a
    `hint` of 1 or 2 no name of a mistake.
    """

    candidate: str | Mapping[str, Any] = "npcnn"
    only: tuple[str, ...] = ()
    text: str = ""
    where: str = ""
    level: int = TOP
    rung: str = ""
    case: str = ""
    shard: tuple[int, int] = (1, 1)
    known: frozenset[str] = frozenset()
    points: Mapping[str, float] = field(default_factory=dict)
    oracle: str = "torch"
    seed: int | None = None
    draw: int = 20
    dtype: str = "float64"
    first: bool = False
    strict: bool = False
    show: str = "all"
    hint: int = 0

    def __post_init__(self) -> None:
        if self.candidate == "":
            raise UsageError("there is no candidate in candidate=''")
        for name, (kind, noun) in _KINDS.items():
            if not isinstance(value := getattr(self, name), kind):
                raise UsageError(f"{name} must be {noun}, got {name}={value!r}")
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                words = ", ".join(str(one) for one in known if one != "")
                raise UsageError(f"{name} is one of {words}, got {name}={value!r}")
        if self.exam and self.hint:
            raise UsageError(f"hint={self.hint} tells what show=status, an exam, hides")
        if not 0 < self.timeout < 1e6 or self.memory < 1:
            raise UsageError(f"timeout={self.timeout:g} and memory={self.memory} must be above 0")
        if self.draw < 0:
            raise UsageError(f"draw={self.draw} must not be negative")
        number, count = self.shard
        if not 1 <= number <= count:
            raise UsageError(f"shard {number}/{count}: the first must be from 1 to the second")
        if count > 1 and (self.show, self.hint) != (SHOW[0], 0):
            raise UsageError(
                "a shard holds what an exam withholds: give --exam to --merge, as --show and --hint"
            )
        if not all(0 <= worth <= MOST for worth in self.points.values()):
            raise UsageError(f"points must be from 0 to {MOST:g}, got {dict(self.points)}")
        try:
            if self.where:
                read_where(self.where)
        except CaseError as error:
            raise UsageError(str(error)) from error

    @property
    def exam(self) -> bool:
        """Whether nothing but statuses and one's own answers may be told."""
        return self.show == "status"

    @property
    def is_naming(self) -> bool:
        """Whether mistakes may be named."""
        return not self.exam and self.hint not in (1, 2)

    @property
    def is_row(self) -> bool:
        return "=" in self.case

    @property
    def is_partial(self) -> bool:
        """Whether the run may end without having asked every question."""
        return self.is_narrowed or self.first or self.shard[1] > 1

    @property
    def is_narrowed(self) -> bool:
        """Whether only some questions are asked of a function."""
        is_cut = self.level < TOP or self.oracle != "torch"
        return bool(self.text or self.where or self.case or self.rung or is_cut)

    def means(self, question: Question) -> bool:
        """Whether it is of the rung and the levels that are wanted."""
        is_low = self.level == TOP or level(question) <= self.level
        return is_low and (not self.rung or rung(question) == self.rung)

    def admits(self, question: Question) -> bool:
        """Whether the oracle may be asked: of a textbook no rare options, and nothing large."""
        if self.oracle == "torch":
            return True
        return level(question) <= 3 and rung(question) != "scale"


@dataclass(frozen=True)
class Block:
    """A failing outcome to show, with the mistake that it shows, or what the error looks like.

    `call` is how the contract asks the question, `of` how many fail so that no mistake explains.
    """

    outcome: Outcome
    mistake: Mistake | None = None
    looks: tuple[str, ...] = ()
    call: str = ""
    of: int = 0


@dataclass(frozen=True)
class Finding:
    """One function: its outcomes, the questions outside its contract, and what is wrong with it.

    `reasons` say why questions are outside, where the candidate is the reason; `age` is the error
    of age that was mended; `is_cut` says that not all known mistakes could be tried;
    `blocks` are what to show, one for each mistake; `more` is what small
    questions came to that were asked for a reason alone.  `raw` is what came, before outcomes are
    seen together; `ours` is our name of the function.
    """

    function: str
    op: str
    outcomes: tuple[Outcome, ...] = ()
    outside: int = 0
    reasons: tuple[str, ...] = ()
    age: Mistake | None = None
    diagnosis: Diagnosis | None = None
    is_cut: bool = False
    blocks: tuple[Block, ...] = ()
    more: tuple[Outcome, ...] = ()
    raw: tuple[Outcome, ...] = ()
    ours: str = ""

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]

    @property
    def deviations(self) -> list[str]:
        """The conventions that it follows, by name."""
        return sorted({name for outcome in self.outcomes for name in outcome.deviations})

    @property
    def status(self) -> str:
        """differs, not judged, deviates, ok, known, not attempted or outside."""
        statuses = {outcome.status for outcome in self.outcomes}
        if self.failing:
            return "differs"
        for status in ("not judged", "DEVIATES", "ok", "known", "not attempted"):
            if status in statuses:
                return status.lower()
        return "outside"

    @functools.cached_property
    def unfit(self) -> str:
        """What forbids that others stand on it; "" if nothing does."""
        if any(outcome.is_failing or outcome.status == "known" for outcome in self.outcomes):
            return "fails"
        if any(outcome.helpers for outcome in self.outcomes):
            return "fails with its own helpers"
        return "is not written" if self.status == "not attempted" else ""


@dataclass(frozen=True)
class Drawn:
    """What questions came to that nobody has seen: they fail a run, and are counted apart."""

    seed: int
    outcomes: tuple[Outcome, ...] = ()
    raw: tuple[Outcome, ...] = ()

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]

    @property
    def rows(self) -> set[str]:
        return {outcome.question.row for outcome in self.outcomes}

    @property
    def wrong_rows(self) -> set[str]:
        """Those that some function answers wrongly."""
        return {outcome.question.row for outcome in self.failing}


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it.

    `fault` is unloadable, interrupted, fault or nothing where the run did not come to its end, and
    `error` says why; `wanted` are the functions that were asked for by name, and `longest` is the
    length of the longest name that is asked; `channels_first` are the functions that have their
    arrays so, and `weights` has the order of weights' axes where it is another.
    """

    settings: Settings
    candidate: str
    contract: str = ""
    sha256: str = ""
    oracle: str = "torch"
    numpy: str = ""
    python: str = ""
    channels_first: frozenset[str] = frozenset()
    weights: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    wanted: frozenset[str] = frozenset()
    longest: int = 0
    findings: tuple[Finding, ...] = ()
    drawn: Drawn | None = None
    misfit: str = ""
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
    def judged(self) -> list[Finding]:
        """The functions of which something is known."""
        unknown = {"not attempted", "not judged"}
        return [f for f in self.findings if {o.status for o in f.outcomes} - unknown]

    @property
    def missing(self) -> list[Finding]:
        """The functions that are not there, or not written."""
        return [finding for finding in self.findings if finding.status == "not attempted"]

    @property
    def differing(self) -> list[Finding]:
        """The functions that fail; strictly, those too that had to be mended."""
        return [f for f in self.findings if f.failing or (self.settings.strict and f.age)]

    @property
    def stale(self) -> list[str]:
        """The ids that are known to fail, and do not; in a whole run those too that nothing has."""
        statuses, settings = {o.id: o.status for o in self.outcomes}, self.settings
        is_whole = not (settings.is_partial or settings.only or self.fault)
        right = ("ok", "DEVIATES", *[""] * is_whole)
        return sorted(one for one in settings.known if statuses.get(one, "") in right)

    @property
    def remarks(self) -> list[str]:
        """Its notes, and what is known to fail and does not."""
        return [*self.notes, *(f"{one} is known to fail, and does not" for one in self.stale)]

    @property
    def verdict(self) -> str:
        """match, differs, nothing; or unloadable, interrupted, fault.

        What is asked for must be there: functions that are wanted, and strictly every one.
        """
        if self.fault:
            return self.fault
        if any(f.function in self.wanted for f in self.missing):
            return "differs"
        if not self.judged:
            return "nothing"
        is_right = not (self.differing or self.stale or (self.drawn and self.drawn.failing))
        return "match" if is_right and not (self.settings.strict and self.missing) else "differs"

    @property
    def seed(self) -> int:
        """Of the arrays."""
        return self.settings.seed or 0

    def lighten(self) -> Run:
        """Without arrays but for what is shown: so it is kept, and sent by another process."""
        findings, drawn = tuple(map(_lighten, self.findings)), self.drawn and _lighten(self.drawn)
        return replace(self, findings=findings, drawn=drawn)


def _lighten(part: Any) -> Any:
    outcomes, raw = (tuple(map(Outcome.lighten, each)) for each in (part.outcomes, part.raw))
    return replace(part, outcomes=outcomes, raw=raw)


def conclude(finding: Finding, run: Run) -> Finding:
    """A finding with what its `raw` outcomes come to, after those that the run has."""
    settings, raw = run.settings, finding.raw
    if raw and all(outcome.kind == "NotImplementedError" for outcome in raw):
        raw = tuple(replace(outcome, status="not attempted") for outcome in raw)
    raw = _allow_time(raw, settings.timeout)
    asked = [outcome for outcome in raw if outcome.status != "outside"]
    reasons = [outcome.message for outcome in raw if outcome.status == "outside"]
    outcomes = settle(asked, run)
    aged = next((outcome.age[0] for outcome in outcomes if outcome.age), "")
    known = mistakes.read() if aged else ()
    outcomes = [
        replace(o, status="known") if o.is_failing and o.id in settings.known else o
        for o in outcomes
    ]
    return replace(
        finding,
        outcomes=tuple(outcomes),
        outside=finding.outside + len(reasons),
        reasons=tuple(dict.fromkeys(filter(None, (*reasons, *finding.reasons)))),
        age=next((mistake for mistake in known if mistake.id == aged), None),
    )


def conclude_drawn(seed: int, raw: Sequence[Outcome], run: Run) -> Drawn:
    """What was drawn, each question for itself: others say nothing about one that nobody knows."""
    outcomes = [one for outcome in raw for one in settle([outcome], run)]
    return Drawn(seed, tuple(outcomes), tuple(raw))


def _allow_time(raw: tuple[Outcome, ...], timeout: float) -> tuple[Outcome, ...]:
    """Large questions are outside where nothing fails but that they take too long."""
    late = [outcome for outcome in raw if outcome.is_failing]
    is_slow = all(o.kind == "TIMEOUT" and o.question.work > LARGE for o in late)
    if not late or not is_slow or not any(outcome.status == "ok" for outcome in raw):
        return raw
    lost = min(outcome.question.work for outcome in late)
    words = f"{late[0].function} takes more than {timeout:g} s for {lost:,} multiply-adds"
    return tuple(
        replace(outcome, status="outside", message=words)
        if outcome in late or (outcome.status == "not judged" and outcome.question.work >= lost)
        else outcome
        for outcome in raw
    )


def settle(outcomes: Sequence[Outcome], run: Run) -> list[Outcome]:
    """Conventions are no failures, and what may be inherited is not judged.

    Of one outcome alone it cannot be said: others follow the convention, or a function below fails,
    which the run has judged before.
    """
    shown = {name for outcome in outcomes for name in outcome.deviations}
    catalogue = mistakes.read() if shown else ()
    names = tuple(mistake.id for mistake in catalogue if mistake.id in shown and mistake.forms)
    if names and not any(outcome.is_failing and outcome.has_numbers for outcome in outcomes):
        # a check without an oracle sees a convention too, and cannot tell it from a mistake
        outcomes = [
            replace(o, status="DEVIATES", deviations=names)
            if o.status == "WRONG" and isinstance(o.question, Case) and o.question.check
            else o
            for o in outcomes
        ]
    outcomes = [replace(o, deviations=()) if o.is_failing else o for o in outcomes]
    known = {finding.ours: finding for finding in run.findings}
    outcomes = _mend(outcomes, known)
    if run.settings.strict:
        outcomes = [replace(o, status="WRONG") if o.status == "DEVIATES" else o for o in outcomes]
    # where the contract's cache serves, a gradient needs no other
    is_spared = any(o.is_spared and o.status in ("ok", "DEVIATES") for o in outcomes)
    return [_excuse(o, known, is_spared) if o.is_failing else o for o in outcomes]


def _mend(outcomes: Sequence[Outcome], known: Mapping[str, Finding]) -> list[Outcome]:
    """What counts where helpers fail: with right ones in their place, if these serve anywhere, be
    it in another function.
    """
    unfit = {name: finding.function for name, finding in known.items() if finding.unfit}
    right = (o for finding in known.values() for o in finding.outcomes if not o.is_failing)
    served = {name for outcome in right for name in outcome.helpers}
    mended, serves = list[Outcome](), False
    for outcome in outcomes:
        again = outcome.mended
        if again and outcome.is_failing and unfit.keys() & {*outcome.below}:
            # where no more is right with right helpers, they may not be what is wanted there
            helpers = tuple(unfit[name] for name in outcome.below if name in unfit)
            serves |= not again.is_failing or outcome.right < again.right or served >= {*helpers}
            below = tuple(name for name in outcome.below if name not in HELPERS)
            note = f"with a right {' and '.join(helpers)} in place of yours"
            outcome = replace(again, helpers=helpers, below=below, note=note)
        mended.append(outcome)
    return mended if serves else [*outcomes]


def _excuse(outcome: Outcome, known: Mapping[str, Finding], is_spared: bool) -> Outcome:
    """Not judged where it comes through what fails."""
    behind = () if is_spared or not outcome.behind else (outcome.behind,)
    for name in sorted({*outcome.below, *behind}, key=lambda name: (name not in HELPERS, name)):
        finding = known.get(name)
        # of a forward pass that was not to be judged this much is known
        why = finding.unfit if finding else "fails" * (name in behind)
        if why:
            message = f"it stands on {finding.function if finding else name}, which {why}"
            return replace(outcome, status="not judged", message=message)
    return outcome
