"""What a worker says, read word by word: whatever is not as it must be is a FrameError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verification.apart.frames import Frame, FrameError, Value

STATUSES = ("ok", "CRASH", "MEMORY")


@dataclass(frozen=True)
class Hello:
    """What a candidate is: its functions with the names of their parameters, where known.

    `stubs` are functions not written yet, and `limits` the protections that hold here.
    """

    names: dict[str, list[str] | None]
    stubs: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    stdout: str = ""
    limits: tuple[str, ...] = ()
    python: str = ""
    numpy: str = ""


@dataclass(frozen=True)
class Reply:
    """What a question came to: "ok", "CRASH", "TIMEOUT" or "MEMORY".

    `kind` is the exception's type, or TIMEOUT, MEMORY, DIED; `where` holds the candidate's own
    lines, `changed` the arguments that it changed, `shared` results within its arguments' memory;
    `steady` says whether it answered the same when it was asked again.
    """

    status: str
    values: Mapping[str, Value] = field(default_factory=dict)
    error: str = ""
    kind: str = ""
    where: tuple[str, ...] = ()
    stdout: str = ""
    seconds: float = 0.0
    changed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    steady: bool = True
    notes: tuple[str, ...] = ()


def hello(header: Mapping[str, Any]) -> Hello:
    names = header.get("names")
    if not isinstance(names, dict) or not all(map(_is_parameters, names.values())):
        raise FrameError("its names are none")
    return Hello(
        names,
        frozenset(_texts(header, "stubs")),
        _texts(header, "notes"),
        _text(header, "stdout"),
        _texts(header, "limits"),
        _text(header, "python"),
        _text(header, "numpy"),
    )


def _is_parameters(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    )


def reply(first: Frame, again: Frame) -> Reply:
    """Both answers to one question; the second counts for what no answer may do."""
    header, values = first
    second, _ = again
    if (_flag(header, "again"), _flag(second, "again")) != (False, True):
        raise FrameError("its answers are not in turn")
    if (status := _text(header, "status")) not in STATUSES:
        raise FrameError("its status is none")
    return Reply(
        status,
        values,
        _text(header, "error"),
        _text(header, "kind"),
        _texts(header, "where"),
        _text(header, "stdout"),
        _seconds(header),
        _either("changed", header, second),
        _either("shared", header, second),
        _flag(second, "steady"),
        _either("notes", header, second),
    )


def _either(name: str, *headers: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for header in headers for text in _texts(header, name)))


def _text(header: Mapping[str, Any], name: str) -> str:
    if not isinstance(text := header.get(name), str):
        raise FrameError(f"{name} is no text")
    return text


def _texts(header: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = header.get(name)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise FrameError(f"{name} are no texts")
    return tuple(texts)


def _flag(header: Mapping[str, Any], name: str) -> bool:
    if not isinstance(flag := header.get(name), bool):
        raise FrameError(f"{name} is neither true nor false")
    return flag


def _seconds(header: Mapping[str, Any]) -> float:
    seconds = header.get("seconds")
    if not isinstance(seconds, float) or not math.isfinite(seconds) or seconds < 0:
        raise FrameError("seconds are none")
    return seconds
