"""The candidate's side: it loads a stranger's code and makes the calls that the judge asks for.

A frame, both ways, over a socket: the length of a header (!I), the header (JSON), and the bytes of
the arrays that it describes, each in C order.  Nothing is ever unpickled.  A request:

    {"token": ..., "layout": "C", "arrays": [[dtype, shape], ...], "calls": [{"function": name,
     "arguments": [...], "words": {...}, "outputs": ["y", ""], "returns": "Z, cache"}, ...]}

An argument is a plain value, {"array": place}, {"scalar": place}, {"objects": [...]},
{"tuple": [...]}, {"list": [...]}, {"dict": [[key, value], ...]}, {"identity": 0}, or
{"result": [call, item]} of an earlier call (a cache).  Each request is answered twice, on fresh copies.

Names are imported one by one, and before the candidate is: it may repaint modules as it likes.
"""

from __future__ import annotations

import builtins
import os
import platform
import resource
import sys
from collections.abc import Callable, Mapping
from io import RawIOBase, StringIO, TextIOWrapper
from itertools import takewhile
from json import dumps, loads
from math import prod
from pathlib import Path
from socket import socket
from struct import Struct
from time import monotonic, perf_counter
from traceback import walk_stack
from typing import TYPE_CHECKING, Any
from warnings import simplefilter

import numpy
from numpy import array, asarray, broadcast_to, dtype, errstate, may_share_memory, ndarray, repeat

from verification.candidates import age, loading
from verification.candidates.loading import describe, kind

if TYPE_CHECKING:
    from verification.questions import Array

Header = dict[str, Any]

LENGTH, HEADER = Struct("!I"), 2**22
"""What stands before a frame, and bytes of its header at most."""
NUMBERS, ALL = "biuf", "biufcSU"
"""Kinds of dtypes: what a candidate may send, and what it may be sent."""
SCALARS = {bool, int, float, *(dtype(code).type for code in "?bBhHiIlLqQefdg")}
FUNCTIONS, PRINTED = 2000, 500
"""Names that are told of, and characters kept of what one call prints, at most."""


class Wire:
    """Frames over a socket: arrays of these kinds, `most` bytes of them, within `timeout` seconds."""

    def __init__(self, stream: socket, kinds: str, most: float, timeout: float = 1e6) -> None:
        self.stream, self.kinds, self.most, self.timeout = stream, kinds, most, timeout

    def send(self, header: Header, arrays: list[Array]) -> None:
        described = [(one.dtype.str, one.shape) for one in arrays]
        words = dumps({**header, "arrays": described}).encode()
        self.stream.settimeout(self.timeout)
        self.stream.sendall(LENGTH.pack(len(words)) + words)
        for one in arrays:
            self.stream.sendall(asarray(one, order="C").reshape(-1).view("u1"))

    def receive(self) -> tuple[Header, list[Array], list[bytearray]]:
        """The next frame, its arrays and their bytes; EOFError, TimeoutError, or what parsing met."""
        end = monotonic() + self.timeout
        (length,) = LENGTH.unpack(self._read(LENGTH.size, end))
        if length > HEADER:
            raise ValueError(f"a frame is too large: header={length} most={HEADER}")
        header, left = loads(self._read(length, end)), self.most
        arrays, bodies = list[Any](), list[bytearray]()
        for name, shape in header["arrays"]:
            form = dtype(name)
            size = prod(shape) * form.itemsize
            left -= size
            if form.kind not in self.kinds or left < 0:
                raise ValueError(f"an array is none of numbers, or too large: {name} {shape}")
            bodies.append(self._read(size, end))
            is_bool = form.kind == "b"  # of which only zero is False, as no other byte may stand in one
            one = ndarray(shape, "u1" if is_bool else form, bodies[-1])
            arrays.append(one != 0 if is_bool else one)
        return header, arrays, bodies

    def _read(self, size: int, end: float) -> bytearray:
        data = bytearray(size)
        left = memoryview(data)
        while left:
            if (rest := end - monotonic()) <= 0:
                raise TimeoutError
            self.stream.settimeout(rest)
            if not (count := self.stream.recv_into(left)):
                raise EOFError
            left = left[count:]
        return data


class Prints(RawIOBase):
    """What is printed: the first of it, and closing it closes nothing."""

    kept = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.kept += bytes(data[: 4 * PRINTED + 1 - len(self.kept)])
        return len(data)

    def close(self) -> None: ...

    def read_text(self) -> str:
        """With a note where it was cut."""
        text = self.kept.decode("utf-8", "replace")
        note = f" ... (cut after {PRINTED} characters)" if len(text) > PRINTED else ""
        return text[:PRINTED] + note


def serve(judge: socket, limits: list[str], namespace: Mapping[str, Any] | None = None) -> None:
    """Load the candidate, or take a live session's names; answer until the judge lets go."""
    os.register_at_fork(after_in_child=judge.close)  # a fork that returns has nobody to talk to
    builtins.input, sys.stdin = _read_nothing, StringIO()
    wire = Wire(judge, ALL, float("inf"))
    wire.send({"pid": os.getpid()}, [])  # from here on it is the candidate's time
    setup, *_ = wire.receive()
    limits = sorted([*limits, *_limit(setup["memory"])])
    candidate = Candidate(setup, namespace)
    wire.send({**candidate.load(), "limits": limits}, [])
    while True:
        request, arrays, bodies = wire.receive()
        for _ in range(2):
            wire.send(*candidate.answer(request, arrays, bodies))


def _read_nothing(prompt: object = "") -> str:
    raise EOFError("there is nobody to answer input()")


def _limit(memory: int) -> list[str]:
    """No more memory than now and so many MiB; no core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return []
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most, hard = pages * resource.getpagesize() + memory * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return ["memory"]


class Candidate:
    """A stranger's program, and what comes of what it is asked."""

    def __init__(self, setup: Header, namespace: Mapping[str, Any] | None) -> None:
        self.program = Program(setup["kind"], setup["name"], namespace)
        self.most, self.is_mended = setup["memory"] * 2**20, setup["mend"]
        self._ages: dict[tuple[str, str, int], None] = {}

    def load(self) -> Header:
        """Who it is."""
        hello = Header(python=platform.python_version(), numpy=numpy.__version__)

        def run() -> None:
            if self.is_mended:
                age.mend(numpy, self._note)
            self.program.load()
            functions = self.program.functions()
            hello["names"] = {n: parameters(one) for n, one in [*functions.items()][:FUNCTIONS]}
            hello["stubs"] = [name for name, one in functions.items() if is_stub(one)]

        return {**self._watch(run), **hello}

    def answer(
        self, request: Header, arrays: list[Array], bodies: list[bytearray]
    ) -> tuple[Header, list[Array]]:
        """What came of one run of the calls; arrays where all went well."""
        turn = Turn(self, request, arrays, bodies)
        reply = self._watch(turn.play)
        reply |= {"token": request["token"], "seconds": turn.seconds, "values": turn.values}
        reply |= {"changed": turn.changed, "shared": turn.shared}
        return reply, turn.sent if reply["status"] == "ok" else []

    def _watch(self, run: Callable[[], None]) -> Header:
        """What came of it, whatever it does."""
        self._ages.clear()
        prints = Prints()
        sys.stdout = TextIOWrapper(prints, "utf-8", "replace", write_through=True)
        sys.stderr = sys.__stdout__ = sys.__stderr__ = sys.stdout  # type: ignore[misc]
        simplefilter("ignore")
        reply: Header = {"status": "ok", "error": "", "kind": "", "where": ()}
        try:
            with errstate(all="ignore"):
                run()
        except BaseException as raised:  # whatever a stranger raises is its answer
            memory = isinstance(raised, MemoryError)
            reply |= {"status": "MEMORY" if memory else "CRASH", "error": describe(raised)}
            reply |= {"kind": "MEMORY" if memory else kind(raised)}
            reply |= {"where": self.program.own_lines(trace(raised))[-LINES:]}
        ages = [(error, *self.program.own_lines([place])) for error, *place in self._ages]
        notes = (*self.program.notes, *self.program.foreign())
        return {**reply, "stdout": prints.read_text(), "notes": notes, "ages": ages}

    def _note(self, error: str) -> None:
        """An error of age was mended: where, in the candidate's own code."""
        for frame, number in walk_stack(None):
            if self.program.owns(frame.f_code.co_filename):
                self._ages[error, frame.f_code.co_filename, number] = None
                return


class Turn:
    """One run of a request's calls, on fresh copies of its arrays."""

    def __init__(
        self, candidate: Candidate, request: Header, arrays: list[Array], bodies: list[bytearray]
    ) -> None:
        self._candidate, self._request, self._arrays, self._bodies = candidate, request, arrays, bodies
        self._copies: list[Array] = []
        self._owners: dict[int, str] = {}
        self._watched: list[tuple[str, Any, Any]] = []
        self._results: list[list[Any]] = []
        self.seconds, self.changed, self.shared = 0.0, list[str](), list[str]()
        self.values, self.sent = list[int | str](), list[Any]()

    def play(self) -> None:
        """Make the calls, and describe what the last one returned."""
        for original in self._arrays:
            copy = lay_out(original, self._request["layout"])
            self._copies.append(age.mend_value(copy) if self._candidate.is_mended else copy)
        self._forms = [(one.dtype, one.shape) for one in self._copies]
        try:
            for call in self._request["calls"]:
                self._results.append(self._call(**call))
        finally:
            changed = [name for name, *pair in self._watched if not self._is_same(*pair)]
            self.changed = [*dict.fromkeys(changed)]
        outputs = zip(self._request["calls"][-1]["outputs"], self._results[-1])
        self.values = [self._describe(name, value) for name, value in outputs if name]

    def _call(self, call: Header) -> list[Any]:
        """What the candidate's function returned, thing by thing."""
        function, names = self._candidate.find(call["function"])
        count, total = len(names), len(call["arguments"])
        names = [*names[:total], *(f"number {n + 1}" for n in range(count, total))]
        recipes = [*zip(names, call["arguments"]), *call["words"].items()]
        made = [self._make(recipe, name) for name, recipe in recipes]
        self._watched += [(name, value, recipe) for (name, recipe), value in zip(recipes, made)]
        start = perf_counter()
        try:
            result = function(*made[:total], **dict(zip(call["words"], made[total:])))
        finally:
            self.seconds += perf_counter() - start
        if len(call["outputs"]) == 1:
            return [result]
        if not isinstance(result, tuple | list) or len(result) != len(call["outputs"]):
            raise TypeError(f"it should return ({call['returns']}), it returned a {kind(result)}")
        return [*result]

    def _make(self, recipe: Any, name: str) -> Any:
        """An argument, or a part of one, for the parameter of this name."""
        match recipe:
            case {"array": place}:
                self._owners.setdefault(place, name)
                return self._copies[place]
            case {"scalar": place}:
                return self._arrays[place][()]
            case {"objects": items}:
                return array(self._make(items, name), object)
            case {"tuple": items}:
                return tuple(self._make(item, name) for item in items)
            case {"list": items}:
                return [self._make(item, name) for item in items]
            case {"dict": pairs}:
                return {key: self._make(item, name) for key, item in pairs}
            case {"result": [call, item]}:
                return self._results[call][item]
            case {"identity": _}:
                return lambda Z: Z
        return recipe

    def _is_same(self, value: Any, recipe: Any) -> bool:
        """Whether an argument is what it was, bit for bit; no method of a stranger's is called."""
        match recipe:
            case {"array": place}:
                copy, kind = self._copies[place], self._arrays[place].dtype
                return (
                    value is copy
                    and (copy.dtype, copy.shape) == self._forms[place]
                    and self._bodies[place] == asarray(copy, kind, order="C")
                )
            case {"tuple": items} | {"list": items}:
                return len(value) == len(items) and all(map(self._is_same, value, items))
            case {"dict": pairs}:
                return len(value) == len(pairs) and all(
                    key == known and self._is_same(value[key], item) for ...
                )
            case {}: other tagged
                return True
        return type(value) is type(recipe) and repr(value) == repr(recipe)
