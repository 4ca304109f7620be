"""What is asked next: under way while the last answer is looked at, so that nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from verification import truth, witness
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import OWN, Function
from verification.questions import Question

LOST = frozenset({"TIMEOUT", "MEMORY", "DIED"})
"""Kinds of calls that came to no answer."""
Then = Callable[[Function, Case, str], None]
"""Told of a function that it has answered a question; the last says how, where it has not."""


def nothing(*turn: object) -> None:
    """Nothing is known of what is asked next."""


class Ahead:
    """The turn after each is announced until an answer is lost: who gives none is asked less."""

    def __init__(
        self,
        judged: Candidate,
        turns: Sequence[tuple[Function, Question]],
        seed: int,
        dtype: str,
    ) -> None:
        self._judged, self._seed, self._dtype = judged, seed, dtype
        self._next = {(f.name, id(question)): turn for (f, question), turn in pairwise(turns)}

    def __call__(self, function: Function, case: Case, kind: str) -> None:
        if kind in LOST:
            self._next.clear()
        following, question = self._next.get((function.name, id(case)), (function, None))
        if isinstance(question, Case):
            asked = truth.of(question, self._seed, self._dtype, self._judged.contract.bitwise)
            if question.check:
                witness.expect(self._judged, following, question, asked.given)
            else:
                self._judged.expect(following, asked.case, asked.given, OWN)
