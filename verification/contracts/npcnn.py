"""npcnn's own contract: the eight passes with every option, and the general face under them."""

from __future__ import annotations

from functools import partial
from typing import Any

from verification.case import Case, plain, plain_pad
from verification.contracts import Arrays, Contract, Function, Lookup, Replies, returned


def _zero_pad(get: Lookup, case: Case, given: Arrays) -> Replies:
    return {"y": get("zero_pad")(given["x"], plain_pad(case.pad))}


def _conv_single_step(get: Lookup, case: Case, given: Arrays) -> Replies:
    return {"y": get("conv_single_step")(given["x"], given["w"], given["b"])}


def _conv_forward(get: Lookup, case: Case, given: Arrays) -> Replies:
    bias = given["b"].reshape((1,) * (len(case.w) - 1) + (-1,)) if case.bias else None
    call = get("conv_forward")(given["x"], given["w"], bias, _conv_words(case, "pad"))
    return {"y": returned(call, "Z, cache")[0]}


def _conv_backward(get: Lookup, case: Case, given: Arrays) -> Replies:
    bias = given["b"].reshape((1,) * (len(case.w) - 1) + (-1,)) if case.bias else None
    call = get("conv_forward")(given["x"], given["w"], bias, _conv_words(case, "pad"))
    _, cache = returned(call, "Z, cache")
    dA_prev, dW, db = returned(get("conv_backward")(given["dy"], cache), "dA_prev, dW, db")
    if bias is not None and getattr(db, "shape", None) == bias.shape:
        db = db.reshape(-1)
    return {"dx": dA_prev, "dw": dW, "db": db}


def _create_mask(get: Lookup, case: Case, given: Arrays) -> Replies:
    return {"y": get("create_mask_from_window")(given["x"])}


def _distribute(get: Lookup, case: Case, given: Arrays) -> Replies:
    return {"y": get("distribute_value")(given["dy"], case.x)}


def _pool_forward(get: Lookup, case: Case, given: Arrays) -> Replies:
    call = get("pool_forward")(given["x"], _pool_words(case, "f", "pad"), *_mode(case))
    return {"y": returned(call, "A, cache")[0]}


def _pool_backward(get: Lookup, case: Case, given: Arrays) -> Replies:
    call = get("pool_forward")(given["x"], _pool_words(case, "f", "pad"), *_mode(case))
    _, cache = returned(call, "A, cache")
    return {"dx": get("pool_backward")(given["dy"], cache, *_mode(case))}


def _conv(name: str, get: Lookup, case: Case, given: Arrays) -> Replies:
    words = _unusual(_conv_words(case, "padding"))
    return {"y": get(name)(given["x"], given["w"], given.get("b"), **words)}


def _conv_gradients(name: str, get: Lookup, case: Case, given: Arrays) -> Replies:
    words = _unusual(_conv_words(case, "padding"))
    call = get(name)(given["dy"], given["x"], given["w"], **words)
    dx, dw, db = returned(call, "dx, dw, db")
    return {"dx": dx, "dw": dw, "db": db}


def _max_pool(name: str, get: Lookup, case: Case, given: Arrays) -> Replies:
    words = _unusual(_pool_words(case, "kernel_size", "padding"))
    y, index = returned(get(name)(given["x"], **words, return_indices=True), "y, index")
    return {"y": y, "index": index}


def _avg_pool(name: str, get: Lookup, case: Case, given: Arrays) -> Replies:
    return {"y": get(name)(given["x"], **_unusual(_pool_words(case, "kernel_size", "padding")))}


def _pool_gradient(name: str, get: Lookup, case: Case, given: Arrays) -> Replies:
    words = _unusual(_pool_words(case, "kernel_size", "padding"))
    return {"dx": get(name)(given["dy"], given["x"], **words)}


def _mode(case: Case) -> tuple[str, ...]:
    return () if case.op == "max_pool" else ("average",)


def _conv_words(case: Case, pad: str) -> dict[str, Any]:
    return {
        "stride": plain(case.stride),
        pad: case.word or plain_pad(case.pad),
        "dilation": plain(case.dilation),
        "groups": case.groups,
    }


def _pool_words(case: Case, kernel: str, pad: str) -> dict[str, Any]:
    words: dict[str, Any] = {
        kernel: plain(case.kernel),
        pad: plain_pad(case.pad),
        "ceil_mode": case.ceil_mode,
    }
    if case.stride != case.kernel:
        words["stride"] = plain(case.stride)
    if case.op == "max_pool":
        return words | {"dilation": plain(case.dilation)}
    counting = {"count_include_pad": case.count_include_pad}
    return words | counting | {"divisor_override": case.divisor_override}


def _unusual(words: dict[str, Any]) -> dict[str, Any]:
    """Without the words that say what holds anyway: so the defaults are asked about too."""
    usual = _DEFAULTS if "kernel_size" in words else _DEFAULTS | {"stride": 1}
    return {name: word for name, word in words.items() if name not in usual or word != usual[name]}


_DEFAULTS: dict[str, Any] = {"padding": 0, "dilation": 1, "groups": 1, "ceil_mode": False}
_DEFAULTS |= {"count_include_pad": True, "divisor_override": None}


def _is(*ops: str) -> Any:
    return lambda case: case.op in ops


def _of_rank(rank: int, op: str) -> Any:
    return lambda case: case.op == op and len(case.space) == rank


def _general() -> list[Function]:
    asks = {"conv": _conv, "max_pool": _max_pool, "avg_pool": _avg_pool}
    functions = []
    for op, rank in ((op, rank) for op in asks for rank in (1, 2, 3)):
        forward, takes = f"functional.{op}{rank}d", _of_rank(rank, op)
        kind = "conv" if op == "conv" else "pool"
        backward = _conv_gradients if op == "conv" else _pool_gradient
        functions += [
            Function(forward, f"{kind}_forward", takes, partial(asks[op], forward)),
            Function(
                f"{forward}_backward",
                f"{kind}_backward",
                takes,
                partial(backward, f"{forward}_backward"),
            ),
        ]
    return functions


CONTRACT = Contract(
    "npcnn",
    (
        Function("zero_pad", "zero_pad", _is("zero_pad"), _zero_pad),
        Function(
            "conv_single_step", "conv_single_step", _is("conv_single_step"), _conv_single_step
        ),
        Function("conv_forward", "conv_forward", _is("conv"), _conv_forward),
        Function("conv_backward", "conv_backward", _is("conv"), _conv_backward),
        Function(
            "create_mask_from_window",
            "create_mask_from_window",
            _is("create_mask_from_window"),
            _create_mask,
        ),
        Function("distribute_value", "distribute_value", _is("distribute_value"), _distribute),
        Function("pool_forward", "pool_forward", _is("max_pool", "avg_pool"), _pool_forward),
        Function("pool_backward", "pool_backward", _is("max_pool", "avg_pool"), _pool_backward),
        *_general(),
    ),
    bitwise=True,
)
