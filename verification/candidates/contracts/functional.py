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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from verification.candidates.contracts.contract import (
    Contract,
    Function,
    Names,
    conv_words,
    drop_defaults,
    form_channels_first,
    has_equal_pads,
    is_affordable,
    keep_form,
    lead_channels,
    lead_filters,
    pool_words,
)
from verification.candidates.process import Call
from verification.questions import Array, Arrays, Case, simplify


def _keep(a: Array) -> Array:
    return a


@dataclass(frozen=True)
class Face:
    """torch's functions in one layout: where channels stand, what is passed by keyword."""

    words: Callable[[Case], Mapping[str, Any]]
    expresses: Callable[[Case], bool]
    prefix: str = ""
    arrays: Callable[[Array], Array] = _keep
    weights: Callable[[Array], Array] = _keep
    form: Callable[[Case, str, Array], Array] = keep_form
    with_indices: bool = False

    def build_functions(self) -> tuple[Function, ...]:
        ops = ((op, axes) for op in ("conv", "max_pool", "avg_pool") for axes in (1, 2, 3))
        return tuple(function for pair in ops for function in self._build_pair(*pair))

    def _build_pair(self, op: str, axes: int) -> tuple[Function, Function]:
        name, kind = f"{self.prefix}{op}{axes}d", "conv" if op == "conv" else "pool"

        def takes(case: Case) -> bool:
            return case.op == op and len(case.space) == axes and self.expresses(case)

        def plan_forward(case: Case, given: Arrays, cache: str) -> list[Call]:
            x, words = self.arrays(given["x"]), self.words(case)
            if case.w:
                return [Call(name, (x, self.weights(given["w"]), given.get("b")), words)]
            if op == "max_pool" and self.with_indices:
                words = {**words, "return_indices": True}
                return [Call(name, (x,), words, ("y", "index"), "y, index")]
            return [Call(name, (x,), words)]

        def plan_backward(case: Case, given: Arrays, cache: str) -> list[Call]:
            arrays, words = (self.arrays(given["dy"]), self.arrays(given["x"])), self.words(case)
            if not case.w:
                return [Call(f"{name}_backward", arrays, words, ("dx",))]
            arguments = (*arrays, self.weights(given["w"]))
            outputs = ("dx", "dw", "db")
            return [Call(f"{name}_backward", arguments, words, outputs, ", ".join(outputs))]

        pair = (name, "forward", plan_forward), (f"{name}_backward", "backward", plan_backward)
        forward, backward = (
            Function(name, f"{kind}_{way}", takes, plan, form=self.form, keywords=self.words)
            for name, way, plan in pair
        )
        return forward, backward


def _words(case: Case) -> dict[str, Any]:
    """The sizes that every such function has, and the settings that are not the usual ones."""
    words = conv_words(case, "padding") if case.w else pool_words(case, "kernel_size", "padding")
    words["padding"] = simplify([before for before, _ in case.pad])
    return drop_defaults(words, "padding", *(["stride"] if case.w else []))


def _expresses(case: Case) -> bool:
    return has_equal_pads(case) and is_affordable(case)


_NCHW = Face(
    _words, _expresses, "", lead_channels, lead_filters, form_channels_first
).build_functions()


def _recognises(names: Names) -> bool:
    return any(function.name in names for function in _NCHW)


CONTRACT = Contract("functional", _NCHW, _recognises, channels_first=True)
NHWC = Contract("functional-nhwc", Face(_words, _expresses).build_functions(), _recognises)
