"""How far a right answer may be from the truth: a bound for every element, before any is computed.

A sum of n products of floating-point numbers, taken in whatever order, differs from the exact one
by at most gamma(n) times the sum of their magnitudes, gamma(n) = n u / (1 - n u) with u the unit
roundoff (N. Higham, Accuracy and Stability of Numerical Algorithms, chapter 3).  n counts the live
products: multiplying and adding zeros rounds nothing.

    conv y      gamma(n + 1) (conv(|x|, |w|) + |b|)
    conv dx dw  gamma(n) times the same gradient of magnitudes, with its own n
    conv db     gamma(n - 1) sum |dy|
    max dx      gamma(m - 1) sum of the |dy| routed to the cell, m of them
    avg y, dx   gamma(n + 1) times the average, or its gradient, of magnitudes; of an adaptive one
                gamma(n + 3), for torch divides along one axis after the other

Transposed convolutions are bounded as their twins, unfolded windows as maxima.  Norms and
normalisation have bounds of their own, by the functions that derive them.

The truth is torch's in float64, within the same bound at u = 2^-53, which is added.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np

from verification.questions import MAXIMA, REAL, Array, Arrays, Case
from verification.truth import oracle


def bound(case: Case, given: Arrays, dtype: str) -> dict[str, Array]:
    """The bound of every output's elements; those that are not named must be equal."""
    if case.op in REAL:
        derive = {"lp_pool": _bound_norm, "batch_norm": _bound_normalised}[case.op]
        wide = {name: a.astype(np.float64) for name, a in given.items()}
        units = [float(np.finfo(kind).eps) / 2 for kind in (dtype, "float64")]
        parts = [derive(case, wide, u) for u in units]
        least = float(np.finfo(dtype).smallest_subnormal)
        return {name: parts[0][name] + parts[1][name] + least for name in parts[0]}
    if case.op not in _ROUNDINGS:
        return {}
    size = {name: np.abs(a.astype(np.float64)) for name, a in given.items()}
    live = {name: np.sign(a) for name, a in size.items()}
    if "b" in live:
        live["b"] = np.zeros_like(live["b"])
    averaged = summed = case
    if case.op in MAXIMA:
        size["x"] = live["x"] = given["x"]
    if case.op == "avg_pool":
        divisor = case.divisor_override
        averaged = replace(case, divisor_override=divisor and abs(divisor))
        summed = replace(case, divisor_override=1)
    magnitudes, counts = oracle.answers(averaged, size), oracle.answers(summed, live)
    if case.op == "adaptive_avg_pool":  # no divisor can be turned off
        reads = [Counter(itertools.chain(*windows)) for windows in case.windows]
        counts["y"] = np.full(case.y, math.prod(max(map(len, w)) for w in case.windows))
        counts["dx"] = np.full(case.x, math.prod(max(read.values()) for read in reads))
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
    if case.op in ("avg_pool", "adaptive_avg_pool", "lp_pool"):
        return bound(case, given, dtype)
    if not case.w:
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
    "conv_transpose": {"y": 1, "dx": 0, "dw": 0, "db": -1},
    "max_pool": {"dx": -1},
    "avg_pool": {"y": 1, "dx": 1},
    "adaptive_max_pool": {"dx": -1},
    "adaptive_avg_pool": {"y": 3, "dx": 3},
    "unfold": {"dx": -1},
    "conv_single_step": {"y": 1},
    "distribute_value": {"y": 1},
}
"""Roundings of an output beside one for each of its live products."""


POWER = 4
"""Roundings that a power may be off: libraries err by some units in the last place."""


def _bound_norm(case: Case, given: Arrays, u: float) -> dict[str, Array]:
    """Of y = s^(1/p) with s the sum of n powers x^p, and of dx, a sum of dy s^(1/p - 1) x^(p - 1).

    A power is off by POWER roundings, and an exponent's own rounding by |log s| more; s is off by
    d = (n + 3 + POWER) u sum |x|^p, times and divided by its window's size.  So the relative error
    of s^q is |q| (d / s + u |log s|) + POWER u, and that of a term of dx the sum of its factors',
    once more for each window that holds the cell.
    """
    p, n = case.norm_type, math.prod(case.kernel)
    size = {"x": np.abs(given["x"]), "dy": np.abs(given["dy"])}
    with np.errstate(all="ignore"):
        whole = oracle.answers(case, size)["y"] ** p
        signed = whole if p % 2 != 1 else np.abs(oracle.answers(case, given)["y"]) ** p
        part = (n + 3 + POWER) * u * np.where(whole > 0, whole / signed, 0)
        part = part + u * np.abs(np.log(np.where(signed > 0, signed, 1)))
    y = (part / p + POWER * u) * signed ** (1 / p)
    slack = part * abs(1 / p - 1) + (2 * POWER + 3 + n) * u
    dx = oracle.answers(case, {"x": size["x"], "dy": size["dy"] * slack})["dx"]
    return {"y": y, "dx": np.abs(dx)}


def _bound_normalised(case: Case, given: Arrays, u: float) -> dict[str, Array]:
    """Of a batch norm over n numbers a channel, with mean m, variance v and s = sqrt(v + eps).

    In training m is off by dm = n u mean|x|, and d = x - m by dm + u (|x| + |m|).  The sum of
    squares about a wrong mean is too large by n dm^2, and rounds n + 3 times: v is off by
    dv = (n + 3) u (v + dm^2) + dm^2.  So 1 / s is off by the share r = dv / (2 (v + eps)) + 3 u,
    and h = d / s by e = (dm + u (|x| + |m|)) / s + r |h|.  With g = dy, a = mean g, c = mean(g h),
    dx = w / s (g - a - h c): a is off by n u mean|g|, c by n u mean|g h| + mean(|g| e), and the
    mean of h, which some formulas keep, by dm / s + n u mean|h|.  Everything is taken twice, for
    products of errors and for other orders of the same formula.
    """
    axes, n = tuple(range(len(case.x) - 1)), max(1, math.prod(case.x[:-1]))
    one = np.ones(case.x[-1])
    x, g, w = given["x"], np.abs(given["dy"]), np.abs(given.get("w", one))
    if case.training:
        m, v, dm = x.mean(axes), x.var(axes), n * u * np.abs(x).mean(axes)
    else:
        m, v, dm = given["mean"], given["var"], 0 * one
    dv = ((n + 3) * u * (v + dm**2) + dm**2) * case.training
    scale, share = 1 / np.sqrt(v + case.eps), dv / (2 * (v + case.eps)) + 3 * u
    h = np.abs(x - m) * scale
    e = (dm + u * (np.abs(x) + np.abs(m))) * scale + share * h
    c = (g * h).sum(axes) / n
    dc = n * u * c + (g * e).sum(axes) / n
    dx = (share + 3 * u) * g
    if case.training:
        a, lean = g.mean(axes), dm * scale + n * u * h.mean(axes)
        dx = dx + (share + 3 * u) * (a + h * c) + n * u * a + h * dc + c * (e + lean)
    b = np.abs(given.get("b", 0 * one))
    limits = {"y": w * e + 2 * u * (w * h + b), "dx": w * scale * dx, "dw": n * dc}
    limits["db"] = n * u * g.sum(axes)
    if "mean" in case.outputs:
        t, wide = case.momentum, max(n, 2) / (max(n, 2) - 1)
        limits["mean"] = t * dm + 4 * u * (np.abs(given["mean"]) + t * np.abs(m))
        limits["var"] = t * wide * dv + 6 * u * (given["var"] + t * wide * v)
    return {name: 2 * limits[name] for name in case.outputs}


def _limit(roundings: Array, magnitude: Array, dtype: str) -> Array:
    """One rounding more than counted pays for those of the magnitude itself."""
    n = np.maximum(roundings, 0) + 1
    underflow = n * np.finfo(dtype).smallest_subnormal.astype(np.float64)
    return np.asarray((gamma(n, dtype) + gamma(n, "float64")) * magnitude + underflow)


def gamma(n: Array, dtype: str) -> Array:
    """The relative error of n roundings in this dtype."""
    nu = n * (np.finfo(dtype).eps / 2).astype(np.float64)
    return np.asarray(nu / (1 - nu))
