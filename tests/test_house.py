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
    "windows": {"numpy"},
    "conv": {"numpy", "geometry", "windows"},
    "pool": {"numpy", "geometry", "windows"},
    "arguments": {"numpy", "geometry", "windows"},
    "functional": {"numpy", "arguments", "conv", "geometry", "pool", "windows"},
    "passes": {"numpy", "arguments", "functional", "geometry", "windows"},
}
HARNESS = {
    "__init__": set(),
    "case": set(),
    "row": {"case"},
    "questions": {"case", "row"},
    "fills": {"numpy", "case"},
    "definition": {"case"},
    "oracle": {"numpy", "torch", "case"},
    "bounds": {"numpy", "case", "oracle"},
    "verdict": {"numpy"},
    "contracts.__init__": {"numpy", "case"},
    "contracts.npcnn": {"case", "contracts"},
    "candidate": {"numpy", "contracts"},
    "judge": {
        *("numpy", "bounds", "candidate", "case", "contracts", "definition", "fills", "oracle"),
        *("questions", "verdict"),
    },
    "planes": {"numpy", "verdict"},
    "report": {"judge", "planes", "row"},
    "document": {"judge", "report", "verdict"},
    "__main__": {
        *("numpy", "candidate", "case", "document", "judge", "questions", "report", "row"),
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
            if node.module == package:
                found |= {f"{package}.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    parts = (name.split(".") for name in found)
    return {
        names[1] if names[0] == package else names[0]
        for names in parts
        if names[0] not in sys.stdlib_module_names
    }


@pytest.mark.parametrize("package", HOUSES)
def test_every_room_is_in_the_table(package):
    """A room that the table does not name is not checked."""
    assert set(HOUSES[package]) == set(rooms(package))


@pytest.mark.parametrize(
    ("package", "room"), [(package, room) for package, table in HOUSES.items() for room in table]
)
def test_a_room_imports_what_the_table_allows(package, room):
    """Arrows run as the house has them: torch in one room, npcnn nowhere in the harness."""
    assert imports(package, rooms(package)[room]) == HOUSES[package][room] - {room}


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
