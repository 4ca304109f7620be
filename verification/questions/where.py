"""Questions chosen by their features: `groups == channels and stride > 1`.

An expression is made of these names, of numbers, words in quotes, True, False, None, lists and
tuples; of `and`, `or`, `not`, comparisons, `in`, + - * // % and [index]; of min, max, sum, len.

    op                       conv, max_pool, avg_pool, zero_pad, another operation, or a helper
    x, w, y                  the shapes of input, weights and output; () where there is none
    space, out               the spatial part of x, and of y
    kernel, stride, dilation a size for each spatial axis
    pad                      before and after each axis, one after the other
    axes                     how many spatial axes there are
    overlap, rest            whether windows overlap, and whether the last leaves a rest behind it
    batch, channels, filters the first and the last of x, and the last of y
    groups, bias, ceil_mode, count_include_pad, divisor_override, output_padding, output_size,
    norm_type, training, running, scale, momentum, eps
    word                     "same" or "valid" where the pad was given so
    fill, layout, dtype, check, name, id, level, rung, work

A comparison of several sizes with a number holds if it does for each of them, != if == does not;
there must be one at least.  `max(stride) > 1` holds if it does for any.  `stride[1] > 1` means no
question without a second axis.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable
from typing import Any

from verification.questions.case import ADAPTIVE, OPTIONS, Case, CaseError
from verification.questions.levels import level, rung
from verification.questions.rows import Question

_NODES = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.Subscript),
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.cmpop),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Call),
)


def _compare(holds: Callable[[Any, Any], bool]) -> Any:
    def compare(sizes: tuple[int, ...], other: Any) -> bool:
        if isinstance(other, int):
            return bool(sizes) and all(holds(size, other) for size in sizes)
        return holds(tuple(sizes), tuple(other) if isinstance(other, list) else other)

    return compare


class _Sizes(tuple[int, ...]):
    """Several sizes, which compare with a number as each of them does."""

    __eq__ = _compare(operator.eq)
    __lt__, __le__ = _compare(operator.lt), _compare(operator.le)
    __gt__, __ge__ = _compare(operator.gt), _compare(operator.ge)
    __hash__ = tuple.__hash__

    def __ne__(self, other: object) -> bool:
        return bool(self) and not self == other


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "min": functools.partial(min, default=0),
    "max": functools.partial(max, default=0),
    "sum": sum,
    "len": len,
}
_FIELDS = (
    *("op", "x", "w", "y", "space", "kernel", "stride", "dilation", "word", *OPTIONS),
    *("fill", "layout", "dtype", "check", "name", "id", "work"),
)
_VALUES: dict[str, Callable[[Case], Any]] = {
    **{name: operator.attrgetter(name) for name in _FIELDS},
    "out": lambda case: case.out if case.kernel or case.op in ADAPTIVE else (),
    "pad": lambda case: tuple(size for pair in case.pad for size in pair),
    "axes": lambda case: len(case.space),
    "overlap": lambda case: any(map(int.__lt__, case.stride, case.spans)),
    "rest": operator.attrgetter("has_rest"),
    "batch": lambda case: case.x[0],
    "channels": lambda case: case.x[-1],
    "filters": lambda case: (case.y or case.x)[-1],
    "level": level,
    "rung": rung,
}


def read_where(text: str) -> Callable[[Question], bool]:
    """Whether an expression means a question; a call that must be refused it never means.

    CaseError where the text is no such expression, and, when it is asked, where values do not fit.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CaseError(f"where {text!r}: {error}") from error
    nodes = [*ast.walk(tree)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if not isinstance(node, _NODES) or (isinstance(node, ast.Call) and node.keywords):
            raise CaseError(
                f"where {text!r}: {ast.unparse(node) or type(node).__name__!r} may not stand there"
            )
        known = [*(_FUNCTIONS if id(node) in called else _VALUES)]
        if isinstance(node, ast.Name) and node.id not in known:
            raise CaseError(f"where {text!r}: {node.id} is none of {', '.join(sorted(known))}")
    names = {node.id for node in nodes if isinstance(node, ast.Name)} & _VALUES.keys()
    code = compile(tree, "where", "eval")

    def is_meant(question: Question) -> bool:
        if not isinstance(question, Case):
            return False
        values = {name: _VALUES[name](question) for name in names}
        values |= {name: _Sizes(v) for name, v in values.items() if isinstance(v, tuple)}
        try:
            return bool(eval(code, {"__builtins__": {}}, _FUNCTIONS | values))
        except LookupError:
            return False
        except (TypeError, ArithmeticError) as error:
            raise CaseError(f"where {text!r}: {error}, of {question.row}") from error

    return is_meant
