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
    channels_first,
    filters_first,
    first,
    is_plain,
    is_single,
    returned,
)

_ENDINGS = ("_naive", "_im2col", "_strides", "_fast", "")


def _conv_layer(case: Case, given: Arrays) -> tuple[Array, Array, Array, dict[str, Any]]:
    param = {"stride": case.stride[0], "pad": case.pad[0][0]}
    return first(given["x"]), filters_first(given["w"]), given["b"], param


def _conv_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    layer = _conv_layer(case, given)
    return {"y": returned(get("conv_forward_naive")(*layer), "out, cache")[0]}


def _conv_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    layer: Any = _conv_layer(case, given)
    if cache == OWN:
        layer = returned(get("conv_forward_naive")(*layer), "out, cache")[1]
    gradients = returned(get("conv_backward_naive")(first(given["dy"]), layer), "dx, dw, db")
    return dict(zip(("dx", "dw", "db"), gradients))


def _pool_layer(case: Case, given: Arrays) -> tuple[Array, dict[str, int]]:
    height, width = case.kernel
    param = {"pool_height": height, "pool_width": width, "stride": case.stride[0]}
    return first(given["x"]), param


def _pool_forward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    layer = _pool_layer(case, given)
    return {"y": returned(get("max_pool_forward_naive")(*layer), "out, cache")[0]}


def _pool_backward(get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    layer: Any = _pool_layer(case, given)
    if cache == OWN:
        layer = returned(get("max_pool_forward_naive")(*layer), "out, cache")[1]
    return {"dx": get("max_pool_backward_naive")(first(given["dy"]), layer)}


def _convolves(case: Case) -> bool:
    one_pad = is_single([size for pair in case.pad for size in pair])
    return case.op == "conv" and is_plain(case) and one_pad and is_single(case.stride)


def _pools(case: Case) -> bool:
    padded = any(map(any, case.pad))
    return case.op == "max_pool" and is_plain(case) and not padded and is_single(case.stride)


def _function(name: str, op: str, takes: Any, ask: Any, caches: tuple[str, ...]) -> Function:
    also = tuple(name + ending for ending in _ENDINGS[1:])
    words = {"y": "out"}
    return Function(
        name + "_naive", op, takes, ask, also, caches=caches, form=channels_first, words=words
    )


_BOTH = (OWN, CANONICAL)
FUNCTIONS = (
    _function("conv_forward", "conv_forward", _convolves, _conv_forward, (OWN,)),
    _function("conv_backward", "conv_backward", _convolves, _conv_backward, _BOTH),
    _function("max_pool_forward", "pool_forward", _pools, _pool_forward, (OWN,)),
    _function("max_pool_backward", "pool_backward", _pools, _pool_backward, _BOTH),
)


def _recognises(names: Names) -> bool:
    own = {name for f in FUNCTIONS for name in (f.name, *f.also)} - {
        "conv_forward",
        "conv_backward",
    }
    words = {word for parameters in names.values() for word in parameters or ()}
    return bool(own & set(names) or {"conv_param", "pool_param"} & words)


CONTRACT = Contract("cs231n", FUNCTIONS, _recognises, channels_first=True)
