"""What can be less in a question: its sizes and settings, in the order that makes it easy to read.

A kernel, stride or pad that is the same along all axes stays so, since many implementations take
one int for it; sides are free to differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from verification.case import Case, Ints

SETTINGS = ("word", "ceil_mode", "count_include_pad", "divisor_override", "bias", "layout")
"""What has no size: tried as a question has it that does not name it."""


@dataclass(frozen=True)
class Quantity:
    """Something to make smaller: how far it is above its least, and the case with less of it."""

    excess: Callable[[Case], int]
    at: Callable[[Case, int], Case]

    def smaller(self, case: Case) -> Iterator[Case]:
        """The least first, then half, then one less."""
        excess = self.excess(case)
        for size in sorted({0, excess // 2, excess - 1}):
            if 0 <= size < excess:
                yield self.at(case, size)


def of(case: Case) -> Iterator[Quantity]:
    """All that `case` has, and questions made from it."""
    if not case.pad:
        yield from (_length(axis) for axis in range(len(case.x)))
    else:
        yield _length(0)
        yield from _channels(case)
        yield from _along("dilation", case)
        yield from _pads(case)
        yield from _along("stride", case)
        yield from _along("kernel", case)
        axes = range(len(case.space))
        yield from map(_sides, [tuple(axes), *((axis,) for axis in axes)])
    yield from map(_setting, SETTINGS)


def _length(axis: int) -> Quantity:
    """One length of x, of the batch or of a helper's array."""

    def at(case: Case, size: int) -> Case:
        return replace(case, x=_put(case.x, axis, size + 1))

    return Quantity(lambda case: case.x[axis] - 1, at)


def _channels(case: Case) -> Iterator[Quantity]:
    if not case.w:
        yield _length(len(case.x) - 1)
        return
    yield Quantity(lambda c: c.w[-2] - 1, lambda c, size: _grouped(c, channels=size + 1))
    yield Quantity(lambda c: _filters(c) - 1, lambda c, size: _grouped(c, filters=size + 1))
    yield Quantity(lambda c: c.groups - 1, lambda c, size: _grouped(c, groups=size + 1))


def _filters(case: Case) -> int:
    """The filters of a group."""
    return case.w[-1] // case.groups


def _grouped(case: Case, channels: int = 0, filters: int = 0, groups: int = 0) -> Case:
    """With other channels and filters in a group, or with fewer groups."""
    channels, groups = channels or case.w[-2], groups or case.groups
    w = (*case.kernel, channels, (filters or _filters(case)) * groups)
    return replace(case, x=(*case.x[:-1], channels * groups), w=w, groups=groups)


def _along(name: str, case: Case) -> Iterator[Quantity]:
    """A setting that has an entry for each axis: all axes at once, or each where they differ."""
    sizes: Ints = getattr(case, name)
    if name == "stride" and sizes == case.kernel and not case.w:
        yield from (_entries(("kernel", "stride"), axes) for axes in _axes(sizes))
    yield from (_entries((name,), axes) for axes in _axes(sizes))


def _axes(sizes: Sequence[Any]) -> Iterator[Ints]:
    if sizes:
        yield tuple(range(len(sizes)))
    if len(set(sizes)) > 1:
        yield from ((axis,) for axis in range(len(sizes)))


def _entries(names: Sequence[str], axes: Ints) -> Quantity:
    def excess(case: Case) -> int:
        return max(int(getattr(case, names[0])[axis]) for axis in axes) - 1

    def at(case: Case, size: int) -> Case:
        sizes: dict[str, Any] = {n: _most(getattr(case, n), axes, size + 1) for n in names}
        w = (*sizes.get("kernel", case.kernel), *case.w[-2:]) if case.w else ()
        return replace(case, w=w, **sizes)

    return Quantity(excess, at)


def _pads(case: Case) -> Iterator[Quantity]:
    """All pads at once; each of an axis, or each single one, where they differ in the question."""
    yield _pad(tuple(range(2 * len(case.pad))))
    if case.word:
        return
    if any(before != after for before, after in case.pad):
        yield from (_pad((place,)) for place in range(2 * len(case.pad)))
    elif len(set(case.pad)) > 1:
        yield from (_pad((2 * axis, 2 * axis + 1)) for axis in range(len(case.pad)))


def _pad(places: Ints) -> Quantity:
    """The pads at these places of (before, after, before, after, ...); a word gives way to them."""

    def excess(case: Case) -> int:
        return max(_flat(case)[place] for place in places)

    def at(case: Case, size: int) -> Case:
        flat = _most(_flat(case), places, size)
        return replace(case, word="", pad=tuple(zip(flat[::2], flat[1::2], strict=True)))

    return Quantity(excess, at)


def _flat(case: Case) -> Ints:
    return tuple(size for pair in case.pad for size in pair)


def _sides(axes: Ints) -> Quantity:
    """The sides of x, down to those of a single window."""

    def excess(case: Case) -> int:
        return max(case.space[axis] - _window(case, axis) for axis in axes)

    def at(case: Case, size: int) -> Case:
        x = case.x
        for axis in axes:
            x = _put(x, axis + 1, min(case.space[axis], _window(case, axis) + size))
        return replace(case, x=x)

    return Quantity(excess, at)


def _window(case: Case, axis: int) -> int:
    """The least side that a window fits, with its pads."""
    if not case.kernel:
        return 1
    return max(1, case.dilation[axis] * (case.kernel[axis] - 1) + 1 - sum(case.pad[axis]))


def _setting(name: str) -> Quantity:
    def excess(case: Case) -> int:
        plain = all(before == after for before, after in case.pad)
        return int(getattr(case, name) != getattr(Case, name) and (name != "word" or plain))

    return Quantity(excess, lambda case, _: replace(case, **{name: getattr(Case, name)}))


def _most(sizes: Sequence[int], axes: Ints, size: int) -> Ints:
    """None of those along these axes above `size`."""
    return tuple(min(s, size) if axis in axes else s for axis, s in enumerate(sizes))


def _put(sizes: Ints, axis: int, size: int) -> Ints:
    return (*sizes[:axis], size, *sizes[axis + 1 :])
