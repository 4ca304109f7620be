"""One whole run: a candidate before its questions, function after function.

A function that calls one that fails is not blamed for what it may have inherited: its failures are
`not judged`.  What ends a run early is in it, too; several runs are made one after the other, or in
processes.
"""

from __future__ import annotations

import os
import platform
import signal
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from threading import Thread

import numpy as np

from verification import truth
from verification.candidates import Function, UnloadableError, load
from verification.judging.reasons import CHEAP, Reasons
from verification.judging.run import (
    Drawn,
    Finding,
    Run,
    Settings,
    UsageError,
    conclude,
    conclude_drawn,
    settle,
)
from verification.judging.trial import Check, Outcome, Trial, plan
from verification.questions import Case, CaseError, Question, draw, parse, read, read_where


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
        functions = judged.contract.functions
        self._functions = {judged.name_of(function): function for function in functions}
        try:
            absent = {f.name for f in functions if f.optional and f.name not in judged.names}
            only = self._resolve_only()
            self._wanted = only or self._functions.keys() - absent
            self.checks, outside = plan(judged, self._questions(), self._chooses)
        except BaseException:
            judged.close()
            raise
        self._there = {name for name in self._wanted if judged.has(self._functions[name])}
        asked = {judged.name_of(f) for check in self.checks for f in check.functions}
        idle = [f"nothing is asked of {name} under these options" for name in only - asked]
        self.known = Run(
            settings,
            judged.name,
            judged.contract.name,
            judged.sha256,
            numpy=np.__version__,
            python=platform.python_version(),
            channels_first=frozenset(judged.name_of(f) for f in functions if f.channels_first),
            weights={judged.name_of(f): f.weights for f in functions if f.weights},
            notes=judged.notes,
            misfit=judged.misfit,
            wanted=frozenset(only),
            longest=max(map(len, asked & self._there), default=0),
        )
        judged.notes += sorted(idle) if self.checks and settings.shard[1] == 1 else []
        self._outside = Counter[str]()
        for name in self._there:
            # of a narrowed run it is told of those alone that can never be asked
            if not (settings.is_narrowed and judged.understands(self._functions[name])):
                self._outside[name] = outside[name]
        self._draw_seed = time.time_ns() if settings.seed is None else settings.seed
        self._trial = Trial(self.judged, self.known.seed, settings.dtype)
        self._reasons: dict[str, Reasons] = {}

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
        if not (is_over or self.settings.is_narrowed):
            self.known = replace(self.known, drawn=self._judge_drawn())
        return replace(self.known, seconds=time.perf_counter() - self._start)

    def _judge_drawn(self) -> Drawn | None:
        """What as many checks come to as are wanted, on geometries that nobody has seen."""
        kinds, checks = {self._functions[name].kind for name in self._there}, list[Check]()
        for question in (one for one in draw(self._draw_seed) if one.kind in kinds):
            if len(checks) == self.settings.draw:
                break
            checks += plan(self.judged, [question], lambda name, _: name in self._there)[0]
        checks, raw = checks[self._part], list[Outcome]()
        for outcome in self._trial.run(checks):
            if outcome.status not in ("outside", "not attempted"):
                raw += self._name_conventions(self._functions[outcome.function], [outcome])
        return conclude_drawn(self._draw_seed, raw, self.known) if checks else None

    def _questions(self) -> list[Question]:
        settings = self.settings
        try:
            rows = parse(settings.case) if settings.is_row else read(within=settings.case)
            meant = [q for q in rows if settings.admits(q) and settings.means(q)]
            if settings.where:
                meant = [*filter(read_where(settings.where), meant)]
        except CaseError as error:
            if settings.is_row or settings.where:
                raise UsageError(str(error)) from error
            raise
        if settings.shard[1] == 1:
            return meant
        # alike in work, and not all of one fill
        meant.sort(key=lambda question: (question.work, zlib.crc32(question.row.encode())))
        return meant[self._part]

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

    def _chooses(self, name: str, question: Question) -> bool:
        """Whether it is to be put to the function of this name, by its id."""
        settings, case = self.settings, self.settings.case.removeprefix(f"{name}/")
        is_open = settings.is_row or not settings.case
        is_meant = is_open or case in (question.id, question.name)
        return name in self._wanted and is_meant and settings.text in f"{name}/{question.id}"

    def _find(self, watch: Watch) -> Iterator[Finding]:
        """The findings, in the contract's order, each as soon as it is complete."""
        functions = self._functions
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

    def _fails(self, function: Function, outcome: Outcome) -> bool:
        """Whether it still fails when conventions are taken for what they are."""
        if outcome.id in self.settings.known:
            return False
        (outcome,) = self._name_conventions(function, [outcome])
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
            ours=function.name,
        )
        finding = conclude(finding, self.known)
        if not finding.failing:
            return finding
        reasons, more = self._find_reasons(function), list[Outcome]()
        if self.settings.is_partial and any(outcome.has_numbers for outcome in finding.failing):
            more = self._ask_more(function)  # to tell mistakes apart, as the whole run would
        finding = reasons.explain(finding, more)
        return self._conclude(function, outcomes) if reasons.refute(finding) else finding

    def _find_reasons(self, function: Function) -> Reasons:
        return self._reasons.setdefault(function.name, Reasons(self._trial, function))

    def _name_conventions(self, function: Function, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The same, with the conventions that they follow; what is right follows none."""
        if all(outcome.status == "ok" for outcome in outcomes):
            return [*outcomes]
        return self._find_reasons(function).name_conventions(outcomes)

    @property
    def _part(self) -> slice:
        """The K-th of N parts of a list."""
        number, count = self.settings.shard
        return slice(number - 1, None, count)

    def _ask_more(self, function: Function) -> list[Outcome]:
        """What small questions come to that the run does not ask."""
        name = self.judged.name_of(function)
        small = [
            question
            for question in read()
            if isinstance(question, Case) and not question.check
            if question.work <= CHEAP and self.settings.admits(question)
        ]
        checks, _ = plan(self.judged, small, lambda one, question: one == name)
        raw = self._name_conventions(function, [*self._trial.run(checks)])
        return settle(raw, self.known)


def judge(settings: Settings, ask: Callable[[Session], Run] = Session.run) -> Run:
    """The run that `ask` makes of a session; UsageError where the settings fit nothing."""
    run = Run(settings, str(settings.candidate))
    try:
        with Session(settings) as session:
            try:
                if session.checks:
                    return ask(session)
                fault, words = "nothing", "no case fits these options"
            finally:
                run = session.known
    except UsageError:
        raise
    except BrokenPipeError:
        fault, words = "interrupted", "nobody reads standard output"
    except KeyboardInterrupt:
        fault, words = "interrupted", "interrupted"
    except UnloadableError as error:
        fault, words = "unloadable", str(error)
    except ModuleNotFoundError as error:
        fault, words = "fault", str(error)
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        fault, words = "fault", f"fault of the harness: {type(error).__name__}: {error}"
    return replace(run, fault=fault, error=words)


def judge_in_turn(every: Sequence[Settings], jobs: int) -> Iterator[Run]:
    """A light run of each, one after the other, or several at a time in processes."""
    if jobs == 1:
        yield from map(_judge_one, every)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), attend_parent) as pool:
        try:
            for one, coming in [(one, pool.submit(_judge_one, one)) for one in every]:
                try:
                    yield coming.result()
                except BrokenExecutor as error:
                    words = f"fault of the harness: {error}"
                    yield Run(one, str(one.candidate), fault="fault", error=words)
        finally:
            for process in active_children():  # nobody waits for what they judge any more
                process.terminate()
            pool.shutdown(cancel_futures=True)


def attend_parent() -> None:
    """End with whoever has started this process: by an interrupt, without a traceback, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def follow() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    Thread(target=follow, daemon=True).start()


def _judge_one(settings: Settings) -> Run:
    """What fits the other candidates, and not this one, is its own affair."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return judge(settings).lighten()
    except UsageError as error:
        return Run(settings, str(settings.candidate), fault="unloadable", error=str(error))
