"""What is particular about a question: its level, and its rung on the ladder of evidence.

contract    it can be called: shapes, dtypes, memory orders, empty batches, refusals
edge        ties, all negative, NaN, infinities: the rules that torch chose
exact       certified integers, compared by ==
rounding    real numbers, within a bound derived from the data
laws        what holds of every convolution or pool, whatever its numbers: no oracle is asked
adjoint     gradients against the forward pass: <dy, y> = <x, dx> = <w, dw>; no oracle either
proof       every coefficient, one by one
scale       certified integers on layers of real networks, compared by ==
"""

from __future__ import annotations

from verification.questions.case import Case
from verification.questions.rows import Question, Refusal

RUNGS = ("contract", "edge", "exact", "rounding", "laws", "adjoint", "proof", "scale")
LARGE = 2_000_000
"""Multiply-adds above which a question is one of a real network's layers."""


def rung(question: Question) -> str:
    """Which kind of evidence an answer gives."""
    if isinstance(question, Refusal):
        return "contract"
    if question.check:
        return question.check if question.check in RUNGS else "laws"
    if question.layout != "C" or not question.x[0]:
        return "contract"
    if question.fill in ("ties", "permutation", "special"):
        return "edge"
    if not question.is_exact:
        return "rounding"
    return "scale" if question.work > LARGE else "exact"


def level(question: Question) -> int:
    """1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option."""
    if isinstance(question, Refusal):
        return 4
    if not question.kernel:
        return 1
    if _has_options(question):
        return 4
    if _is_uneven(question):
        return 3
    return 1 if max(question.space) <= 4 else 2


def _has_options(case: Case) -> bool:
    """Whether it needs more than one size for all axes of an image, and numbers."""
    sizes = (case.kernel, case.stride, case.dilation, case.pad)
    return (
        len(case.space) != 2
        or any(len(set(each)) > 1 for each in sizes)
        or any(before != after for before, after in case.pad)
        or (case.is_padded and not case.w)
        or max(case.dilation) > 1
        or case.groups > 1
        or (case.word, case.bias, case.ceil_mode) != ("", True, False)
        or (case.count_include_pad, case.divisor_override) != (True, None)
        or (case.layout, case.fill == "special") != ("C", False)
    )


def _is_uneven(case: Case) -> bool:
    """Whether sides differ, windows leave a rest, a gap or overlap in a pool, or maxima tie."""
    axes = zip(case.space, case.pad, case.spans, case.stride, strict=True)
    rests = [(size + sum(pad) - span) % step for size, pad, span, step in axes]
    steps = list(zip(case.stride, case.spans, strict=True))
    return (
        len(set(case.space)) > 1
        or any(rests)
        or any(step > span for step, span in steps)
        or (not case.w and any(step < span for step, span in steps))
        or case.fill == "ties"
    )
