"""Gradients judged by the forward pass alone: right ones pass, everything else does not."""

from collections import Counter

import numpy as np
import pytest

from verification import adjoint, fills, mistakes, oracle, row
from verification.mistakes import passes
from verification.mistakes.code import Code

CONV = [
    "x=[3,9,7,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[[1,2],[0,1]] dilation=[1,2]",
    "x=[2,7,8,3] w=[2,3,1,6] groups=3 stride=[1,2] pad=[1,2]",
    "x=[2,8,5,6] w=[2,2,2,9] groups=3 stride=[3,2] pad=[[2,0],[0,0]] bias=false",
    "x=[2,6,9,2] w=[2,4,1,2] groups=2 pad=same dilation=[3,1]",
    "x=[3,9,2] w=[3,2,4] stride=2 pad=[[2,1]]",
    "x=[2,4,6,5,2] w=[2,3,1,2,3] stride=[1,2,3] pad=[[1,0],[0,2],[2,1]]",
]
MAX = [
    "x=[3,7,8,3] kernel=[3,2] stride=[2,1]",
    "x=[3,9,11,3] kernel=[2,3] stride=[4,3] dilation=[2,3] pad=[[1,2],[0,4]]",
    "x=[3,8,6,2] kernel=[2,3] stride=[3,2] pad=[[1,0],[0,2]] ceil_mode=true",
    "x=[3,9,2] kernel=4 stride=3 pad=[[3,0]]",
    "x=[2,4,7,6,2] kernel=[2,3,1] stride=[1,2,3] pad=[[1,0],[0,2],[0,0]]",
]
AVERAGE = [
    "x=[3,7,8,2] kernel=[2,3] stride=[1,2] pad=[[1,0],[2,1]] count_include_pad=false",
    "x=[2,6,9,3] kernel=[3,2] stride=[2,3] pad=1 ceil_mode=true",
    "x=[2,9,3] kernel=4 stride=3 divisor_override=-5",
    "x=[1,4,5,6,2] kernel=[2,3,2] stride=[1,2,3] pad=[1,0,1] count_include_pad=false",
]
LINES = [
    *(f"conv {line} fill=digits" for line in CONV),
    *(f"max_pool {line} fill=permutation" for line in MAX),
    *(f"avg_pool {line} fill=digits" for line in AVERAGE),
]


def one(line):
    (case,) = row.parse(f"{line} check=adjoint")
    return case


def coded(op, code):
    """A function of the catalogue's code."""
    return lambda case, given: {
        name: np.asarray(a) for name, a in passes.answers(op, case, given, code).items()
    }


def said(line, edit=lambda gradients: gradients, dtype="float64", forward=oracle.answers):
    """What is said of the oracle's gradients, edited."""
    case = one(line)
    given = fills.arrays(case, 0, dtype)

    def backward(case, given):
        answers = oracle.answers(case, given)
        return edit({name: answers[name].copy() for name in ("dx", "dw", "db") if name in answers})

    return list(adjoint.sentences(case, given, forward, backward))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", LINES)
def test_right_gradients_are_the_adjoint(line, dtype):
    """Of every geometry, exactly."""
    assert said(line, dtype=dtype) == []


@pytest.mark.parametrize("line", LINES)
def test_gradients_of_another_make_are_too(line):
    """The catalogue's right code, in loops."""
    case = one(line)
    kind = "conv" if case.op == "conv" else "pool"
    forward, backward = (coded(f"{kind}_{way}", Code()) for way in ("forward", "backward"))
    given = fills.arrays(case, 3, "float64")
    assert list(adjoint.sentences(case, given, forward, backward)) == []


@pytest.mark.parametrize("factor", [2, -1, 0, 0.5, 3])
@pytest.mark.parametrize("name", ["dx", "dw", "db"])
def test_a_gradient_in_proportion_is_seen(name, factor):
    """All numbers agree with each other, and with no forward pass."""
    told = said(LINES[0], lambda gradients: {**gradients, name: gradients[name] * factor})
    assert {name} == {sentence.split()[0] for sentence in told}
    assert len(told) == adjoint.PROBES


@pytest.mark.parametrize("factor", [2, -1, 0])
@pytest.mark.parametrize("line", [LINES[7], LINES[-4]])
def test_a_pools_gradient_in_proportion_is_seen(line, factor):
    """Of a maximum and of an average."""
    told = said(line, lambda gradients: {"dx": gradients["dx"] * factor})
    assert {"dx"} == {sentence.split()[0] for sentence in told}


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("line", LINES)
def test_one_number_off_is_seen_in_each_gradient(line, place):
    """And is told of that gradient alone."""
    for name in ("dx", "dw", "db"):

        def off(gradients, name=name):
            if name in gradients:
                gradients[name].flat[place] += 1
            return gradients

        told = {sentence.split()[0] for sentence in said(line, off)}
        asked = name in said_of(line)
        assert ({name} if asked else set()) == told


def said_of(line):
    case = one(line)
    if case.op != "conv":
        return ("dx",)
    return ("dx", "dw", "db") if case.bias else ("dx", "dw")


def test_the_sentence_says_what_was_multiplied():
    """Both inner products, as they are."""
    line = "conv x=[1,2,1] w=[1,1,1] bias=false fill=digits"
    case = one(line)
    given = fills.arrays(case, 0, "float64")
    told = said(line, lambda gradients: {**gradients, "dx": gradients["dx"] * 2})
    fresh = fills.arrays(case, adjoint.FRESH, "float64")
    moved = int((given["dy"] * fresh["x"] * given["w"]).sum())
    assert told[0] == (
        f"dx is not the adjoint of y by x: with other x, <dy, y> = {moved} "
        f"but <x, dx> = {2 * moved}, modulo 2^64"
    )


def test_the_bias_of_the_forward_pass_is_no_part_of_dx_and_dw():
    """y is not linear in x while it is there; where there is none, none is taken away."""
    assert said("conv x=[2,5,4,3] w=[2,3,3,2] fill=digits") == []
    assert said("conv x=[2,5,4,3] w=[2,3,3,2] bias=false fill=digits") == []
    case = one("conv x=[2,5,4,3] w=[2,3,3,2] fill=digits")
    given = fills.arrays(case, 0, "float64")
    asked = []

    def forward(case, given):
        asked.append(given["b"])
        return oracle.answers(case, given)

    list(adjoint.sentences(case, given, forward, oracle.answers))
    assert [bool(b.any()) for b in asked] == adjoint.PROBES * [False, False, True, True]


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("conv_backward", LINES[:1] + LINES[3:6]),
        ("pool_backward", LINES[6:9] + LINES[-4:-2]),
    ],
)
def test_every_mistake_of_the_catalogue_is_seen(op, lines):
    """Wherever its gradients differ from the right ones, in whatever number."""
    seen, missed = Counter(), []
    forward = coded(op.replace("backward", "forward"), Code())
    for case in map(one, lines):
        given = fills.arrays(case, 0, "float64")
        right = coded(op, Code())(case, given)
        for mistake, code in _codes(op):
            wrong = _answers(op, code, case, given)
            if wrong is None or not _differ(wrong, right):
                continue
            told = list(adjoint.sentences(case, given, forward, lambda *_, wrong=wrong: wrong))
            seen[mistake] += 1
            missed += [] if told else [(mistake, case.row)]
    assert missed == []
    assert len(seen) > {"conv_backward": 25, "pool_backward": 22}[op]


def _codes(op):
    return [
        (mistake.id, mistakes.written(lines))
        for mistake in mistakes.read()
        if op in mistake.ops
        for lines in mistake.lines
    ]


def _answers(op, code, case, given):
    """None where it raises, or gives other shapes: that is seen before any number is."""
    try:
        wrong = coded(op, code)(case, given)
    except Exception:
        return None
    shapes = {"dx": case.x, "dw": case.w, "db": case.w[-1:]}
    return wrong if all(a.shape == shapes[name] for name, a in wrong.items()) else None


def _differ(wrong, right):
    return any((wrong[name] != a).any() for name, a in right.items())


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 0.5, 1e300])
def test_what_is_no_whole_number_fits_nothing(number):
    """Neither NaN, nor infinity, nor half of one."""

    def spoilt(gradients):
        gradients["dw"] = gradients["dw"].astype(float)
        gradients["dw"].flat[4] = number
        return gradients

    assert {"dw"} == {sentence.split()[0] for sentence in said(LINES[0], spoilt)}


def test_no_number_is_like_none_of_its_neighbours():
    """Zero would fit where a gradient is zero."""
    for number in (np.nan, np.inf, 0.5, 2.0**62):
        assert abs(adjoint.inner(np.array([number]), np.ones(1))) > 2**60


def test_a_pools_gradient_that_moves_between_cells_is_seen():
    """Though its product with this very x is right: another map of x tells."""
    line = LINES[6]
    x = fills.arrays(one(line), 0, "float64")["x"].ravel()

    def moved(gradients):
        gradients["dx"].flat[3] += x[8]
        gradients["dx"].flat[8] -= x[3]
        return gradients

    told = said(line, moved)
    assert {sentence.split()[0] for sentence in told} == {"dx"}


def test_inner_products_are_of_whole_numbers_modulo_two_to_the_64():
    """So none is rounded: of large numbers the small one beside them stays."""
    a = np.array([2.0**31, 1.0, -3.0])
    assert adjoint.inner(a, a) == 2**62 + 1 + 9
    assert adjoint.inner(np.array([2.0**32]), np.array([2.0**31])) == -(2**63)
    assert adjoint.inner(np.array([7.0], np.float32), np.array([-1], np.int64)) == -7
