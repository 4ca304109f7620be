"""What came of it: a candidate is asked everything, and each answer compared with the truth."""

from verification.judging.compare import Comparison, Worst
from verification.judging.run import (
    SHOW,
    Base,
    Block,
    Drawn,
    Finding,
    Run,
    Settings,
    Statuses,
    UsageError,
    choose_show,
    conclude,
    lighten,
    settle,
)
from verification.judging.session import Session, Watch, judge, judge_in_turn
from verification.judging.trial import EMPTY, FAILING, Check, Outcome, Trial, plan

__all__ = [
    "EMPTY",
    "FAILING",
    "SHOW",
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
__all__ += ["Statuses", "Trial", "UsageError", "Watch", "Worst", "choose_show", "conclude", "judge"]
__all__ += ["judge_in_turn", "lighten", "plan", "settle"]
