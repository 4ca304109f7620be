"""The covering set: every three features together, by what the finished questions say."""

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from verification import covering, definition, fills, oracle, row, triples, vacuity
from verification.case import Case

CASES = covering.cases()
OPS = ("conv", "max_pool", "avg_pool")
SHARED = {
    "rank": {"1-D", "2-D", "3-D"},
    "stride": {"one", "below", "equal", "above", "unequal"},
    "remainder": {True, False},
    "batch": {"one", "several"},
    "layout": {"C", "F", "other"},
    "dtype": {"float32", "float64"},
}
POOL = SHARED | {
    "kernel": {"odd", "even", "mixed"},
    "pad": {"none", "even", "lopsided", "beyond half"},
    "channels": {"one", "several"},
    "ceil": {True, False},
}
LEVELS = {
    "conv": SHARED
    | {
        "kernel": {"point", "odd", "even", "mixed"},
        "pad": {"none", "equal", "unequal", "lopsided", "beyond", "same"},
        "dilation": {"one", "two", "unequal"},
        "channels": {"one", "more", "fewer", "equal"},
        "groups": {"one", "some", "depthwise"},
        "bias": {True, False},
    },
    "max_pool": POOL | {"dilation": {"one", "two", "unequal"}, "fill": {"ties", "permutation"}},
    "avg_pool": POOL | {"counted": {True, False}, "divisor": {True, False}},
}
ONE_AXIS = [("stride", "unequal"), ("pad", "unequal"), ("dilation", "unequal"), ("kernel", "mixed")]
NEVER = [
    *({("rank", "1-D"), level} for level in ONE_AXIS),  # a single axis has nothing to differ from
    {("kernel", "point"), ("stride", "below")},  # below 1 there is no stride
    {("kernel", "point"), ("stride", "equal")},  # equal to 1 is one
    {("stride", "one"), ("remainder", True)},  # stride 1 leaves no remainder
    *(  # torch refuses "same" with strides
        {("pad", "same"), ("stride", stride)} for stride in ("below", "equal", "above", "unequal")
    ),
    {("pad", "same"), ("remainder", True)},
    {("channels", "one"), ("groups", "some")},  # one channel cannot be split
    {("channels", "one"), ("groups", "depthwise")},
    {("channels", "fewer"), ("groups", "depthwise")},  # each channel has its own filters
]


def of(op: str) -> list[Case]:
    return [case for case in CASES if case.op == op]


def shared(case):
    return {
        "rank": f"{len(case.space)}-D",
        "kernel": kernel(case.kernel),
        "stride": stride(case),
        "remainder": any(rest % step for rest, step in zip(rests(case), case.stride)),
        "batch": "one" if case.x[0] == 1 else "several",
        "layout": case.layout if case.layout in "CF" else "other",
        "dtype": case.dtype or "float64",
    }


def spans(case):
    return [d * (k - 1) + 1 for k, d in zip(case.kernel, case.dilation)]


def rests(case):
    return [size + sum(p) - span for size, p, span in zip(case.space, case.pad, spans(case))]


def kernel(sizes):
    if set(sizes) == {1}:
        return "point"
    parities = {size % 2 for size in sizes}
    return "mixed" if len(parities) == 2 else ("even", "odd")[parities.pop()]


def stride(case):
    over = [step - size for step, size in zip(case.stride, case.kernel)]
    if set(case.stride) == {1}:
        return "one"
    if not any(over):
        return "equal"
    if len(set(case.stride)) > 1:
        return "unequal"
    return "below" if max(over) <= 0 else "above" if min(over) > 0 else "between"


def dilation(case):
    return {(1,): "one", (2,): "two"}.get(tuple(set(case.dilation)), "unequal")


def pad_of_conv(case):
    if case.word:
        return case.word
    if any(max(pair) > span for pair, span in zip(case.pad, spans(case))):
        return "beyond"
    if any(before != after for before, after in case.pad):
        return "lopsided"
    return "unequal" if len(set(case.pad)) > 1 else "equal" if any(case.pad[0]) else "none"


def pad_of_pool(case):
    if any(2 * max(pair) > size for pair, size in zip(case.pad, case.kernel)):
        return "beyond half"
    if any(before != after for before, after in case.pad):
        return "lopsided"
    return "even" if any(map(any, case.pad)) else "none"


def channels(case):
    given, made = case.x[-1], case.w[-1]
    if given == 1:
        return "one"
    return "more" if made > given else "fewer" if made < given else "equal"


def groups(case):
    return {1: "one", case.x[-1]: "depthwise"}.get(case.groups, "some")


def levels(case):
    """A question's level of each feature, from its own shapes and settings."""
    if case.op == "conv":
        own = {"channels": channels(case), "bias": case.bias, "pad": pad_of_conv(case)}
        own["groups"] = "one" if case.groups == 1 else groups(case)
        return shared(case) | own | {"dilation": dilation(case)}
    pool = {"pad": pad_of_pool(case), "ceil": case.ceil_mode}
    pool["channels"] = "one" if case.x[-1] == 1 else "several"
    if case.op == "max_pool":
        return shared(case) | pool | {"dilation": dilation(case), "fill": case.fill}
    divided = {"counted": case.count_include_pad, "divisor": case.divisor_override is not None}
    return shared(case) | pool | divided


def threes(features):
    """Every three levels of three features."""
    for names in itertools.combinations(sorted(features), 3):
        for values in itertools.product(*(features[name] for name in names)):
            yield frozenset(zip(names, values))


@pytest.mark.parametrize("op", OPS)
def test_every_three_levels_occur_together(op):
    """All but those that hold a pair which no question can have: and of these, none."""
    rows = [levels(case).items() for case in of(op) if case.dtype != "float16"]
    seen = {
        frozenset(three) for items in rows for three in itertools.combinations(sorted(items), 3)
    }
    wanted = {three for three in threes(LEVELS[op]) if not any(pair <= three for pair in NEVER)}
    assert wanted == seen


@pytest.mark.parametrize("op", OPS)
def test_half_precision_is_asked_too(op):
    """By a few questions of each operation."""
    assert 2 <= sum(case.dtype == "float16" for case in of(op)) <= 8


def test_they_can_be_asked_in_their_own_dtype():
    """Whole numbers that are exact there exist for each."""
    for case in CASES:
        given = fills.arrays(case, 0, "float64")
        assert {case.dtype or "float64"} == {str(a.dtype) for a in given.values()}


def test_they_are_few():
    """Few enough to be asked in every run; each by a name of its own."""
    most = {"conv": 160, "max_pool": 90, "avg_pool": 90}
    assert all(0 < len(of(op)) <= most[op] for op in OPS)
    assert len(CASES) == sum(len(of(op)) for op in OPS)
    assert len({case.name for case in CASES}) == len(CASES)
    assert CASES[0].name == "cover-conv-0"


def test_they_are_small_and_uneven():
    """The definition can afford each; no two sides of an input agree."""
    assert [case.row for case in CASES if case.work > definition.AFFORDABLE] == []
    assert [case.row for case in CASES if len(set(case.space)) < len(case.space)] == []


def test_they_are_live():
    """Most of every kernel meets the input, and no array is dead."""
    shares = {case.row: vacuity.live(case) for case in CASES}
    assert [line for line, share in shares.items() if share.get("w", 1) <= 0.5] == []
    for name, least in vacuity.LIVE.items():
        assert [line for line, share in shares.items() if share.get(name, 1) < least] == []


def test_their_rows_read_back():
    """Each line is that very question, and no two are alike."""
    assert [replace(case, name="row", why="") for case in CASES] == [
        again for case in CASES for again in row.parse(case.row)
    ]
    assert len({case.row for case in CASES}) == len(CASES)


def test_they_are_the_same_everywhere():
    """Whatever the seed of Python's hashes."""
    script = (
        "from verification import covering; print(*(c.row for c in covering.cases()), sep='\\n')"
    )
    lines = [case.row for case in CASES]
    for seed in ("1", "2"):
        told = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        ran = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
        assert lines == ran.stdout.splitlines()


def numbers(a, kind=float):
    return {at: kind(value) for at, value in np.ndenumerate(a)}


def faults(case):
    """The outputs on which torch and the definition disagree, in float64."""
    wide = replace(case, dtype="float64")
    given = fills.arrays(wide, 0, "float64")
    want = definition.answers(wide, {name: numbers(a, int) for name, a in given.items()})
    got = oracle.answers(wide, given)
    assert set(want) == set(got)
    return [f"{name} of {case.row}" for name in want if want[name] != numbers(got[name])]


@pytest.mark.parametrize("op", OPS)
def test_torch_and_the_definition_agree(op):
    """On every question, on every output."""
    assert [fault for case in of(op) for fault in faults(case)] == []


def test_a_covering_array_of_anything():
    """Five features of two to four levels; what is impossible together never occurs."""
    features = [[f"{letter}{i}" for i in range(2 + k % 3)] for k, letter in enumerate("abcde")]
    banned = frozenset({"a0", "c3"})
    rows = list(triples.rows(features, [banned]))
    asked = {
        three
        for columns in itertools.combinations(features, 3)
        for three in map(frozenset, itertools.product(*columns))
        if not banned <= three
    }
    assert asked == {frozenset(three) for each in rows for three in itertools.combinations(each, 3)}
    assert [each for each in rows if banned <= set(each)] == []
    assert len(rows) < math.prod(map(len, features)) / 3


def test_another_turn_begins_with_another():
    """And the order stays."""
    assert triples.turned("abc", 4) == ["b", "c", "a"]
