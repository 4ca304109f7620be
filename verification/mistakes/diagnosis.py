"""Which mistake it is: wrong answers against those of the catalogue.

A mistake is claimed only if its code gives the very same wrong answer in every failing case that it
can be asked, and contradicts no passing one; otherwise it explains so many of so many.  Two mistakes
in one function are found in composition: the lines of both, together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verification.mistakes.catalogue import Form, Mistake, write_wrongly
from verification.mistakes.precision import find_narrower
from verification.questions import Array, Case, rung
from verification.truth import answer, define, textbook

SECONDS = 6.0
"""For one function's diagnosis."""
WORK = 2_000_000
"""Multiply-adds up to which a case takes part: bare loops are slow."""
SAMPLE = 8
"""Failing cases of a kind that every suspect is asked; who explains them is asked all."""
SHAPES = frozenset({"ValueError", "IndexError", "AssertionError"})
"""Exceptions that tell the same: something does not fit."""
NEAR = {"float32": 2.0**-18, "float64": 2.0**-40}
"""Of the largest number: roundings of sums that are taken in another order."""
EXACTLY, NEARLY = 2, 1
HABITS = ("unsteady", "changed")


@dataclass(frozen=True)
class Sighting:
    """One question that a function was asked, and what came, in the contract's form.

    `status` is ok, WRONG or CRASH; `kind` and `error` are the exception's type and words, `habits`
    what is wrong beside the numbers.
    """

    case: Case
    status: str
    answers: Mapping[str, Any]
    kind: str = ""
    error: str = ""
    habits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suspect:
    """One way to write one mistake, or two: the textbook's names with these lines."""

    mistakes: tuple[Mistake, ...]
    book: Mapping[str, Any]


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes in one function, and how many of the failing cases they explain.

    `exactly` says that every number agrees bit for bit; `others` would give the same answers; the
    `suspect` is the code that does.
    """

    mistakes: tuple[Mistake, ...]
    explains: int
    of: int
    exactly: bool = True
    others: tuple[Mistake, ...] = ()
    suspect: Suspect | None = None

    @property
    def is_whole(self) -> bool:
        return self.explains == self.of


@dataclass(frozen=True)
class Inquiry:
    """What is asked about one function: its op, the form of its outputs, its arrays' seed."""

    op: str
    form: Callable[[Case, str, Array], Array]
    seed: int
    dtype: str
    end: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self.end

    def explains(self, suspect: Suspect, seen: Sighting) -> int:
        """EXACTLY or NEARLY the wrong answer that was given, or 0."""
        try:
            predicted = self._define(suspect.book, seen.case)
        except Exception as error:  # as people's code does
            return EXACTLY * _raises(seen, type(error).__name__)
        if seen.status == "CRASH" or not seen.answers:
            return 0
        compared = [name for name in seen.answers if name != "index"]
        agreements = [
            self._agrees(seen.case, name, predicted.get(name), seen.answers[name])
            for name in compared
        ]
        if min(agreements, default=0) == NEARLY and not self._changes(predicted, seen.case):
            return 0  # the right answer, a hair off, is no mistake of the catalogue's
        return min(agreements, default=0)

    def contradicts(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether the suspect would have failed where the candidate did not."""
        try:
            return self._changes(self._define(suspect.book, seen.case), seen.case)
        except Exception:  # as people's code does
            return True

    def is_narrower(self, seen: Sighting) -> list[str]:
        """The narrower types that a wrong answer of real numbers may have gone through."""
        asked = answer(seen.case, self.seed, self.dtype)
        return find_narrower(asked, seen.answers, self.form)

    def _define(self, book: Mapping[str, Any], case: Case) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            return define(self.op, case, answer(case, self.seed, self.dtype).arrays, book)

    def _changes(self, predicted: Mapping[str, Any], case: Case) -> bool:
        right = self._define(vars(textbook), case)
        return not all(_is_near(predicted.get(name), value) for name, value in right.items())

    def _agrees(self, case: Case, name: str, predicted: Any, got: Any) -> int:
        if predicted is None or type(got) is not np.ndarray:
            return 0
        value = np.asarray(predicted)
        if value.dtype == bool and got.dtype != bool:
            return 0
        try:
            value = self.form(case, name, value)
        except ValueError:  # another shape than such an output has
            return 0
        if value.shape != got.shape:
            return 0
        with np.errstate(all="ignore"):
            same = np.array_equal(value.astype(got.dtype), got, equal_nan=got.dtype.kind == "f")
        return EXACTLY if same else NEARLY * _is_near(value, got, NEAR[self.dtype])


def diagnose(
    asked: Inquiry,
    failing: Sequence[Sighting],
    passing: Sequence[Sighting],
    catalogue: Sequence[Mistake],
) -> Diagnosis | None:
    """The mistake that explains the failing cases best, if any explains one."""
    known = [mistake for mistake in catalogue if asked.op in mistake.ops]
    habits = [mistake for mistake in known if mistake.sign in HABITS]
    return (
        _find_sign(asked, habits, failing)
        or _Search(asked, known, failing, passing).find_by_numbers()
    )


def find_convention(asked: Inquiry, catalogue: Sequence[Mistake], seen: Sighting) -> str:
    """The convention that alone explains one wrong answer; "" if there is none."""
    for mistake in catalogue:
        if mistake.kind == "convention" and asked.op in mistake.ops:
            for form in mistake.forms:
                suspect = _suspect((mistake, form))
                if suspect and asked.explains(suspect, seen) and asked.contradicts(suspect, seen):
                    return mistake.id
    return ""


def _suspect(*ways: tuple[Mistake, Form]) -> Suspect | None:
    book = write_wrongly(*(form for _, form in ways))
    return None if book is None else Suspect(tuple(mistake for mistake, _ in ways), book)


def _raises(seen: Sighting, kind: str) -> bool:
    return seen.status == "CRASH" and (seen.kind == kind or {seen.kind, kind} <= SHAPES)


def _is_near(one: Any, other: Any, near: float = NEAR["float64"]) -> bool:
    if one is None or np.shape(one) != np.shape(other):
        return False
    a, b = np.asarray(one, float), np.asarray(other, float)
    finite = b[np.isfinite(b)]
    room = near * float(np.abs(finite).max(initial=0))
    return bool(np.allclose(a, b, rtol=0, atol=room, equal_nan=True))


def _find_sign(
    asked: Inquiry, known: Iterable[Mistake], failing: Sequence[Sighting]
) -> Diagnosis | None:
    """By messages, by habits, and by the precision of the answers."""
    count = len(failing)
    narrower = _find_narrower(asked, failing)
    for mistake in known:
        if mistake.sign in HABITS:
            shows = sum(any(_SIGNS[mistake.sign] in habit for habit in s.habits) for s in failing)
            if shows:
                return Diagnosis((mistake,), shows, count)
        elif mistake.sign and mistake.sign == narrower:
            return Diagnosis((mistake,), count, count, exactly=False)
        elif mistake.error and mistake.kind != "age":
            if all(s.status == "CRASH" and mistake.matches(s.error) for s in failing):
                return Diagnosis((mistake,), count, count)
    return None


_SIGNS = {"unsteady": "another answer", "changed": "changes its argument"}


def _find_narrower(asked: Inquiry, failing: Sequence[Sighting]) -> str:
    """The narrower type that all wrong answers of real numbers went through, "" if none did."""
    real = [seen for seen in failing if rung(seen.case) == "rounding"]
    if not real or not all(seen.answers for seen in real):
        return ""
    parting = [seen for seen in real if seen.case.fill == "wide"]
    lists = [asked.is_narrower(seen) for seen in (*_spread(real), *parting)]
    return next((name for name in lists[0] if all(name in one for one in lists)), "")


def _spread(failing: Sequence[Sighting]) -> list[Sighting]:
    """A few of the failing cases, of every kind of failure, small ones and large ones."""
    chosen: list[Sighting] = []
    for status in dict.fromkeys(seen.status for seen in failing):
        alike = sorted((s for s in failing if s.status == status), key=lambda s: s.case.work)
        chosen += alike[:: max(1, len(alike) // SAMPLE)][:SAMPLE]
    return chosen


class _Search:
    """The suspects of one function, each with what it explains of a sample of failing cases."""

    def __init__(
        self,
        asked: Inquiry,
        known: Sequence[Mistake],
        failing: Sequence[Sighting],
        passing: Sequence[Sighting],
    ) -> None:
        self._asked, self._known = asked, known
        self._all = failing
        self._failing = [seen for seen in failing if seen.case.work <= WORK]
        self._passing = [seen for seen in passing if seen.case.work <= WORK]
        self._sample = _spread(self._failing)
        self._ways = [(mistake, form) for mistake in known for form in mistake.forms]

    def find_by_numbers(self) -> Diagnosis | None:
        scores: dict[int, list[int]] = {}
        suspects: dict[int, Suspect] = {}
        for number, way in enumerate(self._ways):
            suspect = _suspect(way)
            if suspect is not None and self._asked.has_time:
                suspects[number] = suspect
                scores[number] = [self._asked.explains(suspect, seen) for seen in self._sample]
        whole = [suspects[number] for number, score in scores.items() if score and all(score)]
        return (
            self._prove(whole)
            or _find_sign(self._asked, self._known, self._all)
            or self._find_pair(scores)
            or self._find_best(scores, suspects)
        )

    def _prove(self, suspects: Sequence[Suspect]) -> Diagnosis | None:
        """The first suspect that explains every failing case and contradicts no passing one."""
        if not self._passing and not _numbers(self._failing):
            return None
        proved: list[tuple[Suspect, bool]] = []
        for suspect in suspects:
            degrees = [self._asked.explains(suspect, seen) for seen in self._failing]
            if not all(degrees) or self._is_contradicted(suspect):
                continue
            exact = [d for d, s in zip(degrees, self._failing, strict=True) if s.case.is_exact]
            proved.append((suspect, min(exact, default=NEARLY) == EXACTLY))
        if not proved:
            return None
        suspect, exactly = proved[0]
        others = (m for one, _ in proved for m in one.mistakes if m not in suspect.mistakes)
        count, apart = len(self._failing), tuple(dict.fromkeys(others))
        return Diagnosis(suspect.mistakes, count, count, exactly, apart, suspect)

    def _is_contradicted(self, suspect: Suspect) -> bool:
        passing = (seen for seen in self._passing if self._asked.has_time)
        return any(self._asked.contradicts(suspect, seen) for seen in passing)

    def _find_pair(self, scores: Mapping[int, list[int]]) -> Diagnosis | None:
        """Two mistakes, of which one alone explains some of the cases."""
        if not _numbers(self._failing):
            return None
        some = [number for number in scores if any(scores[number])]
        for number in sorted(some, key=lambda n: -sum(map(bool, scores[n]))):
            left = [s for s, score in zip(self._sample, scores[number], strict=True) if not score]
            for other in self._ways:
                if other[0] is self._ways[number][0] or not self._asked.has_time:
                    continue
                pair = _suspect(self._ways[number], other)
                cases = (*left, *self._sample)
                if pair is not None and all(self._asked.explains(pair, s) for s in cases):
                    if proved := self._prove([pair]):
                        return proved
        return None

    def _find_best(
        self, scores: Mapping[int, list[int]], suspects: Mapping[int, Suspect]
    ) -> Diagnosis | None:
        """What explains most, if it explains half and contradicts nothing."""
        if not scores:
            return None
        suspect = suspects[max(scores, key=lambda n: sum(map(bool, scores[n])))]
        explained = [seen for seen in self._failing if self._asked.explains(suspect, seen)]
        if not _numbers(explained) or 2 * len(explained) < len(self._failing):
            return None
        if any(self._asked.contradicts(suspect, seen) for seen in self._passing):
            return None
        return Diagnosis(suspect.mistakes, len(explained), len(self._failing))


def _numbers(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Those with numbers to compare: that something raises proves little."""
    return [seen for seen in sightings if seen.status != "CRASH"]
