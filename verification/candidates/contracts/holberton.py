"""Holberton School: channels last, settings as arguments, no cache, pads in words.

    conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1))    activation(Z)
    conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1))           dA_prev, dW, db
    pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max")            A      ("max", "avg")
    pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max")       dA_prev

The activation asked with is the identity.  "same" is asked with odd kernels and stride 1 alone:
beyond them its pads are everybody's own.
"""

from __future__ import annotations

from typing import Any

from verification.candidates.contracts import Arguments, Contract, Function, assignment, is_plain
from verification.candidates.process import IDENTITY
from verification.questions import Case


def _takes(case: Case) -> bool:
    halves = [((size - 1) / 2,) * 2 for size in case.kernel]
    is_same = bool(case.w) and set(case.stride) == {1} and [*case.pad] == halves
    return is_plain(case) and (is_same or not case.is_padded)


def _words(case: Case) -> dict[str, Any]:
    if case.w:
        return {"padding": "same" if case.is_padded else "valid", "stride": case.stride}
    return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}


def _build(name: str, signature: str, arguments: Arguments, **outputs: str) -> Function:
    form = assignment.shape_bias
    return Function(name, name, _takes, arguments, outputs, _words, signature, form=form)


_FUNCTIONS = (
    _build(
        "conv_forward",
        "A_prev, W, b, activation, padding, stride",
        lambda case, given: (given["x"], given["w"], given["b"], IDENTITY),
        y="Z",
    ),
    _build(
        "conv_backward",
        "dZ, A_prev, W, b, padding, stride",
        lambda case, given: (given["dy"], given["x"], given["w"], given["b"]),
        **assignment.GRADIENTS,
    ),
    _build(
        "pool_forward",
        "A_prev, kernel_shape, stride, mode",
        lambda case, given: (given["x"], case.kernel),
        y="A",
    ),
    _build(
        "pool_backward",
        "dA, A_prev, kernel_shape, stride, mode",
        lambda case, given: (given["dy"], given["x"], case.kernel),
        dx="dA_prev",
    ),
)
CONTRACT = Contract("holberton", _FUNCTIONS)
