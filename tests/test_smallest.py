"""Shrinking: the smallest question that still fails, asked no more often than it must be."""

import parametrize_from_file
import pytest

from verification.judging.smallest import LIMIT, shrink
from verification.questions import parse

LARGE = "conv x=[16,33,40,24] w=[7,7,24,32] stride=3 pad=3 fill=integers"


class Fault:
    """A mistake that shows where an expression holds; it keeps the questions, none twice."""

    def __init__(self, holds):
        self.holds, self.asked = holds, []

    def __call__(self, case):
        assert parse(case.row) == [case], "not as its row reads"
        assert case.row not in self.asked
        self.asked.append(case.row)
        return eval(self.holds, {"c": case})


@parametrize_from_file
def test_smallest(row, holds, expected):
    """Nothing in it is larger than it must be; asked within the limit."""
    (case,) = parse(row)
    fault = Fault(holds)
    assert shrink(case, fault).row == expected
    assert len(fault.asked) <= LIMIT


@parametrize_from_file
def test_way(row, holds, always):
    """What no question on the way gives up, for most implementations need it."""
    (case,) = parse(row)
    fault = Fault(holds)
    shrink(case, fault)
    asked = [case for line in fault.asked for case in parse(line)]
    assert len(asked) > 5
    assert [one.row for one in asked if not eval(always, {"c": one})] == []


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_asking_ends_at_the_limit(limit):
    """With the smallest until then, or the question itself."""
    (case,) = parse(LARGE)
    fault = Fault("True")
    assert shrink(case, fault, limit=limit).row == [case.row, *fault.asked][-1]
    never = Fault("False")
    assert shrink(case, never, limit=limit) is case
    assert len(fault.asked) == len(never.asked) == limit
