"""Gradients against the forward pass, with no gradient's oracle (R. Freivalds' probes).

A convolution is linear in x, in w and in b, and its gradients are the adjoint maps:

    <dy, conv(x', w) - b> = <x', dx>      <dy, conv(x, w') - b> = <w', dw>
    <dy, conv(x, w) with b' - with b> = <b' - b, db>

for whatever x', w', b': fresh numbers that the gradients were not computed from.  A pool's y is a
sum of the cells that it reads, so <dy, y> = <x, dx>; an average is linear, and a maximum goes with
every increasing map of x.  Inner products are taken modulo 2^64, so none is rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import fills
from verification.asking import Arrays, Ask
from verification.case import Case

Array = NDArray[Any]
PROBES = 2
FRESH = 7_000_000
"""Seeds of probes lie beyond those that people choose."""


def sentences(case: Case, given: Arrays, forward: Ask, backward: Ask) -> Iterator[str]:
    """Where the gradients are not the adjoint of the forward pass."""
    gradients = backward(case, given)
    pairs = _of_conv if case.op == "conv" else _of_pool
    for probe in range(PROBES):
        fresh = fills.arrays(case, FRESH + probe, str(given["x"].dtype))
        for name, moved, probed in pairs(case, given, fresh, forward):
            ours, theirs = inner(given["dy"], moved), inner(probed, gradients[name])
            if ours != theirs:
                x = name.removeprefix("d")
                yield (
                    f"{name} is not the adjoint of y by {x}: with other {x}, <dy, y> = {ours} "
                    f"but <{x}, {name}> = {theirs}, modulo 2^64"
                )


def _of_conv(
    case: Case, given: Arrays, fresh: Arrays, forward: Ask
) -> Iterator[tuple[str, Array, Array]]:
    for name in ("x", "w"):
        still = {**given, "b": given["b"] * 0} if case.bias else given
        yield f"d{name}", forward(case, {**still, name: fresh[name]})["y"], fresh[name]
    if case.bias:
        y, moved = (forward(case, {**given, "b": b})["y"] for b in (given["b"], fresh["b"]))
        yield "db", moved - y, fresh["b"] - given["b"]


def _of_pool(
    case: Case, given: Arrays, fresh: Arrays, forward: Ask
) -> Iterator[tuple[str, Array, Array]]:
    x = fresh["x"] if case.op == "avg_pool" else 3 * given["x"] + fresh["x"].flat[0]
    yield "dx", forward(case, {**given, "x": x})["y"], x


def inner(a: Array, b: Array) -> int:
    """The sum of products, modulo 2^64 and around zero."""
    return int((_whole(a) * _whole(b)).sum(dtype=np.uint64).astype(np.int64))


def _whole(a: Array) -> Array:
    """Whole numbers modulo 2^64; what is none, or no number, becomes one that fits nothing."""
    wide = np.asarray(a, np.float64)
    odd = ~(np.isfinite(wide) & (wide == np.rint(wide)) & (np.abs(wide) < 2.0**62))
    return np.where(odd, 2**61 + 1, wide).astype(np.int64).astype(np.uint64)
