"""Functions that nobody has written yet: templates with their blanks unfilled."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections import Counter
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def stubs(functions: Mapping[str, Any]) -> frozenset[str]:
    """The names of those that are stubs, as far as their source can be read."""
    trees: dict[str, dict[int, Definition]] = {}
    return frozenset(name for name, one in functions.items() if _is_blank(one, trees))


def _is_blank(function: Any, trees: dict[str, dict[int, Definition]]) -> bool:
    try:
        function = inspect.unwrap(function)
    except Exception:  # a stranger's __wrapped__
        return False
    if type(function) is not FunctionType:
        return False
    file = function.__code__.co_filename
    if file not in trees:
        trees[file] = _definitions("".join(linecache.getlines(file)))
    definition = trees[file].get(function.__code__.co_firstlineno)
    return (
        definition is not None
        and definition.name == function.__code__.co_name
        and (is_stub(definition))
    )


def _definitions(text: str) -> dict[int, Definition]:
    """By the line where they begin, decorators included."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found = (node for node in ast.walk(tree) if isinstance(node, Definition))
    return {min([node.lineno, *(d.lineno for d in node.decorator_list)]): node for node in found}


def is_stub(definition: Definition) -> bool:
    """Whether it is empty, or has a blank that no written function has."""
    body = definition.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:] if isinstance(body[0].value.value, str) else body
    if all(map(_does_nothing, body)):
        return True
    return any(map(_has_blank, _own(body))) or _returns_blank(body)


def _own(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes but those of inner functions."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*Definition.__args__, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Return):
        return statement.value is None or _is_none(statement.value)
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False


def _is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _has_blank(node: ast.AST) -> bool:
    """`(m, n_H) = None`, `Z[i, h, w, c] = None`, `range(None)`, `Z[i, h, w, c] += None`."""
    if isinstance(node, ast.Assign) and _is_none(node.value):
        return any(isinstance(t, ast.Tuple | ast.List | ast.Subscript) for t in node.targets)
    if isinstance(node, ast.AugAssign):
        return _is_none(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return any(map(_is_none, node.args))
    return False


def _returns_blank(body: list[ast.stmt]) -> bool:
    """Whether a name that is returned is bound, and to nothing but None."""
    bound, blank, returned = Counter[str](), Counter[str](), set[str]()
    for node in _own(body):
        if isinstance(node, ast.Return):
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            returned |= {part.id for part in parts if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] += 1
        elif isinstance(node, ast.Assign) and _is_none(node.value):
            blank.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return any(bound[name] and bound[name] == blank[name] for name in returned)
