"""The one loop: question -> arrays -> the oracle's answer -> the candidate's -> outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from verification import mistakes, truth
from verification.candidates import CANONICAL, OWN, Candidate, Function, Other, Reply
from verification.judging import laws, proof
from verification.judging.compare import Comparison, compare, conform
from verification.questions import Array, Arrays, Case, Ints, Question, Refusal
from verification.truth import Truth

EMPTY = 1000
"""The place of an empty batch among the questions: behind those with numbers to show."""
PATIENCE = 3
"""After so many calls without an answer, a function's other questions are not asked."""
LOST = frozenset({"TIMEOUT", "MEMORY", "DIED"})
"""Kinds of calls that came to no answer."""
FAILING = ("WRONG", "CRASH", "TIMEOUT", "MEMORY")

_OUTPUTS = {"conv_backward": ("dx", "dw", "db"), "pool_backward": ("dx",)}
"""What a function must give, as far as the question has it; of all others it is y."""


@dataclass(frozen=True)
class Outcome:
    """What one question to one function came to.

    `evidence` says what a pass proves: "exact", "bounded" or "proved".  `habits` are what is wrong
    beside the numbers, `deviations` the conventions that it follows, `age` the error of age that
    was mended in flight, with its lines; `answers` what came, in the contract's form.
    """

    function: str
    op: str
    question: Question
    status: str
    evidence: str = "exact"
    comparisons: tuple[Comparison, ...] = ()
    message: str = ""
    stdout: str = ""
    seconds: float = 0.0
    where: tuple[str, ...] = ()
    kind: str = ""
    habits: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    note: str = ""
    age: tuple[str, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def id(self) -> str:
        return f"{self.function}/{self.question.id}"

    @property
    def is_failing(self) -> bool:
        return self.status in FAILING

    @property
    def has_numbers(self) -> bool:
        """Whether it holds the answers to one question, as an oracle's would be."""
        return isinstance(self.question, Case) and not self.question.check


@dataclass(frozen=True)
class Check:
    """A question, and the functions of the candidate that it is put to."""

    question: Question
    functions: tuple[Function, ...]


class UnansweredError(Exception):
    """The candidate gave no answer, or none of this shape; the reply says why."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class InexpressibleError(Exception):
    """The question cannot be put under the contract, or the function is not there."""


def plan(
    judged: Candidate, questions: Iterable[Question], chosen: Callable[[str, Question], bool]
) -> tuple[list[Check], Counter[str]]:
    """The checks to run, where `chosen` says so; and how many lie outside, by function.

    Kind by kind in the contract's order; of each the least work first, so that the first failure
    is a small one.
    """
    checks, outside = [], Counter[str]()
    functions = judged.contract.functions
    kinds = list(dict.fromkeys(_kind(function.op) for function in functions))
    for question in sorted(questions, key=lambda question: question.work or EMPTY):
        concerned = [f for f in functions if _concerns(judged, f, question)]
        able = [f for f in concerned if judged.expresses(f, question)]
        taking = tuple(f for f in able if chosen(judged.name_of(f), question))
        if taking:
            checks.append(Check(question, taking))
        ops = {f.op for f in able}
        outside.update(judged.name_of(f) for f in concerned if f.op not in ops)
    return sorted(checks, key=lambda check: kinds.index(_kind(check.functions[0].op))), outside


def _kind(op: str) -> str:
    """conv, pool, or the helper's own name."""
    return op.removesuffix("_forward").removesuffix("_backward")


def _concerns(judged: Candidate, function: Function, question: Question) -> bool:
    if isinstance(question, Refusal):
        return judged.contract.is_bitwise and question.function == function.name
    if question.check == "adjoint" and not function.op.endswith("_backward"):
        return False
    op = "pool" if question.op in ("max_pool", "avg_pool") else question.op
    return _kind(function.op) == op


class Trial:
    """A candidate before its questions: what it has lost and what was mended is remembered."""

    def __init__(self, judged: Candidate, seed: int, dtype: str) -> None:
        self.judged, self.seed, self.dtype = judged, seed, dtype
        self._lost: Counter[str] = Counter()
        self._aged: set[str] = set()
        self._failed = {f.op for f in judged.contract.functions if not judged.has(f)}

    def run(self, checks: Iterable[Check]) -> Iterator[Outcome]:
        """Every check's outcomes, question by question; forward before backward."""
        for check in checks:
            failed = set(self._failed)
            for function in check.functions:
                outcome = self._judge_in_turn(function, check.question, failed)
                if outcome.status not in ("ok", "DEVIATES", "outside"):
                    failed.add(function.op)
                yield outcome

    def _judge_in_turn(self, function: Function, question: Question, failed: set[str]) -> Outcome:
        if not self.judged.has(function):
            return self._outcome(function, question, "not attempted")
        if self._lost[function.name] >= PATIENCE:
            return self._outcome(function, question, "not judged", "too slow to go on")
        outcome = self.judge(function, question, failed)
        self._lost[function.name] += outcome.kind in LOST
        return outcome

    def judge(
        self, function: Function, question: Question, failed: Set[str] | None = None
    ) -> Outcome:
        """What a question came to; `failed` are the ops that have failed it before."""
        if isinstance(question, Refusal):
            return self._refuse(function, question)
        if question.check:
            return self._check(function, question)
        asked = truth.answer(question, self.seed, self.dtype, self.judged.contract.is_bitwise)
        outcome = self._ask(function, asked, OWN)
        if outcome.status not in ("ok", "DEVIATES") and function.has_cache:
            outcome = self._ask_again(function, asked, outcome, failed or self._failed)
        return outcome

    def put(self, function: Function, case: Case, given: Arrays, cache: str = OWN) -> Reply:
        """The candidate's reply; from the first error of age on, such errors are mended."""
        reply = self.judged.ask(function, case, given, cache)
        if reply.status == "CRASH" and any(age.matches(reply.error) for age in mistakes.ages()):
            self.judged.mend()
            mended = self.judged.ask(function, case, given, cache)
            return mended if mended.ages else reply
        return reply

    def ask_plainly(self, function: Function, case: Case, given: Arrays) -> dict[str, Array]:
        """Arrays in, the oracle's shapes out; whole numbers where contracts leave room."""
        judged, expected = self.judged, _expected(function.op, case)
        if not (judged.has(function) and judged.expresses(function, case)):
            raise InexpressibleError(case.row)
        forward = judged.contract.forward_of(function)
        reply = self.put(function, case, given, OWN if judged.has(forward) else CANONICAL)
        if reply.status != "ok":
            raise UnansweredError(reply.error, reply)
        return {
            name: self._plain(function, case, name, reply.values.get(name), shape)
            for name, shape in case.outputs.items()
            if name in reply.values and (name in expected or name == "index")
        }

    def _plain(self, function: Function, case: Case, name: str, value: Any, shape: Ints) -> Array:
        if not isinstance(value, np.ndarray):
            kind = getattr(value, "kind", type(value).__name__)
            raise UnansweredError(f"{name} is a {kind}, not an array")
        value = value if value.dtype.kind == "f" else value.astype(float)
        want = function.form(case, name, np.zeros(shape, value.dtype))
        if not self.judged.contract.is_bitwise:
            value, _ = conform(function.op, name, value, want, str(value.dtype))
            value = np.rint(value)
        if value.shape != want.shape:
            raise UnansweredError(f"{name} has shape {value.shape}, it should be {want.shape}")
        return self.restore(function, case, name, value)

    def restore(self, function: Function, case: Case, name: str, value: Array) -> Array:
        """An output of the contract's form, in the oracle's."""
        shape = case.outputs[name]
        order = function.form(case, name, np.arange(value.size).reshape(shape))
        plain = np.empty(value.size, value.dtype)
        plain[order.ravel()] = value.ravel()
        return plain.reshape(shape)

    def _outcome(
        self, function: Function, question: Question, status: str, message: str = ""
    ) -> Outcome:
        name = self.judged.name_of(function)
        return Outcome(name, function.op, question, status, message=message)

    def _of_reply(self, function: Function, question: Question, reply: Reply) -> Outcome:
        """The outcome with what the reply says beside its numbers."""
        if reply.ages and not self._aged & set(function.needs):
            self._aged.add(function.name)
        age = reply.ages[0] if function.name in self._aged and reply.ages else ()
        return replace(
            self._outcome(function, question, reply.status, reply.error),
            stdout=reply.stdout,
            seconds=reply.seconds,
            where=reply.where,
            kind=reply.kind,
            age=age,
        )

    def _refuse(self, function: Function, refusal: Refusal) -> Outcome:
        """What a call that must be refused came to."""
        reply = self.judged.refuse(function, refusal)
        error = reply.error or "an answer"
        right = error.startswith(f"{refusal.error}: ") and all(w in error for w in refusal.words)
        wanted = f"should be refused with {refusal.error} and the words {', '.join(refusal.words)}"
        outcome = self._of_reply(function, refusal, reply)
        message = "" if right else f"{wanted}, got {error}"
        return replace(
            outcome, status="ok" if right else "WRONG", message=message, kind="", where=()
        )

    def _ask(self, function: Function, asked: Truth, cache: str) -> Outcome:
        """The reply, compared."""
        reply = self.put(function, asked.case, asked.arrays, cache)
        outcome = self._of_reply(function, asked.case, reply)
        evidence, note = "bounded" if asked.limits else "exact", ""
        if reply.status != "ok":
            return replace(outcome, evidence=evidence)
        answers, deviations = self._conform(function, asked, reply)
        comparisons = self._compare(function, asked, answers, asked.limits)
        if not all(c.is_right for c in comparisons) and not self.judged.contract.is_bitwise:
            roomier = truth.allowance(asked.case, asked.arrays, asked.dtype)
            again = self._compare(function, asked, answers, roomier) if roomier else ()
            if again and all(c.is_right for c in again):
                comparisons, evidence = again, "bounded"
                note = "right within its rounding, not exactly"
        habits = self._habits(reply)
        wrong = habits or not all(c.is_right for c in comparisons)
        return replace(
            outcome,
            status="WRONG" if wrong else "DEVIATES" if deviations else "ok",
            evidence=evidence,
            comparisons=comparisons,
            message="; ".join(habits),
            habits=habits,
            deviations=deviations,
            note=note,
            answers=answers,
        )

    def _ask_again(
        self, function: Function, asked: Truth, own: Outcome, failed: Set[str]
    ) -> Outcome:
        """The same with the canonical cache: the forward function may be the one at fault."""
        canonical = self._ask(function, asked, CANONICAL)
        inherited = bool({"conv_forward", "pool_forward"} & failed)
        if canonical.status not in ("ok", "DEVIATES"):
            return canonical if inherited and canonical.comparisons else own
        if inherited:
            return canonical
        said = "right with the contract's own cache, wrong with the one that its forward returns"
        return replace(own, message="; ".join(filter(None, (own.message, said))))

    def _conform(
        self, function: Function, asked: Truth, reply: Reply
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The answers in the form that was asked for, and the conventions they follow instead."""
        answers: dict[str, Any] = {}
        deviations: dict[str, None] = {}
        for name, value in asked.values.items():
            if name in reply.values:
                got, convention = reply.values[name], ""
                if not self.judged.contract.is_bitwise:
                    want = function.form(asked.case, name, value)
                    got, convention = conform(function.op, name, got, want, asked.dtype)
                answers[name], deviations[convention] = got, None
            elif name in _expected(function.op, asked.case):
                answers[name] = Other("NoneType")
        return answers, tuple(filter(None, deviations))

    def _compare(
        self, function: Function, asked: Truth, answers: Mapping[str, Any], limits: Arrays
    ) -> tuple[Comparison, ...]:
        case, form = asked.case, function.form
        bits = asked.is_bitwise and case.op in ("max_pool", "avg_pool", "zero_pad")
        compared = []
        for name, got in answers.items():
            want = form(case, name, asked.values[name])
            limit = form(case, name, limits[name]) if name in limits else 0.0
            compared.append(
                compare(function.words.get(name, name), got, want, asked.dtype, limit, bits)
            )
        return tuple(compared)

    def _habits(self, reply: Reply) -> tuple[str, ...]:
        """What is wrong whatever the numbers are."""
        habits = [f"changes its argument {name}" for name in reply.changed]
        if self.judged.contract.is_bitwise:
            habits += [f"shares memory: {pair}" for pair in reply.shared]
        if not reply.steady:
            habits.append("gives another answer when it is asked again")
        return tuple(habits)

    def _check(self, function: Function, case: Case) -> Outcome:
        """What a question without an oracle came to."""
        given = truth.answer(case, self.seed, self.dtype).arrays
        forward = self.judged.contract.forward_of(function)
        plain = replace(case, check="")

        def ask(case: Case, given: Arrays) -> Arrays:
            return self.ask_plainly(function, case, given)

        def ask_forward(case: Case, given: Arrays) -> Arrays:
            return self.ask_plainly(forward, case, given)

        outcome = replace(
            self._outcome(function, case, "ok"),
            evidence="proved" if case.check == "proof" else "exact",
        )
        try:
            with np.errstate(all="ignore"):  # a stranger's numbers may be infinite
                if case.check == "proof":
                    is_gradient = function.op.endswith("_backward")
                    broken = proof.prove(plain, ask, str(given["x"].dtype), is_gradient)
                elif case.check == "adjoint":
                    broken = list(laws.check_adjoint(plain, given, ask_forward, ask))
                else:
                    broken = list(laws.check(case.check, plain, given, ask))
        except InexpressibleError:
            return replace(outcome, status="outside")
        except UnansweredError as error:
            if error.reply is None:
                return replace(outcome, status="WRONG", message=str(error))
            lost = self._of_reply(function, case, error.reply)
            return replace(lost, evidence=outcome.evidence)
        return replace(outcome, status="WRONG" if broken else "ok", message="\n".join(broken))


def _expected(op: str, case: Case) -> Sequence[str]:
    """The outputs that a function must give to this question."""
    return [name for name in _OUTPUTS.get(op, ("y",)) if name != "db" or case.bias]
