"""The report for machines, from findings made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from verification import document, row, verdict
from verification.block import Run
from verification.diagnosis import Diagnosis
from verification.mistakes import Mistake
from verification.outcomes import Outcome
from verification.session import Finding

(SMALL,) = row.parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
RIGHT = verdict.compare("dw", np.ones(3), np.ones(3), "float64")
WRONG = verdict.compare("dx", np.array([1.0, 5.0]), np.array([1.0, 2.0]), "float64")
CROP = Mistake("crop", 3, ("conv_backward",), "the crop is empty", "cuts", "What?", "x[0:n]")
FLIP = replace(CROP, id="flip", title="the kernel is flipped")
AGE = replace(CROP, id="float", title="float of an array", kind="age")


def outcome(status, function="conv_backward", **more):
    return Outcome(function, function, SMALL, status, **more)


def finding(*outcomes, **more):
    return Finding(outcomes[0].function, outcomes[0].op, outcomes, **more)


def run_of(*findings):
    about = ("my_cnn", "npcnn", "ab12", "torch 2.13.0", "2.4.6", "3.11.7", 0, "float64", 1.25)
    return Run(*about, findings, notes=["h5py is missing, passed over"])


def written(*findings):
    return json.loads(document.as_json(run_of(*findings)), parse_constant=pytest.fail)


OK = finding(outcome("ok", "conv_forward", verdicts=(RIGHT,)), outside=7)
BAD = finding(outcome("WRONG", verdicts=(WRONG, RIGHT)))
MISSING = finding(outcome("not attempted", "zero_pad"))


def test_json_has_every_key_of_schema_1():
    """Sorted; the same for two runs but for `seconds`."""
    text = document.as_json(run_of(OK, BAD, MISSING))
    loaded = json.loads(text)
    assert text == json.dumps(loaded, indent=1, sort_keys=True)
    told = ("schema", "verdict", "checks", "seed", "dtype", "seconds", "notes")
    assert {k: loaded[k] for k in told} == {
        "schema": 1,
        "verdict": "differs",
        "checks": 2,
        "seed": 0,
        "dtype": "float64",
        "seconds": 1.25,
        "notes": ["h5py is missing, passed over"],
    }
    assert loaded["oracle"] == {"name": "torch", "version": "2.13.0"}
    assert loaded["candidate"] == {
        "path": "my_cnn",
        "sha256": "ab12",
        "contract": "npcnn",
        "python": "3.11.7",
        "numpy": "2.4.6",
    }
    by_name = {function["name"]: function for function in loaded["functions"]}
    assert {name: function["status"] for name, function in by_name.items()} == {
        "conv_forward": "ok",
        "conv_backward": "differs",
        "zero_pad": "not attempted",
    }
    assert by_name["conv_forward"] == {
        **dict.fromkeys(("wrong", "crash", "timeout", "memory", "deviates", "not_judged"), 0),
        "vacuous": 0,
        **dict.fromkeys(("name", "op"), "conv_forward"),
        **dict.fromkeys(("mended_ok", "mended_wrong"), 0),
        "status": "ok",
        "ok": 1,
        "outside": 7,
        "mistakes": [],
        "deviations": [],
    }
    case = loaded["cases"][1]
    assert set(case) == {
        *("id", "function", "level", "status", "evidence", "outputs", "mistake", "message"),
        *("stdout", "seconds", "repro", "rung", "missed", "chance"),
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
    assert case["repro"].startswith("python -m verification my_cnn --case ")


def test_every_status_is_counted_under_its_name():
    """In small letters, without spaces."""
    statuses = ["ok", "WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES", "not judged"]
    many = [outcome(status) for times, status in enumerate(statuses, 1) for _ in range(times)]
    (function,) = written(finding(*many))["functions"]
    keys = ("ok", "wrong", "crash", "timeout", "memory", "deviates", "not_judged")
    assert [function[key] for key in keys] == [1, 2, 3, 4, 5, 6, 7]


def test_json_has_no_nan():
    """NaN and infinities are not JSON: they are named."""
    found = verdict.compare("y", np.array([np.nan]), np.array([-np.inf]), "float64")
    loaded = written(finding(outcome("WRONG", verdicts=(found,))))
    worst = loaded["cases"][0]["outputs"][0]["worst"]
    assert (worst["got"], worst["want"], worst["error"]) == ("nan", "-inf", "nan")


def test_a_mistake_that_explains_all_is_named_in_every_failing_case():
    """Not in those that are right; two mistakes are named together."""
    outcomes = [outcome("ok"), outcome("CRASH"), outcome("WRONG")]
    loaded = written(finding(*outcomes, diagnosis=Diagnosis((CROP,), 2, 2)))
    assert [case["mistake"] for case in loaded["cases"]] == [None, "crop", "crop"]
    loaded = written(finding(*outcomes, diagnosis=Diagnosis((CROP, FLIP), 2, 2)))
    assert [case["mistake"] for case in loaded["cases"]] == [None, "crop + flip", "crop + flip"]
    assert loaded["functions"][0]["mistakes"] == [
        {"id": "crop", "title": "the crop is empty", "explains": 2, "of": 2},
        {"id": "flip", "title": "the kernel is flipped", "explains": 2, "of": 2},
    ]


def test_a_mistake_that_explains_some_is_told_of_the_function_alone():
    """Nobody knows which cases are the others."""
    loaded = written(finding(*[outcome("WRONG")] * 3, diagnosis=Diagnosis((CROP,), 2, 3)))
    assert [case["mistake"] for case in loaded["cases"]] == [None] * 3
    (mistake,) = loaded["functions"][0]["mistakes"]
    assert (mistake["explains"], mistake["of"]) == (2, 3)


def test_an_error_of_age_stands_before_the_mistakes():
    """With what came of its mending."""
    aged = [outcome("CRASH", mended=outcome(status)) for status in ("ok", "ok", "WRONG")]
    loaded = written(finding(*aged, age=AGE, diagnosis=Diagnosis((CROP,), 1, 1)))
    (function,) = loaded["functions"]
    assert [mistake["id"] for mistake in function["mistakes"]] == ["float", "crop"]
    assert function["mistakes"][0]["explains"] == function["mistakes"][0]["of"] == 3
    assert (function["mended_ok"], function["mended_wrong"]) == (2, 1)
    assert [case["mistake"] for case in loaded["cases"]] == ["float"] * 3


def test_conventions_are_named_by_function_and_case():
    """Each once for the function."""
    tied, both = (outcome("DEVIATES", deviations=d) for d in (("ties",), ("db-shape", "ties")))
    loaded = written(finding(outcome("ok"), tied, both))
    assert loaded["functions"][0]["deviations"] == ["db-shape", "ties"]
    assert loaded["functions"][0]["status"] == "deviates"
    assert [case["mistake"] for case in loaded["cases"]] == [None, "ties", "db-shape"]
    assert loaded["verdict"] == "match"


def test_nothing_is_the_verdict_of_nothing():
    """No function, or none that is there."""
    assert (written()["verdict"], written(MISSING)["verdict"]) == ("nothing", "nothing")
    assert written(MISSING)["checks"] == 0
