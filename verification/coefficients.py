"""The coefficients of a convolution, each known by a code, and wrong ones in words.

y is linear in x, dx and dw are in dy, and each coefficient is one entry of w or of x.  An entry is
known by its code: an odd number from 2n + 1 to 4n - 1 for n entries.  No code is a multiple of
another nor a sum of several, so a tap that is missing, doubled, exchanged with another or added to
it shows, and is told from the others.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.case import Case, Ints

Array = NDArray[Any]

SHARES = 64
"""An entry's share down to this part of it is told as a fraction."""
TIMES = {0.0: "not at all", 1.0: "once", 2.0: "twice"}


@dataclass(frozen=True, eq=False)
class Form:
    """out[i] += by[j] * code[l] for each row (i, j, l) of `rows`; the code "" is a plain 1."""

    out: str
    by: str
    code: str
    rows: Array


def forms(case: Case) -> Iterator[Form]:
    """How every output comes about, y first."""
    y, x, w = np.array(list(_meetings(case)), int).reshape(-1, 3).T
    yield Form("y", "x", "w", np.stack([y, x, w], 1))
    yield Form("dx", "dy", "w", np.stack([x, y, w], 1))
    yield Form("dw", "dy", "x", np.stack([w, y, x], 1))
    if case.bias:
        cells = np.arange(math.prod(case.y))
        yield Form("db", "dy", "", np.stack([cells % case.w[-1], cells, 0 * cells], 1))


def codes(shape: Ints) -> Array:
    """An array whose every entry is known by its value."""
    count = math.prod(shape)
    return (2.0 * (count + np.arange(count)) + 1).reshape(shape)


def largest(shape: Ints) -> int:
    """No code of this shape's is larger."""
    return 4 * math.prod(shape)


def told(out: str, by: str, name: str, got: float, entry: int | None, coded: Array) -> str:
    """A wrong coefficient of `by` in `out`, which should be an entry of the array `name`."""
    if not name:
        want = TIMES[entry is not None]
        return f"{out} adds up {by} {TIMES.get(got, f'{got:g} times')}; it should be {want}"
    if entry is None:
        return f"{out} multiplies {by} by {product(got, None, name, coded)}; it should not read it"
    right = place(name, entry, coded.shape)
    if not got:
        return f"{out} does not read {by}; it should multiply it by {right}"
    return f"{out} multiplies {by} by {product(got, entry, name, coded)}; it should be {right}"


def product(got: float, entry: int | None, name: str, coded: Array) -> str:
    """What a coefficient is made of, as seen from the entry that it should be."""
    known = {float(code): place(name, at, coded.shape) for at, code in enumerate(coded.flat)}
    if not got:
        return "nothing"
    if abs(got) in known:
        return "-" * (got < 0) + known[abs(got)]
    right = 0.0 if entry is None else float(coded.flat[entry])
    for code in [right] if right else known:
        share = Fraction(got / code).limit_denominator(SHARES) if math.isfinite(got) else Fraction()
        if 1 in (abs(share.numerator), share.denominator) and float(share) * code == got:
            return f"{share} {known[code]}"
    if right and got - right in known:
        return f"{known[right]} + {known[got - right]}"
    if right:
        return f"{got:g} where its code is {right:g}"
    return f"{got:g}"


def place(name: str, at: int, shape: Ints) -> str:
    """An entry as NumPy writes it, from its place in row-major order."""
    return f"{name}[{','.join(str(int(i)) for i in np.unravel_index(at, shape))}]"


def _meetings(case: Case) -> Iterator[Ints]:
    """The places in y, x and w of the factors of every product."""
    channels, filters = case.w[-2:]
    each = filters // case.groups
    for n, out, k in itertools.product(range(case.x[0]), np.ndindex(case.out), range(filters)):
        lines = [windows[o] for windows, o in zip(case.windows, out, strict=True)]
        for tap, cell in zip(np.ndindex(case.kernel), itertools.product(*lines), strict=True):
            if all(0 <= i < size for i, size in zip(cell, case.space, strict=True)):
                for c in range(channels):
                    here, entry = (n, *cell, k // each * channels + c), (*tap, c, k)
                    at = zip(((n, *out, k), here, entry), (case.y, case.x, case.w))
                    yield tuple(int(np.ravel_multi_index(*pair)) for pair in at)
