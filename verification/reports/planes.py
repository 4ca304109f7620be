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
    view = _view(compared.name, compared.worst.index, want.shape, channels_first)
    marks = np.where(np.atleast_2d(where[view]), "#", ".")
    blocks = [
        ["yours", *_numbers(got[view])],
        ["oracle", *_numbers(want[view])],
        [compared.name + _label(view, want.shape), *map(" ".join, marks)],
    ]
    widths = [max(map(len, block)) for block in blocks]
    rows = zip(*blocks, strict=True)
    return ["   ".join(line.ljust(w) for line, w in zip(row, widths)).rstrip() for row in rows]


def _view(
    name: str, worst: tuple[int, ...], shape: tuple[int, ...], channels_first: bool
) -> tuple[int | slice, ...]:
    """The worst place's index with the plane through it opened: the last two spatial axes."""
    rank = len(shape)
    space = range(rank)
    if rank > 2 and channels_first:
        space = range(2, rank)
    elif rank > 2:
        space = range(rank - 2) if name in ("dw", "dW") else range(1, rank - 1)
    view: list[int | slice] = list(worst)
    for axis in space[-2:]:
        first = max(0, min(worst[axis] - MOST // 2, shape[axis] - MOST))
        view[axis] = slice(first, min(shape[axis], first + MOST))
    return tuple(view)


def _label(view: tuple[int | slice, ...], shape: tuple[int, ...]) -> str:
    """The index as NumPy writes it."""
    parts = []
    for shown, size in zip(view, shape):
        part = f"{shown.start}:{shown.stop}" if isinstance(shown, slice) else f"{shown}"
        parts.append(":" if part == f"0:{size}" else part)
    return f"[{', '.join(parts)}]" if view else ""


def _numbers(plane: Array) -> list[str]:
    """Whole numbers in full, as they differ in their last digits; others rounded."""
    rows = np.atleast_2d(plane).astype(float)
    whole = bool(np.all((rows == np.rint(rows)) | ~np.isfinite(rows)))
    cells = [[f"{v:.17g}" if whole else f"{v:.6g}" for v in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]
