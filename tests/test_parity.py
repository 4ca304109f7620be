"""Every question put to npcnn and to the oracle in float32; the README's run asks in float64."""

import contextlib
import re
from functools import partial
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest

from verification import candidate, covering, definition, oracle, questions, report, session, trial
from verification.block import Run
from verification.session import Rules

DTYPES = ("float32",)


@pytest.fixture(scope="module")
def npcnn():
    """One process for all questions; more threads would only wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        judged = candidate.load("npcnn")
    with contextlib.closing(judged):
        yield judged


def load(path):
    read = questions.read(Path(path))
    return {"questions": [_item(question) for part in read.values() for question in part]}


def _item(question):
    return {"id": f"{question.op}/{question.id}", "case": question}


def every_case(name):
    path = questions.FOLDER / name
    return parametrize_from_file(path=path, key="questions", loaders={".toml": load})


def everything(name):
    return True


def of_face(name, general):
    """Of npcnn's two faces, the general one or the passes."""
    return name.startswith("functional.") == general


def assert_faces_ok(judged, case):
    """Both faces."""
    for dtype in DTYPES:
        assert_all_ok(judged, case, dtype)


def assert_all_ok(judged, case, dtype, chosen=everything):
    """Every function that the question concerns answers as the oracle does."""
    checks, outside = trial.plan(judged, [case], lambda name, _: chosen(name))
    outcomes = list(trial.run(judged, checks, seed=0, dtype=dtype))
    assert outcomes, "no function was asked"
    assert not outside, "the contract takes every question"
    assert {outcome.status for outcome in outcomes} == {"ok"}, told(judged, checks, dtype)


def told(judged, checks, dtype):
    """The report, as a person would read it."""
    findings = list(session.hold(judged, checks, {}, Rules(0, dtype, ())))
    about = "npcnn", "npcnn", "", oracle.prepare(), np.__version__, judged.hello.python, 0
    return report.as_text(Run(*about, dtype, 0.0, findings))


@every_case("conv.toml")
def test_convolutions(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("max_pool.toml")
def test_max_pools(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("avg_pool.toml")
def test_average_pools(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("helpers.toml")
def test_helpers(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("layers.toml")
def test_layers_of_real_networks(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("witnesses.toml")
def test_witnesses(npcnn, case):
    assert_faces_ok(npcnn, case)


@pytest.mark.parametrize("case", covering.cases(), ids=lambda case: case.id)
def test_the_covering_set(npcnn, case):
    assert_faces_ok(npcnn, case)


@every_case("invalid.toml")
def test_wrong_calls(npcnn, case):
    assert_all_ok(npcnn, case, "float64")


def test_every_file_is_named_here():
    """A file that no test names would never be asked, and a name for no file neither."""
    source = Path(__file__).read_text(encoding="utf-8")
    files = [path.name for path in questions.FOLDER.iterdir()]
    assert sorted(files) == sorted(re.findall(r'^@every_case\("(.+)"\)$', source, re.MULTILINE))


def test_no_process_was_lost(npcnn):
    """All questions were answered by the one that was started."""
    assert npcnn.process.restarts == 0
    assert npcnn.notes == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_answer_fails(npcnn, monkeypatch, dtype):
    """The comparison behind this file is not empty; the failure is shown as a report."""
    honest = oracle.answers

    def lying(case, given):
        return {name: a + (name == "y") for name, a in honest(case, given).items()}

    monkeypatch.setattr(oracle, "answers", lying)
    case = next(iter(questions.read(questions.FOLDER / "layers.toml")["max_pool"]))
    assert case.work > definition.AFFORDABLE, "the definition would find the lie out"
    with pytest.raises(AssertionError, match=r"(?s)pool_forward +1 WRONG") as raised:
        assert_all_ok(npcnn, case, dtype, partial(of_face, general=False))
    assert "1 of 2 functions differs.   1 question, 2 checks" in str(raised.value)
    assert (f"--dtype {dtype}" in str(raised.value)) == (dtype == "float32")
