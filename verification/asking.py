"""A candidate's function as a plain one: arrays in, outputs in the oracle's shapes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import conventions
from verification.apart.process import Reply
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import CANONICAL, OWN, Function

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Ask = Callable[[Case, Arrays], Mapping[str, Array]]
Form = Callable[[Case, str, Array], Array]
Put = Callable[[Function, Case, Arrays, str], Reply]

OUTPUTS = {"conv_backward": ("dx", "dw", "db"), "pool_backward": ("dx",)}
"""What a function must give, as far as the question has it; of all others it is y."""


class UnansweredError(Exception):
    """The candidate gave no answer, or none of this shape; the reply says why."""

    def __init__(self, said: str, reply: Reply | None = None) -> None:
        super().__init__(said)
        self.reply = reply


class InexpressibleError(Exception):
    """The question cannot be put under the contract, or the function is not there."""


@dataclass(frozen=True)
class Asker:
    """A function of a candidate, called as if it were ours; `put` makes the call."""

    judged: Candidate
    function: Function
    put: Put

    def expect(self, case: Case, given: Arrays) -> None:
        """Announce the next call, where it can be made and is to be made as it is."""
        if self.put == self.judged.ask and self._can(case):
            self.judged.expect(self.function, case, given, self._cache)

    def __call__(self, case: Case, given: Arrays) -> dict[str, Array]:
        if not self._can(case):
            raise InexpressibleError(case.row)
        reply = self.put(self.function, case, given, self._cache)
        if reply.status != "ok":
            raise UnansweredError(reply.error, reply)
        return {
            name: self._plain(case, name, reply.values.get(name), shape)
            for name, shape in shapes(case).items()
            if name in reply.values or name in expected(self.function.op, case)
        }

    def _can(self, case: Case) -> bool:
        return self.judged.has(self.function) and self.judged.expresses(self.function, case)

    @property
    def _cache(self) -> str:
        """That of the forward pass, where there is one."""
        forward = self.judged.contract.forward_of(self.function)
        return OWN if self.judged.has(forward) else CANONICAL

    def _plain(self, case: Case, name: str, value: Any, shape: tuple[int, ...]) -> Array:
        """An output as the oracle shapes it; whole numbers where other contracts leave room."""
        if not isinstance(value, np.ndarray | np.generic):
            kind = getattr(value, "kind", type(value).__name__)
            raise UnansweredError(f"{name} is a {kind}, not an array")
        if value.dtype.kind != "f":
            value = value.astype(float)  # neither do Trues subtract, nor unsigned numbers
        if self.judged.contract.bitwise:
            return unformed(self.function.form, case, name, value, shape)
        want = self.function.form(case, name, np.zeros(shape, value.dtype))
        settled, _ = conventions.settled(self.function.op, name, value, want, str(value.dtype))
        return np.rint(unformed(self.function.form, case, name, settled, shape))


def in_turn(ask: Ask, questions: Iterable[tuple[Case, Arrays]]) -> Iterator[Mapping[str, Array]]:
    """The answers one by one; while one is looked at, the next is under way."""
    waiting = iter(questions)
    question = next(waiting, None)
    while question is not None:
        following = next(waiting, None)
        answers = ask(*question)
        if following is not None and isinstance(ask, Asker):
            ask.expect(*following)
        yield answers
        question = following


def expected(op: str, case: Case) -> list[str]:
    """The outputs that a function must give to this question."""
    return [name for name in OUTPUTS.get(op, ("y",)) if name != "db" or case.bias]


def shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """The shapes of a layer's outputs."""
    if case.op == "conv":
        gradients = {"dx": case.x, "dw": case.w} | ({"db": case.w[-1:]} if case.bias else {})
        return {"y": case.y, **gradients}
    return {"y": case.y, "index": case.y, "dx": case.x}


def unformed(form: Form, case: Case, name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """An output of the contract's form, in the oracle's."""
    order = form(case, name, np.arange(math.prod(shape)).reshape(shape))
    if np.shape(value) != order.shape:
        raise UnansweredError(f"{name} should have shape {order.shape}, it has {np.shape(value)}")
    plain = np.empty(math.prod(shape), value.dtype)
    plain[order.ravel()] = value.ravel()
    return plain.reshape(shape)
