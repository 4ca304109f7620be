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
    positive     as dense, but x above zero: for powers of any exponent
    zeros        as positive, with half of x zero, and whole windows of it
    far          as dense, but x far from zero, as seen from its deviation
    constant     as dense, but every other channel of x holds one number throughout

`index` holds places in the windows of an unpooling, and of `ties` few, so that many are equal.
Where a fill speaks of x alone, the other arrays hold integers.
"""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np

from verification.questions.case import ADAPTIVE, SUMMED, Array, Arrays, Case, CaseError, Ints

LIMIT = {"float16": 2.0**11, "float32": 2.0**24, "float64": 2.0**53}
WIDER = 2.0**15  # of float16 convolutions, whose sums are taken in float32 and rounded once
LIVE, FEW, WIDE = 16, 32, 24
NORMAL = ("dense", "whole", "positive", "zeros", "far", "constant")
"""Fills that are N(0, 1) at first."""
LEAST, FAR = 0.25, 30.0


def arrays(case: Case, seed: int, dtype: str) -> dict[str, Array]:
    """x, w, b and dy, as far as the question has them, in its own dtype where it has one.

    CaseError where numbers of a fill whose sums must be exact leave some sum above the limit.
    """
    dtype = case.dtype or dtype
    digest = hashlib.sha256(f"{seed} {dtype} {case.row}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    filled = _draw(case, rng)
    if case.layout == "broadcast":  # one image in memory
        filled = {name: np.repeat(a[:1], len(a), 0) if a.ndim else a for name, a in filled.items()}
    if case.fill in SUMMED:
        limit = WIDER if (case.op, dtype) == ("conv", "float16") else LIMIT[dtype]
        filled = _make_exact(case, filled, limit)
    if case.fill == "near":
        filled["x"] = -1 + (filled["x"] + 1) * np.finfo(dtype).eps
    kinds = {"x": "int64"} if case.fill == "whole" else {}
    if case.op == "max_unpool":
        filled["index"], kinds["index"] = _draw_places(case, rng), "int64"
    return {name: np.asarray(a, kinds.get(name, dtype)) for name, a in filled.items()}


def shapes(case: Case) -> dict[str, Ints]:
    """The shapes of the arrays that a question needs."""
    if case.w:
        bias = {"b": case.y[-1:]} if case.bias else {}
        return {"x": case.x, "w": case.w, **bias, "dy": case.y}
    if case.op == "conv_single_step":
        return {"x": case.x, "w": case.x, "b": case.b}
    if case.op == "distribute_value":
        return {"dy": ()}
    if case.op == "batch_norm":
        names = ["mean", "var"] * (case.running or not case.training)
        names += ["w"] * case.scale + ["b"] * case.bias
        return {"x": case.x, **dict.fromkeys(names, case.x[-1:]), "dy": case.y}
    index = {"index": case.x} if case.op == "max_unpool" else {}
    return {"x": case.x, **index, "dy": case.y} if case.is_pass else {"x": case.x}


def divisors(case: Case) -> Array:
    """(*out): what an average divides each window's sum by."""
    if case.op == "distribute_value":
        return np.array(math.prod(case.x))
    lines = [[*map(len, windows)] for windows in case.windows] if case.op in ADAPTIVE else []
    for windows, size, (_, after) in zip(case.windows, case.space, case.pad):
        first, end = (-math.inf, size + after) if case.count_include_pad else (0, size)
        lines.append([sum(first <= cell < end for cell in window) for window in windows])
    counted: Array = functools.reduce(np.multiply.outer, map(np.array, lines))
    return counted if case.divisor_override is None else np.full(case.out, case.divisor_override)


def _make_exact(case: Case, drawn: Arrays, limit: float) -> dict[str, Array]:
    """Multiples of every divisor; integers as large as no sum of these very numbers minds."""
    step = 1
    if case.op in ("avg_pool", "adaptive_avg_pool", "lp_pool", "distribute_value"):
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
    if case.op in ADAPTIVE:  # of a window, and over the windows of a cell
        return math.prod(max(map(len, w)) + len(w) for w in case.windows) * max(top.values())
    if case.op == "lp_pool":  # a window that hangs over the end counts as a whole one
        return math.prod(case.kernel) ** 2 * max(top.values())
    if not case.w:
        return math.prod(case.kernel) * max(top.values())
    filters, channels = (-1, -2) if case.op == "conv" else (-2, -1)
    y = top["x"] * _sum_most(size["w"], filters) + top.get("b", 0)
    dx = top["dy"] * _sum_most(size["w"], channels)
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
        if name == "index":  # drawn last, of whole numbers that nothing scales
            continue
        if case.fill == "integers":  # in [0, 1), to be scaled
            filled[name] = rng.random(shape)
        elif case.fill == "units":
            filled[name] = rng.integers(0, 2, shape)
        elif case.fill in NORMAL and (case.fill, name) != ("whole", "x"):
            filled[name] = rng.standard_normal(shape)
        else:
            # no zero among the digits: an upstream gradient of 0 would hide its cell
            filled[name] = rng.integers(1, 10, shape) * rng.choice([-1, 1], shape)
    if "x" in filled:
        filled["x"] = _bend(case, filled["x"], rng)
    if "var" in filled:
        filled["var"] = np.abs(filled["var"]) + LEAST
    if (case.fill, case.op) == ("special", "max_pool"):
        is_odd, odd = rng.random(case.y) < 0.2, rng.choice([math.nan, math.inf], case.y)
        filled["dy"] = np.where(is_odd, odd, filled["dy"])
    return filled


def _bend(case: Case, x: Array, rng: np.random.Generator) -> Array:
    """x as its fill alone has it."""
    if case.fill == "ties":
        return rng.integers(-2, 1, case.x)
    if case.fill in ("permutation", "near", "special"):
        x = -1 - rng.permutation(math.prod(case.x)).reshape(case.x)
    if case.fill == "special":
        odd = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0], case.x)
        return np.where(rng.random(case.x) < 0.3, odd, x)
    if case.fill in ("positive", "zeros"):
        x = np.abs(x) + LEAST
    if case.fill == "zeros":
        x = x * (rng.random(case.x) < 0.5)
        x[:, : case.space[0] // 2] = 0
    if case.fill == "constant":
        x[..., ::2] = rng.integers(-9, 10, case.x[-1])[::2]
    return x + FAR if case.fill == "far" else x


def _draw_places(case: Case, rng: np.random.Generator) -> Array:
    """For each cell of x a place in its window on the output; of `ties` anywhere among a few."""
    if case.fill == "ties":
        return rng.integers(0, max(1, math.prod(case.out) // 2), case.x)
    places = np.zeros(case.x, int)
    axes = zip(case.space, case.stride, case.pad, case.kernel, case.out, strict=True)
    for axis, (size, step, (before, _), kernel, out) in enumerate(axes):
        corners = np.arange(size) * step - before
        corners = corners.reshape(-1, *(1,) * (len(case.x) - axis - 2))
        places = places * out + np.clip(corners + rng.integers(0, kernel, case.x), 0, out - 1)
    return places


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
