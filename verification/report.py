"""Outcomes as text for people and as JSON for machines: pure functions of the results."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verification import planes, row
from verification.judge import Outcome
from verification.verdict import Verdict

GOOD = ("ok", "not attempted")
_STATUSES = ("ok", "WRONG", "CRASH", "TIMEOUT", "MEMORY", "DEVIATES", "not judged", "outside")
_COLOURS = {"ok": "32", "WRONG": "31;1", "CRASH": "31;1", "not attempted": "33"}


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it."""

    candidate: str
    contract: str
    sha256: str
    oracle: str
    numpy: str
    python: str
    seed: int
    dtype: str
    seconds: float
    functions: Sequence[str]
    outcomes: Sequence[Outcome]

    @property
    def asked(self) -> list[Outcome]:
        """The outcomes of functions that exist."""
        return [outcome for outcome in self.outcomes if outcome.status != "not attempted"]

    @property
    def verdict(self) -> str:
        if not self.asked:
            return "nothing"
        return "match" if all(o.status in GOOD for o in self.outcomes) else "differs"


def as_text(run: Run, colour: bool = False, full: bool = False) -> str:
    """The report; `full` tells every outcome at length, as for a single case."""
    header = [run.candidate, f"{run.contract} contract", f"oracle {run.oracle}"]
    header += [f"numpy {run.numpy}", run.dtype, f"seed {run.seed}"]
    lines = ["   ".join(header), ""]
    for name, outcomes in _by_function(run).items():
        lines.append(_counts(name, outcomes, colour))
        failed = [outcome for outcome in outcomes if outcome.status not in GOOD]
        if full:
            for outcome in outcomes:
                lines += _block(run, outcome, "case")
        elif failed:
            lines += _block(run, min(failed, key=_size), "smallest failing case")
    return "\n".join([*lines, "", _summary(run)])


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
        "functions": [_function(name, of) for name, of in _by_function(run).items()],
        "cases": [_case(run, outcome) for outcome in run.outcomes],
    }
    return json.dumps(document, indent=1, sort_keys=True)


def repeat(run: Run, outcome: Outcome) -> str:
    """The command that asks this question again."""
    words = ["python", "-m", "verification", run.candidate, "--case"]
    if outcome.question.name == row.ON_THE_LINE:
        words += [outcome.question.row, "--only", outcome.function]
    else:
        words.append(outcome.id)
    words += ["--seed", str(run.seed)] if run.seed else []
    words += ["--dtype", run.dtype] if run.dtype != "float64" else []
    return shlex.join(words)


def _by_function(run: Run) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {name: [] for name in run.functions}
    for outcome in run.outcomes:
        found[outcome.function].append(outcome)
    return {name: outcomes for name, outcomes in found.items() if outcomes}


def _counts(name: str, outcomes: Sequence[Outcome], colour: bool) -> str:
    counts = Counter(outcome.status for outcome in outcomes)
    cells = {status: f"{counts[status]:5} {status}" for status in _COLOURS if counts[status]}
    if colour:
        cells = {status: f"\033[{_COLOURS[status]}m{cell}\033[0m" for status, cell in cells.items()}
    return f"  {name:32}" + "  ".join(cells.values())


def _size(outcome: Outcome) -> tuple[int, bool, int, str]:
    """The order in which failures are told: small questions first, exact ones before others."""
    question = outcome.question
    return question.work, outcome.evidence != "exact", len(question.row), outcome.id


def _block(run: Run, outcome: Outcome, title: str) -> list[str]:
    question = outcome.question
    lines = [(title, outcome.id), ("", question.row)]
    if question.why:
        lines.append(("why", question.why))
    lines += [("", part) for part in _findings(outcome)]
    if outcome.stdout:
        lines.append(("printed", outcome.stdout[:500].rstrip()))
    pictures = [planes.side_by_side(v) for v in outcome.verdicts if v.worst]
    return [
        *(f"      {label:23} {words}".rstrip() for label, words in lines),
        *(f"          {line}" for picture in pictures[:1] for line in picture),
        f"      {'again':23} {repeat(run, outcome)}",
    ]


def _findings(outcome: Outcome) -> Iterator[str]:
    if outcome.message:
        yield outcome.message
    wrong = [v for v in outcome.verdicts if not v.ok]
    yield from (f"{v.name} {v.message}" for v in wrong if v.message)
    places = [f"{v.name} is wrong at {v.wrong} of {v.of} places" for v in wrong if v.worst]
    right = [v.name for v in outcome.verdicts if v.ok]
    if right:
        places.append(f"{' and '.join(right)} {'match' if len(right) > 1 else 'matches'}")
    if places:
        yield "; ".join(places)


def _summary(run: Run) -> str:
    functions = _by_function(run).values()
    differing = sum(any(o.status not in GOOD for o in outcomes) for outcomes in functions)
    if not run.asked:
        return "Nothing was attempted."
    verdict = f"{differing} of {_many(len(functions), 'function')} differ" + "s" * (differing == 1)
    if not differing:
        verdict = f"{_many(len(functions), 'function')}, and all match"
    questions = len({outcome.question.row for outcome in run.asked})
    asked = f"{_many(questions, 'question')}, {_many(len(run.asked), 'check')}"
    evidence = Counter(outcome.evidence for outcome in run.asked)
    kinds = ", ".join(f"{count} {kind}" for kind, count in evidence.most_common())
    return f"{verdict}.   {asked}: {kinds}.   {run.seconds:.1f} s"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1)


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
