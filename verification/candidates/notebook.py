"""The functions of a notebook, without running the rest of it.

Of each code cell these statements are executed, one by one: imports, definitions, and assignments
that call nothing.  Lines that are not Python (magics) are dropped.  A package that is missing is
noted, and stands there as something that does nothing.  `cell 7` is the seventh code cell.
"""

from __future__ import annotations

import ast
import json
import linecache
from collections.abc import Iterator
from copy import copy
from types import FunctionType
from typing import Any

PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
CALLS = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Missing:
    """What stands for a missing package and all that is in it; a decorator that changes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: Any, **words: Any) -> Any:
        decorates = len(arguments) == 1 and not words and isinstance(arguments[0], FunctionType)
        return arguments[0] if decorates else self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def _stay(self, *key: Any) -> Any:
        return self

    def _ignore(self, *arguments: Any) -> None: ...

    __getitem__ = __enter__ = _stay
    __setitem__ = __setattr__ = __exit__ = _ignore


def run(raw: bytes, namespace: dict[str, Any]) -> tuple[str, ...]:
    """Define what the notebook defines; what was passed over is in the notes."""
    notes: dict[str, None] = {}
    broken: SyntaxError | None = None
    for number, text in enumerate(read_cells(raw), 1):
        cell, lines = f"cell {number}", text.splitlines(keepends=True)
        linecache.cache[cell] = (len(text), None, lines, cell)
        try:
            statements = parse(lines, cell)
        except SyntaxError as error:
            broken = broken or error
            notes[f"{cell} is passed over: line {error.lineno}: {error.msg}"] = None
            continue
        for statement in filter(is_harmless, statements):
            notes |= dict.fromkeys(_execute(statement, cell, namespace))
    if broken and not any(isinstance(value, FunctionType) for value in namespace.values()):
        raise broken
    return tuple(notes)


def read_cells(raw: bytes) -> list[str]:
    """The texts of the code cells, whatever the notebook's format is."""
    try:
        document = json.loads(raw)
        cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return ["".join(cell["source"] if "source" in cell else cell["input"]) for cell in code]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("it is no notebook") from error


def parse(lines: list[str], cell: str) -> list[ast.stmt]:
    """A cell's statements; a line that no Python understands is a `pass` if it is a magic."""
    first = "".join(lines).lstrip()
    if first.startswith("%%") and not first.startswith(PYTHON_MAGICS):
        return []
    try:
        return ast.parse("".join(lines), cell).body
    except SyntaxError as error:
        at = (error.lineno or 0) - 1
        if not 0 <= at < len(lines) or not _is_magic(lines[at].strip()):
            raise
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        return parse([*lines[:at], f"{indent}pass\n", *lines[at + 1 :]], cell)


def _is_magic(line: str) -> bool:
    """%matplotlib inline, !pip install, files = !ls, ?help, help?"""
    value = line.partition("=")[2].strip()
    return line.startswith(("%", "!", "?")) or line.endswith("?") or value.startswith(("%", "!"))


def is_harmless(statement: ast.stmt) -> bool:
    """Whether it only names things."""
    match statement:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return _calls_nothing(statement)
        case ast.If(test, body, orelse):
            return _calls_nothing(test) and all(map(is_harmless, [*body, *orelse]))
        case ast.Try(body, handlers, orelse, final):
            inner = [one for handler in handlers for one in handler.body]
            return all(map(is_harmless, [*body, *inner, *orelse, *final]))
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass | DEFINITIONS)


def _calls_nothing(node: ast.AST) -> bool:
    """What a lambda calls, it calls later."""
    inner = ast.iter_child_nodes(node)
    is_quiet = not isinstance(node, CALLS) and all(map(_calls_nothing, inner))
    return is_quiet or isinstance(node, ast.Lambda)


def _execute(statement: ast.stmt, cell: str, namespace: dict[str, Any]) -> Iterator[str]:
    """Run it, an import name by name; of what fails and will be missed, a note."""
    for alias in getattr(statement, "names", [None]):
        part: Any = copy(statement)
        part.names = [alias]
        try:
            exec(compile(ast.Module([part], []), cell, "exec", dont_inherit=True), namespace)
        except MemoryError:
            raise
        except (Exception, SystemExit) as error:
            kind = type(error).__name__
            if isinstance(statement, DEFINITIONS):
                what = f"{statement.name} is passed over: {kind}: {error}"
                yield f"{cell} line {statement.lineno}: {what}"
            elif alias:
                if alias.name != "*":
                    bound = alias.asname or alias.name.partition(".")[0]
                    namespace.setdefault(bound, Missing())
                missing = isinstance(error, ModuleNotFoundError)
                reason = "is missing" if missing else f"cannot be imported ({kind})"
                yield f"{getattr(part, 'module', None) or alias.name} {reason}, passed over"
