"""Laws: what holds of every convolution or pool, whatever its numbers.  No oracle is asked.

A function is asked a question and a changed one, and its answers must be related exactly:

    batch, channels    examples, channels and filters in another order
    transpose          the first spatial axis last, with all its settings
    flip               every spatial axis reversed, without the cells behind the last window
    linear             y of two summands of x, or of w, adds up, with the bias once; each gradient
                       of two summands of any array that it is linear in
    monotone           a strictly increasing map of x commutes with the maximum, whose place stays

A convolution's gradients are the adjoint maps of its forward pass, for whatever x', w', b':

    <dy, conv(x', w) - b> = <x', dx>        <dy, conv(x, w') - b> = <w', dw>
    <dy, conv(x, w) with b' - with b> = <b' - b, db>

(R. Freivalds' probes), inner products taken modulo 2^64, so that none is rounded.  A pool's y is a
sum of the cells that it reads, so <dy, y> = <x, dx>; an average is linear, and a maximum goes with
every increasing map of x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from verification.questions import Array, Arrays, Case, arrays

Ask = Callable[[Case, Arrays], Arrays]
Pair = tuple[str, Array, Array]
"""An output's name, what was got and what is wanted."""

SUMMANDS = {
    "conv": {"y": ("x", "w"), "dx": ("w", "dy"), "dw": ("x", "dy"), "db": ("dy",)},
    "avg_pool": {"y": ("x",), "dx": ("dy",)},
}
"""What each output is linear in."""
PROBES, FRESH = 2, 7_000_000
"""Seeds of probes lie beyond those that people choose."""


def check(law: str, case: Case, given: Arrays, ask: Ask) -> Iterator[str]:
    """Where the law is broken, in words."""
    first = ask(case, given)
    for name, got, want in _LAWS[law](case, given, ask, first):
        wrong = int((got != want).sum()) if got.shape == want.shape else want.size
        if wrong:
            yield f"{name} breaks the law {law!r} at {wrong} of {want.size} places"


def batch(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    order = np.roll(np.arange(case.x[0]), 1)
    moved = {name: a[order] if name in ("x", "dy") else a for name, a in given.items()}
    for name, got in ask(case, moved).items():
        yield name, got, first[name][order] if name in ("y", "index", "dx") else first[name]


def channels(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    def roll(count: int, blocks: int) -> Array:
        """In each block the last one first, and the blocks in reverse order."""
        return np.roll(np.arange(count).reshape(blocks, -1), 1, axis=1)[::-1].ravel()

    inputs, outputs = roll(case.x[-1], case.groups), roll(case.y[-1], case.groups)
    depth = roll(case.w[-2], 1) if case.w else inputs
    places = {"x": inputs, "dx": inputs}
    places |= dict.fromkeys(("b", "db", "dy", "y", "index"), outputs)

    def move(name: str, a: Array) -> Array:
        return a[..., depth, :][..., outputs] if name in ("w", "dw") else a[..., places[name]]

    for name, got in ask(case, {name: move(name, a) for name, a in given.items()}).items():
        yield name, got, move(name, first[name])


def transpose(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    axes = len(case.space)

    def turn(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*sizes[1:axes], sizes[0], *sizes[axes:])

    def move(name: str, a: Array) -> Array:
        if name in ("b", "db"):
            return a
        start = 0 if name in ("w", "dw") else 1
        return np.ascontiguousarray(np.moveaxis(a, start, start + axes - 1))

    x, w, pad = (case.x[0], *turn(case.x[1:])), turn(case.w) if case.w else (), turn(case.pad)
    sizes = {name: turn(getattr(case, name)) for name in ("kernel", "stride", "dilation")}
    changed = replace(case, x=x, w=w, pad=pad, **sizes)
    for name, got in ask(changed, {name: move(name, a) for name, a in given.items()}).items():
        if name == "index":
            cells = np.unravel_index(got.astype(int), changed.space)
            got = np.ravel_multi_index((cells[-1], *cells[:-1]), case.space)
        yield name, got, move(name, first[name])


def flip(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    ends = [windows[-1][-1] + 1 for windows in case.windows]
    sides = [min(size, end) for size, end in zip(case.space, ends, strict=True)]
    over = [max(0, end - size) for size, end in zip(case.space, ends, strict=True)]
    pad = tuple((after, before) for after, (before, _) in zip(over, case.pad, strict=True))
    x = (case.x[0], *sides, case.x[-1])
    changed = replace(case, x=x, pad=pad, word="", ceil_mode=False)
    inside = (slice(None), *map(slice, sides))
    space = tuple(range(len(sides)))

    def move(name: str, a: Array) -> Array:
        if name in ("b", "db"):
            return a
        start = 0 if name in ("w", "dw") else 1
        a = a[inside] if name in ("x", "dx") else a
        return np.ascontiguousarray(np.flip(a, [axis + start for axis in space]))

    for name, got in ask(changed, {name: move(name, a) for name, a in given.items()}).items():
        if name == "index":
            cells = np.unravel_index(got.astype(int), changed.space)
            back = [side - 1 - cell for side, cell in zip(sides, cells, strict=True)]
            got = np.ravel_multi_index(tuple(back), case.space)
        yield name, got, move(name, first[name])


def linear(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    bias = given.get("b", np.zeros(1))
    unbiased = {**given, "b": bias * 0} if "b" in given else given
    for name in ("x", "w", "dy"):
        outputs = [out for out in first if name in SUMMANDS[case.op][out]]
        if not outputs:
            continue
        part = _summand(given[name])
        one, other = (ask(case, {**unbiased, name: a}) for a in (part, given[name] - part))
        for out in outputs:
            total = one[out].astype(float) + other[out]
            yield out, first[out], total + bias if out == "y" else total


def monotone(case: Case, given: Arrays, ask: Ask, first: Arrays) -> Iterator[Pair]:
    cells = given["x"].size
    for name, got in ask(case, {**given, "x": _increase(given["x"], cells)}).items():
        yield name, got, _increase(first[name], cells) if name == "y" else first[name]


_LAWS = {
    "batch": batch,
    "channels": channels,
    "transpose": transpose,
    "flip": flip,
    "linear": linear,
    "monotone": monotone,
}


def _summand(a: Array) -> Array:
    """Numbers at or above zero that leave none above it; multiples of all that a's are."""
    unit, top = np.gcd.reduce(a.astype(int), axis=None), np.abs(a).max()
    return np.asarray((a + top) // (2 * unit) * unit, a.dtype)


def _increase(a: Array, cells: int) -> Array:
    """Whole numbers between -cells and 0, to some of both signs and in the same order."""
    return np.asarray(a + np.floor(a / 2) + cells, a.dtype)


def check_adjoint(case: Case, given: Arrays, forward: Ask, backward: Ask) -> Iterator[str]:
    """Where the gradients are not the adjoint of the forward pass, in words."""
    gradients = backward(case, given)
    move = _move_conv if case.op == "conv" else _move_pool
    for probe in range(PROBES):
        fresh = arrays(case, FRESH + probe, str(given["x"].dtype))
        for name, moved, probed in move(case, given, fresh, forward):
            ours, theirs = _inner(given["dy"], moved), _inner(probed, gradients[name])
            if ours != theirs:
                x = name.removeprefix("d")
                yield (
                    f"{name} is not the adjoint of y by {x}: with other {x}, <dy, y> = {ours} "
                    f"but <{x}, {name}> = {theirs}, modulo 2^64"
                )


def _move_conv(case: Case, given: Arrays, fresh: Arrays, forward: Ask) -> Iterator[Pair]:
    for name in ("x", "w"):
        still = {**given, "b": given["b"] * 0} if case.bias else given
        yield f"d{name}", forward(case, {**still, name: fresh[name]})["y"], fresh[name]
    if case.bias:
        y, moved = (forward(case, {**given, "b": b})["y"] for b in (given["b"], fresh["b"]))
        yield "db", moved - y, fresh["b"] - given["b"]


def _move_pool(case: Case, given: Arrays, fresh: Arrays, forward: Ask) -> Iterator[Pair]:
    x = fresh["x"] if case.op == "avg_pool" else 3 * given["x"] + fresh["x"].flat[0]
    yield "dx", forward(case, {**given, "x": x})["y"], x


def _inner(a: Array, b: Array) -> int:
    """The sum of products, modulo 2^64 and around zero."""
    return int((_whole(a) * _whole(b)).sum(dtype=np.uint64).astype(np.int64))


def _whole(a: Array) -> Array:
    """Whole numbers modulo 2^64; what is none, or no number, becomes one that fits nothing."""
    wide = np.asarray(a, np.float64)
    odd = ~(np.isfinite(wide) & (wide == np.rint(wide)) & (np.abs(wide) < 2.0**62))
    return np.where(odd, 2**61 + 1, wide).astype(np.int64).astype(np.uint64)
