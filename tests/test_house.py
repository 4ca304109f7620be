"""The house: who may import whom, checked against the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import npcnn

ROOT = Path(npcnn.__file__).parent.parent

CORE = {
    "__init__": {"functional", "geometry", "passes"},
    "geometry": set(),
    "scratch": {"numpy"},
    "windows": {"numpy", "geometry", "scratch"},
    "workers": {"windows"},
    "depthwise": {"numpy", "geometry", "scratch", "windows", "workers"},
    "conv": {"numpy", "depthwise", "geometry", "scratch", "windows"},
    "pool": {"numpy", "geometry", "windows", "workers"},
    "arguments": {"numpy", "geometry", "windows"},
    "functional": {"numpy", "arguments", "conv", "geometry", "pool", "windows"},
    "passes": {"numpy", "arguments", "functional", "geometry", "windows"},
}
HARNESS = {
    "__init__": {"live"},
    "__main__": {
        "apart.process",
        "block",
        "candidate",
        "case",
        "document",
        "features",
        "mistakes.__init__",
        "options",
        "questions",
        "report",
        "row",
        "session",
        "trial",
    },
    "accuracy": {
        "apart.process",
        "asking",
        "candidate",
        "case",
        "contracts.__init__",
        "fills",
        "numpy",
        "options",
        "oracle",
        "row",
    },
    "adjoint": {"asking", "case", "fills", "numpy"},
    "ahead": {"candidate", "case", "contracts.__init__", "questions", "truth", "witness"},
    "apart.__init__": set(),
    "apart.call": {
        "apart.frames",
        "apart.kept",
        "apart.loading",
        "apart.mending",
        "apart.prints",
        "apart.requests",
        "apart.stage",
        "contracts.__init__",
        "layouts",
        "numpy",
    },
    "apart.child": {"apart.frames", "apart.spawning"},
    "apart.frames": {"numpy"},
    "apart.kept": {"numpy"},
    "apart.loading": {"apart.notebook"},
    "apart.mending": {"numpy"},
    "apart.notebook": set(),
    "apart.prints": set(),
    "apart.process": {
        "apart.child",
        "apart.frames",
        "apart.loading",
        "apart.replies",
        "apart.requests",
    },
    "apart.replies": {"apart.frames"},
    "apart.requests": {"apart.loading", "case", "numpy"},
    "apart.spawning": {"apart.supervisor", "apart.worker"},
    "apart.stage": set(),
    "apart.stubs": set(),
    "apart.supervisor": {"apart.worker"},
    "apart.worker": {
        "apart.call",
        "apart.frames",
        "apart.loading",
        "apart.mending",
        "apart.prints",
        "apart.requests",
        "apart.stage",
        "apart.stubs",
        "contracts.__init__",
        "numpy",
    },
    "asking": {"apart.process", "candidate", "case", "contracts.__init__", "conventions", "numpy"},
    "benchmark": {"options", "row", "timing"},
    "block": {
        "candidate",
        "diagnosis",
        "mistakes.__init__",
        "outcomes",
        "planes",
        "row",
        "session",
    },
    "bounds": {"case", "numpy", "oracle"},
    "candidate": {
        "apart.process",
        "case",
        "contracts.__init__",
        "mistakes.__init__",
        "numpy",
        "questions",
    },
    "case": set(),
    "cells": {"asking", "case", "fills", "numpy"},
    "changes": {"case", "views"},
    "coefficients": {"case", "numpy"},
    "contracts.__init__": {"case", "numpy"},
    "contracts.assignment": {"case", "contracts.__init__"},
    "contracts.cs231n": {"case", "contracts.__init__"},
    "contracts.functional": {"case", "contracts.__init__"},
    "contracts.holberton": {"case", "contracts.__init__", "contracts.assignment"},
    "contracts.npcnn": {"case", "contracts.__init__", "contracts.assignment"},
    "conventions": {"numpy"},
    "covering": {"case", "row", "sizing", "triples"},
    "definition": {"case"},
    "diagnosis": {"case", "features", "inquiry", "mistakes.__init__", "outcomes", "precision"},
    "document": {"block", "features", "outcomes", "session", "verdict"},
    "features": {"case", "questions"},
    "fills": {"case", "layouts", "numpy"},
    "inquiry": {
        "asking",
        "case",
        "mistakes.__init__",
        "mistakes.code",
        "mistakes.passes",
        "numpy",
        "outcomes",
        "precision",
        "truth",
    },
    "layouts": {"numpy"},
    "live": {
        "block",
        "candidate",
        "document",
        "features",
        "mistakes.__init__",
        "questions",
        "report",
        "row",
        "session",
        "trial",
    },
    "mistakes.__init__": {
        "mistakes.code",
        "mistakes.convolution",
        "mistakes.crops",
        "mistakes.gradients",
        "mistakes.padding",
        "mistakes.pooling",
        "mistakes.windows",
    },
    "mistakes.code": {"case", "numpy"},
    "mistakes.convolution": {"case", "mistakes.code", "numpy"},
    "mistakes.crops": {"case", "mistakes.code", "mistakes.convolution", "numpy"},
    "mistakes.gradients": {
        "case",
        "mistakes.code",
        "mistakes.convolution",
        "mistakes.passes",
        "numpy",
    },
    "mistakes.padding": {"mistakes.code", "mistakes.windows", "numpy"},
    "mistakes.passes": {"case", "fills", "mistakes.code", "numpy"},
    "mistakes.pooling": {"case", "mistakes.code", "mistakes.windows", "numpy"},
    "mistakes.windows": {"case", "mistakes.code", "numpy"},
    "moves": {"numpy"},
    "mutants.__init__": set(),
    "mutants.__main__": {"mutants.forks", "mutants.matrix", "mutants.trials", "options"},
    "mutants.catalogued": {
        "candidate",
        "mistakes.__init__",
        "mistakes.code",
        "mutants.coded",
        "mutants.habits",
    },
    "mutants.changes": {"mutants.nodes"},
    "mutants.coded": {
        "apart.call",
        "apart.loading",
        "apart.prints",
        "apart.replies",
        "apart.requests",
        "apart.stage",
        "candidate",
        "case",
        "contracts.__init__",
        "mistakes.code",
        "mistakes.passes",
        "numpy",
    },
    "mutants.comparisons": {"numpy", "verdict"},
    "mutants.field": {"candidate", "contracts.__init__", "features", "questions", "trial"},
    "mutants.forks": set(),
    "mutants.habits": {"apart.replies", "numpy", "precision"},
    "mutants.harness": {
        "adjoint",
        "bounds",
        "case",
        "definition",
        "fills",
        "mutants.comparisons",
        "mutants.selftest",
        "numpy",
        "oracle",
        "outcomes",
        "properties",
        "questions",
        "trial",
        "truth",
        "vacuity",
        "verdict",
        "witness",
    },
    "mutants.matrix": {"features", "mutants.rivals", "mutants.trials"},
    "mutants.nodes": set(),
    "mutants.rivals": {"case", "fills", "numpy", "oracle", "row"},
    "mutants.selftest": {
        "apart.replies",
        "candidate",
        "case",
        "covering",
        "fills",
        "mistakes.code",
        "mutants.coded",
        "mutants.field",
        "numpy",
        "oracle",
        "outcomes",
        "questions",
        "row",
        "trial",
        "truth",
    },
    "mutants.source": {"mutants.changes", "mutants.nodes", "mutants.spared"},
    "mutants.spared": {"mutants.nodes"},
    "mutants.trials": {
        "candidate",
        "case",
        "contracts.__init__",
        "mistakes.code",
        "mutants.catalogued",
        "mutants.coded",
        "mutants.field",
        "mutants.harness",
        "mutants.rivals",
        "mutants.source",
        "numpy",
        "pytest",
        "trial",
        "truth",
    },
    "options": {"contracts.__init__", "features"},
    "oracle": {"case", "numpy", "torch"},
    "outcomes": {
        "apart.process",
        "asking",
        "bounds",
        "candidate",
        "contracts.__init__",
        "conventions",
        "numpy",
        "questions",
        "truth",
        "verdict",
    },
    "places": {"moves", "numpy"},
    "planes": {"numpy", "verdict"},
    "precision": {"bounds", "case", "fills", "numpy", "oracle"},
    "product": {"case", "numpy"},
    "properties": {"asking", "case", "changes", "fills", "numpy", "views"},
    "quantities": {"case"},
    "questions": {"case", "covering", "row"},
    "report": {"block", "features", "session"},
    "row": {"case"},
    "scale": {"asking", "case", "numpy", "oracle"},
    "session": {
        "candidate",
        "case",
        "contracts.__init__",
        "diagnosis",
        "fills",
        "inquiry",
        "mistakes.__init__",
        "numpy",
        "outcomes",
        "showing",
        "trial",
    },
    "showing": {
        "asking",
        "candidate",
        "case",
        "contracts.__init__",
        "diagnosis",
        "inquiry",
        "numpy",
        "outcomes",
        "row",
        "shrink",
        "symptoms",
        "taps",
        "trial",
        "truth",
    },
    "shrink": {"case", "quantities", "row"},
    "sizing": {"case", "definition", "triples"},
    "symptoms": {"moves", "numpy", "places"},
    "taps": {"case", "coefficients", "fills", "numpy"},
    "timing": {"case", "fills", "numpy", "oracle", "product", "row"},
    "trial": {
        "ahead",
        "apart.process",
        "candidate",
        "case",
        "contracts.__init__",
        "numpy",
        "oracle",
        "outcomes",
        "questions",
        "truth",
        "vacuity",
        "witness",
    },
    "triples": set(),
    "truth": {"bounds", "case", "definition", "fills", "numpy", "oracle"},
    "vacuity": {"case", "mistakes.__init__", "mistakes.code", "mistakes.passes", "numpy", "truth"},
    "verdict": {"numpy"},
    "views": {"case", "numpy"},
    "witness": {
        "adjoint",
        "asking",
        "candidate",
        "case",
        "cells",
        "contracts.__init__",
        "numpy",
        "outcomes",
        "properties",
        "scale",
        "taps",
    },
}
HOUSES = {"npcnn": CORE, "verification": HARNESS}


def rooms(package):
    """Every room of a package with its path."""
    folder = ROOT / package
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts): path
        for path in folder.rglob("*.py")
    }


def imports(package, path):
    """What a room imports: rooms of its own package, and packages beyond the standard library."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports by dots"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    names = {_room(package, name.split(".")) for name in found}
    return {name for name in names if name not in sys.stdlib_module_names}


def _room(package, parts):
    """The room that holds a name, or else the package that it comes from."""
    if parts[0] != package:
        return parts[0]
    known = rooms(package)
    within = [".".join(parts[1:end]) for end in range(len(parts), 1, -1)]
    return next(
        r for name in [*within, ""] for r in (name, f"{name}.__init__".lstrip(".")) if r in known
    )


@pytest.mark.parametrize("package", HOUSES)
def test_every_room_is_in_the_table(package):
    """A room that the table does not name is not checked."""
    assert set(HOUSES[package]) == set(rooms(package))


@pytest.mark.parametrize(
    ("package", "room"), [(package, room) for package, table in HOUSES.items() for room in table]
)
def test_a_room_imports_what_the_table_allows(package, room):
    """Arrows run as the house has them: torch in one room, npcnn nowhere in the harness."""
    assert imports(package, rooms(package)[room]) - {room} == HOUSES[package][room]


@pytest.mark.parametrize("package", HOUSES)
def test_the_arrows_have_no_circle(package):
    """Every room can be read after those that it imports."""
    waiting = {room: arrows & set(HOUSES[package]) for room, arrows in HOUSES[package].items()}
    while waiting:
        ready = {room for room, arrows in waiting.items() if not arrows & set(waiting)}
        assert ready, f"a circle among {sorted(waiting)}"
        waiting = {room: arrows for room, arrows in waiting.items() if room not in ready}


@pytest.mark.parametrize("package", HOUSES)
def test_no_room_is_too_large(package):
    """No file over 220 lines."""
    lengths = {
        room: path.read_text(encoding="utf-8").count("\n") for room, path in rooms(package).items()
    }
    assert {room: lines for room, lines in lengths.items() if lines > 220} == {}


def test_the_public_names_exist():
    """`__all__` is sorted and true."""
    assert sorted(npcnn.__all__) == npcnn.__all__
    assert [name for name in npcnn.__all__ if not hasattr(npcnn, name)] == []


def test_importing_npcnn_imports_no_harness():
    """numpy is the only dependency at run time."""
    script = (
        "import sys, npcnn; print(sorted({'torch', 'pytest', 'verification'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
