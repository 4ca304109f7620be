"""Mutants of the core: its own source with one small thing written wrongly, from its syntax tree.

A mutant replaces one node of one room.  What may stand instead of a node is in `changes`, what is
left as it is in `spared`; of a change in a test before a raise the kind is "refusal", whatever it
is, for only a question that is refused can see whether such a test lets too much pass.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from verification.mutants import changes, nodes, spared

CORE = "npcnn"
REFUSAL = "refusal"

Steps = tuple[tuple[str, int | None], ...]
"""The way from a node to one below it: fields, and places in them where they are lists."""


@dataclass(frozen=True)
class Mutant:
    """A room of the core with one change, as `id` tells: it holds no line numbers."""

    id: str
    kind: str
    room: str
    source: str = field(repr=False)


@dataclass(frozen=True)
class _Place:
    """A node, reached by `path` from the statement `at` of the module; and how to tell it."""

    node: ast.AST
    parent: ast.AST
    scope: str
    line: str
    at: int
    path: Steps = ()
    refuses: bool = False


def mutants(of: Path | None = None) -> list[Mutant]:
    """Every mutant of the core, or of the copy of it in a folder; always in the same order."""
    rooms = sorted(path for path in (of or folder()).glob("*.py") if path.stem != "__init__")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)  # what Python warns of, nobody keeps
        return [mutant for path in rooms for mutant in _of_room(path)]


def install(mutant: Mutant) -> None:
    """From now on `import npcnn`, in this process, gives the core with this room."""
    for name in [name for name in sys.modules if name.split(".")[0] == CORE]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder(mutant))


@dataclass(frozen=True)
class _Finder:
    """What Python's import asks first: it knows the mutant's room alone."""

    mutant: Mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != f"{CORE}.{self.mutant.room}":
            return None
        return importlib.util.spec_from_loader(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Python's own will do."""

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.source, f"<{self.mutant.id}>", "exec"), vars(module))


def folder() -> Path:
    spec = importlib.util.find_spec(CORE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _of_room(path: Path) -> Iterator[Mutant]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    texts = [ast.unparse(statement) for statement in module.body]
    seen = set(enumerate(texts))
    times: Counter[str] = Counter()
    for place, kind, new in _changed(module, path.stem):
        i, text = place.at, ast.unparse(_put(module.body[place.at], place.path, new))
        if (i, text) in seen or not _compiles(text):
            continue
        seen.add((i, text))
        said = _said(place, new)
        times[said] += 1
        name = said if times[said] == 1 else f"{said} #{times[said]}"
        source = "\n".join([*texts[:i], text, *texts[i + 1 :]]) + "\n"
        yield Mutant(name, REFUSAL if place.refuses else kind, path.stem, source)


def _changed(module: ast.Module, room: str) -> Iterator[tuple[_Place, str, ast.AST]]:
    """Every place of a module, with each change it may undergo."""
    figures = spared.figures(module)
    for i, statement in enumerate(module.body):
        if not spared.is_node(statement, module, figures):
            top = _below(_Place(module, module, room, "", i), (), statement)
            for place in _places(top, figures):
                for kind, new in changes.of(place.node, place.parent):
                    yield place, kind, new


def _places(place: _Place, figures: Set[str]) -> Iterator[_Place]:
    yield place
    for name, value in ast.iter_fields(place.node):
        if spared.is_field(place.node, name):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and not spared.is_node(child, place.node, figures):
                step = (name, i if isinstance(value, list) else None)
                yield from _places(_below(place, (step,), child), figures)


def _below(place: _Place, steps: Steps, child: ast.AST) -> _Place:
    below = replace(place, node=child, parent=place.node, path=(*place.path, *steps))
    if isinstance(child, ast.FunctionDef | ast.ClassDef):
        below = replace(below, scope=f"{place.scope}.{child.name}")
    if isinstance(child, ast.stmt):
        return replace(below, line=_first_line(child), refuses=nodes.is_guard(child))
    if isinstance(place.node, ast.arguments) and isinstance(child, ast.expr):
        return replace(below, line=f"{_parameter(place.node, child)}={ast.unparse(child)}")
    return below


def _parameter(signature: ast.arguments, default: ast.expr) -> str:
    """The parameter that has this default."""
    args = (*signature.posonlyargs, *signature.args, *signature.kwonlyargs)
    defaults = (*signature.defaults, *signature.kw_defaults)
    return args[defaults.index(default) - len(defaults)].arg


def _put(node: Any, path: Steps, new: ast.AST) -> Any:
    """`node` with `new` at the end of the path."""
    if not path:
        return new
    (name, i), rest = path[0], path[1:]
    value = getattr(node, name)
    if i is None:
        return nodes.like(node, **{name: _put(value, rest, new)})
    return nodes.like(node, **{name: [*value[:i], _put(value[i], rest, new), *value[i + 1 :]]})


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _said(place: _Place, new: ast.AST) -> str:
    before, after = _first_line(place.node), _first_line(new)
    where = "" if place.line == before else f" at `{place.line}`"
    return f"{place.scope}: `{before}` -> `{after}`{where}"


def _first_line(node: ast.AST) -> str:
    """The node as source; of a statement with a body the head, of a definition the name."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    return ast.unparse(node).split("\n")[0]
