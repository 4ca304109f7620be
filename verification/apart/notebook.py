"""The functions of a notebook, without running the rest of it.

Of each code cell these statements are executed, one by one: imports, definitions, and assignments
that call nothing.  Lines that are not Python (magics) are dropped.  A package that is missing is
noted, and stands there as something that does nothing.  `cell 7` is the seventh code cell.
"""

from __future__ import annotations

import ast
import copy
import json
import linecache
from collections.abc import Iterator
from types import FunctionType
from typing import Any

Namespace = dict[str, Any]

PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
CALLS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class NotebookError(ValueError):
    """The file is no notebook."""


class Missing:
    """What stands for a missing package and all that is in it: whatever is done, nothing happens.

    As a decorator it leaves functions as they are.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: Any, **words: Any) -> Any:
        decorated = len(arguments) == 1 and not words and isinstance(arguments[0], FunctionType)
        return arguments[0] if decorated else self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __setattr__(self, name: str, value: Any) -> None: ...

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *raised: object) -> None: ...

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


def run(raw: bytes, namespace: Namespace) -> tuple[str, ...]:
    """Define what the notebook defines; what was passed over is in the notes."""
    notes: list[str] = []
    broken: SyntaxError | None = None
    for number, text in enumerate(cells(raw), 1):
        try:
            lines, tree = parsed(text, f"cell {number}")
        except SyntaxError as error:
            broken = broken or error
            notes.append(f"cell {number} is passed over: line {error.lineno}: {error.msg}")
            continue
        linecache.cache[f"cell {number}"] = (len(lines), None, lines, f"cell {number}")
        for statement in tree.body:
            if is_harmless(statement):
                notes += _executed(statement, f"cell {number}", namespace)
    if broken and not any(isinstance(value, FunctionType) for value in namespace.values()):
        raise broken
    return tuple(dict.fromkeys(notes))


def cells(raw: bytes) -> list[str]:
    """The texts of the code cells, whatever the notebook's format is."""
    try:
        document = json.loads(raw)
        found = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
        code = [cell for cell in found if cell["cell_type"] == "code"]
        texts = [cell["source"] if "source" in cell else cell["input"] for cell in code]
        return ["".join(text) for text in texts]
    except (ValueError, LookupError, TypeError) as error:
        raise NotebookError("it is no notebook") from error


def parsed(text: str, name: str) -> tuple[list[str], ast.Module]:
    """A cell's lines and its tree; lines that no Python understands are emptied if magics."""
    lines = text.splitlines(keepends=True)
    first = text.strip().partition("\n")[0]
    if first.startswith("%%") and not first.startswith(PYTHON_MAGICS):
        return lines, ast.Module([], [])
    while True:
        try:
            return lines, ast.parse("".join(lines), name)
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if not 0 <= at < len(lines) or not is_magic(lines[at]):
                raise
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            lines[at] = f"{indent}pass\n"


def is_magic(line: str) -> bool:
    """%matplotlib inline, !pip install, files = !ls, ?help, help?"""
    line = line.strip()
    value = line.partition("=")[2].strip()
    return line.startswith(("%", "!", "?")) or line.endswith("?") or value.startswith(("%", "!"))


def is_harmless(statement: ast.stmt) -> bool:
    """Whether it only names things."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.Pass, *DEFINITIONS)):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return _calls_nothing(statement)
    if isinstance(statement, ast.If):
        return _calls_nothing(statement.test) and _harmless(statement.body, statement.orelse)
    if isinstance(statement, ast.Try):
        handlers = [handler.body for handler in statement.handlers]
        return _harmless(statement.body, statement.orelse, statement.finalbody, *handlers)
    return False


def _harmless(*blocks: list[ast.stmt]) -> bool:
    return all(is_harmless(statement) for block in blocks for statement in block)


def _calls_nothing(node: ast.AST) -> bool:
    """What a lambda calls, it calls later."""
    if isinstance(node, ast.Lambda):
        return True
    inner = ast.iter_child_nodes(node)
    return not isinstance(node, CALLS) and all(map(_calls_nothing, inner))


def _executed(statement: ast.stmt, name: str, namespace: Namespace) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield from _imported(statement, alias, name, namespace)
        return
    try:
        _execute(statement, name, namespace)
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError):
            raise
        if isinstance(statement, DEFINITIONS):
            what = f"{statement.name} is passed over: {type(error).__name__}: {error}"
            yield f"{name} line {statement.lineno}: {what}"


def _imported(
    statement: ast.Import | ast.ImportFrom, alias: ast.alias, name: str, namespace: Namespace
) -> Iterator[str]:
    """One name, or Missing in its place."""
    module = getattr(statement, "module", None) or alias.name
    one = copy.copy(statement)
    one.names = [alias]
    try:
        _execute(one, name, namespace)
    except (Exception, SystemExit) as error:
        if alias.name != "*":
            bound = alias.asname or alias.name
            namespace.setdefault(bound.partition(".")[0], Missing())
        missing = isinstance(error, ModuleNotFoundError)
        reason = "is missing" if missing else f"cannot be imported ({type(error).__name__})"
        yield f"{module} {reason}, passed over"


def _execute(statement: ast.stmt, name: str, namespace: Namespace) -> None:
    exec(compile(ast.Module([statement], []), name, "exec", dont_inherit=True), namespace)
