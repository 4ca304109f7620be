"""python -m verification: arguments in, a report and an exit code out.

Exit codes: 0 all match, 1 something differs, 2 the candidate cannot be loaded, 3 a fault of the
harness, 4 bad usage, 5 nothing to judge, 130 the run was interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

if importlib.util.find_spec("torch") is None:  # before what imports it: a traceback's code is 1
    print("the judge needs torch: pip install -e '.[verify]'", file=sys.stderr)
    sys.exit(3)

from verification.candidates import NAMES, UnloadableError
from verification.judging import Finding, Run, Session, Settings, UsageError, Watch
from verification.questions import RUNGS
from verification.reports import write_finding, write_header, write_json, write_summary

CODES = {
    "match": 0,
    "differs": 1,
    "unloadable": 2,
    "fault": 3,
    "nothing": 5,
    "interrupted": 130,
}
USAGE = 4
LEVELS = "up to 1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option (4)"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m verification",
        description="Compare every number of a NumPy implementation with PyTorch's.",
        epilog="exit codes: 0 all match, 1 something differs, 2 cannot be loaded, 3 a fault of the "
        "harness, 4 bad usage, 5 nothing to judge, 130 interrupted",
    )
    add = parser.add_argument
    what = "my_cnn.py, notebook.ipynb or package.module (npcnn)"
    add("candidate", nargs="?", default="npcnn", help=what)
    add("--only", nargs="+", default=(), metavar="NAME", help="these functions only")
    add("-k", dest="text", default="", metavar="TEXT", help="cases whose id contains TEXT")
    add("--level", type=int, choices=(1, 2, 3, 4), default=4, help=LEVELS)
    add("--rung", choices=RUNGS, default="", metavar="NAME", help=f"one rung: {', '.join(RUNGS)}")
    add("--case", default="", metavar="ID|ROW", help="one case in full, by its id or its row")
    known = f"{', '.join(NAMES)} (found)"
    add("--contract", choices=NAMES, metavar="NAME", default="", help=known)
    add("--layout", choices=("nchw", "nhwc"), default="nchw", help="of the functional contract")
    add("--name", action="append", default=[], metavar="OURS=THEIRS", help="another name")
    add("--timeout", type=_seconds, default=10.0, metavar="S", help="for a call (10 seconds)")
    add("--memory", type=_mebibytes, default=4096, metavar="MIB", help="for the candidate (4096)")
    add("--strict", action="store_true", help="named deviations and errors of age fail too")
    add("--exam", action="store_true", help="show no expected numbers and name no mistake")
    add("--seed", type=int, default=0, help="another seed, other numbers (0)")
    add("--dtype", choices=("float64", "float32"), default="float64", help="of arrays (float64)")
    add("-x", dest="first", action="store_true", help="stop at the first failure")
    add("--list", action="store_true", help="list the cases and judge nothing")
    add("--json", default="", metavar="FILE", help="the report as JSON; - is standard output")
    add("--color", choices=("auto", "always", "never"), default="auto", help="(on a terminal)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        settings = _settings(options)
        run = _judge(settings, options)
    except (UsageError, OSError) as error:
        parser.error(str(error))
    except BrokenPipeError:
        return _let_go()
    if options.list and not run.fault:
        return CODES["match"]
    try:
        _write(run, options)
        print(end="", flush=True)
    except BrokenPipeError:
        return _let_go()
    return CODES[run.verdict]


def _let_go() -> int:
    """Whoever read standard output has gone; nothing more is said."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CODES["interrupted"]


def _settings(options: argparse.Namespace) -> Settings:
    names = dict(pair.partition("=")[::2] for pair in options.name)
    if not all(names) or not all(names.values()):
        raise UsageError(f"--name takes OURS=THEIRS, got {' '.join(options.name)}")
    if options.json not in ("", "-"):
        Path(options.json).open("a").close()  # what cannot be written is said before the run
    plain = {field.name for field in fields(Settings)} - {"names", "only"}
    words = {name: value for name, value in vars(options).items() if name in plain}
    return Settings(names=names, only=tuple(options.only), **words)


def _judge(settings: Settings, options: argparse.Namespace) -> Run:
    """The run; what ended it is in it, too."""
    run = Run(settings, str(settings.candidate))
    try:
        with Session(settings) as session:
            if options.list:
                return _list(session, run)
            if not session.checks:
                print("no case fits these options", file=sys.stderr)
                return run
            return session.run(_watch(options))
    except UnloadableError as error:
        fault, words = "unloadable", str(error)
    except KeyboardInterrupt:
        fault, words = "interrupted", "interrupted"
    except (UsageError, BrokenPipeError):
        raise
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        fault, words = "fault", f"fault of the harness: {type(error).__name__}: {error}"
    print(words, file=sys.stderr)
    return Run(settings, run.candidate, fault=fault, error=words)


def _list(session: Session, run: Run) -> Run:
    for check in session.checks:
        for function in check.functions:
            print(f"{session.judged.name_of(function)}/{check.question.id}   {check.question.row}")
    return run


def _watch(options: argparse.Namespace) -> Watch:
    """Progress on a terminal, and the report on standard output as it comes."""
    count = _count if sys.stderr.isatty() else Watch.count
    if options.json == "-":
        return Watch(count=count)
    colour = _is_coloured(options.color)

    def begin(run: Run) -> None:
        print("\n".join(write_header(run)), flush=True)

    def show(run: Run, finding: Finding) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        for line in write_finding(run, finding, colour, full=bool(options.case)):
            print(line, flush=True)

    return Watch(begin, count, show)


def _count(done: int, total: int) -> None:
    """A line that replaces itself."""
    print(f"\r{done} of {total} checks\033[K", end="", file=sys.stderr, flush=True)


def _write(run: Run, options: argparse.Namespace) -> None:
    if options.json == "-":
        print(write_json(run))
        return
    if options.json:
        Path(options.json).write_text(write_json(run) + "\n", encoding="utf-8")
    if run.contract:
        print("\n".join(write_summary(run)))


def _is_coloured(wish: str) -> bool:
    """Only on a terminal, unless somebody wishes otherwise."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(sys.stdout and sys.stdout.isatty())


def _seconds(text: str) -> float:
    limit = float(text)
    if not 0 < limit < 1e6:
        raise ValueError
    return limit


def _mebibytes(text: str) -> int:
    memory = int(text)
    if memory < 1:
        raise ValueError
    return memory


if __name__ == "__main__":
    sys.exit(main())
