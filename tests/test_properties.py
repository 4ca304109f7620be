"""Properties hold of the oracle's answers, exactly; and each fails for code that is wrong."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from verification import asking, changes, fills, mistakes, oracle, properties, row
from verification.mistakes import passes

CONV = [
    "x=[1,5,6,2] w=[2,3,2,3]",
    "x=[3,7,5,3] w=[3,2,3,4]",
    "x=[3,9,7,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[[1,2],[0,1]] dilation=[1,2]",
    "x=[2,7,8,3] w=[2,3,1,3] groups=3 stride=[1,2] pad=[1,2]",
    "x=[1,6,9,4] w=[3,1,1,8] groups=4 pad=[[0,2],[3,0]]",
    "x=[2,8,5,6] w=[2,2,2,9] groups=3 stride=[3,2] pad=[[2,0],[0,0]] bias=false",
    "x=[3,10,7,2] w=[2,1,2,3] stride=[4,3]",
    "x=[1,11,9,1] w=[1,2,1,4] stride=[5,4] pad=[[0,1],[3,2]]",
    "x=[2,4,6,2] w=[2,3,2,2] pad=[[3,4],[5,3]]",
    "x=[2,9,12,2] w=[3,2,2,3] dilation=[2,3] stride=[2,1] pad=[[0,3],[1,0]]",
    "x=[1,8,10,2] w=[2,3,2,3] dilation=[3,2] stride=[1,3] bias=false",
    "x=[3,6,5,2] w=[4,3,2,3] pad=same",
    "x=[2,6,9,2] w=[2,4,1,2] groups=2 pad=same dilation=[3,1]",
    "x=[3,6,5,2] w=[6,5,2,3] stride=[2,3]",
    "x=[2,3,4,3] w=[1,1,3,2] stride=[2,3] pad=[1,2]",
    "x=[3,9,2] w=[3,2,4] stride=2 pad=[[2,1]]",
    "x=[1,11,4] w=[2,2,6] groups=2 dilation=3 stride=4 pad=[[0,5]] bias=false",
    "x=[2,4,6,5,2] w=[2,3,1,2,3] stride=[1,2,3] pad=[[1,0],[0,2],[2,1]]",
    "x=[1,5,3,7,4] w=[2,1,3,2,2] groups=2 dilation=[2,1,2] stride=[2,3,1] pad=[0,1,2]",
]
POOLS = [
    "x=[1,5,6,2] kernel=[2,3]",
    "x=[3,7,8,3] kernel=[3,2] stride=[2,1]",
    "x=[3,9,7,2] kernel=[3,2] stride=[2,3] pad=[[1,2],[0,1]]",
    "x=[2,10,11,1] kernel=[2,1] stride=[3,4]",
    "x=[2,6,9,3] kernel=[3,4] stride=[1,2] pad=[[0,2],[3,0]]",
    "x=[1,7,9,2] kernel=[3,4] stride=[2,3] ceil_mode=true",
    "x=[3,8,6,2] kernel=[2,3] stride=[3,2] pad=[[1,0],[0,2]] ceil_mode=true",
    "x=[2,5,9,2] kernel=[2,3] stride=[2,4] pad=[1,2] ceil_mode=true",
    "x=[2,4,7,2] kernel=[4,3] stride=[1,5] pad=[[0,3],[2,2]] ceil_mode=true",
    "x=[2,5,6,2] kernel=[3,2] stride=[2,3] pad=[[0,4],[1,0]] ceil_mode=true",
    "x=[3,9,2] kernel=4 stride=3 pad=[[3,0]]",
    "x=[1,10,3] kernel=2 stride=3 ceil_mode=true",
    "x=[2,4,7,6,2] kernel=[2,3,1] stride=[1,2,3] pad=[[1,0],[0,2],[0,0]]",
    "x=[1,5,6,8,3] kernel=[2,3,4] stride=[2,3,2] ceil_mode=true",
]
DILATED = [
    "x=[2,7,9,2] kernel=[3,2] stride=[1,2] dilation=[2,3]",
    "x=[3,9,11,3] kernel=[2,3] stride=[4,3] dilation=[2,3] pad=[[1,2],[0,4]]",
    "x=[1,8,10,2] kernel=[3,2] stride=[3,2] dilation=[2,4] pad=[[2,0],[1,3]] ceil_mode=true",
    "x=[2,5,2] kernel=2 stride=2 dilation=2 pad=[[0,4]] ceil_mode=true",
    "x=[2,12,2] kernel=2 stride=5 dilation=3 pad=[[2,1]]",
    "x=[1,4,6,7,2] kernel=[2,1,3] stride=[1,2,3] dilation=[3,1,2]",
]
AVERAGED = [
    "x=[3,7,8,2] kernel=[2,3] stride=[1,2] pad=[[1,0],[2,1]] count_include_pad=false",
    "x=[2,6,9,3] kernel=[3,2] stride=[2,3] pad=1 ceil_mode=true count_include_pad=false",
    "x=[1,3,2,2] kernel=[3,2] pad=[[2,1],[1,1]] count_include_pad=false",
    "x=[2,7,6,2] kernel=[3,2] stride=[2,1] divisor_override=5",
    "x=[2,5,7,2] kernel=[2,3] stride=[3,2] pad=[[0,1],[1,2]] ceil_mode=true divisor_override=-3",
    "x=[2,8,3] kernel=3 stride=2 pad=[[0,2]] count_include_pad=false",
    "x=[1,4,5,6,2] kernel=[2,3,2] stride=[1,2,3] pad=[1,0,1] count_include_pad=false",
]
LINES = [
    *(f"conv {words} fill=digits" for words in CONV),
    *(f"max_pool {words} fill=permutation" for words in POOLS + DILATED),
    *(f"avg_pool {words} fill=digits" for words in POOLS + AVERAGED),
]
NAMES = sorted({name for names in row.CHECKS.values() for name in names})
NAMES = [name for name in NAMES if name not in ("adjoint", "taps", "cells", "scale")]
FUNCTIONS = {"forward": ("y", "index"), "backward": ("dx", "dw", "db")}


def one(line):
    (case,) = row.parse(line)
    return case


def right(function):
    """The oracle as a function of a candidate's; it takes questions alone, with arrays that fit."""

    def ask(case, given):
        assert replace(one(case.row), word=case.word) == case
        assert {name: a.shape for name, a in given.items()} == fills.shapes(case)
        answers = oracle.answers(case, given)
        return {name: a for name, a in answers.items() if name in FUNCTIONS[function]}

    return ask


def wrong(op, name, number=0):
    """Code with a mistake of the catalogue in it, as a function of a candidate's."""
    entry = next(mistake for mistake in mistakes.read() if mistake.id == name)
    code = mistakes.written(entry.lines[number])

    def ask(case, given):
        answers = passes.answers(op, case, given, code)
        shapes = asking.shapes(case)
        assert all(a.shape == shapes[name] for name, a in answers.items())
        return answers

    return ask


def bent(function, bend):
    """The oracle, its answers bent."""
    return lambda case, given: {name: bend(a) for name, a in right(function)(case, given).items()}


def broken(check, line, ask, dtype="float64"):
    """The outputs that break the property, and all that it speaks of."""
    case = one(line)
    assert properties.fits(check, case)
    found = list(properties.relations(check, case, fills.arrays(case, 0, dtype), ask))
    told = {name for name, _, _ in found}
    return {name for name, got, want in found if not np.array_equal(got, want)}, told


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", LINES)
def test_every_property_that_fits_holds(line, dtype, function):
    """Exactly, of every output of torch's, and it says something of each."""
    case = one(line)
    for check in NAMES:
        if properties.fits(check, case):
            outputs = right(function)(case, fills.arrays(case, 0, dtype)).keys()
            assert (set(), set(outputs)) == broken(check, line, right(function), dtype), check


def test_every_property_is_tried():
    """On at least three of the questions above, of every operation that it is offered for."""
    cases = [one(line) for line in LINES]
    for op, check in itertools.product(row.CHECKS, NAMES):
        if check in row.CHECKS[op]:
            fitting = [case for case in cases if case.op == op and properties.fits(check, case)]
            assert len(fitting) >= 3, f"{check} of {op}"


CONV_LINE = (
    "conv x=[3,9,8,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[1,2] dilation=[1,2] fill=digits"
)
MAX_LINE = (
    "max_pool x=[3,9,8,2] kernel=[3,2] stride=[2,1] dilation=[2,1] pad=[1,1] fill=permutation"
)
AVG_LINE = (
    "avg_pool x=[3,9,8,2] kernel=[3,2] stride=[2,1] pad=[1,1] count_include_pad=false fill=digits"
)


@pytest.mark.parametrize(
    ("check", "op", "mistake", "number"),
    [
        ("pad", "conv_forward", "pad-one-side", 0),
        ("pad", "conv_backward", "same-pad-plus-one", 0),
        ("shift", "conv_forward", "rows-for-columns", 0),
        ("shift", "conv_backward", "stride-ignored-backward", 0),
        ("stride", "conv_forward", "stride-ignored-forward", 1),
        ("stride", "conv_backward", "dw-strided-gradient", 0),
        ("dilation", "conv_forward", "bias-per-product", 0),
        ("dilation", "conv_backward", "dilation-ignored", 0),
        ("groups", "conv_forward", "groups-interleaved", 0),
        ("groups", "conv_backward", "groups-interleaved", 0),
        ("batch", "conv_forward", "batch-first", 0),
        ("batch", "conv_backward", "gradient-divided-by-batch", 0),
        ("channels", "conv_forward", "bias-first-channel", 0),
        ("channels", "conv_backward", "assign-not-add", 0),
        ("transpose", "conv_forward", "last-column-missing", 0),
        ("transpose", "conv_backward", "stride-ignored-backward", 1),
        ("flip", "conv_forward", "last-row-missing", 0),
        ("flip", "conv_backward", "assign-not-add-dw", 0),
        ("linear", "conv_forward", "bias-twice", 0),
        ("linear", "conv_backward", "upstream-of-ones", 0),
        ("pad", "max_pool_forward", "zero-padding-in-max", 0),
        ("pad", "max_pool_backward", "zero-padding-in-max", 0),
        ("shift", "max_pool_forward", "stride-ignored-forward", 0),
        ("shift", "max_pool_backward", "upstream-not-used", 0),
        ("stride", "max_pool_forward", "window-end-stride", 0),
        ("stride", "max_pool_backward", "stride-ignored-backward", 0),
        ("dilation", "max_pool_forward", "dilation-ignored", 0),
        ("dilation", "max_pool_backward", "dilation-ignored", 0),
        ("batch", "max_pool_forward", "batch-first", 0),
        ("batch", "max_pool_backward", "batch-first", 0),
        ("channels", "max_pool_forward", "all-channels-pooled", 0),
        ("channels", "max_pool_backward", "all-channels-mask", 0),
        ("transpose", "max_pool_forward", "window-end-stride", 1),
        ("transpose", "max_pool_backward", "last-row-missing", 0),
        ("flip", "max_pool_forward", "min-for-max", 0),
        ("flip", "max_pool_backward", "first-cell", 0),
        ("monotone", "max_pool_forward", "max-floored-at-0", 0),
        ("monotone", "max_pool_backward", "mask-of-abs", 0),
        ("pad", "avg_pool_forward", "count-include-pad-ignored", 0),
        ("pad", "avg_pool_backward", "average-undivided", 0),
        ("shift", "avg_pool_forward", "one-based-window", 0),
        ("shift", "avg_pool_backward", "stride-ignored-backward", 0),
        ("stride", "avg_pool_forward", "divisor-one-side", 0),
        ("stride", "avg_pool_backward", "assign-not-add", 0),
        ("batch", "avg_pool_forward", "batch-first", 0),
        ("channels", "avg_pool_forward", "all-channels-pooled", 0),
        ("transpose", "avg_pool_forward", "height-for-width-index", 0),
        ("transpose", "avg_pool_backward", "last-row-missing", 0),
        ("flip", "avg_pool_forward", "rows-for-columns", 0),
        ("flip", "avg_pool_backward", "upstream-not-used", 1),
        ("linear", "avg_pool_backward", "upstream-not-used", 1),
    ],
)
def test_every_property_sees_a_mistake(check, op, mistake, number):
    """That people really make, in the forward pass and in the backward one."""
    lines = {"conv": CONV_LINE, "max": MAX_LINE, "avg": AVG_LINE}
    function = op.removeprefix("max_").removeprefix("avg_")
    assert broken(check, lines[op.partition("_")[0]], wrong(function, mistake, number))[0]


@pytest.mark.parametrize(
    ("check", "function", "bend"),
    [
        ("batch", "backward", lambda a: a[::-1]),
        ("channels", "backward", lambda a: a + a.sum(axis=-1, keepdims=True)),
        ("linear", "forward", lambda a: np.maximum(a, 0)),
        ("flip", "forward", lambda a: a + np.arange(a.shape[1])[:, None, None]),
    ],
    ids=["examples mixed up", "channels added", "an activation", "rows numbered"],
)
def test_averages_that_are_wrong_in_other_ways(check, function, bend):
    """Than those that the catalogue has of them."""
    assert broken(check, AVG_LINE, bent(function, bend))[0]


@pytest.mark.parametrize(
    ("function", "name", "outputs"),
    [
        ("forward", "x", {"y"}),
        ("forward", "w", {"y"}),
        ("backward", "x", {"dw"}),
        ("backward", "w", {"dx"}),
        ("backward", "dy", {"dx", "dw", "db"}),
    ],
)
@pytest.mark.parametrize("bend", [np.abs, np.square, np.sign])
def test_what_is_not_linear_in_an_array_is_seen(function, name, outputs, bend):
    """In the outputs that it reaches, and in no others."""

    def ask(case, given):
        return right(function)(case, {**given, name: bend(given[name])})

    assert outputs == broken("linear", CONV_LINE, ask)[0]


def test_a_mean_is_no_maximum():
    """Though it follows every map that adds the same to all numbers."""
    line = "max_pool x=[1,5,8,2] kernel=[2,4] stride=[1,3] fill=permutation"
    assert broken("monotone", line, wrong("pool_forward", "mode-ignored", 1))[0] == {"y"}


@pytest.mark.parametrize("check", ["pad", "shift", "stride", "dilation", "transpose", "channels"])
def test_an_index_of_other_cells_is_seen(check):
    """By each of these alone where only the index is wrong, outside of x too."""
    for bend in (lambda index: index + np.arange(index.shape[-1]), lambda index: index - 999):

        def ask(case, given, bend=bend):
            answers = right("forward")(case, given)
            return {**answers, "index": bend(answers["index"])}

        assert broken(check, MAX_LINE, ask) == ({"index"}, {"y", "index"})


@pytest.mark.parametrize(
    ("check", "says", "silent"),
    [
        ("pad", "conv x=[1,4,5,1] w=[2,3,1,2] pad=[[0,0],[0,1]]", "conv x=[1,4,5,1] w=[2,3,1,2]"),
        ("pad", "max_pool x=[1,5,6,1] kernel=2 ceil_mode=true", "max_pool x=[1,5,6,1] kernel=2"),
        ("stride", "conv x=[1,4,5,1] w=[2,3,1,2] stride=[1,2]", "conv x=[1,4,5,1] w=[2,3,1,2]"),
        (
            "dilation",
            "conv x=[1,4,7,1] w=[2,3,1,2] dilation=[1,2]",
            "avg_pool x=[1,4,7,1] kernel=2",
        ),
        ("groups", "conv x=[1,4,5,2] w=[2,3,1,2] groups=2", "max_pool x=[1,4,5,2] kernel=2"),
        ("batch", "conv x=[2,4,5,1] w=[2,3,1,2]", "conv x=[1,4,5,1] w=[2,3,1,2]"),
        ("channels", "conv x=[1,4,5,1] w=[2,3,1,2]", "conv x=[1,4,5,1] w=[2,3,1,1]"),
        ("transpose", "conv x=[1,4,5,1] w=[2,3,1,2]", "conv x=[1,5,1] w=[3,1,2]"),
        ("flip", "conv x=[1,4,5,1] w=[2,3,1,2]", "conv x=[1,1,1,3] w=[1,1,3,2]"),
        ("linear", "conv x=[1,4,5,1] w=[2,3,1,2]", "max_pool x=[1,4,5,1] kernel=2"),
        ("monotone", "max_pool x=[1,4,5,1] kernel=2", "avg_pool x=[1,4,5,1] kernel=2"),
        ("shift", "avg_pool x=[1,4,5,1] kernel=2", "avg_pool x=[0,4,5,1] kernel=2"),
        ("batch", "max_pool x=[3,4,5,1] kernel=2", "max_pool x=[0,4,5,1] kernel=2"),
        ("shift", "conv x=[1,4,5,1] w=[2,3,1,2]", "zero_pad x=[1,4,5,1] pad=1"),
        ("linear", "avg_pool x=[1,4,5,1] kernel=2", "zero_pad x=[1,4,5,1] pad=1"),
    ],
)
def test_what_a_property_says_nothing_about(check, says, silent):
    """One axis, one example, one group, no pads: there the changed question is the same one."""
    assert properties.fits(check, row.parse(says)[0])
    assert not properties.fits(check, row.parse(silent)[0])


def test_averages_whose_sums_would_not_be_exact_are_left_alone():
    """Multiplied until both divisors divide them, they must still be what the dtype holds."""
    case = one("avg_pool x=[1,8,9,1] kernel=[3,4] stride=2 divisor_override=7 fill=digits")
    assert properties.fits("stride", case)
    assert properties.fits("stride", replace(case, dtype="float32"))
    assert not properties.fits("stride", replace(case, dtype="float16"))
    assert properties.fits("batch", replace(case, dtype="float16", x=(2, *case.x[1:])))
    wide = one("max_pool x=[2,16,17,1] kernel=[15,16] fill=permutation")
    assert properties.fits("batch", replace(wide, dtype="float16"))


@pytest.mark.parametrize("change", [changes.pad, changes.stride, changes.flip])
def test_the_padded_plane_needs_no_words(change):
    """Neither pads nor how they are counted, nor a divisor, nor what becomes of a remainder."""
    words = "pad=[[1,0],[0,1]] ceil_mode=true count_include_pad=false divisor_override=5"
    case = one(f"avg_pool x=[1,5,6,1] kernel=[2,3] stride=[2,3] {words} fill=digits")
    (view,) = change(case)
    assert "pad" not in view.case.row.removeprefix("avg_pool")
    assert (view.case.ceil_mode, view.case.divisor_override) == (False, None)


def test_a_dilated_pool_falls_apart_into_sub_lattices():
    """As many for each axis as windows start on; each window lies on one of them."""
    case = one("max_pool x=[1,9,11,1] kernel=2 stride=[2,3] dilation=[4,2] pad=1 fill=permutation")
    views = changes.dilation(case)
    assert len(views) == 2 * 2
    assert [view.case.stride for view in views] == [(1, 3)] * 4
    assert {view.case.dilation for view in views} == {(1, 1)}
    shown = [out for view in views for out in itertools.product(*view.windows)]
    within = [out for out in shown if all(map(int.__lt__, out, case.out))]
    assert sorted(within) == sorted(np.ndindex(*case.out))


def test_a_view_shows_cells_in_their_places():
    """Every third window of stride 1 is one of stride 3; x is wide enough for all of them."""
    case = one("max_pool x=[1,7,1] kernel=2 stride=3 pad=[[1,0]] ceil_mode=true fill=permutation")
    (view,) = changes.stride(case)
    assert case.windows == [[(-1, 0), (2, 3), (5, 6)]]
    assert view.case.x == (1, 8, 1)
    assert view.windows == ([0, -1, -1, 1, -1, -1, 2],)
    given = np.arange(7).reshape(case.x)
    assert view.shown("x", given, -5).ravel().tolist() == [-5, 0, 1, 2, 3, 4, 5, 6]
    assert view.told("y", np.arange(7).reshape(view.case.y), case.y).ravel().tolist() == [0, 3, 6]
    assert view.numbers(np.array([0, 1, 7, 8, -1]), case.space).tolist() == [-1, 0, 6, -1, -1]
