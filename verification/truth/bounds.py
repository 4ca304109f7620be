"""How far a right answer may be from the truth: a bound for every element, before any is computed.

A sum of n products of floating-point numbers, taken in whatever order, differs from the exact one
by at most gamma(n) times the sum of their magnitudes, gamma(n) = n u / (1 - n u) with u the unit
roundoff (N. Higham, Accuracy and Stability of Numerical Algorithms, chapter 3).  n counts the live
products: multiplying and adding zeros rounds nothing.

    conv y      gamma(n + 1) (conv(|x|, |w|) + |b|)
    conv dx dw  gamma(n) times the same gradient of magnitudes, with its own n
    conv db     gamma(n - 1) sum |dy|
    max dx      gamma(m - 1) sum of the |dy| routed to the cell, m of them
    avg y, dx   gamma(n + 1) times the average, or its gradient, of magnitudes

The truth is torch's in float64, within the same bound at u = 2^-53, which is added.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verification.questions import Array, Arrays, Case
from verification.truth import oracle


def bound(case: Case, given: Arrays, dtype: str) -> dict[str, Array]:
    """The bound of every output's elements; those that are not named must be equal."""
    if case.is_exact or case.op not in _ROUNDINGS:
        return {}
    size = {name: np.abs(a.astype(np.float64)) for name, a in given.items()}
    live = {name: np.sign(a) for name, a in size.items()}
    if "b" in live:
        live["b"] = np.zeros_like(live["b"])
    averaged = summed = case
    if case.op == "max_pool":
        size["x"] = live["x"] = given["x"]
    if case.op == "avg_pool":
        divisor = case.divisor_override
        averaged = replace(case, divisor_override=divisor and abs(divisor))
        summed = replace(case, divisor_override=1)
    magnitudes, counts = oracle.answers(averaged, size), oracle.answers(summed, live)
    return {
        name: _limit(counts[name] + n, magnitudes[name], dtype)
        for name, n in _ROUNDINGS[case.op].items()
        if name in counts
    }


def allowance(case: Case, given: Arrays, dtype: str) -> dict[str, Array]:
    """What other right algorithms may be off, where the fill is exact too.

    Transforms (Fourier's, Winograd's) err by a few u |x|2 |w|2 in every element; an average may be
    multiplied by a reciprocal.
    """
    if case.op == "avg_pool":
        return bound(replace(case, fill="sparse"), given, dtype)
    if case.op != "conv":
        return {}
    u = float(np.finfo(dtype).eps) / 2
    size = {name: float(np.linalg.norm(a.astype(np.float64))) for name, a in given.items()}
    bias = size.get("b", 0.0)
    room = {"y": size["x"] * size["w"] + bias, "dx": size["dy"] * size["w"]}
    room |= {"dw": size["x"] * size["dy"], "db": float(np.abs(given["dy"]).sum())}
    return {name: np.full(s, TRANSFORM * u * room[name]) for name, s in case.outputs.items()}


TRANSFORM = 32

_ROUNDINGS = {
    "conv": {"y": 1, "dx": 0, "dw": 0, "db": -1},
    "max_pool": {"dx": -1},
    "avg_pool": {"y": 1, "dx": 1},
    "conv_single_step": {"y": 1},
    "distribute_value": {"y": 1},
}
"""Roundings of an output beside one for each of its live products."""


def _limit(roundings: Array, magnitude: Array, dtype: str) -> Array:
    """One rounding more than counted pays for those of the magnitude itself."""
    n = np.maximum(roundings, 0) + 1
    underflow = n * np.finfo(dtype).smallest_subnormal.astype(np.float64)
    return np.asarray((gamma(n, dtype) + gamma(n, "float64")) * magnitude + underflow)


def gamma(n: Array, dtype: str) -> Array:
    """The relative error of n roundings in this dtype."""
    nu = n * (np.finfo(dtype).eps / 2).astype(np.float64)
    return np.asarray(nu / (1 - nu))
