"""npcnn's own contract: the assignment's eight names with every option, and the general face.

`functional.conv2d` and its like are torch's functions and arguments, channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from verification.case import Case, plain_pad
from verification.contracts import (
    Arrays,
    Contract,
    Function,
    Lookup,
    Names,
    Replies,
    assignment,
    conv_words,
    pool_words,
    returned,
    unusual,
)


def _conv(name: str, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    words = unusual(conv_words(case, "padding"))
    return {"y": get(name)(given["x"], given["w"], given.get("b"), **words)}


def _conv_gradients(name: str, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    words = unusual(conv_words(case, "padding"))
    call = get(name)(given["dy"], given["x"], given["w"], **words)
    return dict(zip(("dx", "dw", "db"), returned(call, "dx, dw, db")))


def _max_pool(name: str, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    words = unusual(pool_words(case, "kernel_size", "padding"))
    return dict(
        zip(
            ("y", "index"),
            returned(get(name)(given["x"], **words, return_indices=True), "y, index"),
        )
    )


def _avg_pool(name: str, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get(name)(given["x"], **unusual(pool_words(case, "kernel_size", "padding")))}


def _pool_gradient(name: str, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    words = unusual(pool_words(case, "kernel_size", "padding"))
    return {"dx": get(name)(given["dy"], given["x"], **words)}


def _of_rank(rank: int, op: str) -> Callable[[Case], bool]:
    return lambda case: case.op == op and len(case.space) == rank


def _general() -> list[Function]:
    asks = {"conv": _conv, "max_pool": _max_pool, "avg_pool": _avg_pool}
    functions = []
    for op, rank in ((op, rank) for op in asks for rank in (1, 2, 3)):
        forward, takes = f"functional.{op}{rank}d", _of_rank(rank, op)
        backward = f"{forward}_backward"
        kind = "conv" if op == "conv" else "pool"
        gradient = _conv_gradients if op == "conv" else _pool_gradient
        functions += [
            Function(forward, f"{kind}_forward", takes, partial(asks[op], forward)),
            Function(backward, f"{kind}_backward", takes, partial(gradient, backward)),
        ]
    return functions


def _pad(case: Case) -> Any:
    return plain_pad(case.pad)


def _pool(case: Case) -> Mapping[str, Any]:
    return pool_words(case, "f", "pad")


def _hparameters(case: Case) -> Mapping[str, Any]:
    return conv_words(case, "pad")


def _passes(case: Case) -> bool:
    """Large layers are put to the general face alone, which the passes stand on."""
    return case.check != "scale"


def _recognises(names: Names) -> bool:
    return "functional.conv2d" in names


CONTRACT = Contract(
    "npcnn",
    (
        *assignment.functions(_passes, _pad, _hparameters, _pool),
        *_general(),
    ),
    _recognises,
    bitwise=True,
)
