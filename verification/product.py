"""A convolution's bare matrix products in NumPy, of numbers that lie ready: the benchmark's limit.

Nothing is padded, gathered, scattered or added up, and the cells stay in the caches: passes that
take these products, each multiplication once, cannot be faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.case import Case

CELLS = 4 * 2**20
"""Bytes of gathered cells in one product."""


def of_numpy(
    case: Case, given: Mapping[str, NDArray[Any]]
) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """The products of y, and those of dx and dw; none of pools and of groups of one channel."""
    if case.op != "conv" or given["w"].shape[-2] == 1 < case.groups:
        return {}
    w, filters = given["w"], given["w"].shape[-1] // case.groups
    depth, windows = w.size // w.shape[-1], given["dy"].size // w.shape[-1]
    parts = -(-windows // max(1, CELLS // (depth * case.groups * w.itemsize)))
    rows = -(-windows // parts)
    cells, spread = np.ones((2, case.groups, rows, depth), w.dtype)
    weights, dw = np.ones((2, case.groups, depth, filters), w.dtype)
    y, dy = np.ones((2, case.groups, rows, filters), w.dtype)

    def forward() -> None:
        for _ in range(parts):
            np.matmul(cells, weights, out=y)

    def backward() -> None:
        for _ in range(parts):
            np.matmul(dy, weights.mT, out=spread)
            np.matmul(cells.mT, dy, out=dw)

    return {"product": (forward, backward)}
