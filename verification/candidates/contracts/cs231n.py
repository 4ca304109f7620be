"""Stanford's CS231n: channels first, layers as functions with a dictionary of settings.

    conv_forward_naive(x, w, b, conv_param)    out, cache    {"stride", "pad"}
    conv_backward_naive(dout, cache)           dx, dw, db
    max_pool_forward_naive(x, pool_param)      out, cache    {"pool_height", "pool_width", "stride"}
    max_pool_backward_naive(dout, cache)       dx

Also without `_naive`, or with `_fast`, `_im2col`, `_strides`; and maxpool_forward.  x is
(N, C, H, W), w (F, C, HH, WW), b (F,); one int stride, one int pad, no pads in pools.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verification.candidates.contracts import (
    Course,
    Function,
    has_one_pad,
    is_plain,
    lead_channels,
)
from verification.questions import Case

_ENDINGS = ("_naive", "_im2col", "_strides", "_fast", "")


def _takes(case: Case) -> bool:
    fits = has_one_pad(case) if case.w else case.op == "max_pool" and not case.is_padded
    return fits and is_plain(case) and len(set(case.stride)) == 1


def _conv(case: Case) -> tuple[Any, ...]:
    return ({"stride": case.stride[0], "pad": case.pad[0][0]},)


def _pool(case: Case) -> tuple[Any, ...]:
    height, width = case.kernel
    return ({"pool_height": height, "pool_width": width, "stride": case.stride[0]},)


def _build_layer(
    name: str, arrays: str, signature: str, rest: Callable[[Case], tuple[Any, ...]]
) -> tuple[Function, Function]:
    op = "conv" if name == "conv" else "pool"

    def build(way: str, *asked: Any, **more: Any) -> Function:
        stems = (name, name.replace("_", ""))
        more["loose"] = tuple(f"{stem}_{way}{end}" for stem in stems for end in _ENDINGS)
        more["form"] = lead_channels
        return Function(f"{name}_{way}_naive", f"{op}_{way}", _takes, *asked, **more)

    forward = build("forward", arrays, signature, {"y": "out", "": "cache"}, rest)
    words = {f"d{array}": f"d{array}" for array in arrays.split()}
    return forward, build("backward", "", "dout, cache", words, forward=forward)


_FUNCTIONS = (
    *_build_layer("conv", "x w b", "x, w, b, conv_param", _conv),
    *_build_layer("max_pool", "x", "x, pool_param", _pool),
)
CONTRACT = Course("cs231n", _FUNCTIONS, "nchw")
