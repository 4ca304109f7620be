"""What a run is worth, by one rule, and how graders and CI read it: a thin writer a format.

    points of a function = what it is worth * right / asked

asked are the questions that its contract can express, but for those that were drawn; right are
those without a failure, conventions and ages of NumPy included unless strictly, and 0 where it is
not written.  A candidate that cannot be loaded has 0 points; where the harness failed, or was
interrupted, nobody is graded.
"""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from verification.judging import Finding, Outcome, Run
from verification.reports import text
from verification.reports.document import write_json
from verification.reports.page import write_page
from verification.reports.text import make_visible

GRADERS = tomllib.loads(Path(__file__).with_name("graders.toml").read_text(encoding="utf-8"))
COUNTS = {
    "tests": "testcase",
    "failures": "testcase/failure",
    "errors": "testcase/error",
    "skipped": "testcase/skipped",
}
"""What JUnit counts in a suite, and where it stands there."""


@dataclass(frozen=True)
class Mark:
    """A function's points, of those that it is worth, and what is to be said of it."""

    name: str
    points: float
    worth: float
    words: str


def grade(run: Run) -> list[Mark]:
    """A mark for each function that something is asked of, or the one of not being loadable."""
    if run.fault:
        worth = sum(run.settings.points.values()) or 1
        return [Mark("load", 0, worth, make_visible(run.error))]
    marks = []
    for finding in (finding for finding in run.findings if finding.outcomes):
        name, points = finding.ours, run.settings.points
        names = (finding.function, name, name.rpartition(".")[2])
        worth = next((points[one] for one in names if one in points), 1)
        right = sum(_is_right(run, outcome) for outcome in finding.outcomes)
        share = round(worth * right / len(finding.outcomes), 6)
        words = "\n".join(text.write_finding(run, finding)) or "not attempted"
        marks.append(Mark(make_visible(finding.function), share, worth, words))
    return marks


def write_line(run: Run, width: int) -> str:
    """A candidate among others: the verdict, the points, and what fails, or why it is nothing."""
    names = [finding.function for finding in run.differing]
    names += [f"{name} (drawn)" for name in sorted(text.find_drawn_failures(run))]
    names += [*text.list_due(run), *(f"{one} (stale)" for one in run.stale)]
    nothing = run.misfit.partition("\n")[0].rstrip(":") or "nothing was attempted"
    why = run.error or ", ".join(names) or nothing * (run.verdict == "nothing")
    points, worth = _add(grade(run))
    told = "" if run.fault not in ("", "unloadable") else f"{points:.4g} of {worth:g} points"
    line = f"{run.candidate:{width}}  {run.verdict:10}  {told:18}  {why}"
    return make_visible(line.replace("\n", " ").rstrip())


def _is_right(run: Run, outcome: Outcome) -> bool:
    return outcome.status in ("ok", "DEVIATES") and not (run.settings.strict and outcome.age)


def _add(marks: Sequence[Mark]) -> tuple[float, float]:
    """The points, and what all is worth."""
    return round(sum(mark.points for mark in marks), 6), sum(mark.worth for mark in marks)


def _write_all(runs: Sequence[Run]) -> str:
    documents = ",\n".join(map(write_json, runs))
    return f"[\n{documents}\n]" if len(runs) > 1 else documents


def _write_grades(grader: str, runs: Sequence[Run]) -> str:
    """A run in the words of a grader."""
    (run,), marks, table = runs, grade(runs[0]), GRADERS[grader]
    (points, worth), described = _add(marks), [*map(_describe, marks)]
    facts = {
        "points": points,
        "share": points / worth if worth else 0,
        "whole_points": sum(mark["whole_points"] for mark in described),
        "whole_worth": sum(mark["whole_worth"] for mark in described),
        "seconds": round(run.seconds, 3),
        "summary": _summarise(run),
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    result = {**table.get("constants", {})}
    result |= {theirs: facts[ours] for theirs, ours in table["facts"].items()}
    for key, names in table.get("environment", {}).items():
        result[key] = next(filter(None, map(os.environ.get, names)), "")
    words = table["tests"].items()
    tests = [{theirs: mark[ours] for theirs, ours in words} for mark in described]
    return json.dumps({**result, "tests": tests}, indent=1)


def _describe(mark: Mark) -> dict[str, Any]:
    """A mark in all the words that graders have."""
    is_full = mark.points == mark.worth
    whole = {"whole_points": math.floor(mark.points), "whole_worth": math.floor(mark.worth)}
    status = "passed" if is_full else "failed"
    return {**asdict(mark), **whole, "is_full": is_full, "status": status}


def _summarise(run: Run) -> str:
    return make_visible(run.error) or "\n".join(text.write_summary(run)).strip()


def _write_github(runs: Sequence[Run]) -> str:
    """Annotations: an error for each function that fails, at the line of its exception, if any."""
    lines = []
    for run in runs:
        if run.fault:
            lines.append(_annotate(run, "cannot be loaded", run.error))
        for finding in run.differing:
            words = "\n".join(text.write_finding(run, finding))
            where = [line for block in finding.blocks for line in block.outcome.where[-1:]]
            lines.append(_annotate(run, f"{finding.function} differs", words, *where[:1]))
        lines += [
            _annotate(run, f"{name} is not there", "not attempted") for name in text.list_due(run)
        ]
        lines += [_annotate(run, "a stale case of --known", one) for one in run.stale]
        if text.find_drawn_failures(run):
            lines.append(_annotate(run, "a drawn question is wrong", _summarise(run)))
    return "\n".join(lines)


def _annotate(run: Run, title: str, words: str, where: str = "") -> str:
    about = {"file": run.candidate, "title": title}
    if found := re.match(rf"{re.escape(Path(run.candidate).name)} line (\d+):", where):
        about["line"] = found[1]
    told = ",".join(f"{key}={_escape(value, ':,')}" for key, value in about.items())
    return f"::error {told}::{_escape(make_visible(words))}"


def _escape(words: str, more: str = "") -> str:
    """With those characters that would end it as their codes in percent."""
    return re.sub(rf"[%\r\n{more}]", lambda found: f"%{ord(found[0]):02X}", words)


def _write_junit(runs: Sequence[Run]) -> str:
    """A testsuite for each function, a testcase for each question."""
    root = ElementTree.Element("testsuites", name="npcnn verification")
    for run in runs:
        drawn = run.drawn.outcomes if run.drawn else ()
        for finding in run.findings:
            suite = _add_node(root, "testsuite", name=f"{run.candidate} {finding.function}")
            more = (outcome for outcome in drawn if outcome.function == finding.function)
            for outcome in (*finding.outcomes, *more):
                _add_case(suite, run, finding, outcome)
        if problems := [*([run.error] if run.fault else ()), *run.stale]:
            suite = _add_node(root, "testsuite", name=run.candidate)
            for words in problems:
                kind = run.fault or f"stale: {words}"
                about = {"name": kind, "classname": run.candidate, "time": "0.000"}
                _add_words(_add_node(suite, "testcase", **about), "failure", kind, words)
    for suite in root:
        for key, path in COUNTS.items():
            suite.set(key, str(len(suite.findall(path))))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(len(root.findall(f"*/{COUNTS[key]}"))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _add_case(suite: ElementTree.Element, run: Run, finding: Finding, outcome: Outcome) -> None:
    about = {"classname": f"{run.candidate} {finding.function}", "time": f"{outcome.seconds:.3f}"}
    case = _add_node(suite, "testcase", name=outcome.question.id, **about)
    is_due = run.settings.strict or finding.function in run.wanted
    words = "\n".join(text.describe(run, finding, outcome))
    if outcome.is_failing or (outcome.status == "not attempted" and is_due):
        _add_words(case, "failure", outcome.status, words or outcome.status)
    elif outcome.status in ("not judged", "not attempted", "known"):
        _add_words(case, "skipped", outcome.status, words)
    elif not _is_right(run, outcome):
        _add_words(case, "failure", "strict", "counted as wrong")
    if outcome.stdout:
        _add_node(case, "system-out").text = make_visible(outcome.stdout)


def _add_words(case: ElementTree.Element, tag: str, kind: str, words: str) -> None:
    node = _add_node(case, tag, type=kind, message=words.partition("\n")[0])
    node.text = make_visible(words)


def _add_node(parent: ElementTree.Element, tag: str, **about: str) -> ElementTree.Element:
    about = {key: make_visible(value) for key, value in about.items()}
    return ElementTree.SubElement(parent, tag, about)


@dataclass(frozen=True)
class Format:
    """How runs are written: whether one text holds many, and also where nobody can be graded."""

    write: Callable[[Sequence[Run]], str]
    holds_many: bool = False
    holds_faults: bool = False

    def takes(self, run: Run) -> bool:
        return self.holds_faults or run.fault in ("", "unloadable")


FORMATS = {
    "json": Format(_write_all, holds_many=True, holds_faults=True),
    "html": Format(lambda runs: write_page(runs[0]), holds_faults=True),
    "junit": Format(_write_junit, holds_many=True),
    "github": Format(_write_github, holds_many=True),
    **{name: Format(partial(_write_grades, name)) for name in GRADERS},
}
"""By the names that --report takes; another is a line here."""
