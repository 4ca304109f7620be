"""A row: a question as a table of a case file, or as a line of text, read and checked.

A row names the shapes, and the settings that are not the usual ones.  `each` makes a grid, the
product of its lists; `fill` names one fill or several, each a question of its own, or else the
operation's usual ones are asked.  What nothing reads is an error, and so is a question that no
oracle may be asked.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from verification.case import Case, CaseError, Ints, Pairs

USUAL = {
    "conv": ("integers", "sparse"),
    "max_pool": ("ties", "permutation", "dense"),
    "avg_pool": ("integers", "dense"),
    "zero_pad": ("integers", "dense", "special"),
    "conv_single_step": ("integers", "sparse"),
    "create_mask_from_window": ("ties", "permutation", "dense", "special"),
    "distribute_value": ("integers", "dense"),
}
_SIMPLE = ("digits", "units")
ON_REQUEST = {
    "conv": ("dense", "wide", "special", *_SIMPLE),
    "max_pool": ("special",),
    "avg_pool": _SIMPLE,
    "conv_single_step": _SIMPLE,
}
ON_THE_LINE = "row"
"""The name of a question that came as a line."""
DTYPES = ("", "float16", "float32", "float64")
_MOVES = {"pad", "shift", "stride", "batch", "channels", "transpose"}
CHECKS = {
    "conv": _MOVES | {"linear", "dilation", "groups", "flip", "adjoint", "taps", "scale"},
    "max_pool": _MOVES | {"monotone", "flip", "dilation", "adjoint", "cells"},
    "avg_pool": _MOVES | {"linear", "flip", "adjoint", "cells"},
}
"""Ways to judge answers without an oracle's."""
_SHOWN = {
    "conv": ("digits", "units"),
    "max_pool": ("permutation",),
    "avg_pool": ("digits", "units"),
}
"""Fills for which what a check says holds exactly, the usual one first."""
LAYOUTS = ("C", "F", "strided", "reversed", "readonly", "broadcast", "swapped")

_SLIDING = {"x", "stride", "pad"}
_POOLING = _SLIDING | {"kernel", "ceil_mode"}
_SETTINGS = {
    "conv": _SLIDING | {"w", "dilation", "groups", "bias"},
    "max_pool": _POOLING | {"dilation"},
    "avg_pool": _POOLING | {"count_include_pad", "divisor_override"},
    "zero_pad": {"x", "pad"},
    "conv_single_step": {"x", "b"},
    "create_mask_from_window": {"x"},
    "distribute_value": {"x"},
}
_ABOUT = {"id", "fill", "layout", "dtype", "check", "live", "why"}
_AS_GIVEN = {"groups", "bias", "ceil_mode", "count_include_pad", "divisor_override"}
_AS_GIVEN |= {"layout", "dtype", "check", "live", "why"}
_KINDS: dict[str, type] = dict.fromkeys(("x", "w", "b"), list)
_KINDS |= dict.fromkeys(("bias", "ceil_mode", "count_include_pad"), bool)
_KINDS |= dict.fromkeys(("id", "layout", "dtype", "check", "why"), str)
_KINDS |= {"groups": int, "divisor_override": int, "live": float}


def cases(op: str, row: Mapping[str, Any]) -> list[Case]:
    """The questions of a row."""
    if op not in _SETTINGS:
        raise CaseError(f"unknown operation {op!r}, known are {', '.join(_SETTINGS)}")
    return [_asked(_case(op, fill, single)) for single in _grid(row) for fill in _fills(op, single)]


def parse(line: str) -> list[Case]:
    """The questions of a line: `conv x=[1,4,4,1] w=[2,2,1,1] stride=2 fill=integers`."""
    op, *words = line.split() or [""]
    quoted = [re.sub(r"=(?!true$|false$)([A-Za-z][\w-]*)$", r'="\1"', word) for word in words]
    try:
        row = tomllib.loads("\n".join(quoted))
        if row.keys() & {"id", "each", "why"}:
            raise CaseError("a line has no id, no grid and no reason")
        return cases(op, {"id": ON_THE_LINE, **row})
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{line!r} is no question: {error}") from error


def _grid(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    grid = row.get("each", {})
    if "each" in row and not (isinstance(grid, dict) and grid and all(grid.values())):
        raise CaseError(f"each must hold lists, and none of them empty, got {grid}")
    if grid.keys() & row.keys() or "id" in grid:
        raise CaseError(f"each must not hold what the row holds too, got {sorted(grid)}")
    for number, values in enumerate(itertools.product(*grid.values())):
        single = {key: value for key, value in row.items() if key != "each"}
        single |= dict(zip(grid, values, strict=True))
        yield single | {"id": f"{row['id']}-{number}"} if grid else single


def _fills(op: str, row: Mapping[str, Any]) -> list[str]:
    usual = _SHOWN.get(op, ())[:1] if row.get("check") else USUAL[op]
    fills = row.get("fill", list(usual))
    fills = [fills] if isinstance(fills, str) else fills
    unknown = set(fills) - {*USUAL[op], *ON_REQUEST.get(op, ())}
    if unknown or not fills:
        raise CaseError(f"{op} has no fill {sorted(unknown)}")
    return fills


def _case(op: str, fill: str, row: Mapping[str, Any]) -> Case:
    _typed(op, row)
    about = {key: row[key] for key in _AS_GIVEN & row.keys()}
    x, w, b = (tuple(row.get(name, ())) for name in ("x", "w", "b"))
    rank = len(x) - 2
    if "pad" in _SETTINGS[op] and (rank not in (1, 2, 3) or len(w) not in (0, len(x))):
        raise CaseError(f"x={x} and w={w} must have one to three spatial axes, both as many")
    if "stride" not in _SETTINGS[op]:
        pad = _pairs(row["pad"], rank) if "pad" in row else ()
        return Case(row["id"], op, fill, x, b=b, pad=pad, **about)
    kernel = w[:-2] if op == "conv" else _sizes(row["kernel"], rank)
    dilation = _sizes(row.get("dilation", 1), rank)
    stride = _sizes(row.get("stride", 1 if op == "conv" else list(kernel)), rank)
    given = row.get("pad", 0)
    word = given if isinstance(given, str) else ""
    pad = _totals(word, kernel, dilation) if word else _pairs(given, rank)
    return Case(row["id"], op, fill, x, w, b, kernel, stride, dilation, pad, word, **about)


def _typed(op: str, row: Mapping[str, Any]) -> None:
    unknown = row.keys() - _SETTINGS[op] - _ABOUT
    if unknown:
        raise CaseError(f"unknown keys {sorted(unknown)}")
    needed = {"x", "w", "kernel", "b"} | ({"pad"} if op == "zero_pad" else set())
    missing = (needed & _SETTINGS[op]) - row.keys()
    if missing:
        raise CaseError(f"missing keys {sorted(missing)}")
    for key, kind in _KINDS.items():
        if key in row and type(row[key]) is not kind:
            raise CaseError(f"{key} must be of type {kind.__name__}, got {row[key]!r}")


def _asked(case: Case) -> Case:
    """The case, if it is one that an oracle may be asked."""
    sizes = case.x[1:] + case.w + case.b + case.kernel + case.stride + case.dilation
    least = 0 if "pad" in _SETTINGS[case.op] and not case.check else 1  # a batch may be empty
    if not all(type(size) is int for size in case.x + sizes) or min(*sizes, case.groups, 1) < 1:
        raise CaseError(f"sizes must be ints of at least 1, got {case.row}")
    if case.x[0] < least or any(size < 0 for pair in case.pad for size in pair):
        raise CaseError(f"a batch must be at least {least} and a pad at least 0, got {case.row}")
    if case.divisor_override == 0:
        raise CaseError("divisor_override must not be 0")
    if case.layout not in LAYOUTS:
        raise CaseError(f"unknown layout {case.layout!r}, known are {', '.join(LAYOUTS)}")
    if case.dtype not in DTYPES:
        raise CaseError(f"unknown dtype {case.dtype!r}, known are {', '.join(DTYPES[1:])}")
    if case.dtype == "float16" and not case.is_exact:
        raise CaseError(f"float16 is asked with whole numbers alone, not with {case.fill}")
    if case.check and (case.op, case.dtype) == ("conv", "float16"):
        raise CaseError("the checks of a convolution need sums that float16 would round")
    if case.check and case.check not in CHECKS.get(case.op, ()):
        known = ", ".join(sorted(CHECKS.get(case.op, ())))
        raise CaseError(f"{case.op} has no check {case.check!r}, known are {known}")
    if case.check and case.fill not in _shown(case):
        known = ", ".join(_shown(case))
        raise CaseError(f"the check {case.check!r} holds of {known} alone, not of {case.fill}")
    if case.word == "same" and set(case.stride) != {1}:
        raise CaseError(f'pad "same" asks for stride 1, got {case.stride}')
    if case.w and (case.w[-2] * case.groups != case.x[-1] or case.w[-1] % case.groups):
        raise CaseError(f"groups={case.groups} do not fit x={case.x} and w={case.w}")
    if case.kernel and min(case.out) < 1:
        raise CaseError(f"no window fits: kernel={case.kernel}, x={case.x}, pad={case.pad}")
    if case.kernel and not case.w:
        _pooled(case)
    return case


def _shown(case: Case) -> tuple[str, ...]:
    odd = ("special",) if (case.op, case.check) == ("max_pool", "cells") else ()
    return (*_SHOWN[case.op], *odd)


def _pooled(case: Case) -> None:
    for size, windows in zip(case.space, case.windows, strict=True):
        if not all(any(0 <= cell < size for cell in window) for window in windows):
            raise CaseError(f"a window lies wholly in padding: pad={case.pad}")
    if case.fill == "special" and case.needs_padding:
        raise CaseError("torch cannot tell a -inf of the input from one that we pad with")


def _sizes(value: Any, rank: int) -> Ints:
    sizes = tuple(value) if isinstance(value, list) else (value,) * rank
    if len(sizes) != rank or not all(type(size) is int for size in sizes):
        raise CaseError(f"{value!r} is not an int, nor one for each of {rank} axes")
    return sizes


def _pairs(pad: Any, rank: int) -> Pairs:
    if isinstance(pad, list) and any(isinstance(pair, list) for pair in pad):
        pairs = tuple((before, after) for before, after in pad)
        if len(pairs) != rank:
            raise CaseError(f"{pad!r} is not a pair for each of {rank} axes")
        return pairs
    return tuple((size, size) for size in _sizes(pad, rank))


def _totals(word: str, kernel: Ints, dilation: Ints) -> Pairs:
    """The pads that a word stands for: of an odd total, the extra cell comes after."""
    if word not in ("same", "valid"):
        raise CaseError(f"unknown pad {word!r}")
    totals = [step * (size - 1) * (word == "same") for size, step in zip(kernel, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)
