"""The report for people, from findings made by hand."""

import re
from dataclasses import replace

import numpy as np

from verification import report, row, verdict
from verification.block import Run
from verification.diagnosis import Diagnosis
from verification.mistakes import Mistake
from verification.outcomes import Outcome
from verification.session import Finding

(SMALL,) = row.parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
(LARGE,) = row.parse("conv x=[1,5,6,1] w=[2,2,1,1] pad=1 fill=integers")
RIGHT = verdict.compare("dw", np.ones(3), np.ones(3), "float64")
WRONG = verdict.compare("dx", np.array([1.0, 5.0]), np.array([1.0, 2.0]), "float64")
CROP = Mistake(
    "crop", 3, ("conv_backward",), "the crop is empty", "cuts 0:-0", "What is x[0:-0]?", "x[0:n]"
)
TIES = replace(CROP, id="ties", title="every tie counts", does="x == max(x)", kind="convention")
AGE = replace(CROP, id="float", title="float of an array", does="took float(b)", change="b.item()")


def outcome(status, question=SMALL, function="conv_backward", **more):
    return Outcome(function, function, question, status, **more)


def finding(*outcomes, **more):
    function = outcomes[0].function if outcomes else "pool_forward"
    return Finding(function, function, outcomes, **more)


def run_of(*findings, **more):
    about = ("my_cnn", "npcnn", "ab12", "torch 2.13.0", "2.4.6", "3.11.7", 0, "float64", 1.25)
    return replace(Run(*about, findings, (CROP, TIES, AGE)), **more)


BAD = outcome("WRONG", verdicts=(WRONG, RIGHT))
BAD_LARGE = outcome("WRONG", LARGE, verdicts=(WRONG,))
OK = finding(outcome("ok", function="conv_forward", verdicts=(RIGHT,)))
DIFFERS = finding(BAD_LARGE, BAD, diagnosis=Diagnosis((CROP,), 2, 2), smallest=BAD)
MISSING = finding(outcome("not attempted", function="zero_pad"))


def test_a_report_to_the_letter():
    """One line a function in the contract's order, one block for the smallest failure."""
    text = report.as_text(run_of(OK, DIFFERS, MISSING, notes=["h5py is missing, passed over"]))
    assert (
        text
        == """\
my_cnn   npcnn contract   oracle torch 2.13.0   numpy 2.4.6   float64   seed 0
  note: h5py is missing, passed over

  conv_forward                        1 ok
  conv_backward                       2 WRONG
      smallest failing case   conv x=[1,2,2,1] w=[2,2,1,1] fill=integers
                              dx is wrong at 1 of 2 places; dw matches
          yours   oracle   dx[:]
          1 5     1 2      . #
      mistake                 the crop is empty
                              cuts 0:-0
      instead                 x[0:n]
                              your answer is, bit for bit, that of code with this mistake, \
in all 2 failing cases
      again                   python -m verification my_cnn --case \
'conv x=[1,2,2,1] w=[2,2,1,1] fill=integers' --only conv_backward
  not attempted: zero_pad

1 of 2 functions differs.   1 not attempted.   2 questions, 3 checks: 3 exact; 0 vacuous.   1.2 s"""
    )


def test_all_match():
    """And a function that is missing is no failure."""
    assert report.as_text(run_of(OK, MISSING)).endswith(
        "1 function, and all match.   1 not attempted.   "
        "1 question, 1 check: 1 exact; 0 vacuous.   1.2 s"
    )


def test_nothing_attempted_is_no_match():
    """Zero checks are not green."""
    text = report.as_text(run_of(MISSING))
    assert text.endswith("  not attempted: zero_pad\n\nNothing was attempted.")
    assert report.summary(run_of()) == ["", "Nothing was attempted."]


def test_the_last_line_agrees_in_number():
    """One function differs, two differ; the evidence is counted, the commoner kind first."""
    other = finding(outcome("CRASH", function="zero_pad"), smallest=outcome("CRASH"))
    bounded = finding(*[outcome("ok", evidence="bounded", function="conv_forward")] * 4)
    (*_, line) = report.summary(run_of(DIFFERS, bounded, other))
    assert line == (
        "2 of 3 functions differ.   2 questions, 7 checks: 4 bounded, 3 exact; 0 vacuous.   1.2 s"
    )


def test_what_lies_outside_the_contract_is_counted_and_no_more():
    """A function that is asked nothing at all is none that matches."""
    lines = report.function(run_of(OK), replace(OK, outside=33))
    assert lines == ["  conv_forward                        1 ok     33 outside"]
    outside = Finding("pool_forward", "pool_forward", (), 12)
    assert report.function(run_of(outside), outside) == [
        "  pool_forward                       12 outside"
    ]
    (*_, line) = report.summary(run_of(OK, outside))
    assert line.startswith("1 function, and all match.")


def test_the_counts_stand_in_one_order():
    """Right, deviating, wrong, unjudged, outside; whatever came first."""
    statuses = ["not judged", "MEMORY", "WRONG", "ok", "TIMEOUT", "DEVIATES", "CRASH"]
    (line, *_) = report.function(run_of(), finding(*map(outcome, statuses), outside=2))
    _, counts = line.split("conv_backward")
    assert " ".join(counts.split()) == (
        "1 ok 1 DEVIATES 1 WRONG 1 CRASH 1 TIMEOUT 1 MEMORY 1 not judged 2 outside"
    )


def test_an_error_of_age_has_a_block_before_that_of_a_mistake():
    """Mended, the function may still be wrong."""
    crash = outcome("CRASH", message="TypeError: only 0-dimensional arrays", mended=BAD)
    found = finding(crash, age=AGE, diagnosis=Diagnosis((CROP,), 1, 1), smallest=BAD)
    labels = re.findall(r"^ {6}(\S+(?: \S+)*)", "\n".join(_block(found)), re.MULTILINE)
    assert labels == [
        *("age", "instead", "mended in flight"),
        *("smallest failing case", "mistake", "instead", "again"),
    ]


def _block(found):
    return report.function(run_of(found), found)[1:]


def test_a_function_that_stands_on_a_failing_one_is_said_to():
    """No case of it is shown."""
    unjudged = outcome("not judged", message="it stands on conv_forward, which fails")
    lines = report.function(run_of(), finding(unjudged, outcome("not judged", LARGE)))
    assert lines == [
        "  conv_backward                       2 not judged",
        "      not judged              it stands on conv_forward, which fails",
    ]


def test_a_convention_is_named_and_fails_nobody():
    """With the number of its cases."""
    found = finding(outcome("DEVIATES", deviations=("ties",)))
    assert report.function(run_of(found), found)[1:] == [
        "      convention              every tie counts (1 case)",
        "                              x == max(x)",
    ]
    assert "1 function, and all match." in report.summary(run_of(found))[-1]


def test_a_single_case_is_told_in_full():
    """Whether it is right or wrong; the smallest failing one would be the same again."""
    text = report.as_text(run_of(OK, DIFFERS), full=True)
    assert text.count("      case                    conv ") == 3
    assert "dw matches" in text
    assert "smallest failing case" not in text
    mended = outcome("CRASH", message="TypeError: only 0", mended=BAD)
    text = report.as_text(run_of(finding(mended, age=AGE, smallest=BAD)), full=True)
    assert "dx is wrong at 1 of 2 places" in text, "the mended answer is what is to be explained"


def test_an_exam_shows_no_expected_number_and_no_name():
    """Where the report without it does."""
    wrong = verdict.compare("dx", np.array([1.0, 5.0]), np.array([1.0, 271.0]), "float64")
    bad = outcome("WRONG", verdicts=(wrong,))
    found = replace(finding(bad), diagnosis=Diagnosis((CROP,), 1, 1), smallest=bad)
    telling, exam = (report.as_text(run_of(found, exam=exam)) for exam in (False, True))
    for secret in ("271", "the crop is empty", "cuts 0:-0", "x[0:n]"):
        assert secret in telling
        assert secret not in exam
    assert "hint                    What is x[0:-0]?" in exam
    assert "271" not in report.as_text(run_of(found, exam=True), full=True)


def test_colour_only_where_it_is_asked_for():
    """And nothing else differs."""
    plain, coloured = (report.as_text(run_of(OK, DIFFERS), colour=on) for on in (False, True))
    assert "\033" not in plain
    assert "\033[32m    1 ok\033[0m" in coloured
    assert "\033[31;1m    2 WRONG\033[0m" in coloured
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == plain


VACUOUS = outcome("VACUOUS", message="only 2% of x matters, 5% must", function="conv_forward")


def test_a_pass_that_proves_nothing_is_no_match():
    """It is told, with the reason of the first; nothing differs, but that is not all."""
    late = replace(VACUOUS, question=LARGE, message="no known mistake would change the answer")
    found = finding(outcome("ok", function="conv_forward"), VACUOUS, late)
    assert report.function(run_of(found), found) == [
        "  conv_forward                        1 ok      2 VACUOUS",
        "      vacuous                 conv x=[1,2,2,1] w=[2,2,1,1] fill=integers",
        "                              only 2% of x matters, 5% must",
    ]
    assert report.summary(run_of(found))[-1] == (
        "1 function, and none differs.   2 questions, 3 checks: 3 exact; 2 vacuous.   1.2 s"
    )
    assert report.summary(run_of(found, DIFFERS))[-1].startswith("1 of 2 functions differs.")


def test_a_vacuous_case_in_full_has_its_reason_once():
    """Under its own line."""
    text = report.as_text(run_of(finding(VACUOUS)), full=True)
    assert text.count("only 2% of x matters, 5% must") == 1
    assert "\033[35;1m    1 VACUOUS\033[0m" in report.as_text(run_of(finding(VACUOUS)), colour=True)


def test_a_run_with_a_vacuous_pass_is_vacuous():
    """Unless something differs; nothing asked is nothing proved."""
    vacuous = finding(VACUOUS)
    runs = [run_of(OK), run_of(OK, vacuous), run_of(vacuous, DIFFERS), run_of(MISSING)]
    assert [run.verdict for run in runs] == ["match", "vacuous", "differs", "nothing"]
    statuses = [found.status for found in (OK, vacuous, finding(VACUOUS, BAD), DIFFERS)]
    assert statuses == ["ok", "vacuous", "differs", "differs"]


def test_the_rungs_are_counted_and_what_could_hide_is_told():
    """In the ladder's order; the middle one and the worst, of those that leave room."""
    real, checked = (
        replace(SMALL, fill="sparse"),
        replace(SMALL, fill="digits", check="adjoint"),
    )
    found = finding(
        outcome("ok", checked, chance=1 / 18),
        outcome("ok", real, evidence="bounded", missed=2e-7),
        outcome("ok", real, evidence="bounded", missed=3e-5),
        outcome("ok", chance=1 / 5000),
        outcome("ok", chance=1 / 9000),
    )
    assert report.summary(run_of(found))[:-2] == [
        "",
        "  2 exact, 2 rounding, 1 adjoint",
        "  a wrong coefficient hides from an output's exact check once in 5e+03 times, "
        "at worst once in 18",
        "  an error hides in a bound of 3e-05 of the output's root mean square, at worst of 3e-05",
    ]
    assert report.summary(run_of(OK))[:-1] == [""]
