"""python -m verification: arguments in, a report and an exit code out, as options.toml says."""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while torch comes in there is nothing to tell

import argparse
import io
import os
import re
import sys
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from verification import judging, reports
from verification.candidates import FILES, LAYOUTS, NAMES, write_template
from verification.judging import Finding, Run, Session, Settings, UsageError, Watch
from verification.questions import RUNGS
from verification.reports import FORMATS

CODES = {"fault": 3, "interrupted": 130, "unloadable": 2, "differs": 1, "match": 0, "nothing": 5}
"""By verdict; of several candidates' the first counts."""
USAGE = 4
PAUSE = 0.1
"""Seconds between two looks at a file that is watched."""
TYPES = {"int": int, "float": float, "json": "json={}".format}
"""What options.toml makes of an option's text."""
KNOWN: Mapping[str, Sequence[str]] = {
    "rungs": RUNGS,
    "contracts": NAMES,
    "layouts": LAYOUTS,
    "templates": (*NAMES, *LAYOUTS),
    "shows": judging.SHOW,
    "formats": tuple(FORMATS),
    "alone": [name for name, form in FORMATS.items() if not form.holds_many],
}
"""What options name."""


class SavedError(BaseException):
    """A file was saved while it was judged; no fault of anybody's."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        line = reports.make_visible(message).replace("\n", "\\n")
        self.exit(USAGE, f"{self.prog}: {line}\n")


def build_parser() -> Parser:
    tables = tomllib.loads(Path(__file__).with_name("options.toml").read_text(encoding="utf-8"))
    parser = Parser(**tables["parser"], argument_default=argparse.SUPPRESS)
    told = {name: ", ".join(words) for name, words in KNOWN.items()}
    for flag, about in tables["options"].items():
        about["help"] = about["help"].format_map(told)
        if isinstance(about.get("choices"), str):
            about["choices"] = KNOWN[about["choices"].strip("{}")]
        if "type" in about:
            about["type"] = TYPES[about["type"]]
        parser.add_argument(flag, **about)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    parser = build_parser()
    options = parser.parse_intermixed_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    is_coloured = _is_coloured(options.color)
    options.style = reports.Style(is_coloured, bool(options.case), options.verbose)
    try:
        if options.template:
            print(write_template(options.template), end="", flush=True)
            return CODES["match"]
        options.show = judging.choose_show(options.exam, options.show)
        options.reports = [_read_pair("--report", "FORMAT=FILE", one) for one in options.report]
        if options.list and options.reports:
            raise UsageError("--list judges nothing, so there is no --json and no --report")
        options.is_told = all(file != "-" for _, file in options.reports)
        if options.watch:
            return _watch_file(options)
        runs = _judge(options)
        _write_reports(runs, options.reports)
        _conclude(runs, options)
    except UsageError as error:
        parser.error(str(error))
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
    if options.list and not runs[0].fault:
        return CODES["match"]
    verdicts = {run.verdict for run in runs}
    verdict = next(verdict for verdict in CODES if verdict in verdicts)
    return CODES["differs" if verdict == "unloadable" and len(runs) > 1 else verdict]


def _watch_file(options: argparse.Namespace) -> int:
    """The report after each save, with what fails on top, until the keyboard interrupts."""
    every = _read_settings(options)
    paths = [Path(str(one.candidate)) for one in every]
    if len(paths) > 1 or not paths[0].is_file():
        raise UsageError(f"--watch takes one file, got {', '.join(map(str, paths))}")
    if options.list or not options.is_told:
        raise UsageError("--watch prints reports: no --list, and no --report to standard output")
    _check_reports(options.reports, [str(paths[0])])

    def tell(watch: Watch) -> None:
        try:
            run = judging.judge(replace(every[0], first=True), partial(Session.run, watch=watch))
        except UsageError as error:  # the file may fit again once it is saved
            print(f"\n{error}", flush=True)
            return
        if run.fault == "interrupted":
            raise KeyboardInterrupt
        _wipe()
        findings = sorted(run.findings, key=lambda finding: not finding.failing)
        text = reports.write_text(replace(run, findings=tuple(findings)), options.style)
        text = reports.make_visible(run.error) if run.fault else text
        print("\033[2J\033[H" * sys.stdout.isatty(), text, sep="\n")
        _write_reports([run], options.reports)
        print(f"\n{paths[0]} is watched: save it, or end this with Ctrl-C.", flush=True)

    with suppress(KeyboardInterrupt):
        keep_watching(paths[0], tell, _watch(options))
    return CODES["interrupted"]


def keep_watching(path: Path, judge: Callable[[Watch], None], watch: Watch) -> None:
    """Judge now and after each save, until the keyboard interrupts; a save cuts a run short."""
    stamp = read_stamp(path)

    def is_saved() -> bool:
        return read_stamp(path) not in (stamp, ())

    def count(done: int, total: int) -> None:
        watch.count(done, total)
        if is_saved():
            raise SavedError

    while True:
        stamp = read_stamp(path)
        with suppress(SavedError):
            judge(Watch(count=count))
        while not is_saved():
            time.sleep(PAUSE)


def read_stamp(path: Path) -> tuple[int, ...]:
    """What differs once a file is saved, in place or by another of its name; () if it is gone."""
    with suppress(OSError):
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
    return ()


def _read_settings(options: argparse.Namespace) -> list[Settings]:
    """One for each candidate."""
    files = [name for name in options.only[1:] if name.endswith(FILES)]  # --only zero_pad a.py
    every = [*_list_candidates([*options.candidate, *files] or ["npcnn"])]
    if not (shard := re.fullmatch(r"(\d+)/(\d+)", options.shard)):
        raise UsageError(f"--shard takes K/N, got {options.shard}")
    points = [_read_pair("--points", "NAME=N", pair) for pair in options.points]
    known = _read_text("--known", options.known).splitlines() if options.known else []
    words: dict[str, Any] = {
        **vars(options),
        "only": tuple(name for name in options.only if name not in files),
        "names": dict(_read_pair("--name", "OURS=THEIRS", pair) for pair in options.name),
        "known": frozenset(line.partition("#")[0].strip() for line in known) - {""},
        "shard": (int(shard[1]), int(shard[2])),
    }
    try:
        words["points"] = {name: float(number) for name, number in points}
    except ValueError as error:
        raise UsageError(f"--points takes NAME=N: {error}") from error
    if options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {options.jobs}")
    if options.list and len(every) > 1:
        raise UsageError(f"--list takes one candidate, got {', '.join(every)}")
    if options.reports or int(shard[2]) > 1 or len(every) > 1:
        words.setdefault("seed", 0)
    words = {field.name: words[field.name] for field in fields(Settings) if field.name in words}
    return [Settings(**{**words, "candidate": name}) for name in every]


def _list_candidates(names: Sequence[str]) -> Iterator[str]:
    """With files and notebooks in place of a folder that is no package."""
    for name in names:
        folder = Path(name)
        if "=" in name and not folder.exists():
            raise UsageError(
                f"{name} is no candidate: --name takes one OURS=THEIRS, again for others"
            )
        if not folder.is_dir() or (folder / "__init__.py").is_file():
            yield name
            continue
        inside = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in FILES)
        found = [path for path in inside if not any(part[0] in "._" for part in path.parts)]
        if not found:
            raise UsageError(f"{name} is a folder without .py files and notebooks")
        yield from (str(folder / path) for path in sorted(found))


def _read_pair(option: str, form: str, pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    if not (name and value):
        raise UsageError(f"{option} takes {form}, got {pair}")
    return name, value


def _read_text(option: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{option} cannot be read: {error}") from error


def _check_reports(wishes: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
    """Before the run, not after it."""
    for name, file in wishes:
        if name not in FORMATS:
            raise UsageError(f"--report {name}: known are {', '.join(FORMATS)}")
        if len(names) > 1 and not FORMATS[name].holds_many and "{}" not in file:
            raise UsageError(f"--report {name} holds one candidate: name {file} with {{}} in it")
        counts = Counter(_fill(file, candidate) for candidate in {*names})
        for path, count in counts.items() if file != "-" else ():
            if "{}" in file and count > 1:
                raise UsageError(f"--report {name} writes {count} candidates to {path}")
            place = path if path.exists() else path.parent
            if path.is_dir() or not os.access(place, os.W_OK):
                raise UsageError(f"{name} cannot be written: {path}")
    if [file for _, file in wishes].count("-") > 1:
        raise UsageError("standard output holds one report")


def _fill(file: str, candidate: str) -> Path:
    """The file of a candidate, whose name stands for {}."""
    return Path(file.replace("{}", re.sub(r"[^\w.-]+", "-", candidate).strip(".-")))


def _judge(options: argparse.Namespace) -> list[Run]:
    """The runs, told as they come: one at length, of several a line each."""
    texts = [_read_text("--merge", file) for file in options.merge]
    merged = judging.merge(texts, options.show, options.hint) if texts else []
    every = [run.settings for run in merged] or _read_settings(options)
    names = [str(one.candidate) for one in every]
    _check_reports(options.reports, names)
    watch, runs = _watch(options), list[Run]()
    if len(every) > 1:
        with suppress(KeyboardInterrupt, BrokenPipeError):
            for run in merged or judging.judge_in_turn(every, min(options.jobs, len(every))):
                runs.append(run)
                if options.is_told:
                    print(reports.write_line(run, max(map(len, names))), flush=True)
                if run.fault == "interrupted":
                    break
        left = every[len(runs) :]
        return runs + [Run(one, str(one.candidate), fault="interrupted") for one in left]
    if merged:
        watch.begin(merged[0])
        for finding in merged[0].findings:
            watch.show(merged[0], finding)
        return merged
    ask = _list if options.list else partial(Session.run, watch=watch)
    runs.append(judging.judge(every[0], ask))
    _wipe()
    return runs


def _list(session: Session) -> Run:
    for check in session.checks:
        for function in check.functions:
            print(f"{session.judged.name_of(function)}/{check.question.id}   {check.question.row}")
    return session.known


def _watch(options: argparse.Namespace) -> Watch:
    """Progress on a terminal, and the report on standard output as it comes."""

    def begin(run: Run) -> None:
        if options.is_told:
            print("\n".join(reports.write_header(run)), flush=True)

    def count(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} checks\033[K", end="", file=sys.stderr, flush=True)

    def show(run: Run, finding: Finding) -> None:
        _wipe()
        for line in reports.write_finding(run, finding, options.style) * options.is_told:
            print(line, flush=True)

    return Watch(begin, count, show)


def _wipe() -> None:
    """Take the progress off the terminal."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _write_reports(runs: Sequence[Run], wishes: Sequence[tuple[str, str]]) -> None:
    for name, file in wishes:
        taken = [run for run in runs if FORMATS[name].takes(run)]
        for some in [[run] for run in taken] if "{}" in file else [taken] if taken else []:
            text = FORMATS[name].write(some)
            if file == "-":
                print(text)
            else:
                _fill(file, some[0].candidate).write_text(f"{text}\n", encoding="utf-8")


def _conclude(runs: Sequence[Run], options: argparse.Namespace) -> None:
    """The last lines, or why there is nothing to tell."""
    if len(runs) == 1 and runs[0].fault not in ("", "interrupted"):
        print(reports.make_visible(runs[0].error), file=sys.stderr)
    elif options.is_told and len(runs) > 1:
        counts = Counter(run.verdict for run in runs)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        seconds = sum(run.seconds for run in runs)
        print(f"\n{len(runs)} candidates: {told}.   {seconds:.1f} s of judging")
    elif options.is_told and not options.list:
        print("\n".join(reports.write_summary(runs[0], options.style)))
    print(end="", flush=True)


def _silence() -> None:
    """Nobody can read standard output; what is left in its buffer must not fail at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_coloured(wish: str) -> bool:
    """Only on a terminal, unless somebody wishes otherwise."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(sys.stdout and sys.stdout.isatty())


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")  # what a stranger's numbers do to ours is no news
    sys.exit(main())
