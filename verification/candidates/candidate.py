"""A candidate: somebody's functions under a contract, found by name, each call in their process."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import numpy as np

from verification.candidates import contracts
from verification.candidates.contracts import OWN, Contract, Function
from verification.candidates.loading import is_path
from verification.candidates.process import Call, Hello, Process, Reply, UnloadableError
from verification.questions import Arrays, Case, Question, Refusal


@dataclass(frozen=True)
class Terms:
    """How a candidate is asked; `timeout` in seconds for a call, `memory` in MiB.

    An empty contract is found from names and parameters; `names` are theirs for ours.
    """

    contract: str = ""
    layout: str = "nchw"
    names: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    memory: int = 4096


@dataclass
class Candidate:
    """A stranger's functions; `names` are theirs for ours, `notes` what is to be said of it all."""

    name: str
    contract: Contract
    names: Mapping[str, str]
    process: Process
    sha256: str
    notes: list[str]
    timeout: float = math.inf

    @property
    def hello(self) -> Hello:
        return self.process.hello

    def name_of(self, function: Function) -> str:
        """The candidate's own name for it."""
        return self.names.get(function.name, function.name)

    def has(self, function: Function) -> bool:
        """Whether it is there, and written."""
        return function.name in self.names and self.name_of(function) not in self.hello.stubs

    def expresses(self, function: Function, question: Question) -> bool:
        """Whether the question can be put to it under the contract."""
        if isinstance(question, Refusal):
            return True
        return function.expresses(question, self.hello.names.get(self.name_of(function)))

    def stands_on(self, function: Function) -> set[str]:
        """The contract's functions that it may call, by our names."""
        return {name for name in function.needs if name in self.names}

    def ask(self, function: Function, case: Case, given: Arrays, cache: str = OWN) -> Reply:
        """Put a question to a function."""
        calls = [
            replace(call, function=self.names.get(call.function, call.function))
            for call in function.plan(case, given, cache)
        ]
        return self._call(calls, case.layout)

    def refuse(self, function: Function, refusal: Refusal) -> Reply:
        """Make a call that must be refused."""
        words = {name: _build_argument(value) for name, value in refusal.arguments.items()}
        return self._call([Call(self.name_of(function), words=words)], "C")

    def mend(self) -> None:
        """From now on errors of age are mended in flight, and recorded."""
        self.process.mend()

    def close(self) -> None:
        self.process.close()

    def _call(self, calls: list[Call], layout: str) -> Reply:
        reply = self.process.ask(calls, layout)
        self.notes += [note for note in reply.notes if note not in self.notes]
        return reply


def load(candidate: str | Mapping[str, Any], terms: Terms) -> Candidate:
    """A file, a notebook, a module by its dotted name; or the names of a live session.

    UnloadableError where there is no such thing or its code does not run.
    """
    if isinstance(candidate, str):
        name, namespace = candidate, None
        if is_path(name) and not Path(name).is_file():
            raise UnloadableError(f"there is no file {name}")
    else:
        name, namespace = "this session", candidate
    try:
        process = Process(name, terms.timeout, terms.memory, namespace)
    except UnloadableError as error:
        raise UnloadableError(f"{name} cannot be loaded: {error}") from error
    hello = process.hello
    known = hello.names | {ours: hello.names.get(theirs) for ours, theirs in terms.names.items()}
    contract = contracts.get(terms.contract or contracts.recognise(known), terms.layout)
    names = contract.resolve(hello.names, terms.names)
    return Candidate(name, contract, names, process, _hash(name), [*hello.notes], terms.timeout)


def _hash(name: str) -> str:
    """sha256 of the file, or of all files of the package; of nothing where there is none."""
    files = [Path(name)] if is_path(name) else []
    with suppress(ImportError, KeyError, ValueError):
        files = files or _find_modules(name)
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.is_file())).hexdigest()


def _find_modules(name: str) -> list[Path]:
    """The files of a module; of one in a package, without importing that, which would run it."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    for part in rest:
        folders = spec and spec.submodule_search_locations
        spec = PathFinder.find_spec(f"{spec.name}.{part}", folders) if spec and folders else None
    if spec is None or not spec.origin:
        return []
    path = Path(spec.origin)
    return sorted(path.parent.rglob("*.py")) if path.stem == "__init__" else [path]


def _build_argument(value: Any) -> Any:
    """A refusal's argument: {array = shape, dtype = ...}, {tuple = [...]} or plain."""
    if isinstance(value, dict):
        if "array" in value:
            shape = tuple(value["array"])
            return np.arange(math.prod(shape)).reshape(shape).astype(value.get("dtype", "float64"))
        if "tuple" in value:
            return tuple(map(_build_argument, value["tuple"]))
        return {name: _build_argument(inner) for name, inner in value.items()}
    return list(map(_build_argument, value)) if isinstance(value, list) else value
