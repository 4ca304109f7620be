"""A candidate: somebody's functions under a contract, found by name, each call in their process."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from verification import contracts
from verification.apart.process import (
    Hello,
    Process,
    Refused,
    Reply,
    Request,
    Source,
    UnloadableError,
)
from verification.case import Case
from verification.contracts import Contract, Function
from verification.mistakes import Mistake
from verification.questions import Question, Refusal

Array = NDArray[Any]


class Answers(Protocol):
    """Where the functions are: usually a process of their own."""

    @property
    def hello(self) -> Hello: ...
    def expect(self, request: Request) -> None: ...
    def ask(self, request: Request | Refused) -> Reply: ...
    def close(self) -> object: ...


@dataclass
class Candidate:
    """A stranger's functions; `names` are theirs for ours, `ages` the errors that are mended.

    `notes` gathers what is to be said of the whole.
    """

    name: str
    contract: Contract
    label: str
    names: Mapping[str, str]
    process: Answers
    mended: Callable[[], Answers]
    ages: tuple[Mistake, ...] = ()
    sha256: str = ""
    notes: list[str] = field(default_factory=list)
    live: bool = False
    _mended: Answers | None = None

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

    def expect(
        self, function: Function, case: Case, given: Mapping[str, Array], cache: str
    ) -> None:
        """Announce what will be asked next: it may be under way meanwhile."""
        self.process.expect(self._request(function, case, given, cache))

    def ask(self, function: Function, case: Case, given: Mapping[str, Array], cache: str) -> Reply:
        """Put a question to a function."""
        return self._noted(self.process.ask(self._request(function, case, given, cache)))

    def ask_mended(
        self, function: Function, case: Case, given: Mapping[str, Array], cache: str
    ) -> Reply:
        """The same where the errors of age are mended in flight."""
        if self._mended is None:
            self._mended = self.mended()
        return self._mended.ask(self._request(function, case, given, cache))

    def refuse(self, function: Function, arguments: Mapping[str, Any]) -> Reply:
        """Make a call that must be refused."""
        return self._noted(self.process.ask(Refused(self.name_of(function), arguments)))

    def age_of(self, error: str, function: Function) -> Mistake | None:
        """The error of age that this message tells, in the function or in what it stands on."""
        could = {function.op, *function.needs}
        ages = (age for age in self.ages if could & set(age.ops))
        return next((age for age in ages if age.tells(error)), None)

    def close(self) -> None:
        """End its processes."""
        self.process.close()
        if self._mended is not None:
            self._mended.close()

    def _request(
        self, function: Function, case: Case, given: Mapping[str, Array], cache: str
    ) -> Request:
        return Request(self.label, function.name, self.names, case, given, cache)

    def _noted(self, reply: Reply) -> Reply:
        self.notes += [note for note in reply.notes if note not in self.notes]
        return reply


def load(
    name: str,
    contract: str = "",
    layout: str = "",
    renames: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    memory: int = 4096,
    ages: tuple[Mistake, ...] = (),
) -> Candidate:
    """The candidate of this name: a file, a notebook, or a module by its dotted name."""
    found = source(name)
    try:
        process = Process(found, timeout, memory)
    except UnloadableError as error:
        raise UnloadableError(f"{name} cannot be loaded: {error}") from error
    mended = partial(Process, found, timeout, memory, True)
    digest = _sha256(found)
    return _under(name, process, mended, digest, contract, layout, renames or {}, ages)


def live(
    namespace: Mapping[str, Any],
    name: str = "this session",
    contract: str = "",
    layout: str = "",
    renames: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    memory: int = 4096,
    ages: tuple[Mistake, ...] = (),
) -> Candidate:
    """The functions of a live session."""
    process = Process.live(namespace, timeout, memory)
    mended = partial(Process.live, namespace, timeout, memory, True)
    judged = _under(name, process, mended, _sha256(None), contract, layout, renames or {}, ages)
    return replace(judged, live=True)


def source(name: str) -> Source:
    """What kind of thing the name is of."""
    kinds = {".py": "file", ".ipynb": "notebook"}
    kind = kinds.get(Path(name).suffix, "module")
    if kind != "module" and not Path(name).is_file():
        raise UnloadableError(f"there is no file {name}")
    return Source(kind, name)


def _under(
    name: str,
    process: Process,
    mended: Callable[[], Process],
    digest: str,
    contract: str,
    layout: str,
    renames: Mapping[str, str],
    ages: tuple[Mistake, ...],
) -> Candidate:
    """The candidate, under the contract that it is written for."""
    hello = process.hello
    known = {**hello.names, **{ours: hello.names.get(theirs) for ours, theirs in renames.items()}}
    label = contract or contracts.recognised(known) or "assignment"
    label += "-nhwc" if (label, layout) == ("functional", "nhwc") else ""
    chosen = contracts.get(label)
    names = chosen.resolve(hello.names, renames)
    return Candidate(name, chosen, label, names, process, mended, ages, digest, [*hello.notes])


def _sha256(found: Source | None) -> str:
    """Of the file, or of all files of the package; of nothing where there is none."""
    files: list[Path] = []
    if found is not None:
        files = _module_files(found) if found.kind == "module" else [Path(found.name)]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.is_file())).hexdigest()


def _module_files(found: Source) -> list[Path]:
    try:
        spec = importlib.util.find_spec(found.name)
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None or not spec.origin:
        return []
    path = Path(spec.origin)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
