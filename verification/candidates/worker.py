"""The candidate's side: it loads a stranger's code and makes the calls that the judge asks for.

A frame, both ways, over a socket: the lengths of a header and of a body (!IQ), the header (JSON, in
which {"dtype": ..., "shape": ...} stands for an array), and the body: the arrays' bytes, each in C
order.  Nothing is ever unpickled.  A request:

    {"token": ..., "layout": "C", "helpers": null, "calls": [{"function": name,
     "arguments": [...], "words": {...}, "outputs": ["y", ""], "returns": "Z, cache",
     "kept": false}, ...]}

Where there are helpers, {theirs: ours}, it is watched what a call comes through, and ours stand in
for theirs.

An argument is a plain value, a list, an array, {"objects": [...]}, {"tuple": [...]},
{"dict": [[key, value], ...]}, {"identity": 0}, {"chance": 0}, or {"result": [call, item]} of an
earlier call (a cache).  Every request is answered twice, on fresh copies.

Names are imported one by one, and before the candidate is: it may repaint modules as it likes.
"""

from __future__ import annotations

import builtins
import os
import resource
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from io import RawIOBase, StringIO, TextIOWrapper
from itertools import takewhile
from json import dumps, loads
from math import inf
from operator import getitem, neg, setitem
from os import getpid
from socket import socket
from struct import Struct
from sys import setprofile
from time import monotonic, perf_counter
from traceback import walk_stack
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy
from numpy import (
    array,
    array_equal,
    asarray,
    broadcast_to,
    concatenate,
    dtype,
    errstate,
    may_share_memory,
    ndarray,
    repeat,
    sort,
)
from numpy.random import RandomState

from verification.candidates import age, loading
from verification.candidates.helpers import HELPERS
from verification.candidates.notebook import Missing

if TYPE_CHECKING:
    from verification.questions import Array

Header = dict[str, Any]

PREFIX, HEADER = Struct("!IQ"), 2**22
"""What stands before a header, and bytes of a header at most."""
NUMBERS, ALL = "biuf", "biufcSU"
"""Kinds of dtypes: what a candidate may send, and what it may be sent."""
SCALARS = {bool, int, float, *(dtype(code).type for code in "?bBhHiIlLqQefdg")}
PLAIN, ARRAYS = SCALARS | {str, type(None)}, {ndarray, age.Mended}
RESERVE = 2**22
"""Bytes to tell with that there are no more."""
DEEP = 500
"""Nested calls for which there is a stack when there is no more memory."""
FUNCTIONS, LINES, PRINTED = 2000, 8, 500
"""Names, lines of a traceback, and characters printed that are kept."""
LARGE = 2**20
"""Bytes of an answer that is looked at again, at most."""


class Wire:
    """Frames over a socket: arrays of some kinds, `most` bytes of them, in `timeout` s if any."""

    def __init__(self, stream: socket, kinds: str, most: float, timeout: float = 0.0) -> None:
        self.stream, self._kinds, self._most, self.timeout = stream, kinds, most, timeout
        self._owner = getpid()

    def send(self, header: Header) -> None:
        if getpid() != self._owner:
            raise ConnectionError("a fork has nobody to talk to")
        arrays: list[Array] = []

        def declare(one: Array) -> Header:
            arrays.append(asarray(one, order="C"))
            return {"dtype": one.dtype.str, "shape": one.shape}

        words = dumps(header, default=declare).encode()
        self.stream.settimeout(self.timeout or None)
        self.stream.sendall(PREFIX.pack(len(words), sum(one.nbytes for one in arrays)) + words)
        for one in arrays:
            self.stream.sendall(one.reshape(-1).view("u1").data)

    def receive(self) -> Header:
        """The next header, with its arrays; EOFError, TimeoutError, or whatever the parsing met."""
        end, arrays = monotonic() + (self.timeout or inf), list[Any]()
        length, size = PREFIX.unpack(self._fill(bytearray(PREFIX.size), end))
        if length > HEADER or size > self._most:
            raise ValueError(f"a frame is too large: header={length} body={size}")

        def allocate(one: Header) -> Any:
            if one.keys() != {"dtype", "shape"}:
                return one
            arrays.append(ndarray(one["shape"], dtype(one["dtype"])))
            if arrays[-1].dtype.kind not in self._kinds or arrays[-1].nbytes > size:
                raise ValueError(f"an array is none of numbers, or too large: {one}")
            return arrays[-1]

        header: Header = loads(self._fill(bytearray(length), end), object_hook=allocate)
        for one in arrays:
            self._fill(one.reshape(-1).view("u1").data, end)
        return header

    def _fill(self, buffer: Any, end: float) -> Any:
        left = memoryview(buffer)
        while left:
            if self.timeout:
                if (rest := end - monotonic()) <= 0:
                    raise TimeoutError
                self.stream.settimeout(rest)
            if not (count := self.stream.recv_into(left)):
                raise EOFError
            left = left[count:]
        return buffer


class Prints(RawIOBase):
    """What is printed: the first of it, and closing it closes nothing."""

    kept = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.kept += bytes(data[: 4 * PRINTED + 1 - len(self.kept)])
        return len(data)

    def close(self) -> None: ...

    def open(self) -> Any:
        """A stream whose text comes here."""
        return TextIOWrapper(self, "utf-8", "replace", write_through=True)

    def read_text(self) -> str:
        """With a note where it was cut."""
        text = self.kept.decode("utf-8", "replace")
        cut = f" ... (cut after {PRINTED} characters)" if len(text) > PRINTED else ""
        return text[:PRINTED] + cut


def serve(judge: socket, namespace: Mapping[str, Any] | None = None) -> None:
    """Load the candidate, or take a live session's names; answer until the judge lets go."""
    os.register_at_fork(after_in_child=judge.close)  # nor does a daemon hold the connection
    builtins.input, sys.stdin, sys.dont_write_bytecode = _read_nothing, StringIO(), True
    sys.stdout = sys.stderr = Prints().open()  # of threads, between answers
    wire = Wire(judge, ALL, inf)
    wire.send({"pid": getpid()})  # from here on it is the candidate's time
    setup = wire.receive()
    _limit(setup["memory"])
    worker = Worker(setup, namespace)
    wire.send(worker.load())
    while True:
        request = wire.receive()
        for _ in range(2):
            wire.send(worker.answer(request))


def _read_nothing(prompt: object = "") -> str:
    raise EOFError("there is nobody to answer input()")


def _limit(memory: int) -> None:
    """No more memory than now and so many MiB; no core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nested: list[Any] = []
    for _ in range(DEEP):
        nested = [nested]
    repr(nested)  # the stack grows now: it is memory, too
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1] % 2**63  # -1 is no limit
        most = min(pages * resource.getpagesize() + memory * 2**20, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


class Worker:
    """A stranger's program; a request is answered by one run of its calls."""

    def __init__(self, setup: Header, namespace: Mapping[str, Any] | None) -> None:
        self._program, self._setup = loading.Program(setup["name"], namespace), setup
        self._kept: dict[tuple[str, str], tuple[Array, int]] = {}
        self._codes: dict[int, str] = {}
        self._reserve = bytearray()

    def load(self) -> Header:
        """Who it is."""
        return self._watch(self._load, {})

    def answer(self, request: Header) -> Header:
        """What came of one run of the calls, on fresh copies of the arrays."""
        self._layout, self._helpers = request["layout"], request["helpers"]
        self._copies: list[tuple[str, Array]] = []
        self._watched: list[tuple[str, Any, Any]] = []
        self._results: list[list[Any]] = []
        self._activated: list[Array] | None = None
        reply = {"token": request["token"], "values": [], "seconds": 0.0, "at": ""}
        return self._watch(partial(self._run, request["calls"]), reply)

    def _watch(self, run: Callable[[], None], reply: Header) -> Header:
        """The reply that it fills, and what came of it, whatever it does.

        `findings` are what is noticed meanwhile, by kind, each once.
        """
        self._reply, self._findings = reply, defaultdict[str, dict[Any, None]](dict)
        Missing.called, prints = self._findings["missing"], Prints()
        reply |= {"status": "ok", "error": "", "kind": "", "where": ()}
        with redirect_stdout(stream := prints.open()), redirect_stderr(stream):
            try:
                self._reserve = self._reserve or bytearray(RESERVE)
                with catch_warnings(), errstate(all="ignore"):
                    simplefilter("ignore")
                    run()
            except BaseException as raised:  # whatever a stranger raises is its answer
                reply |= {"status": "CRASH", "kind": loading.kind(raised)}
                if isinstance(raised, MemoryError):
                    self._reserve = bytearray()
                    reply |= {"status": "MEMORY", "kind": "MEMORY"}
                reply["error"] = loading.describe(raised)
                reply["where"] = self._program.own_lines(loading.trace(raised))[-LINES:]
        self._findings["notes"] |= dict.fromkeys(self._program.foreign())
        reply["findings"] = {name: [*found] for name, found in self._findings.items()}
        return reply | {"stdout": prints.read_text()}

    def _load(self) -> None:
        if self._setup["mend"]:
            age.mend(numpy, self._note_age)
        self._program.load(self._setup["reason"])
        self._findings["notes"] |= dict.fromkeys(self._program.notes)
        functions = dict([*self._program.functions().items()][:FUNCTIONS])
        self._reply["names"] = {name: loading.parameters(one) for name, one in functions.items()}
        self._reply["calls"] = self._program.calls(functions)
        self._reply["stubs"] = [name for name, one in functions.items() if loading.is_stub(one)]
        self._codes = {
            code: name for name, one in functions.items() for code in loading.find_code(one)
        }

    def _note_age(self, error: str) -> None:
        """An error of age was mended: where, in the candidate's own code."""
        places = ((frame.f_code.co_filename, number) for frame, number in walk_stack(None))
        self._findings["ages"][error, next(iter(self._program.own_lines(places)), "")] = None

    def _run(self, calls: list[Header]) -> None:
        try:
            for call in calls:
                self._results.append(self._call(call))
        finally:
            changed = (name for name, value, was in self._watched if bits(value) != was)
            self._findings["changed"] |= dict.fromkeys(changed)
        for name, one in zip(calls[-1]["outputs"], self._results[-1]):
            if name:
                self._reply["values"].append(self._describe(name, one))
                self._keep(calls[-1]["function"], name, one)

    def _keep(self, function: str, name: str, value: Any) -> None:
        """For the next answer of this function: is the last one still what it was?"""
        last, was = self._kept.pop((function, name), (None, 0))
        if last is not None and hash(bits(last)) != was:
            self._findings["reused"][name] = None
        if type(value) in ARRAYS and value.nbytes <= LARGE:
            self._kept[function, name] = value, hash(bits(value))

    def _call(self, call: Header) -> list[Any]:
        """What the candidate's function returned, thing by thing."""
        name, count = call["function"], len(call["arguments"])
        self._reply["at"] = name
        self._findings["entered"].clear()  # those of the last call count
        function = ACCESS[name] if name in ACCESS else self._program.find(name)
        known = takewhile(lambda one: not one.startswith("*"), loading.parameters(function) or [])
        names = [one.partition("=")[0] for one in known]
        names += [f"number {n + 1}" for n in range(len(names), count)]
        if name in (".=", "[]="):
            names[2] = str(call["arguments"][1])
        layout, made = "C" if call["kept"] else self._layout, list[Any]()
        for name, recipe in (*zip(names, call["arguments"]), *call["words"].items()):
            made.append(self._make(recipe, name, layout))
            is_cache = type(recipe) is dict and "result" in recipe
            if not (is_cache or call["kept"]):  # these are its own affair
                self._watched.append((name, made[-1], bits(made[-1])))
        words = dict(zip(call["words"], made[count:]))
        arguments, start = loading.place(function, made[:count], words), perf_counter()
        try:
            with self._watch_call(function):
                result = function(*arguments, **words)
        finally:
            self._reply["seconds"] += perf_counter() - start
        if self._activated is not None and not returns_activated(self._activated, result):
            self._findings["slips"]["what it returns is not what activation returned"] = None
        if len(call["outputs"]) == 1:
            return [result]
        if call["outputs"][-1] == "..." and isinstance(result, tuple | list) and result:
            return [result[0]]
        if not isinstance(result, tuple | list) or len(result) != len(call["outputs"]):
            kind = "ndarray" if type(result) is age.Mended else loading.kind(result)
            raise TypeError(f"it should return ({call['returns']}), it returned a {kind}")
        return [*result]

    @contextmanager
    def _watch_call(self, function: Any) -> Iterator[None]:
        """Note what a call comes through, and let right helpers stand in, if that is wanted."""
        if self._helpers is None:
            yield
            return
        space = getattr(function, "__globals__", {})
        theirs = {name: space[name] for name in self._helpers if name in space}
        for name in theirs:
            space[name] = partial(self._stand_in, name, HELPERS[self._helpers[name]])
        try:
            setprofile(self._note_entry)
            yield
        finally:
            setprofile(None)
            space.update(theirs)

    def _stand_in(
        self, name: str, helper: Callable[..., Any], *arguments: Any, **words: Any
    ) -> Any:
        self._findings["entered"][name] = None
        return helper(*arguments, **words)

    def _note_entry(self, frame: Any, event: str, argument: object) -> None:
        if event == "call" and (name := self._codes.get(id(frame.f_code))):
            self._findings["entered"][name] = None

    def _make(self, recipe: Any, name: str, layout: str) -> Any:
        """An argument, or a part of one, for the parameter of this name."""
        match recipe:
            case ndarray():
                copy = lay_out(recipe, layout)
                self._copies.append((name, age.mend_value(copy) if self._setup["mend"] else copy))
                return self._copies[-1][1]
            case {"objects": items}:
                return array(items, object)
            case {"tuple": items}:
                return tuple(self._make(item, name, layout) for item in items)
            case {"dict": pairs}:
                return {key: self._make(item, name, layout) for key, item in pairs}
            case {"result": [call, item]}:
                return self._results[call][item]
            case {"identity": _}:
                self._activated = []
                return self._activate
            case {"chance": seed}:
                return RandomState(seed)
            case [*items]:
                return [self._make(item, name, layout) for item in items]
            case str():
                return sys.intern(recipe)  # as a literal: `padding is "same"`
        return recipe

    def _activate(self, Z: Any) -> Any:
        """An argument, the identity: it remembers what it returns."""
        if self._activated is not None:
            self._activated.append(array(Z).ravel())
        return Z

    def _describe(self, name: str, value: Any) -> Array | str:
        """What is sent: of what is no array of numbers, the name of its type."""
        value = array(value) if type(value) in SCALARS else value
        if type(value) is list:
            with suppress(ValueError):  # of unequal lengths
                if (made := array(value)).dtype.kind in NUMBERS:
                    value, self._findings["lists"][name] = made, None
        if type(value) not in ARRAYS:
            return loading.kind(value)
        if value.dtype.kind not in NUMBERS:
            return f"ndarray of {value.dtype.name}"
        if value.nbytes > self._setup["memory"] * 2**18:
            return f"ndarray of {value.dtype.name} {value.shape}"
        shared = (owner for owner, copy in self._copies if may_share_memory(value, copy))
        self._findings["shared"] |= {f"{name} with {owner}": None for owner in shared}
        value = value != 0 if value.dtype.kind == "b" else value  # 1 alone is True
        return asarray(value, order="C")


def _gather(*results: Any) -> Any:
    """What is called by no name: the results of earlier calls, together."""
    return results if len(results) != 1 else results[0]


ACCESS: Mapping[str, Callable[..., Any]]
ACCESS = {"": _gather, ".": getattr, ".=": setattr, "[]": getitem, "[]=": setitem, "-": neg}
"""Calls of no function of the candidate's: of results together, attributes, items, the negative."""


def returns_activated(activated: list[Array], result: Any) -> bool:
    """Whether the numbers that an activation returned are the result's, in whatever order."""
    if type(result) not in ARRAYS:
        return True  # of another form: that is told
    every = concatenate([asarray([]), *activated]).astype(result.dtype)
    return array_equal(sort(every), sort(result, axis=None), equal_nan=True)


def bits(value: Any) -> Any:
    """Equal for values between which no difference can be seen; no stranger's method is called."""
    if type(value) in ARRAYS:
        return value.dtype.str, value.shape, value.tobytes()
    if type(value) is dict:
        return [*value], [*map(bits, value.values())]
    if type(value) is tuple or type(value) is list:
        return type(value), [*map(bits, value)]
    return (type(value), repr(value)) if type(value) in PLAIN else id(value)


def lay_out(a: Array, layout: str) -> Array:
    """A copy with another way through memory: the same numbers, on which no answer may depend."""
    match layout if a.ndim else "C":
        case "F":
            return array(a, order="F")
        case "strided":
            return repeat(a, 2, axis=-1)[..., ::2]
        case "reversed":
            return array(a[..., ::-1])[..., ::-1]
        case "swapped":
            return a.astype(a.dtype.newbyteorder())
        case "broadcast" if a.tobytes() == a[:1].tobytes() * len(a):
            return broadcast_to(array(a[:1]), a.shape)
    copy = array(a)
    copy.setflags(write=layout != "readonly")
    return copy
