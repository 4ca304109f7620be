"""Stanford's CS231n: channels first, layers as functions with a dictionary of settings.

    conv_forward_naive(x, w, b, conv_param)    out, cache    {"stride", "pad"}
    conv_backward_naive(dout, cache)           dx, dw, db
    max_pool_forward_naive(x, pool_param)      out, cache    {"pool_height", "pool_width", "stride"}
    max_pool_backward_naive(dout, cache)       dx

Also without `_naive`, or with `_fast`, `_im2col`, `_strides`.  x is (N, C, H, W), w (F, C, HH, WW),
b (F,); one int stride, one int pad, no pads in pools.
"""

from __future__ import annotations

from typing import Any

from verification.candidates.contracts import (
    Arguments,
    Contract,
    Function,
    has_one_pad,
    is_plain,
    lead_channels,
)
from verification.questions import Arrays, Case

_ENDINGS = ("_im2col", "_strides", "_fast", "")


def _takes(case: Case) -> bool:
    fits = has_one_pad(case) if case.w else case.op == "max_pool" and not case.is_padded
    return fits and is_plain(case) and len(set(case.stride)) == 1


def _conv(case: Case, given: Arrays) -> tuple[Any, ...]:
    param = {"stride": case.stride[0], "pad": case.pad[0][0]}
    return given["x"], given["w"], given["b"], param


def _pool(case: Case, given: Arrays) -> tuple[Any, ...]:
    height, width = case.kernel
    param = {"pool_height": height, "pool_width": width, "stride": case.stride[0]}
    return given["x"], param


def _build_layer(
    name: str, kind: str, layer: Arguments, signature: str, *gradients: str
) -> tuple[Function, ...]:
    def build(way: str, **more: Any) -> Function:
        also = tuple(f"{name}_{way}{ending}" for ending in _ENDINGS)
        more |= {"also": also, "form": lead_channels}
        return Function(f"{name}_{way}_naive", f"{kind}_{way}", _takes, **more)

    words = {"y": "out", "": "cache"}
    forward = build("forward", arguments=layer, words=words, signature=signature)
    words = dict(zip(gradients, gradients))
    return forward, build("backward", words=words, forward=forward, signature="dout, cache")


_FUNCTIONS = (
    *_build_layer("conv", "conv", _conv, "x, w, b, conv_param", "dx", "dw", "db"),
    *_build_layer("max_pool", "pool", _pool, "x, pool_param", "dx"),
)
CONTRACT = Contract("cs231n", _FUNCTIONS, channels_first=True)
