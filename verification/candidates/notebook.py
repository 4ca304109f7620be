"""What stands in a notebook, and which of its statements, or of a file's that does not run, count.

These do: imports, definitions, assignments that call nothing, and those by calls whose names a
definition reads.  Lines that are not Python (magics) are dropped.  A package that is missing is
noted, and stands there as something that does nothing.  `cell 7` is the seventh code cell.
"""

from __future__ import annotations
import __future__

import ast
import json
import linecache
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from importlib.util import decode_source
from types import FunctionType
from typing import Any, ClassVar

PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
CALLS = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
IMPORTS = ast.Import | ast.ImportFrom
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
ASSIGNMENTS = ast.Assign | ast.AnnAssign | ast.AugAssign
NAMING = IMPORTS | DEFINITIONS | ast.Lambda | ast.Pass
BRANCHES = ast.If | ast.Try
Statement = tuple[str, ast.stmt]
"""The file or cell, and what stands there."""


IDLE = ("matplotlib", "pylab", "seaborn", "plotly", "IPython", "ipywidgets", "tqdm", "numba")
"""Packages that change no number: they show, count, or make faster."""


class Missing:
    """What stands for a missing package and all that is in it, by its dotted name.

    As a decorator it changes nothing, and a loop over it is one over what it was called with: of a
    progress bar the things, of a number the range.  What is `called` is remembered: all but that
    which changes no number.
    """

    called: ClassVar[dict[str, None]] = {}
    _looped: Iterable[Any] = ()

    def __init__(self, name: str) -> None:
        vars(self)["_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **words: Any) -> Any:
        decorates = len(arguments) == 1 and not words and isinstance(arguments[0], FunctionType)
        if decorates:
            return arguments[0]
        if self._name.partition(".")[0] not in IDLE:
            self.called[self._name] = None
        called = Missing(self._name)
        with suppress(LookupError, TypeError, ValueError):
            looped = range(*arguments) if isinstance(arguments[0], int) else arguments[0]
            iter(looped)
            vars(called)["_looped"] = looped
        return called

    def __iter__(self) -> Iterator[Any]:
        return iter(self._looped)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (type("Missing", (_MissingBase,), {"_home": self._name}),)

    def __instancecheck__(self, value: Any) -> bool:
        return type(value) is Missing

    def _stay(self, *key: Any) -> Any:
        return self

    def _ignore(self, *arguments: Any) -> None: ...

    __getitem__ = __enter__ = __or__ = __ror__ = _stay
    __setitem__ = __setattr__ = __exit__ = _ignore


class _MissingBase:
    """What a class has whose base is missing: nothing, and what is asked for is remembered."""

    _home = ""

    def __init__(self, *arguments: Any, **words: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            Missing.called[f"{self._home}.{name}"] = None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def is_needed_but_missing(value: Any) -> bool:
    """Whether it stands for what may change numbers."""
    return type(value) is Missing and vars(value)["_name"].partition(".")[0] not in IDLE


def parse(text: str | bytes, file: str) -> list[Statement]:
    """Its statements: imports name by name, and none that nbconvert has made of a magic."""
    statements = list[Statement]()
    for one in ast.parse(text, file).body:
        value = getattr(one, "value", None)
        if isinstance(one, IMPORTS):
            for alias in one.names:
                statements.append((file, part := copy(one)))
                part.names = [alias]
        elif not (value and ast.unparse(value).startswith("get_ipython().")):
            statements.append((file, one))
    return statements


def read(raw: bytes) -> tuple[list[Statement], list[str], SyntaxError | None]:
    """Its statements; notes of the cells that are no Python, and the error of the first of them."""
    statements, notes, broken = list[Statement](), list[str](), None
    for number, text in enumerate(read_cells(raw), 1):
        cell, lines = f"cell {number}", text.splitlines(keepends=True)
        try:
            lines = drop_magics(lines, cell)
            statements += parse("".join(lines), cell)
        except SyntaxError as error:
            broken = broken or error
            lost = "".join(f", {name} with it" for name in re.findall(r"(?m)^def (\w+)", text))
            where = f"{cell} line {error.lineno} is no Python ({error.msg})"
            notes.append(f"{where}: the cell is passed over{lost}")
        linecache.cache[cell] = (len(text), None, lines, cell)
    return statements, notes, broken


def read_cells(raw: bytes) -> list[str]:
    """The texts of the code cells, whatever the notebook's format is."""
    try:
        document = json.loads(raw)
        cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return ["".join(cell["source"] if "source" in cell else cell["input"]) for cell in code]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("it is no notebook") from error


def drop_magics(lines: list[str], cell: str) -> list[str]:
    """A cell's lines, with a `pass` for each that is a magic."""
    first = "".join(lines).lstrip()
    if first.startswith("%%") and not first.startswith(PYTHON_MAGICS):
        return []
    try:
        ast.parse("".join(lines), cell)
    except SyntaxError as error:
        at = (error.lineno or 0) - 1
        if not 0 <= at < len(lines) or not _is_magic_line(lines[at].strip()):
            raise
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        return drop_magics([*lines[:at], f"{indent}pass\n", *lines[at + 1 :]], cell)
    return lines


def spare_magics(text: bytes, file: str) -> bytes:
    """A file's text; of a notebook that was pasted there, with its magics dropped."""
    try:
        compile(text, file, "exec", dont_inherit=True)
    except SyntaxError:
        lines = drop_magics(decode_source(text).splitlines(keepends=True), file)
        text = "".join(lines).encode()
        compile(text, file, "exec", dont_inherit=True)
    return text


def _is_magic_line(line: str) -> bool:
    """%matplotlib inline, !pip install, files = !ls, ?help, help?"""
    value = line.partition("=")[2].strip()
    return line.startswith(("%", "!", "?")) or line.endswith("?") or value.startswith(("%", "!"))


def is_harmless(node: ast.AST) -> bool:
    """Whether a statement only names things: what a function or a lambda calls, it calls later."""
    if isinstance(node, NAMING):
        return True
    acts = isinstance(node, ast.stmt) and not isinstance(node, BRANCHES | ASSIGNMENTS)
    return not (acts or isinstance(node, CALLS)) and all(
        map(is_harmless, ast.iter_child_nodes(node))
    )


def find_needed(statements: Sequence[Statement]) -> set[ast.stmt]:
    """The definitions, and the assignments by calls whose names one of these reads."""
    needed: set[ast.stmt] = {one for _, one in statements if isinstance(one, DEFINITIONS)}
    names = set[str]().union(*map(_find_read, needed))
    for _, statement in reversed(statements):
        if isinstance(statement, ASSIGNMENTS) and not is_harmless(statement):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if names & set[str]().union(*map(find_names, targets)):
                needed.add(statement)
                names |= _find_read(statement)
    return needed


def find_names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def find_called(statements: Iterable[Statement]) -> set[str]:
    """The names that functions call, or what is in them, and do not bind."""
    found = set[str]()
    for one in (node for _, tree in statements for node in ast.walk(tree)):
        if isinstance(one, ast.FunctionDef):
            calls = (find_names(node.func) for node in ast.walk(one) if isinstance(node, ast.Call))
            found |= set[str]().union(*calls) & _find_read(one)
    return found


def _find_read(tree: ast.AST) -> set[str]:
    """The names that are neither bound there nor parameters."""
    nodes = [*ast.walk(tree)]
    bound = {one.arg for one in nodes if isinstance(one, ast.arg)}
    stored = {one.id for one in nodes if isinstance(one, ast.Name) and type(one.ctx) is ast.Store}
    return find_names(tree) - bound - stored


def execute(
    statement: ast.stmt, file: str, namespace: dict[str, Any], is_whole: bool = False
) -> Iterator[str]:
    """Run it, with a note of a package that is missing.

    Of a program that is to run as a `whole` only packages that are not installed may be missing,
    and modules that are not beside it.
    """
    future = namespace.get("annotations")
    flags = future.compiler_flag if type(future) is __future__._Feature else 0
    try:
        exec(compile(ast.Module([statement], []), file, "exec", flags, True), namespace)
    except (Exception, SystemExit) as error:
        if not isinstance(statement, IMPORTS) or isinstance(error, MemoryError):
            raise
        (alias,) = statement.names
        package = getattr(statement, "module", None) or alias.name
        missing = (isinstance(error, ModuleNotFoundError) and error.name) or ""
        if level := getattr(statement, "level", 0):
            beside = os.path.join("." * level, *package.split("."))
            missing = package * (not any(map(os.path.exists, (beside, f"{beside}.py"))))
        if is_whole and missing.partition(".")[0] != package.partition(".")[0]:
            raise
        first = alias.name.partition(".")[0]
        name = alias.name if alias.asname else first
        is_part = isinstance(statement, ast.ImportFrom)
        stub = Missing(f"{package}.{name}".removesuffix(".*") if is_part else name)
        if name != "*" or "test" not in package:  # of tests nobody's pass is made
            namespace.setdefault(alias.asname or first, stub)
        reason = "is missing" if missing else f"cannot be imported ({type(error).__name__})"
        yield f"{package} {reason}, passed over"
