"""A run as JSON for machines, schema 1: a pure function of its outcomes."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from verification import features
from verification.block import Run, repeat
from verification.outcomes import Outcome
from verification.session import FAILING, Finding
from verification.verdict import Verdict

_STATUSES = ("ok", "WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES", "VACUOUS", "not judged")


def as_json(run: Run) -> str:
    """Schema 1; keys sorted; two runs differ in `seconds` alone."""
    name, _, version = run.oracle.partition(" ")
    document = {
        "schema": 1,
        "harness": "npcnn verification",
        "oracle": {"name": name, "version": version},
        "candidate": {
            "path": run.candidate,
            "sha256": run.sha256,
            "contract": run.contract,
            "python": run.python,
            "numpy": run.numpy,
        },
        "seed": run.seed,
        "dtype": run.dtype,
        "seconds": round(run.seconds, 3),
        "verdict": run.verdict,
        "checks": len(run.asked),
        "notes": list(run.notes),
        "functions": [_function(finding, run.exam) for finding in run.findings],
        "cases": [_case(run, finding, o) for finding in run.findings for o in finding.outcomes],
    }
    return json.dumps(document, indent=1, sort_keys=True)


def _function(finding: Finding, exam: bool) -> dict[str, Any]:
    counts = Counter(outcome.status for outcome in finding.outcomes)
    mended = Counter(
        outcome.mended.status == "ok" for outcome in finding.outcomes if outcome.mended
    )
    row: dict[str, Any] = {"name": finding.function, "op": finding.op, "status": finding.status}
    for key in _STATUSES:
        row[key.lower().replace(" ", "_")] = counts[key]
    row |= {"outside": finding.outside, "mended_ok": mended[True], "mended_wrong": mended[False]}
    named = [] if exam else _mistakes(finding)
    return row | {"mistakes": named, "deviations": [] if exam else finding.deviations}


def _mistakes(finding: Finding) -> list[dict[str, Any]]:
    """What is known to be wrong with the function: age first."""
    named = []
    if finding.age:
        count = sum(outcome.mended is not None for outcome in finding.outcomes)
        named.append((finding.age, count, count))
    found = finding.diagnosis
    if found:
        named += [(mistake, found.explains, found.of) for mistake in found.mistakes]
    return [{"id": m.id, "title": m.title, "explains": n, "of": of} for m, n, of in named]


def _case(run: Run, finding: Finding, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "function": outcome.function,
        "level": features.level(outcome.question),
        "status": outcome.status,
        "rung": features.rung(outcome.question),
        "evidence": outcome.evidence,
        "missed": outcome.missed,
        "chance": outcome.chance,
        "outputs": [_output(verdict, run.exam) for verdict in outcome.verdicts],
        "mistake": None if run.exam else _mistake(finding, outcome),
        "message": outcome.message,
        "stdout": outcome.stdout,
        "seconds": round(outcome.seconds, 6),
        "repro": repeat(run, outcome),
    }


def _mistake(finding: Finding, outcome: Outcome) -> str | None:
    """The mistake by name, where it explains every failing case; or the convention."""
    if outcome.deviations:
        return outcome.deviations[0]
    if outcome.mended and finding.age:
        return finding.age.id
    found = finding.diagnosis
    if found and found.is_whole and outcome.status in FAILING:
        return " + ".join(mistake.id for mistake in found.mistakes)
    return None


def _output(verdict: Verdict, exam: bool) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "status": "ok" if verdict.ok else "WRONG",
        "wrong": verdict.wrong,
        "of": verdict.of,
        "message": verdict.message,
        "worst": None if exam or not verdict.worst else _finite(asdict(verdict.worst)),
    }


def _finite(worst: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinities: they become their names."""
    odd = {k: str(v) for k, v in worst.items() if isinstance(v, float) and not math.isfinite(v)}
    return worst | odd
