"""Large layers judged by sums over their channels."""

import itertools
from collections import Counter

import numpy as np
import pytest

from verification import fills, mistakes, oracle, row, scale
from verification.mistakes import passes
from verification.mistakes.code import Code

LINES = [
    "x=[2,9,7,6] w=[3,2,6,8] stride=[2,1] pad=[1,0]",
    "x=[3,9,7,6] w=[3,2,3,8] groups=2 stride=[2,3] pad=[[1,2],[0,1]] dilation=[1,2]",
    "x=[2,7,8,5] w=[2,3,1,10] groups=5 stride=[1,2] pad=[1,2]",
    "x=[2,8,5,6] w=[2,2,2,9] groups=3 stride=[3,2] pad=[[2,0],[0,0]] bias=false",
    "x=[2,6,9,4] w=[2,4,4,7] pad=same dilation=[3,1]",
    "x=[3,9,4] w=[3,4,6] stride=2 pad=[[2,1]]",
    "x=[2,4,6,5,4] w=[2,3,1,2,6] groups=2 stride=[1,2,3] pad=[[1,0],[0,2],[2,1]] bias=false",
]
GROUPED = LINES[1]


def one(line):
    (case,) = row.parse(f"conv {line} check=scale fill=digits")
    return case


def said(line, edit=lambda name, a: a, dtype="float64"):
    """What is said of the oracle's answers, edited."""
    case = one(line)

    def ask(case, given):
        return {name: edit(name, a.copy()) for name, a in oracle.answers(case, given).items()}

    return list(scale.sentences(case, fills.arrays(case, 0, dtype), ask))


def edited(name, change):
    """An edit of this output alone."""

    def edit(of, a):
        if of == name:
            change(a)
        return a

    return edit


def outputs(line):
    return ("y", "dx", "dw", "db") if one(line).bias else ("y", "dx", "dw")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", LINES)
def test_right_layers_add_up(line, dtype):
    """Of every geometry, exactly."""
    assert said(line, dtype=dtype) == []


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("line", LINES)
def test_one_number_off_is_seen_in_each_output(line, place):
    """And is told of that output alone, at one place of the sums."""

    def off(a):
        a.flat[place] += 1

    for name in outputs(line):
        (told,) = said(line, edited(name, off))
        what = "filters" if name == "y" else "input channels"
        assert told.startswith(f"{name}, its {what} summed up, is wrong at 1 of ")


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_channel_is_seen_whichever_it_is(line):
    """Its weight is never zero."""
    for name in outputs(line):
        count = dict(zip(("y", "dx", "dw", "db"), oracle_shapes(line)))[name][-1]
        for channel in range(count):

            def doubled(a, channel=channel):
                a[..., channel] *= 2

            assert said(line, edited(name, doubled)), (name, channel)


def oracle_shapes(line):
    case = one(line)
    return case.y, case.x, case.w, case.w[-1:]


@pytest.mark.parametrize(("one", "other"), [(0, 1), (2, 5), (3, 4), (0, 7)])
def test_channels_exchanged_are_seen(one, other):
    """Within a group and between two: their weights differ, or their sums are kept apart."""
    at = [one, other]

    def exchanged(a):
        a[..., at] = a[..., at[::-1]]

    for name in ("y", "dw", "db") + (("dx",) if other < 6 else ()):
        assert said(GROUPED, edited(name, exchanged)), name


def test_groups_are_summed_one_by_one():
    """A sum over all filters would hide what one group took from another."""
    weights = scale._weights(4)

    def moved(a):
        a[1, 2, 0, 1] += weights[3]
        a[1, 2, 0, 7] -= weights[1]

    (told,) = said(GROUPED, edited("y", moved))
    assert "is wrong at 2 of " in told


@pytest.mark.parametrize("count", [1, 2, 3, 8, 64, 513])
def test_weights_are_small_without_zero_and_of_both_signs(count):
    """The same every time; others for another count."""
    weights = scale._weights(count)
    assert set(np.abs(weights)) <= set(range(1, 10))
    np.testing.assert_array_equal(weights, scale._weights(count))
    if count >= 8:
        assert (weights > 0).any()
        assert (weights < 0).any()
        assert (weights != scale._weights(count + 1)[:count]).any()


def test_the_oracle_is_asked_for_thin_layers_alone(monkeypatch):
    """A filter a group, or a channel a group: that is the saving."""
    honest, case = oracle.answers, one(GROUPED)
    given = fills.arrays(case, 0, "float32")
    right, asked = honest(case, given), []

    def watching(case, given):
        asked.append((case.x, case.w, case.check, given["x"].dtype.name))
        return honest(case, given)

    monkeypatch.setattr(oracle, "answers", watching)
    assert list(scale.sentences(case, given, lambda *_: right)) == []
    by_filters = ((3, 9, 7, 6), (3, 2, 3, 2), "", "float64")
    by_channels = ((3, 9, 7, 2), (3, 2, 1, 8), "", "float64")
    assert [by_filters, by_channels, by_channels] == asked


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_seen(number):
    """No sum of it is."""

    def spoilt(a):
        a.flat[5] = number

    for name in outputs(LINES[0]):
        assert said(LINES[0], edited(name, spoilt))


@pytest.mark.parametrize("op", ["conv_forward", "conv_backward"])
def test_every_mistake_of_the_catalogue_is_seen(op):
    """At one of two seeds: an error's weighted sum may be zero once, by chance."""
    seen, missed = set(), Counter()
    for case, seed in itertools.product(map(one, (GROUPED, LINES[2], LINES[5])), (0, 1)):
        given = fills.arrays(case, seed, "float64")
        right = passes.answers(op, case, given, Code())
        for number, (mistake, code) in enumerate(_codes(op)):
            wrong = _answers(op, code, case, given, right)
            if wrong is None:
                continue
            told = list(scale.sentences(case, given, lambda *_, wrong=wrong: wrong))
            seen.add(mistake)
            missed[number, mistake, case.row] += not told
    assert max(missed.values()) <= 1
    assert len(seen) > 20


def _codes(op):
    return [
        (mistake.id, mistakes.written(lines))
        for mistake in mistakes.read()
        if op in mistake.ops
        for lines in mistake.lines
    ]


def _answers(op, code, case, given, right):
    """None where nothing differs, or what differs is no number: it raises, or has other shapes."""
    try:
        wrong = passes.answers(op, case, given, code)
    except Exception:
        return None
    wrong = {name: np.asarray(wrong[name]) for name in right}
    if any(wrong[name].shape != a.shape for name, a in right.items()):
        return None
    return wrong if any((wrong[name] != a).any() for name, a in right.items()) else None
