"""The one loop: question -> arrays -> the oracle's answer -> the candidate's -> verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from numpy.typing import NDArray

from verification import ahead, oracle, outcomes, truth, vacuity, witness
from verification.ahead import Then
from verification.apart.process import Reply
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import CANONICAL, OWN, Function
from verification.outcomes import Outcome
from verification.questions import Question, Refusal
from verification.truth import Asked

Arrays = Mapping[str, NDArray[Any]]

EMPTY = 1000
"""The place of an empty batch among the questions: behind those with numbers to show."""
PATIENCE = 3
"""After so many calls without an answer, a function's other questions are not asked."""
RIGHT = ("ok", "DEVIATES", "VACUOUS", "outside")


def prepare() -> str:
    """Make the oracle ready; its name and version."""
    return oracle.prepare()


@dataclass(frozen=True)
class Check:
    """A question, and the functions of the candidate that it is put to."""

    question: Question
    functions: tuple[Function, ...]


def plan(
    judged: Candidate, questions: Iterable[Question], chosen: Callable[[str, Question], bool]
) -> tuple[list[Check], Counter[str]]:
    """The checks to run, where `chosen` says so; and how many lie outside, by function.

    Kind by kind in the contract's order; of each the least work first, so that the first failure
    is a small one.
    """
    checks, outside = [], Counter[str]()
    kinds = list(dict.fromkeys(_kind(function.op) for function in judged.contract.functions))
    for question in sorted(questions, key=lambda question: question.work or EMPTY):
        concerned = [f for f in judged.contract.functions if _concerns(judged, f, question)]
        able = [function for function in concerned if judged.expresses(function, question)]
        taking = [f for f in able if chosen(judged.name_of(f), question)]
        if taking:
            checks.append(Check(question, tuple(taking)))
        told = {function.op for function in able}
        outside.update(judged.name_of(f) for f in concerned if f.op not in told)
    return sorted(checks, key=lambda check: kinds.index(_kind(check.functions[0].op))), outside


def _kind(op: str) -> str:
    """conv, pool, or the helper's own name."""
    return op.removesuffix("_forward").removesuffix("_backward")


def _concerns(judged: Candidate, function: Function, question: Question) -> bool:
    if isinstance(question, Refusal):
        return judged.contract.bitwise and question.function == function.name
    if question.check == "adjoint" and not function.op.endswith("_backward"):
        return False
    op = "pool" if question.op in ("max_pool", "avg_pool") else question.op
    return _kind(function.op) == op


def run(judged: Candidate, checks: Sequence[Check], seed: int, dtype: str) -> Iterator[Outcome]:
    """Every check's outcomes, question by question."""
    lost: Counter[str] = Counter()
    aged: set[str] = set()
    turns = [(f, check.question) for check in checks for f in check.functions if judged.has(f)]
    then = ahead.Ahead(judged, turns, seed, dtype)
    for check in checks:
        present = [function for function in check.functions if judged.has(function)]
        for function in check.functions:
            if function not in present:
                yield outcomes.plain(judged, function, check.question, "not attempted")
        patient = [function for function in present if lost[function.name] < PATIENCE]
        for function in present:
            if function not in patient:
                said = "too slow to go on"
                yield outcomes.plain(judged, function, check.question, "not judged", said)
        if isinstance(check.question, Refusal):
            coming: Iterable[Outcome] = (
                refused(judged, function, check.question) for function in patient
            )
        else:
            coming = answered(judged, patient, check.question, seed, dtype, aged, then)
        for function, outcome in zip(patient, coming):
            lost[function.name] += outcome.kind in ahead.LOST
            yield outcome


def refused(judged: Candidate, function: Function, refusal: Refusal) -> Outcome:
    """What a call that must be refused came to."""
    reply = judged.refuse(function, refusal.arguments)
    said = reply.error or "an answer"
    right = said.startswith(f"{refusal.error}: ") and all(word in said for word in refusal.words)
    wanted = f"should be refused with {refusal.error} and the words {', '.join(refusal.words)}"
    return replace(
        outcomes.plain(judged, function, refusal, "ok" if right else "WRONG"),
        message="" if right else f"{wanted}, got {said}",
        stdout=reply.stdout,
        seconds=reply.seconds,
    )


def answered(
    judged: Candidate,
    functions: Sequence[Function],
    case: Case,
    seed: int,
    dtype: str,
    aged: set[str],
    then: Then = ahead.nothing,
) -> Iterator[Outcome]:
    """What a question came to, function by function; forward before backward.

    `aged` gathers the functions with an error of age: those that stand on them are judged mended.
    `then` is told of every answer before it is looked at.
    """
    if case.check:
        yield from _witnessed(judged, functions, case, seed, dtype, aged, then)
        return
    asked = truth.of(case, seed, dtype, judged.contract.bitwise)
    failed = {function.op for function in judged.contract.functions if not judged.has(function)}
    for function in functions:
        outcome = _asked(judged, function, asked, OWN, partial(then, function, case))
        if outcome.mended and aged & set(function.needs):
            outcome = replace(outcome.mended, note="an error of age below it is mended")
        elif outcome.status not in RIGHT and CANONICAL in function.caches:
            outcome = _again(judged, function, asked, outcome, failed)
        if outcome.mended:
            aged.add(function.name)
        if outcome.status not in RIGHT:
            failed.add(function.op)
        yield outcome


def _witnessed(
    judged: Candidate,
    functions: Sequence[Function],
    case: Case,
    seed: int,
    dtype: str,
    aged: set[str],
    then: Then,
) -> Iterator[Outcome]:
    """What a question without an oracle came to; of age, what came of it once mended."""
    given = truth.of(case, seed, dtype, judged.contract.bitwise).given
    for function in functions:

        def once(*call: Any, function: Function = function) -> Reply:
            reply = judged.ask(*call)
            then(function, case, reply.kind)
            return reply

        single = case.check in witness.ONCE
        outcome = witness.of(judged, function, case, given, once if single else judged.ask)
        if not single:
            then(function, case, outcome.kind)
        if judged.age_of(outcome.message, function) is not None:
            mended = witness.of(judged, function, case, given, judged.ask_mended)
            outcome = mended if aged & set(function.needs) else replace(outcome, mended=mended)
        yield outcome


def _again(
    judged: Candidate, function: Function, asked: Asked, own: Outcome, failed: set[str]
) -> Outcome:
    """The same question with the canonical cache: the forward function may be the one at fault."""
    canonical = _asked(judged, function, asked, CANONICAL)
    inherited = bool({"conv_forward", "pool_forward"} & failed)
    if canonical.status not in RIGHT:
        return canonical if inherited and canonical.verdicts else own
    if inherited:
        return canonical
    said = "right with the contract's own cache, wrong with the one that its own forward returns"
    return replace(own, message="; ".join(filter(None, (own.message, said))))


def _asked(
    judged: Candidate,
    function: Function,
    asked: Asked,
    cache: str,
    told: Callable[[str], None] = ahead.nothing,
) -> Outcome:
    reply = judged.ask(function, asked.case, asked.given, cache)
    told(reply.kind)
    outcome = outcomes.of(judged, function, asked, reply)
    if outcome.status == "ok":
        said = vacuity.reason(asked, function.op)
        return replace(outcome, status="VACUOUS", message=said) if said else outcome
    if judged.age_of(reply.error, function) is None:
        return outcome
    mended = judged.ask_mended(function, asked.case, asked.given, cache)
    return replace(outcome, mended=outcomes.of(judged, function, asked, mended))
