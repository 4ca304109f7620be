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

from verification.candidates.contracts import Course, build_course, has_one_pad, is_plain
from verification.candidates.contracts.function import Form, Function, keep_form
from verification.questions import Array, Case

STEP, MASK, SHARE = "conv_single_step", "create_mask_from_window", "distribute_value"
PASSES = ("conv_forward", "conv_backward", "pool_forward", "pool_backward")
Settings = Callable[[Case], Any]


def shape_bias(case: Case, name: str, value: Array) -> Array:
    """b and db as (1, ..., 1, n_C)."""
    return value.reshape((1,) * (len(case.w) - 1) + (-1,)) if name in ("b", "db") else value


def build_functions(
    takes: Callable[[Case], bool],
    pad: Settings,
    conv: Settings,
    pool: Settings,
    share: Form = keep_form,
) -> tuple[Function, ...]:
    """The eight functions: which questions they take, how the settings of each are written, and
    what is shared.
    """
    rest = {
        "zero_pad": lambda case: (pad(case),),
        "conv_forward": lambda case: (conv(case),),
        "pool_forward": lambda case: (pool(case),),
        SHARE: lambda case: (case.x,),
    }
    forms = dict.fromkeys(PASSES, shape_bias) | {SHARE: share}
    return build_course("assignment", lambda name, case: takes(case), rest, forms)


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
    share=lambda case, name, value: value.item() if name == "dy" else value,
)
CONTRACT = Course("assignment", _FUNCTIONS, "nhwc")
