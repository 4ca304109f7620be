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
_CONTRARIES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    **{op: (contrary,) for op, contrary in _CONTRARIES.items()},
}
_NARROWER = {"float64": "float32", "float32": "float16", "int64": "int32", "intp": "int32"}
_EXTREMA = (
    *(("min", "max"), ("minimum", "maximum"), ("fmin", "fmax"), ("amin", "amax")),
    *(("argmin", "argmax"), ("nanmin", "nanmax"), ("any", "all")),
)
_OPPOSITES = dict(_EXTREMA) | {most: least for least, most in _EXTREMA}
_LOSABLE_LEFT = (ast.Add, ast.Sub, ast.Mult, ast.BitOr, ast.BitAnd)
_ANY_LOOK = ("reshape", "transpose", "where")
"""Functions whose neighbouring arguments may be exchanged though they do not look alike."""
_ONE_ORDER = ("isinstance", "getattr", "cast", "map", "filter", "reduce", "zip")
"""Functions that take no other order, or the same as another order of the loop's variables."""
_NO_ORDER = ("min", "max", "minimum", "maximum", "add", "multiply")


def of(node: ast.AST, parent: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The kinds of change that this node can undergo, and the nodes that come of it."""
    for kind, change in _KINDS.items():
        for new in change(node, parent):
            yield kind, new


def _bound(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Slice):
        yield from (nodes.like(node, lower=new) for new in _one_off(node.lower))
        for new in _one_off(node.upper):  # an end at 0 would be an empty slice: all the rest
            yield nodes.like(node, upper=None if nodes.number(new) == 0 else new)
        yield nodes.like(node, step=None)
    elif isinstance(node, ast.Call) and nodes.name(node.func) in ("range", "slice", "arange"):
        for i, arg in enumerate(node.args[:2]):
            yield from (nodes.with_item(node, "args", i, new) for new in _one_off(arg))
        yield nodes.like(node, args=node.args[:2])


def _one_off(node: ast.expr | None) -> Iterator[ast.expr]:
    is_number = nodes.number(node) is not None
    if node is not None and (is_number or not isinstance(node, ast.Constant | ast.Starred)):
        yield from (nodes.plus(node, 1), nodes.plus(node, -1))


def _arithmetic(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and not _is_choice(parent):
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
    if isinstance(node, ast.Tuple | ast.List) and not _is_choice(parent):
        for i, (item, after) in enumerate(zip(node.elts, node.elts[1:])):
            looks = {nodes.look(item), nodes.look(after)}
            if isinstance(node.ctx, ast.Load) or len(looks) == 1 or "Starred" in looks:
                yield nodes.exchanged(node, "elts", i)
    elif isinstance(node, ast.Call):
        for i, (arg, after) in enumerate(zip(node.args, node.args[1:])):
            if _are_exchangeable(nodes.name(node.func), nodes.look(arg), nodes.look(after)):
                yield nodes.exchanged(node, "args", i)


def _are_exchangeable(function: str, look: str, after: str) -> bool:
    if function in (*_ONE_ORDER, *_NO_ORDER) or "type" in function:  # a wider type has no order
        return False
    return look == after or function in _ANY_LOOK


def _is_choice(parent: ast.AST) -> bool:
    """Whether what stands below only says what something may be, in any order."""
    if isinstance(parent, ast.Call):
        return nodes.name(parent.func) == "isinstance"
    if isinstance(parent, ast.keyword):
        return parent.arg == "axis"
    return isinstance(parent, ast.Compare | ast.arguments)


def _term(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
        yield node.left
        if isinstance(node.op, _LOSABLE_LEFT):
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
        if abs(number) == 1:
            yield ast.Constant(number - 1)


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
    elif isinstance(node, ast.If | ast.While) and not _has_contrary(node.test):
        yield nodes.like(node, test=nodes.negated(node.test))
    elif isinstance(node, ast.comprehension):
        for i, test in enumerate(node.ifs):
            if not _has_contrary(test):
                yield nodes.with_item(node, "ifs", i, nodes.negated(test))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _has_contrary(test: ast.expr) -> bool:
    """Whether a turned comparison is the contrary already."""
    return isinstance(test, ast.Compare) and [*map(type, test.ops)][0] in _CONTRARIES


def _statement(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    is_case = isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return | ast.Raise)
    is_stored = isinstance(node, ast.Assign) and not isinstance(
        node.targets[0], ast.Name | ast.Tuple
    )
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
