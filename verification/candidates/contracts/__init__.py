"""Contracts: what functions are called, which questions they express, how one is put to them.

A contract is a room here, with a table of its functions; nothing knows an expected answer.  A
gradient that takes its forward pass's cache is asked by two calls, and the cache never leaves the
candidate's process.
"""

from __future__ import annotations

import importlib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, cast

import numpy as np

from verification.candidates.contracts.function import (
    BIASES,
    CANONICAL,
    LAYOUTS,
    PAD,
    WORDS,
    Form,
    Function,
    Names,
    fold,
    keep_form,
    read_table,
)
from verification.candidates.process import LOST, Call, Hello, Reply
from verification.questions import Arrays, Case, arrays, parse

TURNS = 10_000
"""Numbers in an output, each a turn of a course's loops: more are for vectorised code."""

PROBES = [case for row in read_table("probes")["probes"] for case in parse(row)]
"""A question for each of torch's functions, whose answer tells the layout by its shape."""
KEYS: Mapping[str, Sequence[str]] = WORDS["keys"]
"""Other keys of a course's dictionary of settings."""
RANKS = re.compile(
    "values to unpack|too many indices|number of dimensions|tuple index out of range"
)
"""What is raised where arrays of another number of axes are wanted."""
TUPLES = re.compile(
    "non-iterable int object|'int' object is not (subscriptable|iterable)|'int' has no len"
    r"|got 1 window_shape|after \* must be an iterable, not int"
)
"""What is raised where a size must be a tuple."""
NUMBERS = re.compile("truth value of an array|array element with a sequence|0-dimensional arrays")
"""What is raised where an array stands in place of a number."""
_REFUSAL = re.compile(r": (raise|assert)\b")
"""A line that refuses what it is given."""
CACHE = re.compile("values to unpack|not subscriptable|indices must be|out of range|KeyError")
"""What is raised where a cache of another form is wanted."""
SHOWN = 20
"""Functions that are listed where no contract fits."""

Ask = Callable[[list[Call]], Reply]
Place = tuple[str, Sequence[int]]
"""A layout, and the sizes of b."""


@dataclass(frozen=True)
class Contract:
    """A table of functions; `is_bitwise` asks for torch's very bits, and memory of their own.

    Where it `may_decline`, a function that raises NotImplementedError is outside.  Its arrays have
    this `layout`, "" where that is not everybody's own.
    """

    name: str
    functions: tuple[Function, ...]
    layout: str = ""
    is_bitwise: bool = False
    may_decline: bool = False

    def lay(self, layout: str) -> Contract:
        """The same in another layout."""
        if layout in ("", self.layout) or not self.layout:
            return self
        laid = tuple(one.lay(layout) if one.takes_images else one for one in self.functions)
        return replace(self, functions=laid, layout=layout)

    def shape_bias(self, sizes: Sequence[int]) -> Contract:
        """The same with b, and so db, of these sizes."""
        return replace(self, functions=tuple(one.shape_bias(sizes) for one in self.functions))

    def lead_filters(self) -> Contract:
        """The same with weights (K, *kernel, C) where channels are last."""
        return replace(self, functions=tuple(one.lead_filters() for one in self.functions))

    def count_fitting(self, names: Names) -> tuple[int, int]:
        """How many passes and helpers seem to be written for it; none where no pass is."""
        theirs = self.resolve(names, {})
        there = [function for function in self.functions if function.name in theirs]
        fitting = [one for one in there if one.read(names[theirs[one.name]]).fits]
        strange = [one.name for one in there if one not in fitting]  # so are their caches
        fitting = [one for one in fitting if not (one.forward and one.forward.name in strange)]
        passes = sum(function.is_pass for function in fitting)
        is_none = not passes and any(function.is_pass for function in there)
        return (0, 0) if is_none else (passes, len(fitting) - passes)

    def forward_of(self, function: Function) -> Function:
        """The forward pass that a gradient belongs to; of any other function, itself."""
        name = function.name.replace(".backward", ".forward")
        names = {name.replace("_backward", by) for by in ("", "_forward")}
        if function.op == "unfold_backward":
            names = {name.replace("fold", "unfold")}
        return next((f for f in self.functions if f.name in names), function)

    def adapt(
        self, hello: Hello, names: Mapping[str, str], ask: Ask
    ) -> tuple[Contract, dict[str, str], list[str]]:
        """As one candidate's functions are found to be; their names by ours, and what to note."""
        return self, {**names}, []

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        """The candidate's own name for each function that it has."""
        resolved: dict[str, str] = {}
        for function in self.functions:
            name, first = renames.get(function.name) or function.find(names), function.forward
            forward = resolved.get(first.name, "") if first else ""
            twin = forward.replace("forward", "backward")  # of several, whose cache it takes
            other = name.replace("backward", "forward")
            others = {one: names[one] for one in names if one == other}
            if not renames.get(function.name) and twin in names and function.is_called(twin):
                name = twin
            elif first and first.name not in renames and first.find(others):
                resolved[first.name] = other
            if name in names:
                resolved[function.name] = name
        for function in self.functions:  # a pass of other parameters makes a cache of its own
            first = function.forward
            if first and first.name not in resolved and any(map(first.is_called, names)):
                resolved.pop(function.name, "")
        return resolved


class Course(Contract):
    """A course's contract: passes that cannot take arrays laid out so are tried with others."""

    def adapt(
        self, hello: Hello, names: Mapping[str, str], ask: Ask
    ) -> tuple[Contract, dict[str, str], list[str]]:
        def answer(function: Function, case: Case) -> Reply:
            their = names[function.name]
            (call,) = function.plan(case, give(case), CANONICAL)
            fitted = function.read(hello.names[their]).fit(case, call)
            return ask([replace(fitted, function=their)])

        written = {our for our, their in names.items() if their not in hello.stubs}
        forwards = {f.name: self.forward_of(f).name for f in self.functions}
        firsts = {name: own if own in names else name for name, own in forwards.items()}
        places, functions, notes = dict[str, Place | None](), list[Function](), list[str]()
        for function in self.functions:
            name = function.name
            is_tried = function.takes_images and not function.optional and firsts[name] == name
            if is_tried and name in written:
                place = find_place(function, answer)
                after = (f for f in self.functions if f.forward is function and f.name in written)
                # an error of age, as of float(b), is no other layout if the gradient has the usual
                if place and place[0] == self.layout and any(_suits(one, answer) for one in after):
                    place = None
                places[name] = place
        passes = {place and place[0] for name, place in places.items() if name != PAD}
        if passes and PAD in places and {(pad := places[PAD]) and pad[0]} != passes:
            del places[PAD]  # it is wrong where the passes are of another layout
        for function in self.functions:
            if place := places.get(firsts[function.name]):
                function = function.lay(place[0]).shape_bias(place[1])
            functions.append(function)
        for name, place in places.items():
            if place:
                bias = f"b of shape {place[1]}".replace("-1", "filters")
                is_other = [place[0] != self.layout, bool(place[1] != BIASES[0])]
                words = ", and ".join(itertools.compress((place[0], bias), is_other)) or bias
                notes.append(f"{names[name]} takes {words}, as its answers show")
        layouts = {place[0] if place else self.layout for place in places.values()}
        layout = layouts.pop() if len(layouts) == 1 else self.layout
        return replace(self, functions=(*functions,), layout=layout), {**names}, notes


def build_course(
    course: str,
    takes: Callable[[str, Case], bool],
    rest: Mapping[str, Callable[[Case], tuple[Any, ...]]],
    forms: Mapping[str, Form],
    layout: str = "",
) -> tuple[Function, ...]:
    """A course's functions: which questions each takes, and, by name, what stands behind its
    arrays, and the form of these; "" is that of the others.  The `layout` is that of all.
    """
    functions: dict[str, Function] = {}
    for name, row in read_table("courses")[course].items():
        about = {key: row[key] for key in ("has_mode", "optional") if key in row}
        functions[name] = Function(
            name,
            row.get("op", name),
            partial(takes, name),
            row.get("arrays", ""),
            row["signature"],
            row.get("returns", {"y": "y"}),
            rest.get(name, lambda case: ()),
            form=forms.get(name, forms.get("", keep_form)),
            forward=functions.get(row.get("forward", "")),
            loose=tuple(row.get("loose", ())),
            layout=layout,
            **about,
        )
    return tuple(functions.values())


def find_place(function: Function, answer: Callable[[Function, Case], Reply]) -> Place | None:
    """The layout and the sizes of b with which a pass answers in the right shape.

    None where it does so in any plain question as it is, or raises what no other shapes may mend;
    where it does so with none of them, or not in time.
    """
    plain = [case for case in PROBES if function.expresses(case)]
    for case in plain:
        reply = answer(function, case)
        if shows_form(function.form, case, reply) or reply.kind not in {"", *_SHAPE_ERRORS}:
            return None
    biases = BIASES if "b" in function.parameters else BIASES[:1]
    for layout, sizes in itertools.product(LAYOUTS, biases):
        laid = function.lay(layout).shape_bias(sizes)
        # of one filter b has all shapes alike
        telling = (case for case in plain if "c" not in layout or case.y[-1] > 1)
        for case in filter(laid.takes, telling):
            reply = answer(laid, case)
            if reply.kind in LOST:
                return None
            if shows_form(laid.form, case, reply):
                return layout, sizes
    return None


def _suits(function: Function, answer: Callable[[Function, Case], Reply]) -> bool:
    """Whether it answers a plain question in the right shape as it is."""
    plain = (case for case in PROBES if function.expresses(case))
    return any(shows_form(function.form, case, answer(function, case)) for case in plain)


def shows_form(form: Form, case: Case, reply: Reply) -> bool | None:
    """Whether the first of what is answered has the right shape; None where nothing is."""
    for name, got in reply.values.items():
        want = np.shape(form(case, name, np.zeros(case.outputs[name])))
        return got.shape == want if isinstance(got, np.ndarray) else None
    return None


def wants_other_axes(reply: Reply) -> bool:
    """Whether what it raises is said of arrays of another number of axes, or refuses them."""
    line = "".join(reply.where[-1:])
    is_tuple = "tuple index" in reply.error and "shape" not in line  # one of its own
    return bool((RANKS.search(reply.error) and not is_tuple) or _REFUSAL.search(line))


def give(case: Case) -> Arrays:
    """The arrays of a question that is asked to learn how a candidate takes it."""
    return arrays(case, 0, "float64")


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
    return case.is_pass and is_ours and math.prod(case.y) <= TURNS


def has_equal_pads(case: Case) -> bool:
    return all(before == after for before, after in case.pad)


def has_one_pad(case: Case) -> bool:
    return len({size for pair in case.pad for size in pair}) == 1


NAMES = ("assignment", "functional", "cs231n", "holberton", "npcnn", "layers")
"""Every contract; the order decides where several fit alike."""
_SHAPE_ERRORS = {"ValueError", "IndexError", "TypeError", "AssertionError"}
"""What is raised where arrays have another layout."""


@cache
def get(name: str, layout: str = "") -> Contract:
    """The contract of this name, in its own layout unless otherwise said."""
    room = importlib.import_module(f"{__name__}.{name}")
    return cast("Contract", room.CONTRACT).lay(layout)


def recognise(names: Names, ours: Iterable[str] = ()) -> list[str]:
    """The contracts that some of these functions are written for, that of most, passes first, in
    front.

    They are some that have functions, or classes, of our names that are meant.  Which ones cannot
    fit better than those before them their marks tell.
    """
    texts = [f"{fold(name)}({', '.join(words or ())})" for name, words in names.items()]
    counts = dict[str, tuple[int, int]]()
    for name in sorted(NAMES, key="functional".__eq__):  # last: it knows the courses' names, too
        marked = sum(bool(re.search(WORDS["marks"].get(name, ""), text)) for text in texts)
        most = max(counts.values(), default=(0, 0))[0]
        if marked <= most * (name == "functional"):
            continue
        known = {one for f in get(name).functions for one in (f.name, f.name.partition(".")[0])}
        if known.issuperset(ours):
            counts[name] = get(name).count_fitting(names)
    fitting = (name for name, count in counts.items() if any(count))
    return sorted(fitting, key=lambda name: counts[name], reverse=True)


def find_nearest(names: Names) -> Contract:
    """The contract whose names most of these functions bear; functional where one would do, and
    where none bears any: layers where there are classes.
    """
    usual = [get("functional")] if _suggest(names) else []
    best = max([*usual, *map(get, NAMES)], key=lambda one: len(one.resolve(names, {})))
    has_methods = any("." in name for name in names)
    return best if best.resolve(names, {}) else get("layers" if has_methods else "functional")


def explain_misfit(names: Names, nearest: Contract) -> str:
    """What is here, what the nearest contract has in its place, and how to go on."""
    shown = [
        f"    {name}" if parameters is None else f"    {name}({', '.join(parameters)})"
        for name, parameters in names.items()
        if name[0] != "_"
    ]
    usual = [f.name for f in nearest.functions if not (f.optional or re.search("[13]d", f.name))]
    there = nearest.resolve(names, {}) or {*usual}
    lacks = ", ".join(name for name in usual if name not in there)
    return "\n".join(
        (
            "No contract fits the functions and classes that are here:",
            *(shown[:SHOWN] or ["    none"]),
            *[f"    and {len(shown) - SHOWN} more"] * (len(shown) > SHOWN),
            f"The nearest is {nearest.name}, where they are:",
            *(f"    {f.name}({f.signature})" for f in nearest.functions if f.name in there),
            *[f"    and, missing here: {lacks}"] * bool(lacks),
            f"Go on with --contract {nearest.name}, or with --name OURS=THEIRS{_suggest(names)}",
        )
    )


def _suggest(names: Names) -> str:
    """A function that would do under another name."""
    for function in get("functional").functions:
        for name, parameters in names.items():
            words = ("back", "trans", "av")
            ways = ((way in name.lower()) == (way in function.name) for way in words)
            is_alike = function.kind in name and all(ways)
            if is_alike and "2d" in function.name and parameters and function.read(parameters).fits:
                return f", as in --name {function.name}={name}"
    return ""
