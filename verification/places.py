"""Where an array is wrong: in which rows, columns, channels or examples, or around which border.

`axes` are the names of the array's axes, one each: "row", "channel".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.moves import joined

Array = NDArray[Any]
Ints = tuple[int, ...]

LISTED = 4
"""Places along an axis that are listed, where no shorter word fits."""


def told(wrong: Array, axes: Sequence[str]) -> str:
    """What the wrong elements have in common, or ""."""
    if wrong.all() or not wrong.any():
        return ""
    if wrong.sum() == 1 and wrong.ndim > 1:
        return f"wrong at [{','.join(str(int(i[0])) for i in np.nonzero(wrong))}] alone"
    ways = (_block(wrong, axes), _frame(wrong, axes), _parity(wrong, axes), _within(wrong, axes))
    return next(itertools.chain.from_iterable(ways), "")


def _block(wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    """All of some rows, of some columns of them, and so on."""
    lines = _lines(wrong)
    parts = list(_parts(lines, wrong.shape, axes))
    if parts and (wrong == _crossed(lines, wrong.shape)).all():
        yield f"wrong in {_of(parts)} alone"


def _frame(wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    """All but a block: a border, or all that is right; one number may be so by chance."""
    lines = _lines(~wrong)
    if np.sum(~wrong) == 1 or (wrong == _crossed(lines, wrong.shape)).any():
        return
    edges = [
        name
        for name, line, size in zip(axes, lines, wrong.shape, strict=True)
        if line == tuple(range(1, size - 1))
    ]
    full = sum(len(line) == size for line, size in zip(lines, wrong.shape, strict=True))
    if len(edges) + full == wrong.ndim:
        yield f"right but for the first and the last {joined(edges)}"
    parts = list(_parts(lines, wrong.shape, axes))
    if parts:
        yield f"right in {_of(parts)} alone"


def _parity(wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    numbers = np.indices(wrong.shape)
    for one, two in itertools.combinations(range(wrong.ndim), 2):
        odd = (numbers[one] + numbers[two]) % 2 == 1
        for kind, mask in (("odd", odd), ("even", ~odd)):
            if (wrong == mask).all():
                yield f"wrong where {axes[one]} + {axes[two]} is {kind}, and nowhere else"


def _within(wrong: Array, axes: Sequence[str]) -> Iterator[str]:
    """The least block that holds all wrong elements, if it is not the whole array."""
    lines = _lines(wrong)
    parts = list(_parts(lines, wrong.shape, axes))
    if parts:
        count = int(_crossed(lines, wrong.shape).sum())
        yield f"wrong only in {_of(parts)}, at {int(wrong.sum())} of {count} places there"


def _lines(mask: Array) -> list[Ints]:
    """Along each axis, the places where the mask holds anywhere."""
    lines = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        lines.append(tuple(int(i) for i in np.flatnonzero(mask.any(axis=others))))
    return lines


def _crossed(lines: Sequence[Ints], shape: Ints) -> Array:
    block = np.zeros(shape, bool)
    block[np.ix_(*lines)] = True
    return block


def _parts(lines: Sequence[Ints], shape: Ints, axes: Sequence[str]) -> Iterator[str]:
    """Words for every axis along which some places are left out."""
    for line, size, name in zip(lines, shape, axes, strict=True):
        if len(line) < size:
            yield _line(line, size, name)


def _of(parts: Sequence[str]) -> str:
    """The last axis first: the channels of some rows of some examples."""
    return " of ".join(reversed(parts))


def _line(line: Ints, size: int, name: str) -> str:
    first, last = line[0], line[-1]
    if len(line) == 1:
        return f"the last {name}" if first == size - 1 else f"{name} {first}"
    if len(line) == size - 1 > 1:
        (left,) = set(range(size)) - set(line)
        return f"all {name}s but {'the last' if left == size - 1 else left}"
    step = line[1] - first
    if len(line) > 2 and line == tuple(range(first, last + 1, step)):
        if step == 1:
            return f"{name}s {first} to {last}"
        if last + step >= size and step == 2:
            return f"every second {name} from {first}"
    if len(line) <= LISTED:
        return f"{name}s {joined(list(map(str, line)))}"
    return f"{len(line)} of {size} {name}s"
