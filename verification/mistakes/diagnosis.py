"""Which mistake it is: wrong answers against those of the catalogue.

A mistake is claimed only if its code gives the very same wrong answer in every failing case that
it can be asked, and contradicts no passing one; otherwise it explains so many of so many.  Two
mistakes in one function are found in composition: the lines of both, together.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
ALIKE = {"ValueError", "IndexError", "AssertionError"}, {"NameError", "UnboundLocalError"}
"""Exceptions that tell the same: something does not fit, or is not there."""
NEAR = {"float32": 2.0**-18, "float64": 2.0**-40}
"""Of the largest number: roundings of sums that are taken in another order."""
EXACTLY, NEARLY = 2, 1
HABITS = {"unsteady": "another answer", "changed": "changes its argument"}
"""Signs of mistakes that show beside the numbers, and the words of the habit."""


@dataclass(frozen=True)
class Sighting:
    """One question that a function was asked, and what came, in the contract's form.

    `status` is ok, WRONG or CRASH; `kind` and `error` are the exception's type and words, `habits`
    what is wrong beside the numbers, `where` the candidate's own lines that led to an exception.
    """

    case: Case
    status: str
    answers: Mapping[str, Any]
    kind: str = ""
    error: str = ""
    habits: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suspect:
    """One way to write one mistake, or two: the textbook's names with these lines."""

    ways: tuple[tuple[Mistake, Form], ...]
    book: Mapping[str, Any]

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return tuple(mistake for mistake, _ in self.ways)


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

    @property
    def parts(self) -> list[tuple[Mistake, Suspect | None]]:
        """Every mistake, and the code that makes it alone, where there is such code."""
        if self.suspect is None:
            return [(mistake, None) for mistake in self.mistakes]
        books = ((way, write_wrongly(way[1])) for way in self.suspect.ways)
        return [(way[0], Suspect((way,), book) if book else None) for way, book in books]

    def recount(self, asked: Inquiry, failing: Sequence[Sighting]) -> Diagnosis:
        """The same about other failing cases."""
        explained = [s for s in failing if not self.suspect or asked.explains(self.suspect, s)]
        return replace(self, explains=len(explained), of=len(failing))


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
            predicted = _define(self.op, seen.case, self.seed, self.dtype, suspect.book)
        except Exception as error:  # as people's code does
            return EXACTLY * _raises(seen, type(error).__name__)
        if seen.status == "CRASH" or not seen.answers:
            return 0
        agreement = min(
            self._agrees(seen.case, name, predicted.get(name), got)
            for name, got in seen.answers.items()
            if name != "index"
        )
        if agreement and not self._changes(predicted, seen.case):
            return 0  # what is right here, or a hair off, is wrong for another reason
        return agreement

    def contradicts(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether the suspect would have failed where the candidate did not."""
        try:
            predicted = _define(self.op, seen.case, self.seed, self.dtype, suspect.book)
        except Exception:  # as people's code does
            return True
        return self._changes(predicted, seen.case)

    def _changes(self, predicted: Mapping[str, Any], case: Case) -> bool:
        right = _define_rightly(self.op, case, self.seed, self.dtype)
        return not all(_is_near(predicted.get(name), value) for name, value in right.items())

    def _agrees(self, case: Case, name: str, predicted: Any, got: Any) -> int:
        if predicted is None or type(got) is not np.ndarray:
            return 0
        try:
            value = self.form(case, name, np.asarray(predicted))
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
    search = _Search(asked, known, failing, passing)
    return (
        _find_habit(known, failing)
        or search.find_one()
        or _find_message(known, failing)
        or _find_precision(asked, known, failing)
        or search.find_pair()
        or search.find_best()
    )


def find_convention(asked: Inquiry, catalogue: Sequence[Mistake], seen: Sighting) -> str:
    """The convention that alone explains one wrong answer; "" if there is none."""
    known = [m for m in catalogue if m.kind == "convention" and asked.op in m.ops]
    for suspect in _suspect(known):
        if asked.explains(suspect, seen):
            return suspect.mistakes[0].id
    return ""


def _suspect(known: Sequence[Mistake], beside: Suspect | None = None) -> Iterator[Suspect]:
    """Every way to write one of these mistakes; with another's, where the two get along."""
    ways = beside.ways if beside else ()
    for mistake in (mistake for mistake in known if mistake not in (m for m, _ in ways)):
        for form in mistake.forms:
            book = write_wrongly(*(other for _, other in ways), form)
            if book is not None:
                yield Suspect((*ways, (mistake, form)), book)


def _define(op: str, case: Case, seed: int, dtype: str, book: Mapping[str, Any]) -> dict[str, Any]:
    with np.errstate(all="ignore"):
        return define(op, case, answer(case, seed, dtype).arrays, book)


@functools.lru_cache(maxsize=512)
def _define_rightly(op: str, case: Case, seed: int, dtype: str) -> dict[str, Any]:
    return _define(op, case, seed, dtype, vars(textbook))


def _raises(seen: Sighting, kind: str) -> bool:
    return seen.status == "CRASH" and any({seen.kind, kind} <= kinds for kinds in ({kind}, *ALIKE))


def _is_near(one: Any, other: Any, near: float = NEAR["float64"]) -> bool:
    if one is None or np.shape(one) != np.shape(other):
        return False
    a, b = np.asarray(one, float), np.asarray(other, float)
    finite = b[np.isfinite(b)]
    room = near * float(np.abs(finite).max(initial=0))
    return bool(np.allclose(a, b, rtol=0, atol=room, equal_nan=True))


def _find_habit(known: Sequence[Mistake], failing: Sequence[Sighting]) -> Diagnosis | None:
    """By what is wrong beside the numbers, now and then."""
    for mistake in (mistake for mistake in known if mistake.sign in HABITS):
        words = HABITS[mistake.sign]
        if shows := sum(any(words in habit for habit in seen.habits) for seen in failing):
            return Diagnosis((mistake,), shows, len(failing))
    return None


def _find_message(known: Sequence[Mistake], failing: Sequence[Sighting]) -> Diagnosis | None:
    """By the words of its exceptions, where no form of it can be compared."""
    crashes = [seen.error for seen in failing if seen.status == "CRASH"]
    for mistake in (m for m in known if m.kind != "age" and not m.forms):
        if len(crashes) == len(failing) and all(map(mistake.matches, crashes)):
            return Diagnosis((mistake,), len(failing), len(failing))
    return None


def _find_precision(
    asked: Inquiry, known: Sequence[Mistake], failing: Sequence[Sighting]
) -> Diagnosis | None:
    """By the narrower type that all wrong answers of real numbers went through."""
    real = [seen for seen in failing if rung(seen.case) == "rounding"]
    if not real or not all(seen.answers for seen in real):
        return None
    parting = [seen for seen in real if seen.case.fill == "wide"]
    narrower = [
        find_narrower(answer(seen.case, asked.seed, asked.dtype), seen.answers, asked.form)
        for seen in (*_spread(real), *parting)
    ]
    name = next((name for name in narrower[0] if all(name in names for names in narrower)), "")
    fitting = (mistake for mistake in known if mistake.sign and mistake.sign == name)
    count = len(failing)
    return next((Diagnosis((m,), count, count, exactly=False) for m in fitting), None)


class _Search:
    """The suspects of one function, by the numbers that they would give."""

    def __init__(
        self,
        asked: Inquiry,
        known: Sequence[Mistake],
        failing: Sequence[Sighting],
        passing: Sequence[Sighting],
    ) -> None:
        self._asked, self._known = asked, known
        self._failing = [seen for seen in failing if seen.case.work <= WORK]
        self._passing = [seen for seen in passing if seen.case.work <= WORK]
        self._sample = _spread(self._failing)

    @property
    def _suspects(self) -> Iterator[Suspect]:
        """As many as there is time for."""
        return (one for one in _suspect(self._known) if self._sample and self._asked.has_time)

    @functools.cached_property
    def _scores(self) -> list[tuple[Suspect, list[int]]]:
        """What every suspect explains of the sample."""
        explains, sample = self._asked.explains, self._sample
        return [(one, [explains(one, seen) for seen in sample]) for one in self._suspects]

    def find_one(self) -> Diagnosis | None:
        """Most suspects fail at the first case, so that not all of them are asked all."""
        explains, sample = self._asked.explains, self._sample
        return self._prove([s for s in self._suspects if all(explains(s, seen) for seen in sample)])

    def find_pair(self) -> Diagnosis | None:
        """Two mistakes, of which one alone explains some of the cases."""
        if not _drop_crashes(self._failing):
            return None
        some = [one for one in self._scores if any(one[1])]
        for suspect, score in sorted(some, key=_count):
            left = [seen for seen, told in zip(self._sample, score, strict=True) if not told]
            for pair in _suspect(self._known, suspect):
                if not self._asked.has_time:
                    return None
                is_like = all(self._asked.explains(pair, seen) for seen in (*left, *self._sample))
                if is_like and (proved := self._prove([pair])):
                    return proved
        return None

    def find_best(self) -> Diagnosis | None:
        """What explains most, if it explains half and contradicts nothing."""
        suspect, _ = min(self._scores, key=_count, default=(None, []))
        if suspect is None:
            return None
        told = [seen for seen in self._failing if self._asked.explains(suspect, seen)]
        is_half = _drop_crashes(told) and 2 * len(told) >= len(self._failing)
        if not is_half or any(self._asked.contradicts(suspect, seen) for seen in self._passing):
            return None
        return Diagnosis(suspect.mistakes, len(told), len(self._failing))

    def _prove(self, suspects: Sequence[Suspect]) -> Diagnosis | None:
        """The first suspect that explains every failing case and contradicts no passing one."""
        if not self._passing and not _drop_crashes(self._failing):
            return None
        proved: list[tuple[Suspect, bool]] = []
        for suspect in suspects:
            degrees = [self._asked.explains(suspect, seen) for seen in self._failing]
            passing = (seen for seen in self._passing if self._asked.has_time)
            if all(degrees) and not any(self._asked.contradicts(suspect, one) for one in passing):
                exact = [d for d, s in zip(degrees, self._failing, strict=True) if s.case.is_exact]
                proved.append((suspect, min(exact, default=NEARLY) == EXACTLY))
        if not proved:
            return None
        suspect, exactly = proved[0]
        others = (m for one, _ in proved for m in one.mistakes if m not in suspect.mistakes)
        count, apart = len(self._failing), tuple(dict.fromkeys(others))
        return Diagnosis(suspect.mistakes, count, count, exactly, apart, suspect)


def _spread(failing: Sequence[Sighting]) -> list[Sighting]:
    """A few of the failing cases, of every kind of failure, small ones and large ones."""
    chosen: list[Sighting] = []
    for status in dict.fromkeys(seen.status for seen in failing):
        alike = sorted((s for s in failing if s.status == status), key=lambda s: s.case.work)
        chosen += alike[:: max(1, len(alike) // SAMPLE)][:SAMPLE]
    return chosen


def _count(scored: tuple[Suspect, list[int]]) -> int:
    """Whoever explains more comes first."""
    return -sum(map(bool, scored[1]))


def _drop_crashes(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Those with numbers to compare: that something raises proves little."""
    return [seen for seen in sightings if seen.status != "CRASH"]
