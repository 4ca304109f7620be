"""The kind of question that fails, in a sentence that is true of every outcome."""

import parametrize_from_file

from verification.judging import Finding, Outcome
from verification.questions import parse
from verification.reports.hints import describe_kind

ROWS = [
    "conv x=[1,4,4,1] w=[2,2,1,1] fill=units",
    "conv x=[1,4,4,1] w=[2,2,1,1] pad=1 fill=units",
    "conv x=[1,5,5,1] w=[3,3,1,1] stride=2 pad=1 fill=units",
    "conv x=[2,4,6,1] w=[2,2,1,1] pad=1 fill=units",
    "max_pool x=[1,4,4,1] kernel=2 fill=ties",
    "avg_pool x=[1,4,4,1] kernel=2 fill=units",
]


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
