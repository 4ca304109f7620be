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

PRINTED = 500
"""Characters kept of what one call prints."""


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
        try:
            for part in name.split("."):
                found = getattr(found, part, None)
        except Exception:  # a stranger's __getattr__
            return None
        return found

    @property
    def sha256(self) -> str:
        """Of the module's file, or of all files of the package; of nothing if it has none."""
        path = Path(getattr(self.module, "__file__", None) or "")
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.is_file())).hexdigest()


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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a stranger's module raises, it cannot be judged
        raise UnloadableError(f"{name} cannot be loaded: {told(error)}") from error


def call(ask: Callable[[], Any]) -> Reply:
    """Call, and catch what it prints and raises."""
    printed, start = io.StringIO(), time.perf_counter()
    value, error = None, None
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        try:
            value = ask()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # whatever a candidate raises is its answer
            error = raised
    return Reply(value, error, _cut(printed), time.perf_counter() - start)


def told(error: BaseException | None) -> str:
    """The exception's type and words, if it has any that can be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a stranger's __str__
        return f"{type(error).__name__}, whose words cannot be read"


def changed(given: Mapping[str, Array], kept: Mapping[str, Array]) -> list[str]:
    """The names of the arrays that are no longer what they were: shape, kind, or any bit."""
    return [
        name
        for name, array in given.items()
        if array.shape != kept[name].shape
        or array.dtype.newbyteorder("=") != kept[name].dtype
        or array.astype(kept[name].dtype).tobytes() != kept[name].tobytes()
    ]


def _cut(printed: io.StringIO) -> str:
    text = "" if printed.closed else printed.getvalue()
    return (
        text if len(text) <= PRINTED else f"{text[:PRINTED]} ... (cut after {PRINTED} characters)"
    )


def shared(given: Mapping[str, Array], replies: Mapping[str, Any]) -> list[str]:
    """`y with x` for every reply that shares memory with what was given."""
    return [
        f"{reply} with {name}"
        for reply, value in replies.items()
        for name, array in given.items()
        if isinstance(value, np.ndarray) and np.may_share_memory(value, array)
    ]
