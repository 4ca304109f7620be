"""A run as JSON for machines, schema 1: a pure function of its outcomes."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from verification.judge import Outcome
from verification.report import GOOD, Run, by_function, repeat
from verification.verdict import Verdict

_STATUSES = ("ok", "WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES", "not judged", "outside")


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
        "functions": [_function(name, of) for name, of in by_function(run).items()],
        "cases": [_case(run, outcome) for outcome in run.outcomes],
    }
    return json.dumps(document, indent=1, sort_keys=True)


def _function(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    counts = Counter(outcome.status for outcome in outcomes)
    status = "differs"
    if not counts.keys() - set(GOOD):
        status = "ok" if counts["ok"] else "not attempted"
    row: dict[str, Any] = {"name": name, "op": outcomes[0].op, "status": status, "mistakes": []}
    for key in _STATUSES:
        row[key.lower().replace(" ", "_")] = counts[key]
    return row


def _case(run: Run, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "function": outcome.function,
        "level": outcome.question.level,
        "status": outcome.status,
        "evidence": outcome.evidence,
        "outputs": [_output(verdict) for verdict in outcome.verdicts],
        "mistake": None,
        "message": outcome.message,
        "stdout": outcome.stdout,
        "seconds": round(outcome.seconds, 6),
        "repro": repeat(run, outcome),
    }


def _output(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "status": "ok" if verdict.ok else "WRONG",
        "wrong": verdict.wrong,
        "of": verdict.of,
        "message": verdict.message,
        "worst": verdict.worst and _finite(asdict(verdict.worst)),
    }


def _finite(worst: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinities: they become their names."""
    odd = {k: str(v) for k, v in worst.items() if isinstance(v, float) and not math.isfinite(v)}
    return worst | odd
