"""torch's own functions: channels first, or last with --layout nhwc.

    conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1)               y
    conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1)          dx, dw, db
    max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)         y
    avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None)                               y
    max_pool2d_backward(dy, x, kernel_size, ...), avg_pool2d_backward(...)                  dx

and the same with 1d and 3d.  w is (K, C/groups, *kernel), or (*kernel, C/groups, K) channels last.
Beyond these, and not missed where they are not there, the functions of _SIGNATURES: `unfold` and
`fold` are each other's gradients; `batch_norm` gives y, or y, mean and var where training moves the
running ones.  A size is an int, or a tuple of one for each axis.  A function without one of these
parameters is not asked what needs it, and none is asked for outputs that loops cannot afford.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from verification.candidates.contracts import (
    STATISTICS,
    Contract,
    Function,
    drop_usual,
    has_equal_pads,
    is_affordable,
    lead_channels,
)
from verification.questions import ADAPTIVE, FURTHER, Case, simplify, simplify_pad

_SIGNATURES = {
    "conv": "x, w, b=None, stride=1, padding=0, dilation=1, groups=1",
    "max_pool": "x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False",
    "avg_pool": "x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
    "divisor_override=None",
    "conv_transpose": "x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1",
    "adaptive_max_pool": "x, output_size",
    "adaptive_avg_pool": "x, output_size",
    "max_unpool": "x, indices, kernel_size, stride=None, padding=0, output_size=None",
    "lp_pool": "x, norm_type, kernel_size, stride=None, ceil_mode=False",
    "unfold": "x, kernel_size, dilation=1, padding=0, stride=1",
    "batch_norm": "x, running_mean=None, running_var=None, w=None, b=None, training=False, "
    "momentum=0.1, eps=1e-5",
}
_GRADIENTS = {
    "unfold": "cells, output_size, kernel_size, dilation=1, padding=0, stride=1",
    "batch_norm": "dy, x, w=None, mean=None, var=None, eps=1e-5",
}
"""Those that are not the forward pass's own behind dy."""
_ARRAYS = {
    "conv": ("x w b", "dy x w"),
    "conv_transpose": ("x w b", "dy x w"),
    "max_unpool": ("x index", "dy x index"),
    "unfold": ("x", "dy"),
    "batch_norm": ("x mean var w b", "dy x w mean var"),
}
"""What passes take, and their gradients, where it is more than x."""
_TELLING = {
    "unfold": "kernel_size",
    "fold": "output_size",
    "batch_norm": "running_mean",
    "batch_norm_backward": "mean",
}
"""Names that helpers have too, and the parameter that these have not."""


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
    return _choose(words, f"{_SIGNATURES[case.op]}, {_GRADIENTS.get(case.op, '')}")


def _write_output_size(case: Case) -> Any:
    """An int, or a size for each axis, None where an axis keeps its own."""
    if case.op == "unfold":
        return case.space
    if case.op in ADAPTIVE and all(case.output_size):
        return simplify(case.output_size)
    return tuple(size or None for size in case.output_size) or None


def _choose(words: dict[str, Any], signature: str) -> dict[str, Any]:
    """The words that a signature has."""
    names = [parameter.partition("=")[0] for parameter in signature.split(", ")]
    return {word: value for word, value in words.items() if word in names}


def build_functions(
    fits: Callable[[Case], bool], keywords: Callable[[Case], dict[str, Any]]
) -> tuple[Function, ...]:
    """torch's functions, channels last: which questions they take, and with which keywords."""
    functions: list[Function] = []
    for op, rank in product(_SIGNATURES, (1, 2, 3)):
        is_one = op in ("unfold", "batch_norm")  # one function, whatever the rank
        if is_one and rank > 1:
            continue
        name = op if is_one else f"{op}{rank}d"
        gradient = "fold" if op == "unfold" else f"{name}_backward"
        kind = "pool" if op in ("max_pool", "avg_pool") else op
        kind = "adaptive_pool" if op in ADAPTIVE else kind
        forward, backward = _ARRAYS.get(op, ("x", "dy x"))
        signature = _SIGNATURES[op]
        behind = _GRADIENTS.get(op, "dy, " + signature.replace("b=None, ", ""))
        wanted = [array for array in forward.split() if array in ("x", "w", "b")]
        results = {one: one for one in ("y", *STATISTICS * (op == "batch_norm"))}
        for way, own, arrays, parameters, words in (
            ("forward", name, forward, signature, results),
            ("backward", gradient, backward, behind, {f"d{one}": f"d{one}" for one in wanted}),
        ):
            functions.append(
                Function(
                    own,
                    f"{kind}_{way}",
                    partial(_takes, op, 0 if is_one else rank, fits),
                    arrays,
                    parameters,
                    words,
                    keywords=partial(_ask, keywords, parameters),
                    settings=write_settings,
                    optional=op in FURTHER,
                    telling=_TELLING.get(own, ""),
                )
            )
    return tuple(functions)


def _ask(keywords: Callable[[Case], dict[str, Any]], signature: str, case: Case) -> dict[str, Any]:
    return _choose(keywords(case), signature)


def _takes(op: str, rank: int, fits: Callable[[Case], bool], case: Case) -> bool:
    return case.op == op and rank in (0, len(case.space)) and fits(case)


def _fits(case: Case) -> bool:
    return has_equal_pads(case) and is_affordable(case)


def _keywords(case: Case) -> dict[str, Any]:
    """The sizes that every such function has, and the settings that are not the usual ones."""
    words = write_settings(case)
    if case.word:
        words["padding"] = simplify_pad(case.pad)
    return drop_usual(case, words, "padding", *(["stride"] if case.w else []))


_NHWC = build_functions(_fits, _keywords)
_NCHW = tuple(replace(function, form=lead_channels) for function in _NHWC)
CONTRACT = Contract("functional", _NCHW, channels_first=True, may_decline=True)
NHWC = Contract("functional-nhwc", _NHWC, may_decline=True)
