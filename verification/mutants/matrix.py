"""Who kills whom, as text and as JSON: pure functions of the fates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from verification.features import RUNGS
from verification.mutants.rivals import RIVALS
from verification.mutants.trials import Fate

LOST = "lost"
OTHERS = ("tests", "loading", LOST)
"""What kills beside the rungs: the core's own tests; that it does not load, or loops or dies."""
LEAST = 2
"""Rungs that must see every catalogued mistake."""


def survivors(fates: Iterable[Fate], equivalents: Mapping[str, str]) -> list[Fate]:
    """Those that nothing kills and that nobody has shown to be right code."""
    return [fate for fate in fates if not fate.killed_by and fate.id not in equivalents]


def resurrected(fates: Iterable[Fate], equivalents: Mapping[str, str]) -> list[Fate]:
    """Those said to be right code, and killed all the same."""
    return [fate for fate in fates if fate.killed_by and fate.id in equivalents]


def lonely(fates: Iterable[Fate]) -> dict[str, list[str]]:
    """Catalogued mistakes that fewer than two rungs see."""
    seen: dict[str, set[str]] = {}
    for fate in fates:
        if fate.kind == "catalogue":
            seen.setdefault(fate.group, set()).update(fate.killed_by.keys() - {LOST})
    return {name: sorted(rungs) for name, rungs in seen.items() if len(rungs) < LEAST}


def as_text(fates: Sequence[Fate], equivalents: Mapping[str, str]) -> str:
    """The matrix, and what is left."""
    lines = list[str]()
    for kind in ("catalogue", "source", "harness"):
        of_kind = [fate for fate in fates if fate.kind == kind]
        if of_kind:
            lines += [*_table(kind, of_kind, equivalents), ""]
    for title, ids in {
        "survivors": [fate.id for fate in survivors(fates, equivalents)],
        "said to be equivalent, but killed": [f.id for f in resurrected(fates, equivalents)],
        "mistakes seen by one rung alone": [f"{k}: {v}" for k, v in lonely(fates).items()],
    }.items():
        lines += [f"{len(ids)} {title}", *(f"  {name}" for name in ids)]
    return "\n".join(lines)


def _table(kind: str, fates: Sequence[Fate], equivalents: Mapping[str, str]) -> list[str]:
    killed = sum(bool(fate.killed_by) for fate in fates)
    equal = sum(fate.id in equivalents for fate in fates if not fate.killed_by)
    title = f"{kind}: {len(fates)} mutants, {killed} killed, {equal} equivalent"
    if kind == "harness":
        rows = [f"  {fate.id:42}{len(fate.killed_by):3} self-tests" for fate in fates]
        return [title, *rows]
    columns = [*RUNGS, *(name for name in OTHERS if any(name in f.killed_by for f in fates))]
    groups = dict.fromkeys(fate.group for fate in fates)
    rows = [_row(name, [f for f in fates if f.group == name], columns) for name in groups]
    alone = Counter(next(iter(f.killed_by)) for f in fates if len(f.killed_by) == 1)
    heading = _cells("", "mutants", columns)
    total = _row("all", fates, columns)
    last = _cells("seen by it alone", "", [str(alone[name] or "") for name in columns])
    return [title, heading, *rows, total, last]


def _row(name: str, fates: Sequence[Fate], columns: Sequence[str]) -> str:
    counts = Counter(rung for fate in fates for rung in fate.killed_by)
    return _cells(name, str(len(fates)), [str(counts[column] or "") for column in columns])


def _cells(name: str, count: str, cells: Sequence[str]) -> str:
    return f"  {name:32}{count:>8}" + "".join(f"{cell:>11}" for cell in cells).rstrip()


def comparison(fates: Sequence[Fate], equivalents: Mapping[str, str]) -> str:
    """This harness beside common checks, on the same wrong code."""
    wrong = [f for f in fates if f.kind == "catalogue" and f.id not in equivalents]
    if not wrong:
        return "no catalogued mistake was tried"
    mistakes = {fate.group for fate in wrong}
    told = [("this harness", [fate for fate in wrong if fate.killed_by])]
    told += [(rival.title, [f for f in wrong if rival.id in f.rivals]) for rival in RIVALS]
    lines = [
        f"| check | wrong implementations rejected, of {len(wrong)} | mistakes never seen, of "
        f"{len(mistakes)} |",
        "|---|---|---|",
    ]
    for title, killed in told:
        unseen = len(mistakes - {fate.group for fate in killed})
        lines.append(f"| {title} | {len(killed)} ({len(killed) / len(wrong):.0%}) | {unseen} |")
    return "\n".join(lines)


def as_json(fates: Sequence[Fate], equivalents: Mapping[str, str]) -> str:
    """Every fate, who survives, and what is equivalent, with its reason."""
    document = {
        "mutants": [
            {
                "id": fate.id,
                "kind": fate.kind,
                "group": fate.group,
                "killed_by": sorted(fate.killed_by),
                "questions": dict(fate.killed_by),
                "rivals": sorted(fate.rivals),
            }
            for fate in fates
        ],
        "survivors": [fate.id for fate in survivors(fates, equivalents)],
        "equivalents": [
            {"id": fate.id, "reason": equivalents[fate.id]}
            for fate in fates
            if fate.id in equivalents
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True)
