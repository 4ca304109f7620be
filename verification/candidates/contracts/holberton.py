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

from verification.candidates.contracts import assignment
from verification.candidates.contracts.contract import Contract, Function, Names, is_plain
from verification.candidates.process import IDENTITY, Call
from verification.questions import Arrays, Case


def _plan_conv(case: Case, given: Arrays, cache: str) -> list[Call]:
    arguments = (given["x"], given["w"], assignment.shape_bias(case, given), IDENTITY)
    return [Call("conv_forward", arguments, _conv_words(case))]


def _plan_conv_gradients(case: Case, given: Arrays, cache: str) -> list[Call]:
    arguments = (given["dy"], given["x"], given["w"], assignment.shape_bias(case, given))
    outputs, returns = ("dx", "dw", "db"), "dA_prev, dW, db"
    return [Call("conv_backward", arguments, _conv_words(case), outputs, returns)]


def _plan_pool(case: Case, given: Arrays, cache: str) -> list[Call]:
    return [Call("pool_forward", (given["x"], case.kernel), _pool_words(case))]


def _plan_pool_gradient(case: Case, given: Arrays, cache: str) -> list[Call]:
    arguments = (given["dy"], given["x"], case.kernel)
    return [Call("pool_backward", arguments, _pool_words(case), ("dx",))]


def _conv_words(case: Case) -> dict[str, Any]:
    return {"padding": "same" if case.is_padded else "valid", "stride": case.stride}


def _pool_words(case: Case) -> dict[str, Any]:
    return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}


def _takes_conv(case: Case) -> bool:
    if case.op != "conv" or not is_plain(case):
        return False
    halves = [(size - 1) / 2 for size in case.kernel]
    is_same = set(case.stride) == {1} and [before for before, _ in case.pad] == halves
    return is_same or not case.is_padded


def _takes_pool(case: Case) -> bool:
    return case.op in ("max_pool", "avg_pool") and is_plain(case) and not case.is_padded


def _recognises(names: Names) -> bool:
    words = {word for parameters in names.values() for word in parameters or ()}
    longer = {"conv_backward": 5, "pool_forward": 4, "pool_backward": 4}
    many = any(len(names.get(name) or ()) >= least for name, least in longer.items())
    named = {"conv_forward", "conv_backward", "pool_forward", "pool_backward"} & set(names)
    if {"zero_pad", "conv_single_step", "create_mask_from_window"} & set(names):
        return False
    return bool(named) and (many or bool({"activation", "kernel_shape"} & words))


_DOWN = {"dx": "dA_prev", "dw": "dW"}
CONTRACT = Contract(
    "holberton",
    (
        Function("conv_forward", "conv_forward", _takes_conv, _plan_conv, words={"y": "Z"}),
        Function(
            "conv_backward",
            "conv_backward",
            _takes_conv,
            _plan_conv_gradients,
            form=assignment.form,
            words=_DOWN,
        ),
        Function("pool_forward", "pool_forward", _takes_pool, _plan_pool, words={"y": "A"}),
        Function("pool_backward", "pool_backward", _takes_pool, _plan_pool_gradient, words=_DOWN),
    ),
    _recognises,
)
