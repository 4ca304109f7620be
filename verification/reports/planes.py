"""A wrong array beside the right one: the plane around its worst place, and a map of it."""

from __future__ import annotations

import numpy as np

from verification.judging import Comparison
from verification.questions import Array

ROWS, COLUMNS = 6, 6


def draw(compared: Comparison, channels_first: bool = False) -> list[str]:
    """Lines: the candidate's numbers, the oracle's, and # where they differ."""
    if compared.got is None or compared.want is None or compared.where is None:
        return []
    assert compared.worst is not None
    view = _view(compared.name, compared.worst.index, compared.want.shape, channels_first)
    columns = [
        ("yours", _numbers(compared.got[view])),
        ("oracle", _numbers(compared.want[view])),
        (f"{compared.name}{_label(view, compared.want.shape)}", _map(compared.where[view])),
    ]
    blocks = [[title, *lines] for title, lines in columns]
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
    shown = dict(zip(reversed(space), (COLUMNS, ROWS)))
    return tuple(
        _around(i, shape[axis], shown[axis]) if axis in shown else i for axis, i in enumerate(worst)
    )


def _around(place: int, size: int, most: int) -> slice:
    first = max(0, min(place - most // 2, size - most))
    return slice(first, min(size, first + most))


def _label(view: tuple[int | slice, ...], shape: tuple[int, ...]) -> str:
    parts = (_span(i, size) if isinstance(i, slice) else str(i) for i, size in zip(view, shape))
    return f"[{', '.join(parts)}]" if view else ""


def _span(shown: slice, size: int) -> str:
    return ":" if shown == slice(0, size) else f"{shown.start}:{shown.stop}"


def _numbers(plane: Array) -> list[str]:
    """Whole numbers in full, as they differ in their last digits; others rounded."""
    rows = np.atleast_2d(plane).astype(float)
    whole = bool(np.all((rows == np.rint(rows)) | ~np.isfinite(rows)))
    cells = [[f"{v:.17g}" if whole else f"{v:.6g}" for v in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def _map(plane: Array) -> list[str]:
    return [" ".join("#" if wrong else "." for wrong in row) for row in np.atleast_2d(plane)]
