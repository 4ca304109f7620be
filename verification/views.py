"""A changed question, seen from the first one: place by place along every axis of its arrays.

    a'[i, j, ...] = a[rows[i], columns[j], ...]        for x, w, b and dy
    y[rows[i], columns[j], ...] = y'[i, j, ...]        and so for dx, dw and db, the other way

A place that the first question does not have shows nothing: padding in x, zeros elsewhere.  The
gradients' relations are the forward pass's transposed, and parts of a question that are asked one
by one add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.case import Case

Array = NDArray[Any]
Places = Sequence[int]
Pair = tuple[tuple[Array, ...], tuple[Array, ...]]


@dataclass(frozen=True)
class View:
    """A changed question; for each of its places the first one's, along every kind of axis.

    `depths` are w's channels, those of one group.  Where it is `turned`, the places are in the
    first question's order of axes, and the changed one has its first spatial axis last.
    """

    case: Case
    examples: Places
    cells: tuple[Places, ...]
    windows: tuple[Places, ...]
    taps: tuple[Places, ...]
    channels: Places
    depths: Places
    filters: Places
    turned: bool = False

    def places(self, name: str) -> tuple[Places, ...]:
        """Along the axes of an array of this name."""
        if name in ("x", "dx"):
            return (self.examples, *self.cells, self.channels)
        if name in ("w", "dw"):
            return (*self.taps, self.depths, self.filters)
        if name in ("b", "db"):
            return (self.filters,)
        return (self.examples, *self.windows, self.filters)

    def shown(self, name: str, a: Array, nothing: float = 0) -> Array:
        """The changed question's array, of the first one's."""
        return self._turned(name, _shown(self.places(name), a, nothing))

    def told(self, name: str, answer: Array, shape: Sequence[int]) -> Array:
        """What the changed answer says of the first one's output, of this shape; else zeros."""
        mine, theirs = _meeting(self.places(name), shape)
        whole = np.zeros(shape)
        whole[mine] = self._turned(name, answer, back=True)[theirs]
        return whole

    def numbers(self, index: Array, space: Sequence[int]) -> Array:
        """Numbers of the changed question's cells as the first one numbers them; else -1."""
        numbers = _shown(self.cells, np.arange(math.prod(space)).reshape(space), -1)
        known = (np.moveaxis(numbers, 0, -1) if self.turned else numbers).ravel()
        inside = (index >= 0) & (index < known.size)
        return np.where(inside, known[np.where(inside, index, 0).astype(int)], -1)

    def _turned(self, name: str, a: Array, back: bool = False) -> Array:
        if not self.turned or name in ("b", "db"):
            return a
        first = 0 if name in ("w", "dw") else 1
        last = first + len(self.cells) - 1
        return np.moveaxis(a, last, first) if back else np.moveaxis(a, first, last)


def _shown(places: Sequence[Places], a: Array, nothing: float) -> Array:
    mine, theirs = _meeting(places, a.shape)
    seen = np.full([len(along) for along in places], nothing, a.dtype)
    seen[theirs] = a[mine]
    return seen


def _meeting(places: Sequence[Places], shape: Sequence[int]) -> Pair:
    """The first question's places that are shown, and the changed one's that show them."""
    lines = [np.asarray(along) for along in places]
    theirs = [np.flatnonzero((along >= 0) & (along < n)) for along, n in zip(lines, shape)]
    mine = [along[at] for along, at in zip(lines, theirs)]
    return np.ix_(*mine), np.ix_(*theirs)


def still(case: Case) -> View:
    """The question itself."""
    depths = case.w[-2] if case.w else 1
    sizes = case.space, case.out, case.w[:-2]
    cells, windows, taps = (tuple(map(range, lengths)) for lengths in sizes)
    ends = range(case.x[-1]), range(depths), range(case.y[-1])
    return View(case, range(case.x[0]), cells, windows, taps, *ends)
