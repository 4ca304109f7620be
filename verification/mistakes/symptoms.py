"""What an error looks like, in plain words, for when no known mistake fits.

Nothing is claimed that is not so of every number: of integers exactly, of reals but for a billionth
of the largest; and no place is called right that is off by more than a few roundings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from verification.questions import Array

LEAST = 3
"""Different values that an array must hold before a pattern can be told."""
LISTED = 4
"""Places of a list that is still read."""
SIMPLE = 16
"""The largest denominator of a factor that is told as a fraction."""
IMPRECISE, ROUNDING = 1e-6, 2.0**-50
"""Shares of the largest number: errors of code that is imprecise, and of code that is right."""
PLACES = "wrong "
"""What begins so is no pattern, but tells places of the one answer that is shown."""
_NUMBERS = re.compile(r"-?\d[\d.e+/-]*")
_SPACE = {1: ("cell",), 2: ("row", "column"), 3: ("depth", "row", "column")}


def describe(got: Array, want: Array, name: str) -> list[str]:
    """What is particular about `got`, the most telling first.

    `name` is the output's: y, index, dx, dw or db; both arrays are in the oracle's form.
    """
    if got.shape != want.shape or not want.size:
        return []
    got, want, axes = got.astype(float), want.astype(float), _name_axes(name, want.ndim)
    with np.errstate(all="ignore"):
        off = float(np.abs(got - want).max() / np.abs(want).max(initial=0))
        if 0 < off <= IMPRECISE and not _is_whole(want):
            return [f"imprecise: right but for {off:.1g} of the largest number"]
        wrong = ~_agree(got, want, ROUNDING)
        return list(_claims(got, want, wrong, axes)) if wrong.any() else []


def keep_common(shown: Sequence[str], others: Sequence[Sequence[str]]) -> list[str]:
    """What is so of all these answers, but for its numbers, and where the first one is wrong.

    Of one answer alone a pattern may be an accident.
    """
    plain = [{_NUMBERS.sub("#", look) for look in looks} for looks in others]
    return [
        look
        for look in shown
        if look.startswith(PLACES)
        or (plain and all(_NUMBERS.sub("#", look) in looks for looks in plain))
    ]


def _name_axes(name: str, rank: int) -> tuple[str, ...]:
    if name == "dw" and rank - 2 in _SPACE:
        return (*(f"kernel {axis}" for axis in _SPACE[rank - 2]), "input channel", "filter")
    if rank == 1:
        return ("filter" if name == "db" else "cell",)
    if rank == 2:
        return _SPACE[2]
    if rank - 2 in _SPACE:
        return ("example", *_SPACE[rank - 2], "channel")
    return tuple(f"axis-{axis} place" for axis in range(rank))


def _agree(got: Array, want: Array, share: float = 1e-9) -> Array:
    """Which elements agree: integers exactly, reals but for a share of the largest number."""
    finite = want[np.isfinite(want)]
    room = 0.0 if _is_whole(want) else share * float(np.abs(finite).max(initial=0))
    agree: Array = (got == want) | (np.abs(got - want) <= room) | (np.isnan(got) & np.isnan(want))
    return agree


def _is_whole(want: Array) -> bool:
    """Whether every number is an integer: none of them rounds."""
    finite = want[np.isfinite(want)]
    return bool((finite == np.rint(finite)).all())


def _claims(got: Array, want: Array, wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    odd = np.isfinite(want) & ~np.isfinite(got)
    if odd.any():
        yield f"{int(odd.sum())} of {got.size} places hold no number where one should be"
    elif got.size >= LEAST and (got == got.flat[0]).all() and (want != want.flat[0]).any():
        yield f"every number is {_write(got.flat[0])}"
        return
    elif np.isfinite(got).all() and np.isfinite(want).all():
        yield from _scale(got, want)
    if want[~wrong].any():  # else zeros alone are right, as they would be of any factor
        yield from _locate(wrong, axes)
    if wrong.sum() > 1 and not got[wrong].any():
        yield "zero wherever it is wrong"


def _scale(got: Array, want: Array) -> Iterator[str]:
    """A factor, or an offset, that is the same everywhere."""
    if want.size < LEAST:
        return
    at = np.abs(want).argmax()
    if want.flat[at]:
        factor = Fraction(float(got.flat[at] / want.flat[at])).limit_denominator(SIMPLE)
        if factor not in (0, 1) and _agree(got, float(factor) * want).all():
            yield "the sign is turned" if factor == -1 else f"{factor} times what it should be"
            return
    off = got - want
    if np.ptp(off) == 0:
        yield f"{_write(abs(off.flat[0]))} too {'large' if off.flat[0] > 0 else 'small'} everywhere"


def _locate(wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    """The least block of rows, columns, channels that holds all wrong elements."""
    lines = [np.unique(places) for places in np.nonzero(wrong)]
    parts = [
        _name_line(line, size, name)
        for line, size, name in zip(lines, wrong.shape, axes, strict=True)
        if len(line) < size
    ]
    count = int(np.prod([len(line) for line in lines]))
    if parts and wrong.sum() == count:
        yield f"wrong in {' of '.join(reversed(parts))} alone"
    elif parts:
        yield f"wrong only in {' of '.join(reversed(parts))}, at {wrong.sum()} of {count} places"


def _name_line(line: Array, size: int, name: str) -> str:
    first, last = int(line[0]), int(line[-1])
    if len(line) == 1:
        return f"the last {name}" if first == size - 1 else f"{name} {first}"
    if len(line) == last - first + 1:
        return f"{name}s {first} to {last}"
    if len(line) <= LISTED:
        return f"{name}s {', '.join(map(str, line[:-1]))} and {last}"
    return f"{len(line)} of {size} {name}s"


def _write(value: float) -> str:
    """With as many digits as it needs."""
    return short if float(short := f"{value:g}") == value else repr(float(value)).removesuffix(".0")
