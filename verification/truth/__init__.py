"""What is right: torch as the oracle, the textbook that it must agree with, and the bounds."""

from verification.truth import oracle, textbook
from verification.truth.answers import OracleFaultError, Truth, answer, define, forget, prepare
from verification.truth.bounds import allowance, bound

__all__ = ["OracleFaultError", "Truth", "allowance", "answer", "bound", "define", "forget"]
__all__ += ["oracle", "prepare", "textbook"]
