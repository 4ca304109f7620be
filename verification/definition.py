"""Convolution and pooling by definition: bare loops over exact numbers, no NumPy, no torch.

The oracle's oracle.  An array is a dictionary from index to number; a cell that is not in it lies
in padding.  Numbers are Python's: integers without bounds, and for pools also NaN and infinities.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from verification.case import Case, Ints

Numbers = Mapping[Ints, Any]
Answers = dict[str, dict[Ints, Any]]

AFFORDABLE = 4000
"""Multiply-adds up to which a question is small enough for bare loops."""


def answers(case: Case, given: Mapping[str, Numbers]) -> Answers:
    """Every output of the question: y, index, dx, dw, db, as far as it has them."""
    return _ANSWER[case.op](case, given)


def _conv(case: Case, given: Mapping[str, Numbers]) -> Answers:
    x, w, dy = given["x"], given["w"], given["dy"]
    channels, filters = case.w[-2], case.w[-1]
    y, dx, dw, db = {}, dict.fromkeys(x, 0), dict.fromkeys(w, 0), dict.fromkeys(_box([filters]), 0)
    for n, out, k in itertools.product(range(case.x[0]), _box(case.out), range(filters)):
        above = dy[n, *out, k]
        total = given["b"][k,] if case.bias else 0
        first = k // (filters // case.groups) * channels
        for tap, cell in _cells(case, out):
            for c in range(channels):
                here = (n, *cell, first + c)
                if here in x:
                    total += x[here] * w[*tap, c, k]
                    dx[here] += w[*tap, c, k] * above
                    dw[*tap, c, k] += x[here] * above
        y[n, *out, k] = total
        db[k,] += above
    return {"y": y, "dx": dx, "dw": dw} | ({"db": db} if case.bias else {})


def _max_pool(case: Case, given: Mapping[str, Numbers]) -> Answers:
    x, dy = given["x"], given["dy"]
    y, index, dx = {}, {}, dict.fromkeys(x, 0)
    for n, out, c in itertools.product(range(case.x[0]), _box(case.out), range(case.x[-1])):
        inside = [(n, *cell, c) for _, cell in _cells(case, out) if (n, *cell, c) in x]
        winner = inside[0]
        for here in inside[1:]:
            if x[here] > x[winner] or math.isnan(x[here]):
                winner = here
        y[n, *out, c] = x[winner]
        index[n, *out, c] = _number(winner[1:-1], case.space)
        dx[winner] += dy[n, *out, c]
    return {"y": y, "index": index, "dx": dx}


def _avg_pool(case: Case, given: Mapping[str, Numbers]) -> Answers:
    x, dy = given["x"], given["dy"]
    y, dx = {}, dict.fromkeys(x, 0)
    for n, out, c in itertools.product(range(case.x[0]), _box(case.out), range(case.x[-1])):
        cells = [cell for _, cell in _cells(case, out)]
        inside = [(n, *cell, c) for cell in cells if (n, *cell, c) in x]
        padded = [cell for cell in cells if _within_padding(case, cell)]
        divisor = case.divisor_override or len(padded if case.count_include_pad else inside)
        y[n, *out, c] = _quotient(sum(x[here] for here in inside), divisor)
        for here in inside:
            dx[here] += _quotient(dy[n, *out, c], divisor)
    return {"y": y, "dx": dx}


def _zero_pad(case: Case, given: Mapping[str, Numbers]) -> Answers:
    sizes = [before + size + after for size, (before, after) in zip(case.space, case.pad)]
    y = dict.fromkeys(_box([case.x[0], *sizes, case.x[-1]]), 0)
    for (n, *cell, c), value in given["x"].items():
        y[n, *(i + before for i, (before, _) in zip(cell, case.pad)), c] = value
    return {"y": y}


def _conv_single_step(case: Case, given: Mapping[str, Numbers]) -> Answers:
    (bias,) = given["b"].values()
    return {"y": {(): sum(given["x"][at] * given["w"][at] for at in given["x"]) + bias}}


def _create_mask(case: Case, given: Mapping[str, Numbers]) -> Answers:
    x = given["x"]
    winner = next(iter(x))
    for here in x:
        if x[here] > x[winner] or math.isnan(x[here]):
            winner = here
    return {"y": {here: here == winner for here in x}}


def _distribute(case: Case, given: Mapping[str, Numbers]) -> Answers:
    share = _quotient(given["dy"][()], math.prod(case.x))
    return {"y": dict.fromkeys(_box(case.x), share)}


_ANSWER = {
    "conv": _conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "create_mask_from_window": _create_mask,
    "distribute_value": _distribute,
}


def _box(sizes: Iterable[int]) -> Iterator[Ints]:
    """Every index of an array of these sizes, in row-major order."""
    return itertools.product(*map(range, sizes))


def _cells(case: Case, out: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Every kernel position of a window, in row-major order, and the cell that it meets."""
    lines = [windows[o] for windows, o in zip(case.windows, out, strict=True)]
    return zip(_box(case.kernel), itertools.product(*lines), strict=True)


def _within_padding(case: Case, cell: Ints) -> bool:
    sizes = zip(cell, case.space, case.pad, strict=True)
    return all(-before <= i < size + after for i, size, (before, after) in sizes)


def _number(cell: Ints, space: Ints) -> int:
    number = 0
    for i, size in zip(cell, space, strict=True):
        number = number * size + i
    return number


def _quotient(total: int, divisor: int) -> int:
    exact, rest = divmod(total, divisor)
    if rest:
        raise ValueError(f"the fill leaves {total} / {divisor} inexact")
    return exact
