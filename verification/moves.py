"""Right numbers in wrong places: shifted, exchanged, reversed, reordered.

`axes` are the names of the array's axes, one each: "row", "channel".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Move = Callable[[Array, Array, Sequence[str]], Iterator[str]]

NEAR = {"float32": 2.0**-20}
"""Of the largest number: what reals of fewer digits can tell apart."""
LEAST = 3
"""Values that a part must hold, all different, before its place can be told."""
LARGE = 100_000
"""Numbers of an array that is too large to look for moves in."""
LONG = 64
"""Places along an axis that are looked for one by one."""
LISTED = 8
"""Places of a list that is still read."""


def told(got: Array, want: Array, axes: Sequence[str]) -> str:
    """The plainest move that makes all of `got` from `want`, or ""."""
    if want.size > LARGE or not _is_telling(want):
        return ""
    moves: tuple[Move, ...] = (_exchanged, _reversed, _shifted, _ordered, _shuffled)
    return next(itertools.chain.from_iterable(move(got, want, axes) for move in moves), "")


def right(got: Array, want: Array) -> Array:
    """Which elements agree: integers exactly, reals but for a billionth of the largest number."""
    with np.errstate(invalid="ignore"):
        agree: Array = (got == want) | (np.abs(got - want) <= room(want))
    return agree | (np.isnan(got) & np.isnan(want))


def room(a: Array) -> float:
    """By how much reals that are the same may differ; integers not at all."""
    finite = a[np.isfinite(a)]
    return 0.0 if (finite == np.rint(finite)).all() else near(a) * float(np.abs(finite).max())


def near(a: Array) -> float:
    return NEAR.get(a.dtype.name, 1e-9)


def same(got: Array, want: Array) -> bool:
    return got.shape == want.shape and bool(right(got, want).all())


def joined(words: Sequence[str]) -> str:
    """With commas, and "and" before the last."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _is_telling(a: Array) -> bool:
    return np.unique(a).size >= LEAST


def _exchanged(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    for order in itertools.permutations(range(want.ndim)):
        moved = [axis for axis, source in enumerate(order) if axis != source]
        if moved and same(got, want.transpose(order)):
            if len(moved) == 2:
                yield f"the {joined([f'{axes[axis]}s' for axis in moved])} are exchanged"
            else:
                yield f"the axes are in the order {', '.join(axes[axis] for axis in order)}"


def _reversed(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    for turned in _some(range(want.ndim), want.ndim):
        if same(got, np.flip(want, turned)):
            yield f"the {joined([f'{axes[axis]}s' for axis in turned])} are in reverse order"


def _shifted(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    """By one, along one axis or two; what has come in at the edge may be anything."""
    for along in _some([axis for axis in range(want.ndim) if want.shape[axis] > 2], 2):
        for steps in itertools.product((1, -1), repeat=len(along)):
            to, source = [slice(None)] * want.ndim, [slice(None)] * want.ndim
            for axis, step in zip(along, steps, strict=True):
                ends = slice(1, None), slice(None, -1)
                to[axis], source[axis] = ends[::step]
            part = want[tuple(source)]
            if _is_telling(part) and same(got[tuple(to)], part):
                ways = [
                    f"one {axes[axis]} too {'far' if step > 0 else 'early'}"
                    for axis, step in zip(along, steps, strict=True)
                ]
                yield f"shifted: {joined(ways)}"


def _ordered(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    """Every slice along an axis is one of the right ones."""
    for axis, name in enumerate(axes):
        slices = list(np.moveaxis(want, axis, 0))
        if not 1 < len(slices) <= LONG or not _all_differ(slices):
            continue
        sources = [_source(part, slices) for part in np.moveaxis(got, axis, 0)]
        if None in sources:
            continue
        if len(set(sources)) == 1:
            yield f"every {name} holds what belongs in {name} {sources[0]}"
        elif len(sources) <= LISTED:
            yield f"the {name}s hold what belongs in {name}s {joined(list(map(str, sources)))}"
        else:
            yield f"the {name}s are in another order"


def _all_differ(slices: Sequence[Array]) -> bool:
    return all(_source(part, slices) == number for number, part in enumerate(slices))


def _source(part: Array, slices: Sequence[Array]) -> int | None:
    return next((number for number, other in enumerate(slices) if same(part, other)), None)


def _shuffled(got: Array, want: Array, axes: Sequence[str]) -> Iterator[str]:
    if not same(np.sort(got, axis=None), np.sort(want, axis=None)):
        return
    for order in itertools.permutations(range(want.ndim)):
        turned, back = (a.transpose(order).reshape(a.shape) for a in (want, got))
        if same(got, turned) or same(back, want):
            yield "the right numbers in another order, as by a reshape in place of a transpose"
    yield "the right numbers in another order"


def _some(axes: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """One axis, then two, up to `most`."""
    for count in range(1, most + 1):
        yield from itertools.combinations(axes, count)
