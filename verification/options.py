"""The words of the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from verification import contracts
from verification.features import RUNGS

USAGE = 4
"""The exit code of bad usage."""
LEVELS = "up to 1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option (4)"


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser() -> Parser:
    built = Parser(
        prog="python -m verification",
        description="Compare every number of a NumPy implementation with PyTorch's.",
        epilog="exit codes: 0 all match, 1 something differs, 2 cannot be loaded or interrupted, "
        "3 a fault of the harness or a vacuous check, 4 bad usage, 5 nothing to judge",
    )
    add = built.add_argument
    what = "my_cnn.py, notebook.ipynb or package.module (npcnn)"
    add("candidate", nargs="?", default="npcnn", help=what)
    add("--only", nargs="+", metavar="NAME", help="these functions only")
    add("-k", dest="text", default="", metavar="TEXT", help="cases whose id contains TEXT")
    add("--level", type=int, choices=(1, 2, 3, 4), default=4, help=LEVELS)
    add("--rung", choices=RUNGS, metavar="NAME", help=f"one rung: {', '.join(RUNGS)}")
    add("--case", metavar="ID|ROW", help="one case in full, by its id or its row")
    known = ", ".join(contracts.NAMES)
    add("--contract", choices=contracts.NAMES, metavar="NAME", default="", help=f"{known} (found)")
    add("--layout", choices=("nchw", "nhwc"), default="nchw", help="of the functional contract")
    add("--name", action="append", default=[], metavar="OURS=THEIRS", help="another name")
    add("--timeout", type=seconds, default=10.0, metavar="S", help="for a call (10 seconds)")
    add("--memory", type=mebibytes, default=4096, metavar="MIB", help="for the candidate (4096)")
    add("--strict", action="store_true", help="named deviations fail too")
    add("--exam", action="store_true", help="show no expected numbers and name no mistake")
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
    return built


def seconds(text: str) -> float:
    limit = float(text)
    if not 0 < limit < 1e6:
        raise ValueError
    return limit


def mebibytes(text: str) -> int:
    memory = int(text)
    if memory < 1:
        raise ValueError
    return memory


def renames(given: Sequence[str]) -> dict[str, str]:
    """Ours to theirs."""
    found = dict(pair.partition("=")[::2] for pair in given)
    if not all(found) or not all(found.values()):
        parser().error(f"--name takes OURS=THEIRS, got {' '.join(given)}")
    return found


def words(options: argparse.Namespace) -> list[str]:
    """The options that a repetition needs."""
    words = ["--contract", options.contract] if options.contract else []
    words += ["--layout", options.layout] if options.layout != "nchw" else []
    words += ["--timeout", f"{options.timeout:g}"] if options.timeout != 10 else []
    words += ["--memory", str(options.memory)] if options.memory != 4096 else []
    words += [f"--{name}" for name in ("strict", "exam") if getattr(options, name)]
    return words + [word for pair in options.name for word in ("--name", pair)]


def coloured(wish: str) -> bool:
    """Only on a terminal, unless somebody wishes otherwise."""
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(sys.stdout and sys.stdout.isatty())
