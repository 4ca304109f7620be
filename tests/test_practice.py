"""Interviews and tutorials: their signatures are found, right ones pass, wrong ones are named."""

import re
import tomllib
from contextlib import suppress
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest

from verification import mistakes
from verification.candidates import contracts
from verification.judging import Session, Settings
from verification.mistakes import write_wrongly
from verification.questions import arrays, parse
from verification.truth import define, textbook

TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TEXTS = {row["id"]: row["text"] for row in TABLE["test_right_ones_pass"]}

LEVELS = {"layers": 2, "functional-chw": 3}
"""Where loops take long."""


@pytest.fixture
def judge(tmp_path):
    """The run of a file that holds this text."""

    def judge(text, **settings):
        path = tmp_path / "practice.py"
        path.write_text(text, encoding="utf-8")
        with Session(Settings(candidate=str(path), draw=0, **settings)) as session:
            return session.run()

    return judge


@parametrize_from_file
def test_right_ones_pass(judge, text, contract, functions, notes):
    """Whatever their layout, names and words are; nothing is asked that they lack."""
    run = judge(text, level=LEVELS.get(contract, 4), only=functions, shard=(1, 2))
    statuses = {finding.function: finding.status for finding in run.findings if finding.outcomes}
    assert (run.contract, list(statuses)) == (contract, list(functions))
    assert set(statuses.values()) <= {"ok", "deviates"}
    assert [o.message for o in run.outcomes if o.status not in ("ok", "DEVIATES")] == []
    assert tuple(run.notes) == notes


def test_a_map_of_each_filter_is_written_with_its_filter_first(judge):
    """Where reports name a place of it."""
    run = judge(TEXTS["one_plane_and_a_map_of_each_filter"], level=1)
    assert run.channels_first >= {"Conv2D.forward", "Conv2D.backward"}


@parametrize_from_file(schema=parametrize_from_file.defaults(level=4))
def test_wrong_ones_are_named(judge, base, function, mistake, right, wrong, level):
    """By the very mistake that stands there."""
    assert TEXTS[base].count(right) == 1
    run = judge(TEXTS[base].replace(right, wrong), level=level, only=(function,))
    (finding,) = (finding for finding in run.findings if finding.function == function)
    assert finding.status == "differs"
    assert [one.id for one in finding.diagnosis.mistakes] == [mistake]


@parametrize_from_file
def test_weights_are_changed_at_the_end_alone(judge, function, right, wrong, message):
    """A step before dx, or in a forward pass, is seen."""
    assert TEXTS["steps_in_place"].count(right) == 1
    run = judge(TEXTS["steps_in_place"].replace(right, wrong), level=2, only=(function,))
    (finding,) = (finding for finding in run.findings if finding.function == function)
    assert finding.status == "differs"
    assert {outcome.message for outcome in finding.outcomes if outcome.is_failing} == {message}


@parametrize_from_file
def test_what_cannot_be_asked_is_said(judge, text, names, notes, statuses):
    """In a note; and what a NotImplementedError declines is outside."""
    run = judge(text, level=1, names=names)
    found = {finding.function: finding.status for finding in run.findings if finding.outcomes}
    assert tuple(run.notes) == notes
    assert {name: one for name, one in found.items() if one != "not attempted"} == statuses
    told = tuple(note.partition(" is not judged")[0].lower() for note in notes)
    assert [f.function for f in run.missing if f.function.lower().startswith(told)] == []


def test_a_gradient_that_fails_with_its_own_cache_is_not_right_with_another(judge):
    """As torch's functions have none on which anybody has agreed."""
    text = """
import numpy as np

def conv2d(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nchwrs,kcrs->nkhw", windows, w), (x, w, 1, 2)

def conv2d_backward(dy, cache):
    x, w, one, two = cache
    return {}["in every question"]
"""
    run = judge(text, level=1)
    (finding,) = (finding for finding in run.findings if finding.function == "conv2d_backward")
    assert {(one.status, one.note) for one in finding.outcomes} == {("CRASH", "")}


PAGE = Path(contracts.__file__).with_name("README.md").read_text(encoding="utf-8")
ALONE = re.findall(r"^\|[^|]+\| \d+ \| `(.*?)` \|", PAGE, re.MULTILINE)
MISTAKES = {mistake.id: mistake for mistake in mistakes.read()}


@parametrize_from_file
def test_the_page(number, mistake, function):
    """Each question that it names is the courses', and shows a mistake of its kind."""
    assert len(ALONE) == 7
    case = parse(ALONE[number])[0]
    for name in ("assignment", "cs231n", "functional", "layers"):
        assert any(one.expresses(case) for one in contracts.get(name).functions)
    given, book = arrays(case, 0, "float64"), write_wrongly(MISTAKES[mistake].forms[0])
    right = define(function, case, given, vars(textbook))
    with suppress(ValueError):  # as people's code may
        wrong = define(function, case, given, book)
        assert not all(np.array_equal(wrong[name], a) for name, a in right.items())
