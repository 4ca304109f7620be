"""The kind of question that fails, in a sentence that is true of every outcome."""

import parametrize_from_file

from verification.judging import Finding, Outcome
from verification.questions import parse
from verification.reports.text import describe_kind

HELPERS = ["create_mask_from_window x=[1,3] fill=ties", "create_mask_from_window x=[2,2] fill=ties"]
PLAIN = "distribute_value x=[2,2] fill=integers"
ROWS = [
    "conv x=[1,4,4,1] w=[2,2,1,1] fill=units",
    "conv x=[1,4,4,1] w=[2,2,1,1] pad=1 fill=units",
    "conv x=[1,5,5,1] w=[3,3,1,1] stride=2 pad=1 fill=units",
    "conv x=[2,4,6,1] w=[2,2,1,1] pad=1 fill=units",
    "max_pool x=[1,4,4,1] kernel=2 fill=ties",
    "avg_pool x=[1,4,4,1] kernel=2 fill=units",
]


def test_a_window_holds_no_examples():
    """What a helper takes is a window alone."""
    pairs = zip(HELPERS, ("WRONG", "ok"))
    outcomes = [Outcome("f", "f", *parse(row), status) for row, status in pairs]
    told = describe_kind(Finding("f", "f", (*outcomes,)))
    assert told == "it fails 1 of 1 where the sides of the window differ, and no other"
    outcomes = [Outcome("f", "f", *parse(PLAIN), status) for status in ("WRONG", "ok")]
    told = describe_kind(Finding("f", "f", (*outcomes,)))
    assert told == "1 of 2 cases fail, of no kind alone"


@parametrize_from_file
def test_a_kind_is_told(failing, unjudged, expected):
    """By the failing ones of all rows, counted."""
    outcomes = [
        Outcome(
            "f",
            "conv_forward",
            *parse(row),
            "not judged" if n in unjudged else "WRONG" if n in failing else "ok",
        )
        for n, row in enumerate(ROWS)
    ]
    assert describe_kind(Finding("f", "conv_forward", tuple(outcomes))) == expected
    assert describe_kind(Finding("f", "", (), more=tuple(outcomes))) == expected
