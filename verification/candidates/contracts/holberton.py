"""Holberton School: channels last, settings as arguments, no cache, pads in words.

    conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1))    activation(Z)
    conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1))           dA_prev, dW, db
    pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max")            A      ("max", "avg")
    pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max")       dA_prev

The activation asked with is the identity, which remembers what it returned.  "same" is asked with
odd kernels and stride 1 alone: beyond them its pads are everybody's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from verification.candidates.contracts import Contract, Function, assignment, is_plain, name_pad
from verification.candidates.process import IDENTITY
from verification.questions import Case


def _takes(case: Case) -> bool:
    return is_plain(case) and bool(name_pad(case))


def _words(case: Case) -> dict[str, Any]:
    if case.w:
        return {"padding": name_pad(case), "stride": case.stride}
    return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}


_TABLE: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "conv_forward": ("x w b", "A_prev, W, b, activation, padding, stride", {"y": "Z"}),
    "conv_backward": ("dy x w b", "dZ, A_prev, W, b, padding, stride", assignment.GRADIENTS),
    "pool_forward": ("x", "A_prev, kernel_shape, stride, mode", {"y": "A"}),
    "pool_backward": ("dy x", "dA, A_prev, kernel_shape, stride, mode", {"dx": "dA_prev"}),
}
_REST: Mapping[str, Callable[[Case], tuple[Any, ...]]] = {
    "conv_forward": lambda case: (IDENTITY,),
    "conv_backward": lambda case: (),
    "pool_forward": lambda case: (case.kernel,),
    "pool_backward": lambda case: (case.kernel,),
}
_FUNCTIONS = (
    Function(name, name, _takes, *row, _REST[name], _words, assignment.shape_bias)
    for name, row in _TABLE.items()
)
CONTRACT = Contract("holberton", tuple(_FUNCTIONS))
