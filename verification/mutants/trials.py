"""What kills a mutant: the rungs of this harness, and the checks that people commonly make.

Each trial is a task for a process of its own, and comes to a `Fate`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from verification import trial, truth
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import OWN
from verification.mistakes.code import Code
from verification.mutants import catalogued, coded, harness, rivals, source
from verification.mutants import field as ground
from verification.mutants.catalogued import Wrong
from verification.mutants.harness import Broken
from verification.mutants.source import Mutant
from verification.trial import Check

Arrays = Mapping[str, NDArray[Any]]
Plans = Mapping[str, Sequence[Check]]
TESTS = Path(__file__).resolve().parents[2] / "tests"
EVERY_OP = ""
FEW = 60
"""Checks of a rung that a mutant of the source is asked; all of them if these see nothing."""


@dataclass(frozen=True)
class Fate:
    """What killed a mutant: the rungs with their first killing questions, and common checks.

    `kind` is "catalogue", "source" or "harness"; `group` the mistake, or the kind of change.
    """

    id: str
    kind: str
    group: str
    killed_by: Mapping[str, str] = field(default_factory=dict)
    rivals: Sequence[str] = ()


@dataclass(frozen=True)
class Task:
    """A trial, called in a process of its own; kind and group are known before it is held."""

    kind: str
    group: str
    trial: Callable[[], Fate]

    def __call__(self) -> Fate:
        return self.trial()


def of_catalogue(beside: bool = False) -> dict[str, Task]:
    """Every catalogued mistake, in every function, each way to write it; `beside` rivals too."""
    wrongs = catalogued.every()
    asked = ground.small()
    plans = {
        op: ground.checks(coded.coded(op, wrongs[0].code), asked, [op])
        for op in dict.fromkeys(wrong.op for wrong in wrongs)
    }
    return {
        wrong.id: Task(
            "catalogue", wrong.mistake.id, partial(_of_wrong, wrong, plans[wrong.op], beside)
        )
        for wrong in wrongs
    }


def of_source() -> dict[str, Task]:
    """Every mutant of the core's source."""
    sound = coded.here({})
    fields = [ground.checks(sound, asked, []) for asked in (ground.small(), ground.large())]
    return {
        mutant.id: Task("source", mutant.kind, partial(_of_mutant, mutant, *fields))
        for mutant in source.mutants()
    }


def of_harness() -> dict[str, Task]:
    """Every mutant of the harness, against its self-test."""
    return {
        broken.id: Task("harness", "harness", partial(_of_broken, broken))
        for broken in harness.every()
    }


def warm() -> None:
    """Ask the oracle everything once, before there are many processes; right code must pass."""
    trial.prepare()
    right = coded.coded(EVERY_OP, Code())
    planned = ground.checks(right, ground.small(), [])
    if killed := ground.killers(right, planned):
        raise RuntimeError(f"the right code is killed by {killed}")
    asked = [q for q in (check.question for check in planned) if isinstance(q, Case)]
    known = (truth.of(q, 0, "float64", bitwise=True).truth for q in asked if not q.check)
    if not all(known):
        raise RuntimeError("the oracle gives no answer")


def _of_wrong(wrong: Wrong, planned: Sequence[Check], beside: bool) -> Fate:
    killed = ground.killers(wrong.candidate, planned, wrong.dtype)
    rejecting = _rejecting(wrong.candidate, wrong.op) if beside else []
    return Fate(wrong.id, "catalogue", wrong.mistake.id, killed, rejecting)


def _of_mutant(mutant: Mutant, small: Sequence[Check], large: Sequence[Check]) -> Fate:
    """Thinned questions first, then all of them, then large layers, then the core's own tests."""
    source.install(mutant)
    try:
        judged = coded.here(vars(importlib.import_module(source.CORE)))
        killed = (
            ground.killers(judged, small, most=FEW)
            or ground.killers(judged, small)
            or ground.killers(judged, large)
            or _tested(mutant)
        )
    except Exception as error:  # it does not even load
        killed = {"loading": type(error).__name__}
    return Fate(mutant.id, "source", mutant.kind, killed)


def _tested(mutant: Mutant) -> dict[str, str]:
    """Whether the core's own tests, room by room, see what no question can."""
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (for what is left of a fork)
    for name in [name for name in sys.modules if "test_" in name and "torch" not in name]:
        del sys.modules[name]  # they know the sound core
    rooms = sorted({path.stem for path in source.folder().glob("*.py")} - {"__init__"})
    files = [str(TESTS / f"test_{room}.py") for room in rooms]
    failed = pytest.main(["-xq", "-p", "no:cacheprovider", "--rootdir", str(TESTS.parent), *files])
    return {"tests": f"test_{mutant.room}.py"} if failed == pytest.ExitCode.TESTS_FAILED else {}


def _of_broken(broken: Broken) -> Fate:
    killed = dict.fromkeys(harness.killers(broken), "self-test")
    return Fate(broken.id, "harness", "harness", killed)


def _rejecting(judged: Candidate, op: str) -> list[str]:
    """The common checks that reject its function `op`."""
    answers = partial(_answers, judged)
    return [
        rival.id
        for rival in rivals.RIVALS
        if op in rival.applies and not rival.accepts(op, answers)
    ]


def _answers(judged: Candidate, op: str, case: Case, given: Arrays) -> Mapping[str, Any]:
    function = next(f for f in judged.contract.functions if f.op == op)
    reply = judged.ask(function, case, given, OWN)
    if reply.status != "ok":
        raise RuntimeError(reply.error)
    if "db" in reply.values:
        return {**reply.values, "db": _line(reply.values["db"])}
    return reply.values


def _line(db: Any) -> Any:
    return db.reshape(-1) if isinstance(db, np.ndarray) else db
