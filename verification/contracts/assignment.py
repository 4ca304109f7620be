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

from collections.abc import Callable, Mapping
from typing import Any

from verification.case import Case
from verification.contracts import (
    CANONICAL,
    OWN,
    Array,
    Arrays,
    Contract,
    Function,
    Lookup,
    Names,
    Replies,
    is_plain,
    is_single,
    returned,
)

Words = Callable[[Case], Mapping[str, Any]]


def bias(case: Case, given: Arrays) -> Array | None:
    """b as (1, ..., 1, n_C)."""
    return given["b"].reshape((1,) * (len(case.w) - 1) + (-1,)) if case.bias else None


def form(case: Case, name: str, value: Array) -> Array:
    """db has the shape of b."""
    return value.reshape((1,) * (len(case.w) - 1) + (-1,)) if name == "db" else value


def mode(case: Case) -> tuple[str, ...]:
    return () if case.op == "max_pool" else ("average",)


def single_step(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get("conv_single_step")(given["x"], given["w"], given["b"])}


def mask(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get("create_mask_from_window")(given["x"])}


def distribute(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get("distribute_value")(given["dy"], case.x)}


def passes(conv: Words, pool: Words) -> tuple[Callable[..., Replies], ...]:
    """The four asks of the two layers, with these hparameters."""

    def conv_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
        call = get("conv_forward")(given["x"], given["w"], bias(case, given), conv(case))
        return {"y": returned(call, "Z, cache")[0]}

    def conv_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
        layer: Any = (given["x"], given["w"], bias(case, given), conv(case))
        if cache == OWN:
            layer = returned(get("conv_forward")(*layer), "Z, cache")[1]
        gradients = returned(get("conv_backward")(given["dy"], layer), "dA_prev, dW, db")
        return dict(zip(("dx", "dw", "db"), gradients))

    def pool_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
        call = get("pool_forward")(given["x"], pool(case), *mode(case))
        return {"y": returned(call, "A, cache")[0]}

    def pool_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
        layer: Any = (given["x"], pool(case))
        if cache == OWN:
            layer = returned(get("pool_forward")(*layer, *mode(case)), "A, cache")[1]
        return {"dx": get("pool_backward")(given["dy"], layer, *mode(case))}

    return conv_forward, conv_backward, pool_forward, pool_backward


def functions(
    expresses: Callable[[Case], bool], pad: Callable[[Case], Any], conv: Words, pool: Words
) -> tuple[Function, ...]:
    """The table: the eight names, for the questions that can be expressed."""

    def zero_pad(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
        return {"y": get("zero_pad")(given["x"], pad(case))}

    def takes(*ops: str) -> Callable[[Case], bool]:
        return lambda case: case.op in ops and expresses(case)

    conv_forward, conv_backward, pool_forward, pool_backward = passes(conv, pool)
    step, window, share = "conv_single_step", "create_mask_from_window", "distribute_value"
    pools, caches = takes("max_pool", "avg_pool"), (OWN, CANONICAL)
    upwards = ("conv_forward", step, "zero_pad")
    downwards = ("pool_forward", window, share)
    return (
        Function("zero_pad", "zero_pad", takes("zero_pad"), zero_pad),
        Function(step, step, takes(step), single_step),
        Function(
            "conv_forward",
            "conv_forward",
            takes("conv"),
            conv_forward,
            needs=upwards[1:],
            words={"y": "Z"},
        ),
        Function(
            "conv_backward",
            "conv_backward",
            takes("conv"),
            conv_backward,
            needs=upwards,
            caches=caches,
            form=form,
            words={"dx": "dA_prev", "dw": "dW"},
        ),
        Function(window, window, takes(window), mask),
        Function(share, share, takes(share), distribute),
        Function("pool_forward", "pool_forward", pools, pool_forward, words={"y": "A"}),
        Function(
            "pool_backward",
            "pool_backward",
            pools,
            pool_backward,
            needs=downwards,
            caches=caches,
            words={"dx": "dA_prev"},
        ),
    )


def _expresses(case: Case) -> bool:
    if case.op in ("create_mask_from_window", "distribute_value"):
        return len(case.x) == 2 and case.fill != "special"
    if case.op == "conv_single_step":
        return len(case.x) == 3 and case.x[0] == case.x[1] and case.b == (1, 1, 1)
    if case.op == "zero_pad":
        return len(case.x) == 4 and case.x[0] > 0 and case.fill != "special" and _one_pad(case)
    return (
        is_plain(case)
        and is_single(case.kernel, case.stride)
        and _one_pad(case)
        and (case.op == "conv" or not any(map(any, case.pad)))
    )


def _one_pad(case: Case) -> bool:
    return len({size for pair in case.pad for size in pair}) == 1


def _conv(case: Case) -> dict[str, Any]:
    return {"stride": case.stride[0], "pad": case.pad[0][0]}


def _pool(case: Case) -> dict[str, Any]:
    return {"f": case.kernel[0], "stride": case.stride[0]}


FUNCTIONS = functions(_expresses, lambda case: case.pad[0][0], _conv, _pool)


def recognises(names: Names) -> bool:
    return any(function.name in names for function in FUNCTIONS)


CONTRACT = Contract("assignment", FUNCTIONS, recognises)
