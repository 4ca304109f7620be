"""The judge's side: a candidate in a process of its own answers in time or not at all.

It protects against accidents and cheap tricks; it is no sandbox for hostile code.
"""

from __future__ import annotations

import os
import signal
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from socket import SHUT_RDWR, socketpair
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from verification.candidates import guard
from verification.candidates.loading import FILES
from verification.candidates.worker import NUMBERS, Header, Wire, Worker, bits, serve

if TYPE_CHECKING:
    from verification.questions import Array

START, GRACE = 60.0, 2.0
"""Seconds for an interpreter with NumPy to start, and for its guard to end what is left."""
BOUNDLESS = 2**40
"""MiB, where memory is not limited."""
MARK = "VERIFICATION_WORKER"
"""In the environment of all that a new interpreter starts, so that it can be found again."""
SINGLE = {"OPENBLAS_NUM_THREADS": "1"}
"""In it unless somebody has said otherwise: a start would take twice the work, as OpenBLAS's other
threads spin, beside the judge."""
LOST = frozenset({"TIMEOUT", "MEMORY", "DIED"})
"""Kinds of calls that came to no answer."""
FINDINGS = ("changed", "shared", "reused", "slips", "lists", "notes", "ages", "entered", "missing")
"""What is told where either of two answers shows it."""
Namespace = Mapping[str, Any] | None
Helpers = Mapping[str, str] | None
IDENTITY = object()
"""An argument: `lambda Z: Z`, made where it is called."""


class Chance:
    """An argument that draws random numbers, made where it is called."""

    def __repr__(self) -> str:
        return "np.random.RandomState(0)"


class UnloadableError(Exception):
    """The candidate cannot be loaded; the message says why, in one line."""


@dataclass(frozen=True)
class Result:
    """An argument: an item of what an earlier call returned, a cache that never comes here."""

    call: int
    item: int


@dataclass(frozen=True)
class Call:
    """A call of the candidate's function by its own name, dots included; `words` are keywords.

    Beside them there are ".", ".=", "[]" and "[]=", which read and set what a result has or holds,
    and "", which gathers results.
    Arguments are arrays, numbers, words, None, tuples, lists and dicts of them, Result, IDENTITY,
    Chance.
    `outputs` are our names for what it returns, "" for what is not sent, "..." for all the rest; a
    single one is the result itself.  `returns` are the contract's words for them.  What is `kept`
    becomes the candidate's own, which it may change.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    words: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("y",)
    returns: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Other:
    """A value that is no array of numbers: the name of its type."""

    kind: str


@dataclass(frozen=True)
class Hello:
    """A candidate's functions, with their parameters where known, as a signature writes them.

    `stubs` are not written yet; `calls` says which of its others a function's own code calls, where
    that can be read.
    """

    names: dict[str, list[str] | None]
    stubs: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    calls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What calls came to: "ok", "CRASH", "TIMEOUT" or "MEMORY".

    `kind` is the exception's type, or TIMEOUT, MEMORY, DIED; `where` holds the candidate's own
    lines; `changed` names its parameters whose arguments it changed, `shared` results within
    their memory, `reused` results of earlier calls that are no longer what they were; `slips`
    say what right numbers hide; `lists` are results that came as lists; `steady` says whether
    it answered the same when it was asked again; `ages` are the errors of age that were mended,
    each with its line.  `at` is the last of the calls that was begun, and `entered` are the
    candidate's functions that it came through, where that was watched; `missing` is what it
    called of packages that are not there.
    """

    status: str
    values: Mapping[str, Array | Other] = field(default_factory=dict)
    error: str = ""
    kind: str = ""
    where: tuple[str, ...] = ()
    stdout: str = ""
    seconds: float = 0.0
    changed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    steady: bool = True
    notes: tuple[str, ...] = ()
    ages: tuple[tuple[str, str], ...] = ()
    at: str = ""
    entered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Process:
    """A candidate, loaded and ready to be asked; a new process takes over from one that is lost.

    `name` is a path's or a module's; of a live session there is the `namespace`.  `timeout` is in
    seconds for an answer, `memory` in MiB.  UnloadableError where the code does not run.
    """

    def __init__(
        self, name: str, timeout: float = 10.0, memory: int = 4096, namespace: Namespace = None
    ) -> None:
        name = os.path.realpath(name) if name.endswith(FILES) else name
        self._setup: Header = {"name": name, "memory": memory, "mend": False, "reason": ""}
        self._timeout, self._namespace, self._is_closed = timeout, namespace, False
        self.hello = self._start()

    def ask(self, calls: Sequence[Call], layout: str = "C", helpers: Helpers = None) -> Reply:
        """What came of the calls, made twice on fresh copies; values are those of the last one.

        With `helpers`, theirs by ours, it is watched, and right ones stand in for these.
        """
        if self._is_closed:
            raise ValueError("the process is closed")
        start, token = monotonic(), token_hex(8)
        request = _build_request(calls, layout, helpers, token)
        try:
            if not self._end.alive:
                self._start()
            self._wire.send(request)
            headers = [self._wire.receive() for _ in range(2)]
            reply = _read(headers, token, calls)
        except UnloadableError as error:
            return Reply("CRASH", error=f"cannot be loaded again: {error}", kind="DIED")
        except Exception as raised:
            return replace(self._lose(raised), seconds=monotonic() - start)
        except BaseException:
            self._end()
            raise
        if "MEMORY" in (header["status"] for header in headers):
            self._end()  # it may have kept what it took
        return reply

    def mend(self) -> bool:
        """From now on errors of age are mended in flight, in a process of their own; False where
        they were before.
        """
        if is_new := not self._setup["mend"]:
            self._setup["mend"] = True
            self._end()
        return is_new

    def close(self) -> None:
        """End the candidate and all that it has started, for good."""
        self._is_closed = True
        self._end()

    def _start(self) -> Hello:
        """A new worker, with the candidate loaded."""
        child = _Child(self._setup["memory"], self._namespace)
        self._end, self._wire = weakref.finalize(self, child.end), child.wire
        try:
            child.session = int(self._wire.receive()["pid"])
            self._wire.timeout = self._timeout
            self._wire.send(self._setup)
            header = self._wire.receive()
            if header["status"] == "ok":
                return _greet(header)
            lines = "".join(f" ({line})" for line in header["where"][-1:])
            error = self._setup["reason"] or " ".join(f"{header['error']}{lines}".split())
            self._end()
        except Exception as raised:
            lost = self._lose(raised)
            error = lost.error
            is_file = self._setup["name"].endswith(FILES)
            if lost.status == "TIMEOUT" and is_file and not self._setup["reason"]:
                self._setup["reason"] = error  # to take its definitions alone, from now on
                return self._start()
        raise UnloadableError(_clean(error))

    def _lose(self, raised: Exception) -> Reply:
        """There is no answer, and from now on no child."""
        code = self._end() or 0
        if isinstance(raised, TimeoutError):
            error = f"it was still running after {self._timeout:g} s"
            return Reply("TIMEOUT", error=error, kind="TIMEOUT")
        error = f"the interpreter has ended: exit code {code}"
        if not isinstance(raised, EOFError | ConnectionError):
            error = f"answered out of turn: {raised!r}"[:200]
        elif code < 0:
            error = "the interpreter and its guard were killed"
        elif code - 128 in [*signal.Signals]:
            error = f"the interpreter was killed: {signal.Signals(code - 128).name}"
        return Reply("CRASH", error=error, kind="DIED")


class Here:
    """Functions of this very process, called here: nothing ends a call, and nothing is mended."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        setup: Header = {"name": "", "memory": BOUNDLESS, "mend": False, "reason": ""}
        self._worker = Worker(setup, namespace)
        self.hello = _greet(self._worker.load())

    def ask(self, calls: Sequence[Call], layout: str = "C", helpers: Helpers = None) -> Reply:
        """As a process of its own; KeyboardInterrupt is the reader's, and so are all helpers."""
        request, headers = _build_request(calls, layout, helpers and {}), []
        for _ in range(2):
            header = self._worker.answer(request)
            if header["kind"] == "KeyboardInterrupt":
                raise KeyboardInterrupt
            values = [*map(copy, header["values"])]  # the next call may fill the same memory
            headers.append({**header, "values": values})
        return _read(headers, "", calls)

    def mend(self) -> bool:
        return False

    def close(self) -> None: ...


class _Child:
    """A guard and its worker, seen from here; `session` is the worker's, once it is known."""

    session = -1

    def __init__(self, memory: int, namespace: Namespace) -> None:
        self._owner, self._mark = os.getpid(), token_hex(16)
        ours, theirs = socketpair()
        self.wire = Wire(ours, NUMBERS, memory * 2**20, START)
        with theirs:
            if namespace is not None:
                self._pid = guard.fork(theirs.fileno(), partial(serve, namespace=namespace))
                return
            folders = (folder or os.getcwd() for folder in sys.path)
            command = [sys.executable, "-P", guard.__file__, *folders]
            ends: list[Any] = [(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)]
            ends += [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_WRONLY, 0) for n in (1, 2)]
            environment = {**SINGLE, **os.environ, MARK: self._mark}
            self._pid = os.posix_spawn(command[0], command, environment, file_actions=ends)

    def end(self) -> int:
        """The exit code: of the worker, or 128 + signal; negative where the guard was killed."""
        code, end = 0, monotonic() + GRACE
        if os.getpid() != self._owner:
            return code
        with suppress(OSError):
            self.wire.stream.shutdown(SHUT_RDWR)
        self.wire.stream.close()
        with suppress(ProcessLookupError, ChildProcessError):  # somebody has waited for it already
            os.kill(self._pid, signal.SIGCONT)  # it may have been stopped
            while not (waited := os.waitpid(self._pid, os.WNOHANG))[0]:
                sleep(0.001)
                if monotonic() > end:
                    os.kill(self._pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(waited[1])
        while code < 0 and self._kill_strays() and monotonic() < end + GRACE:
            sleep(0.001)
        return code

    def _kill_strays(self) -> bool:
        """End what a guard would have ended that was killed itself: was there anything?"""
        mark, strays = f"{MARK}={self._mark}".encode(), 0
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                stat = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                is_ours = int(stat[3]) == self.session or mark in (folder / "environ").read_bytes()
                if is_ours and stat[0] not in b"ZX":
                    os.kill(int(folder.name), signal.SIGKILL)
                    strays += 1
        return strays > 0


def _greet(header: Header) -> Hello:
    """Who it is, from the header that says so."""
    names = {_clean(name): words and [*_clean(words)] for name, words in header["names"].items()}
    calls = {_clean(name): _clean(words) for name, words in header["calls"].items()}
    stubs, notes = _clean(header["stubs"]), _clean(header["findings"]["notes"])
    return Hello(names, frozenset(stubs), notes, calls)


def _build_request(calls: Sequence[Call], layout: str, helpers: Helpers, token: str = "") -> Header:
    packed = [*map(_pack, calls)]
    return {"token": token, "layout": layout, "helpers": helpers, "calls": packed}


def _pack(value: Any) -> Any:
    """A call, or an argument, as JSON can tell it; arrays are left to the wire."""
    match value:
        case Call():
            words = {name: _pack(word) for name, word in value.words.items()}
            return {**vars(value), "arguments": [*map(_pack, value.arguments)], "words": words}
        case np.ndarray() if value.dtype.hasobject:
            return {"objects": value.tolist()}
        case np.generic():
            return value.item()
        case tuple():
            return {"tuple": [*map(_pack, value)]}
        case list():
            return [*map(_pack, value)]
        case dict():
            return {"dict": [(name, _pack(inner)) for name, inner in value.items()]}
        case Result():
            return {"result": (value.call, value.item)}
        case Chance():
            return {"chance": 0}
        case np.ndarray() | None | bool() | int() | float() | str():
            return value
    if value is not IDENTITY:
        raise TypeError(f"it cannot be an argument: {value!r}")
    return {"identity": 0}


def _read(headers: Sequence[Header], token: str, calls: Sequence[Call]) -> Reply:
    """Two answers to the same calls: the first, with what either shows.

    Whatever is not as it must be raises something.
    """
    if [header["token"] for header in headers] != [token, token]:
        raise ValueError("it bears another token")
    first, outputs = headers[0], [name for name in calls[-1].outputs if name not in ("", "...")]
    if (status := first["status"]) not in ("ok", "CRASH", "MEMORY"):
        raise ValueError("its status is none")
    got = [one if isinstance(one, np.ndarray) else Other(_clean(one)) for one in first["values"]]
    values = dict(zip(outputs, got, strict=status == "ok"))
    words: Header = {name: _clean(first[name]) for name in ("error", "kind", "stdout", "at")}
    for name in FINDINGS:
        either = [one for header in headers for one in header["findings"].get(name, ())]
        words[name] = tuple(dict.fromkeys(_clean(either)))
    seen = [bits([one["status"], one["kind"], one["values"]]) for one in headers]
    words |= {"where": tuple(_clean(first["where"])), "steady": seen[0] == seen[1]}
    return Reply(status, values, seconds=float(first["seconds"]), **words)


def _clean(value: Any) -> Any:
    """Texts that can be printed, in tuples: a stranger's words may hold half a character."""
    if isinstance(value, list | tuple):
        return tuple(map(_clean, value))
    return str(value).encode("utf-8", "replace").decode()
