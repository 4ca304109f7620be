"""Grades: one rule, and formats as those who read them have published them."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.judging import Drawn, Finding, Outcome, Run, Settings
from verification.questions import parse
from verification.reports import FORMATS, grade, write_line

(CASE,) = parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
WRONG = {"where": ("helper.py line 1: y", "my_cnn.py line 7: x[%]"), "stdout": "\x1b & <"}
XSD = {  # of Jenkins's junit-10.xsd: an element's children, attributes, and those it must have
    "testsuites": ("testsuite", "name time tests failures errors", ""),
    "testsuite": (
        "testsuite properties testcase system-out system-err",
        "name tests failures errors group time skipped timestamp hostname id package file log url",
        "name tests failures errors",
    ),
    "testcase": (
        "skipped error failure system-out system-err",
        "name time classname group",
        "name",
    ),
    "failure": ("", "type message", ""),
    "skipped": ("", "type message", ""),
    "system-out": ("", "", ""),
}


def make_run(functions, age=False, known=(), **about):
    """Statuses by function; `about` goes to the run or to its settings."""
    findings = []
    for name, statuses in functions.items():
        aged = {"age": ("float-of-array", "line 1")} if age else {}
        outcomes = [
            Outcome(name, name, replace(CASE, name=f"q{n}"), status, **aged, **WRONG)
            for n, status in enumerate(statuses)
        ]
        findings.append(Finding(name, name, tuple(outcomes), ours=f"functional.{name}"))
    own = ("fault", "error", "wanted", "drawn", "misfit")
    more = {key: about.pop(key) for key in own if key in about}
    settings = Settings(candidate="a/my_cnn.py", known=frozenset(known), **about)
    return Run(settings, "a/my_cnn.py", findings=tuple(findings), seconds=1.5, **more)


MIXED = make_run(
    {"conv_forward": ["ok", "WRONG", "known"], "zero_pad": ["DEVIATES"], "f": ["not attempted"]},
    points={"conv_forward": 4, "zero_pad": 2},
    drawn=Drawn(0, (Outcome("zero_pad", "zero_pad", replace(CASE, name="drawn-1"), "WRONG"),)),
)
GONE = make_run({}, fault="unloadable", error="a\x1b.py cannot be loaded", points={"f": 3})


@parametrize_from_file(schema=defaults(age=False, strict=False, points={}, fault="", known=()))
def test_the_rule(functions, points, age, strict, fault, known, expected):
    """Points of a function: its share of what is right of what could be asked."""
    made = make_run(functions, age, known, points=points, strict=strict, fault=fault)
    marks = {mark.name: (mark.points, mark.worth) for mark in grade(made)}
    assert marks == {name: tuple(mark) for name, mark in expected.items()}


def write(name, *runs):
    return FORMATS[name].write(runs)


def test_gradescope():
    """score, output, execution_time, and tests with score, max_score, status, name, output."""
    told = json.loads(write("gradescope", MIXED))
    assert told.keys() == {"score", "output", "execution_time", "tests"}
    assert (told["score"], told["execution_time"]) == (pytest.approx(3.333333), 1.5)
    assert [(t["score"], t["max_score"], t["status"]) for t in told["tests"]] == [
        (1.333333, 4, "failed"),
        (2, 2, "passed"),
        (0, 1, "failed"),
    ]
    assert {key for test in told["tests"] for key in test} == {
        *("score", "max_score", "status", "name", "output")
    }
    assert "1 ok      1 WRONG      1 known" in told["tests"][0]["output"]
    assert "1 of 2 functions differs." in told["output"]


def test_prairielearn():
    """gradable, score from 0 to 1, message, and tests with points and max_points."""
    told = json.loads(write("prairielearn", MIXED))
    assert told.keys() == {"gradable", "score", "message", "tests"}
    assert (told["gradable"], told["score"]) == (True, pytest.approx(3.333333 / 7))
    assert [(t["points"], t["max_points"]) for t in told["tests"]] == [
        (1.333333, 4),
        (2, 2),
        (0, 1),
    ]
    assert {key for t in told["tests"] for key in t} == {"name", "points", "max_points", "message"}


def test_classroom50(monkeypatch):
    """classroom50/result/v1: whole points, and whose they are by the runner's environment."""
    known = {"CLASSROOM": "c", "ASSIGNMENT": "a", "USERNAME": "u", "SUBMISSION_TAG": "submit/1"}
    known |= {"COMMIT_URL": "https://c", "RELEASE_URL": "https://r"}
    for name in ("OWNER", "REVIEW_URL", *known):
        monkeypatch.delenv(name, raising=False)
        if name in known:
            monkeypatch.setenv(name, known[name])
    told = json.loads(write("classroom50", MIXED))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.pop("datetime"))
    rows = [("conv_forward", False, 1, 4), ("zero_pad", True, 2, 2), ("f", False, 0, 1)]
    keys = ("test-name", "passed", "score", "max-score")
    assert told.pop("tests") == [dict(zip(keys, row, strict=True)) for row in rows]
    about = {"schema": "classroom50/result/v1", "classroom": "c", "assignment": "a", "owner": "u"}
    about |= {"submission": "submit/1", "commit": "https://c", "release": "https://r"}
    assert told == {**about, "review": "https://c", "score": 3, "max-score": 7}


def test_junit():
    """A testsuite a function and a testcase a question, as Jenkins's schema has it."""
    stale = make_run({"zero_pad": ["ok"]}, known=["zero_pad/q0.integers"], strict=True, age=True)
    root = ElementTree.fromstring(write("junit", MIXED, GONE, stale))
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "9", "5")
    for parent in root.iter():
        children, attributes, needed = (set(words.split()) for words in XSD[parent.tag])
        assert {child.tag for child in parent} <= children
        assert needed <= {*parent.keys()} <= attributes
    suites = [(suite.get("name"), *suite.attrib.values()) for suite in root]
    assert suites[0][1:] == ("a/my_cnn.py conv_forward", "3", "1", "0", "1")
    assert [suite.get("failures") for suite in root] == ["1", "1", "0", "1", "1", "1"]
    wrong = root.find("testsuite/testcase/failure")
    assert (wrong.get("type"), "line 7" in wrong.text) == ("WRONG", True)
    assert root.find("testsuite/testcase/system-out").text == r"\x1b & <"
    assert root[3].find("testcase/failure").text == r"a\x1b.py cannot be loaded"


def test_github():
    """An annotation a line, whose own characters are escaped."""
    finding, *others = MIXED.findings
    block = type("Block", (), {"outcome": finding.outcomes[1], "mistake": None, "looks": ()})
    block.call = ""
    shown = replace(MIXED, findings=(replace(finding, blocks=(block,)), *others))
    lines = write("github", shown, GONE, make_run({"a,b": []}, wanted=frozenset())).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        "::error file=a/my_cnn.py,title=conv_forward differs,line=7::  conv_"
    )
    assert "line 7: x[%25]%0A" in lines[0]
    assert lines[1].startswith("::error file=a/my_cnn.py,title=a drawn question is wrong::1 more")
    assert lines[2].endswith(r"title=cannot be loaded::a\x1b.py cannot be loaded")
    due = make_run({"f:g": ["not attempted"]}, wanted=frozenset({"f:g"}))
    assert write("github", due).endswith("title=f%3Ag is not there::not attempted")


def test_json_of_several():
    """A list of documents; of one its document."""
    assert json.loads(write("json", MIXED, GONE)) == [
        json.loads(write("json", run)) for run in (MIXED, GONE)
    ]


@pytest.mark.parametrize("fault", ["fault", "interrupted", "nothing"])
def test_nobody_is_graded_by_a_fault(fault):
    """Nor by a run without questions; a document is written of it, and a line."""
    run = make_run({}, fault=fault, error="a\nb")
    assert [name for name, form in FORMATS.items() if form.takes(run)] == ["json", "html"]
    assert all(form.takes(GONE) for form in FORMATS.values())
    assert re.fullmatch(rf"a/my_cnn.py   {fault} +a b", write_line(run, 12))


@parametrize_from_file(schema=defaults(strict=False, known=(), misfit=""))
def test_a_line_says_why(functions, strict, known, misfit, line):
    """What is not there though it must be, what is stale, and why there is nothing."""
    run = make_run(functions, strict=strict, known=known, misfit=misfit)
    assert write_line(run, 0).partition("points")[2].strip() == line


def test_a_line_of_many():
    """Verdict, points, and what fails or is not there."""
    told = "conv_forward, zero_pad (drawn)"
    assert write_line(MIXED, 12) == f"a/my_cnn.py   differs     3.333 of 7 points   {told}"
    assert (
        write_line(GONE, 0)
        == r"a/my_cnn.py  unloadable  0 of 3 points       a\x1b.py cannot be loaded"
    )
