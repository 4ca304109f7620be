"""Nodes of a syntax tree: what they say, and copies that say something else."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)


def name(node: ast.AST) -> str:
    """The last word of `a.b.c`; of what is no name, none."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def number(node: ast.AST | None) -> int | float | None:
    """The number that is written there, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        below = number(node.operand)
        return None if below is None else -below
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def look(node: ast.AST) -> str:
    """How it looks: two arguments that look alike are easily exchanged."""
    if number(node) is not None:
        return "number"
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
        return "name"
    return ast.unparse(node) if isinstance(node, ast.Constant) else type(node).__name__


def is_guard(node: ast.AST) -> bool:
    """Whether it is a test that can only raise."""
    return isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], ast.Raise)


def is_choice(node: ast.AST) -> bool:
    """Whether what stands right below only says what something may be, in any order."""
    if isinstance(node, ast.Call):
        return name(node.func) == "isinstance"
    if isinstance(node, ast.keyword):
        return node.arg == "axis"
    return isinstance(node, ast.Compare | ast.arguments)


def like(node: Node, **fields: object) -> Node:
    """The node with other fields."""
    new = copy.copy(node)
    for field, value in fields.items():
        setattr(new, field, value)
    return new


def with_item(node: Node, field: str, i: int, *new: ast.AST) -> Node:
    """The node with something else in place of one item; with nothing, it is dropped."""
    items = getattr(node, field)
    return like(node, **{field: [*items[:i], *new, *items[i + 1 :]]})


def exchanged(node: Node, field: str, i: int) -> Node:
    """The node with one item and the next exchanged."""
    items = getattr(node, field)
    return like(node, **{field: [*items[:i], items[i + 1], items[i], *items[i + 2 :]]})


def negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def one_off(node: ast.expr | None) -> Iterator[ast.expr]:
    """One more and one less than is written there; nothing of what is no number."""
    value = number(node)
    if value is not None:
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif node is not None and not isinstance(node, ast.Constant | ast.Starred):
        yield from (ast.BinOp(node, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub()))
