"""What is asked: questions as values, read from rows, with their arrays."""

from verification.questions.case import Array, Arrays, Case, CaseError, Ints, simplify, simplify_pad
from verification.questions.drawn import draw
from verification.questions.fills import LIMIT, arrays, divisors, shapes
from verification.questions.levels import RUNGS, level, rung
from verification.questions.rows import LINE, Question, Refusal, parse, read
from verification.questions.where import read_where

__all__ = ["LIMIT", "LINE", "RUNGS", "Array", "Arrays", "Case", "CaseError", "Ints", "Question"]
__all__ += ["Refusal", "arrays", "divisors", "draw", "level", "parse", "read", "read_where", "rung"]
__all__ += ["shapes", "simplify", "simplify_pad"]
