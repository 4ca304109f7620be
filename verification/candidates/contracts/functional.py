"""torch's own functions, in six layouts.

    conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1)               y
    conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1)          dx, dw, db
    max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)         y
    avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None)                               y
    max_pool2d_backward(dy, x, kernel_size, ...), avg_pool2d_backward(...)                  dx

and the same with 1d and 3d.  Beyond these, and not missed where they are not there, the others of
functional.toml: `unfold` and `fold` are each other's gradients; `batch_norm` gives y, or y, mean
and var where training moves the running ones.  A size is an int, or a tuple of one for each axis.
A function without one of these parameters is not asked what needs it, and none is asked for outputs
that loops cannot afford.

A gradient may take what its forward pass returns beside y in place of all behind dy: (dy, cache).

nchw    x (N, C, *space), w (K, C/groups, *kernel)
nhwc    x (N, *space, C), w (*kernel, C/groups, K)
chw     one image: nchw without N
hwc     one image: nhwc without N
hw      one image of one channel, x (*space), w (*kernel), b a number: conv2d(image, kernel)
nhw     a batch of such images, x (N, *space)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from verification.candidates.contracts import Ask, Contract, has_equal_pads, is_affordable
from verification.candidates.contracts.function import (
    Function,
    Names,
    drop_usual,
    read_names,
    read_table,
)
from verification.candidates.process import Hello
from verification.questions import ADAPTIVE, FURTHER, Case, simplify, simplify_pad

_TABLE = read_table("functional")
_WAYS = {
    "forward": "{} {}_forward {}_fwd forward_{}",
    "backward": "{}_backward {}_back {}_backprop {}_bwd {}_grad {}_gradient {}_derivative d{}"
    " backward_{} backprop_{} grad_{}",
}
"""What else a function is called: conv2d_forward, conv2d_grad, dconv2d."""
Keywords = Callable[[Case], dict[str, Any]]


class Functional(Contract):
    """The contract; `adapt` finds the gradients that take a cache."""

    def resolve(self, names: Names, renames: Mapping[str, str]) -> dict[str, str]:
        """A gradient of a name that says no mode belongs to the one pool whose cache it takes."""
        resolved = super().resolve(names, renames)
        for function in self.functions:
            own = self.forward_of(function).name
            alike = [f for f in self.functions if f.op == "pool_forward" and f.name in resolved]
            if function.op == "pool_backward" and [own] == [one.name for one in alike]:
                named = (one for one in names if function.has_no_mode(one))
                caches = (one for one in named if function.read(names[one]).takes_cache)
                if name := next(caches, ""):
                    resolved.setdefault(function.name, name)
        return resolved

    def lay(self, layout: str) -> Contract:
        """The same in a layout, by the name of which it goes."""
        laid = super().lay(layout)
        return laid if laid is self else replace(laid, name=f"{self.name}-{layout}")

    def adapt(
        self, hello: Hello, names: Mapping[str, str], ask: Ask
    ) -> tuple[Contract, dict[str, str], list[str]]:
        functions, known, notes = list[Function](), {**names}, list[str]()
        for function in self.functions:
            parameters = hello.names.get(names.get(function.name, ""))
            if function.is_gradient and function.read(parameters).takes_cache:
                forward = self.forward_of(function)
                if forward.name not in names:
                    their = known.pop(function.name)
                    notes.append(f"{their} is not judged: its cache is that of no function here")
                forward = replace(forward, words={"y": "y", "": "cache"})
                function = replace(function, forward=forward, settings=None, is_chained=True)
                function = replace(function, keywords=lambda case: {})
            functions.append(function)
        return replace(self, functions=(*functions,)), known, notes


def write_settings(case: Case) -> dict[str, Any]:
    """Every setting of a question, in torch's words."""
    words = {
        "stride": simplify(case.stride),
        "padding": case.word or simplify_pad(case.pad),
        "dilation": simplify(case.dilation),
        "groups": case.groups,
        "kernel_size": simplify(case.kernel),
        "ceil_mode": case.ceil_mode,
        "count_include_pad": case.count_include_pad,
        "divisor_override": case.divisor_override,
        "output_padding": simplify(case.output_padding or (0,)),
        "output_size": _write_output_size(case),
        "norm_type": case.norm_type,
        "training": case.training,
        "momentum": case.momentum,
        "eps": case.eps,
    }
    row = _TABLE[case.op]
    return _choose(words, f"{row['signature']}, {row.get('backward', '')}")


def _write_output_size(case: Case) -> Any:
    """An int, or a size for each axis, None where an axis keeps its own."""
    if case.op == "unfold":
        return case.space
    if case.op in ADAPTIVE and all(case.output_size):
        return simplify(case.output_size)
    return tuple(size or None for size in case.output_size) or None


def _choose(words: dict[str, Any], signature: str) -> dict[str, Any]:
    """The words that a signature has."""
    names = _read_names(signature)
    return {word: value for word, value in words.items() if word in names}


@cache
def _read_names(signature: str) -> frozenset[str]:
    return frozenset(read_names(signature.split(", ")))


def build_functions(takes: Callable[[Case], bool], keywords: Keywords) -> tuple[Function, ...]:
    """torch's functions, channels last: which questions they take, and with which keywords."""
    functions: list[Function] = []
    for op, row in _TABLE.items():
        signature, arrays = row["signature"], row.get("arrays", ("x", "dy x"))
        behind = row.get("backward", "dy, " + signature.replace("b=None, ", ""))
        gradients = [f"d{array}" for array in ("x", "w", "b") if array in arrays[0].split()]
        for rank in row.get("ranks", (1, 2, 3)):
            name = f"{op}{rank}d" if rank else op
            stems = [f"{stem}{rank}d" for stem in row.get("stems", [op]) if rank]
            modes = row.get("modes", ())
            plain = [f"{stem}{rank}d" for stem in ("pool", "pooling") if modes]
            for way, own, taken, parameters, gives, telling in zip(
                _WAYS,
                (name, row.get("gradient", f"{name}_backward")),
                arrays,
                (signature, behind),
                (row.get("gives", ["y"]), gradients),
                row.get("telling", ("", "")),
            ):
                also, moded = _list_names(stems, way), _list_names(plain, way)
                function = Function(
                    own,
                    f"{row.get('kind', op)}_{way}",
                    partial(_takes, op, rank, takes),
                    taken,
                    parameters,
                    {one: one for one in gives},
                    keywords=partial(_ask, keywords, parameters),
                    settings=write_settings,
                    optional=op in FURTHER,
                    telling=telling,
                    also=also,
                    loose=_loosen(own, *also),
                    moded=(*moded, *_loosen(*moded)),
                    modes=tuple(modes),
                    may_differ=True,
                )
                functions.append(function)
    return tuple(functions)


def _list_names(stems: Sequence[str], way: str) -> tuple[str, ...]:
    return tuple(word.format(stem) for stem in stems for word in _WAYS[way].split())


def _loosen(*names: str) -> tuple[str, ...]:
    """The names that say two axes, without that."""
    return tuple(name.replace("2d", "") for name in names if "2d" in name)


def _ask(keywords: Keywords, signature: str, case: Case) -> dict[str, Any]:
    return _choose(keywords(case), signature)


def _takes(op: str, rank: int, fits: Callable[[Case], bool], case: Case) -> bool:
    return case.op == op and rank in (0, len(case.space)) and fits(case)


def _keywords(case: Case) -> dict[str, Any]:
    """The sizes that every such function has, and the settings that are not the usual ones."""
    words = write_settings(case)
    if case.word:
        words["padding"] = simplify_pad(case.pad)
    return drop_usual(case, words, "padding", *(["stride"] if case.w else []))


def _fits(case: Case) -> bool:
    return has_equal_pads(case) and is_affordable(case)


_FUNCTIONS = tuple(one.lay("nchw") for one in build_functions(_fits, _keywords))
CONTRACT = Functional("functional", _FUNCTIONS, "nchw", may_decline=True)
