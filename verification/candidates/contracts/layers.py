"""Layers as classes: constructed with the usual words, weights set by attribute.

    Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0), or Conv2d(W, b, stride=1)
        .forward(x)      y
        .backward(dy)    dx, with dW and db in attributes; or dx, dW, db
    MaxPool2d(kernel_size, stride=None, padding=0), AvgPool2d(...)
        .forward(x), .backward(dy)

Also `compute` and `gradient`.  A class is known by its name, which holds conv, or pool with max or
avg; the layout, the attributes, and whether a size may be a tuple are found by trying.  For every
question a layer is made, given its weights, and called: backward follows forward.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from verification.candidates.contracts import (
    OWN,
    RANKS,
    SPELLINGS,
    Contract,
    Form,
    Function,
    Names,
    Parameters,
    is_plain,
    keep_form,
    lead_channels,
    name_pad,
    read_table,
    spread,
)
from verification.candidates.process import Call, Hello, Other, Reply, Result
from verification.questions import Array, Arrays, Case, arrays, parse, simplify, simplify_pad

_TABLE = read_table("layers")
CLASSES, _ATTRIBUTES = _TABLE["classes"], _TABLE["attributes"]
METHODS = {"forward": ("forward", "compute"), "backward": ("backward", "gradient")}
_SIGNATURES = {"forward": "self, x", "backward": "self, dy, learning_rate=0"}
_SIZES = ("kernel_size", "stride", "padding")
_FORMS = (lead_channels, keep_form)
_WORDS = {
    our: (*SPELLINGS.get(our, ()), *_TABLE["words"].get(our, ()))
    for our in (*_TABLE["words"], *_SIZES, "b")
}
Ask = Callable[[list[Call]], Reply]
_RATE = 1.0
"""A learning rate at which dx shows whether the weights were changed before it was computed."""


@dataclass(frozen=True)
class Layer:
    """A candidate's class: its methods, and by our words the parameters of its constructor.

    `holders` are its attributes for w, b, dw and db, `tuples` the sizes that may differ by axis;
    `is_first` says that channels come first.  Backward returns what it `gives`, and wants a
    learning `rate` of this name, or of none.  `own` are sizes that its constructor does not take.
    """

    name: str
    forward: str
    backward: str
    words: Mapping[str, str]
    defaults: Mapping[str, str]
    form: Form = lead_channels
    is_first: bool = True
    holders: Mapping[str, str] = field(default_factory=dict)
    tuples: frozenset[str] = frozenset()
    gives: tuple[str, ...] = ("dx",)
    rate: tuple[str, ...] = ()
    own: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def has_word(self) -> bool:
        """Whether pads are words, by the default."""
        return self.defaults.get("padding", "")[:1] in ("'", '"')

    @property
    def has_bias(self) -> bool:
        return "b" in {*self.words, *self.holders}

    def takes(self, case: Case) -> bool:
        """Whether it has words for all that the question needs."""
        pads = tuple(before for before, _ in case.pad)
        usual = {"stride": (1, 1) if case.w else case.kernel, "padding": (0, 0)}
        usual |= {"kernel_size": case.kernel, **self.own}
        for word, size in zip(_SIZES, (case.kernel, case.stride, pads)):
            is_usual = word not in self.words and size == usual.get(word)
            is_taken = word in self.words and (len({*size}) == 1 or word in self.tuples)
            if not (is_usual or is_taken):
                return False
        has_bias = not case.w or self.has_bias
        return case.bias == has_bias and bool(name_pad(case) or not self.has_word)

    def plan(self, case: Case, given: Arrays, is_gradient: bool) -> list[Call]:
        """The calls that put a question; the last one's results are the answer."""
        given = {name: self.form(case, name, a) for name, a in given.items()}
        known: dict[str, Any] = {"channels": case.x[-1], "filters": case.y[-1], **given}
        known |= {"kernel_size": simplify(case.kernel), "stride": simplify(case.stride)}
        known |= dict(zip(("height", "width"), case.kernel))
        known["padding"] = name_pad(case) if self.has_word else simplify_pad(case.pad)
        words = {
            their: spread(known[our], self.defaults[our], len(case.space))
            for our, their in self.words.items()
        }
        calls = [Call(self.name, words=words)]
        held = {our: their for our, their in self.holders.items() if our in given}
        for our, their in held.items():
            calls += reach(their, len(calls), given[our])
        calls = [replace(call, kept=is_gradient) for call in calls]  # backward may end with a step
        calls.append(self.call(self.forward, given["x"]))
        if not is_gradient:
            return calls
        last = self.call(self.backward, given["dy"], **dict.fromkeys(self.rate, _RATE))
        asked = [our for our in ("dw", "db") if our in self.holders]
        if not asked:
            return [*calls, replace(last, outputs=self.gives, returns=", ".join(self.gives))]
        calls.append(last)
        results = [Result(len(calls) - 1, 0)]
        for our in asked:
            calls += reach(self.holders[our], len(calls))
            results.append(Result(len(calls) - 1, 0))
        return [*calls, Call("", (*results,), outputs=("dx", *asked))]

    def call(self, method: str, *arguments: Any, **words: Any) -> Call:
        """A call of a method of the layer that the first call has made."""
        return Call(f"{self.name}.{method}", (Result(0, 0), *arguments), words)


def reach(path: str, at: int, *value: Any) -> list[Call]:
    """The calls, from this place on, that read what the layer has as W, params['W'], weight.data;
    or, with a value, that set it.
    """
    steps, owner, calls = re.findall(r"\w+|\[[^]]+\]", path), Result(0, 0), list[Call]()
    for step in steps:
        way, key = ("[]", ast.literal_eval(step[1:-1])) if step[0] == "[" else (".", step)
        is_set = bool(value) and len(calls) == len(steps) - 1
        calls.append(Call(f"{way}=" if is_set else way, (owner, key, *(value if is_set else ()))))
        owner = Result(at + len(calls) - 1, 0)
    return calls


@dataclass(frozen=True)
class Method(Function):
    """A method of a `layer`, which is known once a candidate has been tried."""

    layer: Layer | None = None
    is_chained = True

    def expresses(self, case: Case, parameters: Parameters) -> bool:
        is_ours = self.concerns(case) and self.takes(case)
        return is_ours and (self.layer is None or self.layer.takes(case))

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        assert self.layer
        return self.layer.plan(case, given, self.op.endswith("_backward"))

    def fit(self, case: Case, call: Call, parameters: Parameters) -> Call:
        return call

    def tell(self, case: Case, given: Arrays) -> str:
        """The calls as one would write them."""
        layer = self.layer
        assert layer
        words = self.plan(case, given)[0].words
        told = (f"{t}={o if o in given else repr(words[t])}" for o, t in layer.words.items())
        lines = [f"layer = {layer.name}({', '.join(told)})"]
        lines += [f"layer.{their} = {our}" for our, their in layer.holders.items() if our in given]
        lines += [f"layer.{layer.forward}(x)"]
        behind = ", ".join(("dy", *(f"{rate}={_RATE}" for rate in layer.rate)))
        lines += [f"layer.{layer.backward}({behind})"] * self.op.endswith("_backward")
        return "\n".join(lines)


@dataclass(frozen=True)
class Layers(Contract):
    """The contract; `adapt` makes it one candidate's."""

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        owners = {our: their for our, their in renames.items() if our in CLASSES}
        resolved = dict[str, str]()
        for name in names:
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
                    known[ours] = _try(ours, written, hello.names, ask, notes)
                except LookupError as error:
                    notes.append(f"{ours} is not judged: {error.args[0]}")
        for function in self.functions:
            ours, _, way = function.name.partition(".")
            layer = known.get(ours)
            if layer and isinstance(function, Method) and (layer.backward or way == "forward"):
                function = replace(function, layer=layer, form=layer.form)
            else:
                written.pop(function.name, "")
            functions.append(function)
        whole = [name for name in hello.names if name not in hello.stubs]
        made = {name.rpartition(".")[0] for name in whole if name.endswith(".forward")}
        if other := sorted(made - {their.rpartition(".")[0] for their in names.values()}):
            notes.append(f"not judged: {', '.join(other)}, none of {', '.join(CLASSES)}")
        is_first = all(layer.is_first for layer in known.values())
        return replace(self, functions=(*functions,), channels_first=is_first), written, notes


def _try(ours: str, written: Mapping[str, str], names: Names, ask: Ask, notes: list[str]) -> Layer:
    """A layer with all that shows when it is tried; LookupError where it cannot be asked."""
    owner, _, forward = written[f"{ours}.forward"].rpartition(".")
    layer = Layer(owner, forward, "", *_read_constructor(names[owner] or ()))
    case, *uneven = (parse(CLASSES[ours][key])[0] for key in ("probe", *_SIZES))
    given, shape = arrays(case, 0, "float64"), tuple[int, ...]()
    start = layer.plan(case, given, False)[:1]
    if ask(start).status != "ok":
        return layer  # the questions show why
    held: Form | None = None
    if case.w and "w" not in layer.words:
        layer, held, shape = _find_weights(layer, case, given, start, ask)

    def fits(tried: Layer, case: Case) -> bool | None:
        case = replace(case, bias=not case.w or tried.has_bias)
        y = ask(tried.plan(case, arrays(case, 0, "float64"), False)).values.get("y")
        want = tried.form(case, "y", np.zeros(case.y)).shape
        return y.shape == want if isinstance(y, np.ndarray) else None

    first, last = (
        replace(layer, form=_shape(form, held or form, shape), is_first=form is lead_channels)
        for form in _FORMS
    )
    tries = [(tried, sized) for tried in (first, last) for sized in _size(layer, case)]
    chosen = next((one for one in tries if fits(*one)), None)
    if not chosen:
        error = ask(first.plan(replace(case, bias=layer.has_bias), given, False)).error
        if _takes_no_kernel(layer) and not error:
            raise LookupError(f"{owner} takes no kernel size, and none that is tried is its own")
        if RANKS.search(error):
            raise LookupError(f"{owner} takes no arrays of {len(case.x)} axes: {error}")
        notes.append(f"{owner} gives no answer of the right shape: asked with channels first")
    layer, case = chosen or tries[0]
    sizes = (case.kernel, case.stride, tuple(before for before, _ in case.pad))
    if _takes_no_kernel(layer):
        own = {word: size for word, size in zip(_SIZES, sizes) if word not in layer.words}
        layer = replace(layer, own=own)
        words = ", ".join(f"{word}={size[0]}" for word, size in own.items())
        notes.append(f"{owner} takes no kernel size: asked with {words} alone")
    silent = {name: a * (name == "x") for name, a in given.items()}
    y = ask(layer.plan(case, silent, False)).values.get("y")
    if layer.holders and isinstance(y, np.ndarray) and y.any():
        raise LookupError(f"{owner} computes with other weights than {layer.holders['w']}")
    tuples = frozenset(w for w, one in zip(_SIZES, uneven) if fits(layer, one) is not None)
    layer = replace(layer, tuples=tuples)
    backward = written.get(f"{ours}.backward", "").rpartition(".")[2]
    return _try_backward(layer, backward, names, case, ask, notes) if backward else layer


def _find_weights(
    layer: Layer, case: Case, given: Arrays, start: list[Call], ask: Ask
) -> tuple[Layer, Form, tuple[int, ...]]:
    """The layer with what holds its weights, at once or from the first forward pass on; the form
    that w has there, and the shape of b.
    """
    late = [[*start, layer.call(layer.forward, form(case, "x", given["x"]))] for form in _FORMS]
    for calls in (start, *late):
        w, size = _find(_ATTRIBUTES["w"], calls, given["w"].size, ask)
        b, shape = _find(_ATTRIBUTES["b"], calls, given["b"].size, ask)
        if w:
            break
    forms = {form(case, "w", given["w"]).shape: form for form in _FORMS}
    if size not in forms:
        known = " or ".join(map(str, forms))
        plain = ", ".join(filter(str.isidentifier, _ATTRIBUTES["w"]))
        found = f"{w} has shape {size}" if w else f"none is {plain}, or held so in params"
        raise LookupError(f"{layer.name} has no weights of shape {known}: {found}")
    return replace(layer, holders={"w": w, "b": b} if b else {"w": w}), forms[size], shape


def _try_backward(
    layer: Layer, backward: str, names: Names, case: Case, ask: Ask, notes: list[str]
) -> Layer:
    wanted = [one for one in names[f"{layer.name}.{backward}"] or () if not {*"*="} & {*one}]
    if unknown := {*wanted[2:]} - {*_ATTRIBUTES["rates"]}:
        notes.append(f"{layer.name}.{backward} is not judged: it asks for {', '.join(unknown)}")
        return layer
    known = [one.partition("=")[0] for one in names[f"{layer.name}.{backward}"] or ()]
    rates = dict.fromkeys((*wanted[2:], *(one for one in known if one in _ATTRIBUTES["rates"])))
    layer = replace(layer, backward=backward, rate=(*rates,))
    given = arrays(case, 0, "float64")
    plan = layer.plan(case, given, True)
    dx, weights = ask(plan).values.get("dx"), [n for n in ("w", "b") if n in given]
    if isinstance(dx, Other) and dx.kind == "tuple":
        return replace(layer, gives=("dx", *(f"d{name}" for name in weights)))
    holders = {**layer.holders}
    for name in weights if isinstance(dx, np.ndarray) else ():
        stems = (holders.get(name, name), *_ATTRIBUTES[name])
        plain = [stem for stem in stems if stem.isidentifier()]
        known = [way.format(stem) for stem in plain for way in _ATTRIBUTES["gradients"]]
        known += _ATTRIBUTES[f"d{name}"]
        found, _ = _find(known, plan, given[name].size, ask)
        if found:
            holders[f"d{name}"] = found
        else:
            notes.append(f"{layer.name} keeps no gradient of {name} by a usual name: unjudged")
    return replace(layer, holders=holders)


def _takes_no_kernel(layer: Layer) -> bool:
    return not {"kernel_size", "height", "width", "w"} & layer.words.keys()


def _size(layer: Layer, case: Case) -> Iterator[Case]:
    """The question in the sizes that a constructor may have of its own, where it takes none."""
    is_free = _takes_no_kernel(layer)
    kernels = [(2, 2), (3, 3)] if is_free and not case.w else [case.kernel]
    for kernel in kernels:
        usual = case.stride if case.w else kernel
        strides = {usual, (1, 1), (2, 2)} if is_free and "stride" not in layer.words else {usual}
        pads = (0, 1) if is_free and "padding" not in layer.words else (0,)
        for stride, pad in itertools.product(sorted(strides, key=usual.__ne__), pads):
            yield replace(case, kernel=kernel, stride=stride, pad=((pad, pad),) * len(kernel))


def _read_constructor(parameters: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Its parameters by our words, and their defaults."""
    words, defaults = dict[str, str](), dict[str, str]()
    for parameter in parameters:
        their, _, default = parameter.partition("=")
        our = next((our for our, names in _WORDS.items() if their in names), "")
        if our and default not in ("True", "False"):
            words[our], defaults[our] = their, default
        elif not default and their[0] != "*":
            raise LookupError(f"nobody knows what its constructor takes as {their}")
    if defaults.get("stride") == "None":  # the kernel's, in whatever form
        defaults["stride"] = defaults.get("kernel_size", "")
    return words, defaults


def _find(
    names: Sequence[str], calls: list[Call], size: int, ask: Ask
) -> tuple[str, tuple[int, ...]]:
    """The first of these attributes that holds so many numbers after the calls; their shape."""
    for name in names:
        value = ask([*calls, *reach(name, len(calls))]).values.get("y")
        if isinstance(value, np.ndarray) and value.size == size:
            return name, value.shape
    return "", ()


def _shape(form: Form, held: Form, shape: tuple[int, ...]) -> Form:
    """The form, with weights as they are held, and b and db in such a shape."""
    sizes = [1 if size == 1 else -1 for size in shape] or [-1]

    def shaped(case: Case, name: str, value: Array) -> Any:
        if name in ("b", "db"):
            return value.reshape(sizes)
        return (held if name in ("w", "dw") else form)(case, name, value)

    return shaped


def _build(ours: str, op: str, way: str) -> Method:
    def takes(case: Case) -> bool:
        return case.op == op and is_plain(replace(case, bias=True))

    kind = "conv" if op == "conv" else "pool"
    words = {our: our for our in (("dx", "dw", "db") if op == "conv" else ("dx",))}
    words, form = {"y": "y"} if way == "forward" else words, lead_channels
    signature = _SIGNATURES[way]
    return Method(f"{ours}.{way}", f"{kind}_{way}", takes, "", signature, words, form=form)


_FUNCTIONS = tuple(_build(ours, row["op"], way) for ours, row in CLASSES.items() for way in METHODS)
CONTRACT = Layers("layers", _FUNCTIONS, channels_first=True, may_decline=True)
