import numpy as np
import pytest

from verification import questions, report, row, verdict
from verification.judge import Outcome
from verification.report import Run

(SMALL,) = row.parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
(LARGE,) = row.parse("conv x=[1,5,6,1] w=[2,2,1,1] pad=1 fill=integers")
RIGHT = verdict.compare("dw", np.ones(3), np.ones(3), "float64")
WRONG = verdict.compare("dx", np.array([1.0, 5.0]), np.array([1.0, 2.0]), "float64")
MISSHAPEN = verdict.compare("db", np.ones(2), np.ones(3), "float64")


def run_of(*outcomes, dtype="float64", seed=0, seconds=1.25):
    names = ["conv_forward", "conv_backward", "zero_pad"]
    return Run(
        "my_cnn",
        "npcnn",
        "ab12",
        "torch 2.13.0",
        "2.4.6",
        "3.11.7",
        seed,
        dtype,
        seconds,
        names,
        outcomes,
    )


def outcome(status, question=SMALL, function="conv_backward", **more):
    return Outcome(function, function, question, status, **more)


OK = outcome("ok", function="conv_forward", verdicts=(RIGHT,))
BAD = outcome("WRONG", verdicts=(WRONG, RIGHT))
BAD_LARGE = outcome("WRONG", LARGE, verdicts=(WRONG,))
MISSING = outcome("not attempted", function="zero_pad")


def test_a_report_to_the_letter():
    """One line a function in the contract's order, one block for the smallest failure."""
    text = report.as_text(run_of(BAD_LARGE, BAD, MISSING, OK))
    assert (
        text
        == """\
my_cnn   npcnn contract   oracle torch 2.13.0   numpy 2.4.6   float64   seed 0

  conv_forward                        1 ok
  conv_backward                       2 WRONG
      smallest failing case   conv_backward/row.integers
                              conv x=[1,2,2,1] w=[2,2,1,1] fill=integers
                              dx is wrong at 1 of 2 places; dw matches
          yours   oracle   dx[:]
          1 5     1 2      . #
      again                   python -m verification my_cnn --case \
'conv x=[1,2,2,1] w=[2,2,1,1] fill=integers' --only conv_backward
  zero_pad                            1 not attempted

1 of 2 functions differs.   1 not attempted.   2 questions, 3 checks: 3 exact.   1.2 s"""
    )


def test_all_match():
    """And a function that is missing is no failure."""
    assert report.as_text(run_of(OK, MISSING)).endswith(
        "1 function, and all match.   1 not attempted.   1 question, 1 check: 1 exact.   1.2 s"
    )
    assert run_of(OK, MISSING).verdict == "match"


def test_nothing_attempted_is_no_match():
    """Zero checks are not green."""
    assert report.as_text(run_of(MISSING)).endswith("Nothing was attempted.")
    assert (run_of(MISSING).verdict, run_of().verdict) == ("nothing", "nothing")


def test_a_crash_is_told_in_its_own_words_with_what_it_printed():
    """Line by line, and what a terminal would obey is shown instead."""
    crash = outcome("CRASH", message="IndexError: 7\nof 3", stdout="here\x1b[31m\r\nthere\n")
    lines = report.as_text(run_of(crash)).splitlines()
    assert lines[2].endswith("1 CRASH")
    assert [line.strip() for line in lines[5:9]] == [
        "IndexError: 7",
        "of 3",
        r"printed                 here\x1b[31m\r",
        "printed                 there",
    ]


def test_a_wrong_shape_is_told():
    """Instead of a plane."""
    assert "db has shape (2,), it should be (3,)" in report.as_text(
        run_of(outcome("WRONG", verdicts=(MISSHAPEN,)))
    )


def test_a_single_case_is_told_in_full():
    """Whether it is right or wrong."""
    text = report.as_text(run_of(OK, BAD), full=True)
    assert text.count("      case                    conv_") == 2
    assert "dw matches" in text


def test_a_refusal_is_told_by_its_call():
    """And repeated by its id."""
    refusal = questions.Refusal("r", "zero_pad", {"pad": -1}, "ValueError", ("pad",), "no pad")
    text = report.as_text(run_of(outcome("WRONG", refusal, "zero_pad", message="got an answer")))
    assert "zero_pad/r" in text
    assert "zero_pad(pad=-1)" in text
    assert "why                     no pad" in text
    assert "python -m verification my_cnn --case zero_pad/r" in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [({}, ""), ({"seed": 3}, " --seed 3"), ({"dtype": "float32"}, " --dtype float32")],
)
def test_the_command_repeats_the_run(settings, words):
    """Seed and dtype included."""
    (case,) = questions.read(questions.FOLDER / "conv.toml")["conv"][:1]
    command = report.repeat(run_of(**settings), outcome("ok", case))
    assert command == f"python -m verification my_cnn --case conv_backward/{case.id}{words}"


def test_colour_only_where_it_is_asked_for():
    """And nothing else differs."""
    plain, coloured = (report.as_text(run_of(OK, BAD), colour=on) for on in (False, True))
    assert "\033" not in plain
    assert (
        coloured.replace("\033[32m", "").replace("\033[31;1m", "").replace("\033[0m", "") == plain
    )
