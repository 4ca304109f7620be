"""A candidate: somebody's functions, found by name, and called with arrays of their own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.contracts import Contract
from verification.contracts.npcnn import CONTRACT

Array = NDArray[Any]


class UnloadableError(Exception):
    """The candidate cannot be imported; the message says why."""


@dataclass(frozen=True)
class Candidate:
    """A module of functions under a contract."""

    name: str
    module: ModuleType
    contract: Contract

    def get(self, name: str) -> Any:
        """The function of this name, dots included; None if there is none."""
        found: Any = self.module
        for part in name.split("."):
            found = getattr(found, part, None)
        return found

    @property
    def sha256(self) -> str:
        """Of the module's file, or of all files of the package."""
        path = Path(self.module.__file__ or "")
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What a call came to: its value, or the exception that ended it; what it printed; seconds."""

    value: Any = None
    error: BaseException | None = None
    stdout: str = ""
    seconds: float = 0.0


def load(name: str) -> Candidate:
    """The module of this name, imported; what it prints goes to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return Candidate(name, importlib.import_module(name), CONTRACT)
    except (
        Exception,
        SystemExit,
    ) as error:  # whatever a stranger's module raises, it cannot be judged
        raise UnloadableError(
            f"{name} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def call(ask: Callable[[], Any]) -> Reply:
    """Call, and catch what it prints and raises."""
    printed, start = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        try:
            value, error = ask(), None
        except (Exception, SystemExit) as raised:  # whatever a candidate raises is its answer
            value, error = None, raised
    return Reply(value, error, printed.getvalue(), time.perf_counter() - start)


def changed(given: Mapping[str, Array], kept: Mapping[str, Array]) -> list[str]:
    """The names of the arrays that are no longer what they were, bit for bit."""
    return [
        name
        for name, array in given.items()
        if array.astype(kept[name].dtype).tobytes() != kept[name].tobytes()
    ]


def shared(given: Mapping[str, Array], replies: Mapping[str, Any]) -> list[str]:
    """`y with x` for every reply that shares memory with what was given."""
    return [
        f"{reply} with {name}"
        for reply, value in replies.items()
        for name, array in given.items()
        if isinstance(value, np.ndarray) and np.may_share_memory(value, array)
    ]
