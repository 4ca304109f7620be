"""Stanford's CS231n: channels first, layers as functions with a dictionary of settings.

    conv_forward_naive(x, w, b, conv_param)    out, cache    {"stride", "pad"}
    conv_backward_naive(dout, cache)           dx, dw, db
    max_pool_forward_naive(x, pool_param)      out, cache    {"pool_height", "pool_width", "stride"}
    max_pool_backward_naive(dout, cache)       dx

Also without `_naive`, or with `_fast`, `_im2col`, `_strides`; and maxpool_forward.  x is
(N, C, H, W), w (F, C, HH, WW), b (F,); one int stride, one int pad, no pads in pools.
"""

from __future__ import annotations

from typing import Any

from verification.candidates.contracts import Course, build_course, has_one_pad, is_plain
from verification.candidates.contracts.function import lead_channels
from verification.questions import Case


def _takes(name: str, case: Case) -> bool:
    fits = has_one_pad(case) if case.w else case.op == "max_pool" and not case.is_padded
    return fits and is_plain(case) and len(set(case.stride)) == 1


def _conv(case: Case) -> tuple[Any, ...]:
    return ({"stride": case.stride[0], "pad": case.pad[0][0]},)


def _pool(case: Case) -> tuple[Any, ...]:
    height, width = case.kernel
    return ({"pool_height": height, "pool_width": width, "stride": case.stride[0]},)


_REST = {"conv_forward_naive": _conv, "max_pool_forward_naive": _pool}
_FUNCTIONS = build_course("cs231n", _takes, _REST, {"": lead_channels}, "nchw")
CONTRACT = Course("cs231n", _FUNCTIONS, "nchw")
