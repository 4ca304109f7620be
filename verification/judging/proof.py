"""The proof by spikes: every coefficient of a stranger's layer at one geometry, with ==.

First nothing stands out, then one cell at a time, of x or of dy, where planes do not meet one in
each, higher in each example; every other factor is known by its code, an odd number that is no sum
or multiple of others, so a tap that is missing, doubled, or exchanged with another shows, and is
told from them.  Under a max pool the others are all different and negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from verification.questions import MAXIMA, Array, Arrays, Case, Ints, arrays, divisors, shapes
from verification.truth import oracle

Ask = Callable[[Case, Arrays], Arrays]
Write = Callable[[str, Ints], str]
"""A place of an array by its name, in words."""
SPIKE = 64.0
CODES = {"y": "w", "dx": "w", "dw": "x"}
"""The array whose entries are a convolution's coefficients."""


def prove(case: Case, ask: Ask, dtype: str, is_gradient: bool, write: Write) -> list[str]:
    """The first coefficient of every output that is not as it should be, in words.

    `write` names a place of an array as the candidate has it.
    """
    wrong: dict[str, str] = {}
    by = "dy" if is_gradient and case.op not in MAXIMA else "x"
    base = {
        name: a if name == "index" else a.astype(dtype) for name, a in _lay_codes(case, by).items()
    }
    spike = float(np.lcm.reduce(divisors(case).ravel())) if "avg" in case.op else SPIKE
    still = oracle.answers(case, base)

    def put(spikes: Sequence[Ints], share: float = 1) -> tuple[Arrays, Arrays]:
        """What is answered where these cells stand out, in part, and what should be."""
        given = base | {by: base[by].copy()}
        for at in spikes:
            given[by][at] = math.nan if case.fill == "special" else share * spike * (1 + at[0])
        return ask(case, given), oracle.answers(case, given)

    for spikes in _place_spikes(case, by, base[by].shape):
        answers, want = put(spikes)
        for out in answers.keys() - wrong.keys():
            got, right = answers[out], want[out]
            if (place := _find_differing(got, right)) is None:
                continue
            shown = spikes
            for at in spikes if len(spikes) > 1 else ():  # which of them does it
                alone, wanted = put([at])
                if (first := _find_differing(alone[out], wanted[out])) is not None:
                    shown, place, got, right = [at], first, alone[out], wanted[out]
                    break
            cell = " and ".join(write(by, at) for at in shown) or "nothing"
            if case.w and len(shown) == 1:
                height, half = spike * (1 + shown[0][0]), put(shown, 0.5)[0][out]
                changes = (2 * (half - still[out]), got - still[out], right - still[out])
                less, taken, value = (float(change[place] / height) for change in changes)
                takes, should = (_name(out, one, base, write) for one in (taken, value))
                wrong[out] = _say_factor(cell, takes * (less == taken), should)
            else:
                numbers = f"is {got[place]:g}, it should be {right[place]:g}"
                wrong[out] = f"{numbers}, where {cell} stands out"
            wrong[out] = f"{write(out, place)} {wrong[out]}"
        if wrong.keys() == answers.keys():
            break
    return [wrong[out] for out in case.outputs if out in wrong]


def _say_factor(cell: str, takes: str, should: str) -> str:
    """What a cell is multiplied by, if that is a number of ours, and what it should be."""
    if not takes:
        return f"should take {should} times {cell}, and takes something else"
    return f"takes {takes} times {cell}, it should take {should}"


def _find_differing(got: Array, right: Array) -> Ints | None:
    """The first place that is not as it should be."""
    differing = np.argwhere((got != right) & ~(np.isnan(got) & np.isnan(right)))
    return tuple(map(int, differing[0])) if len(differing) else None


def _place_spikes(case: Case, by: str, shape: Ints) -> Iterator[list[Ints]]:
    """Where to put spikes in each call: one in each plane that shares no output with others."""
    yield []
    if case.op == "unfold" or (case.w and by == "dy"):  # dw is a sum over all examples
        yield from ([at] for at in np.ndindex(shape))
        return
    planes = list(np.ndindex(shape[0], 1 if case.w else shape[-1]))
    cells = list(np.ndindex(shape[1:] if case.w else shape[1:-1]))
    for turn in range(len(cells)):
        yield [
            (n, *cells[(turn + 2 * n + 3 * c) % len(cells)], *(() if case.w else (c,)))
            for n, c in planes
        ]


def _lay_codes(case: Case, by: str) -> dict[str, Array]:
    """Every array as codes, but for the one that spikes are put into."""
    given = {name: _encode(shape) for name, shape in shapes(case).items()}
    if "index" in given:
        given["index"] = arrays(case, 0, "float64")["index"]
    if case.op in MAXIMA:
        return given | {"x": -given["x"]}  # all different, and below every spike
    quiet = {"x": ("x", "dy"), "dy": ("dy",)}[by]
    return given | {name: given[name] * 0 for name in quiet}


def _encode(shape: Ints) -> Array:
    """Odd numbers, none a sum or a multiple of others."""
    count = math.prod(shape)
    return (2.0 * (count + np.arange(count)) + 1).reshape(shape)


def _name(out: str, value: float, base: Arrays, write: Write) -> str:
    """The entry that a coefficient is, or its number; "" where that is one of codes alone."""
    coded = base.get(CODES.get(out, ""), np.zeros(0))
    for sign in (1, -1):
        places = np.argwhere(coded == sign * value)
        if value and len(places):
            return "-" * (sign < 0) + write(CODES[out], tuple(map(int, places[0])))
    return f"{value:g}" if out not in CODES or value in (0, 1, -1) else ""
