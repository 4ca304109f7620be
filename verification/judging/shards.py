"""A run in parts, by question, and the parts put together: what is said is the whole run's.

The document of a part holds the run itself, with what came of each question before outcomes are
seen together.  Merged, they are settled as the whole run would settle them, so its counts, statuses
and verdict follow.  A mistake is named if every part that shows the function's failure names it.
"""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from verification import mistakes
from verification.candidates import Other, get_contract
from verification.judging.compare import Comparison, Worst
from verification.judging.run import (
    Block,
    Drawn,
    Finding,
    Run,
    Settings,
    UsageError,
    conclude,
    conclude_drawn,
)
from verification.judging.trial import EMPTY, Outcome
from verification.mistakes import Diagnosis, Mistake, Suspect
from verification.questions import Case, Question, Refusal, parse, read

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        *(Block, Comparison, Diagnosis, Drawn, Finding, Outcome, Run, Settings, Suspect),
        *(Worst, Other, tuple, frozenset, float),
    )
}


def dump(run: Run) -> Any:
    """A part of a run as JSON can tell it; its outcomes are made of the raw ones."""
    light, findings = run.lighten(), []
    for finding in light.findings:
        outside = finding.outside - (len(finding.raw) - len(finding.outcomes))
        findings.append(replace(finding, outcomes=(), more=(), outside=outside, age=None))
    return _pack(replace(light, findings=tuple(findings)))


def _pack(value: Any) -> Any:
    """A value of ours as an object with the name of its kind."""
    match value:
        case Case() | Refusal():
            return {"question": [value.op, value.name, value.id, value.row]}
        case Mistake():
            return {"mistake": value.id}
        case tuple() | frozenset():
            return {type(value).__name__: [*map(_pack, value)]}
        case list():
            return [*map(_pack, value)]
        case dict():
            return {"dict": {key: _pack(one) for key, one in value.items()}}
        case float() if not math.isfinite(value):
            return {"float": str(value)}
        case np.ndarray() if value.dtype.hasobject:
            return None
        case np.ndarray():
            return {"array": [value.dtype.str, value.shape, value.tobytes().hex()]}
    if not is_dataclass(value):
        return value
    told = ((field, getattr(value, field.name)) for field in fields(value))
    packed = {field.name: _pack(one) for field, one in told if one is not field.default}
    return {type(value).__name__: packed}


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_unpack, value)]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "question":
            op, name, known, row = inner
            found = _read_questions().get((op, known))
            # as the files have it; or from its row, if it was drawn or made smaller
            return found if found and found.row == row else replace(parse(row)[0], name=name)
        case "mistake":
            return {mistake.id: mistake for mistake in mistakes.read()}[inner]
        case "dict":
            return {key: _unpack(one) for key, one in inner.items()}
        case "array":
            dtype, shape, numbers = inner
            return np.frombuffer(bytes.fromhex(numbers), dtype).reshape(shape)
    if isinstance(inner, dict):
        return _KINDS[kind](**{key: _unpack(one) for key, one in inner.items()})
    return _KINDS[kind](_unpack(inner))


@functools.cache
def _read_questions() -> dict[tuple[str, str], Question]:
    return {(question.op, question.id): question for question in read()}


def merge(texts: Iterable[str], show: str = "all", hint: int = 0) -> list[Run]:
    """The whole runs of documents, a run for each candidate; UsageError where parts do not fit."""
    parts: dict[str, dict[int, Run]] = defaultdict(dict)
    try:
        for document in map(json.loads, texts):
            for one in document if isinstance(document, list) else [document]:
                run = _unpack(one["shard"])
                parts[run.candidate][run.settings.shard[0]] = run
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        words = f"{type(error).__name__}: {error}"
        raise UsageError(f"--merge takes the JSON of every --shard: {words}") from error
    return [_merge(name, numbered, show, hint) for name, numbered in parts.items()]


def _merge(name: str, numbered: dict[int, Run], show: str, hint: int) -> Run:
    parts = [numbered[number] for number in sorted(numbered)]
    first, count = parts[0], parts[0].settings.shard[1]
    if sorted(numbered) != [*range(1, count + 1)]:
        raise UsageError(f"--merge: of {name} there are parts {sorted(numbered)} of {count}")
    settings = replace(first.settings, shard=(1, 1))
    alike = {part.sha256 for part in parts} == {first.sha256}
    if not alike or any(replace(part.settings, shard=(1, 1)) != settings for part in parts):
        raise UsageError(f"--merge: the parts of {name} differ in their settings, or in the file")
    settings = replace(settings, show=show, hint=hint)
    faults = [part for part in parts if part.fault not in ("", "nothing")]
    if all(part.fault for part in parts):
        faults.append(first)
    notes = chain.from_iterable(part.notes for part in parts)
    run = replace(
        first,
        settings=settings,
        findings=(),
        notes=[*dict.fromkeys(notes)],
        seconds=sum(part.seconds for part in parts),
        fault=faults[0].fault if faults else "",
        error=faults[0].error if faults else "",
    )
    run = _merge_findings(run, parts) if run.contract else run
    return replace(run, drawn=_merge_drawn(run, parts))


def _merge_findings(run: Run, parts: Sequence[Run]) -> Run:
    """In the contract's order, as a function may stand on those before it."""
    order = get_contract(run.contract.partition("-")[0], run.settings.layout).functions
    places = {key: place for place, key in enumerate(_read_questions())}

    def find_place(outcome: Outcome) -> tuple[int, int]:
        question = outcome.question
        return question.work or EMPTY, places.get((question.op, question.id), 0)

    for name in (function.name for function in order):
        if found := [one for part in parts for one in part.findings if one.ours == name]:
            whole = replace(
                found[0],
                outside=sum(one.outside for one in found),
                reasons=tuple(chain.from_iterable(one.reasons for one in found)),
                raw=tuple(sorted((o for one in found for o in one.raw), key=find_place)),
                diagnosis=None,
                blocks=(),
                more=(),
            )
            whole = conclude(whole, run)
            whole = _explain(whole, found) if whole.failing else whole
            run = replace(run, findings=(*run.findings, whole))
    return run


def _explain(whole: Finding, found: Sequence[Finding]) -> Finding:
    """With the mistakes that all name who see it fail, each with its smallest case."""
    failing = {outcome.id for outcome in whole.failing if outcome.has_numbers}
    showing = [one for one in found if not failing.isdisjoint(outcome.id for outcome in one.raw)]
    blocks = sorted(
        (block for one in showing or found for block in one.blocks),
        key=lambda block: (block.outcome.question.work, len(block.outcome.question.row)),
    )
    every = [one.diagnosis for one in showing if one.diagnosis]
    named = every[0].mistakes if len(every) == len(showing) > 0 else ()
    common = tuple(m for m in named if all(m in one.mistakes for one in every))
    if not common:
        if every:  # where only some name a mistake, it cannot be said that none fits
            light = (replace(block.outcome, comparisons=()) for block in blocks)
            blocks = [Block(outcome, call=block.call) for outcome, block in zip(light, blocks)]
        return replace(whole, blocks=tuple(blocks[:1]))
    alike = [one for one in every if one.mistakes == common]
    diagnosis = replace(
        every[0],
        mistakes=common,
        explains=sum(one.explains for one in alike),
        of=sum(one.of for one in every),
        exactly=all(one.exactly for one in every),
        rounds=any(one.rounds for one in every),
    )
    least: dict[Mistake | None, Block] = {}
    for block in blocks:
        least.setdefault(block.mistake, block)
    kinds = (*common, *(() if diagnosis.is_whole else (None,)))
    shown = tuple(least[kind] for kind in kinds if kind in least)
    return replace(whole, diagnosis=diagnosis if alike else None, blocks=shown)


def _merge_drawn(run: Run, parts: Sequence[Run]) -> Drawn | None:
    drawn = [part.drawn for part in parts if part.drawn]
    raw = [outcome for some in drawn for outcome in some.raw]
    raw.sort(key=lambda outcome: int(outcome.question.name.partition("-")[2]))
    return conclude_drawn(drawn[0].seed, raw, run) if drawn else None
