"""The house: wings whose arrows run downwards and through doors, computed from the source."""

import ast
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import npcnn
import verification

CORE, HOUSE = (Path(package.__file__).parent for package in (npcnn, verification))
BELOW = {
    "questions": "",
    "truth": "questions",
    "candidates": "questions",
    "mistakes": "questions truth",
    "judging": "questions truth candidates mistakes",
    "reports": "questions truth candidates mistakes judging",
    "measures": "questions truth candidates mistakes judging reports",
}
BELOW |= dict.fromkeys(("__init__.py", "__main__.py", "parity.py"), " ".join(BELOW))
"""Whom a wing may import, and whom the doors of the house."""


def read_imports(path):
    """What a room imports, with its dots, and whether it does in a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {node for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node in inside) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            words = (word for word in node.args if isinstance(word, ast.Constant))
            yield from ((word.value, node in inside) for word in words)


IMPORTS = {path.relative_to(HOUSE): [*read_imports(path)] for path in HOUSE.rglob("*.py")}


def is_allowed(room, name, is_inside):
    """Torch with the oracle and the measures, npcnn in functions of these; wings by their doors."""
    package, *rest = name.split(".")
    if package == "torch":
        return room.parts[0] == "measures" or room == Path("truth/oracle.py")
    if package == "npcnn":
        return room.parts[0] == "measures" and is_inside
    if package != "verification" or rest[0] == room.parts[0]:
        return True
    shown = getattr(import_module(f"verification.{rest[0]}"), "__all__", [])
    return rest[0] in BELOW[room.parts[0]].split() and rest[1:] in [[], *([one] for one in shown)]


def test_arrows_run_downwards_and_through_doors():
    """Room by room, what the house does not allow."""
    found = [(room, *one) for room, ours in IMPORTS.items() for one in ours]
    wrong = [f"{room}: {name}" for room, name, way in found if not is_allowed(room, name, way)]
    assert not wrong, "\n".join(wrong)


def test_no_arrows_run_in_a_circle():
    """Every room can be read after those that it imports."""
    names = {".".join(("verification", *room.with_suffix("").parts)): room for room in IMPORTS}
    names |= {name.removesuffix(".__init__"): room for name, room in names.items()}
    arrows = {
        room: {names.get(name) or names.get(name.rpartition(".")[0]) for name, _ in ours} - {None}
        for room, ours in IMPORTS.items()
    }
    TopologicalSorter(arrows).prepare()


def test_wings_are_few_and_described():
    """Each by a README of its own, and by its door."""
    doors = sorted(HOUSE.glob("*/__init__.py"))
    assert sorted(door.parent.name for door in doors) == sorted(w for w in BELOW if "." not in w)
    for door in doors:
        assert ast.get_docstring(ast.parse(door.read_text("utf-8"))), f"{door} needs a docstring"
        assert door.with_name("README.md").is_file(), f"{door.parent} needs a README.md"


def test_the_core_stands_on_numpy_alone():
    """And its public names are sorted, and there."""
    names = {name.split(".")[0] for path in CORE.glob("*.py") for name, _ in read_imports(path)}
    assert names - sys.stdlib_module_names == {"npcnn", "numpy"}
    assert npcnn.__all__ == sorted(name for name in npcnn.__all__ if hasattr(npcnn, name))
