"""Questions chosen by an expression over their fields."""

import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.questions import CaseError, Refusal, parse, read_where

LINES = {
    "depthwise": "conv x=[2,7,8,4] w=[3,3,1,4] groups=4 stride=[2,3] fill=integers",
    "plain": "conv x=[4,5,6,2] w=[2,1,2,4] pad=[[1,2],[0,0]] bias=false fill=integers",
    "line": "max_pool x=[2,9,1] kernel=3 fill=ties",
    "empty": "avg_pool x=[0,4,4,1] kernel=2 divisor_override=3 fill=integers",
    "helper": "create_mask_from_window x=[3,3] fill=ties",
}
QUESTIONS = {name: parse(line)[0] for name, line in LINES.items()}
QUESTIONS["refusal"] = Refusal("r", "zero_pad", {"pad": -1}, "ShapeError", ("pad",))


@parametrize_from_file(schema=defaults(means=(), error=""))
def test_an_expression(where, means, error):
    """Means these questions alone; or is refused, with what is wrong, and nothing is run."""
    if not error:
        is_meant = read_where(where)
        assert [name for name, one in QUESTIONS.items() if is_meant(one)] == list(means)
        return
    with pytest.raises(CaseError) as raised:
        [*map(read_where(where), QUESTIONS.values())]
    assert str(raised.value).startswith(f"where {where!r}: ")
    assert error in str(raised.value)
