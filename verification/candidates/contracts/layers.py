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
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from verification.candidates.contracts import (
    FIRST,
    FORMS,
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
    write_size,
)
from verification.candidates.loading import METHODS
from verification.candidates.process import Call, Hello, Other, Reply, Result
from verification.questions import Array, Arrays, Case, arrays, parse, simplify, simplify_pad

_TABLE = read_table("layers")
CLASSES, _ATTRIBUTES = _TABLE["classes"], _TABLE["attributes"]
_SIGNATURES = {"forward": "self, x", "backward": "self, dy, learning_rate=0"}
_SIZES = ("kernel_size", "stride", "padding")
_WORDS = {
    our: (*SPELLINGS.get(our, ()), *_TABLE["words"].get(our, ()))
    for our in dict.fromkeys((*_TABLE["words"], *_SIZES, "b"))
}
Ask = Callable[[list[Call]], Reply]
_RATE = 1.0
"""A learning rate at which dx shows whether the weights were changed before it was computed."""


def _keep_planes(case: Case, name: str, value: Array) -> Any:
    """One image of one channel, without that axis; of its filters the images lie last."""
    return value[0, ..., 0] if name in ("x", "dx") else value[0]


def _lead_filters(case: Case, name: str, value: Array) -> Array:
    """Weights (K, *kernel, C)."""
    return np.moveaxis(value, -1, 0)


def _lead_planes(case: Case, name: str, value: Array) -> Any:
    """Weights of one channel (K, *kernel)."""
    return np.moveaxis(value[..., 0, :], -1, 0) if value.shape[-2] == 1 else value


_FORMS = {**FORMS, "planes": _keep_planes}
_HELD: Sequence[Form] = (lead_channels, keep_form, _lead_filters, _lead_planes)
"""The layouts of images and outputs, and those of weights; the order decides where several fit."""
_PROBES = {"probe": ("nchw", "nhwc", "chw", "hwc"), "plane": ("hw", "planes")}
"""The questions that tell a layout by the answer's shape, each with the layouts to try."""
_ONES = {"chw": ("images",), "hwc": ("images",), "planes": ("images", "channels")}
_ONES["hw"] = ("images", "channels", "filters")
"""What there is one of in a layout."""


@dataclass(frozen=True)
class Layer:
    """A candidate's class: its methods, and by our words the parameters of its constructor.

    `holders` are its attributes for w, b, dw and db, `tuples` the sizes that may differ by axis;
    `steps` are the gradients that a step of descent tells.  Backward returns what it `gives`, and
    wants a learning `rate` of this name, or of none; `pace` is that rate.  `own` are sizes that are
    not anybody's to choose; where it `is_wide`, its constructor takes tuples alone as sizes.
    """

    name: str
    forward: str
    backward: str
    words: Mapping[str, str]
    defaults: Mapping[str, str]
    form: Form = lead_channels
    layout: str = "nchw"
    holders: Mapping[str, str] = field(default_factory=dict)
    tuples: frozenset[str] = frozenset()
    gives: tuple[str, ...] = ("dx",)
    rate: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    pace: float = _RATE
    own: Mapping[str, Any] = field(default_factory=dict)
    is_wide: bool = False

    @property
    def has_word(self) -> bool:
        """Whether pads are words, by the default."""
        return self.defaults.get("padding", "")[:1] in ("'", '"')

    @property
    def has_bias(self) -> bool:
        return "b" in {*self.words, *self.holders}

    def takes(self, case: Case) -> bool:
        """Whether it has words for all that the question needs."""
        usual = {"stride": (1, 1) if case.w else case.kernel, "padding": (0, 0)}
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
        calls = self._plan_forward(case, given, 0, is_gradient)
        if not is_gradient:
            return calls
        calls.append(self._plan_backward(given, 0))
        outputs = dict.fromkeys(self.gives[:1], Result(len(calls) - 1, 0))
        if len(self.gives) > 1:
            return [
                *calls[:-1],
                replace(calls[-1], outputs=self.gives, returns=", ".join(self.gives)),
            ]
        for our in ("dw", "db"):
            if our in self.holders:
                calls += reach(self.holders[our], len(calls), 0)
                outputs[our] = Result(len(calls) - 1, 0)
        if self.steps:
            made = len(calls)
            calls += self._plan_forward(case, given, made, is_gradient)
            held = [our for our in ("w", "b") if our in self.holders]
            for our in held:
                calls += reach(self.holders[our], len(calls), made, np.zeros_like(given[our]))
                calls[-1] = replace(calls[-1], kept=True)
            calls.append(self._plan_backward(given, made))
            for our in self.steps:
                calls += reach(self.holders[our[1:]], len(calls), made)
                calls.append(Call("-", (Result(len(calls) - 1, 0),)))
                outputs[our] = Result(len(calls) - 1, 0)
        return [*calls, Call("", (*outputs.values(),), outputs=(*outputs,))]

    def _plan_forward(self, case: Case, given: Arrays, made: int, is_kept: bool) -> list[Call]:
        """A layer, at this place among the calls, with its weights, and its forward pass.

        Weights are kept before a backward pass, which may end with a step of descent.
        """
        known: dict[str, Any] = {"channels": case.x[-1], "filters": case.y[-1], **given}
        known |= {"kernel_size": simplify(case.kernel), "stride": simplify(case.stride)}
        known |= dict(zip(("height", "width"), case.kernel))
        known["padding"] = name_pad(case) if self.has_word else simplify_pad(case.pad)
        known["rate"] = self.pace
        words = {their: known[our] for our, their in self.words.items()}
        for our in self.words.keys() & _SIZES:
            size, default = known[our], self.defaults[our]
            words[self.words[our]] = write_size(size, default, len(case.space), self.is_wide)
        calls = [Call(self.name, words=words)]
        held = {our: their for our, their in self.holders.items() if our in given}
        for our, their in held.items():
            calls += reach(their, made + len(calls), made, given[our])
        calls = [replace(call, kept=is_kept) for call in calls]
        return [*calls, self.call(self.forward, made, given["x"])]

    def _plan_backward(self, given: Arrays, made: int) -> Call:
        rate = dict.fromkeys(self.rate, self.pace)
        return self.call(self.backward, made, given["dy"], **rate)

    def call(self, method: str, made: int, *arguments: Any, **words: Any) -> Call:
        """A call of a method of the layer that the call at this place has made."""
        return Call(f"{self.name}.{method}", (Result(made, 0), *arguments), words)


def reach(path: str, at: int, made: int, *value: Any) -> list[Call]:
    """The calls, from this place on, that read what the layer, made by that call, has as W,
    params['W'], weight.data; or, with a value, that set it.
    """
    steps, owner, calls = re.findall(r"\w+|\[[^]]+\]", path), Result(made, 0), list[Call]()
    for step in steps:
        way, key = ("[]", ast.literal_eval(step[1:-1])) if step[0] == "[" else (".", step)
        is_set = bool(value) and len(calls) == len(steps) - 1
        calls.append(Call(f"{way}=" if is_set else way, (owner, key, *(value if is_set else ()))))
        owner = Result(at + len(calls) - 1, 0)
    return calls


def _sizes(case: Case) -> dict[str, Any]:
    return dict(zip(_SIZES, (case.kernel, case.stride, tuple(before for before, _ in case.pad))))


@dataclass(frozen=True)
class Method(Function):
    """A method of a `layer`, which is known once a candidate has been tried."""

    layer: Layer | None = None
    is_chained: bool = True

    def expresses(self, case: Case, parameters: Parameters) -> bool:
        is_ours = self.concerns(case) and self.takes(case)
        return is_ours and (self.layer is None or self.layer.takes(case))

    def plan(self, case: Case, given: Arrays, cache: str = OWN) -> list[Call]:
        assert self.layer
        return self.layer.plan(case, given, self.op.endswith("_backward"))

    def fit(self, case: Case, call: Call, parameters: Parameters, is_wide: bool = False) -> Call:
        return call

    def tell(self, case: Case, given: Arrays) -> str:
        """The calls as one would write them."""
        layer = self.layer
        assert layer
        words = self.plan(case, given)[0].words
        named = (f"{t}={o if o in given else repr(words[t])}" for o, t in layer.words.items())
        lines = [f"layer = {layer.name}({', '.join(named)})"]
        lines += [f"layer.{their} = {our}" for our, their in layer.holders.items() if our in given]
        lines += [f"layer.{layer.forward}(x)"]
        behind = ", ".join(("dy", *(f"{rate}={layer.pace}" for rate in layer.rate)))
        lines += [f"layer.{layer.backward}({behind})"] * self.op.endswith("_backward")
        told = ((one, layer.holders[one[1:]]) for one in layer.steps)
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
            notes.append(f"not judged: {', '.join(other)}; one each of {', '.join(CLASSES)} is")
        is_first = all(layer.layout in FIRST for layer in known.values())
        layout = "nchw" if is_first else "nhwc"
        return replace(self, functions=(*functions,), layout=layout), written, notes


def _try(ours: str, written: Mapping[str, str], names: Names, ask: Ask, notes: list[str]) -> Layer:
    """A layer with all that shows when it is tried; LookupError where it cannot be asked."""
    owner, _, forward = written[f"{ours}.forward"].rpartition(".")
    blank = Layer(owner, forward, "", *_read_constructor(names[owner] or ()))
    tries, errors = list[tuple[Layer, Case]](), list[LookupError]()
    for key, layouts in _PROBES.items():
        case = parse(CLASSES[ours][key])[0]
        if ask(blank.plan(case, arrays(case, 0, "float64"), False)[:1]).status != "ok":
            return blank  # the questions show why
        try:
            tries += _list_tries(blank, case, layouts, ask)
        except LookupError as error:
            errors.append(error)
    if not tries:
        raise errors[0]
    wide = [(replace(layer, is_wide=True), case) for layer, case in tries]
    # an even image, for what takes its sides for each other
    even = [(layer, replace(case, x=(1, 6, 6, case.x[-1]))) for layer, case in tries]
    fitting = (one for one in (*tries, *wide, *even) if _gives_shape(*one, ask))
    layer, case = next(fitting, None) or _find_nearest(owner, tries, ask, notes)
    if layer.own:
        words = (
            f"{word}={size if type(size) is int else size[0]}" for word, size in layer.own.items()
        )
        notes.append(f"{owner} is asked with {', '.join(words)} alone")
    silent = {name: a * (name == "x") for name, a in arrays(case, 0, "float64").items()}
    y = ask(layer.plan(case, silent, False)).values.get("y")
    if layer.holders and isinstance(y, np.ndarray) and y.any():
        raise LookupError(f"{owner} computes with other weights than {layer.holders['w']}")
    told = (word for word in _SIZES if word in layer.words and word not in layer.own)
    uneven = {word: parse(CLASSES[ours][word])[0] for word in told}
    seen = (word for word, one in uneven.items() if _gives_shape(layer, one, ask) is not None)
    layer = replace(layer, tuples=frozenset(seen))
    backward = written.get(f"{ours}.backward", "").rpartition(".")[2]
    return _try_backward(layer, backward, names, case, ask, notes) if backward else layer


def _find_nearest(
    owner: str, tries: Sequence[tuple[Layer, Case]], ask: Ask, notes: list[str]
) -> tuple[Layer, Case]:
    """Of tries that give no answer of the right shape, one that takes arrays of so many axes."""
    for layer, case in tries:
        error = ask(layer.plan(case, arrays(case, 0, "float64"), False)).error
        if RANKS.search(error):
            continue
        if _takes_no_kernel(layer) and not error:
            raise LookupError(f"{owner} takes no kernel size, and none that is tried is its own")
        notes.append(f"{owner} gives no answer of the right shape: asked as {layer.layout}")
        return layer, case
    raise LookupError(f"{owner} takes no arrays of 2 to 4 axes: {error}")


def _list_tries(
    blank: Layer, case: Case, layouts: Sequence[str], ask: Ask
) -> list[tuple[Layer, Case]]:
    """The layer in these layouts, with what holds its weights, and in sizes that may be its own;
    each with the question that shows whether it is so.
    """
    layer, own, tries = blank, dict[str, Any](), list[tuple[Layer, Case]]()
    held, shape = None, tuple[int, ...]()
    if case.w and "w" not in blank.words:
        layer, held, shape, is_late = _find_weights(blank, case, layouts, ask)
        counts = {"channels": case.x[-1], "filters": case.y[-1]}
        own = {} if is_late else {n: c for n, c in counts.items() if n not in blank.words}
    for layout in layouts:
        form = _FORMS[layout]
        shaped = _shape(form, held or (_lead_planes if layout == "planes" else form), shape)
        ones = own | dict.fromkeys(_ONES.get(layout, ()), 1)
        for sized, sizes in _list_sizes(layer, case):
            tries.append((replace(layer, form=shaped, layout=layout, own=ones | sizes), sized))
    return tries


def _gives_shape(layer: Layer, case: Case, ask: Ask) -> bool | None:
    """Whether its answer has the right shape; None where it has none."""
    case = replace(case, bias=not case.w or layer.has_bias)
    y = ask(layer.plan(case, arrays(case, 0, "float64"), False)).values.get("y")
    want = np.shape(layer.form(case, "y", np.zeros(case.y)))
    return y.shape == want if isinstance(y, np.ndarray) else None


def _find_weights(
    layer: Layer, case: Case, layouts: Sequence[str], ask: Ask
) -> tuple[Layer, Form, tuple[int, ...], bool]:
    """The layer with what holds its weights, the form that w has there, and the shape of b; and
    whether they are there from the first forward pass on alone.
    """
    given = arrays(case, 0, "float64")
    start = layer.plan(case, given, False)[:1]
    seen = [_FORMS[layout](case, "x", given["x"]) for layout in layouts]
    late = [[*start, layer.call(layer.forward, 0, x)] for x in seen]
    for calls in (start, *late):
        w, size = _find(_ATTRIBUTES["w"], calls, given["w"].size, ask)
        b, shape = _find(_ATTRIBUTES["b"], calls, given["b"].size, ask)
        if w:
            break
    forms = {form(case, "w", given["w"]).shape: form for form in reversed(_HELD)}
    if size not in forms:
        known = " or ".join(map(str, reversed(forms)))
        plain = ", ".join(filter(str.isidentifier, _ATTRIBUTES["w"]))
        found = f"{w} has shape {size}" if w else f"none is {plain}, or held so in params"
        raise LookupError(f"{layer.name} has no weights of shape {known}: {found}")
    layer = replace(layer, holders={"w": w, "b": b} if b else {"w": w})
    return layer, forms[size], shape, calls is not start


def _try_backward(
    layer: Layer, backward: str, names: Names, case: Case, ask: Ask, notes: list[str]
) -> Layer:
    wanted = [one for one in names[f"{layer.name}.{backward}"] or () if not {*"*="} & {*one}]
    if unknown := {*wanted[2:]} - {*_WORDS["rate"]}:
        notes.append(f"{layer.name}.{backward} is not judged: it asks for {', '.join(unknown)}")
        return layer
    known = [one.partition("=")[0] for one in names[f"{layer.name}.{backward}"] or ()]
    rates = dict.fromkeys((*wanted[2:], *(one for one in known if one in _WORDS["rate"])))
    layer = replace(layer, backward=backward, rate=(*rates,))
    given = arrays(case, 0, "float64")
    plan = layer.plan(case, given, True)
    last = ask(plan).values.get("dx")
    weights = [name for name in ("w", "b") if name in given]
    if isinstance(last, Other) and last.kind == "tuple":
        return replace(layer, gives=("dx", *(f"d{name}" for name in weights)))
    is_none = isinstance(last, Other) and last.kind == "NoneType"
    if not (is_none or isinstance(last, np.ndarray)):
        return layer
    holders, steps = {**layer.holders}, list[str]()
    for name in weights:
        stems = (holders.get(name, name), *_ATTRIBUTES[name])
        plain = [stem for stem in stems if stem.isidentifier()]
        known = [way.format(stem) for stem in plain for way in _ATTRIBUTES["gradients"]]
        known += _ATTRIBUTES[f"d{name}"]
        found, _ = _find(known, plan, given[name].size, ask)
        if found:
            holders[f"d{name}"] = found
        elif _is_stepped(layer, f"d{name}", case, ask):
            steps.append(f"d{name}")
            notes.append(f"{layer.name} keeps no d{name}: the step that {backward} takes tells it")
        else:
            notes.append(f"{layer.name} keeps no gradient of {name} by a usual name: unjudged")
    if is_none and (steps or holders != layer.holders):
        notes.append(f"{layer.name}.{backward} returns nothing: dx is not judged")
        layer = replace(layer, gives=())
    return replace(layer, holders=holders, steps=(*steps,))


def _is_stepped(layer: Layer, name: str, case: Case, ask: Ask) -> bool:
    """Whether the weights move by the learning rate times something."""
    moved = list[Any]()
    for pace in (_RATE, 2 * _RATE):
        tried = replace(layer, steps=(name,), gives=(), pace=pace)
        is_held = name[1:] in layer.holders and (layer.rate or "rate" in layer.words)
        plan = tried.plan(case, arrays(case, 0, "float64"), True) if is_held else []
        moved.append(ask(plan).values.get(name) if plan else None)
    return all(isinstance(one, np.ndarray) and one.any() for one in moved) and bool(
        np.allclose(2 * moved[0], moved[1])
    )


def _takes_no_kernel(layer: Layer) -> bool:
    return not {"kernel_size", "height", "width", "w"} & layer.words.keys()


def _list_sizes(layer: Layer, case: Case) -> Iterator[tuple[Case, dict[str, Any]]]:
    """The question in the sizes that a constructor may have of its own, the usual ones first; and
    which of them are its own.
    """
    is_free = _takes_no_kernel(layer)
    kernels = [(2, 2), (3, 3)] if is_free and not case.w else [case.kernel]
    for kernel in kernels:
        usual = case.stride if case.w else kernel
        strides = (
            [usual]
            if "stride" in layer.words
            else sorted({usual, (1, 1), (2, 2)}, key=usual.__ne__)
        )
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
    depths = [one for one in parameters if one in _WORDS["depth"]]
    for parameter in parameters:
        their, _, default = parameter.partition("=")
        our = next((our for our, names in _WORDS.items() if their in names), "")
        if our == "depth":  # of a kernel, where the filters are counted apart, it is the input's
            others = {*parameters} - {*depths}
            our = "channels" if others & {*_WORDS["filters"]} else "filters"
        if our in words:
            raise LookupError(f"its constructor takes both {words[our]} and {their} as {our}")
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
        value = ask([*calls, *reach(name, len(calls), 0)]).values.get("y")
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
CONTRACT = Layers("layers", _FUNCTIONS, "nchw", may_decline=True)
