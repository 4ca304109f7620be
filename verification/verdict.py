"""What was got against what was wanted, element by element, within a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Worst:
    """The place that is furthest from its bound."""

    index: tuple[int, ...]
    got: float
    want: float
    error: float
    bound: float


@dataclass(frozen=True)
class Verdict:
    """One output: how many of its elements are wrong, where, and which most; or what else is."""

    name: str
    wrong: int
    of: int
    message: str = ""
    worst: Worst | None = None
    got: Array | None = None
    want: Array | None = None
    where: Array | None = None

    @property
    def ok(self) -> bool:
        return not (self.wrong or self.message)

    @property
    def share(self) -> float:
        """The worst error as a share of the largest number; infinite where none was compared."""
        if self.worst is None or self.want is None:
            return np.inf
        top = float(np.abs(np.nan_to_num(self.want.astype(float))).max())
        return self.worst.error / top if top else np.inf

    @property
    def overflows(self) -> bool:
        """Whether every wrong number is no number, where one should be."""
        if self.got is None or self.want is None or self.where is None:
            return False
        return not np.isfinite(self.got[self.where]).any()


def compare(
    name: str, got: Any, want: Array, dtype: str, bound: Array | float = 0.0, signed: bool = False
) -> Verdict:
    """`got` against `want` under a bound; 0 asks for equality, and `signed` for that of zeros too.

    NaN equals NaN, and an infinity itself.
    """
    message = _form(got, want, dtype)
    if message:
        return Verdict(name, want.size, want.size, message)
    got = np.asarray(got)
    a, b = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b)
        wrong = ~((a == b) | (np.isnan(a) & np.isnan(b)) | (error <= bound))
    if signed:
        wrong |= (a == 0) & (np.signbit(a) != np.signbit(b))
    count = int(wrong.sum())
    if not count:
        return Verdict(name, 0, want.size)
    excess = np.where(wrong, np.nan_to_num(error - bound, nan=np.inf, posinf=np.inf), -1.0)
    at = tuple(int(i) for i in np.unravel_index(int(excess.argmax()), want.shape))
    limit = float(np.broadcast_to(bound, want.shape)[at])
    worst = Worst(at, float(a[at]), float(b[at]), float(error[at]), limit)
    return Verdict(name, count, want.size, "", worst, got, want, wrong)


def _form(got: Any, want: Array, dtype: str) -> str:
    """What is wrong with the answer before any number is looked at."""
    if type(got) is not np.ndarray and not isinstance(got, np.generic):
        return f"is a {getattr(got, 'kind', type(got).__name__)}, not an array"
    if got.shape != want.shape:
        return f"has shape {got.shape}, it should be {want.shape}"
    wanted = np.dtype(dtype) if want.dtype.kind == "f" else want.dtype
    if got.dtype != wanted:
        return f"has dtype {got.dtype}, it should be {wanted}"
    return ""
