"""The definition, against results worked out by hand."""

import math

import pytest

from verification import definition, row


def one(line):
    (case,) = row.parse(line)
    return case


def line_of(numbers):
    return {(0, i, 0): number for i, number in enumerate(numbers)}


def test_convolution_does_not_flip():
    """[1, 2, 3, 4] with [1, 10] is 21, 32, 43."""
    given = {"x": line_of([1, 2, 3, 4]), "w": {(0, 0, 0): 1, (1, 0, 0): 10}}
    given |= {"dy": line_of([1, 2, 3]), "b": {(0,): 100}}
    answers = definition.answers(one("conv x=[1,4,1] w=[2,1,1] fill=integers"), given)
    assert list(answers["y"].values()) == [121, 132, 143]
    assert list(answers["dx"].values()) == [1, 2 + 10, 3 + 20, 30]
    assert list(answers["dw"].values()) == [1 + 4 + 9, 2 + 6 + 12]
    assert answers["db"] == {(0,): 6}


def test_groups_come_in_blocks():
    """Outputs 0 and 1 read channel 0, outputs 2 and 3 channel 1."""
    given = {"x": {(0, 0, 0): 2, (0, 0, 1): 3}, "dy": {(0, 0, k): 1 for k in range(4)}}
    given["w"] = {(0, 0, k): 10**k for k in range(4)}
    case = one("conv x=[1,1,2] w=[1,1,4] groups=2 bias=false fill=integers")
    answers = definition.answers(case, given)
    assert list(answers["y"].values()) == [2, 20, 300, 3000]
    assert list(answers["dx"].values()) == [11, 1100]
    assert "db" not in answers


@pytest.mark.parametrize(
    ("numbers", "winner"),
    [([1, 3, 3, 0], 1), ([math.nan, 5, math.nan, 7], 2), ([-math.inf] * 4, 0)],
)
def test_the_first_maximum_wins_and_the_last_nan(numbers, winner):
    """In value, index and gradient."""
    x = {(0, i // 2, i % 2, 0): number for i, number in enumerate(numbers)}
    case = one("max_pool x=[1,2,2,1] kernel=2 fill=special")
    answers = definition.answers(case, {"x": x, "dy": {(0, 0, 0, 0): 5}})
    assert list(answers["index"].values()) == [winner]
    assert list(answers["dx"].values()) == [5 * (i == winner) for i in range(4)]
    mask = one("create_mask_from_window x=[1,2,2,1] fill=special")
    assert list(definition.answers(mask, {"x": x})["y"].values()) == [i == winner for i in range(4)]


def test_padding_is_below_every_number():
    """An index counts cells of the unpadded line."""
    case = one("max_pool x=[1,2,1] kernel=3 stride=1 pad=1 fill=ties")
    given = {"x": line_of([-5, -4]), "dy": line_of([1, 10])}
    answers = definition.answers(case, given)
    assert list(answers["y"].values()) == [-4, -4]
    assert list(answers["index"].values()) == [1, 1]
    assert list(answers["dx"].values()) == [0, 11]


@pytest.mark.parametrize(
    ("words", "averages", "gradients"),
    [
        ("", [6, 15], [12, 24, 12, 12]),
        ("count_include_pad=false", [9, 15], [18, 30, 12, 12]),
        ("divisor_override=-3", [-6, -15], [-12, -24, -12, -12]),
    ],
)
def test_averages_divide_as_they_are_told(words, averages, gradients):
    """Two windows of 3 that share a cell, the first with a pad in it."""
    case = one(f"avg_pool x=[1,4,1] kernel=3 stride=2 pad=[[1,0]] {words} fill=integers")
    given = {"x": line_of([6, 12, 9, 24]), "dy": line_of([36, 36])}
    answers = definition.answers(case, given)
    assert list(answers["y"].values()) == averages
    assert list(answers["dx"].values()) == gradients


def test_an_overhang_of_ceil_never_counts():
    """5 cells, windows of 2 at stride 2: the last one holds one cell."""
    case = one("avg_pool x=[1,5,1] kernel=2 ceil_mode=true fill=integers")
    given = {"x": line_of([2, 4, 6, 8, 10]), "dy": line_of([2, 4, 6])}
    answers = definition.answers(case, given)
    assert list(answers["y"].values()) == [3, 7, 10]
    assert list(answers["dx"].values()) == [1, 1, 2, 2, 6]


def test_a_quotient_that_is_not_whole_is_a_fault():
    """The definition knows integers alone."""
    case = one("avg_pool x=[1,2,1] kernel=2 fill=integers")
    with pytest.raises(ValueError, match="3 / 2 inexact"):
        definition.answers(case, {"x": line_of([1, 2]), "dy": line_of([2])})


def test_helpers():
    """Pad, step and share."""
    pad = one("zero_pad x=[1,2,1] pad=[[1,2]] fill=integers")
    padded = definition.answers(pad, {"x": line_of([3, 4])})["y"]
    assert list(padded.values()) == [0, 3, 4, 0, 0]
    step = one("conv_single_step x=[2,1] b=[1] fill=integers")
    given = {"x": {(0, 0): 2, (1, 0): 3}, "w": {(0, 0): 5, (1, 0): 7}, "b": {(0,): 11}}
    assert definition.answers(step, given)["y"] == {(): 42}
    share = one("distribute_value x=[2,3] fill=integers")
    assert set(definition.answers(share, {"dy": {(): 12}})["y"].values()) == {2}
