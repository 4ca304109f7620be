"""Ways through memory: the same numbers, which an answer must not depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def laid_out(a: Array, layout: str) -> Array:
    """A copy with another way through memory; broadcast takes every image for the first."""
    if not a.ndim:
        layout = "C"
    if layout == "F":
        return np.array(a, order="F")
    if layout == "strided":
        return np.repeat(a, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return np.array(a[..., ::-1])[..., ::-1]
    if layout == "broadcast":
        return np.broadcast_to(np.array(a[:1]), a.shape)
    if layout == "swapped":
        return a.astype(a.dtype.newbyteorder())
    copy = np.array(a)
    copy.setflags(write=layout != "readonly")
    return copy
