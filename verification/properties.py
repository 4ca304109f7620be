"""Properties: what holds of every convolution or pool, whatever its numbers.  No oracle is asked.

A function is asked a question and a changed one, and its answers must be related exactly:

    pad shift stride dilation groups batch channels transpose flip
               the changed question shows the first one's numbers in other places
    linear     y of two summands of x, or of w, adds up, with the bias once; each gradient of
               two summands of any array that it is linear in
    monotone   a strictly increasing map of x commutes with the maximum, which stays in its place

An average's divisor may differ between two views of a window, so the sums are what agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import asking, changes, fills
from verification.asking import Arrays, Ask
from verification.case import Case
from verification.views import View

Array = NDArray[Any]
Relation = tuple[str, Array, Array]
"""An output's name, what was got and what is wanted."""

DIGIT = 9
"""The largest number of the fill, but for the divisors."""
SUMMANDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "conv": {"y": ("x", "w"), "dx": ("w", "dy"), "dw": ("x", "dy"), "db": ("dy",)},
    "avg_pool": {"y": ("x",), "dx": ("dy",)},
}
"""What each output is linear in."""

_CHANGES: Mapping[str, Callable[[Case], list[View]]] = {
    "pad": changes.pad,
    "shift": changes.shift,
    "stride": changes.stride,
    "dilation": changes.dilation,
    "groups": changes.groups,
    "batch": changes.batch,
    "channels": changes.channels,
    "transpose": changes.transpose,
    "flip": changes.flip,
}
_MATTERS: Mapping[str, Callable[[Case], bool]] = {
    "pad": lambda case: changes.pad(case)[0].case.space != case.space,
    "shift": lambda case: True,
    "stride": lambda case: max(case.stride) > 1,
    "dilation": lambda case: max(case.dilation) > 1,
    "groups": lambda case: case.groups > 1,
    "batch": lambda case: case.x[0] > 1,
    "channels": lambda case: max(case.x[-1], case.y[-1]) > 1,
    "transpose": lambda case: len(case.space) > 1,
    "flip": lambda case: max(case.space) > 1,
    "linear": lambda case: case.op in SUMMANDS,
    "monotone": lambda case: case.op == "max_pool",
}


def fits(check: str, case: Case) -> bool:
    """Whether the property says anything about this question."""
    if not case.kernel or not case.x[0] or not _MATTERS[check](case):
        return False
    return check not in _CHANGES or all(_is_exact(case, view) for view in _CHANGES[check](case))


def relations(check: str, case: Case, given: Arrays, ask: Ask) -> Iterator[Relation]:
    """What must be equal of the answers to this question and to changed ones."""
    first = ask(case, given)
    if check == "linear":
        yield from _linear(case, given, ask, first)
    elif check == "monotone":
        yield from _monotone(case, given, ask, first)
    else:
        yield from _viewed(_CHANGES[check](case), case, given, ask, first)


def _viewed(
    seen: list[View], case: Case, given: Arrays, ask: Ask, first: Arrays
) -> Iterator[Relation]:
    shown = ((view.case, _shown(view, case, given)) for view in seen)
    replies = list(asking.in_turn(ask, shown))
    for name, got in first.items():
        told = [_told(name, view, case, reply[name]) for view, reply in zip(seen, replies)]
        yield name, got, np.sum(told, axis=0)


def _shown(view: View, case: Case, given: Arrays) -> dict[str, Array]:
    """The changed question's arrays: windows of equal sums, and equal shares of their gradients."""
    factor, theirs = _factor(case, view.case), _divisors(view.case)
    below = given["x"].min() - 1 if case.op == "max_pool" else 0
    shown = {name: view.shown(name, a) for name, a in given.items()}
    shown["x"] = view.shown("x", given["x"] * factor, below)
    shown["dy"] = view.shown("dy", given["dy"] / _divisors(case)) * theirs * factor
    return {name: np.ascontiguousarray(a, given[name].dtype) for name, a in shown.items()}


def _told(name: str, view: View, case: Case, answer: Array) -> Array:
    """What the changed answer says of the first one."""
    factor, shape = _factor(case, view.case), asking.shapes(case)[name]
    if name == "y":
        sums = view.told(name, answer * _divisors(view.case), shape)
        return np.asarray(sums / (factor * _divisors(case)))
    if name == "index":
        return view.told(name, view.numbers(answer, case.space), shape)
    return view.told(name, answer, shape) / factor


def _divisors(case: Case) -> Array:
    """(*out, 1): ones where nothing is averaged."""
    found = fills.divisors(case) if case.op == "avg_pool" else np.ones(case.out, int)
    return found[..., None]


def _multiple(case: Case) -> int:
    """What all of the divisors divide."""
    return math.lcm(*_divisors(case).ravel().tolist())


def _factor(case: Case, changed: Case) -> int:
    """By what sums must be multiplied before the changed question's divisors divide them too."""
    multiple = _multiple(changed)
    return multiple // math.gcd(multiple, _multiple(case))


def _is_exact(case: Case, view: View) -> bool:
    """Whether the sums stay so small that every dtype holds them."""
    factor = _factor(case, view.case)
    largest = DIGIT * _multiple(case) * factor * math.prod(case.kernel)
    return factor == 1 or largest <= fills.LIMIT[case.dtype or "float32"]


def _linear(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Relation]:
    bias = given.get("b", np.zeros(1))
    unbiased = {**given, "b": bias * 0} if "b" in given else given
    for name in ("x", "w", "dy"):
        linear = [out for out in first if name in SUMMANDS[case.op][out]]
        if not linear:
            continue
        part = _summand(given[name])
        parts = ((case, {**unbiased, name: a}) for a in (part, given[name] - part))
        one, other = asking.in_turn(ask, parts)
        for out in linear:
            total = one[out].astype(float) + other[out]
            yield out, first[out], total + bias if out == "y" else total


def _summand(a: Array) -> Array:
    """Numbers at or above zero that leave none above it; multiples of all that a's are."""
    unit, top = np.gcd.reduce(a.astype(int), axis=None), np.abs(a).max()
    return np.asarray((a + top) // (2 * unit) * unit, a.dtype)


def _monotone(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Relation]:
    cells = given["x"].size
    reply = ask(case, {**given, "x": _increased(given["x"], cells)})
    for name, got in first.items():
        yield name, _increased(got, cells) if name == "y" else got, reply[name]


def _increased(a: Array, cells: int) -> Array:
    """Whole numbers between -cells and 0, to some of both signs and in the same order."""
    return np.asarray(a + np.floor(a / 2) + cells, a.dtype)
