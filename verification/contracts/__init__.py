"""What a candidate's functions are called, and how a question is put to them: a table each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from verification.case import Case

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Lookup = Callable[[str], Callable[..., Any]]
Replies = dict[str, Any]


@dataclass(frozen=True)
class Function:
    """One function of a contract: `op` is our name for what it does, `ask` puts a question to it.

    A reply is named after the oracle's outputs: y, index, dx, dw, db.
    """

    name: str
    op: str
    takes: Callable[[Case], bool]
    ask: Callable[[Lookup, Case, Arrays], Replies]


@dataclass(frozen=True)
class Contract:
    """A table of functions.  `bitwise` holds pools to torch's very bits, rounding included."""

    name: str
    functions: tuple[Function, ...]
    bitwise: bool = False


def returned(value: Any, names: str) -> Any:
    """What a call returned, if it is as many things as it should be."""
    if not isinstance(value, tuple | list) or len(value) != len(names.split(", ")):
        raise TypeError(f"it should return ({names}), it returned a {type(value).__name__}")
    return value
