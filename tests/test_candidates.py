"""Candidates as strangers write them: right ones pass, wrong ones are caught and named."""

import tomllib

import pytest

from verification import mistakes
from verification.judging import Session, Settings
from verification.measures.strangers import FOLDER, judge_wrong
from verification.measures.strength import run_all
from verification.questions import read, rung

WHOLE = {"taps", "cs231n_im2col", "functional_nhwc", "holberton"}
"""One of each contract, asked everything; the others are asked small questions."""
ROWS = tomllib.loads((FOLDER / "wrong.toml").read_text(encoding="utf-8"))
KNOWN = {mistake.id: mistake for mistake in mistakes.read()}
ALL = read()
SMALL = [question for question in ALL if question.work <= 500 or rung(question) == "wide"]
PAIRS = 3


def thin(asked, step=5):
    """Of each operation and rung every fifth, and all that part float16 from tf32."""
    groups = {}
    for question in asked:
        groups.setdefault((question.op, rung(question)), []).append(question)
    kept = {id(question) for group in groups.values() for question in group[::step]}
    return [q for q in asked if id(q) in kept or getattr(q, "fill", "") == "wide"]


FEW = thin(SMALL)


@pytest.fixture
def ask(monkeypatch):
    """Let sessions ask these questions."""
    return lambda questions: monkeypatch.setattr(Session, "_questions", lambda session: questions)


def judge(path, **settings):
    """What the judge finds in a file, function by function."""
    layout = "nhwc" if "nhwc" in path.name else "nchw"
    with Session(Settings(candidate=str(path), layout=layout, **settings)) as session:
        return {finding.function: finding for finding in session.run().findings}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("path", sorted((FOLDER / "right").glob("*.py")), ids=lambda p: p.stem)
def test_right_candidates_pass(ask, path, dtype):
    """In every style, without a false alarm."""
    whole = path.stem in WHOLE and dtype == "float64"
    ask(ALL if whole else SMALL if dtype == "float64" else FEW)
    found = judge(path, dtype=dtype)
    assert {finding.status for finding in found.values()} <= {"ok", "deviates", "not attempted"}
    assert any(finding.outcomes for finding in found.values())
    assert {name for f in found.values() for name in f.deviations} <= {"wider-result"}


def choose():
    """One row for every mistake, in one function and another by turns; and a few pairs."""
    rows = {}
    for row in ROWS["wrong"]:
        rows.setdefault(row["mistake"], []).append(row)
    return [found[i % len(found)] for i, found in enumerate(rows.values())] + ROWS["two"][:PAIRS]


def test_wrong_candidates_are_caught_and_named(ask, capsys):
    """All are caught, 95 % blamed on the right function, 90 % named.

    Few questions show most of them; the others are asked all small ones.
    """
    ask(FEW)
    rows = choose()
    verdicts = run_all(judge_wrong, rows, 2)
    ask(SMALL)
    left = [i for i, verdict in enumerate(verdicts) if not (verdict["named"] and verdict["blamed"])]
    for i, verdict in zip(left, run_all(judge_wrong, [rows[i] for i in left], 2)):
        verdicts[i] = verdict
    rates = {key: sum(v[key] for v in verdicts) / len(rows) for key in ("blamed", "named")}
    with capsys.disabled():
        print(f"\n{len(rows)} wrong candidates: {rates}", end=" ")
        print([verdict["id"] for verdict in verdicts if not verdict["named"]])
    assert [verdict["id"] for verdict in verdicts if not verdict["caught"]] == []
    assert rates["blamed"] >= 0.95
    assert rates["named"] >= 0.90


def test_every_mistake_has_a_wrong_candidate():
    """But the one that shows in float32 alone."""
    shown = {row["mistake"] for row in ROWS["wrong"]}
    assert shown | {"wider-result"} == set(KNOWN)
    assert {name for row in ROWS["two"] for name in row["mistakes"]} <= shown


def test_a_wider_result_is_a_convention(ask):
    """float32 in, float64 out."""
    ask(FEW)
    found = judge(FOLDER / "template.py", dtype="float32")
    assert found["conv_backward"].deviations == ["wider-result"]
    assert found["pool_forward"].status == "deviates"


def test_the_assignments_template(ask):
    """Age named and mended, the crop named, ties as a convention, everything else right."""
    ask(SMALL)
    found = judge(FOLDER / "template.py")
    assert {name: finding.status for name, finding in found.items()} == {
        "zero_pad": "ok",
        "conv_single_step": "ok",
        "conv_forward": "ok",
        "conv_backward": "differs",
        "create_mask_from_window": "deviates",
        "distribute_value": "ok",
        "pool_forward": "ok",
        "pool_backward": "deviates",
    }
    step, crop = found["conv_single_step"], found["conv_backward"].diagnosis
    assert step.age.id == "float-of-array"
    assert all(outcome.age for outcome in step.outcomes)
    assert [mistake.id for mistake in crop.mistakes] == ["pad-0-crop"]
    assert crop.is_whole
    assert found["pool_backward"].deviations == ["ties-all"]


@pytest.mark.parametrize(
    ("name", "status"), [("template_unfilled.py", "not attempted"), ("session.ipynb", "ok")]
)
def test_all_eight_functions(ask, name, status):
    """Of a template with its blanks none is attempted; of a notebook the training is not run."""
    ask(SMALL)
    found = judge(FOLDER / name)
    assert [finding.status for finding in found.values()] == [status] * 8
