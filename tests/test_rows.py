"""Rows and lines: what is a question, what is none, and where it stands."""

import json
from dataclasses import replace

import parametrize_from_file
import pytest

from verification.questions import RUNGS, Case, CaseError, Refusal, levels, parse, read
from verification.questions.rows import SCHEMA, expand

QUESTIONS = read()
CASES = [question for question in QUESTIONS if isinstance(question, Case)]
NETWORKS = ["LeNet-5", "AlexNet", "VGG", "ResNet", "DenseNet", "GoogLeNet", "Inception v3"]
NETWORKS += ["SqueezeNet", "MobileNet v2", "MobileNet v3"]
FILE = """
conv = [
  {id="a", x=[1,3,3,1], w=[2,2,1,1], why="first"},
  {id="ab", x=[1,3,3,1], w=[2,2,1,1], fill="wide", each={bias=[true,false], pad=[0,[1,2]]}},
]
refuse = [{id="c", function="f", arguments={x=1}, error="TypeError", words=["x","y"], why="w"}]
"""


@parametrize_from_file
def test_a_row_is_expanded(op, row, expected):
    """Point by point of its grid, fill by fill."""
    as_in_a_file = json.loads(json.dumps(row))  # lists for tuples
    assert tuple(case.id for case in expand(op, as_in_a_file)) == expected


@parametrize_from_file
def test_a_line_is_read(line, expected):
    """Shapes, settings, and what follows from them."""
    (case,) = parse(line)
    for name, value in expected.items():
        assert json.dumps(getattr(case, name)) == json.dumps(value), name


@parametrize_from_file
def test_what_is_no_question_is_refused(line, error):
    """With the line and the reason."""
    with pytest.raises(CaseError) as raised:
        parse(line)
    assert str(raised.value).startswith(f"{line!r} is no question: ")
    assert error in str(raised.value)


@parametrize_from_file
def test_a_bad_row_is_named_with_its_file_and_line(tmp_path, text, error):
    """Never passed over in silence."""
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CaseError) as raised:
        read(tmp_path)
    assert error in str(raised.value)


def test_a_file_is_read_by_its_keys(tmp_path):
    """Operations and refusals; where a text is given, the rows whose id stands in it."""
    (tmp_path / "a.toml").write_text(FILE, encoding="utf-8")
    *cases, refusal = read(tmp_path)
    assert " ".join(q.id for q in cases[1:]) == "a.sparse ab-0.wide ab-1.wide ab-2.wide ab-3.wide"
    assert [case.bias for case in cases[2:]] == [True, True, False, False]
    assert [case.pad for case in cases[2:]] == [((0, 0), (0, 0)), ((1, 1), (2, 2))] * 2
    assert refusal == Refusal("c", "f", {"x": 1}, "TypeError", ("x", "y"), "w")
    assert refusal.row == "f(x=1)"
    assert read(tmp_path, "max/ab-1.wide") == tuple(cases)
    assert read(tmp_path, "nothing of it") == ()


@parametrize_from_file
def test_level_and_rung(line, level, rung):
    """1 smallest, 2 the courses', 3 uneven, 4 every option; a check before memory, then fills."""
    (case,) = parse(line)
    assert (levels.level(case), levels.rung(case)) == (level, rung)


def test_every_case_is_repeated_by_its_line():
    """What a report prints can be asked."""
    for case in CASES:
        (again,) = parse(case.row)
        assert replace(again, name=case.name, why=case.why) == case


def test_the_cases_are_enough():
    """Every level and rung, every fill but the simple ones, every network; a reason for each."""
    assert len(CASES) > 2500
    assert {levels.level(question) for question in QUESTIONS} == {1, 2, 3, 4}
    assert {levels.rung(question) for question in QUESTIONS} == set(RUNGS)
    fills = {(op, fill) for op in SCHEMA for fill in [*SCHEMA[op]["fills"], *SCHEMA[op]["more"]]}
    unused = fills - {(case.op, case.fill) for case in CASES}
    assert {fill for _, fill in unused} <= {"units", "digits"}
    reasons = " ".join(case.why for case in CASES)
    assert [network for network in NETWORKS if network not in reasons] == []
    assert [case.id for case in CASES if not (case.why or case.name.startswith("cover-"))] == []
