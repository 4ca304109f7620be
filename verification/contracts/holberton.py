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

from verification.case import Case
from verification.contracts import (
    Arrays,
    Contract,
    Function,
    Lookup,
    Names,
    Replies,
    assignment,
    is_plain,
    returned,
)


def _conv_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    arrays = given["x"], given["w"], assignment.bias(case, given)
    call = get("conv_forward")
    return {"y": call(*arrays, lambda Z: Z, padding=_word(case), stride=case.stride)}


def _conv_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    arrays = given["dy"], given["x"], given["w"], assignment.bias(case, given)
    call = get("conv_backward")(*arrays, padding=_word(case), stride=case.stride)
    return dict(zip(("dx", "dw", "db"), returned(call, "dA_prev, dW, db")))


def _pool_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get("pool_forward")(given["x"], case.kernel, **_pool(case))}


def _pool_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"dx": get("pool_backward")(given["dy"], given["x"], case.kernel, **_pool(case))}


def _pool(case: Case) -> dict[str, Any]:
    return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}


def _word(case: Case) -> str:
    return "same" if any(map(any, case.pad)) else "valid"


def _convolves(case: Case) -> bool:
    if case.op != "conv" or not is_plain(case):
        return False
    halves = [(size - 1) / 2 for size in case.kernel]
    same = set(case.stride) == {1} and [before for before, _ in case.pad] == halves
    return same or not any(map(any, case.pad))


def _pools(case: Case) -> bool:
    padded = any(map(any, case.pad))
    return case.op in ("max_pool", "avg_pool") and is_plain(case) and not padded


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
        Function("conv_forward", "conv_forward", _convolves, _conv_forward, words={"y": "Z"}),
        Function(
            "conv_backward",
            "conv_backward",
            _convolves,
            _conv_backward,
            form=assignment.form,
            words=_DOWN,
        ),
        Function("pool_forward", "pool_forward", _pools, _pool_forward, words={"y": "A"}),
        Function("pool_backward", "pool_backward", _pools, _pool_backward, words=_DOWN),
    ),
    _recognises,
)
