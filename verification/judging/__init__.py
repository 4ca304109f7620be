"""What came of it: a candidate is asked everything, and each answer compared with the truth."""

from verification.judging.compare import Comparison, Worst
from verification.judging.run import Base, Block, Drawn, Finding, Run, lighten
from verification.judging.session import Session, Watch
from verification.judging.settings import SHOW, Settings, UsageError, choose_show
from verification.judging.settling import Statuses, conclude, settle
from verification.judging.trial import EMPTY, FAILING, Check, Outcome, Trial, plan
from verification.judging.turns import judge, judge_in_turn

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
