"""One function's outcomes, and whether a suspect, code with known mistakes, explains them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import asking, mistakes, precision, truth
from verification.case import Case
from verification.mistakes import Mistake, passes
from verification.mistakes.code import Code
from verification.outcomes import Outcome

Array = NDArray[Any]
Arrays = Mapping[str, Array]

SECONDS = 6.0
"""For one function's diagnosis."""
SHAPES = frozenset({"ValueError", "IndexError", "AssertionError"})
"""Exceptions that tell the same: something does not fit."""
NEAR = 2.0**-40
"""Of the largest number: roundings of sums that are taken in another order."""
EXACTLY, NEARLY = 2, 1

Way = tuple[Mistake, Mapping[str, Any]]


@dataclass(frozen=True)
class Suspect:
    """One way to write one mistake, or two."""

    mistakes: tuple[Mistake, ...]
    code: Code


@dataclass
class Inquiry:
    """One function's outcomes, and what the catalogue says about them."""

    op: str
    form: Callable[[Case, str, Array], Array]
    arrays: Callable[[Case], Arrays]
    seed: int
    dtype: str
    failing: Sequence[Outcome]
    passing: Sequence[Outcome]
    end: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self.end

    def explains(self, suspect: Suspect, outcome: Outcome) -> int:
        """EXACTLY or NEARLY the answer that was given, or 0."""
        case = outcome.question
        assert isinstance(case, Case)
        try:
            predicted = passes.answers(self.op, case, self.arrays(case), suspect.code)
        except Exception as error:  # as people's code does
            return EXACTLY * _raises(outcome, type(error).__name__)
        if outcome.status == "CRASH" or not outcome.answers:
            return 0
        return min(
            self._agrees(case, name, predicted.get(name), got)
            for name, got in outcome.answers.items()
        )

    def contradicts(self, suspect: Suspect, outcome: Outcome) -> bool:
        """Whether the suspect would have failed where the candidate did not."""
        case = outcome.question
        assert isinstance(case, Case)
        try:
            right = passes.answers(self.op, case, self.arrays(case), Code())
            wrong = passes.answers(self.op, case, self.arrays(case), suspect.code)
        except Exception:  # as people's code does
            return True
        return not all(_close(wrong.get(name), value) for name, value in right.items())

    def narrower(self, outcome: Outcome) -> list[str]:
        """The narrower types that a wrong answer of real numbers may have gone through."""
        case = outcome.question
        assert isinstance(case, Case)
        told = truth.of(case, self.seed, self.dtype)
        try:
            got = {
                name: asking.unformed(self.form, case, name, value, told.truth[name].shape)
                for name, value in outcome.answers.items()
            }
        except asking.UnansweredError:
            return []
        return precision.suspects(case, told.given, got, told.truth, told.dtype)

    def _agrees(self, case: Case, name: str, predicted: Any, got: Any) -> int:
        if predicted is None or type(got) is not np.ndarray:
            return 0
        value = np.asarray(predicted)
        if name == "y" and value.dtype == bool and got.dtype != bool:
            return 0
        try:
            value = self.form(case, name, value)
        except ValueError:  # another shape than such an output has
            return 0
        if value.shape == got.shape and np.array_equal(
            value.astype(got.dtype), got, equal_nan=got.dtype.kind == "f"
        ):
            return EXACTLY
        return NEARLY * int(_close(value, got, 2.0**-18 if self.dtype == "float32" else NEAR))


def _raises(outcome: Outcome, kind: str) -> bool:
    if outcome.status != "CRASH":
        return False
    return outcome.kind == kind or {outcome.kind, kind} <= SHAPES


def _close(one: Any, other: Any, near: float = NEAR) -> bool:
    if one is None or np.shape(one) != np.shape(other):
        return False
    a, b = np.asarray(one, float), np.asarray(other, float)
    finite = b[np.isfinite(b)]
    room = near * float(np.abs(finite).max(initial=0))
    return bool(np.allclose(a, b, rtol=0, atol=room, equal_nan=True))


def suspected(*ways: Way) -> Suspect | None:
    code = mistakes.written(*(lines for _, lines in ways))
    return None if code is None else Suspect(tuple(mistake for mistake, _ in ways), code)
