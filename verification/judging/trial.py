"""The one loop: question -> arrays -> the oracle's answer -> the candidate's -> outcome."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from verification import mistakes, truth
from verification.candidates import CANONICAL, HELPERS, LOST, OWN, Candidate, Function, Other, Reply
from verification.judging import laws, proof
from verification.judging.compare import Comparison, check_form, compare, conform
from verification.mistakes import Sighting
from verification.questions import MAXIMA, REAL, Array, Arrays, Case, Question, Refusal, shapes
from verification.truth import Truth

EMPTY = 1000
"""The place of an empty batch among the questions: behind those with numbers to show."""
PATIENCE = 3
"""After so many calls without an answer, a function is asked no more."""
TELLING = 1.0
"""Seconds from which an answer tells how long larger ones will take."""
PACED = 3
"""Such answers, none of them refuted by a quick one, that it takes to leave larger ones out."""
ROOM = 0.25
"""For what roundings of other right algorithms may add to a whole number."""
NO_REST = "asserts that windows leave no rest"
_TILING = re.compile(r": assert\b.*%")
"""A line that refuses windows which leave a rest, as a course lets its passes assume."""
FAILING = ("WRONG", "CRASH", "TIMEOUT", "MEMORY")
PARTING = "right with the contract's own cache, wrong with the one that its forward returns"


@dataclass(frozen=True, eq=False)
class Outcome(Sighting):
    """What one question to one function came to.

    `evidence` says what a pass proves: "exact", "bounded" or "proved".  `deviations` are the
    conventions that it follows, `age` the error of age that was mended in flight, with its line;
    `below` are the functions that a failing one came through, by our names; where there are helpers
    among them, `mended` is what comes of the question with right ones in their place, and if that
    is what counts, these are its `helpers`.  Where the forward pass fails, whose cache a gradient
    needs, `is_spared` says that the contract's own served in its place, and `behind` names the
    forward pass if it may be that which fails here.
    """

    evidence: str = "exact"
    comparisons: tuple[Comparison, ...] = ()
    stdout: str = ""
    seconds: float = 0.0
    deviations: tuple[str, ...] = ()
    note: str = ""
    age: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    mended: Outcome | None = None
    helpers: tuple[str, ...] = ()
    is_spared: bool = False
    behind: str = ""

    @property
    def id(self) -> str:
        return f"{self.function}/{self.question.id}"

    @property
    def is_failing(self) -> bool:
        return self.status in FAILING

    @property
    def right(self) -> set[str]:
        """The outputs that are right."""
        return {compared.name for compared in self.comparisons if compared.is_right}

    @property
    def has_numbers(self) -> bool:
        """Whether it holds the answers to one question, as an oracle's would be, in floats."""
        question = self.question
        return isinstance(question, Case) and not question.check and question.fill != "whole"

    def lighten(self) -> Outcome:
        """Without arrays."""
        light = (replace(c, got=None, want=None, where=None) for c in self.comparisons)
        mended = self.mended and self.mended.lighten()
        return replace(self, answers={}, comparisons=tuple(light), mended=mended)


@dataclass(frozen=True)
class Check:
    """A question, and the functions of the candidate that it is put to."""

    question: Question
    functions: tuple[Function, ...]


class UnansweredError(Exception):
    """There is no answer, or none of the wanted form; its argument is a reply that says why."""


def plan(
    judged: Candidate, questions: Iterable[Question], chosen: Callable[[str, Question], bool]
) -> tuple[list[Check], Counter[str]]:
    """The checks to run, where `chosen` says so; and how many of these lie outside, by function.

    Kind by kind in the contract's order; of each the least work first, so that the first failure
    is a small one.
    """
    checks, outside = [], Counter[str]()
    functions = judged.contract.functions
    kinds = list(dict.fromkeys(function.kind for function in functions))
    alike = {kind: [f for f in functions if f.kind == kind] for kind in kinds}
    alike[Refusal.kind] = [*functions]
    for question in sorted(questions, key=lambda question: question.work or EMPTY):
        concerned = [f for f in alike.get(question.kind, ()) if _concerns(judged, f, question)]
        wanted = {f.name for f in concerned if chosen(judged.name_of(f), question)}
        if not wanted:
            continue
        able = [f for f in concerned if judged.expresses(f, question)]
        if taking := tuple(f for f in able if f.name in wanted):
            checks.append(Check(question, taking))
        ops = {f.op for f in able}
        missed = [f for f in concerned if f.name in wanted and f.op not in ops]
        outside.update(judged.name_of(f) for f in missed)
    return sorted(checks, key=lambda check: kinds.index(check.functions[0].kind)), outside


def _concerns(judged: Candidate, function: Function, question: Question) -> bool:
    """Whether it is to be asked this, if it is of its kind."""
    if isinstance(question, Refusal):
        return judged.contract.is_bitwise and question.function == function.name
    is_gradient = function.is_gradient
    if question.check == "adjoint":
        return is_gradient and judged.has(judged.contract.forward_of(function))
    # the gradient of a norm is not monotone
    return not (is_gradient and (question.op, question.check) == ("lp_pool", "monotone"))


class Trial:
    """A candidate before its questions: what it has lost and what was mended is remembered."""

    def __init__(self, judged: Candidate, seed: int, dtype: str) -> None:
        self.judged, self.seed, self.dtype = judged, seed, dtype
        self._lost: Counter[str] = Counter()
        self._paces: dict[str, list[float]] = {}
        self._aged: dict[str, str] = {}
        self.unfinished: set[str] = set()
        """The functions that have called something of a package that is missing."""

    def run(self, checks: Iterable[Check]) -> Iterator[Outcome]:
        """Every check's outcomes, question by question; forward before backward."""
        for check in checks:
            failed: set[str] = set()
            for function in check.functions:
                outcome = self.judge(function, check.question, failed)
                if outcome.is_failing:
                    failed.add(function.name)
                yield outcome

    def prepare(self, check: Check) -> None:
        """Have the answer ready that the check will be compared with, if anybody is asked."""
        question, is_asked = check.question, any(map(self.judged.has, check.functions))
        if is_asked and isinstance(question, Case) and not question.check:
            is_bitwise = self.judged.contract.is_bitwise
            asked = truth.answer(question, self.seed, self.dtype, is_bitwise)
            _ = asked.values, asked.limits

    def judge(
        self, function: Function, question: Question, failed: Set[str] = frozenset()
    ) -> Outcome:
        """What a question came to; `failed` are the functions that have failed it before."""
        if not self.judged.has(function):
            return self._record(function, question, Reply("not attempted"))
        if isinstance(question, Refusal):
            return self._refuse(function, question)
        if question.check:
            return self._check(function, question)
        asked = truth.answer(question, self.seed, self.dtype, self.judged.contract.is_bitwise)
        outcome = self._ask_with_cache(function, asked, failed)
        if question.fill != "whole" or not outcome.is_failing or outcome.habits:
            return outcome
        reals = {name: a.astype(asked.dtype) for name, a in asked.arrays.items()}
        again = self._ask_with_cache(function, replace(asked, arrays=reals), failed)
        if again.is_failing:
            return again
        return replace(outcome, status="DEVIATES", deviations=("integer-accumulator",))

    def _ask_with_cache(self, function: Function, asked: Truth, failed: Set[str]) -> Outcome:
        """What came of it; a gradient gets its own forward pass's cache, as far as that serves."""
        forward = self.judged.contract.forward_of(function)
        if not function.forward:
            outcome = self._ask(function, asked, CANONICAL)
            is_behind = function.is_chained and forward.name in failed
            return replace(outcome, behind=forward.name) if is_behind else outcome
        if not self._gives_cache(forward):
            return self._ask(function, asked, CANONICAL)
        own = None if forward.name in failed else self._ask(function, asked, OWN)
        if not self._gives_cache(forward):  # as has shown by now
            return self._ask(function, asked, CANONICAL)
        if own is None or own.behind:
            return self._ask_beside(function, asked)
        if not own.is_failing or own.kind in LOST:
            return own
        if self._ask(function, asked, CANONICAL).is_failing:
            return own
        return replace(own, note=PARTING)

    def _ask_beside(self, function: Function, asked: Truth) -> Outcome:
        """A gradient whose forward pass fails the question: it is held to the contract's cache.

        Where it raises on that, and does something else on its own, it is seen from other questions
        alone whether that is a cache that it cannot take.
        """
        canonical = self._ask(function, asked, CANONICAL)
        if not canonical.is_failing or canonical.comparisons or canonical.kind in LOST:
            return replace(canonical, is_spared=True)
        own = self._ask(function, asked, OWN)
        is_alike = (own.kind, own.where[-1:]) == (canonical.kind, canonical.where[-1:])
        if is_alike or not own.is_failing:
            return own
        if canonical.kind in ("NameError", "UnboundLocalError"):  # no cache binds a name
            return replace(canonical, is_spared=True)
        return replace(canonical, behind=self.judged.contract.forward_of(function).name)

    def restore(self, function: Function, case: Case, name: str, value: Array) -> Array:
        """An output of the contract's form, in the oracle's."""
        shape = case.outputs[name]
        order = function.form(case, name, np.arange(value.size).reshape(shape))
        plain = np.empty(value.size, value.dtype)
        plain[order.ravel()] = value.ravel()
        return plain.reshape(shape)

    def _record(self, function: Function, question: Question, reply: Reply) -> Outcome:
        """The outcome, as far as the reply tells it; an error of age is told where it stands."""
        owners = (self._aged.setdefault(line, function.name) for _, line in reply.ages)
        ages = [age for age, owner in zip(reply.ages, owners) if owner == function.name]
        forward, name = self.judged.contract.forward_of(function), self.judged.name_of(function)
        is_behind = reply.status == "CRASH" and name != self.judged.name_of(forward) == reply.at
        return Outcome(
            name,
            function.op,
            question,
            reply.status,
            message=reply.error,
            stdout=reply.stdout,
            seconds=reply.seconds,
            where=reply.where,
            kind=reply.kind,
            age=ages[0] if ages else (),
            behind=forward.name if is_behind else "",
        )

    def _gives_cache(self, forward: Function) -> bool:
        """Whether a forward pass has one to give, and has always come to an end."""
        return self.judged.gives_cache(forward) and not self._lost[forward.name]

    def _put(self, function: Function, case: Case, given: Arrays, cache: str) -> Reply:
        """The candidate's reply; from the first error of age on, such errors are mended."""
        judged, word = self.judged, self.judged.name_of(function)
        if not judged.expresses(function, case):
            return Reply("outside")
        if self._lost[function.name] >= PATIENCE:
            return Reply("not judged", error=f"{word} came to no answer {PATIENCE} times")
        paces = self._paces.setdefault(function.name, [])
        if len(paces) >= PACED and max(paces[-PACED:]) * case.work > judged.timeout:
            return Reply("outside", error=f"{word} would take more than {judged.timeout:g} s")
        reply = judged.ask(function, case, given, cache)
        if reply.status == "CRASH" and any(
            known.kind == "age" and known.matches(reply.error) for known in mistakes.read()
        ):
            judged.mend()
            mended = judged.ask(function, case, given, cache)
            reply = mended if mended.ages or mended.kind == reply.kind else reply
        self._lost[function.name] += reply.kind in LOST
        if reply.missing:
            self.unfinished.add(function.name)
            return Reply("outside", error=f"{word} calls {reply.missing[0]}, which is missing")
        if reply.status == "ok" and reply.seconds <= TELLING:
            paces.clear()
        elif reply.status == "ok" and case.work:
            paces.append(reply.seconds / case.work)
        if reply.kind == "NotImplementedError" and judged.contract.may_decline:
            return replace(reply, status="outside")
        forward = judged.contract.forward_of(function)
        if case.has_rest and _TILING.search("".join(reply.where[-1:])):
            return replace(reply, status="outside", error=f"{reply.at or word} {NO_REST}")
        if case.has_rest and reply.status == "CRASH" and forward is not function:
            before = self._put(forward, case, given, OWN) if judged.has(forward) else reply
            if before.error.endswith(NO_REST):  # and so its gradient is asked no such thing
                return replace(before, seconds=reply.seconds)
        makes = judged.gives_cache if function.is_chained else judged.has
        if function.forward and not makes(forward) and judged.wants_another_cache(function, reply):
            words = f"{word} wants a cache of its own, and no {forward.name} makes it"
            return replace(reply, status="outside", error=words)
        return reply

    def _refuse(self, function: Function, refusal: Refusal) -> Outcome:
        """What a call that must be refused came to."""
        reply = self.judged.refuse(function, refusal)
        error, words = reply.error or "an answer", refusal.words
        is_right = error.startswith(f"{refusal.error}: ") and all(word in error for word in words)
        wanted = f"should be refused with {refusal.error} and the words {', '.join(words)}"
        status, message = ("ok", "") if is_right else ("WRONG", f"{wanted}, got {error}")
        reply = replace(reply, status=status, error=message, kind="", where=())
        return self._record(function, refusal, reply)

    def _ask(self, function: Function, asked: Truth, cache: str) -> Outcome:
        """The reply, compared; of one that fails it is seen what it comes through."""
        reply = self._put(function, asked.case, asked.arrays, cache)
        outcome = self._assess(function, asked, reply)
        return self._look_below(function, asked, cache, outcome)

    def _assess(self, function: Function, asked: Truth, reply: Reply) -> Outcome:
        """The reply, compared."""
        is_bitwise = self.judged.contract.is_bitwise
        outcome = self._record(function, asked.case, reply)
        outcome = replace(outcome, evidence="bounded" if asked.limits else "exact")
        if reply.status != "ok":
            return outcome
        answers, deviations = self._conform(function, asked, reply)
        comparisons = self._compare(function, asked, answers, asked.limits)
        if not (is_bitwise or all(c.is_right for c in comparisons)):
            limits = truth.allowance(asked.case, asked.arrays, asked.dtype)
            roomier = self._compare(function, asked, answers, limits)
            pairs = zip(comparisons, roomier)
            comparisons = tuple(room if room.is_right else exact for exact, room in pairs)
            if all(c.is_right for c in comparisons):
                note = "right within its rounding, not exactly"
                outcome = replace(outcome, evidence="bounded", note=note)
            elif (
                asked.case.fill == "special"
                and (asked.case.op not in MAXIMA or function.is_gradient)
                and all(c.is_right or c.lacks_numbers for c in roomier)
            ):
                comparisons = tuple(Comparison(c.name, 0, c.of) for c in comparisons)
                deviations = (*deviations, "nonfinite-spreads")
        habits = [f"changes its argument {name}" for name in reply.changed]
        habits += [f"shares memory: {pair}" for pair in reply.shared if is_bitwise]
        habits += ["gives another answer when it is asked again"] * (not reply.steady)
        habits += [f"an earlier {name} changes when it is called again" for name in reply.reused]
        is_right = bool(comparisons) and all(c.is_right for c in comparisons)
        habits += reply.slips if is_right else ()
        return replace(
            outcome,
            status="WRONG" if habits or not is_right else "DEVIATES" if deviations else "ok",
            comparisons=comparisons,
            message="; ".join(habits),
            habits=tuple(habits),
            deviations=deviations,
            answers=answers,
        )

    def _look_below(
        self, function: Function, asked: Truth, cache: str, outcome: Outcome
    ) -> Outcome:
        """With what it came through, if it fails, and what comes of it with right helpers."""
        if not outcome.is_failing or outcome.kind in LOST:
            return outcome
        reply = self.judged.watch(function, asked.case, asked.arrays, cache)
        has_numbers = outcome.question == asked.case and {*HELPERS} & {*reply.entered}
        mended = self._assess(function, asked, reply) if has_numbers else None
        return replace(outcome, below=reply.entered, mended=mended)

    def _conform(
        self, function: Function, asked: Truth, reply: Reply
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The answers in the form that was asked for, and the conventions they follow instead."""
        is_bitwise = self.judged.contract.is_bitwise
        answers: dict[str, Any] = {}
        conventions: list[str] = []
        for name in (name for name in asked.values if name in reply.values):
            want = function.form(asked.case, name, asked.values[name])
            got: Any = reply.values[name]
            is_integer = isinstance(got, np.ndarray) and got.dtype.kind in "iu"
            if asked.case.fill == "whole" and is_integer and want.dtype.kind == "f":
                got = np.asarray(got, want.dtype)  # maxima of integers, and pads
            if is_bitwise:
                answers[name] = Other("list") if name in reply.lists else got
                continue
            answers[name], convention = conform(function.op, name, got, want, asked.dtype)
            conventions += ["list-result"] * (name in reply.lists) + [convention]
        return answers, tuple(dict.fromkeys(filter(None, conventions)))

    def _compare(
        self, function: Function, asked: Truth, answers: Mapping[str, Any], limits: Arrays
    ) -> tuple[Comparison, ...]:
        compared = []
        for name, got in answers.items():
            word = function.words.get(name, name)
            want = function.form(asked.case, name, asked.values[name])
            limit = function.form(asked.case, name, limits[name]) if name in limits else 0.0
            compared.append(compare(word, got, want, asked.dtype, limit, asked.is_bitwise))
        return tuple(compared)

    def _check(self, function: Function, case: Case) -> Outcome:
        """What a question without an oracle came to."""
        given = truth.answer(case, self.seed, self.dtype).arrays
        forward = self.judged.contract.forward_of(function)
        cache = OWN if self._gives_cache(forward) else CANONICAL
        plain, dtype = replace(case, check=""), str(given["x"].dtype)
        ages: list[tuple[str, str]] = []

        def ask(case: Case, given: Arrays) -> Arrays:
            reply = self._put(function, case, given, cache)
            ages.extend(reply.ages)
            return self._read(function, case, reply, dtype)

        def ask_forward(case: Case, given: Arrays) -> Arrays:
            return self._read(forward, case, self._put(forward, case, given, OWN), dtype)

        try:
            with np.errstate(all="ignore"):  # a stranger's numbers may be infinite
                if case.check == "proof":
                    write = partial(_write_place, function, plain)
                    broken = proof.prove(plain, ask, dtype, function.is_gradient, write)
                elif case.check == "adjoint":
                    broken = list(laws.check_adjoint(plain, given, ask_forward, ask))
                else:
                    broken = list(laws.check(case.check, plain, given, ask))
            parts = (line.partition(" ") for line in broken)  # what it is called, and the rest
            message = "\n".join(
                f"{function.words.get(name, name)} {text}" for name, _, text in parts
            )
            status = "WRONG" if broken else "ok"
            reply = Reply(status, error=message, ages=tuple(ages))
        except UnansweredError as error:
            (reply,) = error.args
        outcome = self._record(function, case, reply)
        outcome = replace(outcome, evidence="proved" if case.check == "proof" else "exact")
        asked = truth.answer(plain, self.seed, self.dtype)
        outcome = self._look_below(function, asked, cache, outcome)
        is_of_both = case.check == "adjoint" or function.forward or function.is_chained
        needed = (forward.name,) * (forward is not function and bool(is_of_both))
        return replace(outcome, below=(*outcome.below, *needed))

    def _read(self, function: Function, case: Case, reply: Reply, dtype: str) -> dict[str, Array]:
        """Floats in the oracle's shapes: whole numbers, but for roundings where contracts allow."""
        if reply.status != "ok":
            raise UnansweredError(reply)
        plain = {}
        for name in (name for name in case.outputs if name in reply.values):
            zeros = np.zeros(case.outputs[name], int if name == "index" else dtype)
            got: Any = reply.values[name]
            want = function.form(case, name, zeros)
            if not self.judged.contract.is_bitwise:
                got, _ = conform(function.op, name, got, want, dtype)
            if message := check_form(got, want, dtype):
                raise UnansweredError(Reply("WRONG", error=f"{name} {message}"))
            plain[name] = got = self.restore(function, case, name, got.astype(np.float64))
            if not (self.judged.contract.is_bitwise or case.op in REAL):
                plain[name] = np.where(np.abs(got - np.rint(got)) < ROOM, np.rint(got), got)
        return plain


def _write_place(function: Function, case: Case, name: str, at: tuple[int, ...]) -> str:
    """A place of an array, in the contract's form."""
    numbers = np.arange(math.prod(shape := (shapes(case) | case.outputs)[name])).reshape(shape)
    places = np.argwhere(np.asarray(function.form(case, name, numbers)) == numbers[at])
    return f"{function.words.get(name, name)}[{','.join(map(str, places[0]))}]"
