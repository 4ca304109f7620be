import json

import numpy as np
import pytest

from verification import document, row, verdict
from verification.judge import Outcome
from verification.report import Run

(SMALL,) = row.parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
RIGHT = verdict.compare("dw", np.ones(3), np.ones(3), "float64")
WRONG = verdict.compare("dx", np.array([1.0, 5.0]), np.array([1.0, 2.0]), "float64")


def run_of(*outcomes):
    names = ["conv_forward", "conv_backward", "zero_pad"]
    about = ("my_cnn", "npcnn", "ab12", "torch 2.13.0", "2.4.6", "3.11.7", 0, "float64", 1.25)
    return Run(*about, names, outcomes)


def outcome(status, function="conv_backward", **more):
    return Outcome(function, function, SMALL, status, **more)


OK = outcome("ok", "conv_forward", verdicts=(RIGHT,))
BAD = outcome("WRONG", verdicts=(WRONG, RIGHT))
MISSING = outcome("not attempted", "zero_pad")


def test_json_has_every_key_of_schema_1():
    """Sorted; the same for two runs but for `seconds`."""
    written = document.as_json(run_of(OK, BAD, MISSING))
    loaded = json.loads(written)
    assert written == json.dumps(loaded, indent=1, sort_keys=True)
    assert {k: loaded[k] for k in ("schema", "verdict", "checks", "seed", "dtype", "seconds")} == {
        "schema": 1,
        "verdict": "differs",
        "checks": 2,
        "seed": 0,
        "dtype": "float64",
        "seconds": 1.25,
    }
    assert loaded["oracle"] == {"name": "torch", "version": "2.13.0"}
    assert set(loaded["candidate"]) == {"path", "sha256", "contract", "python", "numpy"}
    by_name = {function["name"]: function for function in loaded["functions"]}
    assert {name: function["status"] for name, function in by_name.items()} == {
        "conv_forward": "ok",
        "conv_backward": "differs",
        "zero_pad": "not attempted",
    }
    assert set(by_name["conv_backward"]) == {
        *("name", "op", "status", "ok", "wrong", "crash", "timeout", "memory", "deviates"),
        *("not_judged", "outside", "mistakes"),
    }
    case = loaded["cases"][1]
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
    written = document.as_json(run_of(outcome("WRONG", verdicts=(found,))))
    worst = json.loads(written, parse_constant=pytest.fail)["cases"][0]["outputs"][0]["worst"]
    assert (worst["got"], worst["want"], worst["error"]) == ("nan", "-inf", "nan")
