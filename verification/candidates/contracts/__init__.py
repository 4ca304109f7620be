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
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from verification.candidates.process import IDENTITY, LOST, Call, Hello, Reply, Result
from verification.questions import Array, Arrays, Case, arrays, parse, shapes, simplify

OWN, CANONICAL = "own", "canonical"
"""The cache that a gradient gets: its own forward pass's, or the one that the contract defines."""
TURNS = 10_000
"""Numbers in an output, each a turn of a course's loops: more are for vectorised code."""

SETTINGS = {"stride", "strides", "pad", "padding", "activation", "kernel_shape", "kernel_size"}
SETTINGS |= {"conv_param", "pool_param", "hparameters"}
"""Parameters that tell contracts apart."""


def read_table(name: str) -> dict[str, Any]:
    """A table that stands beside the rooms."""
    path = Path(__file__).with_name(f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


PROBES = [case for row in read_table("probes")["probes"] for case in parse(row)]
"""A question for each of torch's functions, whose answer tells the layout by its shape."""
_WORDS = read_table("words")
SPELLINGS: Mapping[str, Sequence[str]] = _WORDS["spellings"]
"""The names that optional settings go by, torch's first."""
KEYS: Mapping[str, Sequence[str]] = _WORDS["keys"]
"""Other keys of a course's dictionary of settings."""
WIDE = ("kernel_size", "stride", "padding", "dilation", "output_size")
"""The settings that a tuple may give, a size for each axis."""
STATISTICS = ("mean", "var")
"""The running ones of a batch norm."""
RANKS = re.compile("values to unpack|too many indices|number of dimensions")
"""What is raised where arrays of another number of axes are wanted."""
CACHE = re.compile("values to unpack|not subscriptable|indices must be|out of range|KeyError")
"""What is raised where a cache of another form is wanted."""
SHOWN = 20
"""Functions that are listed where no contract fits."""

Parameters = Sequence[str] | None
"""A function's parameters as a signature writes them, None where nobody knows them."""
Names = Mapping[str, Parameters]
"""A candidate's functions, with their parameters."""
Form = Callable[[Case, str, Array], Any]
Ask = Callable[[list[Call]], Reply]
Place = tuple[str, Sequence[int]]
"""A layout, and the sizes of b."""

LAYOUTS = ("nchw", "nhwc", "chw", "hwc", "hw", "nhw")
"""How arrays may be laid out; the order decides where several fit alike."""
FIRST = ("nchw", "chw")
"""Those that have their channels in front."""
BIASES = ((-1,), (1, 1, 1, -1), (-1, 1), (-1, 1, 1), (1, -1, 1, 1), (-1, 1, 1, 1), (1, 1, -1))
"""The shapes that b may have; the order decides where several fit alike."""


def lay_out(layout: str, case: Case, name: str, value: Array) -> Any:
    """One of the oracle's arrays in a layout: weights (K, C, *kernel) where channels lead.

    What a layout has no letter for is one, and has no axis; the bias of one channel is a number.
    """
    is_plane = "c" not in layout
    if name in ("b", "db") and is_plane:
        return value.item() if name == "b" else value.reshape(())
    if value.ndim == 1:
        return value
    if name in ("w", "dw"):
        if is_plane:
            return value[..., 0, 0]
        return np.moveaxis(value, (-1, -2), (0, 1)) if layout in FIRST else value
    if is_plane:
        value = value[..., 0]
    elif layout in FIRST:
        value = _lead_channels(case, name, value)
    return value if layout[0] == "n" else value[0]


def _lead_channels(case: Case, name: str, value: Array) -> Array:
    """(N, C, *space); of unfolded windows (N, C * taps, windows)."""
    if case.op == "unfold" and name in ("y", "dy"):
        taps = value.reshape(*value.shape[:2], math.prod(case.kernel), case.x[-1])
        return taps.transpose(0, 3, 2, 1).reshape(value.swapaxes(1, 2).shape)
    return np.moveaxis(value, -1, 1)


FORMS: Mapping[str, Form] = {layout: partial(lay_out, layout) for layout in LAYOUTS}
keep_form, lead_channels = FORMS["nhwc"], FORMS["nchw"]
"""The oracle's own form, and that with channels in front."""


def reshape_bias(form: Form, sizes: Sequence[int], case: Case, name: str, value: Array) -> Any:
    return value.reshape(sizes) if name in ("b", "db") else form(case, name, value)


def _takes_in(layout: str, takes: Callable[[Case], bool], case: Case) -> bool:
    """Whether a question has but one of all that the layout has no letter for."""
    is_image = layout[0] == "n" or case.x[0] == 1
    return is_image and ("c" in layout or case.x[-1] == case.y[-1] == 1) and takes(case)


@dataclass(frozen=True)
class Function:
    """One function of a contract: `op` is our name for what it does.

    It is asked the questions that it `takes`: by some of the question's `arrays`, the `rest` behind
    them, and, by keyword, `keywords`; the `signature` is the contract's.  Where there are
    `settings`, every one of a question, they are optional: a function that lacks one is not asked
    what needs it.  `words` are the contract's names of what it returns, in order, by ours; "" is
    not sent here.  `form` shapes the oracle's arrays, going and coming, as the contract has them.
    A function that is `optional` is not missed; one with a `telling` parameter is known by it.
    `also` are other names, `loose` those that tell where parameters do, too.  A gradient with a
    cache gets dy and that of its `forward` pass, or the canonical one, which is the arguments of
    that pass; one that `is_chained` cannot be asked but behind its own.  Where it `has_mode`,
    "average" stands behind them, and "max" where a function has no default for it.  What
    `may_differ` may return less, or a pair, as nobody has agreed on more than y.
    """

    name: str
    op: str
    takes: Callable[[Case], bool]
    arrays: str
    signature: str
    words: Mapping[str, str] = field(default_factory=lambda: {"y": "y"})
    rest: Callable[[Case], tuple[Any, ...]] = lambda case: ()
    keywords: Callable[[Case], Mapping[str, Any]] = lambda case: {}
    form: Form = keep_form
    settings: Callable[[Case], Mapping[str, Any]] | None = None
    optional: bool = False
    telling: str = ""
    also: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    forward: Function | None = None
    has_mode: bool = False
    is_chained: bool = False
    may_differ: bool = False

    @property
    def kind(self) -> str:
        """conv, pool and their like, or the helper's own name."""
        return self.op.removesuffix("_forward").removesuffix("_backward")

    @property
    def parameters(self) -> list[str]:
        """The names of the contract's own."""
        return read_names(self.signature.split(", "))

    @property
    def spellings(self) -> dict[str, Sequence[str]]:
        """The names that each of its optional settings goes by."""
        words = self.parameters if self.settings else ()
        return {word: SPELLINGS[word] for word in words if word in SPELLINGS}

    @property
    def is_pass(self) -> bool:
        """Whether it is a layer's pass, no helper."""
        return self.op != self.kind

    def lay(self, layout: str) -> Function:
        """The same for arrays of another layout."""
        forward = self.forward and self.forward.lay(layout)
        takes = partial(_takes_in, layout, self.takes)
        return replace(self, form=FORMS[layout], takes=takes, forward=forward)

    def shape_bias(self, sizes: Sequence[int]) -> Function:
        """The same with b, and so db, of these sizes."""
        if sizes == BIASES[0]:  # as the form has it: of a plane it is a number
            return self
        forward = self.forward and self.forward.shape_bias(sizes)
        return replace(self, form=partial(reshape_bias, self.form, sizes), forward=forward)

    def is_called(self, name: str) -> bool:
        """Whether it goes by this name, be it in camelCase."""
        return fold(name) in map(fold, (self.name, *self.also, *self.loose))

    def is_guessed(self, name: str) -> bool:
        """Whether it goes by this name where parameters tell so, too."""
        return fold(name) not in map(fold, (self.name, *self.also))

    def find(self, names: Names) -> str:
        """The first of a candidate's functions that goes by one of its names; "" if none does."""
        known = [fold(one) for one in (self.name, *self.also, *self.loose)]
        for name in sorted(filter(self.is_called, names), key=lambda name: known.index(fold(name))):
            parameters = names[name]
            is_told = parameters is None or {self.telling} <= {"", *read_names(parameters)}
            if is_told and (not self.is_guessed(name) or self.fits(parameters)):
                return name
        return ""

    def fits(self, parameters: Parameters) -> bool:
        """Whether a function of these parameters seems to be written for it."""
        if parameters is None:
            return True
        if self.settings and self.op.endswith("_backward") and takes_cache(parameters):
            return True
        theirs = [parameter for parameter in parameters if parameter[0] != "*"]
        known = {*self.parameters}.union(*self.spellings.values())
        free = "=" if self.settings else "activation="  # which need not be given
        binding = [one for one in theirs if free not in one]
        if self.is_pass and SETTINGS.intersection(read_names(binding)) - known:
            return False
        ours, is_open = self.signature.split(", "), bool({*parameters} - {*theirs, "*"})
        is_long = is_open or len(theirs) >= _count_required(ours)
        is_fit = is_long and _count_required(theirs) <= len(ours)
        return is_fit and not self.find_foreign(parameters)

    def expresses(self, case: Case, parameters: Parameters) -> bool:
        """Whether the question can be put to a function of these parameters."""
        if self.kind != case.kind or not self.takes(case):
            return False
        if not self.settings:
            is_average = self.has_mode and case.op == "avg_pool"
            return not (is_average and self._lacks_mode(parameters))
        if self.find_foreign(parameters) or (self.wants_word(parameters) and not name_pad(case)):
            return False
        wanted = {*drop_usual(case, self.keywords(case)), *["b"] * case.bias}
        if not wanted & self.spellings.keys() <= self.spell(parameters).keys():
            return False
        # no default for an array that the question has not; None is tried for a bias
        there = {"b", *self._choose_arrays(case, shapes(case))}
        pairs = zip(self.arrays.split(), parameters or ())
        return all(our in there or not their.isidentifier() for our, their in pairs)

    def _lacks_mode(self, parameters: Parameters) -> bool:
        """Whether it ends before the mode: then it is for maxima alone."""
        is_open = parameters is None or any(one[0] == "*" for one in parameters)
        return not is_open and len(parameters or ()) < len(self.parameters)

    def find_foreign(self, parameters: Parameters) -> list[str]:
        """What such a function insists on that is none of the arrays and settings; also what a
        forward pass has made of x, in the place of x.
        """
        if not (self.settings and parameters):
            return []
        arrays = self.arrays.split()
        at = len(arrays) if "index" in arrays else (*arrays, "x").index("x")
        made = [one for one in read_names(parameters)[at : at + 1] if _MADE.fullmatch(one)]
        known = {*self.spell(parameters).values(), self.find_bias(parameters)}
        behind = parameters[len(arrays) :]
        return made + [one for one in behind if one.isidentifier() and one not in known]

    def find_bias(self, parameters: Parameters) -> str:
        """The parameter of a gradient that takes the bias, which it does not need; "" if none."""
        named = (one for one in parameters or () if self.op == "conv_backward" and self.settings)
        return next((one for one in named if one.lower() in SPELLINGS["b"]), "")

    def _choose_arrays(self, case: Case, given: Mapping[str, Any]) -> dict[str, Any]:
        """Without running statistics for a gradient in training, which takes the batch's own."""
        is_own = case.training and self.op.endswith("_backward")
        return {name: a for name, a in given.items() if not (is_own and name in STATISTICS)}

    def wants_word(self, parameters: Parameters) -> bool:
        """Whether pads are words for a function of these parameters, by its default."""
        return bool(self.settings) and any(map(_PAD_WORD.match, parameters or ()))

    def spell(self, parameters: Parameters) -> dict[str, str]:
        """A function's own names of the settings that it has: all, where nobody knows.

        What stands where the contract has the bias, or the kernel, is that, whatever its name; of
        a bias with a default the name must say it.  Words for pads are known by the default.
        """
        theirs = ["**words"] if parameters is None else parameters
        names, spelled = read_names(theirs), dict[str, str]()
        is_open = any(name.startswith("**") for name in names)
        for word, spelling in self.spellings.items():
            found = [name for one in spelling for name in names if one in (name, name.lower())]
            if word == "padding":
                worded = read_names([one for one in theirs if _PAD_WORD.match(one)])
                found = worded + [name for name in found if f"{name}=False" not in theirs]
            elif word in ("b", "kernel_size"):
                found += self._find_placed(word, theirs)
            if found or is_open:
                spelled[word] = [*found, word][0]
        return spelled

    def _find_placed(self, word: str, theirs: Sequence[str]) -> list[str]:
        """What stands where the contract has this word, if its name says nothing else."""
        there = [one for one in theirs[self.parameters.index(word) :][:1] if one[0] != "*"]
        if word == "b":
            there = [one for one in there if "=" not in one or _BIAS.match(one)]
        known = set[str]().union(*self.spellings.values())
        return [name for name in read_names(there) if name.lower() not in known]

    def fit(self, case: Case, call: Call, parameters: Parameters, is_wide: bool = False) -> Call:
        """The call as such a function takes it: by its own names, by keyword where it must be;
        where it `is_wide`, with tuples alone as sizes.
        """
        if parameters is None:
            return call
        if self.settings:
            call = self._translate(case, call, parameters, is_wide)
        else:
            call = self._place(call, parameters)
        activated = [one for one in parameters if re.match("activation=(?!None)", one)]
        if activated and "activation" not in self.parameters:
            call = replace(call, words={**call.words, "activation": IDENTITY})
        return call

    def _place(self, call: Call, parameters: Sequence[str]) -> Call:
        """The call by places, as far as there are some, and with the mode that has no default."""
        names, arguments, words = read_names(parameters), call.arguments, dict(call.words)
        if self.has_mode and len(arguments) < _count_required(parameters):
            arguments += ("max",)
        if "*" in names:
            at = names.index("*")
            given = zip(self.parameters[at:], names[at + 1 :], arguments[at:])
            words |= {our if our in names else their: value for our, their, value in given}
            arguments = arguments[:at]
        return replace(call, arguments=arguments, words=words)

    def _translate(self, case: Case, call: Call, parameters: Sequence[str], is_wide: bool) -> Call:
        """The call with arrays by places and settings by its own names: what must be said."""
        assert self.settings
        names, spelled = read_names(parameters), self.spell(parameters)
        defaults = dict(parameter.partition("=")[::2] for parameter in parameters)
        named = self.name_arrays(names)
        held = dict(zip(self.arrays.split(), call.arguments))
        known = {**self.settings(case), **call.words, **held}
        said = {*call.words, *named, "b"}
        if self.wants_word(parameters):
            pad = name_pad(case)
            known["padding"] = pad.upper() if defaults[spelled["padding"]].isupper() else pad
            said.add("padding")
        if defaults.get(spelled.get("stride", "")) == "None":  # the kernel's, in whatever form
            defaults[spelled["stride"]] = defaults.get(spelled.get("kernel_size", ""), "None")
        words = dict[str, Any]()
        for our, their in {**spelled, **named}.items():
            default = defaults.get(their, "None")
            if our in said or not is_usual(our, default):
                words[their] = known[our]
                if our in WIDE:
                    words[their] = write_size(known[our], default, len(case.space), is_wide)
        placed = (our for our in self._order_arrays(names) if our not in {"b", *named})
        return replace(call, arguments=tuple(held[our] for our in placed), words=words)

    def name_arrays(self, names: Sequence[str]) -> dict[str, str]:
        """The arrays of a batch norm whose names tell them: torch's order is not everybody's."""
        known = _WORDS["arrays"].items() if STATISTICS[0] in self.arrays.split() else ()
        found = ((our, [name for name in names if name in spelling]) for our, spelling in known)
        return {our: their[0] for our, their in found if their}

    def _order_arrays(self, names: Sequence[str]) -> list[str]:
        """With the upstream gradient where a function's names say that it stands."""
        first, *others = self.arrays.split()
        told = (n for n, name in enumerate(names[: len(others) + 1]) if _UPSTREAM.match(name))
        at = next(told, 0) if first == "dy" else 0
        return [*others[:at], first, *others[at:]]

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        """The calls that put a question to it; the last one's results are the answer."""
        taken = self._choose_arrays(case, given)
        formed = {name: self.form(case, name, a) for name, a in taken.items()}
        before: list[Call] = []
        if self.forward is None:
            arguments = self._write_arguments(case, formed)
        elif cache == OWN:
            before = self.forward.plan(case, given)
            arguments = (formed["dy"], Result(0, 1))
        else:
            arguments = (formed["dy"], self.forward._write_arguments(case, formed))
        arguments += ("average",) * (self.has_mode and case.op == "avg_pool")
        there = {*self.words} - {*STATISTICS} | {*case.outputs}
        words = {our: word for our, word in self.words.items() if our in there}
        returns = ", ".join(words.values())
        return [*before, Call(self.name, arguments, self.keywords(case), tuple(words), returns)]

    def tell(self, case: Case, given: Arrays) -> str:
        """The calls as one would write them, where they are no plain ones."""
        return ""

    def _write_arguments(self, case: Case, formed: Arrays) -> tuple[Any, ...]:
        return *(formed.get(name) for name in self.arrays.split()), *self.rest(case)


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

    @property
    def channels_first(self) -> bool:
        return self.layout in FIRST

    def lay(self, layout: str) -> Contract:
        """The same in another layout; what is optional is for batches alone."""
        if layout in ("", self.layout) or not self.layout:
            return self
        kept = (one for one in self.functions if layout in ("nchw", "nhwc") or not one.optional)
        laid = tuple(one.lay(layout) if one.is_pass else one for one in kept)
        return replace(self, functions=laid, layout=layout)

    def shape_bias(self, sizes: Sequence[int]) -> Contract:
        """The same with b, and so db, of these sizes."""
        return replace(self, functions=tuple(one.shape_bias(sizes) for one in self.functions))

    def count_fitting(self, names: Names) -> tuple[int, int]:
        """How many passes and helpers seem to be written for it; none where no pass is."""
        theirs = self.resolve(names, {})
        there = [function for function in self.functions if function.name in theirs]
        fitting = [one for one in there if one.fits(names[theirs[one.name]])]
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
            name = renames.get(function.name) or function.find(names)
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
            (call,) = function.plan(case, arrays(case, 0, "float64"), CANONICAL)
            fitted = function.fit(case, call, hello.names[their])
            return ask([replace(fitted, function=their)])

        written = {our for our, their in names.items() if their not in hello.stubs}
        functions, places, notes = list[Function](), dict[str, Place | None](), list[str]()
        for function in self.functions:
            first = self.forward_of(function)
            first = first if first.name in names else function
            is_layout_own = not function.is_pass or function.optional
            if first is function and function.name in written and not is_layout_own:
                places[function.name] = find_place(function, answer)
            if place := places.get(first.name):
                function = function.lay(place[0]).shape_bias(place[1])
            functions.append(function)
        for name, place in places.items():
            if place:
                bias = f", and b of shape {place[1]}".replace("-1", "filters")
                words = place[0] + bias * (place[1] != BIASES[0])
                notes.append(f"{names[name]} takes {words}, as its answers show")
        layouts = {place[0] if place else self.layout for place in places.values()}
        layout = layouts.pop() if len(layouts) == 1 else self.layout
        return replace(self, functions=(*functions,), layout=layout), {**names}, notes


def build_course(
    course: str,
    takes: Callable[[str, Case], bool],
    rest: Mapping[str, Callable[[Case], tuple[Any, ...]]],
    forms: Mapping[str, Form],
) -> tuple[Function, ...]:
    """A course's functions: which questions each takes, and, by name, what stands behind its
    arrays, and the form of these; "" is that of the others.
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
            **about,
        )
    return tuple(functions.values())


def find_place(function: Function, answer: Callable[[Function, Case], Reply]) -> Place | None:
    """The layout and the sizes of b with which a pass answers in the right shape.

    None where it does so in any plain question as it is, or raises what no other shapes may mend;
    where it does so with none of them, or not in time.
    """
    plain = [case for case in PROBES if function.expresses(case, None)]
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


def shows_form(form: Form, case: Case, reply: Reply) -> bool | None:
    """Whether the first of what is answered has the right shape; None where nothing is."""
    for name, got in reply.values.items():
        want = np.shape(form(case, name, np.zeros(case.outputs[name])))
        return got.shape == want if isinstance(got, np.ndarray) else None
    return None


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


def write_size(size: Any, default: str, axes: int, is_wide: bool) -> Any:
    """A size for each axis where the default has one, as such a tuple may be all that is taken.

    So it is with every default but numbers where it `is_wide`.
    """
    is_tuple = default.startswith("(") or (is_wide and not default.isdigit())
    return (size,) * axes if is_tuple and isinstance(size, int) else size


def name_pad(case: Case) -> str:
    """Pads in words: "valid", "same" where everybody's are alike, else ""."""
    halves = [((size - 1) / 2,) * 2 for size in case.kernel]
    is_same = bool(case.w) and set(case.stride) == {1} and [*case.pad] == halves
    return "same" if is_same and case.is_padded else "" if case.is_padded else "valid"


def drop_usual(case: Case, words: Mapping[str, Any], *kept: str) -> dict[str, Any]:
    """Without the words that say what holds anyway: so the defaults are asked about too."""
    usual = {**_WORDS["usual"], "stride": simplify(case.usual_stride)}
    return {n: word for n, word in words.items() if n in kept or word != usual.get(n)}


def is_usual(word: str, default: str) -> bool:
    """Whether a function's default for a setting is the contract's; "" is none."""
    return default in ("None", str(_WORDS["usual"].get(word)))


NAMES = ("assignment", "functional", "cs231n", "holberton", "npcnn", "layers")
"""Every contract; the order decides where several fit alike."""
_CACHE = re.compile(r"\w*cache\w*|ctx|context|saved\w*|memory|mem", re.IGNORECASE)
"""A parameter that takes what a forward pass has kept."""
_MADE = re.compile(
    r"\w*(mask|cache|cols?|columns|padded|pad|strided|windows|patches|idx|indices|argmax|switches)",
    re.IGNORECASE,
)
"""A parameter that takes something that a forward pass has made of x."""
_SHAPE_ERRORS = {"ValueError", "IndexError", "TypeError", "AssertionError"}
"""What is raised where arrays have another layout."""
_BIAS = re.compile(r"(b\w*|\w*bias\w*|offset|intercept)=None$", re.IGNORECASE)
"""A parameter that may be left out, and is a bias all the same."""
_PAD_WORD = re.compile(r"\w+=['\"](same|valid|full)['\"]$", re.IGNORECASE)
"""A parameter that takes pads in words, whatever its name."""
_UPSTREAM = re.compile(r"(d_?(y|z|out|output)|(d_?)?grad\w*|upstream\w*|delta\w*)$", re.IGNORECASE)
"""The names that a gradient by the output goes by."""


@cache
def get(name: str, layout: str = "") -> Contract:
    """The contract of this name, in its own layout unless otherwise said."""
    room = importlib.import_module(f"{__name__}.{name}")
    return cast("Contract", room.CONTRACT).lay(layout)


def recognise(names: Names, ours: Iterable[str] = ()) -> str:
    """The contract that most of these functions are written for, passes first; "" if none is.

    It is one that has functions, or classes, of our names that are meant.  Which ones cannot fit
    better than those before them their marks tell.
    """
    texts = [f"{fold(name)}({', '.join(words or ())})" for name, words in names.items()]
    best, most = "", (0, 0)
    for name in sorted(NAMES, key="functional".__eq__):  # last: it knows the courses' names, too
        marked = sum(bool(re.search(_WORDS["marks"].get(name, ""), text)) for text in texts)
        if not marked or (name == "functional" and most[0] >= marked):
            continue
        known = {one for f in get(name).functions for one in (f.name, f.name.partition(".")[0])}
        count = get(name).count_fitting(names) if known.issuperset(ours) else (0, 0)
        if count > most:
            best, most = name, count
    return best


def find_nearest(names: Names) -> Contract:
    """The contract whose names most of these functions bear; functional where one would do."""
    usual = [get("functional")] if _suggest(names) else []
    return max([*usual, *map(get, NAMES)], key=lambda one: len(one.resolve(names, {})))


def explain_misfit(names: Names, nearest: Contract) -> str:
    """What is here, what the nearest contract has in its place, and how to go on."""
    shown = [
        f"    {name}" if parameters is None else f"    {name}({', '.join(parameters)})"
        for name, parameters in names.items()
        if name[0] != "_"
    ]
    usual = [f.name for f in nearest.functions if not re.search("[13]d", f.name)]
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
            ways = ((way in name.lower()) == (way in function.name) for way in ("back", "trans"))
            is_alike = function.kind in name and all(ways)
            if is_alike and "2d" in function.name and parameters and function.fits(parameters):
                return f", as in --name {function.name}={name}"
    return ""


def fold(name: str) -> str:
    """A name without underscores and case, but for the first letter, which tells classes and what
    is private: convForward is conv_forward.
    """
    return name[:1] + name[1:].replace("_", "").lower()


def read_names(parameters: Sequence[str]) -> list[str]:
    """Parameters without their defaults."""
    return [parameter.partition("=")[0] for parameter in parameters]


def takes_cache(parameters: Parameters) -> bool:
    """Whether a gradient of these parameters takes (dy, cache)."""
    required = [one for one in parameters or () if "=" not in one and one[0] != "*"]
    return len(required) == 2 and bool(_CACHE.fullmatch(required[1]))


def _count_required(parameters: Sequence[str]) -> int:
    return sum("=" not in parameter and parameter[0] != "*" for parameter in parameters)
