"""What came of it: a candidate is asked everything, and each answer compared with the truth."""

from verification.judging.compare import Comparison
from verification.judging.run import (
    SHOW,
    Block,
    Drawn,
    Finding,
    Run,
    Settings,
    UsageError,
    choose_show,
)
from verification.judging.session import Session, Watch, judge, judge_in_turn
from verification.judging.shards import dump, merge
from verification.judging.trial import FAILING, Check, Outcome, Trial, plan

__all__ = ["FAILING", "SHOW", "Block", "Check", "Comparison", "Drawn", "Finding", "Outcome"]
__all__ += ["Run", "Session", "Settings", "Trial", "UsageError", "Watch", "choose_show", "dump"]
__all__ += ["judge", "judge_in_turn", "merge", "plan"]
