"""python -m verification: arguments in, a report and an exit code out.

Exit codes: 0 all match, 1 something differs, 2 the candidate cannot be loaded, 3 a fault of the
harness, 4 bad usage, 5 nothing to judge, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

if importlib.util.find_spec("torch") is None:  # before what imports it: a traceback's code is 1
    print("the judge needs torch: pip install -e '.[verify]'", file=sys.stderr)
    sys.exit(3)

from verification.candidates import LAYOUTS, NAMES, UnloadableError, write_template
from verification.judging import SHOW, Finding, Run, Session, Settings, UsageError, Watch
from verification.questions import RUNGS
from verification.reports import (
    Style,
    keep_watching,
    make_visible,
    write_finding,
    write_header,
    write_json,
    write_summary,
)

CODES = {"match": 0, "differs": 1, "unloadable": 2, "fault": 3, "nothing": 5, "interrupted": 130}
USAGE = 4
LEVELS = "up to 1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option (4)"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        line = make_visible(message).replace("\n", "\\n")
        self.exit(USAGE, f"{self.prog}: {line}\n")


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m verification",
        usage="python -m verification [CANDIDATE] [options]",
        description="Compare every number of a NumPy implementation with PyTorch's.",
        epilog="exit codes: 0 all match, 1 something differs, 2 cannot be loaded, 3 a fault of the "
        "harness, 4 bad usage, 5 nothing to judge, 130 interrupted",
    )
    add = parser.add_argument
    what = "my_cnn.py, notebook.ipynb or package.module (npcnn)"
    add("candidate", nargs="?", default="npcnn", metavar="CANDIDATE", help=what)
    add("--only", nargs="+", default=(), metavar="NAME", help="these functions only")
    add("-k", dest="text", default="", metavar="TEXT", help="cases whose id contains TEXT")
    add("--level", type=int, choices=(1, 2, 3, 4), default=4, help=LEVELS)
    add("--rung", choices=RUNGS, default="", metavar="NAME", help=f"one rung: {', '.join(RUNGS)}")
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
    add("--json", default="", metavar="FILE", help="the report as JSON; - is standard output")
    add("--verbose", action="store_true", help="count rungs, evidence, and what is outside")
    add("--color", choices=("auto", "always", "never"), default="auto", help="(on a terminal)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if options.template:
        print(write_template(options.template), end="")
        return CODES["match"]
    try:
        settings = _read_settings(options)
        if options.watch:
            return _keep_watching(settings, options)
        run = _judge(settings, options, _watch(options))
    except UsageError as error:
        parser.error(str(error))
    try:
        _write(run, options)
        print(end="", flush=True)
    except BrokenPipeError:
        _silence()
        return CODES["interrupted"]
    except OSError as error:
        _silence()
        print(f"fault of the harness: {error}", file=sys.stderr)
        return CODES["fault"]
    return CODES["match" if options.list and not run.fault else run.verdict]


def _read_settings(options: argparse.Namespace) -> Settings:
    names = dict(pair.partition("=")[::2] for pair in options.name)
    if not all(names) or not all(names.values()):
        raise UsageError(f"--name takes OURS=THEIRS, got {' '.join(options.name)}")
    if options.list and options.json:
        raise UsageError("--list judges nothing, so there is no --json")
    if options.json not in ("", "-"):
        try:  # before the run, not after it
            Path(options.json).open("a").close()
        except OSError as error:
            raise UsageError(f"--json cannot be written: {error}") from error
    plain = {field.name for field in fields(Settings)} - {"names", "only"}
    words = {name: value for name, value in vars(options).items() if name in plain}
    return Settings(names=names, only=tuple(options.only), **words)


def _keep_watching(settings: Settings, options: argparse.Namespace) -> int:
    """The report after each save, with what fails on top, until the keyboard interrupts."""
    path, style = Path(str(settings.candidate)), _read_style(options)
    if not path.is_file() or options.list or options.json == "-":
        raise UsageError(f"--watch takes a file and prints reports, got {path}")

    def judge(watch: Watch) -> None:
        try:
            run = _judge(replace(settings, first=True), options, watch)
        except UsageError as error:  # the file may fit again once it is saved
            print(f"\n{error}", flush=True)
            return
        if run.fault == "interrupted":
            raise KeyboardInterrupt
        told = sorted(run.findings, key=lambda finding: not finding.failing)
        lines = [line for finding in told for line in write_finding(run, finding, style)]
        if run.fault != "unloadable":
            print("\033[2J\033[H" * sys.stdout.isatty(), *write_header(run), *lines, sep="\n")
        _write(run, options)
        print(f"\n{path} is watched: save it, or end this with Ctrl-C.", flush=True)

    with suppress(KeyboardInterrupt):
        keep_watching(path, judge, _watch(options))
    return CODES["interrupted"]


def _judge(settings: Settings, options: argparse.Namespace, watch: Watch) -> Run:
    """The run; what ended it early is in it, too."""
    run = Run(settings, str(settings.candidate))
    try:
        with Session(settings) as session:
            try:
                if session.checks:
                    return _list(session) if options.list else session.run(watch)
                fault, words = "nothing", "no case fits these options"
            finally:
                _wipe()
                run = session.known
    except UsageError:
        raise
    except BrokenPipeError:
        _silence()
        return replace(run, fault="interrupted", error="nobody reads standard output")
    except UnloadableError as error:
        fault, words = "unloadable", str(error)
    except KeyboardInterrupt:
        return replace(run, fault="interrupted", error="interrupted")
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        fault, words = "fault", f"fault of the harness: {type(error).__name__}: {error}"
    print(make_visible(words), file=sys.stderr)
    return replace(run, fault=fault, error=words)


def _list(session: Session) -> Run:
    for check in session.checks:
        for function in check.functions:
            print(f"{session.judged.name_of(function)}/{check.question.id}   {check.question.row}")
    return session.known


def _watch(options: argparse.Namespace) -> Watch:
    """Progress on a terminal, and the report on standard output as it comes."""
    is_told, is_terminal = options.json != "-", sys.stderr.isatty()
    style = _read_style(options)

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


def _write(run: Run, options: argparse.Namespace) -> None:
    if options.list and not run.fault:
        return
    if options.json == "-":
        print(write_json(run))
    elif options.json:
        Path(options.json).write_text(write_json(run) + "\n", encoding="utf-8")
    if options.json != "-" and run.fault in ("", "interrupted"):
        print("\n".join(write_summary(run, _read_style(options))))


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
