"""A run in parts, by question, and the parts put together: what is said is the whole run's.

The document of a part holds what came of each question before outcomes are seen together.  Merged,
they are settled as the whole run would settle them, so its counts, statuses and verdict follow.  A
mistake is named if every part that shows the function's failure names it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import chain
from typing import Any

from verification import mistakes
from verification.candidates import get_contract
from verification.judging import (
    EMPTY,
    Base,
    Block,
    Comparison,
    Drawn,
    Finding,
    Outcome,
    Run,
    Settings,
    UsageError,
    Worst,
    conclude,
    settle,
)
from verification.mistakes import Diagnosis, Suspect
from verification.questions import Question, parse, read

_PLAIN = (
    *("function", "op", "status", "evidence", "message", "stdout", "seconds", "where", "kind"),
    *("habits", "deviations", "note", "age", "is_inherited"),
)
_RUN = (
    *("candidate", "contract", "sha256", "oracle", "numpy", "python", "channels_first", "misfit"),
    *("notes", "wanted", "seconds", "fault", "error"),
)
_FAULTS = ("fault", "unloadable", "interrupted")


def dump(run: Run) -> dict[str, Any]:
    """A part of a run as JSON can tell it."""
    settings = {field.name: getattr(run.settings, field.name) for field in fields(Settings)}
    drawn = run.drawn
    return {
        **{name: getattr(run, name) for name in _RUN},
        "wanted": sorted(run.wanted),
        "settings": {**settings, "known": sorted(run.settings.known)},
        "drawn": drawn and {"seed": drawn.seed, "raw": [*map(_dump_outcome, drawn.raw)]},
        "findings": [*map(_dump_finding, run.findings)],
    }


def _dump_finding(finding: Finding) -> dict[str, Any]:
    found = finding.diagnosis
    return {
        "function": finding.function,
        "op": finding.op,
        "base": asdict(finding.base),
        "outside": finding.outside - (len(finding.raw) - len(finding.outcomes)),
        "reasons": finding.reasons,
        "raw": [*map(_dump_outcome, finding.raw)],
        "diagnosis": found
        and {
            "mistakes": [mistake.id for mistake in found.mistakes],
            **{key: getattr(found, key) for key in ("explains", "of", "exactly", "rounds")},
            "has_forms": any(suspect.forms for suspect in found.suspects),
        },
        "blocks": [
            {
                "outcome": _dump_outcome(block.outcome),
                "mistake": block.mistake and block.mistake.id,
                "looks": block.looks,
                "call": block.call,
            }
            for block in finding.blocks
        ],
    }


def _dump_outcome(outcome: Outcome) -> dict[str, Any]:
    question = outcome.question
    return {
        **{name: getattr(outcome, name) for name in _PLAIN},
        "question": [question.op, question.name, question.id, question.row],
        "comparisons": [*map(dump_comparison, outcome.comparisons)],
    }


def dump_comparison(compared: Comparison) -> dict[str, Any]:
    """JSON has no NaN and no infinities: they become their names."""
    worst = asdict(compared.worst) if compared.worst else {}
    odd = {k: str(v) for k, v in worst.items() if isinstance(v, float) and not math.isfinite(v)}
    plain = {key: getattr(compared, key) for key in ("name", "wrong", "of", "message")}
    return {**plain, "worst": worst | odd or None}


def merge(texts: Iterable[str], exam: bool = False) -> list[Run]:
    """The whole runs of documents, a run for each candidate; UsageError where parts do not fit."""
    parts: dict[str, dict[int, dict[str, Any]]] = {}
    try:
        for text in texts:
            document = json.loads(text)
            for one in document if isinstance(document, list) else [document]:
                part = one["shard"]
                parts.setdefault(part["candidate"], {})[part["settings"]["shard"][0]] = part
        return [_merge(name, of_one, exam) for name, of_one in parts.items()]
    except (ValueError, TypeError, KeyError) as error:
        words = f"{type(error).__name__}: {error}"
        raise UsageError(f"--merge takes the JSON of every --shard: {words}") from error


def _merge(name: str, numbered: Mapping[int, dict[str, Any]], exam: bool) -> Run:
    parts = [numbered[number] for number in sorted(numbered)]
    count = parts[0]["settings"]["shard"][1]
    if [*sorted(numbered)] != [*range(1, count + 1)]:
        raise UsageError(f"--merge: of {name} there are parts {sorted(numbered)} of {count}")
    alike = [{**part["settings"], "shard": [1, 1], "sha256": part["sha256"]} for part in parts]
    if any(one != alike[0] for one in alike):
        raise UsageError(f"--merge: the parts of {name} differ in their settings, or in the file")
    kinds = {"only": tuple, "known": frozenset, "shard": tuple}
    words = {key: kinds.get(key, lambda value: value)(value) for key, value in alike[0].items()}
    del words["sha256"]
    settings = Settings(**{**words, "exam": exam})
    worst = next((p for fault in _FAULTS for p in parts if p["fault"] == fault), None)
    if worst is None and all(part["fault"] for part in parts):
        worst = parts[0]
    run = Run(settings, **{key: parts[0][key] for key in _RUN})
    statuses: dict[str, str] = {}
    findings = _merge_findings(run, parts, statuses)
    bases = {finding.function: finding.base for finding in findings}
    return replace(
        run,
        findings=tuple(findings),
        drawn=_merge_drawn(run, parts, bases, statuses),
        notes=[*dict.fromkeys(chain.from_iterable(part["notes"] for part in parts))],
        wanted=frozenset(parts[0]["wanted"]),
        seconds=sum(part["seconds"] for part in parts),
        fault=worst["fault"] if worst else "",
        error=worst["error"] if worst else "",
    )


def _merge_findings(
    run: Run, parts: Sequence[Mapping[str, Any]], statuses: dict[str, str]
) -> list[Finding]:
    """In the contract's order, as a function may stand on those before it; with its `statuses`."""
    order = get_contract(run.contract.partition("-")[0], run.settings.layout).functions
    places = {key: place for place, key in enumerate(_questions())}
    findings = []

    def find_place(outcome: Outcome) -> tuple[int, int]:
        question = outcome.question
        return question.work or EMPTY, places.get((question.op, question.id), 0)

    for name in (function.name for function in order):
        found = [
            _load_finding(one)
            for part in parts
            for one in part["findings"]
            if one["base"]["name"] == name
        ]
        if not found:
            continue
        raw = sorted((outcome for one in found for outcome in one.raw), key=find_place)
        reasons = chain.from_iterable(one.reasons for one in found)
        outside = sum(one.outside for one in found)
        whole = Finding(
            found[0].function,
            found[0].op,
            outside=outside,
            reasons=tuple(dict.fromkeys(reasons)),
            raw=tuple(raw),
            base=found[0].base,
        )
        whole = conclude(whole, statuses, run.settings)
        findings.append(_explain(whole, found) if whole.failing else whole)
    return findings


def _explain(whole: Finding, found: Sequence[Finding]) -> Finding:
    """With the mistakes that all name who see it fail, each with its smallest case."""
    failing = {outcome.id for outcome in whole.failing if outcome.has_numbers}
    showing = [one for one in found if not failing.isdisjoint(outcome.id for outcome in one.raw)]
    blocks = sorted(
        (block for one in showing or found for block in one.blocks),
        key=lambda block: (block.outcome.question.work, len(block.outcome.question.row)),
    )
    every = [one.diagnosis for one in showing if one.diagnosis]
    if len(every) < len(showing) or not every:
        light = [replace(b, mistake=None, looks=()) for b in blocks[:1]]
        # where only some name a mistake, it cannot be said that none fits
        light = [replace(b, outcome=replace(b.outcome, comparisons=())) for b in light if every]
        return replace(whole, blocks=tuple(light or blocks[:1]))
    common = [m for m in every[0].mistakes if all(m in one.mistakes for one in every)]
    alike = [one for one in every if [*one.mistakes] == common]
    diagnosis = replace(
        every[0],
        mistakes=tuple(common),
        explains=sum(one.explains for one in alike),
        of=sum(one.of for one in every),
        exactly=all(one.exactly for one in every),
        rounds=any(one.rounds for one in every),
    )
    kinds = [*common, *([] if diagnosis.is_whole else [None])]
    least = (next((b for b in blocks if b.mistake == kind), None) for kind in kinds)
    shown = tuple(filter(None, least)) or tuple(blocks[:1])
    return replace(whole, diagnosis=diagnosis if alike else None, blocks=shown)


def _merge_drawn(
    run: Run,
    parts: Sequence[Mapping[str, Any]],
    bases: Mapping[str, Base],
    statuses: Mapping[str, str],
) -> Drawn | None:
    drawn = [part["drawn"] for part in parts if part["drawn"]]
    if not drawn:
        return None
    raw = [_load_outcome(one) for some in drawn for one in some["raw"]]
    raw.sort(key=lambda outcome: int(outcome.question.name.partition("-")[2]))
    outcomes: list[Outcome] = []
    for one in raw:
        outcomes += settle([one], bases[one.function], statuses, run.settings.strict)
    return Drawn(drawn[0]["seed"], tuple(outcomes), tuple(raw))


def _load_finding(told: Mapping[str, Any]) -> Finding:
    by_id = {mistake.id: mistake for mistake in mistakes.read()}
    blocks = [
        Block(
            _load_outcome(block["outcome"]),
            by_id.get(block["mistake"]),
            tuple(block["looks"]),
            block["call"],
        )
        for block in told["blocks"]
    ]
    found, base = told["diagnosis"], told["base"]
    if found:
        named = tuple(by_id[name] for name in found["mistakes"])
        code = Suspect((), ((),) if found["has_forms"] else ())
        counts = {key: found[key] for key in ("explains", "of", "exactly", "rounds")}
        found = Diagnosis(named, **counts, suspects=(code,))
    return Finding(
        told["function"],
        told["op"],
        outside=told["outside"],
        reasons=tuple(told["reasons"]),
        diagnosis=found,
        blocks=tuple(blocks),
        raw=tuple(map(_load_outcome, told["raw"])),
        base=Base(base["name"], tuple(base["calls"]), base["forward"]),
    )


def _load_outcome(told: Mapping[str, Any]) -> Outcome:
    words: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in told.items()
    }
    compared = []
    for one in words.pop("comparisons"):
        worst = one["worst"] and Worst(**{**one["worst"], "index": tuple(one["worst"]["index"])})
        compared.append(Comparison(**{**one, "worst": worst}))
    question = _load_question(*words.pop("question"))
    return Outcome(**words, question=question, comparisons=tuple(compared))


def _load_question(op: str, name: str, known: str, row: str) -> Question:
    """As the files have it; or from its row, if it was drawn or made smaller."""
    found = _questions().get((op, known))
    if found and found.row == row:
        return found
    return replace(parse(row)[0], name=name)


@functools.cache
def _questions() -> dict[tuple[str, str], Question]:
    return {(question.op, question.id): question for question in read()}
