"""Which mistake it is: wrong answers against those of the catalogue.

A mistake is claimed only if its code gives the very same wrong answer in every failing case that
it can be asked, and contradicts no passing one; otherwise it explains so many of so many.  Two
mistakes in one function are found in composition: the lines of both, together.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from verification.mistakes.catalogue import Form, Mistake, read, write_wrongly
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
    """One way to write one mistake, or two: their forms, and the textbook's names with these."""

    mistakes: tuple[Mistake, ...]
    forms: tuple[Form, ...]
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

    @property
    def parts(self) -> list[tuple[Mistake, Suspect | None]]:
        """Every mistake, and the code that makes it alone, where there is such code."""
        if self.suspect is None:
            return [(mistake, None) for mistake in self.mistakes]
        ways = zip(self.suspect.mistakes, self.suspect.forms, strict=True)
        books = ((mistake, form, write_wrongly(form)) for mistake, form in ways)
        return [(m, Suspect((m,), (form,), book) if book else None) for m, form, book in books]

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
            kind = type(error).__name__
            is_alike = any({seen.kind, kind} <= kinds for kinds in ({kind}, *ALIKE))
            return EXACTLY if seen.status == "CRASH" and is_alike else 0
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
    asked: Inquiry, failing: Sequence[Sighting], passing: Sequence[Sighting]
) -> Diagnosis | None:
    """The mistake that explains the failing cases best, if any explains one."""
    known = [mistake for mistake in read() if asked.op in mistake.ops]
    small = [[seen for seen in each if seen.case.work <= WORK] for each in (failing, passing)]
    search = _Search(asked, known, *small)
    return (
        _find_habit(known, failing)
        or search.prove(_suspect(known))
        or _find_message(known, failing)
        or _find_precision(asked, known, failing)
        or search.find_pair()
        or search.find_best()
    )


def find_convention(asked: Inquiry, seen: Sighting) -> str:
    """The convention that alone explains one wrong answer; "" if there is none."""
    known = [m for m in read() if m.kind == "convention" and asked.op in m.ops]
    fitting = (one for one in _suspect(known) if asked.explains(one, seen))
    return next((one.mistakes[0].id for one in fitting), "")


def _suspect(known: Sequence[Mistake], beside: Suspect | None = None) -> Iterator[Suspect]:
    """Every way to write one of these mistakes; with another's, where the two get along."""
    mistakes, forms = (beside.mistakes, beside.forms) if beside else ((), ())
    for mistake in (mistake for mistake in known if mistake not in mistakes):
        for form in mistake.forms:
            book = write_wrongly(*forms, form)
            if book is not None:
                yield Suspect((*mistakes, mistake), (*forms, form), book)


def _define(op: str, case: Case, seed: int, dtype: str, book: Mapping[str, Any]) -> dict[str, Any]:
    with np.errstate(all="ignore"):
        return define(op, case, answer(case, seed, dtype).arrays, book)


@functools.lru_cache(maxsize=512)
def _define_rightly(op: str, case: Case, seed: int, dtype: str) -> dict[str, Any]:
    return _define(op, case, seed, dtype, vars(textbook))


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
    for mistake in (m for m in known if m.kind != "age" and not m.forms):
        if all(seen.status == "CRASH" and mistake.matches(seen.error) for seen in failing):
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
    fitting = [
        find_narrower(answer(seen.case, asked.seed, asked.dtype), seen.answers, asked.form)
        for seen in (*_spread(real), *parting)
    ]
    narrower = [name for name in fitting[0] if all(name in names for names in fitting)]
    for mistake in known:
        if mistake.sign in narrower[:1]:
            return Diagnosis((mistake,), len(failing), len(failing), exactly=False)
    return None


@dataclass(frozen=True)
class _Search:
    """The suspects of one function, by the numbers that they would give."""

    asked: Inquiry
    known: Sequence[Mistake]
    failing: Sequence[Sighting]
    passing: Sequence[Sighting]

    @functools.cached_property
    def _sample(self) -> list[Sighting]:
        return _spread(self.failing)

    @functools.cached_property
    def _ranked(self) -> list[tuple[Suspect, list[Sighting]]]:
        """Every suspect with what it leaves unexplained of the sample, the best first."""
        suspects = _suspect(self.known) if _have_numbers(self.failing) else ()
        ranked = [
            (one, [seen for seen in self._sample if not self.asked.explains(one, seen)])
            for one in suspects
            if self.asked.has_time
        ]
        return sorted(ranked, key=lambda one: len(one[1]))

    def prove(self, suspects: Iterable[Suspect]) -> Diagnosis | None:
        """The first suspect that explains every failing case and contradicts no passing one."""
        if not self.failing or not (self.passing or _have_numbers(self.failing)):
            return None
        proved: list[tuple[Suspect, bool]] = []
        for suspect in suspects:
            if not self.asked.has_time:
                break
            if not all(self.asked.explains(suspect, seen) for seen in self._sample):
                continue  # most fail at the first case, so that not all of them are asked all
            degrees = [self.asked.explains(suspect, seen) for seen in self.failing]
            passing = (seen for seen in self.passing if self.asked.has_time)
            if all(degrees) and not any(self.asked.contradicts(suspect, one) for one in passing):
                exact = [d for d, s in zip(degrees, self.failing, strict=True) if s.case.is_exact]
                proved.append((suspect, min(exact, default=NEARLY) == EXACTLY))
        if not proved:
            return None
        suspect, exactly = proved[0]
        others = (m for one, _ in proved for m in one.mistakes if m not in suspect.mistakes)
        count, apart = len(self.failing), tuple(dict.fromkeys(others))
        return Diagnosis(suspect.mistakes, count, count, exactly, apart, suspect)

    def find_pair(self) -> Diagnosis | None:
        """Two mistakes, of which one alone explains some of the cases."""
        some = [one for one in self._ranked if len(one[1]) < len(self._sample)]
        for suspect, left in some:
            for pair in _suspect(self.known, suspect):
                if not self.asked.has_time:
                    return None
                is_like = all(self.asked.explains(pair, seen) for seen in left)
                if is_like and (proved := self.prove([pair])):
                    return proved
        return None

    def find_best(self) -> Diagnosis | None:
        """What explains most, if it explains half and contradicts nothing."""
        for suspect, _ in self._ranked[:1]:
            told = [seen for seen in self.failing if self.asked.explains(suspect, seen)]
            is_half = _have_numbers(told) and 2 * len(told) >= len(self.failing)
            if is_half and not any(self.asked.contradicts(suspect, one) for one in self.passing):
                return Diagnosis(suspect.mistakes, len(told), len(self.failing))
        return None


def _spread(failing: Sequence[Sighting]) -> list[Sighting]:
    """A few of the failing cases, of every kind of failure, small ones and large ones."""
    chosen: list[Sighting] = []
    for status in dict.fromkeys(seen.status for seen in failing):
        alike = sorted((s for s in failing if s.status == status), key=lambda s: s.case.work)
        chosen += alike[:: max(1, len(alike) // SAMPLE)][:SAMPLE]
    return chosen


def _have_numbers(sightings: Sequence[Sighting]) -> bool:
    """Whether there is something to compare: that something raises proves little."""
    return any(seen.status != "CRASH" for seen in sightings)
