"""The well-known course assignment: eight functions, channels last.

    zero_pad(X, pad)                                   X padded
    conv_single_step(a_slice_prev, W, b)               one number
    conv_forward(A_prev, W, b, hparameters)            Z, cache = (A_prev, W, b, hparameters)
    conv_backward(dZ, cache)                           dA_prev, dW, db
    create_mask_from_window(x), distribute_value(dz, shape)
    pool_forward(A_prev, hparameters, mode)            A, cache = (A_prev, hparameters)
    pool_backward(dA, cache, mode)                     dA_prev

Two axes; f by f windows, one int stride; one int pad in convolutions, none in pools; b is
(1, 1, 1, n_C), and so is db.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verification.candidates.contracts.contract import (
    Contract,
    Function,
    Layer,
    Names,
    Plan,
    has_one_pad,
    is_plain,
)
from verification.candidates.process import Call
from verification.questions import Array, Arrays, Case

STEP, MASK, SHARE = "conv_single_step", "create_mask_from_window", "distribute_value"
Words = Callable[[Case], Any]


def shape_bias(case: Case, given: Arrays) -> Array | None:
    """b as (1, ..., 1, n_C)."""
    return given["b"].reshape((1,) * (len(case.w) - 1) + (-1,)) if case.bias else None


def form(case: Case, name: str, value: Array) -> Array:
    """db has the shape of b."""
    return value.reshape((1,) * (len(case.w) - 1) + (-1,)) if name == "db" else value


def build_functions(
    expresses: Callable[[Case], bool], pad: Words, conv: Words, pool: Words
) -> tuple[Function, ...]:
    """The eight functions, for the questions that can be expressed, with these hparameters."""

    def takes(*ops: str) -> Callable[[Case], bool]:
        return lambda case: case.op in ops and expresses(case)

    def plan(name: str, arguments: Callable[[Case, Arrays], tuple[Any, ...]]) -> Plan:
        return lambda case, given, cache: [Call(name, arguments(case, given))]

    conv_layer = Layer(
        "conv_forward",
        "conv_backward",
        lambda case, given: (given["x"], given["w"], shape_bias(case, given), conv(case)),
        ("Z, cache", "dA_prev, dW, db"),
    )
    pool_layer = Layer(
        "pool_forward",
        "pool_backward",
        lambda case, given: (given["x"], pool(case)),
        ("A, cache", "dA_prev"),
        ("dx",),
        lambda case: () if case.op == "max_pool" else ("average",),
    )
    pools = takes("max_pool", "avg_pool")
    zero_pad = plan("zero_pad", lambda case, given: (given["x"], pad(case)))
    step = plan(STEP, lambda case, given: (given["x"], given["w"], given["b"]))
    mask = plan(MASK, lambda case, given: (given["x"],))
    share = plan(SHARE, lambda case, given: (given["dy"], case.x))
    return (
        Function("zero_pad", "zero_pad", takes("zero_pad"), zero_pad),
        Function(STEP, STEP, takes(STEP), step),
        Function(
            "conv_forward",
            "conv_forward",
            takes("conv"),
            conv_layer.plan_forward,
            needs=(STEP, "zero_pad"),
            words={"y": "Z"},
        ),
        Function(
            "conv_backward",
            "conv_backward",
            takes("conv"),
            conv_layer.plan_backward,
            needs=("conv_forward", STEP, "zero_pad"),
            has_cache=True,
            form=form,
            words={"dx": "dA_prev", "dw": "dW"},
        ),
        Function(MASK, MASK, takes(MASK), mask),
        Function(SHARE, SHARE, takes(SHARE), share),
        Function("pool_forward", "pool_forward", pools, pool_layer.plan_forward, words={"y": "A"}),
        Function(
            "pool_backward",
            "pool_backward",
            pools,
            pool_layer.plan_backward,
            needs=("pool_forward", MASK, SHARE),
            has_cache=True,
            words={"dx": "dA_prev"},
        ),
    )


def _expresses(case: Case) -> bool:
    if case.op in (MASK, SHARE):
        return len(case.x) == 2 and case.fill != "special"
    if case.op == STEP:
        return len(case.x) == 3 and case.x[0] == case.x[1] and case.b == (1, 1, 1)
    if not has_one_pad(case):
        return False
    if case.op == "zero_pad":
        return len(case.x) == 4 and case.x[0] > 0 and case.fill != "special"
    is_square = len(set(case.kernel)) == 1 and len(set(case.stride)) == 1
    return is_plain(case) and is_square and (case.op == "conv" or not case.is_padded)


FUNCTIONS = build_functions(
    _expresses,
    lambda case: case.pad[0][0],
    lambda case: {"stride": case.stride[0], "pad": case.pad[0][0]},
    lambda case: {"f": case.kernel[0], "stride": case.stride[0]},
)


def _recognises(names: Names) -> bool:
    return any(function.name in names for function in FUNCTIONS)


CONTRACT = Contract("assignment", FUNCTIONS, _recognises)
