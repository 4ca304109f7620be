"""What was got against what is wanted, element by element, within a bound.

What the field leaves open about the form of an answer is a convention, and known by name:

    db-shape             the numbers of db in another shape
    single-step-shape    one number in an array with axes
    mask-float           0 and 1 where False and True are meant
    wider-result         float64 where float32 came in
    nonfinite-spreads    an infinity or NaN of the input in outputs that do not read it

The conventions that show in the numbers themselves (ties, division by the batch) are forms of the
catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from verification.questions import Array

LOST = 2.0**-7
"""Of the largest number: more than float16 loses."""


@dataclass(frozen=True)
class Worst:
    """The place that is furthest from its bound."""

    index: tuple[int, ...]
    got: float
    want: float
    error: float
    bound: float


@dataclass(frozen=True)
class Comparison:
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
    def is_right(self) -> bool:
        return not (self.wrong or self.message)

    @property
    def lacks_numbers(self) -> bool:
        """Whether nothing is wrong but that an infinity or NaN stands where a number should."""
        return not (self.message or np.isfinite(np.asarray(self.got)[self.where]).any())


def compare(
    name: str,
    got: Any,
    want: Array,
    dtype: str,
    bound: Array | float = 0.0,
    is_signed: bool = False,
) -> Comparison:
    """`got` against `want` under a bound; 0 asks for equality, `is_signed` for that of zeros too.

    NaN equals NaN, and an infinity itself.  In another dtype all of it is wrong; where its numbers
    are, too, beyond what that loses, they are shown.
    """
    message = check_form(got, want, dtype)
    if message and (getattr(got, "shape", None) != want.shape or got.dtype.kind not in "iuf"):
        return Comparison(name, want.size, want.size, message)
    a, b = np.asarray(got, np.float64), want.astype(np.float64)
    if message:
        bound, is_signed = LOST * np.abs(b).max(initial=0, where=np.isfinite(b)), False
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b)
        agree = (a == b) | (np.isnan(a) & np.isnan(b)) | (error <= bound)
    wrong = np.asarray(~agree)  # of one number, too
    if is_signed:
        wrong |= (a == 0) & (np.signbit(a) != np.signbit(b))
    if not wrong.any():
        return Comparison(name, want.size * bool(message), want.size, message)
    excess = np.where(wrong, np.nan_to_num(error - bound, nan=np.inf, posinf=np.inf), -1.0)
    at = tuple(int(i) for i in np.unravel_index(int(excess.argmax()), want.shape))
    limit = float(np.broadcast_to(bound, want.shape)[at])
    worst = Worst(at, float(a[at]), float(b[at]), float(error[at]), limit)
    return Comparison(name, int(wrong.sum()), want.size, message, worst, got, want, wrong)


def check_form(got: Any, want: Array, dtype: str) -> str:
    """What is wrong with the answer before any number is looked at."""
    if type(got) is not np.ndarray:
        return f"is a {getattr(got, 'kind', type(got).__name__)}, not an array"
    if got.shape != want.shape:
        return f"has shape {got.shape}, it should be {want.shape}"
    wanted = np.dtype(dtype) if want.dtype.kind == "f" else want.dtype
    if got.dtype != wanted:
        return f"has dtype {got.dtype}, it should be {wanted}"
    return ""


def conform(op: str, name: str, got: Any, want: Array, dtype: str) -> tuple[Any, str]:
    """The answer in the form that is wanted, and the convention that it follows instead, if any."""
    if type(got) is not np.ndarray or got.dtype.kind not in "biuf":
        return got, ""
    got = got.astype(got.dtype.newbyteorder("="), copy=False)  # whatever order came in
    if got.shape != want.shape and got.size == want.size:
        if op == "conv_single_step":
            return got.reshape(want.shape), "single-step-shape"
        if name == "db" and sorted(got.shape)[:-1] == [1] * (got.ndim - 1):
            return got.reshape(want.shape), "db-shape"
    if op == "create_mask_from_window" and got.dtype.kind != "b" and got.shape == want.shape:
        return (got.astype(bool), "mask-float") if np.isin(got, (0, 1)).all() else (got, "")
    if dtype == "float32" and want.dtype.kind == "f" and got.dtype == np.float64:
        return got.astype(np.float32), "wider-result"
    return got, ""
