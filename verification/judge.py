"""The one loop: question -> arrays -> the oracle's answer -> the candidate's -> verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import bounds, candidate, definition, fills, oracle, verdict
from verification.candidate import Candidate, Reply
from verification.case import Case
from verification.contracts import Function
from verification.questions import Question, Refusal
from verification.verdict import Verdict

Array = NDArray[Any]
Arrays = Mapping[str, Array]

EMPTY = 1000
"""The place of an empty batch among the questions: behind those with numbers to show."""


def prepare() -> str:
    """Make the oracle ready; its name and version."""
    return oracle.prepare()


class OracleFaultError(Exception):
    """The oracle and the definition disagree: nobody can be judged by either."""


@dataclass(frozen=True)
class Outcome:
    """What one question to one function came to."""

    function: str
    op: str
    question: Question
    status: str
    evidence: str = "exact"
    verdicts: tuple[Verdict, ...] = ()
    message: str = ""
    stdout: str = ""
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return f"{self.function}/{self.question.id}"


@dataclass(frozen=True)
class Check:
    """A question, and the functions of the candidate that it is put to."""

    question: Question
    functions: tuple[Function, ...]


def plan(judged: Candidate, questions: Iterable[Question], chosen: Any) -> list[Check]:
    """The checks to run: every question that a function takes, where `chosen` says so.

    The least work comes first, so that the first failure is a small one.
    """
    checks = []
    for question in sorted(questions, key=lambda question: question.work or EMPTY):
        functions = tuple(
            function
            for function in judged.contract.functions
            if _takes(function, question) and chosen(function.name, question)
        )
        if functions:
            checks.append(Check(question, functions))
    return checks


def run(judged: Candidate, checks: Sequence[Check], seed: int, dtype: str) -> Iterator[Outcome]:
    """Every check's outcomes, question by question."""
    for check in checks:
        missing = [f for f in check.functions if not callable(judged.get(f.name))]
        for function in missing:
            yield Outcome(function.name, function.op, check.question, "not attempted")
        present = [function for function in check.functions if function not in missing]
        if isinstance(check.question, Refusal):
            yield from (_refused(judged, function, check.question) for function in present)
        elif present:
            yield from _answered(judged, present, check.question, seed, dtype)


def _takes(function: Function, question: Question) -> bool:
    if isinstance(question, Refusal):
        return function.name == question.function
    return function.takes(question)


def _refused(judged: Candidate, function: Function, refusal: Refusal) -> Outcome:
    arguments = fills.argument(dict(refusal.arguments))
    reply = candidate.call(partial(judged.get(function.name), **arguments))
    said = candidate.told(reply.error) if reply.error else "an answer"
    right = said.startswith(f"{refusal.error}: ") and all(word in said for word in refusal.words)
    wanted = f"should be refused with {refusal.error} and the words {', '.join(refusal.words)}"
    return _outcome(function, refusal, reply, () if right else (f"{wanted}, got {said}",))


def _answered(
    judged: Candidate, functions: Sequence[Function], case: Case, seed: int, dtype: str
) -> Iterator[Outcome]:
    given = fills.arrays(case, seed, dtype)
    bitwise = judged.contract.bitwise and case.op in ("max_pool", "avg_pool", "zero_pad")
    truth, limits = _truth(case, given, dtype, case.is_exact or bitwise)
    compare = partial(_compare, truth, limits, dtype, bitwise)
    evidence = "bounded" if limits else "exact"
    for function in functions:
        fresh = {name: fills.laid_out(a, case.layout) for name, a in given.items()}
        reply = candidate.call(partial(function.ask, judged.get, case, fresh))
        if reply.error:
            yield _outcome(function, case, reply, evidence=evidence)
            continue
        habits = [f"changes its argument {name}" for name in candidate.changed(fresh, given)]
        habits += [f"shares memory: {pair}" for pair in candidate.shared(fresh, reply.value)]
        verdicts = compare(reply.value)
        if not verdicts:
            habits.append("has no output to compare")
        yield _outcome(function, case, reply, tuple(habits), verdicts, evidence)


def _truth(case: Case, given: Arrays, dtype: str, exact: bool) -> tuple[Arrays, Arrays]:
    """The oracle's answers, vouched for by the definition where it can be; and their bounds."""
    if not exact:
        wide = {name: a.astype(np.float64) for name, a in given.items()}
        return oracle.answers(case, wide), bounds.of(case, given, dtype)
    truth = oracle.answers(case, given)
    if case.is_exact and case.work <= definition.AFFORDABLE:
        defined = definition.answers(case, {name: _numbers(a) for name, a in given.items()})
        for name, numbers in defined.items():
            values = np.array(list(numbers.values()), float).reshape(truth[name].shape)
            if not np.array_equal(values, truth[name].astype(float), equal_nan=True):
                raise OracleFaultError(f"torch and the definition disagree on {name} of {case.row}")
    return truth, {}


def _numbers(a: Array) -> dict[tuple[int, ...], Any]:
    """Python's numbers by index, integers wherever they are whole."""
    flat = (int(v) if math.isfinite(v) and v == int(v) else v for v in a.ravel().tolist())
    return dict(zip(np.ndindex(a.shape), flat, strict=True))


def _compare(
    truth: Arrays, limits: Arrays, dtype: str, bitwise: bool, replies: Arrays
) -> tuple[Verdict, ...]:
    return tuple(
        verdict.compare(name, replies[name], want, dtype, limits.get(name, 0.0), bitwise)
        for name, want in truth.items()
        if name in replies
    )


def _outcome(
    function: Function,
    question: Question,
    reply: Reply,
    habits: tuple[str, ...] = (),
    verdicts: tuple[Verdict, ...] = (),
    evidence: str = "exact",
) -> Outcome:
    crashed = isinstance(question, Case) and reply.error is not None
    wrong = habits or not all(v.ok for v in verdicts)
    return Outcome(
        function.name,
        function.op,
        question,
        "CRASH" if crashed else "WRONG" if wrong else "ok",
        evidence,
        verdicts,
        candidate.told(reply.error) if crashed else "; ".join(habits),
        reply.stdout,
        reply.seconds,
    )
