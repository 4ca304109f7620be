"""The narrower type behind a wrong answer: named where it is one, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from verification import bounds, fills, mistakes, oracle, precision, row
from verification.mistakes import passes
from verification.mistakes.code import Code

CONVS = [
    "conv x=[2,6,7,3] w=[3,2,3,4] stride=[1,2] pad=[[1,0],[0,2]] fill=sparse",
    "conv x=[3,7,5,4] w=[2,3,2,6] groups=2 dilation=[2,1] pad=1 fill=sparse",
    "conv x=[2,9,8] w=[3,8,5] stride=2 pad=1 bias=false fill=sparse",
]
POOLS = [
    "avg_pool x=[2,7,6,3] kernel=[3,2] stride=[1,2] fill=dense",
    "avg_pool x=[3,6,9,2] kernel=[2,3] pad=1 ceil_mode=true count_include_pad=false fill=dense",
    "avg_pool x=[2,7,5,3] kernel=[2,3] stride=1 divisor_override=7 fill=dense",
]
MAXIMA = ["max_pool x=[2,7,6,3] kernel=[3,2] stride=[1,2] pad=[1,0] fill=dense"]
OF_RUN = {
    "float64": ("float16", "bfloat16", "tf32", "float32"),
    "float32": ("float16", "bfloat16", "tf32"),
}
SUSPECTS = [(dtype, kind) for dtype, kinds in OF_RUN.items() for kind in kinds]


def one(line, fill=None):
    (case,) = row.parse(line)
    return replace(case, fill=fill or case.fill)


def questions():
    """Every operation and geometry, on sparse and on dense arrays."""
    return [one(line, fill) for line in CONVS + POOLS + MAXIMA for fill in ("sparse", "dense")]


def ops(case):
    kind = "conv" if case.op == "conv" else "pool"
    return f"{kind}_forward", f"{kind}_backward"


def narrow(given, kind):
    return {name: precision.rounded(a, kind) for name, a in given.items()}


def of_inputs(op, case, given, kind):
    return passes.answers(op, case, narrow(given, kind), Code())


def of_results(op, case, given, kind):
    return narrow(passes.answers(op, case, wide(given), Code()), kind)


def of_both(op, case, given, kind):
    return narrow(of_inputs(op, case, given, kind), kind)


def of_arithmetic(op, case, given, kind):
    """As NumPy has it: what it keeps in float64 stays there."""
    with np.errstate(all="ignore"):
        typed = {name: a.astype(kind) for name, a in given.items()}
    return passes.answers(op, case, typed, Code())


def wide(given):
    return {name: a.astype(np.float64) for name, a in given.items()}


def typed(answers, dtype):
    with np.errstate(over="ignore"):
        return {name: np.asarray(a).astype(dtype) for name, a in answers.items()}


def suspects(op, case, way, dtype, kind, seed=0):
    """What is suspected of answers that went this way through this type."""
    given = fills.arrays(case, seed, dtype)
    truth = oracle.answers(case, wide(given))
    got = typed(way(op, case, given, kind), dtype)
    found = precision.suspects(case, given, got, truth, dtype)
    assert precision.narrowed(case, given, got, truth, dtype) == precision.agreed([found])
    return found


def expected(kind):
    """float16 and tf32 are one within float16's range, and have NumPy's name."""
    return "float16" if kind == "tf32" else kind


@pytest.mark.parametrize(("dtype", "kind"), SUSPECTS)
@pytest.mark.parametrize("way", [of_inputs, of_results, of_both])
def test_the_type_is_named(way, dtype, kind):
    """Forward and backward, sparse and dense, whichever way the answers went through it."""
    named = {
        (op, case.row): precision.agreed([suspects(op, case, way, dtype, kind)])
        for case in questions()
        for op in ops(case)
        if case.op != "max_pool" or op == "pool_forward" or way is not of_results
    }
    assert named == dict.fromkeys(named, expected(kind))
