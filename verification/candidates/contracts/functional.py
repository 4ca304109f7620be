"""torch's own functions: channels first, or last with --layout nhwc.

    conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1)               y
    conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1)          dx, dw, db
    max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)         y
    avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None)                               y
    max_pool2d_backward(dy, x, kernel_size, ...), avg_pool2d_backward(...)                  dx

and the same with 1d and 3d.  w is (K, C/groups, *kernel), or (*kernel, C/groups, K) channels last.
A size is an int, or a tuple of one for each axis.  A function without one of these parameters is
not asked what needs it, and none is asked for outputs that loops cannot afford.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

from verification.candidates.contracts import (
    Contract,
    Function,
    drop_usual,
    has_equal_pads,
    is_affordable,
    lead_channels,
)
from verification.questions import Case, simplify, simplify_pad

_SIGNATURES = {
    "conv": "x, w, b=None, stride=1, padding=0, dilation=1, groups=1",
    "max_pool": "x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False",
    "avg_pool": "x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
    "divisor_override=None",
}


def write_settings(case: Case) -> dict[str, Any]:
    """Every setting of a question, in torch's words."""
    words = {"stride": simplify(case.stride), "padding": case.word or simplify_pad(case.pad)}
    if case.op != "avg_pool":
        words["dilation"] = simplify(case.dilation)
    if case.w:
        return {**words, "groups": case.groups}
    words |= {"kernel_size": simplify(case.kernel), "ceil_mode": case.ceil_mode}
    if case.op == "max_pool":
        return words
    counting = {"count_include_pad": case.count_include_pad}
    return words | counting | {"divisor_override": case.divisor_override}


def build_functions(
    fits: Callable[[Case], bool], keywords: Callable[[Case], dict[str, Any]]
) -> tuple[Function, ...]:
    """torch's functions, channels last: which questions they take, and with which keywords."""
    functions: list[Function] = []
    for op, axes in product(_SIGNATURES, (1, 2, 3)):
        kind, arrays = ("conv", "x w b") if op == "conv" else ("pool", "x")
        takes, signature = partial(_takes, op, axes, fits), _SIGNATURES[op]
        more: Any = {"keywords": keywords, "settings": write_settings}
        name, way = f"{op}{axes}d", f"{kind}_forward"
        functions.append(Function(name, way, takes, arrays, signature, **more))
        name, way = f"{name}_backward", f"{kind}_backward"
        words = {f"d{array}": f"d{array}" for array in arrays.split()}
        arrays = "dy " + arrays.removesuffix(" b")
        signature = "dy, " + signature.replace("b=None, ", "")
        functions.append(Function(name, way, takes, arrays, signature, words, **more))
    return tuple(functions)


def _takes(op: str, axes: int, fits: Callable[[Case], bool], case: Case) -> bool:
    return (case.op, len(case.space)) == (op, axes) and fits(case)


def _fits(case: Case) -> bool:
    return has_equal_pads(case) and is_affordable(case)


def _keywords(case: Case) -> dict[str, Any]:
    """The sizes that every such function has, and the settings that are not the usual ones."""
    words = write_settings(case) | {"padding": simplify_pad(case.pad)}
    return drop_usual(words, "padding", *(["stride"] if case.w else []))


_NHWC = build_functions(_fits, _keywords)
_NCHW = tuple(replace(function, form=lead_channels) for function in _NHWC)
CONTRACT = Contract("functional", _NCHW, channels_first=True, may_decline=True)
NHWC = Contract("functional-nhwc", _NHWC, may_decline=True)
