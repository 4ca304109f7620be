"""torch's own functions: channels first, or last with --layout nhwc.

    conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1)               y
    conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1)          dx, dw, db
    max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False)         y
    avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False,
               count_include_pad=True, divisor_override=None)                               y
    max_pool2d_backward(dy, x, kernel_size, ...), avg_pool2d_backward(...)                  dx

and the same with 1d and 3d.  w is (K, C/groups, *kernel), or (*kernel, C/groups, K) channels last.
A size is an int, or a tuple of one for each axis.  A function without one of these parameters is
not asked what needs it, and none is asked for outputs that loops cannot afford.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from verification.case import Case
from verification.contracts import (
    DEFAULTS,
    Arrays,
    Contract,
    Function,
    Lookup,
    Names,
    Replies,
    channels_first,
    conv_words,
    filters_first,
    first,
    is_affordable,
    pool_words,
    returned,
)

_OPS = ("conv", "max_pool", "avg_pool")


def _conv(name: str, layout: Any, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    x, w = layout(given["x"]), layout(given["w"], True)
    return {"y": get(name)(x, w, given.get("b"), **_keywords(case))}


def _conv_gradients(
    name: str, layout: Any, get: Lookup, case: Case, given: Arrays, cache: str
) -> Replies:
    arrays = layout(given["dy"]), layout(given["x"]), layout(given["w"], True)
    call = returned(get(name)(*arrays, **_keywords(case)), "dx, dw, db")
    return {output: value for output, value in zip(("dx", "dw", "db"), call) if value is not None}


def _pool(name: str, layout: Any, get: Lookup, case: Case, given: Arrays, cache: str) -> Replies:
    return {"y": get(name)(layout(given["x"]), **_keywords(case))}


def _pool_gradient(
    name: str, layout: Any, get: Lookup, case: Case, given: Arrays, cache: str
) -> Replies:
    return {"dx": get(name)(layout(given["dy"]), layout(given["x"]), **_keywords(case))}


def _keywords(case: Case) -> dict[str, Any]:
    """The sizes that every such function has, and the settings that are not the usual ones."""
    words = conv_words(case, "padding") if case.w else pool_words(case, "kernel_size", "padding")
    always = {"stride": 1, "padding": 0} if case.w else {"kernel_size": 0, "padding": 0}
    words |= {"padding": _plain([before for before, _ in case.pad])}
    return {
        name: word for name, word in words.items() if name in always or word != DEFAULTS.get(name)
    }


def _plain(sizes: list[int]) -> Any:
    return sizes[0] if len(set(sizes)) == 1 else tuple(sizes)


def _takes(op: str, rank: int) -> Callable[[Case], bool]:
    def takes(case: Case) -> bool:
        sides = all(before == after for before, after in case.pad)
        return case.op == op and len(case.space) == rank and sides and is_affordable(case)

    return takes


def _functions(layout: Any, form: Any) -> tuple[Function, ...]:
    functions = []
    for op, rank in ((op, rank) for op in _OPS for rank in (1, 2, 3)):
        forward = f"{op}{rank}d"
        backward = f"{forward}_backward"
        kind = "conv" if op == "conv" else "pool"
        asks = (_conv, _conv_gradients) if op == "conv" else (_pool, _pool_gradient)
        for name, way, ask in ((forward, "forward", asks[0]), (backward, "backward", asks[1])):
            functions.append(
                Function(
                    name,
                    f"{kind}_{way}",
                    _takes(op, rank),
                    partial(ask, name, layout),
                    keywords=_keywords,
                    form=form,
                )
            )
    return tuple(functions)


def _first(a: Any, weights: bool = False) -> Any:
    return filters_first(a) if weights else first(a)


def _last(a: Any, weights: bool = False) -> Any:
    return a


def _as_it_is(case: Case, name: str, value: Any) -> Any:
    return value


_NCHW, _NHWC = _functions(_first, channels_first), _functions(_last, _as_it_is)


def _recognises(names: Names | Mapping[str, Any]) -> bool:
    return any(function.name in names for function in _NCHW)


CONTRACT = Contract("functional", _NCHW, _recognises, channels_first=True)
NHWC = Contract("functional", _NHWC, _recognises)
