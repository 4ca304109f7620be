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
    "zero_pad": ("integers", "special"),
    "conv_single_step": ("integers", "sparse"),
    "create_mask_from_window": ("ties", "permutation", "special"),
    "distribute_value": ("integers", "dense"),
}
ON_REQUEST = {"conv": ("dense", "special"), "max_pool": ("special",)}
ON_THE_LINE = "row"
"""The name of a question that came as a line."""
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
_ABOUT = {"id", "fill", "layout", "why"}
_AS_GIVEN = {"groups", "bias", "ceil_mode", "count_include_pad", "divisor_override"}
_AS_GIVEN |= {"layout", "why"}


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
        return cases(op, {"id": ON_THE_LINE, **tomllib.loads("\n".join(quoted))})
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{line!r} is no question: {error}") from error


def _grid(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    grid = row.get("each", {})
    if not all(grid.values()):
        raise CaseError(f"an empty list in {grid}")
    for number, values in enumerate(itertools.product(*grid.values())):
        single = {key: value for key, value in row.items() if key != "each"}
        single |= dict(zip(grid, values, strict=True))
        yield single | {"id": f"{row['id']}-{number}"} if grid else single


def _fills(op: str, row: Mapping[str, Any]) -> list[str]:
    fills = row.get("fill", list(USUAL[op]))
    fills = [fills] if isinstance(fills, str) else fills
    unknown = set(fills) - {*USUAL[op], *ON_REQUEST.get(op, ())}
    if unknown or not fills:
        raise CaseError(f"{op} has no fill {sorted(unknown)}")
    return fills


def _case(op: str, fill: str, row: Mapping[str, Any]) -> Case:
    unknown = row.keys() - _SETTINGS[op] - _ABOUT
    if unknown:
        raise CaseError(f"unknown keys {sorted(unknown)}")
    about = {key: row[key] for key in _AS_GIVEN & row.keys()}
    missing = ({"x", "w", "kernel", "b"} & _SETTINGS[op]) - row.keys()
    if missing:
        raise CaseError(f"missing keys {sorted(missing)}")
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


def _asked(case: Case) -> Case:
    """The case, if it is one that an oracle may be asked."""
    if case.layout not in LAYOUTS:
        raise CaseError(f"unknown layout {case.layout!r}, known are {', '.join(LAYOUTS)}")
    if case.word == "same" and set(case.stride) != {1}:
        raise CaseError(f'pad "same" asks for stride 1, got {case.stride}')
    if case.w and (case.w[-2] * case.groups != case.x[-1] or case.w[-1] % case.groups):
        raise CaseError(f"groups={case.groups} do not fit x={case.x} and w={case.w}")
    if case.kernel and min(case.out) < 1:
        raise CaseError(f"no window fits: kernel={case.kernel}, x={case.x}, pad={case.pad}")
    if case.kernel and not case.w:
        _pooled(case)
    return case


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
