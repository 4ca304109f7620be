"""What an error looks like, in plain words, for when no known mistake fits.

Nothing is claimed that is not so of every number: of integers exactly, of reals but for a
billionth of the largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import moves, places
from verification.moves import LEAST, LISTED, joined

Array = NDArray[Any]

SIMPLE = 16
"""The largest denominator of a factor that is told as a fraction, unless it is one part of many."""
TINY = 1e-9
"""No factor is told that is smaller, or that much larger."""
DIGITS = {"float32": 2.0**-18, "float16": 2.0**-9, "bfloat16": 2.0**-6}
"""The largest error, of the largest number, that is put down to a dtype of fewer digits."""

_SPACE = {1: ("cell",), 2: ("row", "column"), 3: ("depth", "row", "column")}


def describe(got: Array, want: Array, name: str) -> list[str]:
    """What is particular about `got`: at most four claims, the most telling first.

    `name` is the output's: y, index, dx, dw or db.
    """
    if got.shape != want.shape or not want.size:
        return []
    axes = names(name, want.ndim)
    dtype = got.dtype if got.dtype.kind == "f" else np.dtype(np.float64)
    got, want = got.astype(dtype), want.astype(dtype)
    with np.errstate(all="ignore"):
        wrong = ~moves.right(got, want)
        return list(_claims(got, want, wrong, axes)) if wrong.any() else []


def names(name: str, rank: int) -> tuple[str, ...]:
    """What the axes of an output are called."""
    if name == "dw" and rank - 2 in _SPACE:
        return (*(f"kernel {axis}" for axis in _SPACE[rank - 2]), "input channel", "filter")
    if rank == 1:
        return ("filter" if name == "db" else "cell",)
    if rank == 2:
        return _SPACE[2]
    if rank - 2 in _SPACE:
        return ("example", *_SPACE[rank - 2], "channel")
    return tuple(f"axis-{axis} place" for axis in range(rank))


def _claims(got: Array, want: Array, wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    odd = np.isfinite(got) != np.isfinite(want)
    if odd.any():
        yield from _odd(got, want, odd)
    elif _is_level(got):
        yield f"every number is {got.flat[0]:g}"
        return
    elif np.isfinite(want).all():
        level = [*_factor(got, want), *_offset(got, want, axes)]
        yield from level or _digits(got, want, wrong)
    yield from filter(None, [moves.told(got, want, axes)])
    if want[~wrong].any():  # else zeros alone are right, as they would be of any factor
        yield from filter(None, [places.told(wrong, axes)])
    if wrong.sum() > 1 and not got[wrong].any():
        yield "zero wherever it is wrong"


def _odd(got: Array, want: Array, odd: Array) -> Iterator[str]:
    """NaN or an infinity in place of a number, or the other way round."""
    for there, sentence in (
        (got, "{} at {} of {} places that should hold numbers"),
        (want, "numbers where {} should be, at {} of {} places"),
    ):
        here = there[odd & ~np.isfinite(there)]
        if here.size:
            found = ["nan"] * bool(np.isnan(here).any()) + ["infinity"] * bool(np.isinf(here).any())
            yield sentence.format(joined(found), here.size, got.size)


def _is_level(got: Array) -> bool:
    return not got.any() or (got.size >= LEAST and bool((got == got.flat[0]).all()))


def _digits(got: Array, want: Array, wrong: Array) -> Iterator[str]:
    """Nearly right nearly everywhere: too few digits somewhere on the way."""
    share = float(np.abs(got - want).max() / (np.abs(want).max() or 1))
    dtype = next((dtype for dtype, most in DIGITS.items() if share <= most), "")
    if dtype and 2 * wrong.sum() >= wrong.size:
        yield f"right to {share:.0e} of the largest number, about the precision of {dtype}"


def _factor(got: Array, want: Array) -> Iterator[str]:
    at = np.abs(want).argmax()
    top = float(want.flat[at])
    factor = float(got.flat[at]) / top if top else 0.0
    near = moves.near(got)
    if not TINY < abs(factor) < 1 / TINY or abs(factor - 1) <= near:
        return
    simple = _fraction(factor, near)
    factor = factor if simple is None else float(simple)
    if np.abs(got - factor * want).max() > near * abs(factor * top):
        return
    if simple is not None:
        yield _times(simple)
    elif np.count_nonzero(want) >= LEAST:
        yield f"{factor:.6g} times what it should be"


def _fraction(factor: float, near: float) -> Fraction | None:
    """Of small numbers, or one part of many."""
    part = Fraction(1, round(1 / factor) or 1)
    for simple in (Fraction(factor).limit_denominator(SIMPLE), part):
        if abs(float(simple) / factor - 1) <= near:
            return simple
    return None


def _times(factor: Fraction) -> str:
    if factor == -1:
        return "the sign is turned"
    if factor == Fraction(1, 2):
        return "half of what it should be"
    if factor > 1 and factor.denominator == 1:
        return f"{factor} times too large"
    return f"{factor} {'of' if 0 < factor < 1 else 'times'} what it should be"


def _offset(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    """The same difference everywhere, or one for each place along an axis."""
    if got.size < LEAST:
        return
    off = got - want
    near = max(moves.room(want), moves.room(got))
    if np.abs(off).max() <= near:
        return
    if np.ptp(off) <= near:
        yield f"{abs(off.flat[0]):.6g} too {'large' if off.flat[0] > 0 else 'small'} everywhere"
        return
    for axis, name in enumerate(axes):
        lines = np.moveaxis(off, axis, 0).reshape(off.shape[axis], -1)
        if lines.shape[1] >= LEAST and np.ptp(lines, axis=1).max() <= near:
            values = [f"{value:.6g}" for value in lines[:, 0]]
            more = f": {joined(values)}" if len(values) <= LISTED else ""
            yield f"every {name} is off by a number of its own{more}"
