"""What the field leaves open about the form of an answer: shapes of one number, types of a mask.

    db-shape             the numbers of db in another shape
    single-step-shape    one number in an array with axes
    mask-float           0 and 1 where False and True are meant
    wider-result         float64 where float32 came in

The rules that show in the numbers themselves (ties, division by the batch) are in the catalogue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def settled(op: str, name: str, got: Any, want: Array, dtype: str) -> tuple[Any, str]:
    """The answer in the form that was asked for, and the convention that it follows instead."""
    if type(got) is not np.ndarray or got.dtype.kind not in "biuf":
        return got, ""
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
