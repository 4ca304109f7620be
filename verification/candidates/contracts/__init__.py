"""Contracts: what functions are called, which questions they express, how one is put to them.

A contract is a room here, with a table of its functions; nothing knows an expected answer.  A
gradient that takes its forward pass's cache is asked by two calls, and the cache never leaves the
candidate's process.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verification.candidates.process import Call, Result
from verification.questions import Array, Arrays, Case

OWN, CANONICAL = "own", "canonical"
"""The cache that a gradient gets: its own forward pass's, or the one that the contract defines."""
TURNS = 10_000
"""Numbers in an output, each a turn of a course's loops: more are for vectorised code."""

Names = Mapping[str, Sequence[str] | None]
"""A candidate's functions with the names of their parameters, None where nobody knows them."""
Arguments = Callable[[Case, Arrays], tuple[Any, ...]]


def keep_form(case: Case, name: str, value: Array) -> Array:
    """An array as the oracle has it: channels last, b and db (K,)."""
    return value


@dataclass(frozen=True)
class Function:
    """One function of a contract: `op` is our name for what it does.

    It is asked the questions that it `takes`, by `arguments` and, by keyword, `keywords`; where
    those are `optional`, a function that lacks one is not asked what needs it.  `words` are the
    contract's names of what it returns, in order, by ours; "" is not sent here.  `form` shapes the
    oracle's arrays, going and coming, as the contract has them.  `also` are other names, `needs`
    the functions that it stands on.  A gradient with a cache gets dy and that of its `forward`
    pass, or the canonical one, which is the arguments of that pass; a `mode` stands behind them.
    """

    name: str
    op: str
    takes: Callable[[Case], bool]
    arguments: Arguments = lambda case, given: ()
    words: Mapping[str, str] = field(default_factory=lambda: {"y": "y"})
    keywords: Callable[[Case], Mapping[str, Any]] = lambda case: {}
    optional: bool = False
    form: Callable[[Case, str, Array], Array] = keep_form
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    forward: Function | None = None
    mode: Callable[[Case], tuple[Any, ...]] = lambda case: ()

    @property
    def kind(self) -> str:
        """conv, pool, or the helper's own name."""
        return self.op.removesuffix("_forward").removesuffix("_backward")

    def concerns(self, case: Case) -> bool:
        """Whether the question is one for such functions, under whatever contract."""
        return self.kind == ("pool" if case.op.endswith("_pool") else case.op)

    def expresses(self, case: Case, parameters: Sequence[str] | None) -> bool:
        """Whether the question can be put to a function of these parameters."""
        if not (self.concerns(case) and self.takes(case)):
            return False
        if parameters is None or not self.optional:
            return True
        is_open = any(name.startswith("**") for name in parameters)
        return is_open or self.keywords(case).keys() <= set(parameters)

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        """The calls that put a question to it; the last one's results are the answer."""
        formed = {name: self.form(case, name, a) for name, a in given.items()}
        before: list[Call] = []
        if self.forward is None:
            arguments = self.arguments(case, formed)
        elif cache == OWN:
            before = self.forward.plan(case, given)
            arguments = (formed["dy"], Result(0, 1))
        else:
            arguments = (formed["dy"], self.forward.arguments(case, formed))
        arguments += self.mode(case)
        outputs, returns = tuple(self.words), ", ".join(self.words.values())
        return [*before, Call(self.name, arguments, self.keywords(case), outputs, returns)]


@dataclass(frozen=True)
class Contract:
    """A table of functions; `is_bitwise` asks for torch's very bits, and memory of their own.

    It is recognised by names that are its `own`, by `parameters` that are, or by functions that
    take at least so many; never beside functions that are `foreign` to it.  Where it `may_decline`,
    a function that raises NotImplementedError is outside.
    """

    name: str
    functions: tuple[Function, ...]
    own: Set[str] = frozenset()
    parameters: Set[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    foreign: Set[str] = frozenset()
    is_bitwise: bool = False
    channels_first: bool = False
    may_decline: bool = False

    def recognises(self, names: Names) -> bool:
        """Whether these functions seem to be written for it."""
        words = {word for parameters in names.values() for word in parameters or ()}
        many = any(len(names.get(name) or ()) >= least for name, least in self.counts.items())
        is_there = any(name in names for f in self.functions for name in (f.name, *f.also))
        signs = self.own & names.keys() or self.parameters & words or many
        return is_there and bool(signs) and not self.foreign & names.keys()

    def forward_of(self, function: Function) -> Function:
        """The forward pass that a gradient belongs to; of any other function, itself."""
        names = {function.name.replace("_backward", by) for by in ("", "_forward")}
        return next((f for f in self.functions if f.name in names), function)

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        """The candidate's own name for each function that it has."""
        resolved: dict[str, str] = {}
        for function in self.functions:
            wanted = (renames[function.name],) if function.name in renames else ()
            for name in wanted or (function.name, *function.also):
                if name in names:
                    resolved.setdefault(function.name, name)
        return resolved


def is_plain(case: Case) -> bool:
    """Two axes, a batch, finite numbers, equal pads on both sides: what every course asks for."""
    options = (case.groups, case.bias, case.ceil_mode, case.count_include_pad)
    return (
        is_affordable(case)
        and len(case.space) == 2
        and case.x[0] > 0
        and set(case.dilation) == {1}
        and options == (1, True, False, True)
        and case.divisor_override is None
        and case.fill != "special"
        and has_equal_pads(case)
    )


def is_affordable(case: Case) -> bool:
    """Whether loops over every number of the output end in time, in the run's own dtype."""
    is_ours = not case.dtype or case.fill == "whole"
    return bool(case.kernel) and is_ours and math.prod(case.y) <= TURNS


def has_equal_pads(case: Case) -> bool:
    return all(before == after for before, after in case.pad)


def has_one_pad(case: Case) -> bool:
    return len({size for pair in case.pad for size in pair}) == 1


def lead_channels(case: Case, name: str, value: Array) -> Array:
    """An array with its channels in front: (N, C, *space), and weights (K, C, *kernel)."""
    if name in ("w", "dw"):
        return np.moveaxis(value, (-1, -2), (0, 1))
    return value if name in ("b", "db") else np.moveaxis(value, -1, 1)


NAMES = ("npcnn", "functional", "cs231n", "holberton", "assignment")
"""Every contract, the more particular ones first: the order in which they are recognised."""


def get(name: str, layout: str = "nchw") -> Contract:
    """The contract of this name; functional's arrays have their channels first or last."""
    room = importlib.import_module(f"verification.candidates.contracts.{name}")
    contract: Contract = room.NHWC if (name, layout) == ("functional", "nhwc") else room.CONTRACT
    return contract


def recognise(names: Names) -> str:
    """The first contract that these functions seem to be written for."""
    return next((name for name in NAMES if get(name).recognises(names)), "assignment")
