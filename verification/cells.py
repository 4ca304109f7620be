"""Every cell of every window of a pool, shown one by one.

One cell of each plane stands out, a different one in each: a maximum is that cell's wherever a
window holds it, and nowhere else, and an average over zeros tells how much of it.  Moved over the
whole plane, the cell shows all that a forward pass reads.  A gradient is shown in the same way,
one number above at a time, and then by all of them, as those of overlapping windows add up.  Under
the fill "special" it is NaN that stands out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import asking, fills
from verification.asking import Arrays, Ask
from verification.case import Case, Ints

Array = NDArray[Any]
NAMED = 3
"""Wrong places that are told."""


def sentences(case: Case, given: Arrays, ask: Ask) -> Iterator[str]:
    """Which cells are read, or given a gradient, wrongly."""
    step = math.lcm(*map(abs, map(int, fills.divisors(case).flat))) if case.op == "avg_pool" else 1
    told = 0
    turns = (_shown(case, given, turn, step) for turn in range(_turns(case) + 1))
    arrays, asked = itertools.tee(turns)
    answers = asking.in_turn(ask, ((case, shown) for shown in asked))
    for turn, (shown, answer) in enumerate(zip(arrays, answers)):
        for name, got in answer.items():
            want = _wanted(case, shown, name)
            for at in np.argwhere((got != want) & ~(np.isnan(got) & np.isnan(want)))[
                : NAMED - told
            ]:
                told += 1
                place = ",".join(map(str, at.tolist()))
                number = f"{got[tuple(at)]:g}; it should be {want[tuple(at)]:g}"
                yield f"{name}[{place}] is {number}, {_spoken(case, turn, at.tolist())}"
        if told >= NAMED:
            return


def _turns(case: Case) -> int:
    return max(math.prod(case.space), math.prod(case.out))


def _spoken(case: Case, turn: int, at: list[int]) -> str:
    n, c = at[0], at[-1]
    cell = np.unravel_index(_place(n, c, turn, math.prod(case.space)), case.space)
    window = np.unravel_index(_place(n, c, turn, math.prod(case.out)), case.out)
    here, there = (",".join(str(int(i)) for i in places) for places in (cell, window))
    above = f"at [{n},{there},{c}] alone" if turn < _turns(case) else "everywhere"
    return f"where x stands out at [{n},{here},{c}] and dy {above}"


def _shown(case: Case, given: Arrays, turn: int, step: int) -> dict[str, Array]:
    """One cell of each plane of x above the others, one number of each plane of dy, or all."""
    x, dy = _ground(case, given), np.zeros(case.y)
    odd = case.fill == "special"
    for n, c in itertools.product(range(case.x[0]), range(case.x[-1])):
        for a, space in ((x, case.space), (dy, case.out)):
            cell: Any = np.unravel_index(_place(n, c, turn, math.prod(space)), space)
            a[(n, *cell, c)] = math.nan if odd and a is x else (n + 2 * c + 3) * step
    if turn == _turns(case):
        dy = np.where(np.isfinite(given["dy"]), given["dy"], 1)
    dtype = given["x"].dtype
    return {"x": x.astype(dtype), "dy": dy.astype(dtype)}


def _ground(case: Case, given: Arrays) -> Array:
    """What the cell stands out from: zeros under an average, all negative under a maximum."""
    if case.op == "avg_pool":
        return np.zeros(case.x)
    if case.fill == "special":
        return -1.0 - np.arange(math.prod(case.x)).reshape(case.x)
    return np.array(given["x"], float)


def _place(n: int, c: int, turn: int, count: int) -> int:
    return (turn + 2 * n + 3 * c) % count


def _wanted(case: Case, shown: Arrays, name: str) -> Array:
    """By definition, cell by cell."""
    like = {"y": case.y, "index": case.y, "dx": case.x}[name]
    want, divisors = np.zeros(like), fills.divisors(case) if case.op == "avg_pool" else None
    x, dy = shown["x"], shown["dy"]
    for out in np.ndindex(case.out):
        cells = list(_inside(case, out))
        for n, c in itertools.product(range(case.x[0]), range(case.x[-1])):
            values = [float(x[(n, *cell, c)]) for cell in cells]
            top = int(np.argmax(values))  # NaN is the largest
            if name == "dx":
                share = float(dy[(n, *out, c)]) / (1 if divisors is None else divisors[out])
                for cell in cells if divisors is not None else cells[top : top + 1]:
                    want[(n, *cell, c)] += share
            elif name == "index":
                want[(n, *out, c)] = np.ravel_multi_index(cells[top], case.space)
            else:
                want[(n, *out, c)] = (
                    values[top] if divisors is None else sum(values) / divisors[out]
                )
    return want


def _inside(case: Case, out: Ints) -> Iterator[Ints]:
    """A window's cells of the input, in row order."""
    lines = [windows[o] for windows, o in zip(case.windows, out, strict=True)]
    for cell in itertools.product(*lines):
        if all(0 <= i < size for i, size in zip(cell, case.space, strict=True)):
            yield cell
