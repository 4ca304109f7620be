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
    special      x a permutation with NaN, infinities and both zeros among it; of max pools dy too

Where a fill speaks of x alone, the other arrays hold integers.
"""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np

from verification.questions.case import Array, Arrays, Case, CaseError, Ints

LIMIT = {"float16": 2.0**11, "float32": 2.0**24, "float64": 2.0**53}
WIDER = 2.0**15  # of float16 convolutions, whose sums are taken in float32 and rounded once
LIVE, FEW, WIDE = 16, 32, 24
SUMMED = ("integers", "digits", "units")  # fills whose every sum is exact, or refused


def arrays(case: Case, seed: int, dtype: str) -> dict[str, Array]:
    """x, w, b and dy, as far as the question has them, in its own dtype where it has one.

    CaseError where numbers of a fill whose sums must be exact leave some sum above the limit.
    """
    dtype = case.dtype or dtype
    digest = hashlib.sha256(f"{seed} {dtype} {case.row}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    limit = WIDER if (case.op, dtype) == ("conv", "float16") else LIMIT[dtype]
    if case.fill == "integers":
        filled = _draw_integers(case, rng, limit)
    else:
        filled = _repeat(case, _DRAW[case.fill](case, rng))
    if case.fill in SUMMED and _bound_sums(case, filled) > limit:
        raise CaseError(f"{case.fill} are not exact for {case.row} below {limit:.0f}")
    return {name: np.asarray(a, dtype) for name, a in filled.items()}


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


def _draw_integers(case: Case, rng: np.random.Generator, limit: float) -> dict[str, Array]:
    """As large as no sum of these very numbers minds."""
    unit = _repeat(case, {name: rng.random(shape) for name, shape in shapes(case).items()})
    step, top = _find_step(case), int(math.sqrt(limit))
    while top:
        filled = {name: step * (np.floor(u * (2 * top + 1)) - top) for name, u in unit.items()}
        most = _bound_sums(case, filled)
        if most <= limit:
            break
        top = min(top - 1, max(1, int(top * min(0.99, math.sqrt(limit / most)))))
    return filled


def _repeat(case: Case, filled: Arrays) -> dict[str, Array]:
    """With every image the first, where the layout has one image in memory."""
    if case.layout != "broadcast":
        return dict(filled)
    return {name: np.repeat(a[:1], len(a), 0) if a.ndim else a for name, a in filled.items()}


def _find_step(case: Case) -> int:
    """What every divisor of an average divides."""
    if case.op not in ("avg_pool", "distribute_value"):
        return 1
    return math.lcm(*(abs(int(d)) for d in divisors(case).flat))


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


def _draw_digits(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    step = _find_step(case)
    return {name: step * a for name, a in _draw_small(case, rng).items()}


def _draw_units(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    step = _find_step(case)
    return {name: step * rng.integers(0, 2, shape) for name, shape in shapes(case).items()}


def _draw_sparse(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    density = _find_densities(case)
    filled = {}
    for name, shape in shapes(case).items():
        # not 2 ** uniform: the last bits of np.exp2 are the processor's own
        sizes = np.ldexp(1 + rng.random(shape), rng.integers(-6, 6, shape))
        sizes *= rng.choice([-1.0, 1.0], shape)
        filled[name] = np.where(rng.random(shape) < density.get(name, 1), sizes, 0.0)
    return filled


def _find_densities(case: Case) -> dict[str, float]:
    """The parts of x, w and dy to keep, for about LIVE products in each sum of y, dx and dw."""
    if case.op != "conv":
        return {}
    taps = math.prod(case.kernel)
    lengths = taps * case.w[-2], taps * case.w[-1] // case.groups, math.prod(case.y[:-1])
    y, dx, dw = (1.0 if length <= FEW else LIVE / length for length in lengths)
    return {"x": math.sqrt(y * dw / dx), "w": math.sqrt(y * dx / dw), "dy": math.sqrt(dx * dw / y)}


def _draw_wide(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    scale = {"x": 2.0**-WIDE, "w": 2.0**WIDE, "dy": 2.0**WIDE}
    return {name: a * scale.get(name, 1.0) for name, a in _draw_sparse(case, rng).items()}


def _draw_dense(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    return {name: rng.standard_normal(shape) for name, shape in shapes(case).items()}


def _draw_ties(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    return _draw_small(case, rng) | {"x": rng.integers(-2, 1, case.x)}


def _draw_permutation(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    cells = math.prod(case.x)
    return _draw_small(case, rng) | {"x": -1 - rng.permutation(cells).reshape(case.x)}


def _draw_special(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    filled = _draw_permutation(case, rng)
    odd = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0], case.x)
    filled["x"] = np.where(rng.random(case.x) < 0.3, odd, filled["x"])
    if case.op == "max_pool":
        is_odd, odd = rng.random(case.y) < 0.2, rng.choice([math.nan, math.inf], case.y)
        filled["dy"] = np.where(is_odd, odd, filled["dy"])
    return filled


def _draw_small(case: Case, rng: np.random.Generator) -> dict[str, Array]:
    """Integers of one digit, none of them zero: an upstream gradient of 0 would hide its cell."""
    return {
        name: rng.integers(1, 10, shape) * rng.choice([-1, 1], shape)
        for name, shape in shapes(case).items()
    }


_DRAW = {
    "digits": _draw_digits,
    "units": _draw_units,
    "sparse": _draw_sparse,
    "wide": _draw_wide,
    "dense": _draw_dense,
    "ties": _draw_ties,
    "permutation": _draw_permutation,
    "special": _draw_special,
}
