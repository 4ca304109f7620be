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
from verification.mistakes import Diagnosis, Mistake, read
from verification.questions import Refusal, parse
from verification.reports import display, document, planes, text

(SMALL,) = parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
(LARGE,) = parse("conv x=[1,5,6,1] w=[2,2,1,1] pad=1 fill=integers")
(PROOF,) = parse("conv x=[1,5,6,1] w=[2,2,1,1] check=proof")
NAMED = replace(SMALL, name="plain", why="the plainest there is")
RIGHT = compare("dW", np.ones(3), np.ones(3), "float64")
WRONG = compare("dA_prev", np.array([1.0, 5.0]), np.array([1.0, 271.0]), "float64")
CROP = Mistake(
    "crop", 3, ("conv_backward",), "the crop is empty", "cuts 0:-0", "What is x[0:-0]?", "x[0:n]"
)
FLIP = replace(CROP, id="flip", title="the kernel is flipped", change="W as it is")
AGE = replace(CROP, id="float", title="float of an array", does="took float(b)", change="b.item()")
TIES = next(mistake for mistake in read() if mistake.kind == "convention")


def outcome(status, question=SMALL, function="conv_backward", **more):
    return Outcome(function, function, question, status, **more)


def finding(*outcomes, **more):
    function = outcomes[0].function if outcomes else "conv_backward"
    return Finding(function, function, outcomes, **more)


def run_of(*findings, notes=(), **settings):
    known = {"sha256": "ab12", "oracle": "torch 2.13.0", "numpy": "2.4.6", "python": "3.11.7"}
    settings = Settings(**{"candidate": "my_cnn.py", **settings})
    return Run(settings, "my_cnn.py", "npcnn", **known, notes=notes, findings=findings, seconds=1.2)


BAD = outcome("WRONG", comparisons=(WRONG, RIGHT))
OK = finding(outcome("ok", function="conv_forward", comparisons=(RIGHT,)))
DIFFERS = finding(
    outcome("WRONG", LARGE, comparisons=(WRONG,)),
    BAD,
    diagnosis=Diagnosis((CROP,), 2, 2),
    smallest=BAD,
)
MISSING = finding(outcome("not attempted", function="zero_pad"))


def block(run, found, full=False):
    """What stands under a finding's counts, without the room in front of its lines."""
    return [line.strip() for line in text.write_finding(run, found, full=full)[1:]]


def test_a_report_to_the_letter():
    """A line a function in the contract's order, a block for the smallest failure."""
    run = run_of(OK, DIFFERS, MISSING, notes=["h5py is missing, passed over"])
    assert (
        text.write_text(run)
        == """\
my_cnn.py   npcnn contract   oracle torch 2.13.0   numpy 2.4.6   float64   seed 0
  note: h5py is missing, passed over

  conv_forward                        1 ok
  conv_backward                       2 WRONG
      smallest failing case   conv x=[1,2,2,1] w=[2,2,1,1] fill=integers
                              dA_prev is wrong at 1 of 2 places; dW matches
          yours   oracle    dA_prev[:]
          1 5       1 271   . #
      mistake                 the crop is empty
                              cuts 0:-0
      instead                 x[0:n]
                              your answer is, bit for bit, that of code with this mistake, \
in all 2 failing cases
      again                   python -m verification my_cnn.py --case \
'conv x=[1,2,2,1] w=[2,2,1,1] fill=integers' --only conv_backward
  not attempted: zero_pad

1 of 2 functions differs.   1 not attempted.   2 questions, 3 checks: 3 exact.   1.2 s"""
    )


@parametrize_from_file
def test_a_question_can_be_asked_again(settings, named, command):
    """The same question, with the same numbers."""
    asked = outcome("WRONG", NAMED if named else SMALL)
    assert text.write_command(run_of(**settings), asked) == command


@parametrize_from_file
def test_a_line_of_counts(statuses, outside, line):
    """Whatever came first; colour changes nothing but colour."""
    found = finding(*map(outcome, statuses), outside=outside)
    plain, coloured = (text.write_finding(run_of(), found, colour)[0] for colour in (False, True))
    assert plain == line
    assert "\033[" in coloured
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == plain


@parametrize_from_file
def test_a_claim(diagnosis, mistakes, status, claim):
    """All cases or so many of so many; exactly or nearly."""
    bad = outcome(status, comparisons=(WRONG,))
    found = finding(bad, smallest=bad, diagnosis=Diagnosis((CROP, FLIP)[:mistakes], **diagnosis))
    assert block(run_of(), found)[-2] == claim


@parametrize_from_file
def test_the_last_line(functions, line):
    """Zero checks are not green; what is not judged, not there or outside does not fail."""
    run = run_of(*(finding(*map(outcome, statuses), outside=1) for statuses in functions))
    assert text.write_summary(run)[-1] == line


def test_rungs_and_evidence_are_counted():
    """In the ladder's order; the commoner evidence first."""
    real = [outcome("ok", replace(SMALL, fill="sparse"), evidence="bounded")] * 2
    run = run_of(finding(outcome("ok", PROOF, evidence="proved"), *real))
    *_, ladder, empty, line = text.write_summary(run)
    assert (ladder, empty) == ("  2 rounding, 1 proof", "")
    assert "2 questions, 3 checks: 2 bounded, 1 proved." in line


def test_a_question_of_the_files_has_a_name_and_a_reason():
    """And a call that must be refused is told as a call."""
    named = outcome("WRONG", NAMED, comparisons=(WRONG,))
    assert block(run_of(), finding(named, smallest=named))[:3] == [
        "smallest failing case   conv_backward/plain.integers",
        SMALL.row,
        "why                     the plainest there is",
    ]
    refusal = Refusal("r", "zero_pad", {"pad": -1}, "ShapeError", ("pad",), "no pad")
    refused = outcome("WRONG", refusal, "zero_pad", message="got an answer")
    assert block(run_of(), finding(refused, smallest=refused))[:4] == [
        "smallest failing case   zero_pad/r",
        "zero_pad(pad=-1)",
        "why                     no pad",
        "got an answer",
    ]


def test_what_a_terminal_would_obey_is_shown_instead():
    """In messages, lines, prints, names and notes."""
    crash = outcome(
        "CRASH", message="IndexError: 7\nof \x1b[31m3", where=("line 4",), stdout="a\rb\n"
    )
    assert block(run_of(), finding(crash, smallest=crash))[1:-1] == [
        *("IndexError: 7", r"of \x1b[31m3", "line 4", r"printed                 a\rb"),
    ]
    evil = outcome("ok", function="\x1b[2Jf")
    gone = outcome("not attempted", function="\x1b[2Jg")
    run = replace(run_of(finding(evil), finding(gone), notes=["\x1b]0;"]), candidate="\x1b[2J.py")
    assert "\x1b" not in text.write_text(run)


def test_a_timeout_is_measured_by_what_was_answered():
    """Whether the function is slow or the question makes it hang."""
    lost = outcome("TIMEOUT", message="still running", kind="TIMEOUT")
    others = outcome("ok", seconds=0.25), outcome("DEVIATES", seconds=1.5)
    unlike = outcome("not judged", seconds=9.0), outcome("CRASH", seconds=8.0)
    lines = block(run_of(), finding(lost, *others, *unlike, smallest=lost))
    assert lines[1:3] == [
        "still running",
        "2 other questions answered, the slowest in 1.500 s",
    ]


def test_where_no_mistake_is_known_it_is_told_what_the_error_looks_like():
    """But not of a crash, whose own words say more."""
    found = finding(BAD, smallest=BAD, looks=("dA_prev: twice as large",))
    assert block(run_of(), found)[-3:-1] == [
        "mistake                 no known mistake fits",
        "dA_prev: twice as large",
    ]
    crash = outcome("CRASH", message="IndexError: 7")
    assert not any("mistake" in line for line in block(run_of(), finding(crash, smallest=crash)))


def test_a_wrong_shape_has_no_plane():
    """It is told."""
    misshapen = compare("db", np.ones(2), np.ones(3), "float64")
    bad = outcome("WRONG", comparisons=(misshapen,))
    assert block(run_of(), finding(bad, smallest=bad))[1] == (
        "db has shape (2,), it should be (3,)"
    )
    assert planes.draw(misshapen) == []


def test_age_inheritance_and_conventions_stand_below():
    """Each with its cases; a function that is right but for its age says so."""
    aged = outcome("ok", age=("float", "my_cnn.py line 4: float(b)"))
    found = finding(aged, aged, age=AGE)
    assert text.write_finding(run_of(), found) == [
        "  conv_backward                       2 ok (age)",
        "      age                     float of an array",
        "                              took float(b)",
        "                              my_cnn.py line 4: float(b)",
        "      instead                 b.item()",
        "      mended in flight        2 cases",
    ]
    assert run_of(found).verdict == "match"
    strict = run_of(found, strict=True)
    assert (strict.verdict, text.write_summary(strict)[-1][:25]) == (
        "differs",
        "1 of 1 function differs. ",
    )
    unjudged = outcome("not judged", message="it stands on zero_pad, which fails")
    tied = outcome("DEVIATES", deviations=(TIES.id,))
    assert block(run_of(), finding(unjudged, unjudged, tied)) == [
        "not judged              it stands on zero_pad, which fails",
        f"convention              {TIES.title} (1 case)",
        TIES.does,
    ]


def test_a_case_alone_is_told_in_full():
    """Whether it is right or wrong; one may be too few to prove a mistake."""
    full = text.write_text(run_of(OK, DIFFERS), full=True)
    assert full.count("      case                    conv ") == 3
    assert "dW matches" in full
    assert "smallest failing case" not in full
    assert "the crop" not in full


def test_an_exam_hides_numbers_and_names_everywhere():
    """In the text, in the document, in the session: what the telling ones show."""
    tied = finding(outcome("DEVIATES", function="pool_backward", deviations=(TIES.id,)))
    aged = finding(outcome("ok", function="zero_pad", age=("float", "line 4")), age=AGE)
    proof = outcome("WRONG", PROOF, "conv_forward", message="y[0] is 4, it should be 271")
    looks = finding(proof, smallest=proof, looks=("y: 271 too small",))
    secrets = ["271", "crop", "cuts", "0:n", TIES.id, TIES.title, "float of", "b.item"]
    for exam in False, True:
        run = run_of(DIFFERS, tied, aged, looks, exam=exam)
        told = display.Judgement(run)
        full = text.write_text(run, full=True)
        shown = "\n".join([repr(told), told.json, html.unescape(told._repr_html_()), full])
        assert [secret for secret in secrets if (secret in shown) == exam] == []
        assert ("What is x[0:-0]?" in shown) == exam or exam is False
    assert "fails the check 'proof'" in full


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


def test_numbers_of_a_plane():
    """Large sums differ in their last digits; others are rounded."""
    whole = compare("db", np.array([2.0**53 - 1]), np.array([2.0**53 - 2]), "float64")
    assert planes.draw(whole)[1].startswith("9007199254740991   9007199254740990")
    real = compare("db", np.array([1 / 3, np.nan]), np.array([2 / 3, np.inf]), "float64")
    assert planes.draw(real)[1].split() == ["0.333333", "nan", "0.666667", "inf", "#", "#"]


def load(*findings, **more):
    return json.loads(document.write_json(run_of(*findings, **more)), parse_constant=pytest.fail)


def test_json_has_every_key_of_schema_1():
    """Sorted, and no other."""
    written = document.write_json(run_of(OK, DIFFERS, MISSING, notes=["a note"]))
    assert written + "\n" == Path(__file__).with_name("schema_1.json").read_text(encoding="utf-8")


def test_json_has_no_nan():
    """NaN and infinities are not JSON: they are named."""
    odd = compare("y", np.array([np.nan]), np.array([-np.inf]), "float64")
    (case,) = load(finding(outcome("WRONG", comparisons=(odd,))))["cases"]
    worst = case["outputs"][0]["worst"]
    assert (worst["got"], worst["want"], worst["error"]) == ("nan", "-inf", "nan")


def test_mistakes_conventions_and_age_are_named_case_by_case():
    """A mistake where it explains all; two together; else what the case shows by itself."""
    cases = outcome("ok"), outcome("CRASH"), outcome("DEVIATES", deviations=("db-shape", "ties"))
    aged = outcome("ok", age=("float", "line 4"))
    both = load(finding(*cases, aged, age=AGE, diagnosis=Diagnosis((CROP, FLIP), 1, 1)))
    assert [c["mistake"] for c in both["cases"]] == [None, "crop + flip", "db-shape", "float"]
    (function,) = both["functions"]
    assert [mistake["id"] for mistake in function["mistakes"]] == ["float", "crop", "flip"]
    assert (function["age"], function["deviations"]) == (1, ["db-shape", "ties"])
    part = load(finding(*cases, diagnosis=Diagnosis((CROP,), 2, 3)))
    assert [c["mistake"] for c in part["cases"]] == [None, None, "db-shape"]


@pytest.mark.parametrize("fault", ["unloadable", "interrupted", "fault", "nothing"])
def test_a_run_that_has_no_end_is_a_document_too(fault):
    """With the reason, and with what had been found."""
    run = replace(run_of(OK), fault=fault, error="why")
    loaded = json.loads(document.write_json(run))
    assert (loaded["verdict"], loaded["error"], loaded["checks"]) == (fault, "why", 1)


def test_a_session_shows_itself():
    """As text, and as HTML that is escaped."""
    hostile = outcome("CRASH", message="<script>alert(1)</script> & more")
    told = display.Judgement(run_of(finding(hostile, smallest=hostile)))
    assert repr(told) == text.write_text(told.run)
    page = told._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert "<script" not in page
    assert (told.verdict, json.loads(told.json)["verdict"]) == ("differs", "differs")
    assert "monospace" in page


@pytest.mark.parametrize("candidate", [3, [], [3]])
def test_what_cannot_be_judged_is_refused(candidate):
    """At once, by its type."""
    with pytest.raises(TypeError, match="judge takes functions, a namespace or a name, got"):
        display.judge(candidate)
