"""How many wrong implementations the judge sees, and whether it takes right ones for wrong.

    catalogue   every form of every mistake, in every function that it can stand in
    harness     the judge with one piece broken, which its own test must show
    source      npcnn's own source with one small thing written wrongly (--source)

A mutant is killed by the rungs that see it, and each mistake must be seen by two.  What is right
code for all that stands in `equivalents.toml`, with its reason.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from verification import mistakes, truth
from verification.candidates import Terms, load
from verification.judging import Finding, Session, Settings, Trial, plan
from verification.measures import read_table, replace_once, rivals, selftest, source
from verification.measures.selftest import Book, Row
from verification.measures.source import Mutant
from verification.mistakes import Form
from verification.questions import RUNGS, Question, read, rung

EQUIVALENTS: dict[str, str] = read_table("equivalents.toml")
LEAST = 2
"""Rungs that must see a mistake; in a quick run no more are looked for."""
BOOK_WORK, SEED_WORK = 3_000, 500
"""Multiply-adds of the questions that are put to books, and to right candidates with a seed."""
SAMPLE = 12
"""Mutants of the source in a quick run."""
BAD = {"survivors": "survives", "alone": "seen by one rung", "resurrected": "no equivalent"}
"""What a sound judge has none of, and how the text says it."""

DTYPES = ("float64", "float32")
FOLDER = Path(__file__).resolve().parents[2] / "tests" / "candidates"

Measures = tuple[dict[str, Any], Iterator[str], int]
Fate = Mapping[str, Any]
"""What became of a mutant: its id, kind and group, what killed it, which rivals reject it."""


def measure(options: argparse.Namespace) -> Measures:
    """Try what is chosen: mutants, or right candidates, or wrong ones."""
    truth.prepare()
    if options.seeds is not None:
        return measure_alarms(options.seeds, options.jobs)
    if options.wrong is not None:
        return measure_wrong(options)
    mutants = [
        mutant
        for mutant in gather(options)
        if options.only in mutant.id and not (options.quick and find_reason(mutant.id))
    ]
    if not mutants:
        raise argparse.ArgumentError(None, f"no mutant's id contains {options.only!r}")
    if failures := selftest.find_failures():
        raise RuntimeError(f"the judge fails its own test: {failures}")
    ops = {op for mistake in mistakes.read() for op in mistake.ops}
    for op in () if options.quick or options.only else ops:
        if killed := kill_book(op, (), {}, 1):
            raise RuntimeError(f"the right text is killed: {killed}")
    fates = run_all(try_mutant, mutants, options.jobs)
    document = describe(fates, is_whole=not options.only)
    return document, write_text(fates, document), int(any(document[key] for key in BAD))


def gather(options: argparse.Namespace) -> Iterator[Mutant]:
    """The mutants of a run, each under its own id."""
    most = LEAST if options.quick else len(RUNGS)
    for mistake in mistakes.read():
        ways: list[tuple[Form, Row]] = [(form, {}) for form in mistake.forms]
        if mistake.id in selftest.HABITS:
            ways.append(((), selftest.HABITS[mistake.id]))
        for op, (number, way) in product(mistake.ops, enumerate(ways, start=1)):
            name = f"{mistake.id}/{op}" + f"#{number}" * (len(ways) > 1)
            kill = partial(kill_book, op, *way, most)
            reject = partial(rivals.reject, op, *way) if options.rivals else tuple
            yield Mutant(name, "catalogue", mistake.id, kill, reject)
    for name in selftest.BROKEN:
        yield Mutant(name, "harness", name, partial(selftest.kill, name))
    changes = source.write_mutants() if options.source or options.quick else []
    if not options.source:  # wrong sums, of which the judge sees each soon
        changes = [change for change in changes if change.group in ("arithmetic", "bound")]
        changes = changes[:: max(1, len(changes) // SAMPLE)]
    yield from changes


@cache
def plan_groups() -> source.Groups:
    small = [question for question in read() if question.work <= BOOK_WORK]
    return source.plan_groups(Book(), small)


def kill_book(op: str, form: Form, planted: Row, most: int) -> dict[str, str]:
    """The rungs that see it, each with the question that does; `most` are enough."""
    trial = Trial(Book(op, form, planted), 0, planted.get("dtype", "float64"))
    groups = {key: checks for key, checks in plan_groups().items() if key[0] == op}
    return source.find_killers(trial, groups, most)


def try_mutant(mutant: Mutant) -> Fate:
    with warnings.catch_warnings(action="ignore"):  # wrong code warns
        killed, rejecting = mutant.kill(), list(mutant.reject())
    about = {"id": mutant.id, "kind": mutant.kind, "group": mutant.group}
    return {**about, "killed_by": [*killed], "questions": killed, "rivals": rejecting}


def run_all(function: Callable[..., Any], tasks: Sequence[Any], jobs: int) -> list[Any]:
    """What comes of the tasks, in their order, a few processes at a time."""
    results = []
    quiet = warnings.catch_warnings(action="ignore")  # of a fork: the oracle's threads are at rest
    with quiet, ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        for result in pool.map(function, tasks):
            results.append(result)
            if sys.stderr.isatty():
                print(f"\r{len(results)} of {len(tasks)}", end="\r", file=sys.stderr)
    return results


def find_reason(name: str) -> str:
    """Why a mutant is right code, "" if nobody knows; `room.function:` stands for all of it."""
    return EQUIVALENTS.get(name, EQUIVALENTS.get(name.partition(" ")[0], ""))


def describe(fates: Sequence[Fate], is_whole: bool) -> dict[str, Any]:
    """The document; an equivalent stands in `equivalents` alone, unless something kills it."""
    seen: dict[str, set[str]] = {}
    for fate in fates if is_whole else ():
        if fate["kind"] == "catalogue":
            seen.setdefault(fate["group"], set()).update(fate["killed_by"])
    left = [fate["id"] for fate in fates if not fate["killed_by"]]
    equal = {name: reason for name in left if (reason := find_reason(name))}
    return {
        "mutants": [fate for fate in fates if fate["id"] not in equal],
        "survivors": [name for name in left if name not in equal],
        "equivalents": [{"id": name, "reason": reason} for name, reason in equal.items()],
        "resurrected": [f["id"] for f in fates if f["killed_by"] and f["id"] in EQUIVALENTS],
        "alone": [name for name, rungs in seen.items() if len(rungs) < LEAST],
    }


def write_text(fates: Sequence[Fate], document: Mapping[str, Any]) -> Iterator[str]:
    """How many of its mutants see what, group by group; what is left; and a plain line."""
    groups: dict[tuple[str, str], list[Fate]] = {}
    for fate in fates:
        groups.setdefault((fate["kind"], fate["group"]), []).append(fate)
    for (kind, group), those in groups.items():
        counts = Counter(name for fate in those for name in fate["killed_by"]).items()
        text = ", ".join(f"{name} {count}" for name, count in counts)
        yield f"{kind:10} {group:36}{len(those):>4} mutants: {text}"
    wrong = [fate for fate in document["mutants"] if fate["kind"] == "catalogue"]
    rejected = Counter(name for fate in wrong for name in fate["rivals"])
    for name, count in rejected.items():
        yield f"{name} rejects {count} of {len(wrong)} wrong passes"
    for key, title in BAD.items():
        yield from (f"{title}: {name}" for name in document[key])
    killed = sum(bool(fate["killed_by"]) for fate in fates)
    equal, left = len(document["equivalents"]), len(document["survivors"])
    yield f"{len(fates)} mutants: {killed} killed, {equal} equivalent, {left} survive"


def measure_alarms(seeds: int, jobs: int) -> Measures:
    found = run_all(find_alarms, [range(seeds)[i::jobs] for i in range(jobs)], jobs)
    alarms = [alarm for part in found for alarm in part]
    lines = [*alarms, f"{seeds} seeds: {len(alarms)} false alarms"]
    return {"seeds": seeds, "alarms": alarms}, iter(lines), int(bool(alarms))


def find_alarms(seeds: Sequence[int]) -> list[str]:
    """Whatever is not right of what npcnn and the right files answer.

    They are asked a question of every operation on every rung, others and other numbers with every
    seed, in both dtypes by turns.
    """
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in read():
        if question.work <= SEED_WORK:
            groups.setdefault((question.op, rung(question)), []).append(question)
    alarms = list[str]()
    for name in ("npcnn", *map(str, sorted((FOLDER / "right").glob("*.py")))):
        with closing(load(name, Terms(layout=find_layout(name), timeout=60))) as judged:
            for seed in seeds:
                chosen = [group[seed % len(group)] for group in groups.values()]
                checks, _ = plan(judged, chosen, lambda name, question: True)
                outcomes = Trial(judged, seed, DTYPES[seed % 2]).run(checks)
                wrong = [o for o in outcomes if o.is_failing or o.status == "not judged"]
                alarms += [f"{judged.name} {o.id}, seed {seed}: {o.status}" for o in wrong]
    return alarms


def measure_wrong(options: argparse.Namespace) -> Measures:
    """Whether the rows of a table are seen for what they are."""
    path = Path(options.wrong or FOLDER / "wrong.toml")
    rows = [row for row in read_wrong(path) if options.only in str(row)]
    verdicts = run_all(judge_wrong, rows, options.jobs)
    counts = {key: sum(v[key] for v in verdicts) for key in ("caught", "blamed", "named")}
    lines = [
        f"not {key}: {v['id']}: {v['claimed']}" for key in counts for v in verdicts if not v[key]
    ]
    text = "{caught} caught, {blamed} blamed on the right function, {named} named"
    lines.append(f"{len(rows)} wrong candidates: {text.format_map(counts)}")
    untrue = any(not row.get("mistake", True) and not v["named"] for row, v in zip(rows, verdicts))
    return {"wrong": verdicts, **counts}, iter(lines), int(counts["caught"] < len(rows) or untrue)


def read_wrong(path: Path) -> list[dict[str, Any]]:
    """A table's rows, each with its wrong `text`: its base's, or a right file's, with its edits."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    bases: dict[str, str] = tables.pop("bases", {})
    rows: list[dict[str, Any]] = [row for rows in tables.values() for row in rows]
    for row in rows:
        base = row["base"]
        row["text"] = bases.get(base) or (FOLDER / base).read_text(encoding="utf-8")
        for edit in row["edits"]:
            row["text"] = replace_once(row["text"], edit, base)
    return rows


def judge_wrong(row: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a row's file fails, in no function but the one that is wrong, and is named."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{Path(row['base']).stem}.py")
        path.write_text(row["text"], encoding="utf-8")
        settings = Settings(candidate=str(path), layout=find_layout(path.name), draw=0)
        with Session(settings) as session:
            return grade(row, session.run().findings)


def grade(row: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """What the findings come to, beside what the row says is wrong.

    Where its `mistake` is "", no name is true; where its `function` is, it is right.
    """
    failing = {finding.function for finding in findings if finding.failing}
    wanted = set(row.get("mistakes", [row.get("mistake")])) - {""}
    named, claimed = set[str](), set[str]()
    for finding in findings:
        if finding.function == row["function"] or not wanted:
            claimed |= {*finding.deviations, *([finding.age.id] if finding.age else [])}
            if found := finding.diagnosis:
                named |= {mistake.id for mistake in found.mistakes}
                claimed |= named | {mistake.id for mistake in found.others}
    is_named = wanted <= claimed and len(named) <= len(wanted) if wanted else not claimed
    return {
        "id": f"{row.get('id') or '+'.join(sorted(wanted))} in {row['function']} of {row['base']}",
        "caught": bool(failing or claimed) == bool(row["function"]),
        "blamed": failing <= {row["function"]},
        "named": is_named,
        "claimed": sorted(claimed),
    }


def find_layout(name: str) -> str:
    return "nhwc" if "nhwc" in name else ""
