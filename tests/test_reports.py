"""How a run is told, from findings made by hand: text, planes, JSON, an answer in a session."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest

from verification.judging import Finding, Outcome, Run, Settings
from verification.judging.compare import compare
from verification.mistakes import Diagnosis, Mistake
from verification.questions import Refusal, parse
from verification.reports import display, document, planes, text

(SMALL,) = parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
QUESTIONS = {
    "row": SMALL,
    "named": replace(SMALL, name="plain", why="the plainest there is"),
    "sparse": replace(SMALL, fill="sparse"),
    "large": parse("conv x=[1,5,6,1] w=[2,2,1,1] pad=1 fill=integers")[0],
    "proof": parse("conv x=[1,5,6,1] w=[2,2,1,1] check=proof")[0],
    "refusal": Refusal("r", "zero_pad", {"pad": -1}, "ShapeError", ("pad",), "no pad"),
}
COMPARED = {
    "right": compare("dW", np.ones(3), np.ones(3), "float64"),
    "wrong": compare("dA_prev", np.array([1.0, 5.0]), np.array([1.0, 271.0]), "float64"),
    "misshapen": compare("db", np.ones(2), np.ones(3), "float64"),
    "odd": compare("y", np.array([np.nan]), np.array([-np.inf]), "float64"),
}
CROP = Mistake(
    "crop", 3, ("conv_backward",), "the crop is empty", "cuts 0:-0", "What is x[0:-0]?", "x[0:n]"
)
FLIP = replace(CROP, id="flip", title="the kernel is flipped", change="W as it is")
AGE = replace(CROP, id="float", title="float of an array", does="took float(b)", change="b.item()")


def make_outcome(status, question="row", function="conv_backward", compared=(), **more):
    comparisons = tuple(COMPARED[name] for name in compared)
    return Outcome(function, function, QUESTIONS[question], status, comparisons=comparisons, **more)


def make_finding(outcomes, mistakes=0, diagnosis=None, age=False, **more):
    """The last failing outcome is the smallest; an outcome is a status, or a table."""
    rows = ({"status": row} if isinstance(row, str) else row for row in outcomes)
    made = [make_outcome(**row) for row in rows]
    known = Diagnosis((CROP, FLIP)[:mistakes], **diagnosis) if diagnosis else None
    smallest = [outcome for outcome in made if outcome.is_failing][-1:] or [None]
    function = made[0].function if made else "conv_backward"
    about = {"age": AGE if age else None, "diagnosis": known, "smallest": smallest[0], **more}
    return Finding(function, function, tuple(made), **about)


def make_run(findings, notes=(), **settings):
    """Findings are made already, or tables of how to make them."""
    made = [make_finding(**row) if isinstance(row, dict) else row for row in findings]
    known = {"sha256": "ab12", "oracle": "torch 2.13.0", "numpy": "2.4.6", "python": "3.11.7"}
    settings = Settings(**{"candidate": "my_cnn.py", **settings})
    return Run(settings, "my_cnn.py", "npcnn", **known, notes=notes, findings=made, seconds=1.2)


@parametrize_from_file(schema=parametrize_from_file.defaults(notes=(), full=False))
def test_a_report_to_the_letter(findings, notes, full, lines):
    """A line a function in the contract's order, a block for the smallest failure or for each."""
    assert text.write_text(make_run(findings, notes), full=full) == lines


@parametrize_from_file(schema=parametrize_from_file.defaults(settings={}))
def test_a_block(finding, settings, lines):
    """What stands under a function's counts, but for the command to ask again."""
    found = make_finding(**finding)
    told = [line.strip() for line in text.write_finding(make_run([], **settings), found)[1:]]
    assert [line for line in told if not line.startswith("again ")] == list(lines)


@parametrize_from_file
def test_a_question_can_be_asked_again(settings, question, command):
    """The same question, with the same numbers."""
    assert text.write_command(make_run([], **settings), make_outcome("WRONG", question)) == command


@parametrize_from_file
def test_a_line_of_counts(statuses, outside, line):
    """Whatever came first; colour changes nothing but colour."""
    found = make_finding(statuses, outside=outside)
    plain, coloured = (text.write_finding(make_run([]), found, colour)[0] for colour in (0, 1))
    assert plain == line
    assert "\033[" in coloured
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == plain


@parametrize_from_file(schema=parametrize_from_file.defaults(age=False, strict=False, verdict=""))
def test_the_last_line(functions, age, strict, verdict, line):
    """Zero checks are not green; what is not judged, not there or outside does not fail."""
    run = make_run([make_finding(row, outside=1, age=age) for row in functions], strict=strict)
    assert text.write_summary(run)[-1] == line
    assert run.verdict == verdict or line.startswith("Nothing")


def test_what_a_terminal_would_obey_is_shown_instead():
    """Wherever a stranger's words stand."""
    words = dict.fromkeys(("message", "stdout", "function"), "\x1b[2J")
    crash = make_finding([{"status": "CRASH", "where": ("\x1b[2J",), **words}])
    gone = make_finding([{"status": "not attempted", "function": "\x1b[2J"}])
    run = replace(make_run([crash, gone], ["\x1b[2J"]), candidate="\x1b[2J")
    told = text.write_text(run)
    assert ("\x1b" in told, told.count(r"\x1b[2J")) == (False, 8)


@parametrize_from_file
def test_a_run_with_something_of_everything(findings, secrets):
    """JSON has every key of schema 1, sorted, and no NaN; an exam hides numbers and names."""
    written = document.write_json(make_run(findings, ["h5py is missing"]))
    json.loads(written, parse_constant=pytest.fail)
    assert written + "\n" == Path(__file__).with_name("schema_1.json").read_text(encoding="utf-8")
    for exam in False, True:
        run = make_run(findings, exam=exam)
        told = display.Judgement(run)
        pages = [repr(told), told.json, told._repr_html_(), text.write_text(run, full=True)]
        shown = html.unescape("\n".join(pages))
        assert [secret for secret in secrets if (secret in shown) == exam] == []
    assert "What is x[0:-0]?" in shown
    assert "fails the check 'proof'" in shown


def test_a_session_shows_itself():
    """As text, and as HTML that is escaped."""
    hostile = {"status": "CRASH", "message": "<script>alert(1)</script> & more"}
    told = display.Judgement(make_run([make_finding([hostile])]))
    assert repr(told) == text.write_text(told.run)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in told._repr_html_()
    assert "<script" not in told._repr_html_()
    assert (told.verdict, json.loads(told.json)["verdict"]) == ("differs", "differs")


@pytest.mark.parametrize("candidate", [3, [], [3]])
def test_what_cannot_be_judged_is_refused(candidate):
    """At once, by its type."""
    with pytest.raises(TypeError, match="judge takes functions, a namespace or a name, got"):
        display.judge(candidate)


@parametrize_from_file
def test_a_plane(name, shape, at, first, head, lines):
    """Rows and columns wherever the contract has them, at most six by six."""
    want = np.zeros(shape)
    got = want.copy()
    got[at] = 1
    shown = planes.draw(compare(name, got, want, "float64"), first)
    assert shown[0].endswith(f"   {head}")
    assert len(shown) == lines
    assert sum(line.count("#") for line in shown) == 1


@parametrize_from_file
def test_numbers_of_a_plane(got, want, line):
    """Large sums differ in their last digits; others are rounded."""
    shown = planes.draw(compare("db", np.array(got), np.array(want), "float64"))
    assert shown[1] == line
