"""python -m verification: arguments in, a report and an exit code out.

Exit codes: 0 all match, 1 something differs, 2 the candidate cannot be loaded, 3 a fault of the
harness, 4 bad usage, 5 nothing to judge, 130 interrupted.  Of several candidates it is 3 if the
harness failed, else 1 if any differs or cannot be loaded.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from verification.candidates import LAYOUTS, NAMES, write_template
from verification.judging import (
    SHOW,
    Finding,
    Run,
    Session,
    Settings,
    UsageError,
    Watch,
    judge,
    judge_in_turn,
)
from verification.questions import RUNGS
from verification.reports import (
    FORMATS,
    Style,
    keep_watching,
    make_visible,
    merge,
    write_finding,
    write_header,
    write_line,
    write_summary,
)

CODES = {"match": 0, "differs": 1, "unloadable": 2, "fault": 3, "nothing": 5, "interrupted": 130}
USAGE = 4
FILES = (".py", ".ipynb")
LEVELS = "up to 1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option (4)"
ALONE = ", ".join(name for name, form in FORMATS.items() if not form.holds_many)
REPORT = f"""again and again: {", ".join(FORMATS)}; - is standard output, and all that it holds;
{{}} in FILE stands for each candidate's name, which {ALONE} need where there are several (the
others hold them all); --report and --shard draw from seed 0"""
Reports = list[tuple[str, str]]
"""Formats, and the files that they go to."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        line = make_visible(message).replace("\n", "\\n")
        self.exit(USAGE, f"{self.prog}: {line}\n")


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m verification",
        usage="python -m verification [CANDIDATE ...] [options]",
        description="Compare every number of a NumPy implementation with PyTorch's.",
        epilog="exit codes: 0 all match, 1 something differs, 2 cannot be loaded, 3 a fault of the "
        "harness, 4 bad usage, 5 nothing to judge, 130 interrupted; of several candidates 3 if the "
        "harness failed, else 1 if any differs or cannot be loaded",
    )
    add = parser.add_argument
    what = "my_cnn.py, notebook.ipynb, package.module, or a folder of such files (npcnn)"
    add("candidate", nargs="*", metavar="CANDIDATE", help=what)
    add("--jobs", type=int, default=1, metavar="N", help="judge N candidates at a time (1)")
    only = "this function only; again for others"
    add("--only", nargs="+", action="extend", default=[], metavar="NAME", help=only)
    add("-k", dest="text", default="", metavar="TEXT", help="cases whose id contains TEXT")
    add("--level", type=int, choices=(1, 2, 3, 4), default=4, help=LEVELS)
    add("--rung", choices=RUNGS, default="", metavar="NAME", help=f"one rung: {', '.join(RUNGS)}")
    where = "cases whose fields fit: 'groups == channels and stride > 1'"
    add("--where", default="", metavar="EXPR", help=where)
    add("--case", default="", metavar="ID|ROW", help="one case in full, by its id or its row")
    known, laid = f"{', '.join(NAMES)} (found)", f"functional's: {', '.join(LAYOUTS)} (found)"
    add("--contract", choices=NAMES, metavar="NAME", default="", help=known)
    add("--layout", choices=LAYOUTS, metavar="NAME", default="", help=laid)
    start, files = "print a file to start from", (*NAMES, *LAYOUTS)
    add("--template", nargs="?", choices=files, metavar="NAME", const=files[0], help=start)
    add("--name", action="append", default=[], metavar="OURS=THEIRS", help="another name")
    add("--timeout", type=float, default=10.0, metavar="S", help="for a call (10 seconds)")
    add("--memory", type=int, default=4096, metavar="MIB", help="for the candidate (4096)")
    add(
        "--strict",
        action="store_true",
        help="conventions, errors of age and missing functions fail too",
    )
    shown = "all, actual (no right number) or status (nor a mistake's name) (all)"
    add("--show", choices=SHOW, default=SHOW[0], metavar="LEVEL", help=shown)
    add("--exam", action="store_const", dest="show", const=SHOW[-1], help="is --show status")
    hint = "1 which kind of case fails, 2 what to look at, 3 the mistake"
    add("--hint", type=int, choices=(1, 2, 3), default=0, help=hint)
    add("--watch", action="store_true", help="judge again whenever the file is saved")
    add("--seed", type=int, help="another seed, other numbers (0), and other draws (the clock's)")
    add("--draw", type=int, default=20, metavar="N", help="ask N more that nobody has seen (20)")
    add("--dtype", choices=("float64", "float32"), default="float64", help="of arrays (float64)")
    add("-x", dest="first", action="store_true", help="stop at the first failure")
    add("--list", action="store_true", help="list the cases and judge nothing")
    add("--report", action="append", default=[], metavar="FORMAT=FILE", help=REPORT)
    add("--json", default="", metavar="FILE", help="as --report json=FILE")
    points = "what a function is worth (1); again for others"
    add("--points", action="append", default=[], metavar="NAME=N", help=points)
    add(
        "--exit-zero",
        action="store_true",
        help="0 in place of 1 and 2, and of 5 where there are points",
    )
    add("--known", default="", metavar="FILE", help="ids of cases that may fail, a line each")
    add("--shard", default="1/1", metavar="K/N", help="the K-th of N parts of the questions")
    add("--merge", nargs="+", default=[], metavar="FILE", help="put the JSON of all parts together")
    textbook = "textbook needs no torch, asks up to level 3 and nothing large (torch)"
    add("--oracle", choices=("torch", "textbook"), default="torch", help=textbook)
    add("--verbose", action="store_true", help="count rungs, evidence, and what is outside")
    add("--color", choices=("auto", "always", "never"), default="auto", help="(on a terminal)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    parser = build_parser()
    options = parser.parse_intermixed_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if options.template:
        print(write_template(options.template), end="")
        return CODES["match"]
    try:
        reports = _read_reports(options)
        is_told = all(file != "-" for _, file in reports)
        if options.watch:
            return _keep_watching(options, reports, is_told)
        runs = _judge(options, reports, is_told)
    except UsageError as error:
        parser.error(str(error))
    try:
        _write(runs, reports, options, is_told)
        print(end="", flush=True)
    except BrokenPipeError:
        _silence()
        return CODES["interrupted"]
    except OSError as error:
        _silence()
        print(f"fault of the harness: {error}", file=sys.stderr)
        return CODES["fault"]
    code = _find_code(runs, options)
    is_graded = code in (1, 2) or (code == 5 and not any(run.fault for run in runs))
    return 0 if options.exit_zero and is_graded else code


def _find_code(runs: Sequence[Run], options: argparse.Namespace) -> int:
    verdicts = {run.verdict for run in runs}
    if len(runs) == 1:
        return CODES["match" if options.list and not runs[0].fault else verdicts.pop()]
    ranks = {"fault": 3, "interrupted": 130, "unloadable": 1, "differs": 1, "match": 0}
    return next((code for verdict, code in ranks.items() if verdict in verdicts), CODES["nothing"])


def _keep_watching(options: argparse.Namespace, reports: Reports, is_told: bool) -> int:
    """The report after each save, with what fails on top, until the keyboard interrupts."""
    every, style = _read_settings(options), _read_style(options)
    paths = [Path(str(one.candidate)) for one in every]
    if len(paths) > 1 or not paths[0].is_file() or options.list or not is_told:
        got = ", ".join(map(str, paths))
        raise UsageError(f"--watch takes one file and prints reports, got {got}")
    _check_reports(reports, [str(paths[0])])

    def tell(watch: Watch) -> None:
        try:
            run = judge(replace(every[0], first=True), lambda session: session.run(watch))
        except UsageError as error:  # the file may fit again once it is saved
            print(f"\n{error}", flush=True)
            return
        if run.fault == "interrupted":
            raise KeyboardInterrupt
        _wipe()
        told = sorted(run.findings, key=lambda finding: not finding.failing)
        lines = [line for finding in told for line in write_finding(run, finding, style)]
        lines = [make_visible(run.error)] if run.fault else [*write_header(run), *lines]
        print("\033[2J\033[H" * sys.stdout.isatty(), *lines, sep="\n")
        _write([run], reports, options, is_told)
        print(f"\n{paths[0]} is watched: save it, or end this with Ctrl-C.", flush=True)

    with suppress(KeyboardInterrupt):
        keep_watching(paths[0], tell, _watch(options, is_told))
    return CODES["interrupted"]


def _read_settings(options: argparse.Namespace) -> list[Settings]:
    """One for each candidate."""
    files = [name for name in options.only[1:] if name.endswith(FILES)]  # --only zero_pad a.py
    only = [name for name in options.only if name not in files]
    every = [*_list_candidates([*options.candidate, *files] or ["npcnn"])]
    names = _read_pairs("--name", "OURS=THEIRS", options.name)
    try:
        points = _read_pairs("--points", "NAME=N", options.points)
        worth = {name: float(number) for name, number in points.items()}
    except ValueError as error:
        raise UsageError(f"--points takes NAME=N: {error}") from error
    shard = re.fullmatch(r"(\d+)/(\d+)", options.shard)
    if not shard:
        raise UsageError(f"--shard takes K/N, got {options.shard}")
    if options.jobs < 1 or (options.list and len(every) > 1):
        raise UsageError(
            f"--jobs {options.jobs} must be at least 1, and --list takes one candidate"
        )
    part = int(shard[1]), int(shard[2])
    more: dict[str, Any] = {"names": names, "points": worth, "only": tuple(only), "shard": part}
    more["known"] = _read_known(options.known)
    if options.seed is None and (options.report or options.json or part[1] > 1 or len(every) > 1):
        more["seed"] = 0
    plain = {field.name for field in fields(Settings)} - {"candidate"}
    words = {name: value for name, value in vars(options).items() if name in plain} | more
    return [Settings(candidate=name, **words) for name in every]


def _list_candidates(names: Sequence[str]) -> Iterator[str]:
    """With files and notebooks in place of a folder that is no package."""
    for name in names:
        folder = Path(name)
        if not folder.is_dir() or (folder / "__init__.py").is_file():
            yield name
            continue
        inside = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in FILES)
        found = [path for path in inside if not any(part[0] in "._" for part in path.parts)]
        if not found:
            raise UsageError(f"{name} is a folder without .py files and notebooks")
        yield from (str(folder / path) for path in sorted(found))


def _read_pairs(option: str, form: str, pairs: Sequence[str]) -> dict[str, str]:
    names = dict(pair.partition("=")[::2] for pair in pairs)
    if not all(names) or not all(names.values()):
        raise UsageError(f"{option} takes {form}, got {' '.join(pairs)}")
    return names


def _read_known(file: str) -> frozenset[str]:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines() if file else []
    except (OSError, ValueError) as error:
        raise UsageError(f"--known cannot be read: {error}") from error
    return frozenset(filter(None, (line.partition("#")[0].strip() for line in lines)))


def _read_reports(options: argparse.Namespace) -> Reports:
    wishes = [*options.report, *([f"json={options.json}"] if options.json else [])]
    if options.list and wishes:
        raise UsageError("--list judges nothing, so there is no --json and no --report")
    pairs = (_read_pairs("--report", "FORMAT=FILE", [wish]).items() for wish in wishes)
    return list(chain.from_iterable(pairs))


def _check_reports(reports: Reports, names: Sequence[str]) -> None:
    """Before the run, not after it."""
    for name, file in reports:
        if name not in FORMATS:
            raise UsageError(f"--report {name}: known are {', '.join(FORMATS)}")
        if len(names) > 1 and not FORMATS[name].holds_many and "{}" not in file:
            raise UsageError(f"--report {name} holds one candidate: name {file} with {{}} in it")
        owners = {_fill(file, candidate): candidate for candidate in names}
        lost = [candidate for candidate in names if owners[_fill(file, candidate)] != candidate]
        if "{}" in file and lost:
            path = _fill(file, lost[0])
            raise UsageError(f"--report {name} writes {lost[0]} and {owners[path]} to {path}")
        for path in () if file == "-" else owners:
            try:
                is_new = not path.exists()
                path.open("a").close()
                if is_new:
                    path.unlink()
            except OSError as error:
                raise UsageError(f"{name} cannot be written: {error}") from error
    if [file for _, file in reports].count("-") > 1:
        raise UsageError("standard output holds one report")


def _fill(file: str, candidate: str) -> Path:
    """The file of a candidate, whose name stands for {}."""
    return Path(file.replace("{}", re.sub(r"[^\w.-]+", "-", candidate).strip(".-")))


def _merge(options: argparse.Namespace) -> list[Run]:
    try:
        return merge(
            (Path(file).read_text("utf-8") for file in options.merge), options.show, options.hint
        )
    except OSError as error:
        raise UsageError(f"--merge cannot be read: {error}") from error


def _judge(options: argparse.Namespace, reports: Reports, is_told: bool) -> list[Run]:
    """The runs, told as they come: one at length, of several a line each."""
    merged, watch = _merge(options), _watch(options, is_told)
    every = [run.settings for run in merged] or _read_settings(options)
    names = [str(one.candidate) for one in every]
    _check_reports(reports, names)
    if len(every) > 1:
        runs = []
        with suppress(KeyboardInterrupt, BrokenPipeError):
            for run in merged or judge_in_turn(every, min(options.jobs, len(every))):
                runs.append(run)
                if is_told:
                    print(write_line(run, max(map(len, names))), flush=True)
                if run.fault == "interrupted":
                    break
        left = [Run(one, str(one.candidate), fault="interrupted") for one in every[len(runs) :]]
        return runs + left
    if merged:
        watch.begin(merged[0])
        for finding in merged[0].findings:
            watch.show(merged[0], finding)
        return merged
    run = judge(every[0], _list if options.list else lambda session: session.run(watch))
    _wipe()
    if run.fault not in ("", "interrupted"):
        print(make_visible(run.error), file=sys.stderr)
    return [run]


def _list(session: Session) -> Run:
    for check in session.checks:
        for function in check.functions:
            print(f"{session.judged.name_of(function)}/{check.question.id}   {check.question.row}")
    return session.known


def _watch(options: argparse.Namespace, is_told: bool) -> Watch:
    """Progress on a terminal, and the report on standard output as it comes."""
    style, is_terminal = _read_style(options), sys.stderr.isatty()

    def begin(run: Run) -> None:
        if is_told:
            print("\n".join(write_header(run)), flush=True)

    def count(done: int, total: int) -> None:
        if is_terminal:
            print(f"\r{done} of {total} checks\033[K", end="", file=sys.stderr, flush=True)

    def show(run: Run, finding: Finding) -> None:
        _wipe()
        for line in write_finding(run, finding, style) if is_told else ():
            print(line, flush=True)

    return Watch(begin, count, show)


def _wipe() -> None:
    """Take the progress off the terminal."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _write(
    runs: Sequence[Run], reports: Reports, options: argparse.Namespace, is_told: bool
) -> None:
    for name, file in reports:
        taken = [run for run in runs if FORMATS[name].takes(run)]
        for some in [[run] for run in taken] if "{}" in file else [taken] if taken else []:
            text = FORMATS[name].write(some)
            if file == "-":
                print(text)
            else:
                _fill(file, some[0].candidate).write_text(f"{text}\n", encoding="utf-8")
    if is_told and len(runs) > 1:
        counts = Counter(run.verdict for run in runs)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        seconds = sum(run.seconds for run in runs)
        print(f"\n{len(runs)} candidates: {told}.   {seconds:.1f} s of judging")
    elif is_told and not options.list and runs[0].fault in ("", "interrupted"):
        print("\n".join(write_summary(runs[0], _read_style(options))))


def _silence() -> None:
    """Nobody can read standard output; what is left in its buffer must not fail at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _read_style(options: argparse.Namespace) -> Style:
    return Style(_is_coloured(options.color), bool(options.case), options.verbose)


def _is_coloured(wish: str) -> bool:
    """Only on a terminal, unless somebody wishes otherwise."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(sys.stdout and sys.stdout.isatty())


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # what a stranger's numbers do to ours is no news
    sys.exit(main())
