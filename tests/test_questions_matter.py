"""Vacuity is a property of the question: what no mistake could change proves nothing."""

from itertools import islice

import numpy as np
import parametrize_from_file

from verification.candidates import contracts
from verification.judging import Settings
from verification.questions import FURTHER, Case, arrays, draw, read, read_where
from verification.questions.rows import SCHEMA
from verification.truth import oracle

LIVE = {"x": 0.05, "w": 0.5, "dy": 0.05}
"""The part of each array that must matter: strides leave cells unread, and pads taps."""
WORK = 20_000
CASES = [question for question in read() if isinstance(question, Case) and question.x[0]]


def live(case):
    """The parts of x, w and dy that any output or gradient depends on."""
    parts = {"x": 1.0, "w": 1.0, "dy": 1.0}
    for windows, size in zip(case.windows, case.space, strict=True):
        inside = [[0 <= cell < size for cell in window] for window in windows]
        parts["x"] *= len({c for window in windows for c in window if 0 <= c < size}) / size
        parts["w"] *= sum(map(any, zip(*inside, strict=True))) / len(inside[0])
        parts["dy"] *= sum(map(any, inside)) / len(inside)
    return parts if case.w else parts | {"w": 1.0}


def test_what_is_asked_about_matters():
    """Of x, w and dy enough is read to tell something."""
    parts = {case.row: live(case) for case in CASES if case.kernel and case.op not in FURTHER}
    assert parts
    assert [row for row, part in parts.items() for name in part if part[name] < LIVE[name]] == []


def test_every_array_matters_to_the_further_operations():
    """With other numbers in any of them some output or gradient changes."""
    blind = []
    for case in (case for case in CASES if case.op in FURTHER and case.work <= WORK):
        given, *others = (arrays(case, seed, "float64") for seed in range(5))
        right = oracle.answers(case, given)
        for name in given:
            changed = (oracle.answers(case, given | {name: other[name]}) for other in others)
            pairs = ((answers[out], right[out]) for answers in changed for out in right)
            is_same = all(np.array_equal(*pair, equal_nan=True) for pair in pairs)
            blind += [(name, case.row)] * (is_same and case.momentum < 1)
    assert blind == []


def test_every_pass_is_drawn():
    """The further operations too, each in plain settings and in others, and few rows twice."""
    drawn = [*islice(draw(7), 600)]
    rows = {op: [case.row for case in drawn if case.op == op] for op in SCHEMA}
    passes = [op for op, about in SCHEMA.items() if "checks" in about]
    assert {op for op in passes if len({*rows[op]}) < max(15, 0.9 * len(rows[op]))} == set()


INTERVIEW = ["image", "kernel", "stride=1", "padding=0"]


def find_convolution(layout):
    functions = contracts.get("functional", layout).functions
    return next(function for function in functions if function.name == "conv2d")


@parametrize_from_file
def test_an_interviews_convolution_is_asked(where):
    """Kernels, sides, strides and pads beyond the usual ones, in every layout of one image."""
    holds = read_where(where)
    for layout in ("hw", "hwc", "chw"):
        interview = find_convolution(layout).read(INTERVIEW)
        asked = [case for case in CASES if interview.expresses(case)]
        assert any(holds(case) for case in asked), layout


def test_an_interviews_convolution_is_drawn_for():
    """As many questions as are usually drawn, in every layout of one image."""
    for layout in ("hw", "hwc", "chw"):
        interview = find_convolution(layout).read(INTERVIEW)
        drawn = [c for c in islice(draw(7), 1000) if interview.expresses(c)]
        assert len(drawn) >= Settings().draw, layout
