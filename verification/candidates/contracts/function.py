"""A function of a contract; and one as a candidate has written it, which takes what is asked.

Parameters are texts as in Python, `stride=1`; settings go by many names, and what a function lacks
it is not asked.
"""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from verification.candidates.process import IDENTITY, Call, Result
from verification.questions import Array, Arrays, Case, shapes, simplify

Parameters = Sequence[str] | None
"""None where nobody knows them."""
Names = Mapping[str, Parameters]
"""A candidate's functions, with their parameters."""

OWN, CANONICAL = "own", "canonical"
"""The cache that a gradient gets: its own forward pass's, or the one that the contract defines."""

SETTINGS = {"stride", "strides", "pad", "padding", "activation", "kernel_shape", "kernel_size"}
SETTINGS |= {"conv_param", "pool_param", "hparameters"}
"""Parameters that tell contracts apart."""
WIDE = ("kernel_size", "stride", "padding", "dilation", "output_size")
"""The settings that a tuple may give, a size for each axis."""
_AXES = (("_h", "_w"), ("_height", "_width"), ("_y", "_x"), ("h", "w"))
"""What stands behind a setting's name where each of two axes has its own."""
STATISTICS = ("mean", "var")
"""The running ones of a batch norm."""

_CACHE = re.compile(r"\w*cache\w*|ctx|context|saved\w*|memory|mem", re.IGNORECASE)
"""A parameter that takes what a forward pass has kept."""
_MADE = re.compile(
    r"\w*(mask|cache|cols?|columns|padded|pad|strided|windows|patches|idx|indices|argmax|switches)",
    re.IGNORECASE,
)
"""A parameter that takes something that a forward pass has made of x."""
_OUTPUT = re.compile(r"[xyza](_\w+)?|\w*out\w*|pooled\w*|\w*(result|shape)", re.IGNORECASE)
"""Behind x, what a forward pass has returned, or a shape."""
_SHAPE = re.compile(r"(\w+_)?shape", re.IGNORECASE)
"""In the place of x, its shape alone."""
_BIAS = re.compile(r"(b\w*|\w*bias\w*|offset|intercept)=None$", re.IGNORECASE)
"""A parameter that may be left out, and is a bias all the same."""
_PAD_WORD = re.compile(r"\w+=['\"](same|valid|full)['\"]$", re.IGNORECASE)
"""A parameter that takes pads in words, whatever its name."""
UPSTREAM = re.compile(
    r"(d_\w+|d(y|z|out|output|pool\w*|conv\w*)|(?-i:d[A-Z]\w*)"
    r"|d?grad\w*|(out\w*|top|y|z)grad\w*|\w+_grad\w*|upstream\w*|delta\w*)$",
    re.IGNORECASE,
)
"""The names that a gradient by the output goes by."""


def read_table(name: str) -> dict[str, Any]:
    """A table that stands beside the rooms."""
    path = Path(__file__).with_name(f"{name}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


WORDS = read_table("words")
SPELLINGS: Mapping[str, Sequence[str]] = WORDS["spellings"]
"""The names that optional settings go by, torch's first."""


Form = Callable[[Case, str, Array], Any]

LAYOUTS = ("nchw", "nhwc", "chw", "hwc", "hw", "nhw")
"""How arrays may be laid out; the order decides where several fit alike."""
FIRST = ("nchw", "chw", "maps")
"""Those that have their channels in front; `maps` are a layer's, of one plane."""
PAD = "zero_pad"
"""The helper whose arrays are a pass's, and have its layout."""
BATCHED = ("batch_norm", "unfold")
"""Operations on whole batches, with channels."""
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


def lead_filters(form: Form, case: Case, name: str, value: Array) -> Any:
    """Weights (K, *kernel, C) of channels last."""
    formed = form(case, name, value)
    return np.moveaxis(formed, -1, 0) if name in ("w", "dw") else formed


def takes_in(layout: str, takes: Callable[[Case], bool], case: Case) -> bool:
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
    `also` are other names, `loose` those that tell where parameters do, too, as do names with
    something before or behind them where there are settings; `moded` those that tell where a
    default is one of its `modes`, and there is a stride.  A gradient with a
    cache gets dy and that of its `forward` pass, or the canonical one, which is the arguments of
    that pass; one that `is_chained` cannot be asked but behind its own.  Where it `has_mode`,
    "average" stands behind them, and "max" where a function has no default for it.  What
    `may_differ` may return less, or a pair, as nobody has agreed on more than y.  `weights` is the
    order of their axes, * for the kernel's, where that is not its `layout`'s: K*C.
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
    moded: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    forward: Function | None = None
    has_mode: bool = False
    is_chained: bool = False
    may_differ: bool = False
    layout: str = ""
    weights: str = ""

    @property
    def channels_first(self) -> bool:
        return self.layout in FIRST

    @cached_property
    def kind(self) -> str:
        """conv, pool and their like, or the helper's own name."""
        return self.op.removesuffix("_forward").removesuffix("_backward")

    @cached_property
    def parameters(self) -> list[str]:
        """The names of the contract's own."""
        return read_names(self.signature.split(", "))

    @cached_property
    def spellings(self) -> dict[str, Sequence[str]]:
        """The names that each of its optional settings goes by."""
        words = self.parameters if self.settings else ()
        return {word: SPELLINGS[word] for word in words if word in SPELLINGS}

    @cached_property
    def is_gradient(self) -> bool:
        return self.op.endswith("_backward")

    @property
    def is_pass(self) -> bool:
        """Whether it is a layer's pass, no helper."""
        return self.op != self.kind

    @property
    def takes_images(self) -> bool:
        """Whether its arrays have a layout: a batch, and channels."""
        return self.is_pass or self.op == PAD

    def lay(self, layout: str) -> Function:
        """The same for arrays of another layout, if it has something to do in it."""
        if self.kind in BATCHED and layout not in ("nchw", "nhwc"):
            return self
        forward = self.forward and self.forward.lay(layout)
        takes = partial(takes_in, layout, self.takes)
        return replace(self, form=FORMS[layout], takes=takes, forward=forward, layout=layout)

    def shape_bias(self, sizes: Sequence[int]) -> Function:
        """The same with b, and so db, of these sizes."""
        if sizes == BIASES[0]:  # as the form has it: of a plane it is a number
            return self
        forward = self.forward and self.forward.shape_bias(sizes)
        return replace(self, form=partial(reshape_bias, self.form, sizes), forward=forward)

    def lead_filters(self) -> Function:
        """The same with its filters in front, where channels are last."""
        if self.kind != "conv" or self.layout not in ("nhwc", "hwc"):
            return self
        forward = self.forward and self.forward.lead_filters()
        form = partial(lead_filters, self.form)
        return replace(self, form=form, forward=forward, weights="K*C")

    def is_called(self, name: str) -> bool:
        """Whether it goes by this name, be it in camelCase."""
        return self._rank(name) < math.inf

    @cached_property
    def _known(self) -> dict[str, int]:
        names = reversed([*enumerate((self.name, *self.also, *self.loose, *self.moded))])
        return {fold(name): place for place, name in names}

    def _rank(self, name: str) -> float:
        """Where the name, or what it holds, stands among those by which it goes."""
        whole = fold(name)
        inner = _strip(whole) if self.settings else whole
        ranks = (self._known[one] for one in (whole, inner) if one in self._known)
        return next(ranks, math.inf) + (inner != whole) / 2

    def is_guessed(self, name: str) -> bool:
        """Whether it goes by this name where parameters tell so, too."""
        return fold(name) not in map(fold, (self.name, *self.also))

    def read(self, parameters: Parameters) -> Signature:
        """What a function of these parameters makes of it."""
        return Signature(self, parameters)

    def expresses(self, case: Case) -> bool:
        """Whether the contract can put this question."""
        return self.read(None).expresses(case)

    def find(self, names: Names) -> str:
        """The first of a candidate's functions that goes by one of its names; "" if none does."""
        for name in sorted(filter(self.is_called, names), key=self._rank):
            parameters = names[name]
            is_told = parameters is None or {self.telling} <= {"", *read_names(parameters)}
            if self.has_no_mode(name):
                theirs = self.read(parameters)
                is_told = (
                    bool({*self.modes} & {*theirs.default_words}) and "stride" in theirs.spelled
                )
            if is_told and (not self.is_guessed(name) or self.read(parameters).fits):
                return name
        return ""

    def has_no_mode(self, name: str) -> bool:
        """Whether this name of it says pool, and not which."""
        return len(self.also) + len(self.loose) < self._rank(name) < math.inf

    def find_shape(self, case: Case, name: str) -> tuple[int, ...]:
        """Of one of its answers."""
        return np.shape(self.form(case, name, np.zeros(case.outputs[name])))

    def choose_arrays(self, case: Case, given: Mapping[str, Any]) -> dict[str, Any]:
        """Without running statistics for a gradient in training, which takes the batch's own."""
        is_own = case.training and self.is_gradient
        return {name: a for name, a in given.items() if not (is_own and name in STATISTICS)}

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        """The calls that put a question to it; the last one's results are the answer."""
        taken = self.choose_arrays(case, given)
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
class Signature:
    """What stands behind a contract's `function` in a candidate; where it `takes_numbers` as pads
    its default, a word, does not tell.
    """

    function: Function
    parameters: Parameters
    takes_numbers: bool = False

    @cached_property
    def names(self) -> list[str]:
        """Of a function that nobody knows those of what is given are right."""
        return read_names(["**words"] if self.parameters is None else self.parameters)

    @cached_property
    def defaults(self) -> dict[str, str]:
        """ "" where there is none."""
        return dict(parameter.partition("=")[::2] for parameter in self.parameters or ())

    @property
    def default_words(self) -> list[str]:
        """Its defaults that are words."""
        return [one.strip("'\"").lower() for one in self.defaults.values() if one[:1] in ("'", '"')]

    @property
    def is_open(self) -> bool:
        """Whether it takes any number of arguments."""
        return any(name[0] == "*" and name != "*" for name in self.names)

    @property
    def required(self) -> list[str]:
        return [name for name, default in self.defaults.items() if not default and name[0] != "*"]

    @property
    def fits(self) -> bool:
        """Whether it seems to be written for the contract's function."""
        ours = self.function
        if self.parameters is None or (ours.settings and ours.is_gradient and self.takes_cache):
            return True
        binding = self.required if ours.settings else {*self.defaults}
        if self.defaults.get("activation"):
            binding = {*binding} - {"activation"}  # which need not be given
        texts = ours.signature.split(", ")
        named = {*WIDE} & {*texts}  # given by keyword, pads as words
        if not (ours.settings or self.is_open or {*self.names} >= named):
            return False
        if named and not ours.settings:
            before = self.names[: min(map(texts.index, named))]
            if named & {*before} or self.defaults.get("padding", "").isdigit():
                return False
        known = {*ours.parameters}.union(*ours.spellings.values())
        if self.settings_for_arrays or (ours.is_pass and SETTINGS.intersection(binding) - known):
            return False
        places = sum(name[0] != "*" for name in self.names)
        is_long = self.is_open or places >= sum("=" not in text for text in texts)
        return is_long and len(self.required) <= len(texts) and not self.foreign

    def expresses(self, case: Case) -> bool:
        """Whether the question can be put to it."""
        ours = self.function
        if ours.kind != case.kind or not ours.takes(case):
            return False
        if not ours.settings:
            return not (ours.has_mode and case.op == "avg_pool" and self.lacks_mode)
        if self.foreign or (self.wants_word and not name_pad(case)):
            return False
        wanted = {*drop_usual(case, ours.keywords(case)), *["b"] * case.bias}
        if not wanted & ours.spellings.keys() <= self.spelled.keys():
            return False
        # no default for an array that the question has not; None is tried for a bias
        there = {"b", *ours.choose_arrays(case, shapes(case))}
        placed = (name for name in self.defaults if name not in self.named_arrays.values())
        pairs = {**dict(zip(self._list_placed(), placed)), **self.named_arrays}.items()
        return all(our in there or self.defaults[their] or their[0] == "*" for our, their in pairs)

    @property
    def takes_cache(self) -> bool:
        """Whether it takes (dy, cache)."""
        required = self.required
        return len(required) == 2 and bool(_CACHE.fullmatch(required[1]))

    @property
    def lacks_mode(self) -> bool:
        """Whether it ends before the mode: then it is for maxima alone."""
        return not self.is_open and len(self.names) < len(self.function.parameters)

    @property
    def settings_for_arrays(self) -> set[str]:
        """The settings that stand where the contract has arrays."""
        named = {"b", *self.named_arrays}
        arrays = [our for our in self.function.arrays.split() if our not in named]
        return {*self.names[: len(arrays)]} & {
            name for our, name in self.spelled.items() if our not in ("b", "kernel_size")
        }

    @cached_property
    def foreign(self) -> list[str]:
        """What it insists on that is none of the arrays and settings; also what a forward pass has
        made of x, in the place of x.
        """
        if not (self.function.settings and self.parameters):
            return []
        arrays = self.function.arrays.split()
        at = len(arrays) if "index" in arrays else (*arrays, "x").index("x")
        made = [name for name in self.names[at : at + 1] if _MADE.fullmatch(name)]
        made += [self.shape] * (self.function.kind != "pool" and bool(self.shape))
        known = {*self.spelled.values(), self.bias, *itertools.chain(*self.pairs.values())}
        behind = {*self.names[len(arrays) :]}
        made += [self.bias] * (self.bias in self.names[: len(arrays)])  # then dy is missing
        return made + [one for one in self.required if one in behind and one not in known]

    @property
    def bias(self) -> str:
        """The parameter of a gradient that takes the bias, which it does not need; "" if none."""
        is_concerned = self.function.op == "conv_backward" and self.function.settings
        named = (name for name in self.required if is_concerned and name.lower() in SPELLINGS["b"])
        return next(named, "")

    @property
    def shape(self) -> str:
        """The parameter of a gradient that takes the shape of x in its place; "" if none."""
        taken = self.names[: self.function.arrays.count(" ") + 1] * self.function.is_gradient
        return next(filter(_SHAPE.fullmatch, taken), "")

    @cached_property
    def wants_word(self) -> bool:
        """Whether pads are words for it, by its default."""
        is_open = bool(self.function.settings) and not self.takes_numbers
        return is_open and any(map(_PAD_WORD.match, self.parameters or ()))

    @cached_property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """The settings that have a parameter for each of two axes."""
        found = dict[str, tuple[str, str]]()
        for word in filter(self.function.spellings.__contains__, WIDE):
            for stem, (high, wide) in itertools.product(SPELLINGS[word], _AXES):
                pair = stem + high, stem + wide
                if {*pair} <= {*self.names}:
                    found[word] = pair
        return found

    @cached_property
    def spelled(self) -> dict[str, str]:
        """Its own names of the settings that it has: all, where nobody knows.

        What stands where the contract has the bias, or the kernel, is that, whatever its name; of
        a bias with a default the name must say it; what passes on keywords alone promises none.
        Words for pads are known by the default; a kernel's size may stand beside its weights.
        """
        spelled = dict[str, str]()
        is_open = any(name.startswith("**") for name in self.names)
        takes_all = self.parameters is None or any(re.match(r"\*\w", name) for name in self.names)
        for word, spelling in self.function.spellings.items():
            found = [name for one in spelling for name in self.names if one in (name, name.lower())]
            if word == "padding":
                worded = read_names([*filter(_PAD_WORD.match, self.parameters or ())])
                found = worded + [name for name in found if self.defaults[name] != "False"]
            elif word in ("b", "kernel_size") and word not in self.pairs:
                found += self._find_placed(word)
            found += self.pairs.get(word, ())[:1]
            if found or (is_open and (word != "b" or takes_all)):
                spelled[word] = [*found, word][0]
        if self.function.settings and "w" in self.function.arrays.split():
            again = (name for name in self.names if name in ("kernel_size", "ksize", "filter_size"))
            spelled.update(zip(["kernel_size"], again))
        return spelled

    def _find_placed(self, word: str) -> list[str]:
        """What stands where the contract has this word, if its name says nothing else."""
        at = self.function.parameters.index(word)
        there = [one for one in (self.parameters or ())[at : at + 1] if one[0] != "*"]
        if word == "b":
            there = [one for one in there if "=" not in one or _BIAS.match(one)]
        known = set[str]().union(*self.function.spellings.values())
        names = [name for name in read_names(there) if name.lower() not in known]
        if self.function.is_gradient:
            names = [one for one in names if not (_OUTPUT.fullmatch(one) or _MADE.fullmatch(one))]
        return names

    @cached_property
    def named_arrays(self) -> dict[str, str]:
        """The arrays of a batch norm whose names tell them: torch's order is not everybody's."""
        has_some = STATISTICS[0] in self.function.arrays.split()
        known = WORDS["arrays"].items() if has_some else ()
        found = ((our, [name for name in self.names if name in words]) for our, words in known)
        return {our: their[0] for our, their in found if their}

    def fit(self, case: Case, call: Call, wide: Container[str] = ()) -> Call:
        """The call as it takes it: by its own names, by keyword where it must be; with tuples
        alone as the sizes that are `wide`.
        """
        if self.parameters is None:
            return call
        call = self._translate(case, call, wide) if self.function.settings else self._place(call)
        default = self.defaults.get("activation", "None")
        if default not in ("", "None") and "activation" not in self.function.parameters:
            silent = None if default[0] in "'\"" else IDENTITY  # named by a word, or a function
            call = replace(call, words={**call.words, "activation": silent})
        return call

    def _place(self, call: Call) -> Call:
        """The call by places, as far as there are some, and with the mode that has no default."""
        arguments, words = call.arguments, dict(call.words)
        if self.function.forward and _CACHE.fullmatch(self.names[0]):  # it stands first
            arguments = (*arguments[1::-1], *arguments[2:])
        if self.function.has_mode and len(arguments) < len(self.required):
            arguments += ("max",)
        if "*" in self.names:
            at = self.names.index("*")
            given = zip(self.function.parameters[at:], self.names[at + 1 :], arguments[at:])
            words |= {our if our in self.names else their: value for our, their, value in given}
            arguments = arguments[:at]
        return replace(call, arguments=arguments, words=words)

    def _translate(self, case: Case, call: Call, wide: Container[str]) -> Call:
        """The call with arrays by places and settings by its own names: what must be said."""
        assert self.function.settings
        named, held = self.named_arrays, dict(zip(self.function.arrays.split(), call.arguments))
        if self.shape:
            held["x"] = held["x"].shape
        words = self.choose_words(case, {**call.words, "b": held.get("b")})
        for our in words.keys() & {*WIDE}:
            default, is_wide = self._find_default(our), our in wide
            words[our] = write_size(words[our], default, len(case.space), is_wide)
        words = {self.spelled[our]: word for our, word in words.items()}
        words |= {their: held[our] for our, their in named.items()}
        for high, wide in self.pairs.values():
            if high in words:
                words[high], words[wide] = np.broadcast_to(words[high], 2).tolist()
        arguments = tuple(held[our] for our in self._list_placed() if our != "b")
        return replace(call, arguments=arguments, words=words)

    def _list_placed(self) -> list[str]:
        """The arrays that it takes by their places."""
        return [our for our in self._order_arrays() if our not in self.named_arrays]

    def choose_words(self, case: Case, words: Mapping[str, Any]) -> dict[str, Any]:
        """What must be said, by our words: these, and the settings that its defaults do not say."""
        assert self.function.settings
        known = {"kernel_size": simplify(case.kernel), **self.function.settings(case), **words}
        said = {*words}
        if self.wants_word:
            pad, default = name_pad(case), self._find_default("padding")
            known["padding"] = pad.upper() if default.isupper() else pad
            said.add("padding")
        spelled = (our for our in self.spelled if our in known)
        return {n: known[n] for n in spelled if n in said or not is_usual(n, self._find_default(n))}

    def _find_default(self, word: str) -> str:
        """Of a setting; a stride of None is the kernel's, in whatever form."""
        default = self.defaults.get(self.spelled.get(word, ""), "None")
        is_kernel = word == "stride" and default == "None"
        return self._find_default("kernel_size") if is_kernel else default

    def _order_arrays(self) -> list[str]:
        """With the upstream gradient where a function's names say that it stands."""
        first, *others = self.function.arrays.split()
        told = (n for n, name in enumerate(self.names[: len(others) + 1]) if UPSTREAM.match(name))
        at = next(told, 0) if first == "dy" else 0
        return [*others[:at], first, *others[at:]]


def read_names(parameters: Sequence[str]) -> list[str]:
    """Parameters without their defaults."""
    return [parameter.partition("=")[0] for parameter in parameters]


def write_size(size: Any, default: str, axes: int, is_wide: bool) -> Any:
    """A size for each axis where the default has one, as such a tuple may be all that is taken; or
    where it `is_wide`.
    """
    is_tuple = default.startswith(("(", "[")) or is_wide
    return (size,) * axes if is_tuple and isinstance(size, int) else size


def list_wide(defaults: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The settings that may want tuples alone, as no default tells: all of them first."""
    sizes = [word for word in WIDE if defaults.get(word) in ("", "None")]
    for count in range(len(sizes), 0, -1):
        yield from itertools.combinations(sizes, count)


def name_pad(case: Case) -> str:
    """Pads in words: "valid", "same" where everybody's are alike, else ""."""
    halves = [((size - 1) / 2,) * 2 for size in case.kernel]
    is_same = bool(case.w) and set(case.stride) == {1} and [*case.pad] == halves
    return "same" if is_same and case.is_padded else "" if case.is_padded else "valid"


def drop_usual(case: Case, words: Mapping[str, Any], *kept: str) -> dict[str, Any]:
    """Without the words that say what holds anyway: so the defaults are asked about too."""
    usual = {**WORDS["usual"], "stride": simplify(case.usual_stride)}
    return {n: word for n, word in words.items() if n in kept or word != usual.get(n)}


def is_usual(word: str, default: str) -> bool:
    """Whether a function's default for a setting is the contract's; "" is none."""
    return default in ("None", str(WORDS["usual"].get(word)))


@cache
def _strip(name: str) -> str:
    """A name without what people write before and behind it."""
    return re.sub(WORDS["names"]["affixes"], "", name)


@cache
def fold(name: str) -> str:
    """A name without underscores and case, but for the first letter, which tells classes and what
    is private: convForward is conv_forward, and so is what many write, conv_foward, CONV_2D,
    Conv_forward.
    """
    folded = name[:1] + name[1:].replace("_", "").lower().replace("foward", "forward")
    is_function = name.isupper() or folded.endswith(("forward", "backward"))
    return folded.lower() if is_function else folded
