"""python -m verification.mutants: how strong the harness is, measured on wrong code.

Without options, every catalogued mistake and every mutant of the harness; with --source also
mutants of npcnn's own source.  Exit codes: 0 all are dead but proven equivalents, 1 some are not,
4 bad usage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from verification.mutants import forks, matrix, trials
from verification.mutants.trials import Fate, Task
from verification.options import Parser

FOLDER = Path(__file__).resolve().parent
SECONDS = 120.0
"""For one mutant."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    tasks = {**trials.of_catalogue(given.rivals), **trials.of_harness()}
    if given.source:
        tasks |= trials.of_source()
    tasks = {name: task for name, task in tasks.items() if given.text in name}
    if not tasks:
        parser.error(f"no mutant's id contains {given.text!r}")
    trials.warm()
    fates = list(_fates(tasks, given))
    equivalents = read_equivalents()
    if given.json == "-":
        print(matrix.as_json(fates, equivalents))
    else:
        print(matrix.as_text(fates, equivalents))
        if given.rivals:
            print("\n" + matrix.comparison(fates, equivalents))
        if given.json:
            Path(given.json).write_text(matrix.as_json(fates, equivalents) + "\n", encoding="utf-8")
    wrong = matrix.survivors(fates, equivalents) or matrix.resurrected(fates, equivalents)
    return int(bool(wrong or (not given.text and matrix.lonely(fates))))


def _parser() -> Parser:
    built = Parser(
        prog="python -m verification.mutants",
        description="Which rung of the harness sees which wrong code.",
        epilog="exit codes: 0 all dead but proven equivalents, 1 some are not, 4 bad usage",
    )
    built.add_argument("--source", action="store_true", help="mutants of npcnn's source too")
    built.add_argument("--rivals", action="store_true", help="common checks on the same code")
    built.add_argument("-k", dest="text", default="", help="mutants whose id contains TEXT")
    built.add_argument("--json", metavar="FILE", help="the matrix as JSON; - is standard output")
    built.add_argument("--state", metavar="FILE", help="keep finished mutants here, and go on")
    jobs = os.cpu_count() or 1
    built.add_argument("--jobs", type=_jobs, default=jobs, metavar="N", help=f"at a time ({jobs})")
    return built


def _jobs(text: str) -> int:
    jobs = int(text)
    if jobs < 1:
        raise ValueError
    return jobs


def read_equivalents() -> dict[str, str]:
    """Mutants that are right code, each with its reason."""
    text = (FOLDER / "equivalents.toml").read_text(encoding="utf-8")
    return {row["id"]: row["reason"] for row in tomllib.loads(text)["equivalents"]}


def _fates(tasks: Mapping[str, Task], given: argparse.Namespace) -> Iterator[Fate]:
    """The fates in the tasks' order; those that are known already are not tried again."""
    of = _digest(given.rivals)
    known = _known(given.state, of)
    new = {name: task for name, task in tasks.items() if name not in known}
    for done, (name, fate) in enumerate(forks.run(new, SECONDS, given.jobs), start=1):
        task = new[name]
        lost = Fate(name, task.kind, task.group, {matrix.LOST: "it loops, or its process dies"})
        known[name] = fate or lost
        _keep(given.state, of, known[name])
        if sys.stderr.isatty():
            print(f"\r{done} of {len(new)} mutants\033[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    yield from (known[name] for name in tasks)


def _known(state: str | None, of: str) -> dict[str, Fate]:
    """What a run before this one found, of the very same files and checks."""
    if state is None or not Path(state).exists():
        return {}
    text = Path(state).read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # a run was ended while it wrote its last line
        Path(state).write_text(whole, encoding="utf-8")
    rows = [json.loads(line) for line in whole.splitlines()]
    return {row["fate"]["id"]: Fate(**row["fate"]) for row in rows if row["of"] == of}


def _keep(state: str | None, of: str, fate: Fate) -> None:
    if state is not None:
        with Path(state).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"of": of, "fate": asdict(fate)}) + "\n")


def _digest(rivals: bool) -> str:
    """Of the harness, the core and the cases, and of whether common checks are made."""
    root = FOLDER.parent.parent
    files = [
        f for name in ("npcnn", "verification", "cases") for f in sorted((root / name).rglob("*"))
    ]
    kept = [file for file in files if file.suffix in (".py", ".toml")]
    read = [str(rivals).encode(), *(file.read_bytes() for file in kept)]
    return hashlib.sha256(b"".join(read)).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
