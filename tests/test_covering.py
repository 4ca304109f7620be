"""The covering set: every three features meet in some row, at every level of each."""

import itertools

import parametrize_from_file

from verification.questions import read

ROWS = [case for case in read() if case.name.startswith("cover-") and case.dtype != "float16"]


def kernel(case):
    if set(case.kernel) == {1}:
        return "point"
    odd = [size % 2 for size in case.kernel]
    return "odd" if all(odd) else "mixed" if any(odd) else "even"


def stride(case):
    steps, sizes = case.stride, case.kernel
    if set(steps) == {1} or steps == sizes:
        return "one" if set(steps) == {1} else "equal"
    if len(set(steps)) > 1:
        return "unequal"
    return "below" if steps[0] <= min(sizes) else "above" if steps[0] > max(sizes) else "between"


def pad(case):
    most = case.spans if case.w else [size // 2 for size in case.kernel]
    if case.word or not case.is_padded:
        return case.word or "none"
    if any(max(pair) > size for pair, size in zip(case.pad, most)):
        return "beyond"
    if any(before != after for before, after in case.pad):
        return "lopsided"
    return "even" if not case.w else "equal" if len(set(case.pad)) == 1 else "unequal"


def channels(case):
    if case.x[-1] == 1 or not case.w:
        return "one" if case.x[-1] == 1 else "several"
    more = case.w[-1] - case.x[-1]
    return "more" if more > 0 else "fewer" if more < 0 else "equal"


def levels(case):
    """A row's level of each feature, from its own numbers."""
    axes = zip(case.space, case.pad, case.spans, case.stride)
    rests = [(size + sum(pair) - span) % step for size, pair, span, step in axes]
    features = {
        "kernel": kernel(case),
        "stride": stride(case),
        "pad": pad(case),
        "dilation": {(1,): "one", (2,): "two"}.get(tuple(set(case.dilation)), "unequal"),
        "remainder": "some" if any(rests) else "none",
        "channels": channels(case),
        "groups": {case.x[-1]: "depthwise", 1: "one"}.get(case.groups, "some"),
        "rank": len(case.space),
        "batch": "one" if case.x[0] == 1 else "several",
        "bias": "yes" if case.bias else "no",
        "ceil": "yes" if case.ceil_mode else "no",
        "counted": "yes" if case.count_include_pad else "no",
        "divisor": "cells" if case.divisor_override is None else "given",
        "fill": case.fill,
        "layout": case.layout if case.layout in ("C", "F") else "other",
        "dtype": case.dtype or "float64",
    }
    return {f"{feature}={level}" for feature, level in features.items()}


@parametrize_from_file
def test_every_three_features_meet(op, never, features):
    """But for those that can never meet, and of these none do."""
    rows = [levels(case) for case in ROWS if case.op == op]
    pairs = [set(pair.split()) for pair in never]
    known = [[f"{name}={level}" for level in few.split()] for name, few in features.items()]
    threes = itertools.chain(*(itertools.product(*few) for few in itertools.combinations(known, 3)))
    able = [three for three in threes if not any(map(set(three).issuperset, pairs))]
    assert [three for three in able if not any(map(set(three).issubset, rows))] == []
    assert [row for row in rows if any(map(row.issuperset, pairs))] == []
