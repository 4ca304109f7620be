"""Layers as classes: constructed with the usual words, weights set by attribute.

    Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0), or Conv2d(W, b, stride=1)
        .forward(x)      y
        .backward(dy)    dx, with dW and db in attributes; or dx, dW, db
    MaxPool2d(kernel_size, stride=None, padding=0), AvgPool2d(...)
        .forward(x), .backward(dy)

Methods have other usual names, too.  A class is known by its name, which holds conv, or pool with
max or avg; the layout, of batches or of one image, the attributes, the sizes that are its own, and
whether a size may be a tuple are found by trying.  For every question a layer is made, given its
weights, and called: backward follows forward.  Where backward takes a step of descent in place of
keeping dW and db, its step from zero tells them.
"""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from verification.candidates.contracts import (
    NUMBERS,
    TUPLES,
    Ask,
    Contract,
    give,
    is_plain,
    shows_form,
    wants_other_axes,
)
from verification.candidates.contracts.function import (
    FORMS,
    OWN,
    SPELLINGS,
    UPSTREAM,
    Form,
    Function,
    Names,
    Parameters,
    Signature,
    keep_form,
    lead_channels,
    list_wide,
    name_pad,
    read_names,
    read_table,
    reshape_bias,
    write_size,
)
from verification.candidates.loading import METHODS
from verification.candidates.process import Call, Chance, Hello, Other, Reply, Result
from verification.questions import Array, Arrays, Case, parse, simplify, simplify_pad

_TABLE = read_table("layers")
CLASSES, _ATTRIBUTES = _TABLE["classes"], _TABLE["attributes"]
_SIGNATURES = {"forward": "self, x", "backward": "self, dy, learning_rate=0"}
_SIZES = ("kernel_size", "stride", "padding")
_WORDS = {
    our: (*SPELLINGS.get(our, ()), *_TABLE["words"].get(our, ()))
    for our in dict.fromkeys((*_TABLE["words"], *_SIZES, "b"))
}
_UNASKED = ("shape", "name", "seed", "rng")
"""What is given to a constructor that insists on it alone."""
_ACTS = re.compile(r"act\w*=['\"]")
"""A parameter that names an activation by default."""
_RATE = 1.0
"""A learning rate at which dx shows whether the weights were changed before it was computed."""


def _keep_planes(case: Case, name: str, value: Array) -> Any:
    """One image of one channel, without that axis; of its filters the images lie last."""
    return value[0, ..., 0] if name in ("x", "dx") else value[0]


def _keep_maps(case: Case, name: str, value: Array) -> Any:
    """The same, but that the images of its filters lie first."""
    kept = _keep_planes(case, name, value)
    return np.moveaxis(kept, -1, 0) if name in ("y", "dy") else kept


def _lead_filters(case: Case, name: str, value: Array) -> Array:
    """Weights (K, *kernel, C)."""
    return np.moveaxis(value, -1, 0)


def _lead_channels(case: Case, name: str, value: Array) -> Array:
    """Weights (C, K, *kernel)."""
    return np.moveaxis(value, (-2, -1), (0, 1))


def _lead_planes(case: Case, name: str, value: Array) -> Any:
    """Weights of one channel (K, *kernel)."""
    return np.moveaxis(value[..., 0, :], -1, 0) if value.shape[-2] == 1 else value


def _spread_bias(form: Form, axes: int, case: Case, name: str, value: Array) -> Any:
    """A bias for each cell of an output, which has so many axes."""
    if name != "b":
        return form(case, name, value)
    y = form(case, "y", np.broadcast_to(value, case.y))
    return y if y.ndim == axes else y[0]


def _hold(form: Form, held: Form, case: Case, name: str, value: Array) -> Any:
    """The form, with weights as they are held."""
    return (held if name in ("w", "dw") else form)(case, name, value)


_PLANES: Mapping[str, Form] = {"planes": _keep_planes, "maps": _keep_maps}
_FORMS = {**FORMS, **_PLANES}
_HELD: dict[str, Form] = {
    "KC*": lead_channels,
    "*CK": keep_form,
    "K*C": _lead_filters,
    "CK*": _lead_channels,
    "K*": _lead_planes,
}
"""The layouts of images and outputs, and those of weights; the order decides where several fit."""
_PROBES: Mapping[str, Sequence[str]] = {
    "probe": ("nchw", "nhwc", "chw", "hwc"),
    "plane": ("hw", "planes", "maps", "nchw", "nhwc", "chw", "hwc"),
}
"""The questions that tell a layout by the answer's shape, each with the layouts to try."""
_ONES = {"chw": ("images",), "hwc": ("images",), "hw": ("images", "channels", "filters")}
_ONES |= dict.fromkeys(_PLANES, ("images", "channels"))
"""What there is one of in a layout."""


class Calls(list[Call]):
    """Calls in order, each of which may take what others before it have returned."""

    def add(self, function: str, *arguments: Any, **more: Any) -> Result:
        """What this call returns; `more` is said of it."""
        self.append(Call(function, arguments, **more))
        return Result(len(self) - 1, 0)

    def reach(self, owner: Result, path: str, *value: Any, kept: bool = False) -> Result:
        """What a layer has as W, params['W'], weight.data; or, with a value, set that."""
        steps = re.findall(r"\w+|\[[^]]+\]", path)
        ways = [
            ("[]", ast.literal_eval(one[1:-1])) if one[0] == "[" else (".", one) for one in steps
        ]
        *before, (last, key) = ways
        for way, name in before:
            owner = self.add(way, owner, name, kept=kept)
        return self.add(f"{last}=" if value else last, owner, key, *value, kept=kept)


@dataclass(frozen=True)
class Layer:
    """A candidate's class: its methods, and by our words the parameters of its constructor.

    `holders` are its attributes for w, b, dw and db, `tuples` the sizes that may differ by axis;
    `steps` are the gradients that a step of descent tells.  Backward returns what it `gives`, and
    takes what is `upstream` and a learning `rate` of this name, or of none; `pace` is that rate.
    Where it `is_lazy`, a first forward pass makes its weights.  `own` are sizes that are
    not anybody's to choose; as `wide` ones its constructor takes tuples alone.
    """

    name: str
    forward: str
    backward: str
    words: Mapping[str, str]
    defaults: Mapping[str, str]
    form: Form = lead_channels
    layout: str = "nchw"
    weights: str = ""
    holders: Mapping[str, str] = field(default_factory=dict)
    tuples: frozenset[str] = frozenset()
    gives: tuple[str, ...] = ("dx",)
    rate: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    pace: float = _RATE
    upstream: tuple[str, ...] = ("dy",)
    is_lazy: bool = False
    own: Mapping[str, Any] = field(default_factory=dict)
    wide: tuple[str, ...] = ()

    @property
    def has_word(self) -> bool:
        """Whether pads are words, by the default."""
        return self.defaults.get("padding", "")[:1] in ("'", '"')

    @property
    def has_bias(self) -> bool:
        return "b" in {*self.words, *self.holders}

    @property
    def takes_kernel(self) -> bool:
        return bool({"kernel_size", "height", "width", "w"} & self.words.keys())

    def takes(self, case: Case) -> bool:
        """Whether it has words for all that the question needs."""
        usual = {"stride": (1, 1) if case.w else case.kernel, "padding": (0, 0)}
        usual = {word: size for word, size in usual.items() if word not in self.words}
        counts = {"images": case.x[0], "channels": case.x[-1], "filters": case.y[-1]}
        for word, size in (_sizes(case) | counts).items():
            is_free = word in counts or (word in self.words and len({*size}) == 1)
            is_free |= word in self.tuples or (word == "kernel_size" and word not in self.words)
            if size != self.own.get(word, size if is_free else usual.get(word)):
                return False
        has_bias = not case.w or self.has_bias
        return case.bias == has_bias and bool(name_pad(case) or not self.has_word)

    def plan(self, case: Case, given: Arrays, is_gradient: bool) -> list[Call]:
        """The calls that put a question; the last one's results are the answer."""
        given = {name: self.form(case, name, a) for name, a in given.items()}
        calls = Calls()
        layer = self._plan_forward(calls, case, given, is_gradient)
        if not is_gradient:
            return calls
        dx = self._plan_backward(calls, layer, given)
        if len(self.gives) > 1:
            calls[-1] = replace(calls[-1], outputs=self.gives, returns=", ".join(self.gives))
            return calls
        outputs = dict.fromkeys(self.gives, dx)
        for our in ("dx", "dw", "db"):
            if our in self.holders:
                outputs[our] = calls.reach(layer, self.holders[our])
        if self.steps:
            layer = self._plan_forward(calls, case, given, is_gradient)
            for our in ("w", "b"):
                if our in self.holders:
                    calls.reach(layer, self.holders[our], np.zeros_like(given[our]), kept=True)
            self._plan_backward(calls, layer, given)
            for our in self.steps:
                outputs[our] = calls.add("-", calls.reach(layer, self.holders[our[1:]]))
        calls.add("", *outputs.values(), outputs=(*outputs,))
        return calls

    def _plan_forward(self, calls: Calls, case: Case, given: Arrays, is_kept: bool) -> Result:
        """A new layer, with its weights, that has made its forward pass.

        Weights are kept before a backward pass, which may end with a step of descent.
        """
        layer = self.make(calls, case, given, is_kept)
        if self.is_lazy:
            calls.add(f"{self.name}.{self.forward}", layer, given["x"], kept=is_kept)
        for our, their in self.holders.items():
            if our in given:
                calls.reach(layer, their, given[our], kept=is_kept)
        calls.add(f"{self.name}.{self.forward}", layer, given["x"])
        return layer

    def make(self, calls: Calls, case: Case, given: Arrays, is_kept: bool = False) -> Result:
        """A new layer of the question's sizes."""
        known: dict[str, Any] = {"channels": case.x[-1], "filters": case.y[-1], **given}
        known |= {"kernel_size": simplify(case.kernel), "stride": simplify(case.stride)}
        known |= dict(zip(("height", "width"), case.kernel))
        known["padding"] = name_pad(case) if self.has_word else simplify_pad(case.pad)
        shape = self.form(case, "x", np.zeros(case.x)).shape[self.layout[0] == "n" :]
        shape = case.space if not case.w and "filters" in self.words else shape  # channels apart
        known |= {"rate": self.pace, "name": "layer", "shape": shape}
        known |= {"seed": 0, "rng": Chance(), "activation": None}
        known["dtype"] = given["x"].dtype.name
        for our in self.words.keys() & _SIZES:
            default = self.defaults[our]
            known[our] = write_size(known[our], default, len(case.space), our in self.wide)
        words = {their: known[our] for our, their in self.words.items()}
        return calls.add(self.name, words=words, kept=is_kept)

    def _plan_backward(self, calls: Calls, layer: Result, given: Arrays) -> Result:
        rate = dict.fromkeys(self.rate, self.pace)
        taken = (given[name] for name in self.upstream)
        return calls.add(f"{self.name}.{self.backward}", layer, *taken, words=rate)


def _sizes(case: Case) -> dict[str, Any]:
    return dict(zip(_SIZES, (case.kernel, case.stride, tuple(before for before, _ in case.pad))))


@dataclass(frozen=True)
class Method(Function):
    """A method of a `layer`, which is known once a candidate has been tried; one that is there, and
    `is_unknown` all the same, is asked nothing.
    """

    layer: Layer | None = None
    is_unknown: bool = False
    is_chained: bool = True

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        assert self.layer
        return self.layer.plan(case, given, self.is_gradient)

    def read(self, parameters: Parameters) -> Signature:
        """Its calls are made as the layer has been found to take them, if it has."""
        is_idle = self.is_unknown and parameters is not None
        return Signature(replace(self, takes=_take_none) if is_idle else self, None)

    def tell(self, case: Case, given: Arrays) -> str:
        """The calls as one would write them."""
        layer = self.layer
        assert layer
        words = self.plan(case, given)[0].words
        named = (f"{t}={o if o in given else repr(words[t])}" for o, t in layer.words.items())
        lines = [f"layer = {layer.name}({', '.join(named)})"]
        lines += [f"layer.{layer.forward}(x)"] * layer.is_lazy
        lines += [f"layer.{their} = {our}" for our, their in layer.holders.items() if our in given]
        lines += [f"layer.{layer.forward}(x)"]
        behind = ", ".join((*layer.upstream, *(f"{rate}={layer.pace}" for rate in layer.rate)))
        lines += [f"layer.{layer.backward}({behind})"] * self.is_gradient
        told = ((one, layer.holders[one[1:]]) for one in layer.steps if self.is_gradient)
        lines += [f"{one} = -layer.{their}   # where it was 0 before" for one, their in told]
        return "\n".join(lines)


@dataclass(frozen=True)
class Layers(Contract):
    """The contract; `adapt` makes it one candidate's."""

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        owners = {our: their for our, their in renames.items() if our in CLASSES}
        resolved = dict[str, str]()
        exact = {our.lower() for our in CLASSES}
        for name in sorted(names, key=lambda name: name.partition(".")[0].lower() not in exact):
            owner, _, method = name.rpartition(".")
            for ours, row in CLASSES.items():
                for way, methods in METHODS.items():
                    is_alike = owners.get(ours) == owner or re.match(row["pattern"], owner.lower())
                    if method in methods and is_alike and owners.setdefault(ours, owner) == owner:
                        resolved.setdefault(f"{ours}.{way}", name)
        return resolved

    def adapt(
        self, hello: Hello, names: Mapping[str, str], ask: Ask
    ) -> tuple[Contract, dict[str, str], list[str]]:
        written = {our: their for our, their in names.items() if their not in hello.stubs}
        functions, known, notes = list[Function](), dict[str, Layer](), list[str]()
        for ours in CLASSES:
            if f"{ours}.forward" in written:
                try:
                    known[ours] = Survey(hello.names, ask, notes).find(ours, written)
                except LookupError as error:
                    notes.append(f"{ours} is not judged: {error.args[0]}")
        for function in self.functions:
            ours, _, way = function.name.partition(".")
            layer = known.get(ours)
            if layer and isinstance(function, Method) and (layer.backward or way == "forward"):
                takes = partial(_take_both, function, layer)
                function = replace(function, layer=layer, form=layer.form, takes=takes)
                function = replace(function, layout=layer.layout, weights=layer.weights)
            elif function.name in written and isinstance(function, Method):
                function = replace(function, is_unknown=True)
            functions.append(function)
        whole = [name for name in hello.names if name not in hello.stubs]
        made = {name.rpartition(".")[0] for name in whole if name.endswith(".forward")}
        if other := sorted(made - {their.rpartition(".")[0] for their in names.values()}):
            notes.append(f"not judged: {', '.join(other)}; one each of {', '.join(CLASSES)} is")
        return replace(self, functions=(*functions,)), written, notes


@dataclass(frozen=True)
class Survey:
    """What shows of a candidate's classes when they are asked; the `notes` grow."""

    names: Names
    ask: Ask
    notes: list[str]

    def find(self, ours: str, written: Mapping[str, str]) -> Layer:
        """A layer with all that shows; LookupError where it cannot be asked."""
        owner, _, forward = written[f"{ours}.forward"].rpartition(".")
        if more := _list_required(self.names[f"{owner}.{forward}"])[1:]:
            raise LookupError(f"its {forward} asks for {', '.join(more)}, too")
        blank = Layer(owner, forward, "", *_read_constructor(self.names[owner] or ()))
        tries, errors = list[tuple[Layer, Case]](), list[LookupError]()
        for key, layouts in _PROBES.items():
            case = parse(CLASSES[ours][key])[0]
            for group in [[one] for one in layouts] if "shape" in blank.words else [layouts]:
                laid = replace(blank, form=_FORMS[group[0]], layout=group[0])
                blanks = (replace(laid, wide=words) for words in ((), *list_wide(laid.defaults)))
                made = next((one for one in blanks if self._is_made(one, case)), None)
                try:
                    tries += self._list_tries(made, case, group) if made else []
                except LookupError as error:
                    errors.append(error)
        if errors and not tries:
            raise errors[0]
        if not tries:  # the questions show why
            blanks = (replace(blank, wide=words) for words in ((), *list_wide(blank.defaults)))
            return next((one for one in blanks if not self._wants_tuples(one, case)), blank)
        # an even image, for what takes its sides for each other
        even = [(layer, replace(case, x=(1, 6, 6, case.x[-1]))) for layer, case in tries]
        ways = itertools.chain(tries, self._widen(tries), even)
        fitting = (one for one in ways if self._gives_shape(*one))
        layer, case = next(fitting, None) or self._find_nearest([*tries, *self._widen(tries)])
        if layer.own:
            own = {n: size if type(size) is int else size[0] for n, size in layer.own.items()}
            words = ", ".join(f"{name}={size}" for name, size in own.items())
            self.notes.append(f"{owner} is asked with {words} alone")
        lazy = replace(layer, is_lazy=True)
        if not self._is_held(layer, case) and self._is_held(lazy, case):
            layer = lazy
        if not self._is_held(layer, case):
            raise LookupError(f"{owner} gives no zeros where its {layer.holders['w']} is zeros")
        if layer.weights == "CK*" and not self._parts_filters(layer, case):
            raise LookupError(f"{owner} takes weights in an order that their shape does not tell")
        layer = self._silence(layer, case)
        told = (word for word in _SIZES if word in layer.words and word not in layer.own)
        uneven = {word: parse(CLASSES[ours][word])[0] for word in told}
        seen = (word for word, one in uneven.items() if self._gives_shape(layer, one) is not None)
        layer = replace(layer, tuples=frozenset(seen))
        backward = written.get(f"{ours}.backward", "").rpartition(".")[2]
        return self._try_backward(layer, backward, case) if backward else layer

    def _silence(self, layer: Layer, case: Case) -> Layer:
        """The layer without the activation that its constructor's default names, if that can be."""
        for their in read_names([*filter(_ACTS.match, self.names[layer.name] or ())]):
            silent = replace(layer, words={**layer.words, "activation": their})
            if self._gives_shape(silent, case):
                self.notes.append(f"{layer.name} is asked with {their}=None")
                return silent
        return layer

    def _is_made(self, layer: Layer, case: Case) -> bool:
        return self._make(layer, case).status == "ok"

    def _wants_tuples(self, layer: Layer, case: Case) -> bool:
        return bool(TUPLES.search(self._make(layer, case).error))

    def _make(self, layer: Layer, case: Case) -> Reply:
        calls = Calls()
        layer.make(calls, case, give(case))
        return self.ask(calls)

    def _is_held(self, layer: Layer, case: Case) -> bool:
        """Whether it computes with the weights that it is given."""
        silent = {name: a * (name == "x") for name, a in give(case).items()}
        y = self.ask(layer.plan(case, silent, False)).values.get("y")
        return not (layer.holders and isinstance(y, np.ndarray) and y.any())

    def _parts_filters(self, layer: Layer, case: Case) -> bool:
        """Whether a filter's weights reach its own outputs alone."""
        given, others = give(case), np.ones(case.y)
        given["w"][..., :-1], given["b"][:], others[..., -1] = 0, 0, 0
        others = layer.form(case, "y", others)
        y = self.ask(layer.plan(case, given, False)).values.get("y")
        return isinstance(y, np.ndarray) and y.shape == others.shape and not (y * others).any()

    def _gives_shape(self, layer: Layer, case: Case) -> bool | None:
        """Whether its answer has the right shape; None where it has none."""
        case = replace(case, bias=not case.w or layer.has_bias)
        reply = self.ask(layer.plan(case, give(case), False))
        return shows_form(layer.form, case, reply)

    def _widen(self, tries: Sequence[tuple[Layer, Case]]) -> Iterator[tuple[Layer, Case]]:
        """Those that want tuples, with some."""
        for layer, case in tries:
            if TUPLES.search(self.ask(layer.plan(case, give(case), False)).error):
                yield from ((replace(layer, wide=w), case) for w in list_wide(layer.defaults))

    def _find_nearest(self, tries: Sequence[tuple[Layer, Case]]) -> tuple[Layer, Case]:
        """Of tries that give no answer of the right shape, one that takes so many axes: first one
        that comes as far as to put an array where a number belongs, which may be an error of age,
        then the one of whose answer most sides are right.
        """
        asked = [(*one, self.ask(one[0].plan(one[1], give(one[1]), False))) for one in tries]

        def rank(one: tuple[Layer, Case, Reply]) -> tuple[bool, int]:
            layer, case, reply = one
            want = layer.form(case, "y", np.zeros(case.y)).shape
            same = sum(map(operator.eq, _find_sides(reply), want))
            return not NUMBERS.search(reply.error), -same

        for layer, case, reply in sorted(asked, key=rank):
            error = reply.error
            is_empty = 0 in _find_sides(reply)  # a window beyond what is taken for a side
            if wants_other_axes(reply) or TUPLES.search(error) or is_empty:
                continue
            if not error and not layer.takes_kernel:
                raise LookupError(
                    f"{layer.name} takes no kernel size, and gives no answer of the right shape"
                )
            is_near = NUMBERS.search(error)
            why = f"{'is' if is_near else 'gives no answer of the right shape:'} asked as"
            self.notes.append(f"{layer.name} {why} {layer.layout}")
            return layer, case
        why = error or "an empty array"
        raise LookupError(f"{layer.name} answers in no layout, in the last with {why}")

    def _list_tries(
        self, blank: Layer, case: Case, layouts: Sequence[str]
    ) -> list[tuple[Layer, Case]]:
        """The layer in these layouts, with what holds its weights, and in sizes that may be its
        own; each with the question that shows whether it is so.
        """
        layer, own, tries = blank, dict[str, Any](), list[tuple[Layer, Case]]()
        held, shape = "", tuple[int, ...]()
        if case.w and "w" not in blank.words:
            layer, held, shape, is_late = self._find_weights(blank, case, layouts)
            counts = {"channels": case.x[-1], "filters": case.y[-1]}
            known = {*blank.words, *["channels"] * ("shape" in blank.words)}
            own = {} if is_late else {n: c for n, c in counts.items() if n not in known}
        sizes_of_b = [1 if size == 1 else -1 for size in shape] or [-1]
        is_spread = case.w and math.prod(shape) > case.y[-1]
        for layout in layouts:
            form = _FORMS[layout]
            weights = held or "K*" * (layout in _PLANES)
            form = partial(_hold, form, _HELD.get(weights, form))
            spread = partial(_spread_bias, form, len(shape))
            form = spread if is_spread else partial(reshape_bias, form, sizes_of_b)
            ones = own | dict.fromkeys(_ONES.get(layout, ()), 1)
            for sized, sizes in _list_sizes(layer, case):
                tried = replace(layer, form=form, layout=layout, weights=weights)
                tries.append((replace(tried, own=ones | sizes), sized))
        return tries

    def _find_weights(
        self, layer: Layer, case: Case, layouts: Sequence[str]
    ) -> tuple[Layer, str, tuple[int, ...], bool]:
        """The layer with what holds its weights, the order of w's axes, and the shape of b; and
        whether they are there from the first forward pass on alone.
        """
        given = give(case)
        ways = {_HELD[way](case, "w", given["w"]).shape: way for way in reversed(_HELD)}
        for x in (None, *(_FORMS[layout](case, "x", given["x"]) for layout in layouts)):
            calls = Calls()
            made = layer.make(calls, case, given)
            if x is not None:
                calls.add(f"{layer.name}.{layer.forward}", made, x)
            w, size = self._find_held(_ATTRIBUTES["w"], calls, given["w"].size)
            sizes = (given["b"].size, math.prod(case.y))  # one for each filter, or each cell
            held = (self._find_held(_ATTRIBUTES["b"], calls, one) for one in sizes)
            b, shape = next(filter(operator.itemgetter(0), held), ("", ()))
            if w:
                break
        if size not in ways:
            known = " or ".join(map(str, reversed(ways)))
            plain = ", ".join(filter(str.isidentifier, _ATTRIBUTES["w"]))
            found = f"{w} has shape {size}" if w else f"none is {plain}, or held so in params"
            raise LookupError(f"{layer.name} has no weights of shape {known}: {found}")
        layer = replace(layer, holders={"w": w, "b": b} if b else {"w": w})
        return layer, ways[size], shape, x is not None

    def _find_held(
        self, paths: Sequence[str], calls: Sequence[Call], size: int
    ) -> tuple[str, tuple[int, ...]]:
        """The first of these that holds so many numbers after calls, and their shape."""
        for path in paths:
            more = Calls(calls)
            more.reach(Result(0, 0), path)
            value = self.ask(more).values.get("y")
            if isinstance(value, np.ndarray) and value.size == size:
                return path, value.shape
        return "", ()

    def _try_backward(self, layer: Layer, backward: str, case: Case) -> Layer:
        """The layer with what its backward pass takes, and where its gradients are."""
        parameters = self.names[f"{layer.name}.{backward}"] or ()
        wanted = _list_required(parameters)
        told = ["dy" if UPSTREAM.match(one) else "x" * _is_x(one) for one in wanted[:2]]
        layer = replace(layer, upstream=(*told,) if sorted(told) == ["dy", "x"] else ("dy",))
        wanted = wanted[len(layer.upstream) :]
        if unknown := {*wanted} - {*_WORDS["rate"]}:
            words = ", ".join(unknown)
            self.notes.append(f"{layer.name}.{backward} is not judged: it asks for {words}")
            return layer
        rates = (one for one in read_names(parameters) if one in _WORDS["rate"])
        layer = replace(layer, backward=backward, rate=(*dict.fromkeys((*wanted, *rates)),))
        given, lazy = give(case), replace(layer, is_lazy=True)
        reply = self.ask(layer.plan(case, given, True))
        if reply.error and not self.ask(lazy.plan(case, given, True)).error:
            layer = lazy  # its first forward pass makes more than its weights
        last = self.ask(layer.plan(case, given, True)).values.get("dx")
        kind = last.kind if isinstance(last, Other) else ""
        weights = [name for name in ("w", "b") if name in given]
        if "b" in given and np.size(layer.form(case, "b", given["b"])) > given["b"].size:
            self.notes.append(f"{layer.name} has a bias for each cell: db is not judged")
            weights = ["w"]
        if kind == "tuple":
            gives = (f"d{name}" * (name in weights) for name in ("w", "b") if name in given)
            return replace(layer, gives=("dx", *gives))
        if kind != "NoneType" and not isinstance(last, np.ndarray):
            return layer
        found = self._find_gradients(layer, case, [*weights, *["x"] * bool(kind)])
        if not kind or found == layer:
            return found
        note = f"{layer.name}.{backward} returns nothing: dx is not judged"
        self.notes.extend([note] * ("dx" not in found.holders))
        return replace(found, gives=())

    def _find_gradients(self, layer: Layer, case: Case, weights: Sequence[str]) -> Layer:
        """The layer with where the gradients of these are when its backward pass is over."""
        given = give(case)
        plan = layer.plan(case, given, True)
        holders, steps = {**layer.holders}, list[str]()
        for name in weights:
            stems = filter(str.isidentifier, (holders.get(name, name), *_ATTRIBUTES[name]))
            ways = itertools.product(stems, _ATTRIBUTES["gradients"])
            known = [*(way.format(stem) for stem, way in ways), *_ATTRIBUTES[f"d{name}"]]
            found, _ = self._find_held(known, plan, given[name].size)
            if found:
                holders[f"d{name}"] = found
            elif name == "x" or (name == "b" and not layer.has_bias):
                continue
            elif self._is_stepped(layer, f"d{name}", case):
                steps.append(f"d{name}")
                step = f"the step that {layer.backward} takes"
                note = f"{layer.name} keeps no d{name}: {step} tells it"
                self.notes.append(note)
            else:
                note = f"{layer.name} keeps no gradient of {name} by a usual name: unjudged"
                self.notes.append(note)
        return replace(layer, holders=holders, steps=(*steps,))

    def _is_stepped(self, layer: Layer, name: str, case: Case) -> bool:
        """Whether the weights move by the learning rate times something."""
        if name[1:] not in layer.holders or not (layer.rate or "rate" in layer.words):
            return False
        moved = list[Any]()
        for pace in (_RATE, 2 * _RATE):
            tried = replace(layer, steps=(name,), gives=(), pace=pace)
            moved.append(self.ask(tried.plan(case, give(case), True)).values.get(name))
        is_moved = all(isinstance(one, np.ndarray) and one.any() for one in moved)
        return is_moved and np.allclose(2 * moved[0], moved[1])


def _find_sides(reply: Reply) -> tuple[int, ...]:
    """The shape of what is answered; () where nothing is."""
    y = reply.values.get("y")
    return y.shape if isinstance(y, np.ndarray) else ()


def _take_none(case: Case) -> bool:
    return False


def _take_both(function: Function, layer: Layer, case: Case) -> bool:
    return function.takes(case) and layer.takes(case)


def _list_required(parameters: Parameters) -> list[str]:
    """What a method insists on, behind the layer itself."""
    return [one for one in parameters or () if not {*"*="} & {*one}][1:]


def _is_x(parameter: str) -> bool:
    """Whether a backward pass is given once more what the forward pass took."""
    return parameter.lower() in ("x", "input", "inputs", "layer_input")


def _list_sizes(layer: Layer, case: Case) -> Iterator[tuple[Case, dict[str, Any]]]:
    """The question in the sizes that a constructor may have of its own, the usual ones first; and
    which of them are its own.
    """
    is_free = not layer.takes_kernel
    kernels = [(2, 2), (3, 3)] if is_free and not case.w else [case.kernel]
    for kernel in kernels:
        usual = case.stride if case.w else kernel
        strides = [usual] if "stride" in layer.words else dict.fromkeys((usual, (1, 1), (2, 2)))
        pads = (0, 1) if "padding" not in layer.words and (is_free or case.w) else (0,)
        for stride, pad in itertools.product(strides, pads):
            sized = replace(case, kernel=kernel, stride=stride, pad=((pad, pad),) * len(kernel))
            is_own = {"kernel_size": is_free or pad, "stride": is_free or stride != usual}
            is_own["padding"] = is_free or pad
            free = {word: size for word, size in _sizes(sized).items() if is_own[word]}
            yield sized, {n: one for n, one in free.items() if n not in layer.words or pad}


def _read_constructor(parameters: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Its parameters by our words, and their defaults."""
    words, defaults = dict[str, str](), dict[str, str]()
    for parameter in parameters:
        their, _, default = parameter.partition("=")
        our = next((our for our, names in _WORDS.items() if their in names), "")
        if our in words:
            raise LookupError(f"its constructor takes both {words[our]} and {their} as {our}")
        if our and default not in ("True", "False") and not (our in _UNASKED and default):
            words[our], defaults[our] = their, default
        elif not default and their[0] != "*":
            raise LookupError(f"nobody knows what its constructor takes as {their}")
    if {"shape", "channels"} <= words.keys() and "filters" not in words:
        words["filters"], defaults["filters"] = words.pop("channels"), defaults.pop("channels")
    if defaults.get("stride") == "None":  # the kernel's, in whatever form
        defaults["stride"] = defaults.get("kernel_size", "")
    return words, defaults


def _build(ours: str, op: str, way: str) -> Method:
    def takes(case: Case) -> bool:
        return case.op == op and is_plain(replace(case, bias=True))

    kind = "conv" if op == "conv" else "pool"
    words = {our: our for our in (("dx", "dw", "db") if op == "conv" else ("dx",))}
    words, form = {"y": "y"} if way == "forward" else words, lead_channels
    signature = _SIGNATURES[way]
    return Method(f"{ours}.{way}", f"{kind}_{way}", takes, "", signature, words, form=form)


_FUNCTIONS = tuple(_build(ours, row["op"], way) for ours, row in CLASSES.items() for way in METHODS)
CONTRACT = Layers("layers", _FUNCTIONS, may_decline=True)
