"""A question with its arrays, and what is true of them: the oracle's answers and their bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import bounds, definition, fills, oracle
from verification.case import Case

Array = NDArray[Any]
Arrays = Mapping[str, Array]


class OracleFaultError(Exception):
    """The oracle and the definition disagree: nobody can be judged by either."""


@dataclass(frozen=True)
class Asked:
    """A question with its arrays and the truth about them."""

    case: Case
    given: Arrays
    truth: Arrays
    limits: Arrays
    dtype: str


def of(case: Case, seed: int, dtype: str, bitwise: bool = False) -> Asked:
    """The question's arrays, and what is true of them."""
    given = fills.arrays(case, seed, dtype)
    bits = bitwise and case.op in ("max_pool", "avg_pool", "zero_pad")
    truth, limits = _truth(case, given, dtype, case.is_exact or bits)
    return Asked(case, given, truth, limits, dtype)


def _truth(case: Case, given: Arrays, dtype: str, exact: bool) -> tuple[Arrays, Arrays]:
    """The oracle's answers, vouched for by the definition where it can be; and their bounds."""
    if not exact:
        wide = {name: a.astype(np.float64) for name, a in given.items()}
        return oracle.answers(case, wide), bounds.of(case, given, dtype)
    truth = oracle.answers(case, given)
    if case.is_exact and case.work <= definition.AFFORDABLE:
        defined = definition.answers(case, {name: _numbers(a) for name, a in given.items()})
        for name, numbers in defined.items():
            values = np.array(list(numbers.values()), float).reshape(truth[name].shape)
            if not np.array_equal(values, truth[name].astype(float), equal_nan=True):
                raise OracleFaultError(f"torch and the definition disagree on {name} of {case.row}")
    return truth, {}


def _numbers(a: Array) -> dict[tuple[int, ...], Any]:
    """Python's numbers by index, integers wherever they are whole."""
    flat = (int(v) if math.isfinite(v) and v == int(v) else v for v in a.ravel().tolist())
    return dict(zip(np.ndindex(a.shape), flat, strict=True))
