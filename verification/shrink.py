"""From a failing question to the smallest that fails in the same way.

A greedy search: each quantity in turn is tried at its least, then halfway there, then one less,
and what still fails is kept, until nothing shrinks.  Every question on the way may be asked, for
it is written as a row and read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verification import quantities, row
from verification.case import Case, CaseError
from verification.quantities import Quantity

LIMIT = 50


@dataclass
class Search:
    """The smallest failing question so far, and all that have been asked."""

    case: Case
    same: Callable[[Case], bool]
    limit: int

    def __post_init__(self) -> None:
        self.asked = {self.case.row}

    def shrink(self, quantity: Quantity) -> bool:
        """Make the quantity as small as it gets; whether it became smaller."""
        before = self.case
        while smaller := next(self._failing(quantity), None):
            self.case = smaller
        return self.case is not before

    def _failing(self, quantity: Quantity) -> Iterator[Case]:
        return filter(self._fails, filter(None, map(askable, quantity.smaller(self.case))))

    def _fails(self, case: Case) -> bool:
        """What was asked before either did not fail or is no smaller than what has been found."""
        if case.row in self.asked or len(self.asked) > self.limit:
            return False
        self.asked.add(case.row)
        return self.same(case)


def smallest(case: Case, same: Callable[[Case], bool], limit: int = LIMIT) -> Case:
    """The smallest question found for which `same` holds, as it does for `case`.

    `same` is called at most `limit` times, and never twice for the same question.
    """
    search = Search(case, same, limit)
    reducible = list(quantities.of(case))
    while sum(map(search.shrink, reducible)):
        pass
    return search.case


def askable(case: Case) -> Case | None:
    """The case as its row reads, or None if it may not be asked."""
    try:
        (read,) = row.parse(case.row)
    except CaseError:
        return None
    return read
