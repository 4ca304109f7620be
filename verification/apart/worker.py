"""The process in which a candidate runs: it loads it, and puts the judge's questions to it.

Requests come pickled, since the judge is trusted; replies go out as frames.  Three kinds of them:
one when the worker is ready, one when the candidate is loaded, two for each question, which is
asked twice so that an answer that differs from run to run is seen.
"""

from __future__ import annotations

import builtins
import io
import os
import pickle
import platform
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from verification import contracts
from verification.apart import call, frames, loading, mending, stubs
from verification.apart.call import Answer, Stranger
from verification.apart.prints import Prints
from verification.apart.requests import Refused, Request, Setup
from verification.apart.stage import Stage

PREFIX = struct.Struct("<Q")
MOST = 2000
"""Names told of at most."""
ABOVE = 200
"""The descriptors of the protocol lie above those that a candidate may close in a sweep."""


def serve(
    requests: int, replies: int, held: frozenset[str], namespace: Mapping[str, Any] | None = None
) -> None:
    """Answer until the requests end; of a live session the namespace is at hand."""
    wire = Wire(_aside(requests), _aside(replies))
    prints = Prints()
    _silence(prints)
    for name in contracts.NAMES:
        contracts.get(name)  # read now, before a stranger's folder is on the path
    wire.send({"token": "", "pid": os.getpid()})
    token, setup = wire.receive()
    held |= _limited(setup.memory)
    stage = Stage(builtins, np)
    try:
        with stage:
            if setup.mend:
                mending.mend(np)
            loaded = loading.load(setup.source, namespace)
    except BaseException as error:
        where = loading.own_lines(error, _root(setup))
        wire.send({"token": token, "unloadable": loading.told(error), "where": where})
        return
    found = loading.functions(loaded)
    wire.send({"token": token, **_hello(loaded, found, prints, held)})
    stranger = Stranger(loaded, stage, prints, setup.mend)
    while True:
        token, request = wire.receive()
        _answer(wire, token, stranger, request, loaded)


def _hello(
    loaded: loading.Loaded, found: Mapping[str, Any], prints: Prints, held: frozenset[str]
) -> dict[str, Any]:
    names = {name: loading.parameters(one) for name, one in list(found.items())[:MOST]}
    return {
        "names": names,
        "stubs": sorted(stubs.stubs(found)),
        "notes": [*loaded.notes, *loaded.foreign()],
        "stdout": prints.take(),
        "limits": sorted(held),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _answer(
    wire: Wire, token: str, stranger: Stranger, request: Request | Refused, loaded: loading.Loaded
) -> None:
    """The first answer, and whether the second is the same."""
    first, seen = _answered(stranger, request)
    try:
        wire.send({"token": token, "again": False, **_header(first, loaded)}, first.values)
    except MemoryError as error:  # before anything was written
        first, seen = _too_much(error)
        wire.send({"token": token, "again": False, **_header(first, loaded)})
    del first
    again, bits = _answered(stranger, request)
    wire.send({"token": token, "again": True, "steady": bits == seen, **_header(again, loaded)})


def _answered(stranger: Stranger, request: Request | Refused) -> tuple[Answer, Any]:
    """An answer and its bits."""
    try:
        answer = stranger.ask(request)
        return answer, answer.bits
    except MemoryError as error:
        return _too_much(error)


def _too_much(error: MemoryError) -> tuple[Answer, Any]:
    answer = Answer("MEMORY", loading.told(error), "MEMORY")
    return answer, answer.bits


def _header(answer: Answer, loaded: loading.Loaded) -> dict[str, Any]:
    return {
        "status": answer.status,
        "error": answer.error,
        "kind": answer.kind,
        "where": answer.where,
        "stdout": answer.stdout,
        "seconds": answer.seconds,
        "changed": answer.changed,
        "shared": answer.shared,
        "notes": loaded.foreign(),
    }


class Wire:
    """To the judge and back; what it needs is at hand before a stranger can replace it."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests, self._replies = requests, replies
        self._read, self._write, self._exit = os.read, os.write, os._exit
        self._loads, self._encode = pickle.loads, frames.encode

    def receive(self) -> Any:
        """A token and a request; where there are no more, the end."""
        (size,) = PREFIX.unpack(self._exactly(PREFIX.size))
        return self._loads(self._exactly(size))

    def _exactly(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            piece = self._read(self._requests, min(size - len(data), 2**20))
            if not piece:
                self._exit(0)
            data += piece
        return data

    def send(self, header: Mapping[str, Any], values: Mapping[str, frames.Value] = {}) -> None:
        frame = memoryview(self._encode(header, values))
        while frame:
            frame = frame[self._write(self._replies, frame) :]


def _aside(descriptor: int) -> int:
    """The descriptor, out of the way; in its place there is nothing to read or write."""
    import fcntl

    aside = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ABOVE)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, descriptor)
    os.close(nothing)
    return aside


def _silence(prints: Prints) -> None:
    """Nobody is there to type, and nothing that is printed reaches a terminal."""

    def nobody(prompt: object = "") -> str:
        raise EOFError("there is nobody to answer input()")

    builtins.input = nobody
    sys.stdin = io.StringIO()
    call.stand(prints)


def _limited(memory: int) -> frozenset[str]:
    """No more memory than now and so many MiB; no core dumps."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return frozenset()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory * 2**20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return frozenset({"memory"})


def _root(setup: Setup) -> str:
    kind, name = setup.source.kind, setup.source.name
    return str(Path(name).resolve().parent) + os.sep if kind in ("file", "notebook") else ""
