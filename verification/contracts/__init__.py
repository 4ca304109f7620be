"""Contracts: what functions are called, how a question is put to them, which ones they can express.

One room a contract, a table each.  Nothing here knows an expected answer: the candidate's process
imports it.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.case import Case, plain, plain_pad

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Lookup = Callable[[str], Callable[..., Any]]
Replies = dict[str, Any]
Names = Mapping[str, Sequence[str] | None]
"""A candidate's functions with the names of their parameters, None where nobody knows them."""

NAMES = ("npcnn", "functional", "cs231n", "holberton", "assignment")
"""Every contract, the more particular ones first: the order in which they are recognised."""
OWN, CANONICAL = "own", "canonical"


@dataclass(frozen=True)
class Function:
    """One function of a contract: `op` is our name for what it does, `ask` puts a question to it.

    ask(get, case, given, cache) calls get(name), which is the candidate's function of that name,
    and names the replies after the oracle's outputs: y, index, dx, dw, db.  A backward function
    gets the cache of the candidate's own forward, or the canonical one.  `form` shapes an output of
    the oracle as the contract has it, and `words` are the contract's names of outputs.
    """

    name: str
    op: str
    takes: Callable[[Case], bool]
    ask: Callable[[Lookup, Case, Arrays, str], Replies]
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    caches: tuple[str, ...] = (OWN,)
    keywords: Callable[[Case], Mapping[str, Any]] | None = None
    form: Callable[[Case, str, Array], Array] = lambda case, name, value: value
    words: Mapping[str, str] = field(default_factory=dict)

    def expresses(self, case: Case, parameters: Sequence[str] | None) -> bool:
        """Whether the question can be put, to a function of these parameters."""
        if not self.takes(case):
            return False
        if self.keywords is None or parameters is None:
            return True
        return any(name.startswith("**") for name in parameters) or (
            self.keywords(case).keys() <= set(parameters)
        )


@dataclass(frozen=True)
class Contract:
    """A table of functions.

    `bitwise` holds pools to torch's very bits, and results to memory of their own.
    """

    name: str
    functions: tuple[Function, ...]
    recognises: Callable[[Names], bool]
    bitwise: bool = False
    channels_first: bool = False

    def forward_of(self, function: Function) -> Function:
        """The forward pass that a gradient belongs to; of any other function, itself."""
        names = {function.name.replace("_backward", by) for by in ("", "_forward")}
        return next((f for f in self.functions if f.name in names), function)

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        """The candidate's own name for each function that it has."""
        resolved: dict[str, str] = {}
        for function in self.functions:
            ours = function.name
            wished = [renames[ours]] if ours in renames else [ours, *function.also]
            theirs = next((name for name in wished if name in names), None)
            if theirs is not None:
                resolved[ours] = theirs
        return resolved


def get(name: str) -> Contract:
    """The contract of this name; `functional-nhwc` is functional, channels last."""
    room, _, layout = name.partition("-")
    contracts = importlib.import_module(f"verification.contracts.{room}")
    contract: Contract = getattr(contracts, layout.upper() or "CONTRACT")
    return contract


def recognised(names: Names) -> str | None:
    """The first contract that these functions seem to be written for."""
    return next((name for name in NAMES if get(name).recognises(names)), None)


def returned(value: Any, names: str) -> Any:
    """What a call returned, if it is as many things as it should be."""
    if not isinstance(value, tuple | list) or len(value) != len(names.split(", ")):
        raise TypeError(f"it should return ({names}), it returned a {type(value).__name__}")
    return value


def is_op(*ops: str) -> Callable[[Case], bool]:
    return lambda case: case.op in ops


TURNS = 10_000
"""Numbers in an output, each a turn of a course's loops: more are for vectorised code."""


def is_plain(case: Case) -> bool:
    """Two axes, a batch, finite numbers, equal pads on both sides: what every course asks for."""
    return (
        is_affordable(case)
        and len(case.space) == 2
        and case.x[0] > 0
        and set(case.dilation) == {1}
        and (case.groups, case.bias, case.ceil_mode, case.count_include_pad)
        == (1, True, False, True)
        and case.divisor_override is None
        and case.fill != "special"
        and all(before == after for before, after in case.pad)
    )


def is_affordable(case: Case) -> bool:
    """Whether loops over every number of the output end in time, in the run's own dtype."""
    return bool(case.kernel) and not case.dtype and math.prod(case.y) <= TURNS


def is_single(*settings: Sequence[Any]) -> bool:
    """Whether one number says it for all axes."""
    return all(len(set(setting)) == 1 for setting in settings)


def first(a: Array) -> Array:
    """(N, *space, C) as (N, C, *space), contiguous."""
    return np.ascontiguousarray(np.moveaxis(a, -1, 1))


def filters_first(w: Array) -> Array:
    """(*kernel, C, K) as (K, C, *kernel), contiguous."""
    return np.ascontiguousarray(np.moveaxis(w, (-1, -2), (0, 1)))


def channels_first(case: Case, name: str, value: Array) -> Array:
    """An output of the oracle with its channels in front."""
    if name == "dw":
        return np.moveaxis(value, (-1, -2), (0, 1))
    return np.moveaxis(value, -1, 1) if name in ("y", "dx", "index") else value


def conv_words(case: Case, pad: str) -> dict[str, Any]:
    return {
        "stride": plain(case.stride),
        pad: case.word or plain_pad(case.pad),
        "dilation": plain(case.dilation),
        "groups": case.groups,
    }


def pool_words(case: Case, kernel: str, pad: str) -> dict[str, Any]:
    words: dict[str, Any] = {
        kernel: plain(case.kernel),
        pad: plain_pad(case.pad),
        "ceil_mode": case.ceil_mode,
    }
    if case.stride != case.kernel:
        words["stride"] = plain(case.stride)
    if case.op == "max_pool":
        return words | {"dilation": plain(case.dilation)}
    counting = {"count_include_pad": case.count_include_pad}
    return words | counting | {"divisor_override": case.divisor_override}


DEFAULTS: Mapping[str, Any] = {
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
}


def unusual(words: Mapping[str, Any]) -> dict[str, Any]:
    """Without the words that say what holds anyway: so the defaults are asked about too."""
    usual = DEFAULTS if "kernel_size" in words else {**DEFAULTS, "stride": 1}
    return {name: word for name, word in words.items() if name not in usual or word != usual[name]}
