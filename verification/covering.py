"""A covering set: few questions, among which every three features occur together.

A feature takes one of a few levels: the kernel is odd, or the pad differs before and after.  Each
row of levels becomes a question: the first, of a few sizes tried in turn, that is as its levels
say.  Sides of the input differ, and no question is too large for the definition.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from verification import row, sizing, triples
from verification.case import Case, CaseError

_POOL = {
    "stride": "one below equal above unequal",
    "pad": "none even lopsided beyond",
    "kernel": "odd even mixed",
    "rank": "1 2 3",
    "layout": "C F other",
    "remainder": "none some",
    "channels": "one several",
    "batch": "one several",
    "ceil": "no yes",
    "dtype": "float32 float64",
}
_FEATURES = {
    "conv": {
        "pad": "none equal unequal lopsided beyond same",
        "kernel": "point odd even mixed",
        "stride": "one below equal above unequal",
        "channels": "one more fewer equal",
        "rank": "1 2 3",
        "dilation": "one two unequal",
        "groups": "one some depthwise",
        "layout": "C F other",
        "remainder": "none some",
        "batch": "one several",
        "bias": "yes no",
        "dtype": "float32 float64",
    },
    "max_pool": _POOL | {"dilation": "one two unequal", "fill": "permutation ties"},
    "avg_pool": _POOL | {"counted": "yes no", "divisor": "cells given"},
}
_IMPOSSIBLE = (
    *(f"rank=1 {feature}=unequal" for feature in ("stride", "pad", "dilation")),
    "rank=1 kernel=mixed",
    "kernel=point stride=below",
    "kernel=point stride=equal",
    "stride=one remainder=some",
    *(f"pad=same stride={level}" for level in ("below", "equal", "above", "unequal")),
    "pad=same remainder=some",
    *(f"channels=one groups={level}" for level in ("some", "depthwise")),
    "channels=fewer groups=depthwise",
)
"""Levels that no question can have together."""
_NARROW = 15
"""Of so many questions of two axes, one is asked in float16 too."""
_MEMORY = ("strided", "reversed", "readonly", "broadcast", "swapped")


def cases() -> list[Case]:
    """The questions, of convolutions and of pools, always the same."""
    return [case for op in _FEATURES for case in _of(op)]


@functools.cache
def _of(op: str) -> Sequence[Case]:
    features = [[f"{name}={each}" for each in few.split()] for name, few in _FEATURES[op].items()]
    impossible = [frozenset(levels.split()) for levels in _IMPOSSIBLE]
    rows = [dict(level.split("=") for level in each) for each in triples.rows(features, impossible)]
    narrow = [levels for levels in rows if levels["rank"] == "2"][::_NARROW]
    rows += [levels | {"dtype": "float16"} for levels in narrow]
    return [_question(op, levels, number) for number, levels in enumerate(rows)]


def _question(op: str, levels: Mapping[str, str], number: int) -> Case:
    about = _about(op, levels, number)
    for sizes in sizing.sizes(op, levels, number):
        case = _asked(op, about | sizes)
        if case is not None and sizing.fits(case):
            return case
    raise CaseError(f"no sizes to try are {levels}")


def _asked(op: str, table: Mapping[str, Any]) -> Case | None:
    with contextlib.suppress(CaseError):  # a pool's window may lie wholly in padding
        return row.cases(op, table)[0]
    return None


def _about(op: str, levels: Mapping[str, str], number: int) -> dict[str, Any]:
    layout = _MEMORY[number % len(_MEMORY)] if levels["layout"] == "other" else levels["layout"]
    name = f"cover-{op.removesuffix('_pool')}-{number}"
    about: dict[str, Any] = {"id": name, "layout": layout, "why": "one of the covering set"}
    if levels["dtype"] != "float64":  # which is the run's own
        about["dtype"] = levels["dtype"]
    if op == "conv":
        return about | {"fill": "integers", "bias": levels["bias"] == "yes"}
    about |= {"ceil_mode": levels["ceil"] == "yes"}
    if op == "max_pool":
        return about | {"fill": levels["fill"]}
    divisor = {"divisor_override": 5 + number % 3} if levels["divisor"] == "given" else {}
    return about | divisor | {"fill": "integers", "count_include_pad": levels["counted"] == "yes"}
