"""What one question to one function came to: the reply, compared with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from verification import asking, bounds, conventions, verdict
from verification.apart.process import Other, Reply
from verification.candidate import Candidate
from verification.contracts import Function
from verification.questions import Question
from verification.truth import Asked
from verification.verdict import Verdict

Array = NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Outcome:
    """What one question to one function came to.

    `evidence` says what a pass proves: "exact", "bounded" or "proved".  `missed` is the largest
    error, in units of the output's root mean square, that would have passed, and `chance` the
    probability that one wrong coefficient leaves an output as it is.

    `habits` are what is wrong beside the numbers; `deviations` name the conventions that it
    follows; `mended` is what came of it once an error of age was mended in flight.
    """

    function: str
    op: str
    question: Question
    status: str
    evidence: str = "exact"
    missed: float = 0.0
    chance: float = 0.0
    verdicts: tuple[Verdict, ...] = ()
    message: str = ""
    stdout: str = ""
    seconds: float = 0.0
    where: tuple[str, ...] = ()
    kind: str = ""
    habits: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    note: str = ""
    mended: Outcome | None = None
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        return f"{self.function}/{self.question.id}"

    @property
    def final(self) -> Outcome:
        """What is to be explained: the mended answer where there is one."""
        return self.mended or self


def plain(
    judged: Candidate, function: Function, question: Question, status: str, message: str = ""
) -> Outcome:
    return Outcome(judged.name_of(function), function.op, question, status, message=message)


def unanswered(outcome: Outcome, reply: Reply) -> Outcome:
    """The outcome with what the reply says beside its numbers."""
    return replace(
        outcome,
        status=reply.status,
        message=reply.error,
        stdout=reply.stdout,
        seconds=reply.seconds,
        where=reply.where,
        kind=reply.kind,
    )


def of(judged: Candidate, function: Function, asked: Asked, reply: Reply) -> Outcome:
    """The reply, compared."""
    evidence = "bounded" if asked.limits else "exact"
    outcome = unanswered(plain(judged, function, asked.case, "ok"), reply)
    outcome = replace(outcome, evidence=evidence, missed=asked.missed, chance=asked.chance)
    if reply.status != "ok":
        return outcome
    answers, deviations = _settled(judged, function, asked, reply)
    verdicts = _compared(judged, function, asked, answers, asked.limits)
    note = ""
    if not all(v.ok for v in verdicts) and not judged.contract.bitwise:
        roomier = bounds.allowance(asked.case, asked.given, asked.dtype)
        again = _compared(judged, function, asked, answers, roomier)
        if roomier and all(v.ok for v in again):
            verdicts, evidence, note = again, "bounded", "right within its rounding, not exactly"
    habits = _habits(judged, reply)
    wrong = habits or not all(v.ok for v in verdicts)
    return replace(
        outcome,
        status="WRONG" if wrong else "DEVIATES" if deviations else "ok",
        evidence=evidence,
        verdicts=verdicts,
        message="; ".join(habits),
        habits=tuple(habits),
        deviations=deviations,
        note=note,
        answers=answers,
    )


def _settled(
    judged: Candidate, function: Function, asked: Asked, reply: Reply
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The answers in the form that was asked for, and the conventions they follow instead."""
    answers, deviations = {}, []
    for name, truth in asked.truth.items():
        if name in reply.values:
            answers[name] = reply.values[name]
            if not judged.contract.bitwise:
                want = function.form(asked.case, name, truth)
                answers[name], deviation = conventions.settled(
                    function.op, name, answers[name], want, asked.dtype
                )
                deviations.append(deviation)
        elif name in asking.expected(function.op, asked.case):
            answers[name] = Other("NoneType")
    return answers, tuple(dict.fromkeys(filter(None, deviations)))


def _compared(
    judged: Candidate, function: Function, asked: Asked, answers: Mapping[str, Any], limits: Arrays
) -> tuple[Verdict, ...]:
    bits = judged.contract.bitwise and asked.case.op in ("max_pool", "avg_pool", "zero_pad")
    shaped = {name: function.form(asked.case, name, a) for name, a in asked.truth.items()}
    return tuple(
        verdict.compare(
            function.words.get(name, name),
            got,
            shaped[name],
            asked.dtype,
            function.form(asked.case, name, limits[name]) if name in limits else 0.0,
            bits,
        )
        for name, got in answers.items()
    )


def _habits(judged: Candidate, reply: Reply) -> list[str]:
    """What is wrong whatever the numbers are."""
    habits = [f"changes its argument {name}" for name in reply.changed]
    if judged.contract.bitwise:
        habits += [f"shares memory: {pair}" for pair in reply.shared]
    if not reply.steady:
        habits.append("gives another answer when it is asked again")
    return habits
