"""What is asked: questions as values, read from rows, with their arrays."""

from verification.questions.case import (
    ADAPTIVE,
    FURTHER,
    MAXIMA,
    REAL,
    Array,
    Arrays,
    Case,
    CaseError,
    Ints,
    simplify,
    simplify_pad,
)
from verification.questions.drawn import draw
from verification.questions.fills import LIMIT, arrays, divisors, shapes
from verification.questions.levels import RUNGS, level, rung
from verification.questions.rows import LINE, Question, Refusal, parse, read
from verification.questions.where import read_where

__all__ = ["ADAPTIVE", "FURTHER", "LIMIT", "LINE", "MAXIMA", "REAL", "RUNGS", "Array", "Arrays"]
__all__ += ["Case", "CaseError", "Ints", "Question", "Refusal", "arrays", "divisors", "draw"]
__all__ += ["level", "parse", "read", "read_where", "rung", "shapes", "simplify", "simplify_pad"]
