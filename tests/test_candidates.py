"""Candidates as strangers write them: right ones pass, wrong ones are caught and named."""

import functools
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from verification import candidate, features, mistakes, questions, session, trial
from verification.mistakes import AGE, CONVENTION
from verification.mutants import forks
from verification.session import Rules

FOLDER = Path(__file__).parent / "candidates"
RIGHT = sorted((FOLDER / "right").glob("*.py"))
WHOLE = {"loops", "cs231n_naive", "functional_nhwc", "holberton"}
"""One of each contract, asked everything; the others are asked small questions."""
ROWS = tomllib.loads((FOLDER / "wrong.toml").read_text(encoding="utf-8"))
CATALOGUE = mistakes.read()
KNOWN = {mistake.id: mistake for mistake in CATALOGUE}
AGES = tuple(mistake for mistake in CATALOGUE if mistake.kind == AGE)
PARTS = 2
"""Processes that judge the wrong ones."""
SMALL = [q for q in questions.every() if q.work <= 500 or q.fill == "wide"]


def thinned(asked, step=5):
    """Of each operation and rung every fifth, and all that part float16 from tf32."""
    groups = {}
    for question in asked:
        groups.setdefault((question.op, features.rung(question)), []).append(question)
    kept = {id(q) for group in groups.values() for q in group[::step]}
    return [q for q in asked if id(q) in kept or getattr(q, "fill", "") == "wide"]


FEW = thinned(SMALL)
"""What the wrong ones are asked first, and the right ones in float32."""


def findings(path, asked, dtype="float64", first=False):
    """What the judge finds in a file, function by function."""
    layout = "nhwc" if "nhwc" in path.name else "nchw"
    with closing(candidate.load(str(path), layout=layout, ages=AGES)) as judged:
        checks, outside = trial.plan(judged, asked, lambda *_: True)
        rules = Rules(0, dtype, CATALOGUE, first)
        return {f.function: f for f in session.hold(judged, checks, outside, rules)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_right_candidates_pass(path, dtype):
    """In every style, without a false alarm."""
    whole = path.stem in WHOLE and dtype == "float64"
    small = FEW if dtype == "float32" else SMALL
    found = findings(path, questions.every() if whole else small, dtype)
    statuses = {f.status for f in found.values()}
    assert statuses <= {"ok", "deviates", "not attempted"}
    assert "ok" in statuses or dtype == "float32"
    assert {name for f in found.values() for name in f.deviations} <= {"wider-result"}


def edited(row):
    """The candidate's text: its base with a few lines written wrongly."""
    text = (FOLDER / row["base"]).read_text(encoding="utf-8")
    for old, new in row["edits"]:
        assert text.count(old) == 1, f"{row['base']}: {old!r} must occur once"
        text = text.replace(old, new)
    return text


def names_of(row):
    return set(row.get("mistakes", [row.get("mistake")]))


def one_of_each():
    """One row for every mistake, in one function and another by turns; and every pair."""
    rows = {}
    for row in ROWS["wrong"]:
        rows.setdefault(row["mistake"], []).append(row)
    return [found[i % len(found)] for i, found in enumerate(rows.values())] + ROWS["two"]


def judged(folder, number, row):
    """Whether the row's file is caught, blamed on the right function, and named.

    Few questions show most of them; the others are asked all.
    """
    path = folder / str(number) / Path(row["base"]).name
    path.parent.mkdir()
    path.write_text(edited(row), encoding="utf-8")
    told = verdict(row, findings(path, FEW))
    return told if told[1] else verdict(row, findings(path, SMALL))


def verdict(row, found):
    """What the findings come to: the mistakes, and whether it is caught, blamed and named."""
    differing = {name for name, finding in found.items() if finding.status == "differs"}
    finding = found[row["function"]]
    claimed = set(finding.deviations)
    claimed |= {finding.age.id} if finding.age else set()
    if finding.diagnosis:
        both = finding.diagnosis.mistakes + finding.diagnosis.others
        claimed |= {mistake.id for mistake in both}
    wanted = names_of(row)
    deviates = all(KNOWN[name].kind == CONVENTION for name in wanted) and finding.deviations
    caught = bool(differing or deviates)
    blamed = differing == {row["function"]} or (bool(deviates) and not differing)
    return sorted(wanted), caught, blamed, wanted <= claimed


def all_judged(folder, rows):
    return [judged(folder, number, row) for number, row in rows]


def test_wrong_candidates_are_caught_and_named(tmp_path, capsys):
    """Every one is caught, 95 % are blamed on the right function, 90 % named rightly."""
    trial.prepare()
    rows = list(enumerate(one_of_each()))
    parts = {str(i): functools.partial(all_judged, tmp_path, rows[i::PARTS]) for i in range(PARTS)}
    results = [result for _, part in forks.run(parts, 600) for result in part]
    assert len(results) == len(rows)
    assert {(q.op, features.rung(q)) for q in FEW} == {(q.op, features.rung(q)) for q in SMALL}
    missed = [names for names, caught, _, _ in results if not caught]
    blamed, named = (sum(result[i] for result in results) / len(results) for i in (2, 3))
    unnamed = sorted("+".join(names) for names, _, _, ok in results if not ok)
    with capsys.disabled():
        print(f"\n{len(results)} wrong candidates, {len(results) - len(missed)} caught, ", end="")
        print(f"{blamed:.1%} blamed rightly, {named:.1%} named; not named: {unnamed}")
    assert missed == []
    assert blamed >= 0.95
    assert named >= 0.90


def test_every_mistake_has_a_wrong_candidate():
    """But the one that shows in float32 alone."""
    shown = {name for row in (*ROWS["wrong"], *ROWS["two"]) for name in names_of(row)}
    assert shown == set(KNOWN) - {"wider-result"}


def test_a_wider_result_is_a_convention():
    """float32 in, float64 out."""
    found = findings(FOLDER / "template.py", SMALL, "float32")
    assert found["conv_backward"].deviations == ["wider-result"]
    assert found["pool_forward"].status == "deviates"


def test_the_assignments_template():
    """Age named and mended, the crop named, ties as a convention, everything else right."""
    found = findings(FOLDER / "template.py", questions.every())
    assert {name: f.status for name, f in found.items()} == {
        "zero_pad": "ok",
        "conv_single_step": "differs",
        "conv_forward": "ok",
        "conv_backward": "differs",
        "create_mask_from_window": "deviates",
        "distribute_value": "ok",
        "pool_forward": "ok",
        "pool_backward": "deviates",
    }
    step = found["conv_single_step"]
    assert step.age.id == "float-of-array"
    assert {outcome.mended.status for outcome in step.outcomes} == {"ok"}
    crop = found["conv_backward"].diagnosis
    assert [mistake.id for mistake in crop.mistakes] == ["pad-0-crop"]
    assert crop.is_whole
    assert found["pool_backward"].deviations == ["ties-all"]


def test_an_unfilled_template_is_not_attempted():
    """None of its eight functions."""
    found = findings(FOLDER / "template_unfilled.py", SMALL)
    assert {f.status for f in found.values()} == {"not attempted"}
    assert len(found) == 8


def test_a_notebook():
    """Its functions are taken, its training is not run."""
    found = findings(FOLDER / "session.ipynb", SMALL)
    assert {f.status for f in found.values()} == {"ok"}
    assert len(found) == 8
