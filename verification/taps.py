"""The proof by taps: every coefficient of a stranger's convolution at one geometry, with ==.

One array is all zeros but for impulses, and each entry of the other is known by its code.  The
impulses of one call are powers of a base above the codes, as if digits of one number, so several
coefficients show at once and every sum is still exact.  Where a call comes out wrong, its impulses
are put one by one, and what is answered is the coefficient itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import coefficients, fills
from verification.case import Case, CaseError
from verification.coefficients import Form, place

Array = NDArray[Any]
Ask = Callable[[Mapping[str, Array]], Mapping[str, Any]]
Impulses = Mapping[int, float]

MOST = 64
"""Calls that a proof may take while all is well; where it is not, a few more name the mistake."""
NAMED = 3
"""Wrong coefficients that are named, of each output."""
ROOM = 4
"""A digit has room for this many times the largest code: a doubled tap stays within its own."""


def proof(case: Case, ask: Ask, dtype: str = "float64", most: int = MOST) -> list[str]:
    """The first wrong coefficients of each output that `ask` gives; none if all are right.

    `ask` gets x, w, b and dy, and answers with y, dx, dw and db or some of them.
    """
    if calls(case, dtype) > most:
        raise CaseError(f"a proof of {case.row} takes {calls(case, dtype)} calls, not {most}")
    sizes = fills.shapes(case)
    codes = {name: coefficients.codes(sizes[name]) for name in sizes}
    quiet = {name: np.zeros(sizes[name]) for name in ("x", "dy")}
    forward = _Bench(case, ask, dtype, {**codes, **quiet}, "x")
    backward = _Bench(case, ask, dtype, {**codes, "dy": quiet["dy"]}, "dy")
    y, *gradients = coefficients.forms(case)
    found = [forward.judged([y]), backward.judged(gradients)]
    if not any(answered for answered, _ in found):
        return ["there is no y, dx, dw or db among the answers"]
    return [sentence for _, sentences in found for sentence in sentences]


def calls(case: Case, dtype: str = "float64") -> int:
    """How many calls a proof takes while all is well; CaseError where none can be given."""
    if case.op != "conv" or not math.prod(case.x):
        raise CaseError(f"there are no taps to prove in {case.row}")
    several = len(_digits(case, dtype))
    if not several:
        raise CaseError(f"the codes of {case.row} are not exact in {dtype}")
    return 2 + sum(math.ceil(math.prod(shape) / several) for shape in (case.x, case.y))


@dataclass(frozen=True)
class _Bench:
    """A stranger on the bench, and the arrays that it is given; impulses are put into `by`."""

    case: Case
    ask: Ask
    dtype: str
    given: Mapping[str, Array]
    by: str

    def judged(self, forms: Iterable[Form]) -> tuple[bool, list[str]]:
        """Whether any of these outputs is answered, and what is wrong with them."""
        shapes = {"y": self.case.y, "dx": self.case.x, "dw": self.case.w, "db": self.case.w[-1:]}
        answers = self.answers({})
        asked = [form for form in forms if form.out in answers]
        found, still = list[str](), dict[Form, Array]()
        for form in asked:
            got = np.asarray(answers[form.out], float)
            if got.shape == shapes[form.out]:
                still[form] = got
                found += self._at_rest(form, got)
            else:
                found.append(f"{form.out} has shape {got.shape}, it should be {shapes[form.out]}")
        return bool(asked), found + self._moved(still)

    def answers(self, impulses: Impulses) -> Mapping[str, Any]:
        """The outputs for these impulses; the arrays are made anew for every call."""
        arrays = {name: np.array(a, self.dtype) for name, a in self.given.items()}
        for cell, size in impulses.items():
            arrays[self.by].flat[cell] = size
        return self.ask(arrays)

    def _at_rest(self, form: Form, got: Array) -> Iterator[str]:
        """Without impulses y is the bias, and every gradient is zero."""
        biased = form.out == "y" and self.case.bias
        bias = self.given["b"] if biased else np.zeros(1)
        wrong = got != np.broadcast_to(bias, got.shape)
        for at in np.flatnonzero(wrong)[:NAMED]:
            here, value = place(form.out, at, got.shape), float(got.flat[at])
            if biased:
                k = int(at) % self.case.w[-1]
                what = coefficients.product(value, k, "b", bias)
                yield f"{here} adds {what}; it should be b[{k}]"
            else:
                yield f"{here} is {value:g} where {self.by} is all zeros; it should be 0"

    def _moved(self, still: dict[Form, Array]) -> list[str]:
        """What is wrong with each output, from the first call that shows it."""
        found, digits = list[str](), _digits(self.case, self.dtype)
        cells = range(self.given[self.by].size)
        for first in cells[:: len(digits)]:
            impulses = dict(zip(cells[first:], digits))
            answers = self.answers(impulses) if still else {}
            for form in list(still):
                got = _moved_by(answers[form.out], still[form])
                if (got != self._wanted(form, impulses, got)).any():
                    found += self._named(form, still.pop(form), impulses)
        return found

    def _named(self, form: Form, still: Array, impulses: Impulses) -> list[str]:
        """The wrong coefficients among these impulses, put one by one."""
        found = list[str]()
        coded = self.given[form.code] if form.code else np.ones(1)
        for cell in impulses:
            got = _moved_by(self.answers({cell: 1.0})[form.out], still)
            wrong = np.flatnonzero(got != self._wanted(form, {cell: 1.0}, got))
            by = place(self.by, cell, self.given[self.by].shape)
            for at in map(int, wrong[: NAMED - len(found)]):
                i, j, entries = form.rows.T
                right = entries[(i == at) & (j == cell)]
                entry = int(right[0]) if right.size else None
                out = place(form.out, at, got.shape)
                found.append(
                    coefficients.told(out, by, form.code, float(got.flat[at]), entry, coded)
                )
        if found:
            return found
        several = ", ".join(place(self.by, cell, self.given[self.by].shape) for cell in impulses)
        return [f"{form.out} is not linear in {self.by}: right for each of {several}, not for all"]

    def _wanted(self, form: Form, impulses: Impulses, like: Array) -> Array:
        """What the impulses should add to an output."""
        i, j, entry = form.rows.T
        sizes = np.zeros(self.given[self.by].size)
        sizes[list(impulses)] = list(impulses.values())
        coded = self.given[form.code].ravel() if form.code else np.ones(1)
        return np.bincount(i, sizes[j] * coded[entry], like.size).reshape(like.shape)


def _moved_by(answer: Any, still: Array) -> Array:
    """What the impulses do add to an output, of the stranger's."""
    got = np.asarray(answer, float)
    with np.errstate(invalid="ignore"):
        return got - still if got.shape == still.shape else np.full(still.shape, np.nan)


def _digits(case: Case, dtype: str) -> list[float]:
    """The sizes of the impulses of one call: powers of two, so far apart that no sums meet."""
    sizes = fills.shapes(case)
    top = ROOM * max(coefficients.largest(sizes[name]) for name in ("x", "w"))
    bits = (top - 1).bit_length()
    several = int(math.log2(fills.LIMIT[dtype])) // bits
    return [2.0 ** (bits * digit) for digit in range(several)]
