"""A run as JSON for machines, schema 1: a pure function of its outcomes."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from verification.judging import Comparison, Finding, Outcome, Run, dump
from verification.questions import level, rung
from verification.reports.text import write_command, write_form, write_message

_STATUSES = ("ok", "WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES", "not judged")


def write_json(run: Run) -> str:
    """Schema 1; keys sorted; two runs differ in `seconds` alone."""
    name, _, version = run.oracle.partition(" ")
    about = {key: getattr(run, key) for key in ("sha256", "contract", "python", "numpy")}
    document: dict[str, Any] = {
        "schema": 1,
        "harness": "npcnn verification",
        "oracle": {"name": name, "version": version},
        "candidate": {"path": run.candidate, **about},
        "seed": run.seed,
        "drawn": None,
        "dtype": run.settings.dtype,
        "seconds": round(run.seconds, 3),
        "verdict": run.verdict,
        "error": run.error or run.misfit,
        "checks": len(run.asked),
        "notes": run.remarks,
        "functions": [_describe_function(finding, run) for finding in run.findings],
        "cases": [_describe_case(run, f, o) for f in run.findings for o in f.outcomes],
    }
    if drawn := run.drawn:
        counts = {"asked": len(drawn.rows), "wrong": len(drawn.wrong_rows)}
        document["drawn"] = {"seed": drawn.seed, **counts}
    if run.settings.shard[1] > 1:
        document["shard"] = dump(run)
    return json.dumps(document, indent=1, sort_keys=True)


def _describe_function(finding: Finding, run: Run) -> dict[str, Any]:
    counts = Counter(outcome.status for outcome in finding.outcomes)
    is_naming = run.settings.is_naming
    return {
        "name": finding.function,
        "op": finding.op,
        "status": finding.status,
        **{key.lower().replace(" ", "_"): counts[key] for key in _STATUSES},
        **({"known": counts["known"]} if run.settings.known else {}),
        "age": sum(bool(outcome.age) for outcome in finding.outcomes) if is_naming else 0,
        "outside": finding.outside,
        "mistakes": _list_mistakes(finding) if is_naming else [],
        "deviations": finding.deviations if is_naming else [],
    }


def _list_mistakes(finding: Finding) -> list[dict[str, Any]]:
    """What is known to be wrong with the function, age first; each with a case that shows it."""
    rows = []
    if finding.age:
        aged = [outcome for outcome in finding.outcomes if outcome.age]
        rows.append((finding.age, len(aged), len(aged), aged[0]))
    if found := finding.diagnosis:
        shown = ((b.mistake, b.outcome) for b in finding.blocks if b.mistake)
        rows += [(mistake, found.explains, found.of, outcome) for mistake, outcome in shown]
    return [
        {"id": m.id, "title": m.title, "explains": explains, "of": of, "case": case.question.row}
        for m, explains, of, case in rows
    ]


def _describe_case(run: Run, finding: Finding, outcome: Outcome) -> dict[str, Any]:
    plain = ("id", "function", "op", "status", "evidence", "stdout")
    return {
        **{name: getattr(outcome, name) for name in plain},
        "level": level(outcome.question),
        "rung": rung(outcome.question),
        "outputs": [_describe_output(run, compared) for compared in outcome.comparisons],
        "mistake": _name_mistake(finding, outcome) if run.settings.is_naming else None,
        "message": write_message(run, outcome),
        "seconds": round(outcome.seconds, 6),
        "repro": write_command(run, outcome),
    }


def _name_mistake(finding: Finding, outcome: Outcome) -> str | None:
    """The mistake by name, where it explains every failing case; or the convention, or the age."""
    found = finding.diagnosis
    if found and found.is_whole and outcome.is_failing and outcome.has_numbers:
        return " + ".join(mistake.id for mistake in found.mistakes)
    return next(iter((*outcome.deviations, *outcome.age[:1])), None)


def _describe_output(run: Run, compared: Comparison) -> dict[str, Any]:
    """In an exam that it is right or wrong, and no more; else what may be shown."""
    status = "ok" if compared.is_right else "WRONG"
    if run.settings.exam:
        return {"name": compared.name, "status": status}
    worst = asdict(compared.worst) if compared.worst else {}
    if run.settings.show != "all":
        worst = {key: worst[key] for key in worst if key in ("index", "got")}
    # JSON has no NaN and no infinities: they become their names
    odd = {k: str(v) for k, v in worst.items() if isinstance(v, float) and not math.isfinite(v)}
    return {
        "name": compared.name,
        "status": status,
        "wrong": compared.wrong,
        "of": compared.of,
        "message": write_form(run, compared),
        "worst": worst | odd or None,
    }
