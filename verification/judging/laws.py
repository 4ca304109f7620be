"""Laws: what holds of every convolution or pool, whatever its numbers.  No oracle is asked.

A function is asked a question and a changed one, and its answers must be related exactly, as LAWS
says.  A flip is without the cells behind the last window.

A gradient is the adjoint map of the forward pass: of whatever x', and w' and b' in the same way,

    <dy, y(x') - y(x)> = <x' - x, dx>

(R. Freivalds' probes), and no inner product is rounded.  A maximum goes with increasing maps of x
alone; what is not linear, a norm or a normalisation, is held to the slope of a small step.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from verification.questions import MAXIMA, REAL, Array, Arrays, Case, arrays

Ask = Callable[[Case, Arrays], Arrays]
View = tuple[Case, Callable[[str, Array], Array]]
"""A changed question, and an array of this name as it has it: the same numbers elsewhere."""
Pair = tuple[str, Array, Array]
"""An output's name, what was got and what is wanted."""

LAWS = {
    "batch": "examples in another order give the same in that order",
    "channels": "channels and filters in another order give the same in that order",
    "transpose": "with the first spatial axis put last, settings too, the same comes so",
    "flip": "with the spatial axes reversed the same comes reversed",
    "linear": "of two summands of an array the answers add up, with the bias once",
    "monotone": "an increasing map of x moves no maximum, and a norm of more is not less",
    "affine": "in training another scale and zero of x do not matter",
}
"""What each of them says."""
SUMMANDS = {"y": ("x", "w"), "dx": ("w", "dy"), "dw": ("x", "dy"), "db": ("dy",)}
"""What each output is linear in."""
PROBES, FRESH = 2, 7_000_000
"""Seeds of probes lie beyond those that people choose."""
STEP, SLACK = 2.0**-24, 1e-6
"""Of differences in float64, and how far they may be from slopes, as a share of what is summed."""
NEAR = {"float32": 2.0**-14, "float64": 2.0**-40}
"""Of the largest number: what roots and powers may be off."""


def check(law: str, case: Case, given: Arrays, ask: Ask) -> Iterator[str]:
    """Where the law is broken, in words."""
    pairs = _RULES[law](case, given, ask) if law in _RULES else _look(law, case, given, ask)
    for name, got, want in pairs:
        differs = got != want
        if case.op in REAL:
            room = NEAR[str(given["x"].dtype)] * np.abs(want).max(initial=0)
            differs = ~(np.abs(got - want) <= room)
        if wrong := int(differs.sum()):
            says = f"{name} breaks the law {law!r} ({LAWS[law]})"
            yield f"{says} at {wrong} of {want.size} places"


def _look(law: str, case: Case, given: Arrays, ask: Ask) -> Iterator[Pair]:
    changed, move = _VIEWS[law](case)
    plane = np.arange(math.prod(case.space)).reshape(1, *case.space, 1)
    cells = np.append(move("x", np.broadcast_to(plane, case.x))[0, ..., 0], -1)
    first = ask(case, given)
    for name, got in ask(changed, {name: move(name, a) for name, a in given.items()}).items():
        if name == "index":
            is_cell = (got >= 0) & (got < cells.size - 1)
            got = cells[np.where(is_cell, got, -1).astype(int)]
        yield name, got, move(name, first[name])


def batch(case: Case) -> View:
    order = np.roll(np.arange(case.x[0]), 1)
    return case, lambda name, a: a if name in ("w", "dw", "b", "db") else a[order]


def channels(case: Case) -> View:
    def roll(count: int, blocks: int) -> Array:
        """In each block the last one first, and the blocks in reverse order."""
        return np.roll(np.arange(count).reshape(blocks, -1), 1, axis=1)[::-1].ravel()

    inputs, outputs = roll(case.x[-1], case.groups), roll(case.y[-1], case.groups)
    last = inputs if case.op == "conv_transpose" else outputs

    def move(name: str, a: Array) -> Array:
        if name in ("w", "dw"):
            return a[..., roll(case.w[-2], 1), :][..., last]
        return a[..., inputs if name in ("x", "dx") else outputs]

    return case, move


def transpose(case: Case) -> View:
    axes = len(case.space)

    def turn(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*sizes[1:axes], sizes[0], *sizes[axes:])

    def move(name: str, a: Array) -> Array:
        start = 0 if name in ("w", "dw") else 1
        return a if name in ("b", "db") else np.moveaxis(a, start, start + axes - 1)

    words = ("kernel", "stride", "dilation", "pad", "output_padding", "output_size")
    there = [name for name in words if getattr(case, name)]
    sizes: dict[str, Any] = {name: turn(getattr(case, name)) for name in there}
    sizes["w"] = turn(case.w) if case.w else ()
    return replace(case, x=(case.x[0], *turn(case.x[1:])), **sizes), move


def flip(case: Case) -> View:
    ends = [windows[-1][-1] + 1 for windows in case.windows]
    sides = [min(size, end) for size, end in zip(case.space, ends, strict=True)]
    over = [end - side for side, end in zip(sides, ends, strict=True)]
    pad = tuple((after, before) for after, (before, _) in zip(over, case.pad))
    x = (case.x[0], *sides, case.x[-1])

    def move(name: str, a: Array) -> Array:
        if name in ("b", "db"):
            return a
        start = 0 if name in ("w", "dw") else 1
        if name in ("x", "dx"):
            a = a[:, *map(slice, sides)]
        return np.flip(a, tuple(range(start, start + len(sides))))

    return replace(case, x=x, pad=pad, word="", ceil_mode=False), move


def linear(case: Case, given: Arrays, ask: Ask) -> Iterator[Pair]:
    first, bias = ask(case, given), given.get("b", np.zeros(1))
    unbiased = {name: 0 * a if name == "b" else a for name, a in given.items()}
    for name in (name for name in ("x", "w", "dy") if name in given):
        outputs = [out for out in first if name in SUMMANDS[out]]
        if outputs:
            part = _halve(given[name])
            one, other = (ask(case, {**unbiased, name: a}) for a in (part, given[name] - part))
            for out in outputs:
                yield out, first[out], one[out] + other[out] + (bias if out == "y" else 0)


def _halve(a: Array) -> Array:
    """Numbers at or above zero that leave none above it; multiples of all that a's are."""
    unit = max(1, np.gcd.reduce(a.astype(int), axis=None))
    return np.asarray((a + np.abs(a).max()) // (2 * unit) * unit, a.dtype)


def monotone(case: Case, given: Arrays, ask: Ask) -> Iterator[Pair]:
    first, cells = ask(case, given), given["x"].size
    if case.op == "lp_pool":
        more = ask(case, {**given, "x": given["x"] + 1})["y"]
        yield "y", np.minimum(more, first["y"]), first["y"]
        return
    for name, got in ask(case, {**given, "x": _increase(given["x"], cells)}).items():
        yield name, got, _increase(first[name], cells) if name == "y" else first[name]


def affine(case: Case, given: Arrays, ask: Ask) -> Iterator[Pair]:
    first, wider = ask(case, given), replace(case, eps=4 * case.eps)
    for name, got in ask(wider, {**given, "x": 2 * given["x"] + 1}).items():
        scale = {"dx": 2.0, "mean": 0.0, "var": 0.0}.get(name, 1.0)
        yield name, scale * got, first[name] * bool(scale)


def _increase(a: Array, cells: int) -> Array:
    """Whole numbers between -cells and 0, to some of both signs and in the same order."""
    return np.asarray(a + np.floor(a / 2) + cells, a.dtype)


_VIEWS = {"batch": batch, "channels": channels, "transpose": transpose, "flip": flip}
_RULES = {"linear": linear, "monotone": monotone, "affine": affine}


def check_adjoint(case: Case, given: Arrays, forward: Ask, backward: Ask) -> Iterator[str]:
    """Where the gradients are not the adjoint of the forward pass, in words."""
    gradients, first = backward(case, given), forward(case, given)["y"]
    for probe in range(PROBES):
        fresh = arrays(case, FRESH + probe, str(given["x"].dtype))
        for x in ("x", "w", "b"):
            if f"d{x}" not in gradients:
                continue
            other = _move(case, given[x], fresh[x])
            change = forward(case, {**given, x: other})["y"] - first
            ours = _multiply(given["dy"], change)
            theirs = _multiply(other - given[x], gradients[f"d{x}"])
            differs = ours != theirs
            if case.op in REAL:
                room = SLACK * float(np.abs(given["dy"] * change).sum())
                differs = not abs(float(ours) - float(theirs)) <= room
            if differs:
                yield (
                    f"d{x} is not the adjoint of y by {x}: with another {x}, "
                    f"<dy, change of y> = {ours} but <change of {x}, d{x}> = {theirs}"
                )


def _move(case: Case, a: Array, fresh: Array) -> Array:
    """Another array, to which y changes as its gradient says: any, where y is linear."""
    if case.op in REAL:
        return a + STEP * fresh
    return 3 * a + fresh.flat[0] if case.op in MAXIMA else fresh


def _multiply(a: Array, b: Array) -> Fraction | float:
    """The inner product, exactly; NaN, which equals nothing, where one holds no number."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.nan
    one, other = (map(Fraction, each.astype(float).ravel().tolist()) for each in (a, b))
    return sum(map(operator.mul, one, other), Fraction(0))
