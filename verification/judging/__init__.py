"""What came of it: a candidate is asked everything, and each answer compared with the truth."""

from verification.judging.compare import Comparison
from verification.judging.session import (
    Block,
    Drawn,
    Finding,
    Run,
    Session,
    Settings,
    UsageError,
    Watch,
    conclude,
)
from verification.judging.settling import Base, settle
from verification.judging.trial import FAILING, Check, Outcome, Trial, plan
from verification.judging.turns import judge, judge_in_turn

__all__ = [
    "FAILING",
    "Base",
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
__all__ += ["Trial", "UsageError", "Watch", "conclude", "judge", "judge_in_turn", "plan", "settle"]
