"""What came of it: a candidate is asked everything, and each answer compared with the truth."""

from verification.judging.compare import Comparison
from verification.judging.session import (
    SHOW,
    Block,
    Drawn,
    Finding,
    Run,
    Session,
    Settings,
    UsageError,
    Watch,
)
from verification.judging.trial import FAILING, Check, Outcome, Trial, plan

__all__ = [
    "FAILING",
    "SHOW",
    "Block",
    "Check",
    "Comparison",
    "Drawn",
    "Finding",
    "Outcome",
    "Run",
    "Session",
    "Settings",
]
__all__ += ["Trial", "UsageError", "Watch", "plan"]
