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

from verification.candidates.contracts.contract import (
    Contract,
    Function,
    Layer,
    Names,
    form_channels_first,
    has_one_pad,
    is_plain,
    lead_channels,
    lead_filters,
)
from verification.questions import Arrays, Case

_ENDINGS = ("_im2col", "_strides", "_fast", "")


def _conv_arguments(case: Case, given: Arrays) -> tuple[Any, ...]:
    param = {"stride": case.stride[0], "pad": case.pad[0][0]}
    return lead_channels(given["x"]), lead_filters(given["w"]), given["b"], param


def _pool_arguments(case: Case, given: Arrays) -> tuple[Any, ...]:
    height, width = case.kernel
    param = {"pool_height": height, "pool_width": width, "stride": case.stride[0]}
    return lead_channels(given["x"]), param


def _takes_conv(case: Case) -> bool:
    one_stride = len(set(case.stride)) == 1
    return case.op == "conv" and is_plain(case) and has_one_pad(case) and one_stride


def _takes_pool(case: Case) -> bool:
    one_stride = len(set(case.stride)) == 1
    return case.op == "max_pool" and is_plain(case) and not case.is_padded and one_stride


def _build_pair(layer: Layer, op: str, takes: Any) -> tuple[Function, Function]:
    return (
        Function(
            layer.forward,
            f"{op}_forward",
            takes,
            layer.plan_forward,
            _rename(layer.forward),
            form=form_channels_first,
            words={"y": "out"},
        ),
        Function(
            layer.backward,
            f"{op}_backward",
            takes,
            layer.plan_backward,
            _rename(layer.backward),
            has_cache=True,
            form=form_channels_first,
        ),
    )


def _rename(name: str) -> tuple[str, ...]:
    return tuple(name.replace("_naive", ending) for ending in _ENDINGS)


_CONV = Layer(
    "conv_forward_naive",
    "conv_backward_naive",
    _conv_arguments,
    ("out, cache", "dx, dw, db"),
    upstream=lead_channels,
)
_POOL = Layer(
    "max_pool_forward_naive",
    "max_pool_backward_naive",
    _pool_arguments,
    ("out, cache", "dx"),
    ("dx",),
    upstream=lead_channels,
)
FUNCTIONS = (*_build_pair(_CONV, "conv", _takes_conv), *_build_pair(_POOL, "pool", _takes_pool))


def _recognises(names: Names) -> bool:
    own = {name for f in FUNCTIONS for name in (f.name, *f.also)} - {
        "conv_forward",
        "conv_backward",
    }
    words = {word for parameters in names.values() for word in parameters or ()}
    return bool(own & set(names) or {"conv_param", "pool_param"} & words)


CONTRACT = Contract("cs231n", FUNCTIONS, _recognises, channels_first=True)
