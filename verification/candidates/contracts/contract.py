"""A contract: what functions are called, how a question is put to them, which ones they can express.

Nothing here knows an expected answer.  A plan is a list of calls; a gradient that needs its forward
pass's cache calls that first, and the cache never leaves the candidate's process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verification.candidates.process import Call, Result
from verification.questions import Array, Arrays, Case, simplify, simplify_pad

OWN, CANONICAL = "own", "canonical"
"""The cache that a gradient gets: its own forward pass's, or the one that the contract defines."""
TURNS = 10_000
"""Numbers in an output, each a turn of a course's loops: more are for vectorised code."""

Names = Mapping[str, Sequence[str] | None]
"""A candidate's functions with the names of their parameters, None where nobody knows them."""
Plan = Callable[[Case, Arrays, str], list[Call]]
Arguments = Callable[[Case, Arrays], tuple[Any, ...]]


def keep_form(case: Case, name: str, value: Array) -> Array:
    """An output as the oracle gives it: channels last, db (K,)."""
    return value


@dataclass(frozen=True)
class Function:
    """One function of a contract: `op` is our name for what it does, `plan` puts a question to it.

    `also` are other names, `needs` the functions that it stands on by the contract; `form` shapes
    an output of the oracle as the contract has it, `words` are the contract's names of outputs,
    `keywords` the parameters that a question needs.
    """

    name: str
    op: str
    takes: Callable[[Case], bool]
    plan: Plan
    also: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    has_cache: bool = False
    form: Callable[[Case, str, Array], Array] = keep_form
    words: Mapping[str, str] = field(default_factory=dict)
    keywords: Callable[[Case], Mapping[str, Any]] | None = None

    def expresses(self, case: Case, parameters: Sequence[str] | None) -> bool:
        """Whether the question can be put to a function of these parameters."""
        if not self.takes(case):
            return False
        if self.keywords is None or parameters is None:
            return True
        return any(name.startswith("**") for name in parameters) or (
            self.keywords(case).keys() <= set(parameters)
        )


@dataclass(frozen=True)
class Contract:
    """A table of functions; `is_bitwise` holds pools to torch's very bits, results to own memory."""

    name: str
    functions: tuple[Function, ...]
    recognises: Callable[[Names], bool]
    is_bitwise: bool = False
    channels_first: bool = False

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


@dataclass(frozen=True)
class Layer:
    """A layer as two functions with a cache between them.

    The forward pass's `arguments` are the canonical cache too; `more` are further arguments of both.
    """

    forward: str
    backward: str
    arguments: Arguments
    returns: tuple[str, str]
    gradients: tuple[str, ...] = ("dx", "dw", "db")
    more: Callable[[Case], tuple[Any, ...]] = lambda case: ()
    upstream: Callable[[Array], Array] = lambda dy: dy

    def plan_forward(self, case: Case, given: Arrays, cache: str) -> list[Call]:
        arguments = (*self.arguments(case, given), *self.more(case))
        return [Call(self.forward, arguments, outputs=("y", ""), returns=self.returns[0])]

    def plan_backward(self, case: Case, given: Arrays, cache: str) -> list[Call]:
        first = self.plan_forward(case, given, cache) if cache == OWN else []
        stored = Result(0, 1) if cache == OWN else self.arguments(case, given)
        arguments = (self.upstream(given["dy"]), stored, *self.more(case))
        return [
            *first,
            Call(self.backward, arguments, outputs=self.gradients, returns=self.returns[1]),
        ]


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
    return bool(case.kernel) and not case.dtype and math.prod(case.y) <= TURNS


def has_equal_pads(case: Case) -> bool:
    return all(before == after for before, after in case.pad)


def has_one_pad(case: Case) -> bool:
    return len({size for pair in case.pad for size in pair}) == 1


def lead_channels(a: Array) -> Array:
    """(N, *space, C) as (N, C, *space), contiguous."""
    return np.ascontiguousarray(np.moveaxis(a, -1, 1))


def lead_filters(w: Array) -> Array:
    """(*kernel, C, K) as (K, C, *kernel), contiguous."""
    return np.ascontiguousarray(np.moveaxis(w, (-1, -2), (0, 1)))


def form_channels_first(case: Case, name: str, value: Array) -> Array:
    """An output of the oracle with its channels in front."""
    if name == "dw":
        return np.moveaxis(value, (-1, -2), (0, 1))
    return np.moveaxis(value, -1, 1) if name in ("y", "dx", "index") else value


def conv_words(case: Case, pad: str) -> dict[str, Any]:
    return {
        "stride": simplify(case.stride),
        pad: case.word or simplify_pad(case.pad),
        "dilation": simplify(case.dilation),
        "groups": case.groups,
    }


def pool_words(case: Case, kernel: str, pad: str) -> dict[str, Any]:
    words: dict[str, Any] = {
        kernel: simplify(case.kernel),
        pad: simplify_pad(case.pad),
        "ceil_mode": case.ceil_mode,
    }
    if case.stride != case.kernel:
        words["stride"] = simplify(case.stride)
    if case.op == "max_pool":
        return words | {"dilation": simplify(case.dilation)}
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
"""torch's own, of arguments that need not be given."""


def drop_defaults(words: Mapping[str, Any], *kept: str) -> dict[str, Any]:
    """Without the words that say what holds anyway: so the defaults are asked about too."""
    usual = DEFAULTS if "kernel_size" in words else {**DEFAULTS, "stride": 1}
    return {
        name: word
        for name, word in words.items()
        if name in kept or name not in usual or word != usual[name]
    }
