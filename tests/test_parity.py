"""Every question of every file, put to npcnn and to the oracle, in both dtypes."""

from pathlib import Path

import parametrize_from_file
import pytest

from verification import candidate, judge, oracle, questions, report

NPCNN = candidate.load("npcnn")


def load(path):
    read = questions.read(Path(path))
    return {"questions": [_item(question) for part in read.values() for question in part]}


def _item(question):
    return {"id": f"{question.op}/{question.id}", "case": question}


def every_case(name):
    path = questions.FOLDER / name
    return parametrize_from_file(path=path, key="questions", loaders={".toml": load})


def assert_all_ok(case, dtype):
    checks = judge.plan(NPCNN, [case], lambda *_: True)
    outcomes = list(judge.run(NPCNN, checks, seed=0, dtype=dtype))
    assert outcomes, "no function was asked"
    failed = [outcome for outcome in outcomes if outcome.status != "ok"]
    names = [function.name for function in NPCNN.contract.functions]
    run = report.Run("npcnn", "npcnn", "", "torch", "", "", 0, dtype, 0.0, names, failed)
    assert not failed, report.as_text(run)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case("conv.toml")
def test_convolutions(case, dtype):
    assert_all_ok(case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case("max_pool.toml")
def test_max_pools(case, dtype):
    assert_all_ok(case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case("avg_pool.toml")
def test_average_pools(case, dtype):
    assert_all_ok(case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case("helpers.toml")
def test_helpers(case, dtype):
    assert_all_ok(case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case("layers.toml")
def test_layers_of_real_networks(case, dtype):
    assert_all_ok(case, dtype)


@every_case("invalid.toml")
def test_wrong_calls(case):
    assert_all_ok(case, "float64")


def test_every_file_is_named_here():
    """A file that no test names would never be asked."""
    source = Path(__file__).read_text(encoding="utf-8")
    files = [path.name for path in questions.FOLDER.iterdir()]
    assert sorted(files) == sorted(name for name in files if f'@every_case("{name}")' in source)


def test_a_wrong_answer_fails(monkeypatch):
    """The comparison behind this file is not empty."""
    monkeypatch.setattr(oracle, "answers", lambda case, given: {"y": given["x"] + 1})
    case = next(q for q in questions.read(questions.FOLDER / "layers.toml")["max_pool"])
    with pytest.raises(AssertionError, match="pool_forward"):
        assert_all_ok(case, "float64")
