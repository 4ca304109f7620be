"""Code as people write it: right candidates give no alarm, wrong ones are caught and named.

A right candidate, npcnn or a file of tests/candidates/right, is asked a question of every operation
on every rung, others and other numbers with every seed, in both dtypes by turns.  A row of a table
such as tests/candidates/wrong.toml is a right file with a few texts written wrongly; the judge must
fail it, in no function but the one that is wrong, and name the mistake.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from verification import truth
from verification.candidates import Terms, load
from verification.judging import Finding, Session, Settings, Trial, plan
from verification.questions import Question, read, rung

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "candidates"
DTYPES = ("float64", "float32")
WORK = 500
"""Multiply-adds of the questions of a seed: loops answer them, too."""


def find_alarms(seeds: Sequence[int]) -> list[str]:
    """Whatever is not right of what right candidates answer."""
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in read():
        if question.work <= WORK:
            groups.setdefault((question.op, rung(question)), []).append(question)
    names, alarms = ["npcnn", *map(str, sorted((FOLDER / "right").glob("*.py")))], list[str]()
    with ExitStack() as stack:
        everybody = [
            stack.enter_context(closing(load(name, Terms(layout=find_layout(name), timeout=60))))
            for name in names
        ]
        for seed in seeds:
            truth.forget()
            chosen = [group[seed % len(group)] for group in groups.values()]
            for judged in everybody:
                checks, _ = plan(judged, chosen, lambda name, question: True)
                outcomes = Trial(judged, seed, DTYPES[seed % 2]).run(checks)
                wrong = [o for o in outcomes if o.is_failing or o.status == "not judged"]
                alarms += [f"{judged.name} {o.id}, seed {seed}: {o.status}" for o in wrong]
    return alarms


def judge_wrong(row: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a row's file is caught, blamed on the right function, and named."""
    with TemporaryDirectory() as folder:
        path = Path(folder, Path(row["base"]).name)
        path.write_text(write_wrong(row), encoding="utf-8")
        with Session(Settings(candidate=str(path), layout=find_layout(path.name))) as session:
            return grade(row, session.run().findings)


def write_wrong(row: Mapping[str, Any]) -> str:
    """A right file's text with a few texts written wrongly."""
    text: str = (FOLDER / row["base"]).read_text(encoding="utf-8")
    for old, new in row["edits"]:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} must stand once in {row['base']}")
        text = text.replace(old, new)
    return text


def grade(row: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """What the findings come to, beside what the row says is wrong."""
    failing = {finding.function for finding in findings if finding.failing}
    (finding,) = (one for one in findings if one.function == row["function"])
    claimed = {*finding.deviations, *([finding.age.id] if finding.age else [])}
    if found := finding.diagnosis:
        claimed |= {mistake.id for mistake in (*found.mistakes, *found.others)}
    wanted = set(row.get("mistakes", [row.get("mistake")]))
    return {
        "id": f"{'+'.join(sorted(wanted))} in {row['function']} of {row['base']}",
        "caught": bool(failing or claimed),
        "blamed": failing <= {row["function"]},
        "named": wanted <= claimed,
        "claimed": sorted(claimed),
    }


def find_layout(name: str) -> str:
    return "nhwc" if "nhwc" in name else "nchw"


def read_wrong(path: Path, text: str = "") -> list[Mapping[str, Any]]:
    """The rows of a table that contain this text."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [row for rows in tables.values() for row in rows if text in str(row)]
