"""What a mutant leaves as it is, since no answer could change, or only the words of a refusal."""

from __future__ import annotations

import ast
from collections.abc import Set
from typing import Any

from verification.mutants import nodes

_FIELDS = ("annotation", "returns", "decorator_list")
_WORDLESS = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.expr_context)
_FIGURING = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp)
_HARMLESS = (("strict", True), ("copy", False))
"""Switches that guard or save time as they stand: the other way round no answer changes."""


def figures(module: ast.Module) -> Set[str]:
    """The module's bare numbers: sizes of work, that are there for speed alone."""
    found = (s for s in module.body if isinstance(s, ast.Assign | ast.AnnAssign))
    return {_target(s) for s in found if _is_bare(s.value)} - {""}


def is_field(node: ast.AST, field: str) -> bool:
    """Whether all that stands there is spared: a block that ends in a raise prepares its words."""
    if isinstance(node, ast.If | ast.ExceptHandler) and field in ("body", "orelse"):
        return _raises(getattr(node, field))
    return field in _FIELDS


def is_node(node: ast.AST, parent: ast.AST, figures: Set[str]) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.keyword):
        return isinstance(node.value, ast.Constant) and (node.arg, node.value.value) in _HARMLESS
    if isinstance(parent, ast.Module) and isinstance(node, ast.Assign | ast.AnnAssign):
        return _is_declaration(node)
    return isinstance(node, _WORDLESS) or _is_for_speed(node, figures)


def _is_declaration(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether it is `__all__` or its like, the name of a type, or a bare number."""
    name = _target(node)
    is_type = name.lstrip("_")[:1].isupper() and not name.isupper()
    return name.startswith("__") or is_type or _is_bare(node.value)


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return nodes.name(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def _is_for_speed(node: ast.AST, figures: Set[str]) -> bool:
    """Whether it reckons with a size of work: the answer is the same whatever comes of it."""
    is_least = isinstance(node, ast.Call) and nodes.name(node.func) in ("min", "max")
    is_figuring = is_least or isinstance(node, _FIGURING)
    return is_figuring and any(nodes.name(part) in figures for part in ast.walk(node))


def _is_bare(value: ast.expr | None) -> bool:
    operations = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    return value is not None and all(
        isinstance(part, operations) or nodes.number(part) is not None for part in ast.walk(value)
    )


def _raises(body: list[Any]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Raise)
