"""What the judge asks of a worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.apart.loading import Source
from verification.case import Case

Array = NDArray[Any]


@dataclass(frozen=True)
class Setup:
    """Whom to load, and how: MiB of memory, and whether to mend the errors of age."""

    source: Source
    memory: int
    mend: bool


@dataclass(frozen=True)
class Request:
    """A question to one function of a contract; `names` are the candidate's own, by ours.

    A `layout` is the arrays' way through memory where it is to be another than the question's.
    """

    contract: str
    function: str
    names: Mapping[str, str]
    case: Case
    given: Mapping[str, Array]
    cache: str = "own"
    layout: str = ""

    def is_same(self, other: object) -> bool:
        """Whether this very question is put to this very function."""
        return (
            isinstance(other, Request)
            and self.case is other.case
            and self.given is other.given
            and (self.contract, self.function, self.cache, self.layout, self.names)
            == (other.contract, other.function, other.cache, other.layout, other.names)
        )


@dataclass(frozen=True)
class Refused:
    """A call that must be refused: the candidate's function, and arguments as cases/ has them."""

    function: str
    arguments: Mapping[str, Any]


def argument(value: Any) -> Any:
    """A refusal's argument, made anew: {array = shape, dtype = ...}, {tuple = [...]} or plain."""
    if isinstance(value, dict):
        if "array" in value:
            shape = tuple(value["array"])
            return np.arange(math.prod(shape)).reshape(shape).astype(value.get("dtype", "float64"))
        if "tuple" in value:
            return tuple(map(argument, value["tuple"]))
        return {name: argument(inner) for name, inner in value.items()}
    return list(map(argument, value)) if isinstance(value, list) else value
