"""What the judge asks of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Refused:
    """A call that must be refused: the candidate's function, and arguments as cases/ has them."""

    function: str
    arguments: Mapping[str, Any]
