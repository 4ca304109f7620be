"""Implementations in this very process, for as many as there are mistakes: no child, no transport.

A `Coded` is the code of the catalogue, right but for one function; a `Loaded` are live functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import candidate, contracts
from verification.apart.call import Stranger
from verification.apart.loading import Loaded, Source
from verification.apart.prints import Prints
from verification.apart.replies import Hello, Reply
from verification.apart.requests import Refused, Request
from verification.apart.stage import Stage
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import Contract, Function
from verification.mistakes import passes
from verification.mistakes.code import Code

Arrays = Mapping[str, NDArray[Any]]
Change = Callable[[Reply, Arrays], Reply]

PASSES = 8
"""npcnn's own names; the general face comes behind them."""


def same(reply: Reply, given: Arrays) -> Reply:
    return reply


@dataclass(frozen=True)
class Coded:
    """The catalogue's code, wrong in the function `op`; `change` is done to its replies."""

    op: str
    code: Code
    change: Change = same
    hello: Hello = field(default_factory=lambda: Hello({}))

    def expect(self, request: Request) -> None:
        """Nothing is done ahead."""

    def ask(self, request: Request | Refused) -> Reply:
        """What this code answers."""
        assert isinstance(request, Request)
        function = _FUNCTIONS[request.function]
        op, case = function.op, request.case
        code = self.code if op == self.op else Code()
        dtype = next(iter(request.given.values())).dtype
        try:
            values = answers(op, case, request.given, code)
        except Exception as error:  # as people's code does
            return Reply("CRASH", error=f"{type(error).__name__}: {error}")
        kinds = {"b": np.dtype(bool)} if op == "create_mask_from_window" else {}
        typed = {n: a.astype(kinds.get(a.dtype.kind, dtype)) for n, a in values.items()}
        reply = Reply("ok", {n: _formed(function, case, n, a) for n, a in typed.items()})
        return self.change(reply, request.given) if op == self.op else reply

    def close(self) -> None:
        """Nothing is open."""


def answers(op: str, case: Case, given: Arrays, code: Code) -> dict[str, NDArray[Any]]:
    """The outputs as arrays, without those that are None."""
    found = passes.answers(op, case, given, code)
    return {name: np.asarray(a) for name, a in found.items() if a is not None}


def contract() -> Contract:
    """npcnn's eight functions, every option, with room for another order of sums."""
    whole = contracts.get("npcnn")
    return replace(whole, functions=whole.functions[:PASSES], bitwise=False)


_FUNCTIONS = {function.name: function for function in contract().functions}


def _formed(function: Function, case: Case, name: str, a: NDArray[Any]) -> NDArray[Any]:
    """In the contract's form, where it has a shape that can be formed."""
    return function.form(case, name, a) if name == "db" and a.ndim == 1 else a


def coded(op: str, code: Code, change: Change = same) -> Candidate:
    """The catalogue's code as a candidate."""
    names = {name: name for name in _FUNCTIONS}
    process = Coded(op, code, change)
    return Candidate("the catalogue's", contract(), "npcnn", names, process, lambda: process)


class Here:
    """Live functions, asked where they are, once for each question."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        loaded = Loaded(Source("live", "here"), namespace)
        self.hello = Hello({})
        self._stranger = Stranger(loaded, Stage(), Prints(), False)

    def expect(self, request: Request) -> None:
        """Nothing is done ahead."""

    def ask(self, request: Request | Refused) -> Reply:
        """What they answer."""
        answer = self._stranger.ask(request)
        return Reply(
            answer.status,
            dict(answer.values),
            answer.error,
            answer.kind,
            changed=answer.changed,
            shared=answer.shared,
        )

    def close(self) -> None:
        """Nothing is open."""


def here(namespace: Mapping[str, Any], label: str = "npcnn") -> Candidate:
    """Live functions as a candidate, under a contract.

    To ask it replaces sys.stdout, and ends any other process than the one that it was built in: a
    fork builds its own.
    """
    known = contracts.get(label)
    process, names = Here(namespace), {f.name: f.name for f in known.functions}
    return candidate.Candidate("here", known, label, names, process, lambda: process)
