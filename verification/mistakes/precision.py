"""Which narrower type a wrong answer went through: its inputs, its results or all its numbers.

A number in a narrower type has fewer bits, so what went through one leaves traces:

    inputs      the right answer to rounded inputs, all or one, within the a-priori bound
    results     the true answer rounded: every number has few bits
    arithmetic  every number has few bits, within that type's bound about the answer to the rounded
                inputs, n u sum |x||w|

An answer fits a type where all its wrong outputs do; a few numbers may do so without a trace that
no mistake leaves.  float16 and tf32 share the significand; asked on `wide` arrays they part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from verification.questions import Array, Case, divisors
from verification.truth import Truth, bound, oracle


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

    def round(self, a: Array) -> Array:
        """To the nearest, ties to even; beyond the top, infinity."""
        values = a.astype(np.float64)
        with np.errstate(all="ignore"):
            _, exponents = np.frexp(values)
            step = np.maximum(exponents, self.least) - self.bits
            near: Array = np.ldexp(np.rint(np.ldexp(values, -step)), step)
        return np.where(np.abs(near) >= 2.0**self.top, np.copysign(np.inf, near), near)


FORMATS = {
    "bfloat16": Format(8, -125, 128),
    "float16": Format(11, -13, 16),
    "tf32": Format(11, -125, 128),
    "float32": Format(24, -125, 128),
}
"""The narrowest first; of two that fit, the one that NumPy has."""
PAIR = 2
"""So many different numbers may have few bits for another reason: a count instead of a sum."""


def find_narrower(
    asked: Truth, answers: Mapping[str, Any], form: Callable[[Case, str, Array], Array]
) -> dict[str, bool]:
    """Every narrower type that these wrong answers fit, the narrowest first; whether by a trace."""
    case = asked.case
    wanted = {name: form(case, name, asked.values[name]).shape for name in answers}
    shapes = {name: getattr(got, "shape", None) for name, got in answers.items()}
    if case.is_exact or shapes != wanted:
        return {}
    bits = np.finfo(asked.dtype).nmant + 1
    with np.errstate(all="ignore"):
        fitting = {
            name: _find_trace(asked, answers, form, name)
            for name, narrow in FORMATS.items()
            if narrow.bits < bits
        }
    return {name: bool(trace) for name, trace in fitting.items() if trace is not None}


def _find_trace(
    asked: Truth,
    answers: Mapping[str, Any],
    form: Callable[[Case, str, Array], Array],
    kind: str,
) -> bool | None:
    """Whether an answer that fits a type has a trace of it; None where it does not fit."""
    case, given, narrow = asked.case, asked.arrays, FORMATS[kind]
    exact = {name: a.astype(float) for name, a in given.items()}
    rounded = {name: narrow.round(a) for name, a in given.items()}
    ways = [rounded | {"b": exact["b"]}] if "b" in given else []
    ways += [exact | {name: rounded[name]} for name in given]
    asks = [oracle.answers(case, way) for way in (rounded, *ways)]
    sums = "float32" if asked.dtype == "float64" and kind != "float32" else asked.dtype
    bounds = [bound(case, given, dtype) for dtype in (sums, "float32")]
    sources = [asked.values, asked.limits, *bounds, *asks]
    wider = narrow.unit / FORMATS["float32"].unit
    traces = []
    for name, got in answers.items():
        want, limit, room, coarse, first, *others = (
            form(case, name, source[name]) if name in source else np.zeros(()) for source in sources
        )
        if _is_near(got, want, limit):
            continue
        few = _has_few_bits(case, name, got, asked.dtype, narrow)
        arithmetic = _is_rounded(got, first, wider * coarse, narrow) and _distance(got, first) < 0.5
        of_size = kind == "float32" and _distance(got, want) > narrow.unit / 8
        trace = (
            any(_is_near(got, a, room) and not _is_near(a, want, room) for a in (first, *others))
            or (few and _is_rounded(got, want, room, narrow))
            or (arithmetic and ((few and np.unique(got).size > PAIR) or of_size))
        )
        if not (trace or arithmetic):
            return None
        traces.append(trace)
    return any(traces)


def _is_rounded(got: Array, want: Array, room: Array, narrow: Format) -> bool:
    """Whether it is that near to `want` once that is rounded."""
    once = narrow.round(want)
    reached = np.where(np.isinf(once), once, want)
    underflow = 2.0 ** (narrow.least - narrow.bits - 1)
    return got.dtype.kind == "f" and _is_near(
        got, reached, room + underflow + narrow.unit * (np.abs(want) + room)
    )


def _has_few_bits(case: Case, name: str, got: Array, dtype: str, narrow: Format) -> bool:
    """Whether all numbers are of this format, or were before an average divided them."""
    if np.array_equal(narrow.round(got), got):
        return True
    if (case.op, name) != ("avg_pool", "y") or got.shape != case.y:
        return False
    sums = got.astype(np.float64) * divisors(case)[..., None]
    return _is_near(sums, narrow.round(sums), 2 * np.finfo(dtype).eps * np.abs(sums))


def _is_near(got: Array, want: Array, room: Array) -> bool:
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
