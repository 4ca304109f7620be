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

from verification.candidates.contracts import Contract, Function, has_one_pad, is_plain
from verification.questions import Array, Case

STEP, MASK, SHARE = "conv_single_step", "create_mask_from_window", "distribute_value"
SIGNATURES = {
    "zero_pad": "X, pad",
    STEP: "a_slice_prev, W, b",
    "conv_forward": "A_prev, W, b, hparameters",
    "conv_backward": "dZ, cache",
    MASK: "x",
    SHARE: "dz, shape",
    "pool_forward": "A_prev, hparameters, mode='max'",
    "pool_backward": "dA, cache, mode='max'",
}
GRADIENTS = {"dx": "dA_prev", "dw": "dW", "db": "db"}
Settings = Callable[[Case], Any]
Share = Callable[[Array], Any]


def shape_bias(case: Case, name: str, value: Array) -> Array:
    """b and db as (1, ..., 1, n_C)."""
    return value.reshape((1,) * (len(case.w) - 1) + (-1,)) if name in ("b", "db") else value


def build_functions(
    takes: Callable[[Case], bool], pad: Settings, conv: Settings, pool: Settings, share: Share
) -> tuple[Function, ...]:
    """The eight functions: which questions they take, how the settings of each are written, and
    what is shared.
    """

    def build(name: str, **more: Any) -> Function:
        return Function(name, name, takes, signature=SIGNATURES[name], **more)

    conv_forward = build(
        "conv_forward",
        arguments=lambda case, given: (given["x"], given["w"], given.get("b"), conv(case)),
        words={"y": "Z", "": "cache"},
        form=shape_bias,
        needs=(STEP, "zero_pad"),
    )
    pool_forward = build(
        "pool_forward",
        arguments=lambda case, given: (given["x"], pool(case)),
        words={"y": "A", "": "cache"},
        has_mode=True,
    )
    return (
        build("zero_pad", arguments=lambda case, given: (given["x"], pad(case))),
        build(STEP, arguments=lambda case, given: (given["x"], given["w"], given["b"])),
        conv_forward,
        build(
            "conv_backward",
            words=GRADIENTS,
            form=shape_bias,
            needs=("conv_forward", *conv_forward.needs),
            forward=conv_forward,
        ),
        build(MASK, arguments=lambda case, given: (given["x"],)),
        build(SHARE, arguments=lambda case, given: (share(given["dy"]), case.x)),
        pool_forward,
        build(
            "pool_backward",
            words={"dx": "dA_prev"},
            needs=("pool_forward", MASK, SHARE),
            forward=pool_forward,
            has_mode=True,
        ),
    )


def _takes(case: Case) -> bool:
    if case.op in (MASK, SHARE):
        return len(case.x) == 2 and case.fill != "special"
    if case.op == STEP:
        return len(case.x) == 3 and case.x[0] == case.x[1] and case.b == (1, 1, 1)
    if not has_one_pad(case):
        return False
    if case.op == "zero_pad":
        return len(case.x) == 4 and case.x[0] > 0 and case.fill != "special"
    is_square = len(set(case.kernel)) == len(set(case.stride)) == 1
    return is_plain(case) and is_square and (case.op == "conv" or not case.is_padded)


_FUNCTIONS = build_functions(
    _takes,
    pad=lambda case: case.pad[0][0],
    conv=lambda case: {"stride": case.stride[0], "pad": case.pad[0][0]},
    pool=lambda case: {"f": case.kernel[0], "stride": case.stride[0]},
    share=lambda dz: dz.item(),
)
CONTRACT = Contract("assignment", _FUNCTIONS)
