"""A question with its arrays, and what is true of them: the oracle's answers and their bounds."""

from __future__ import annotations

import functools
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


SMALL = 20_000
"""Multiply-adds of a question whose answers are remembered; of larger ones the last few are."""
FEW = 4


class OracleFaultError(Exception):
    """The oracle and the definition disagree: nobody can be judged by either."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A question with its arrays and the truth about them, which is found when it is wanted."""

    case: Case
    given: Arrays
    dtype: str
    seed: int = 0
    bitwise: bool = False

    @property
    def truth(self) -> Arrays:
        return self._known[0]

    @property
    def limits(self) -> Arrays:
        return self._known[1]

    @functools.cached_property
    def _known(self) -> tuple[Arrays, Arrays]:
        bits = self.bitwise and self.case.op in ("max_pool", "avg_pool", "zero_pad")
        return _truth(self.case, self.given, self.dtype, self.case.is_exact or bits)

    @functools.cached_property
    def missed(self) -> float:
        """The largest error, in units of an output's root mean square, that its bounds allow."""
        shares = [_share(limit, self.truth[name]) for name, limit in self.limits.items()]
        return max(shares, default=0.0)

    @functools.cached_property
    def chance(self) -> float:
        """How often a wrong coefficient leaves an output of random integers as it is."""
        if self.case.fill != "integers" or "w" not in self.given or not self.case.x[0]:
            return 0.0
        top = min(np.abs(self.given[name]).max(initial=1) for name in ("x", "w"))
        return float(2 / (2 * top + 1))


def of(case: Case, seed: int, dtype: str, bitwise: bool = False) -> Asked:
    """The question's arrays, and what is true of them."""
    asked = _small if case.work <= SMALL else _large
    return asked(case, seed, dtype, bitwise)


def _asked(case: Case, seed: int, dtype: str, bitwise: bool) -> Asked:
    dtype = case.dtype or dtype
    return Asked(case, fills.arrays(case, seed, dtype), dtype, seed, bitwise)


_small, _large = (functools.lru_cache(maxsize=size)(_asked) for size in (8192, FEW))


def forget() -> None:
    """Ask anew from now on."""
    for remembered in (_small, _large):
        remembered.cache_clear()


def _share(limit: Array, truth: Array) -> float:
    scale = math.sqrt(float(np.square(truth.astype(float)).mean())) if truth.size else 0.0
    return float(limit.max()) / scale if scale else 0.0


def _truth(case: Case, given: Arrays, dtype: str, exact: bool) -> tuple[Arrays, Arrays]:
    """The oracle's answers, vouched for by the definition where it can be; and their bounds."""
    if not exact:
        wide = {name: a.astype(np.float64) for name, a in given.items()}
        return oracle.answers(case, wide), bounds.of(case, given, dtype)
    truth = _narrowed(case, given) if dtype == "float16" else oracle.answers(case, given)
    if case.is_exact and case.work <= definition.AFFORDABLE:
        defined = definition.answers(case, {name: _numbers(a) for name, a in given.items()})
        for name, numbers in defined.items():
            values = np.array(list(numbers.values()), truth[name].dtype).reshape(truth[name].shape)
            if not np.array_equal(values, truth[name], equal_nan=values.dtype.kind == "f"):
                raise OracleFaultError(f"torch and the definition disagree on {name} of {case.row}")
    return truth, {}


def _narrowed(case: Case, given: Arrays) -> Arrays:
    """Torch's own half precision is no oracle, and where integers are exact none is needed."""
    wide = oracle.answers(case, {name: a.astype(np.float32) for name, a in given.items()})
    return {name: a.astype(np.float16) if a.dtype.kind == "f" else a for name, a in wide.items()}


def _numbers(a: Array) -> dict[tuple[int, ...], Any]:
    """Python's numbers by index, integers wherever they are whole."""
    flat = (int(v) if math.isfinite(v) and v == int(v) else v for v in a.ravel().tolist())
    return dict(zip(np.ndindex(a.shape), flat, strict=True))
