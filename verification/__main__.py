"""python -m verification: arguments in, a report and an exit code out.

Exit codes: 0 all match, 1 something differs, 2 the candidate cannot be loaded or the run was
interrupted, 3 a fault of the harness, 4 bad usage, 5 nothing to judge.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from verification import candidate, document, judge, questions, report, row
from verification.candidate import Candidate
from verification.case import CaseError
from verification.judge import Check, Outcome
from verification.questions import Question

MATCH, DIFFERS, UNLOADABLE, FAULT, USAGE, NOTHING = range(6)

LEVELS = "up to 1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option (4)"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        code = _judge(options)
        print(end="", flush=True)
        return code
    except candidate.UnloadableError as error:
        print(error, file=sys.stderr)
        return UNLOADABLE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return UNLOADABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNLOADABLE
    except CaseError as error:
        if _is_row(options):
            _parser().error(str(error))
        print(f"fault of the harness: {error}", file=sys.stderr)
        return FAULT
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        print(f"fault of the harness: {type(error).__name__}: {error}", file=sys.stderr)
        return FAULT


def _parser() -> Parser:
    parser = Parser(
        prog="python -m verification",
        description="Compare every number of a NumPy implementation with PyTorch's.",
        epilog="exit codes: 0 all match, 1 something differs, 2 cannot be loaded or interrupted, "
        "3 a fault of the harness, 4 bad usage, 5 nothing to judge",
    )
    add = parser.add_argument
    add("candidate", nargs="?", default="npcnn", help="a module by its dotted name (npcnn)")
    add("--only", nargs="+", metavar="NAME", help="these functions only")
    add("-k", dest="text", default="", metavar="TEXT", help="cases whose id contains TEXT")
    add("--level", type=int, choices=(1, 2, 3, 4), default=4, help=LEVELS)
    add("--case", metavar="ID|ROW", help="one case in full, by its id or its row")
    add("--seed", type=int, default=0, help="another seed, other numbers (0)")
    add(
        "--dtype", choices=("float64", "float32"), default="float64", help="of all arrays (float64)"
    )
    add("-x", dest="first", action="store_true", help="stop at the first failure")
    add("--list", action="store_true", help="list the cases and judge nothing")
    add("--json", metavar="FILE", help="the report as JSON; - is standard output")
    add(
        "--color", choices=("auto", "always", "never"), default="auto", help="(auto: on a terminal)"
    )
    return parser


def _judge(options: argparse.Namespace) -> int:
    start = time.perf_counter()
    _writable(options.json)
    judged = candidate.load(options.candidate)
    names = _known(judged, options.only or ())
    checks = judge.plan(judged, _questions(options), lambda *pair: _chosen(options, *pair))
    if options.list:
        return _list(checks)
    if not checks:
        print("no case fits these options", file=sys.stderr)
        return NOTHING
    oracle = judge.prepare()
    with np.errstate(all="ignore"):  # a candidate's np.seterr is no affair of the harness
        asked = judge.run(judged, checks, options.seed, options.dtype)
        outcomes = list(_watched(asked, checks, options))
    run = report.Run(
        candidate=options.candidate,
        contract=judged.contract.name,
        sha256=judged.sha256,
        oracle=oracle,
        numpy=np.__version__,
        python=platform.python_version(),
        seed=options.seed,
        dtype=options.dtype,
        seconds=time.perf_counter() - start,
        functions=names,
        outcomes=outcomes,
    )
    _print(run, options)
    return {"match": MATCH, "differs": DIFFERS, "nothing": NOTHING}[run.verdict]


def _writable(path: str | None) -> None:
    """Said before the run, not after it."""
    if path is not None and path != "-":
        try:
            Path(path).open("a").close()
        except OSError as error:
            _parser().error(f"--json cannot be written: {error}")


def _known(judged: Candidate, only: Sequence[str]) -> list[str]:
    """The names of the contract's functions, if `only` names no others."""
    names = [function.name for function in judged.contract.functions]
    for name in only:
        if name not in {known for full in names for known in (full, _short(full))}:
            _parser().error(f"unknown function {name!r}, known are {', '.join(names)}")
    return names


def _list(checks: Sequence[Check]) -> int:
    for check in checks:
        for function in check.functions:
            print(f"{function.name}/{check.question.id}   {check.question.row}")
    return MATCH if checks else NOTHING


def _questions(options: argparse.Namespace) -> Sequence[Question]:
    return row.parse(options.case) if _is_row(options) else questions.read_all()


def _is_row(options: argparse.Namespace) -> bool:
    return "=" in (options.case or "")


def _chosen(options: argparse.Namespace, name: str, question: Question) -> bool:
    if options.only and not {name, _short(name)} & set(options.only):
        return False
    if options.case and not _is_row(options):
        return options.case in _names(name, question)
    return question.level <= options.level and options.text in f"{name}/{question.id}"


def _short(name: str) -> str:
    """conv2d for functional.conv2d."""
    return name.rpartition(".")[2]


def _names(name: str, question: Question) -> set[str]:
    """What --case may call a question: with its fill or without, with the function or without."""
    ids = {question.id, question.name}
    return ids | {f"{name}/{known}" for known in ids}


def _watched(
    outcomes: Iterator[Outcome], checks: Sequence[Check], options: argparse.Namespace
) -> Iterator[Outcome]:
    """The outcomes, with progress on a terminal, up to the first failure with -x."""
    total, shown = sum(len(check.functions) for check in checks), sys.stderr.isatty()
    for number, outcome in enumerate(outcomes, start=1):
        if shown:
            print(f"\r{number} of {total} checks\033[K", end="", file=sys.stderr, flush=True)
        yield outcome
        if options.first and outcome.status not in report.GOOD:
            break
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _print(run: report.Run, options: argparse.Namespace) -> None:
    if options.json == "-":
        print(document.as_json(run))
        return
    if options.json:
        Path(options.json).write_text(document.as_json(run) + "\n", encoding="utf-8")
    print(report.as_text(run, _coloured(options.color), full=bool(options.case)))


def _coloured(wish: str) -> bool:
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(sys.stdout and sys.stdout.isatty())


if __name__ == "__main__":
    sys.exit(main())
