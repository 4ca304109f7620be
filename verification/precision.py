"""Which narrower type a wrong answer went through: its inputs, its results or all its numbers.

A number in a narrower type has fewer bits, so what went through one leaves traces:

    inputs      the right answer to the rounded inputs, within the a-priori bound; a bias, which
                is not multiplied, may have been left as it is
    results     the true answer rounded: every number has few bits, and is within half a unit of it
    arithmetic  every number has few bits (a quotient: its sum has), and is within the a-priori
                bound of that type about the answer to the rounded inputs, to first order
                n u sum |x||w|; so are rounded results of rounded inputs

An answer fits a type where all its wrong outputs are within these, and one of them has a trace: a
bound of few bits alone is so wide that small mistakes hide in it: a bias left out is often smaller.
That of float32 is not, and an error of its size is a trace of its own.

float16 and tf32 share the significand, and are one where no number leaves float16's range; asked
on `wide` arrays they part.  A few numbers may have few bits by chance: what several questions agree
on is meant.  Only real numbers tell: integers have few bits anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import bounds, fills, oracle
from verification.case import Case

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Format:
    """A binary type: `bits` of significand, magnitudes in [2^(least - 1), 2^top) at full width."""

    bits: int
    least: int
    top: int

    @property
    def unit(self) -> float:
        """The largest relative error of one rounding."""
        return 2.0**-self.bits

    @property
    def underflow(self) -> float:
        """The largest error of one rounding below full width."""
        return 2.0 ** (self.least - self.bits - 1)


FORMATS: Mapping[str, Format] = {
    "bfloat16": Format(8, -125, 128),
    "float16": Format(11, -13, 16),
    "tf32": Format(11, -125, 128),
    "float32": Format(24, -125, 128),
}
"""The narrowest first; of two that fit, the one that NumPy has."""
PAIR = 2
"""So many different numbers may have few bits for another reason: a count instead of a sum."""


def rounded(a: Array, kind: str) -> Reals:
    """The numbers of `a` in this format: to the nearest, ties to even."""
    form, values = FORMATS[kind], a.astype(np.float64)
    with np.errstate(all="ignore"):
        _, exponents = np.frexp(values)
        step = np.maximum(exponents, form.least) - form.bits
        near: Reals = np.ldexp(np.rint(np.ldexp(values, -step)), step)
    beyond = np.abs(near) >= 2.0**form.top
    return np.where(beyond, np.copysign(np.inf, near), near)


def narrowed(case: Case, given: Arrays, got: Arrays, truth: Arrays, dtype: str) -> str:
    """The narrower type that these wrong answers betray, "" if none fits."""
    return agreed([suspects(case, given, got, truth, dtype)])


def agreed(suspected: Sequence[Sequence[str]]) -> str:
    """The first type that the answers to every question fit, "" if there is none."""
    return next((name for name in FORMATS if suspected and all(name in s for s in suspected)), "")


def suspects(case: Case, given: Arrays, got: Arrays, truth: Arrays, dtype: str) -> list[str]:
    """Every narrower type that these wrong answers fit, the narrowest first."""
    if case.is_exact or any(got[name].shape != truth[name].shape for name in got):
        return []
    digits = np.finfo(dtype).nmant + 1
    with np.errstate(all="ignore"):
        limits = bounds.of(case, given, dtype)
        wrong = {
            name: a for name, a in got.items() if not _near(a, truth[name], limits.get(name, 0.0))
        }
        narrower = (name for name in FORMATS if FORMATS[name].bits < digits)
        return [name for name in narrower if _fits(case, given, wrong, truth, dtype, name)]


def _fits(case: Case, given: Arrays, wrong: Arrays, truth: Arrays, dtype: str, kind: str) -> bool:
    outputs = list(_outputs(case, given, wrong, truth, dtype, kind))
    return all(output.fits for output in outputs) and any(output.betrays for output in outputs)


@dataclass(frozen=True)
class _Output:
    """A wrong output, the truth about given and about rounded inputs, and how far both reach.

    `plain` is the truth about rounded inputs and the given bias, `fine` is the bound of sums in the
    wider type, `coarse` of sums in the narrower one.
    """

    got: Array
    truth: Array
    seen: Array
    plain: Array
    fine: Array | float
    coarse: Array | float
    kind: str
    few: bool

    @property
    def fits(self) -> bool:
        return self.betrays or self._of_arithmetic

    @property
    def betrays(self) -> bool:
        """Whether there is a trace that no mistake leaves."""
        of_inputs = any(_near(self.got, seen, self.fine) for seen in (self.seen, self.plain))
        of_results = self.few and self._once(self.truth, self.fine)
        varied = self.few and np.unique(self.got).size > PAIR
        traced = varied or (self.kind == "float32" and self._is_coarse)
        return of_inputs or of_results or (traced and self._of_arithmetic)

    @property
    def _of_arithmetic(self) -> bool:
        """Sums of many products have wide bounds: half of the answer itself must be right."""
        return self._once(self.seen, self.coarse) and _distance(self.got, self.seen) < 0.5

    @property
    def _is_coarse(self) -> bool:
        """Whether the error is of this type's size, not only below it."""
        return _distance(self.got, self.truth) > FORMATS[self.kind].unit / 8

    def _once(self, want: Array, room: Array | float) -> bool:
        """Whether it is that near to `want` once that is rounded."""
        if self.got.dtype.kind != "f":
            return False
        form, once = FORMATS[self.kind], rounded(want, self.kind)
        reached = np.where(np.isinf(once), once, want)
        return _near(self.got, reached, room + form.underflow + form.unit * (np.abs(want) + room))


def _outputs(
    case: Case, given: Arrays, wrong: Arrays, truth: Arrays, dtype: str, kind: str
) -> Iterator[_Output]:
    narrow = {name: rounded(a, kind) for name, a in given.items()}
    seen = oracle.answers(case, narrow)
    plain = (
        oracle.answers(case, {**narrow, "b": given["b"].astype(np.float64)})
        if "b" in given
        else seen
    )
    fine = bounds.of(case, given, _of_sums(dtype, kind))
    wider = FORMATS[kind].unit / FORMATS["float32"].unit
    coarse = {name: wider * a for name, a in bounds.of(case, given, "float32").items()}
    for name, got in wrong.items():
        yield _Output(
            got,
            truth[name],
            seen[name],
            plain[name],
            fine.get(name, 0.0),
            coarse.get(name, 0.0),
            kind,
            _has_few_bits(case, name, got, dtype, kind),
        )


def _of_sums(dtype: str, kind: str) -> str:
    """The type that sums of rounded inputs may be taken in."""
    return "float32" if dtype == "float64" and kind != "float32" else dtype


def _has_few_bits(case: Case, name: str, got: Array, dtype: str, kind: str) -> bool:
    """Whether all numbers are of this format, or were before an average divided them."""
    if np.array_equal(rounded(got, kind), got):
        return True
    if (case.op, name) != ("avg_pool", "y"):
        return False
    sums = got.astype(np.float64) * fills.divisors(case)[..., None]
    return _near(sums, rounded(sums, kind), 2 * np.finfo(dtype).eps * np.abs(sums))


def _near(got: Array, want: Array, room: Array | float) -> bool:
    """Whether no number is further away; one that is not finite, where the other is not either."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    both = ~(np.isfinite(a) | np.isfinite(b))
    return bool((both | (np.abs(a - b) <= room)).all())


def _distance(got: Array, want: Array) -> float:
    """The error as a share of the whole, where both are finite."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    there = np.isfinite(a) & np.isfinite(b)
    whole = float(np.linalg.norm(b[there]))
    return float(np.linalg.norm((a - b)[there])) / whole if whole else 0.0
