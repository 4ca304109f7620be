"""One question, put to a stranger's functions, in the stranger's own process."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import contracts, layouts
from verification.apart import kept, loading, mending, requests
from verification.apart.frames import KINDS, Other, Value
from verification.apart.loading import Loaded
from verification.apart.prints import Prints
from verification.apart.requests import Refused, Request
from verification.apart.stage import Stage

Array = NDArray[Any]
Function = Callable[..., Any]

SCALARS = frozenset(np.dtype(code).type for code in "?bBhHiIlLqQefdg")
NUMBERS = SCALARS | {bool, int, float}


@dataclass(frozen=True)
class Answer:
    """What came of a question; `changed` and `shared` are what no call may do."""

    status: str = "ok"
    error: str = ""
    kind: str = ""
    where: tuple[str, ...] = ()
    stdout: str = ""
    seconds: float = 0.0
    changed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def bits(self) -> tuple[Any, ...]:
        """Equal for answers between which no difference can be seen."""
        return self.kind, {name: kept.bits(value) for name, value in self.values.items()}


class Stranger:
    """A candidate, loaded: questions are put to it here."""

    def __init__(self, loaded: Loaded, stage: Stage, prints: Prints, mend: bool) -> None:
        self._loaded, self._stage, self._prints, self._mend = loaded, stage, prints, mend
        self._parameters: dict[str, list[str]] = {}
        self._pid = os.getpid()
        self._getpid, self._exit = os.getpid, os._exit

    def ask(self, request: Request | Refused) -> Answer:
        """One call, or two where a backward function needs its forward first."""
        names = request.names if isinstance(request, Request) else {}
        asked = _Asked(self, names)
        self._prints.take()
        stand(self._prints)
        error, replies = None, dict[str, Any]()
        try:
            with np.errstate(all="ignore"):
                replies = asked.put(request)
        except BaseException as raised:  # whatever a stranger raises is its answer
            error = raised
        return self._answer(asked, replies, error)

    def _answer(
        self, asked: _Asked, replies: Mapping[str, Any], error: BaseException | None
    ) -> Answer:
        stdout, changed = self._prints.take(), tuple(dict.fromkeys(asked.changed))
        if error is None:
            return Answer(
                stdout=stdout,
                seconds=asked.seconds,
                changed=changed,
                shared=tuple(kept.shared(asked.given, replies)),
                values={name: taken(value, self._mend) for name, value in replies.items()},
            )
        memory = isinstance(error, MemoryError)
        return Answer(
            status="MEMORY" if memory else "CRASH",
            error=loading.told(error),
            kind="MEMORY" if memory else loading.kind(error),
            where=loading.own_lines(error, self._loaded.root),
            stdout=stdout,
            seconds=asked.seconds,
            changed=changed,
        )

    def function(self, name: str) -> tuple[Function, list[str]]:
        """The candidate's function of this name, dots included, and its parameters."""
        found: Function = self._loaded.find(name)
        if name not in self._parameters:
            self._parameters[name] = loading.parameters(found) or []
        return found, self._parameters[name]

    def play(self, function: Function, arguments: Sequence[Any], words: Mapping[str, Any]) -> Any:
        """The call itself; of a process that forks itself only the first goes on."""
        if self._mend:
            arguments = [mending.mended(argument) for argument in arguments]
            words = {name: mending.mended(word) for name, word in words.items()}
        try:
            with self._stage:
                return function(*arguments, **words)
        finally:
            if self._getpid() != self._pid:
                self._exit(0)


class _Asked:
    """One question while it is being put."""

    def __init__(self, stranger: Stranger, names: Mapping[str, str]) -> None:
        self.seconds = 0.0
        self.changed: list[str] = []
        self.given: dict[str, Array] = {}
        self._stranger, self._names = stranger, names
        self._own: list[Any] = []

    def put(self, request: Request | Refused) -> dict[str, Any]:
        if isinstance(request, Refused):
            arguments = {name: requests.argument(a) for name, a in request.arguments.items()}
            return {"y": self.get(request.function)(**arguments)}
        layout = request.layout or request.case.layout
        self.given = {name: layouts.laid_out(a, layout) for name, a in request.given.items()}
        before = kept.copied(self.given)
        table = contracts.get(request.contract).functions
        function = next(f for f in table if f.name == request.function)
        try:
            return function.ask(self.get, request.case, self.given, request.cache)
        finally:
            if not self.changed:  # through a cache, perhaps
                given = self.given.items()
                self.changed += [name for name, a in given if not kept.same(a, before[name])]

    def get(self, ours: str) -> Function:
        """The candidate's function, watched."""
        function, parameters = self._stranger.function(self._names.get(ours, ours))

        def watched(*arguments: Any, **words: Any) -> Any:
            named = {**dict(zip(_names(parameters, len(arguments)), arguments)), **words}
            copies = {n: kept.copied(v) for n, v in named.items() if not self._is_own(v)}
            start = perf_counter()
            try:
                result = self._stranger.play(function, arguments, words)
            finally:
                self.seconds += perf_counter() - start
                self.changed += [n for n, copy in copies.items() if not kept.same(named[n], copy)]
            self._own += [result, *(result if type(result) in (tuple, list) else ())]
            return result

        return watched

    def _is_own(self, value: Any) -> bool:
        """Whether the candidate itself returned it before: its cache is its own affair."""
        return any(value is one for one in self._own)


def _names(parameters: Sequence[str], count: int) -> list[str]:
    """Of positional arguments; by number where nobody knows their names."""
    plain = [name for name in parameters if not name.startswith("*")]
    return [*plain[:count], *(f"number {n + 1}" for n in range(len(plain), count))]


def taken(value: Any, mend: bool) -> Value:
    """A value as it may travel: numbers as arrays, of anything else the type's name alone."""
    if mend and type(value) is mending.Mended:
        value = value.view(np.ndarray)
    if type(value) in NUMBERS:
        value = np.array(value)
    if type(value) is not np.ndarray:
        return Other(loading.kind(value))
    return value if value.dtype.kind in KINDS else Other(f"ndarray of {value.dtype.name}")


def stand(prints: Prints) -> None:
    """What a candidate may have replaced: where it prints to, and what warnings do."""
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = prints  # type: ignore
    warnings.simplefilter("ignore")
