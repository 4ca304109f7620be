"""Which narrower type a wrong answer went through: its inputs, its results or all its numbers.

A number in a narrower type has fewer bits, so what went through one leaves traces:

    inputs      the right answer to rounded inputs, all or one, within the a-priori bound
    results     every number has few bits, or an error of float32's size, within that type's own
                bound, n u sum |x||w|, of the right answer, or of that to rounded inputs

An answer fits a type where all its wrong outputs do; a few numbers may do so without a trace.
float16 and tf32 share the significand; asked on `wide` arrays they part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verification.questions import Array, Case
from verification.truth import Truth, bound, oracle

Form = Callable[[Case, str, Array], Array]
"""An output of this name, in the form that a contract asks for."""


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
LARGE = 0.5
"""An error, as a share of the whole, that no type is the reason of, whatever its bound."""


def find_narrower(answered: Sequence[tuple[Truth, Mapping[str, Any]]], form: Form) -> list[str]:
    """The types that all these wrong answers fit, half with a trace; the narrowest first."""
    if not all(_has_shapes(asked, answers, form) for asked, answers in answered):
        return []
    fitting = []
    with np.errstate(all="ignore"):
        for kind in FORMATS:
            traces = [_find_trace(*one, form, kind) for one in answered]
            if None not in traces and 2 * traces.count(True) >= len(traces):
                fitting.append(kind)
    return fitting


def _has_shapes(asked: Truth, answers: Mapping[str, Any], form: Form) -> bool:
    """Whether there is something to tell a type by: numbers that round, in the right shapes."""
    wanted = {name: form(asked.case, name, asked.values[name]).shape for name in answers}
    shapes = {name: getattr(got, "shape", None) for name, got in answers.items()}
    return not asked.case.is_exact and shapes == wanted


def _find_trace(asked: Truth, answers: Mapping[str, Any], form: Form, kind: str) -> bool | None:
    """Whether an answer that fits a type has a trace of it; None where it does not fit."""
    case, given, narrow = asked.case, asked.arrays, FORMATS[kind]
    if narrow.bits > np.finfo(asked.dtype).nmant:
        return None
    exact = {name: a.astype(float) for name, a in given.items()}
    rounded = {name: narrow.round(a) for name, a in given.items()}
    ways = [rounded, *(exact | {name: rounded[name]} for name in given)]
    ways += [rounded | {"b": exact["b"]}] if "b" in given else []
    sums = "float32" if asked.dtype == "float64" and kind != "float32" else asked.dtype
    bounds = [bound(case, given, dtype) for dtype in (sums, "float32")]
    sources = [asked.values, asked.limits, *bounds, *(oracle.answers(case, way) for way in ways)]
    is_traced = False
    for name, got in answers.items():
        want, limit, room, coarse, first, *others = (
            form(case, name, source[name]) if name in source else np.zeros(()) for source in sources
        )
        if _is_near(got, want, limit):
            continue
        if any(_is_near(got, a, room) and not _is_near(a, want, room) for a in (first, *others)):
            is_traced = True
            continue
        wider = coarse * narrow.unit / FORMATS["float32"].unit + 2.0 ** (narrow.least - narrow.bits)
        # beyond the top it is infinite
        tops = (np.where(np.isinf(once := narrow.round(a)), once, a) for a in (first, want))
        is_near = any(_is_near(got, a, wider) for a in tops)
        distance = _measure(got, want)
        if not (is_near and distance < LARGE):
            return None
        few = np.array_equal(narrow.round(got), got) and np.unique(got).size > PAIR
        is_traced |= few or (kind == "float32" and distance > narrow.unit / 8)
    return is_traced


def _is_near(got: Array, want: Array, room: Array) -> bool:
    """Whether no number is further away; one that is not finite, where the other is not either."""
    a, b = got.astype(np.float64), want.astype(np.float64)
    both = ~(np.isfinite(a) | np.isfinite(b))
    return bool((both | (np.abs(a - b) <= room)).all())


def _measure(got: Array, want: Array) -> float:
    """The error as a share of the whole, where both are finite."""
    there = np.isfinite(got) & np.isfinite(want)
    whole = float(np.linalg.norm(want[there]))
    return float(np.linalg.norm(got[there] - want[there])) / whole if whole else 0.0
