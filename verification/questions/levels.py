"""What is particular about a question: its level, and its rung on the ladder of evidence.

contract    it can be called: shapes, dtypes, memory orders, integers, empty batches, refusals
edge        ties, near-ties, all negative, NaN, infinities: the rules that torch chose
exact       certified integers, compared by ==
rounding    real numbers, within a bound derived from the data
laws        what holds of every convolution or pool, whatever its numbers: no oracle is asked
adjoint     gradients against the forward pass: <dy, y> = <x, dx> = <w, dw>; no oracle either
proof       every coefficient, one by one
scale       certified integers on layers of real networks, compared by ==
"""

from __future__ import annotations

from verification.questions.case import CHOSEN, FLAT, FURTHER, OPTIONS, Case
from verification.questions.rows import Question, Refusal

RUNGS = ("contract", "edge", "exact", "rounding", "laws", "adjoint", "proof", "scale")
RARE = {"word", "layout", *OPTIONS} - {"bias"}
"""Settings that few courses have; a bias that is missing asks for nothing."""
LARGE = 2_000_000
"""Multiply-adds above which a question is one of a real network's layers."""


def rung(question: Question) -> str:
    """Which kind of evidence an answer gives."""
    if isinstance(question, Refusal):
        return "contract"
    if question.check:
        return question.check if question.check in RUNGS else "laws"
    if question.layout != "C" or not question.x[0] or question.fill == "whole":
        return "contract"
    if question.fill in CHOSEN | FLAT:
        return "edge"
    if question.fill == "dense" or not question.is_exact:
        return "rounding"
    return "scale" if question.work > LARGE else "exact"


def level(question: Question) -> int:
    """1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option."""
    if isinstance(question, Refusal) or question.op in FURTHER:
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
    axes = zip(case.kernel, case.stride, case.dilation, case.pad, strict=True)
    return (
        len(case.space) != 2
        or len(set(axes)) > 1
        or any(before != after for before, after in case.pad)
        or (case.is_padded and not case.w)
        or max(case.dilation) > 1
        or case.fill == "special"
        or any(getattr(case, name) != getattr(Case, name) for name in RARE)
    )


def _is_uneven(case: Case) -> bool:
    """Whether sides differ, windows leave a rest, a gap or overlap in a pool, or maxima tie."""
    pairs = [*zip(case.stride, case.spans)]
    is_apart = any(step > span or (step < span and not case.w) for step, span in pairs)
    return case.has_rest or is_apart or len(set(case.space)) > 1 or case.fill == "ties"
