import json

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

1 of 3 functions differs.   2 questions, 3 checks: 3 exact.   1.2 s"""
    )


def test_all_match():
    """And a function that is missing is no failure."""
    assert report.as_text(run_of(OK, MISSING)).endswith(
        "2 functions, and all match.   1 question, 1 check: 1 exact.   1.2 s"
    )
    assert run_of(OK, MISSING).verdict == "match"


def test_nothing_attempted_is_no_match():
    """Zero checks are not green."""
    assert report.as_text(run_of(MISSING)).endswith("Nothing was attempted.")
    assert (run_of(MISSING).verdict, run_of().verdict) == ("nothing", "nothing")


def test_a_crash_is_told_in_its_own_words_with_what_it_printed():
    """Cut at 500 characters."""
    crash = outcome("CRASH", message="IndexError: 7", stdout="here\n" + 600 * "x")
    text = report.as_text(run_of(crash))
    assert "1 CRASH" in text
    assert "IndexError: 7" in text
    assert "printed                 here\nx" in text
    assert text.count("x" * 495) == 1
    assert "x" * 496 not in text


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


def test_json_has_every_key_of_schema_1():
    """Sorted; the same for two runs but for `seconds`."""
    written = report.as_json(run_of(OK, BAD, MISSING))
    document = json.loads(written)
    assert written == json.dumps(document, indent=1, sort_keys=True)
    assert {
        k: document[k] for k in ("schema", "verdict", "checks", "seed", "dtype", "seconds")
    } == {
        "schema": 1,
        "verdict": "differs",
        "checks": 2,
        "seed": 0,
        "dtype": "float64",
        "seconds": 1.25,
    }
    assert document["oracle"] == {"name": "torch", "version": "2.13.0"}
    assert set(document["candidate"]) == {"path", "sha256", "contract", "python", "numpy"}
    by_name = {function["name"]: function for function in document["functions"]}
    assert {name: function["status"] for name, function in by_name.items()} == {
        "conv_forward": "ok",
        "conv_backward": "differs",
        "zero_pad": "not attempted",
    }
    assert set(by_name["conv_backward"]) == {
        *("name", "op", "status", "ok", "wrong", "crash", "timeout", "memory", "deviates"),
        *("not_judged", "outside", "mistakes"),
    }
    case = document["cases"][1]
    assert set(case) == {
        *("id", "function", "level", "status", "evidence", "outputs", "mistake", "message"),
        *("stdout", "seconds", "repro"),
    }
    assert case["outputs"][0] == {
        "name": "dx",
        "status": "WRONG",
        "wrong": 1,
        "of": 2,
        "message": "",
        "worst": {"index": [1], "got": 5.0, "want": 2.0, "error": 3.0, "bound": 0.0},
    }
    assert case["outputs"][1]["worst"] is None


def test_json_has_no_nan():
    """NaN and infinities are not JSON: they are named."""
    found = verdict.compare("y", np.array([np.nan]), np.array([-np.inf]), "float64")
    written = report.as_json(run_of(outcome("WRONG", verdicts=(found,))))
    worst = json.loads(written, parse_constant=pytest.fail)["cases"][0]["outputs"][0]["worst"]
    assert (worst["got"], worst["want"], worst["error"]) == ("nan", "-inf", "nan")
