"""The proof by spikes: every coefficient of a stranger's layer at one geometry, with ==.

One cell of x is put up at a time, and one number of dy; every other factor is known by its code, an
odd number that is no sum or multiple of others, so a tap that is missing, doubled, or exchanged
with another shows, and is told from them.  Of max pools the spike is the only number that stands
out from all different negative ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from verification.questions import Array, Arrays, Case, Ints, shapes
from verification.truth import oracle

Ask = Callable[[Case, Arrays], Arrays]
SPIKE = 840.0
"""Every small divisor divides it."""
CODES = {"y": "w", "dx": "w", "dw": "x"}
"""The array whose entries are a convolution's coefficients."""


def prove(case: Case, ask: Ask, dtype: str, is_gradient: bool) -> list[str]:
    """The first coefficient of every output that is not as it should be, in words."""
    wrong: dict[str, str] = {}
    by = "dy" if is_gradient and case.op != "max_pool" else "x"
    base = {name: a.astype(dtype) for name, a in _lay_codes(case, by).items()}
    still = oracle.answers(case, base)
    for at in np.ndindex(base[by].shape):
        given = {name: a.copy() for name, a in base.items()}
        given[by][at] = math.nan if case.fill == "special" else SPIKE
        want = oracle.answers(case, given)
        for out, got in ask(case, given).items():
            differing = (got != want[out]) & ~(np.isnan(got) & np.isnan(want[out]))
            if out not in wrong and differing.any():
                place = tuple(map(int, np.argwhere(differing)[0]))
                moved = [(a - still[out])[place] / SPIKE for a in (got, want[out])]
                names = [_name(case, out, float(value), base) for value in moved]
                wrong[out] = (
                    f"{_index(out, place)} takes {names[0]} times {_index(by, at)}, "
                    f"it should take {names[1]}"
                    if case.w
                    else f"{_index(out, place)} is {got[place]:g}, it should be "
                    f"{want[out][place]:g}, where {_index(by, at)} stands out"
                )
    return list(wrong.values())


def _lay_codes(case: Case, by: str) -> dict[str, Array]:
    """Every array as codes, but for the one that spikes are put into."""
    given = {name: _encode(shape) for name, shape in shapes(case).items()}
    if case.op == "max_pool":
        given["x"] = -given["x"]  # all different, and below every spike
    elif by == "x":
        given["dy"] *= 0
    if case.op != "max_pool":
        given[by] *= 0
    return given


def _encode(shape: Ints) -> Array:
    """Odd numbers, none a sum or a multiple of others."""
    count = math.prod(shape)
    return (2.0 * (count + np.arange(count)) + 1).reshape(shape)


def _name(case: Case, out: str, value: float, base: Arrays) -> str:
    """The entry that a coefficient is, or its number."""
    coded = base.get(CODES.get(out, ""), np.zeros(0))
    for sign in (1, -1):
        places = np.argwhere(coded == sign * value)
        if value and len(places):
            return "-" * (sign < 0) + _index(CODES[out], tuple(map(int, places[0])))
    return f"{value:g}"


def _index(name: str, at: Ints) -> str:
    return f"{name}[{','.join(map(str, at))}]"
