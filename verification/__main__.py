"""python -m verification: arguments in, a report and an exit code out.

Exit codes: 0 all match, 1 something differs, 2 the candidate cannot be loaded or the run was
interrupted, 3 a fault of the harness or a vacuous check, 4 bad usage, 5 nothing to judge.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

if importlib.util.find_spec("torch") is None:  # before what imports it: a traceback's code is 1
    print("the judge needs torch, which is not installed", file=sys.stderr)
    sys.exit(3)

from verification import (
    block,
    candidate,
    document,
    features,
    mistakes,
    options,
    questions,
    report,
    row,
    session,
    trial,
)
from verification.apart.process import UnloadableError
from verification.block import Run
from verification.candidate import Candidate
from verification.case import CaseError
from verification.questions import Question
from verification.session import Finding, Rules
from verification.trial import Check

MATCH, DIFFERS, UNLOADABLE, FAULT, USAGE, NOTHING = range(6)


_CODES = {"match": MATCH, "differs": DIFFERS, "vacuous": FAULT, "nothing": NOTHING}


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and return the exit code."""
    given = options.parser().parse_args(arguments)
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        code = _judge(given)
        print(end="", flush=True)
        return code
    except UnloadableError as error:
        print(error, file=sys.stderr)
        return UNLOADABLE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return UNLOADABLE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNLOADABLE
    except CaseError as error:
        if _is_row(given):
            options.parser().error(str(error))
        print(f"fault of the harness: {error}", file=sys.stderr)
        return FAULT
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        print(f"fault of the harness: {type(error).__name__}: {error}", file=sys.stderr)
        return FAULT


def _judge(given: argparse.Namespace) -> int:
    start = time.perf_counter()
    _writable(given.json)
    catalogue = mistakes.read()
    judged = candidate.load(
        given.candidate,
        given.contract,
        given.layout,
        options.renames(given.name),
        given.timeout,
        given.memory,
        tuple(mistake for mistake in catalogue if mistake.kind == mistakes.AGE),
    )
    with contextlib.closing(judged):
        given.only = _known(judged, given)
        checks, outside = trial.plan(judged, _questions(given), partial(_chosen, given))
        if given.list:
            return _list(judged, checks)
        if not checks:
            print("no case fits these options", file=sys.stderr)
            return NOTHING
        rules = Rules(given.seed, given.dtype, catalogue, given.first, given.strict)
        words = options.words(given)
        run = block.begun(judged, trial.prepare(), rules, words=words, exam=given.exam)
        progress = partial(_progress, sum(len(check.functions) for check in checks))
        found = session.hold(judged, checks, _counted(given, outside), rules, progress)
        findings = list(_told(run, found, given))
        run = replace(run, findings=findings, seconds=time.perf_counter() - start)
        _finish(run, given)
    return _CODES[run.verdict]


def _counted(given: argparse.Namespace, outside: Mapping[str, int]) -> Mapping[str, int]:
    """What lies outside the contract is told of a whole run."""
    narrowed = given.only or given.text or given.case or given.rung or given.level < 4
    return {} if narrowed else outside


def _writable(path: str | None) -> None:
    """Said before the run, not after it."""
    if path is not None and path != "-":
        try:
            Path(path).open("a").close()
        except OSError as error:
            options.parser().error(f"--json cannot be written: {error}")


def _known(judged: Candidate, given: argparse.Namespace) -> list[str]:
    """The functions to judge, by the candidate's own names; none of them is unknown."""
    ours = [function.name for function in judged.contract.functions]
    for our, their in options.renames(given.name).items():
        if our not in ours or their not in judged.hello.names:
            known = ", ".join(ours)
            options.parser().error(
                f"--name {our}={their}: known are {known}; and theirs must exist"
            )
    theirs = [judged.name_of(function) for function in judged.contract.functions]
    short = {_short(name): name for name in (*theirs, *ours)}
    for name in given.only or ():
        if name not in short and name not in (*ours, *theirs):
            known = ", ".join(dict.fromkeys((*ours, *theirs)))
            options.parser().error(f"unknown function {name!r}, known are {known}")
    named = (short.get(name, name) for name in given.only or ())
    return [judged.names.get(name, name) for name in named]


def _list(judged: Candidate, checks: Sequence[Check]) -> int:
    for check in checks:
        for function in check.functions:
            print(f"{judged.name_of(function)}/{check.question.id}   {check.question.row}")
    return MATCH if checks else NOTHING


def _questions(given: argparse.Namespace) -> Sequence[Question]:
    return row.parse(given.case) if _is_row(given) else questions.every()


def _is_row(given: argparse.Namespace) -> bool:
    return "=" in (given.case or "")


def _chosen(given: argparse.Namespace, name: str, question: Question) -> bool:
    if given.only and not {name, _short(name)} & set(given.only):
        return False
    if given.case and not _is_row(given):
        return given.case in _names(name, question)
    if given.rung and features.rung(question) != given.rung:
        return False
    return features.level(question) <= given.level and given.text in f"{name}/{question.id}"


def _short(name: str) -> str:
    """conv2d for functional.conv2d."""
    return name.rpartition(".")[2]


def _names(name: str, question: Question) -> set[str]:
    """What --case may call a question: with its fill or without, with the function or without."""
    ids = {question.id, question.name}
    return ids | {f"{name}/{known}" for known in ids}


def _progress(total: int, done: int) -> None:
    """A line that replaces itself, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total} checks\033[K", end="", file=sys.stderr, flush=True)


def _told(run: Run, findings: Iterator[Finding], given: argparse.Namespace) -> Iterator[Finding]:
    """The findings, each printed as soon as it is there."""
    silent, colour = given.json == "-", options.coloured(given.color)
    if not silent:
        print("\n".join(report.header(run)), flush=True)
    for finding in findings:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if not silent:
            told = report.function(run, finding, colour, full=bool(given.case))
            print("".join(f"{line}\n" for line in told), end="", flush=True)
        yield finding


def _finish(run: Run, given: argparse.Namespace) -> None:
    if given.json == "-":
        print(document.as_json(run))
        return
    if given.json:
        Path(given.json).write_text(document.as_json(run) + "\n", encoding="utf-8")
    print("\n".join(report.summary(run)))


if __name__ == "__main__":
    sys.exit(main())
