"""What stands in the arrays: pure functions of the question, the seed and the dtype.

    integers     uniform in [-R, R], R as large as a certificate on these very arrays allows: every
                 sum of every output stays below 2^24 (float32) or 2^53 (float64), so it is exact
                 in any order.  By Hoelder, sum |x w| <= max |x| * sum |w|.
                 For averages they are multiples of every divisor, so the quotients are exact too.
    sparse       full significands, |v| in [2^-6, 2^6), thinned to about 16 live products a sum
    wide         as sparse, x 2^24 times smaller, w and dy as much larger: beyond float16
    dense        N(0, 1)
    ties         x in {-2, -1, 0}: maxima tie, and none is above the zeros of a wrong padding
    permutation  x all different and negative
    digits       integers of one digit, and for averages multiples of every divisor
    units        zeros and ones, for averages too
    near         x all different, each the next number to another: for maxima that compare closely
    whole        x integers of an integer dtype, the others N(0, 1): what people call arrays by hand
    special      x a permutation with NaN, infinities and both zeros among it; of max pools dy too

Where a fill speaks of x alone, the other arrays hold integers.
"""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np

from verification.questions.case import SUMMED, Array, Arrays, Case, CaseError, Ints

LIMIT = {"float16": 2.0**11, "float32": 2.0**24, "float64": 2.0**53}
WIDER = 2.0**15  # of float16 convolutions, whose sums are taken in float32 and rounded once
LIVE, FEW, WIDE = 16, 32, 24


def arrays(case: Case, seed: int, dtype: str) -> dict[str, Array]:
    """x, w, b and dy, as far as the question has them, in its own dtype where it has one.

    CaseError where numbers of a fill whose sums must be exact leave some sum above the limit.
    """
    dtype = case.dtype or dtype
    digest = hashlib.sha256(f"{seed} {dtype} {case.row}".encode()).digest()
    filled = _draw(case, np.random.default_rng(int.from_bytes(digest[:8], "little")))
    if case.layout == "broadcast":  # one image in memory
        filled = {name: np.repeat(a[:1], len(a), 0) if a.ndim else a for name, a in filled.items()}
    if case.fill in SUMMED:
        limit = WIDER if (case.op, dtype) == ("conv", "float16") else LIMIT[dtype]
        filled = _make_exact(case, filled, limit)
    if case.fill == "near":
        filled["x"] = -1 + (filled["x"] + 1) * np.finfo(dtype).eps
    kinds = {"x": "int64"} if case.fill == "whole" else {}
    return {name: np.asarray(a, kinds.get(name, dtype)) for name, a in filled.items()}


def shapes(case: Case) -> dict[str, Ints]:
    """The shapes of the arrays that a question needs."""
    if case.op == "conv":
        bias = {"b": case.w[-1:]} if case.bias else {}
        return {"x": case.x, "w": case.w, **bias, "dy": case.y}
    if case.op == "conv_single_step":
        return {"x": case.x, "w": case.x, "b": case.b}
    if case.op == "distribute_value":
        return {"dy": ()}
    return {"x": case.x, "dy": case.y} if case.kernel else {"x": case.x}


def divisors(case: Case) -> Array:
    """(*out): what an average divides each window's sum by."""
    if case.op == "distribute_value":
        return np.array(math.prod(case.x))
    lines = []
    for windows, size, (_, after) in zip(case.windows, case.space, case.pad, strict=True):
        first, end = (-math.inf, size + after) if case.count_include_pad else (0, size)
        lines.append([sum(first <= cell < end for cell in window) for window in windows])
    counted: Array = functools.reduce(np.multiply.outer, map(np.array, lines))
    return counted if case.divisor_override is None else np.full(case.out, case.divisor_override)


def _make_exact(case: Case, drawn: Arrays, limit: float) -> dict[str, Array]:
    """Multiples of every divisor; integers as large as no sum of these very numbers minds."""
    step = 1
    if case.op in ("avg_pool", "distribute_value"):
        step = math.lcm(*(abs(int(d)) for d in divisors(case).flat))
    filled = {name: step * a for name, a in drawn.items()}
    top = int(math.sqrt(limit)) if case.fill == "integers" else 1
    while top:
        if case.fill == "integers":
            filled = {name: step * (np.floor(a * (2 * top + 1)) - top) for name, a in drawn.items()}
        most = _bound_sums(case, filled)
        if most <= limit:
            return filled
        top = min(top - 1, max(1, int(top * min(0.99, math.sqrt(limit / most)))))
    raise CaseError(f"{case.fill} are not exact for {case.row} below {limit:.0f}")


def _bound_sums(case: Case, filled: Arrays) -> float:
    """No sum of any output, nor any part of one, is larger than this."""
    size = {name: np.abs(a) for name, a in filled.items()}
    top = {name: float(a.max(initial=0)) for name, a in size.items()}
    if case.op == "conv_single_step":
        return float((size["x"] * size["w"]).sum() + top["b"])
    if case.op != "conv":
        return math.prod(case.kernel) * max(top.values())
    y = top["x"] * _sum_most(size["w"], -1) + top.get("b", 0)
    dx = top["dy"] * _sum_most(size["w"], -2)
    return max(y, dx, max(top["x"], 1) * _sum_most(size["dy"], -1))


def _sum_most(a: Array, axis: int) -> float:
    """The largest sum along all axes but one."""
    lines = np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis])
    return float(lines.sum(axis=0).max(initial=0))


def _draw(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    """Every array as its fill has it, before any sum is looked at."""
    if case.fill in ("sparse", "wide"):
        return _draw_sparse(case, rng)
    filled: dict[str, Array] = {}
    for name, shape in shapes(case).items():
        if case.fill == "integers":  # in [0, 1), to be scaled
            filled[name] = rng.random(shape)
        elif case.fill == "units":
            filled[name] = rng.integers(0, 2, shape)
        elif case.fill in ("dense", "whole") and (case.fill, name) != ("whole", "x"):
            filled[name] = rng.standard_normal(shape)
        else:
            # no zero among the digits: an upstream gradient of 0 would hide its cell
            filled[name] = rng.integers(1, 10, shape) * rng.choice([-1, 1], shape)
    if case.fill == "ties":
        filled["x"] = rng.integers(-2, 1, case.x)
    if case.fill in ("permutation", "near", "special"):
        filled["x"] = -1 - rng.permutation(math.prod(case.x)).reshape(case.x)
    if case.fill == "special":
        odd = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0], case.x)
        filled["x"] = np.where(rng.random(case.x) < 0.3, odd, filled["x"])
        if case.op == "max_pool":
            is_odd, odd = rng.random(case.y) < 0.2, rng.choice([math.nan, math.inf], case.y)
            filled["dy"] = np.where(is_odd, odd, filled["dy"])
    return filled


def _draw_sparse(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    """For about LIVE products in each sum of y, dx and dw."""
    density, scale = {}, {}
    if case.op == "conv":
        taps = math.prod(case.kernel)
        lengths = taps * case.w[-2], taps * case.w[-1] // case.groups, math.prod(case.y[:-1])
        y, dx, dw = (1.0 if length <= FEW else LIVE / length for length in lengths)
        density = {"x": math.sqrt(y * dw / dx), "w": math.sqrt(y * dx / dw)}
        density["dy"] = math.sqrt(dx * dw / y)
    if case.fill == "wide":
        scale = {"x": 2.0**-WIDE, "w": 2.0**WIDE, "dy": 2.0**WIDE}
    filled = {}
    for name, shape in shapes(case).items():
        # not 2 ** uniform: the last bits of np.exp2 are the processor's own
        sizes = np.ldexp(1 + rng.random(shape), rng.integers(-6, 6, shape))
        sizes *= rng.choice([-1.0, 1.0], shape) * scale.get(name, 1.0)
        filled[name] = np.where(rng.random(shape) < density.get(name, 1.0), sizes, 0.0)
    return filled
