"""A wrong array beside the right one: the plane around its worst place, and a map of it."""

from __future__ import annotations

import numpy as np

from verification.judging import Comparison
from verification.questions import Array

MOST = 6
"""Rows, and columns, of a plane that are shown."""


def draw(compared: Comparison, channels_first: bool = False) -> list[str]:
    """Lines: the candidate's numbers, the oracle's, and # where they differ."""
    assert compared.worst is not None
    got, want, where = map(np.asarray, (compared.got, compared.want, compared.where))
    worst = compared.worst.index
    view: list[int | slice] = list(worst)
    words = [str(i) for i in worst]
    for axis in _choose_axes(compared.name, want.ndim, channels_first):
        size = want.shape[axis]
        first = max(0, min(worst[axis] - MOST // 2, size - MOST))
        last = min(size, first + MOST)
        view[axis] = slice(first, last)
        words[axis] = ":" if last - first == size else f"{first}:{last}"
    at = tuple(view)
    head = f"{compared.name}[{', '.join(words)}]" if words else compared.name
    marks = np.where(np.atleast_2d(where[at]), "#", ".")
    blocks = [
        ["yours", *_numbers(got[at])],
        ["oracle", *_numbers(want[at])],
        [head, *map(" ".join, marks)],
    ]
    widths = [max(map(len, block)) for block in blocks]
    rows = zip(*blocks, strict=True)
    return ["   ".join(line.ljust(w) for line, w in zip(row, widths)).rstrip() for row in rows]


def _choose_axes(name: str, rank: int, channels_first: bool) -> range:
    """Those of the plane: the last two spatial ones."""
    space = range(rank)
    if rank > 2 and channels_first:
        space = range(2, rank)
    elif rank > 2:
        space = range(rank - 2) if name in ("dw", "dW") else range(1, rank - 1)
    return space[-2:]


def _numbers(plane: Array) -> list[str]:
    """Whole numbers in full, as they differ in their last digits; others rounded."""
    rows = np.atleast_2d(plane).astype(float)
    whole = bool(np.all((rows == np.rint(rows)) | ~np.isfinite(rows)))
    cells = [[f"{v:.17g}" if whole else f"{v:.6g}" for v in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]
