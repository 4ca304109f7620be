"""What people write wrongly, as changes of one node of a syntax tree, by kind.

bound        a slice or range begins or ends one off, or loses its step
arithmetic   + for -, / for //, -= for +=, = for +=, a sign lost
product      the operands of @ exchanged, a transposition lost
exchange     neighbours exchanged: elements of a tuple, arguments of a call that look alike
term         an operand, one of several conditions, or a filter lost
comparison   < for <=, == for !=, in for not in
constant     a number one off, True for False, 0 for infinity
dtype        a narrower one than was asked for
condition    the contrary; always one branch
statement    left out: an addition, a call, an assignment into an array, a special case
extremum     min for max, any for all
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from verification.mutants import nodes

Change = Callable[[ast.AST, ast.AST], Iterator[ast.AST]]
"""A node and its parent -> what may stand instead of the node."""

_OPERATORS: Mapping[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mod),
    ast.Mod: (ast.FloorDiv,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitAnd: (ast.BitOr,),
}
_COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_NARROWER = {"float64": "float32", "float32": "float16", "int64": "int32", "intp": "int32"}
_LEAST = ("min", "minimum", "fmin", "amin", "argmin", "nanmin", "any")
_MOST = ("max", "maximum", "fmax", "amax", "argmax", "nanmax", "all")
_OPPOSITES = dict(zip((*_LEAST, *_MOST), (*_MOST, *_LEAST)))
_EITHER_LOST = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd)
_ANY_LOOK = ("reshape", "transpose", "where")
"""Functions whose neighbouring arguments may be exchanged though they do not look alike."""
_ONE_ORDER = (
    *("isinstance", "getattr", "cast", "map", "filter", "reduce", "zip"),
    *("min", "max", "minimum", "maximum", "add", "multiply", "swapaxes"),
)
"""Functions that refuse another order, or give the same in any; that of zip is the loop's."""


def of(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The kinds of change that this node can undergo, and the nodes that come of it."""
    for kind, change in _KINDS.items():
        for new in change(node, parent):
            yield kind, new


def _bound(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Slice):
        yield from (nodes.like(node, lower=new) for new in nodes.one_off(node.lower))
        for new in nodes.one_off(node.upper):  # an end at 0 would be an empty slice: all the rest
            yield nodes.like(node, upper=None if nodes.number(new) == 0 else new)
        yield nodes.like(node, step=None)
    elif isinstance(node, ast.Call) and nodes.name(node.func) in ("range", "slice", "arange"):
        for i, arg in enumerate(node.args[:2]):
            yield from (nodes.with_item(node, "args", i, new) for new in nodes.one_off(arg))
        yield nodes.like(node, args=node.args[:2])


def _arithmetic(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and not nodes.is_choice(parent):
        yield from (nodes.like(node, op=op()) for op in _OPERATORS.get(type(node.op), ()))
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=node.lineno)
    is_minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    if isinstance(node, ast.UnaryOp) and is_minus and nodes.number(node) is None:
        yield node.operand


def _product(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield nodes.like(node, left=node.right, right=node.left)
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value


def _exchange(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Tuple | ast.List) and not _is_free(node, parent):
        for i, (item, after) in enumerate(zip(node.elts, node.elts[1:])):
            looks = {nodes.look(item), nodes.look(after)}
            if isinstance(node.ctx, ast.Load) or len(looks) == 1 or "Starred" in looks:
                yield nodes.exchanged(node, "elts", i)
    elif isinstance(node, ast.Call):
        for i in range(len(node.args) - 1):
            if _is_exchangeable(nodes.name(node.func), node.args, i):
                yield nodes.exchanged(node, "args", i)


def _is_exchangeable(function: str, args: list[ast.expr], i: int) -> bool:
    if function in _ONE_ORDER or "type" in function:  # the wider of two types
        return False
    first, second = nodes.number(args[i]), nodes.number(args[i + 1])
    if first is not None and second is not None:  # to move an axis by one is to move the next back
        return function != "moveaxis" or abs(first - second) > 1
    alike = len(args) == 2 and nodes.look(args[0]) == nodes.look(args[1])
    return alike or function in _ANY_LOOK


def _is_free(node: ast.Tuple | ast.List, parent: ast.AST) -> bool:
    """Whether the order is free, or is exchanged elsewhere: where a loop or a target names it."""
    if isinstance(parent, ast.Assign):
        return node is parent.value and isinstance(parent.targets[0], ast.Tuple)
    if isinstance(parent, ast.For | ast.comprehension):
        return node is parent.iter
    return nodes.is_choice(parent)


def _term(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
        yield node.left
        if isinstance(node.op, _EITHER_LOST):
            yield node.right
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            fewer = nodes.with_item(node, "values", i)
            yield fewer if len(fewer.values) > 1 else fewer.values[0]
    elif isinstance(node, ast.comprehension):
        yield from (nodes.with_item(node, "ifs", i) for i in range(len(node.ifs)))


def _comparison(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            yield from (nodes.with_item(node, "ops", i, to()) for to in _COMPARISONS[type(op)])


def _constant(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    number = nodes.number(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Attribute) and node.attr in ("inf", "nan"):
        yield ast.Constant(0)
    elif number is not None and nodes.number(parent) is None:
        yield ast.Constant(number + 1)
        if number == 1:
            yield ast.Constant(0)


def _dtype(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and node.attr in _NARROWER:
        yield nodes.like(node, attr=_NARROWER[node.attr])
    elif isinstance(node, ast.keyword) and node.arg == "dtype":
        yield nodes.like(node, value=ast.Constant("float32"))
    elif isinstance(node, ast.Call) and nodes.name(node.func) == "astype" and node.args:
        for narrow in ("float32", "float16"):
            yield nodes.with_item(node, "args", 0, ast.Constant(narrow))
    elif isinstance(node, ast.Call):
        for i, arg in enumerate(node.args):
            if nodes.name(arg).endswith("dtype"):
                yield nodes.with_item(node, "args", i, ast.Constant("float32"))


def _condition(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.If | ast.While) and not _is_turned(node.test):
        yield nodes.like(node, test=nodes.negated(node.test))
    elif isinstance(node, ast.comprehension):
        for i, test in enumerate(node.ifs):
            if not _is_turned(test):
                yield nodes.with_item(node, "ifs", i, nodes.negated(test))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _is_turned(test: ast.expr) -> bool:
    """Whether it is a comparison, and the contrary is among those that are turned."""
    return isinstance(test, ast.Compare) and len(_COMPARISONS[type(test.ops[0])]) == 1


def _statement(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    is_case = isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return | ast.Raise)
    is_stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)
    if isinstance(node, ast.Expr | ast.AugAssign) or is_case or is_stored:
        yield ast.Pass()
    if isinstance(node, ast.Call) and nodes.name(node.func) in ("reversed", "sorted"):
        yield node.args[0]


def _extremum(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name | ast.Attribute) and nodes.name(node) in _OPPOSITES:
        field = "id" if isinstance(node, ast.Name) else "attr"
        yield nodes.like(node, **{field: _OPPOSITES[nodes.name(node)]})


_KINDS: Mapping[str, Change] = {
    "bound": _bound,
    "arithmetic": _arithmetic,
    "product": _product,
    "exchange": _exchange,
    "term": _term,
    "comparison": _comparison,
    "constant": _constant,
    "dtype": _dtype,
    "condition": _condition,
    "statement": _statement,
    "extremum": _extremum,
}
