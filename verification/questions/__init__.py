"""What is asked: questions as values, read from rows, with their arrays."""

from verification.questions.case import Array, Arrays, Case, CaseError, Ints
from verification.questions.case import simplify, simplify_pad
from verification.questions.fills import LIMIT, arrays, divisors, shapes
from verification.questions.levels import RUNGS, level, rung
from verification.questions.rows import LINE, Question, Refusal, parse, read

__all__ = ["Array", "Arrays", "Case", "CaseError", "Ints", "LIMIT", "LINE", "Question"]
__all__ += ["RUNGS", "Refusal", "arrays", "divisors", "level", "parse", "read", "rung"]
__all__ += ["shapes", "simplify", "simplify_pad"]
