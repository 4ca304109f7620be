"""One whole run: a candidate before its questions, function after function, and why it fails.

A function that calls one that fails is not blamed for what it may have inherited: its failures are
`not judged`.  Of the others, the catalogue names the mistakes, and for each the smallest question
that it explains is looked for.
"""

from __future__ import annotations

import math
import operator
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from verification import mistakes, truth
from verification.candidates import LAYOUTS, LOST, NAMES, Function, Terms, load
from verification.judging import smallest
from verification.judging.settling import Base, settle
from verification.judging.trial import Check, Outcome, Trial, plan
from verification.mistakes import Diagnosis, Inquiry, Mistake
from verification.questions import (
    RUNGS,
    Case,
    CaseError,
    Question,
    draw,
    level,
    parse,
    read,
    read_where,
    rung,
)

SMALL = 50_000
"""Multiply-adds up to which a question is worth shrinking."""
CHEAP = 3_000
"""Multiply-adds up to which a question is asked to find a reason alone."""
ENOUGH = 24
"""Numbers in an output that a pattern shows in."""
CALLS = 256
"""Cells of a question up to which every coefficient is looked at, with a call for each."""
STREAM = 2_000
"""Draws after which a contract is taken to express none."""
MOST = 1e6
"""Points that a function may be worth."""
SHOW = ("all", "actual", "status")
_CHOICES: Mapping[str, Sequence[object]] = {
    "show": SHOW,
    "hint": range(4),
    "level": range(1, 5),
    "rung": ("", *RUNGS),
    "dtype": ("float64", "float32"),
    "oracle": ("torch", "textbook"),
    "contract": ("", *NAMES),
    "layout": ("", *LAYOUTS),
}
SIMPLE = ("units", "digits")
"""Fills that are easier to read, the easier one first."""


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
    level: int = 4
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
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                words = ", ".join(str(one) for one in known if one != "")
                raise UsageError(f"{name} is one of {words}, got {name}={value!r}")
        if self.exam and self.hint:
            raise UsageError(f"hint={self.hint} tells what show=status, an exam, hides")
        if not 0 < self.timeout < 1e6 or self.memory < 1:
            raise UsageError(f"timeout={self.timeout:g} and memory={self.memory} must be above 0")
        if operator.index(self.draw) < 0:
            raise UsageError(f"draw={self.draw} must not be negative")
        number, count = self.shard
        if not 1 <= number <= count:
            raise UsageError(f"shard {number}/{count}: the first must be from 1 to the second")
        if count > 1 and (self.show, self.hint) != (SHOW[0], 0):
            words = (
                "a shard holds what an exam withholds: give --exam to --merge, as --show and --hint"
            )
            raise UsageError(words)
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
    def is_narrowed(self) -> bool:
        """Whether only some questions are asked of a function."""
        is_cut = self.level < 4 or self.oracle != "torch"
        return bool(self.text or self.where or self.case or self.rung or is_cut)

    def admits(self, question: Question) -> bool:
        """Whether the oracle may be asked: of a textbook no rare options, and nothing large."""
        is_simple = level(question) <= 3 and rung(question) != "scale"
        return self.oracle == "torch" or is_simple


@dataclass(frozen=True)
class Block:
    """A failing outcome to show, with the mistake that it shows, or what the error looks like.

    `call` is how the contract asks the question.
    """

    outcome: Outcome
    mistake: Mistake | None = None
    looks: tuple[str, ...] = ()
    call: str = ""


@dataclass(frozen=True)
class Finding:
    """One function: its outcomes, the questions outside its contract, and what is wrong with it.

    `reasons` say why questions are outside, where the candidate is the reason; `age` is the error
    of age that was mended; `is_cut` says that not all known mistakes could be tried;
    `blocks` are what to show, one for each mistake; `more` is what small
    questions came to that were asked for a reason alone.  `raw` is what came, before outcomes are
    seen together, and `base` what the function stands on.
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
    base: Base = field(default_factory=Base)

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


@dataclass(frozen=True)
class Drawn:
    """What questions came to that nobody has seen: they fail a run, and are counted apart."""

    seed: int
    outcomes: tuple[Outcome, ...] = ()
    raw: tuple[Outcome, ...] = ()

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it.

    `fault` is unloadable, interrupted, fault or nothing where the run did not come to its end, and
    `error` says why; `wanted` are the functions that were asked for by name, and `longest` is the
    length of the longest name that is asked.
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
        is_whole = not (settings.is_narrowed or settings.first or settings.shard[1] > 1)
        is_whole &= not (settings.only or self.fault)
        right = ("ok", "DEVIATES", "") if is_whole else ("ok", "DEVIATES")
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
        if not self.asked:
            return "nothing"
        is_right = not (self.differing or self.stale or (self.drawn and self.drawn.failing))
        return "match" if is_right and not (self.settings.strict and self.missing) else "differs"

    @property
    def seed(self) -> int:
        """Of the arrays."""
        return self.settings.seed or 0


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
        try:
            self._only, functions = self._resolve_only(), judged.contract.functions
            self._absent = {f.name for f in functions if f.optional and f.name not in judged.names}
            self.checks, outside = plan(self.judged, self._questions(), self._chooses)
        except BaseException:
            self.judged.close()
            raise
        asked = {self.judged.name_of(f) for check in self.checks for f in check.functions}
        idle = [f"nothing is asked of {name} under these options" for name in self._only - asked]
        there = {judged.name_of(f) for f in judged.contract.functions if judged.has(f)}
        self.known = Run(
            settings,
            judged.name,
            judged.contract.name,
            judged.sha256,
            numpy=judged.hello.numpy,
            python=judged.hello.python,
            channels_first=judged.contract.channels_first,
            notes=judged.notes,
            misfit=judged.misfit,
            wanted=frozenset(self._only),
            longest=max(map(len, asked & there), default=0),
        )
        judged.notes += sorted(idle) if self.checks and settings.shard[1] == 1 else []
        self._outside = Counter[str]()
        for function in filter(judged.has, functions):
            name = judged.name_of(function)
            # of a narrowed run it is told of those alone that can never be asked
            if self._wants(name) and not (settings.is_narrowed and judged.understands(function)):
                self._outside[name] = outside[name]
        self._draw_seed = time.time_ns() if settings.seed is None else settings.seed
        self._trial = Trial(self.judged, self.known.seed, settings.dtype)
        self._statuses: dict[str, str] = {}
        self._refuted: set[tuple[str, str]] = set()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *raised: object) -> None:
        self.judged.close()

    def run(self, watch: Watch = Watch()) -> Run:
        """Ask everything; what came of it."""
        self.known = replace(self.known, oracle=truth.prepare(self.settings.oracle))
        watch.begin(self.known)
        for finding in self._find(watch):
            findings, seconds = (*self.known.findings, finding), time.perf_counter() - self._start
            self.known = replace(self.known, findings=findings, seconds=seconds)
            watch.show(self.known, finding)
        is_over = self.settings.first and self.known.differing
        if checks := [] if is_over or self.settings.is_narrowed else self._draw():
            self.known = replace(self.known, drawn=self._judge_drawn(checks))
        return replace(self.known, seconds=time.perf_counter() - self._start)

    def _draw(self) -> list[Check]:
        """As many checks on geometries that nobody has seen as are wanted."""
        there = [
            self.judged.name_of(f) for f in self.judged.contract.functions if self.judged.has(f)
        ]
        wanted = {name for name in there if self._wants(name)}
        checks: list[Check] = []
        for question in islice(draw(self._draw_seed), STREAM):
            if len(checks) == self.settings.draw:
                break
            checks += plan(self.judged, [question], lambda name, _: name in wanted)[0]
        return _take(checks, self.settings.shard)

    def _judge_drawn(self, checks: Sequence[Check]) -> Drawn:
        functions = {self.judged.name_of(f): f for f in self.judged.contract.functions}
        raw, outcomes = list[Outcome](), list[Outcome]()
        for outcome in self._trial.run(checks):
            if outcome.status not in ("outside", "not attempted"):
                function = functions[outcome.function]
                raw.append(self._name_convention(function, outcome))
                outcomes += self._settle(function, raw[-1:])
        return Drawn(self._draw_seed, tuple(outcomes), tuple(raw))

    def _questions(self) -> list[Question]:
        settings = self.settings
        try:
            rows = parse(settings.case) if settings.is_row else read(within=settings.case)
            is_meant = read_where(settings.where) if settings.where else None
            meant = [q for q in rows if settings.admits(q) and (not is_meant or is_meant(q))]
        except CaseError as error:
            if settings.is_row or settings.where:
                raise UsageError(str(error)) from error
            raise
        if settings.shard[1] == 1:
            return meant
        # alike in work, and not all of one fill
        meant.sort(key=lambda question: (question.work, zlib.crc32(question.row.encode())))
        return _take(meant, settings.shard)

    def _resolve_only(self) -> set[str]:
        """The functions to judge, by the candidate's own names; none of them is unknown."""
        contract, judged = self.judged.contract, self.judged
        ours = {function.name: judged.name_of(function) for function in contract.functions}
        classes = {name.partition(".")[0] for name in ours}
        for our, their in self.settings.names.items():
            if our not in {*ours, *classes} or their not in judged.hello.names:
                words = ", ".join(ours)
                raise UsageError(f"--name {our}={their}: known are {words}; and theirs must exist")
            both = [name for name, one in ours.items() if one == their]
            if len(both) > 1:
                raise UsageError(f"--name {our}={their}: that is one name for {' and '.join(both)}")
        known = ours | {their: their for their in ours.values()}
        known = {name.rpartition(".")[2]: their for name, their in known.items()} | known
        for name in (*self.settings.only, *self.settings.points):
            if name not in known:
                words = ", ".join(dict.fromkeys((*ours.values(), *ours)))
                raise UsageError(f"unknown function {name!r}, known are {words}")
        return {known[name] for name in self.settings.only}

    def _wants(self, name: str) -> bool:
        """Whether it is to be judged: by name, or else unless it is optional and not there."""
        return name in self._only if self._only else name not in self._absent

    def _chooses(self, name: str, question: Question) -> bool:
        settings = self.settings
        if not self._wants(name):
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
        total, order = waiting.total(), list(functions)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in functions}
        for done, outcome in enumerate(self._trial.run(self._look_ahead()), start=1):
            waiting[outcome.function] -= 1
            outcomes[outcome.function].append(outcome)
            watch.count(done, total)
            stop = self.settings.first and self._fails(functions[outcome.function], outcome)
            while order and (stop or not waiting[order[0]]):
                name = order.pop(0)
                if outcomes[name] or (self._outside[name] and not stop):
                    yield self._conclude(functions[name], outcomes[name])
            if stop:
                return

    def _look_ahead(self) -> Iterator[Check]:
        """The checks; while one is asked, a thread finds what is true of the next.

        A live session is forked again when its candidate is lost, and no fork beside threads.
        """
        if not isinstance(self.settings.candidate, str):
            yield from self.checks
            return
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self._trial.prepare, *self.checks[:1])
            for check, following in zip(self.checks, (*self.checks[1:], None)):
                coming.result()
                if following:
                    coming = thread.submit(self._trial.prepare, following)
                yield check

    def _inquire(self, function: Function) -> Inquiry:
        return Inquiry(function.op, function.form, self.known.seed, self.settings.dtype)

    def _fails(self, function: Function, outcome: Outcome) -> bool:
        """Whether it still fails when conventions are taken for what they are."""
        if outcome.id in self.settings.known:
            return False
        outcome = self._name_convention(function, outcome)
        return outcome.is_failing or (self.settings.strict and outcome.status == "DEVIATES")

    def _conclude(self, function: Function, outcomes: Sequence[Outcome]) -> Finding:
        """What came of a function, and why."""
        raw = self._name_conventions(function, outcomes)
        lacks = self.judged.lacks(function) if self.judged.has(function) else ""
        finding = Finding(
            self.judged.name_of(function),
            function.op,
            outside=self._outside[self.judged.name_of(function)],
            reasons=(lacks,) * bool(lacks),
            raw=tuple(raw),
            base=self._find_base(function),
        )
        finding = conclude(finding, self._statuses, self.settings)
        if not finding.failing:
            return finding
        finding = self._explain(function, finding)
        if shadowed := self._find_shadowed(function, finding):
            self._refuted |= shadowed
            return self._conclude(function, outcomes)
        return finding

    def _find_shadowed(self, function: Function, finding: Finding) -> set[tuple[str, str]]:
        """The conventions whose cases the mistakes found explain too, without them."""
        found, inquiry = finding.diagnosis, self._inquire(function)
        if not (found and found.is_whole):
            return set()
        needed = {mistake.id for suspect in found.suspects for mistake in suspect.mistakes}
        cases: dict[str, list[Outcome]] = {}
        for outcome in finding.outcomes:
            if outcome.status == "DEVIATES" and outcome.has_numbers:
                cases.setdefault(outcome.deviations[-1], []).append(outcome)
        return {
            (function.name, name)
            for name, alike in cases.items()
            if name not in needed and all(found.covers(inquiry, outcome) for outcome in alike)
        } - self._refuted

    def _find_base(self, function: Function) -> Base:
        forward = self.judged.contract.forward_of(function).name
        return Base(function.name, tuple(sorted(self.judged.stands_on(function))), forward)

    def _settle(self, function: Function, raw: Sequence[Outcome]) -> list[Outcome]:
        return settle(raw, self._find_base(function), self._statuses, self.settings.strict)

    def _name_convention(self, function: Function, outcome: Outcome) -> Outcome:
        """A wrong answer that a convention alone explains deviates."""
        is_case = isinstance(outcome.question, Case) and not outcome.question.check
        is_wrong = outcome.status == "WRONG" and is_case and not outcome.habits
        if self.judged.contract.is_bitwise or not is_wrong:
            return outcome
        name = mistakes.find_convention(self._inquire(function), outcome)
        names = tuple(dict.fromkeys((*outcome.deviations, name)))
        is_followed = name and (function.name, name) not in self._refuted
        return replace(outcome, status="DEVIATES", deviations=names) if is_followed else outcome

    def _name_conventions(self, function: Function, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The same of many: what right answers contradict is no convention, but a coincidence."""
        raw = [self._name_convention(function, outcome) for outcome in outcomes]
        named: dict[str, list[Outcome]] = {}
        for before, after in zip(outcomes, raw, strict=True):
            if before.status != after.status:
                named.setdefault(after.deviations[-1], []).append(before)
        right = [o for o in raw if o.status == "ok" and o.has_numbers]
        small = [seen for seen in right if seen.case.work <= CHEAP]
        refuted = {
            (function.name, name)
            for name, seen in named.items()
            if not mistakes.is_convention(self._inquire(function), name, seen, small)
        }
        self._refuted |= refuted
        if refuted:
            return [self._name_convention(function, outcome) for outcome in outcomes]
        return raw

    def _explain(self, function: Function, finding: Finding) -> Finding:
        """With the mistakes that are known, and what to show."""
        failing = [outcome for outcome in finding.failing if outcome.has_numbers]
        if not failing:
            return replace(
                finding, blocks=(self._block(function, min(finding.failing, key=_size)),)
            )
        inquiry = self._inquire(function)
        more = self._ask_more(function) if self._is_partial else finding.outcomes
        passing = [o for o in more if o.status == "ok" and o.has_numbers]
        others = [o for o in more if o.is_failing and o.has_numbers]
        followed = [name for outcome in more for name in outcome.deviations]
        found = mistakes.diagnose(inquiry, others or failing, passing, followed)
        is_cut = not inquiry.goes_on
        if found and self._is_partial:
            found = found.recount(inquiry, failing)
        blocks = tuple(self._show(function, inquiry, failing, found))
        more = more if self._is_partial else ()
        return replace(finding, diagnosis=found, is_cut=is_cut, blocks=blocks, more=tuple(more))

    @property
    def _is_partial(self) -> bool:
        """Whether more must be asked to tell one mistake from another, as the whole run would."""
        return self.settings.is_narrowed or self.settings.first or self.settings.shard[1] > 1

    def _ask_more(self, function: Function) -> list[Outcome]:
        """What small questions come to that the run does not ask."""
        name = self.judged.name_of(function)
        small = [q for q in read() if q.work <= CHEAP and self.settings.admits(q)]
        checks, _ = plan(self.judged, small, lambda one, question: one == name)
        raw = self._name_conventions(function, [*self._trial.run(checks)])
        return self._settle(function, raw)

    def _show(
        self,
        function: Function,
        inquiry: Inquiry,
        failing: Sequence[Outcome],
        found: Diagnosis | None,
    ) -> Iterator[Block]:
        """A block for each mistake, of a case that it explains; and one for what none explains."""
        left = list(failing)
        for mistake, suspect in found.parts if found else ():
            shows = [o for o in failing if inquiry.shows(suspect, o)]
            alike = partial(inquiry.explains, suspect) if shows else lambda outcome: True
            least = self._shrink(function, min(shows or failing, key=_size), alike)
            yield self._block(function, least, mistake)
        if found:
            left = [o for o in failing if not found.covers(inquiry, o)]
        if left and not (found and found.is_whole):
            least = self._shrink(
                function,
                min(left, key=_size),
                lambda outcome: not (found and found.covers(inquiry, outcome)),
            )
            yield self._block(function, least, None, self._look(function, least, left))

    def _block(
        self,
        function: Function,
        outcome: Outcome,
        mistake: Mistake | None = None,
        looks: Iterable[str] = (),
    ) -> Block:
        """With the call, where the contract's words are not the row's."""
        question, call = outcome.question, ""
        if isinstance(question, Case) and not self.judged.contract.is_bitwise:
            call = self.judged.write_call(function, question)
        return Block(outcome, mistake, tuple(looks), call)

    def _shrink(
        self, function: Function, outcome: Outcome, is_alike: Callable[[Outcome], object]
    ) -> Outcome:
        """The smallest outcome that fails in the same way, and is alike."""
        case = outcome.question
        assert isinstance(case, Case)
        if case.work > SMALL or outcome.kind in LOST:
            return outcome
        best = outcome

        def fails(smaller: Case) -> bool:
            nonlocal best
            again = self._name_convention(function, self._trial.judge(function, smaller))
            if _way(again) != _way(outcome) or not is_alike(again):
                return False
            best = again
            return True

        # of a wrong shape the sizes must be told apart
        least = smallest.shrink(case, fails, 1 + any(c.message for c in outcome.comparisons))
        for fill in SIMPLE:
            with suppress(CaseError):
                if fails(*parse(replace(least, fill=fill).row)):
                    break
        return best

    def _look(
        self, function: Function, least: Outcome, failing: Sequence[Outcome]
    ) -> Iterator[str]:
        """What the error looks like; of a convolution, which coefficient is wrong."""
        many = [o for o in failing if any(c.of >= ENOUGH for c in o.comparisons if c.worst)]
        shown = min(many or failing, key=_size)
        where = "here" if shown.question == least.question else f"in {shown.question.id}"
        yield from self._describe(function, shown, where)
        case = least.question
        assert isinstance(case, Case)
        if case.op == "conv" and least.answers and max(map(math.prod, (case.x, case.y))) <= CALLS:
            proof = self._trial.judge(function, replace(case, check="proof", dtype=""))
            yield from (f"cell by cell: {line}" for line in proof.message.splitlines())

    def _describe(self, function: Function, outcome: Outcome, where: str) -> Iterator[str]:
        case, wrong = outcome.question, {c.name for c in outcome.comparisons if c.worst}
        assert isinstance(case, Case)
        for name, got in outcome.answers.items():
            word = function.words.get(name, name)
            if word in wrong:
                plain = self._trial.restore(function, case, name, got)
                right = truth.answer(case, self.known.seed, self.settings.dtype).values[name]
                looks = mistakes.describe(plain, right, name)
                yield from (f"{word} {where}: {look}" for look in looks)


def conclude(finding: Finding, statuses: dict[str, str], settings: Settings) -> Finding:
    """A finding with what its `raw` outcomes come to; its status is added to those before it."""
    raw = finding.raw
    if raw and all(outcome.kind == "NotImplementedError" for outcome in raw):
        raw = tuple(replace(outcome, status="not attempted") for outcome in raw)
    asked = [outcome for outcome in raw if outcome.status != "outside"]
    reasons = [outcome.message for outcome in raw if outcome.status == "outside"]
    outcomes = settle(asked, finding.base, statuses, settings.strict)
    aged = [outcome.age[0] for outcome in outcomes if outcome.age]
    finding = replace(
        finding,
        outcomes=tuple(outcomes),
        outside=finding.outside + len(reasons),
        reasons=tuple(dict.fromkeys(filter(None, (*reasons, *finding.reasons)))),
        age=next((mistake for mistake in mistakes.read() if mistake.id in aged[:1]), None),
    )
    statuses[finding.base.name] = finding.status
    known = (
        replace(o, status="known") if o.is_failing and o.id in settings.known else o
        for o in outcomes
    )
    return replace(finding, outcomes=tuple(known))


def lighten(run: Run) -> Run:
    """Without arrays but for what is shown, so that it can be kept, and sent by another process."""
    findings = []
    for found in run.findings:
        outcomes, raw = _strip(found.outcomes), _strip(found.raw)
        findings.append(replace(found, outcomes=outcomes, raw=raw))
    drawn = run.drawn
    drawn = drawn and replace(drawn, outcomes=_strip(drawn.outcomes), raw=_strip(drawn.raw))
    return replace(run, findings=tuple(findings), drawn=drawn)


def _strip(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple(
        replace(
            outcome,
            answers={},
            comparisons=tuple(
                replace(c, got=None, want=None, where=None) for c in outcome.comparisons
            ),
        )
        for outcome in outcomes
    )


def _take(things: list[Any], shard: tuple[int, int]) -> list[Any]:
    """The K-th of N parts."""
    return things[shard[0] - 1 :: shard[1]]


def _size(outcome: Outcome) -> tuple[bool, int, bool, int, str]:
    """The order in which failures are shown: small questions first, exact ones before others.

    Of a wrong shape, those first whose sizes can be told from 1.
    """
    question = outcome.question
    is_shape = any(compared.message for compared in outcome.comparisons)
    is_vague = is_shape and isinstance(question, Case) and 1 in question.y
    return is_vague, question.work, outcome.evidence != "exact", len(question.row), outcome.id


def _way(outcome: Outcome) -> tuple[str, str, frozenset[str]]:
    """How it fails: the status, the exception, the outputs that are wrong."""
    wrong = frozenset(c.name for c in outcome.comparisons if not c.is_right)
    return outcome.status, outcome.kind, wrong
