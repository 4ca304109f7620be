"""What a call must leave as it was: copies of its arguments, compared with them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def copied(value: Any) -> Any:
    """A copy, arrays and containers of them included; anything else stands for itself."""
    if isinstance(value, np.ndarray):
        return np.ndarray.copy(value)
    if type(value) is dict:
        return {name: copied(inner) for name, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(copied, value))
    return value


def same(value: Any, kept: Any) -> bool:
    """Whether a value still is what its copy is, bit for bit; no method of a stranger is called."""
    if isinstance(kept, np.ndarray):
        return isinstance(value, np.ndarray) and bits(value) == bits(kept)
    if type(value) is not type(kept):
        return False
    if type(kept) is dict:
        return list(value) == list(kept) and all(same(value[name], kept[name]) for name in kept)
    if type(kept) in (list, tuple):
        return len(value) == len(kept) and all(map(same, value, kept))
    if type(kept) in PLAIN:
        return repr(value) == repr(kept)
    return value is kept


def bits(value: Any) -> tuple[Any, ...]:
    """What two arrays have in common where no difference can be seen."""
    if not isinstance(value, np.ndarray):
        return (value,)
    return value.dtype.str, value.shape, np.ndarray.tobytes(value)


def shared(given: Mapping[str, Array], replies: Mapping[str, Any]) -> list[str]:
    """`y with x` for every reply that shares memory with what was given."""
    return [
        f"{reply} with {name}"
        for reply, value in replies.items()
        for name, array in given.items()
        if isinstance(value, np.ndarray) and np.may_share_memory(value, array)
    ]
