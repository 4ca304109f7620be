"""The catalogue: right code is right, every mistake differs, and every entry says what it must."""

import re

import numpy as np
import pytest

from verification import fills, mistakes, oracle, questions, row
from verification.case import Case
from verification.mistakes import code, passes
from verification.mistakes.code import Code

CATALOGUE = mistakes.read()
BY_ID = {mistake.id: mistake for mistake in CATALOGUE}
ASKED = [q for q in questions.read_all() if isinstance(q, Case) and q.work <= 20_000]
OPS = {
    "conv": ("conv_forward", "conv_backward"),
    "max_pool": ("pool_forward", "pool_backward"),
    "avg_pool": ("pool_forward", "pool_backward"),
}
FUNCTIONS = {op for ops in OPS.values() for op in ops} | {
    *("zero_pad", "conv_single_step", "create_mask_from_window", "distribute_value")
}


def ops_of(case):
    return OPS.get(case.op, (case.op,))


def test_right_code_gives_the_oracles_answers():
    """Without a mistake in it, on every exact question but NaN's and infinity's."""
    asked = [case for case in ASKED if case.is_exact and case.fill != "special"]
    for case in asked:
        given = fills.arrays(case, 0, "float64")
        want = oracle.answers(case, given)
        for op in ops_of(case):
            for name, value in passes.answers(op, case, given, Code()).items():
                assert np.array_equal(value, want[name]), f"{op} {name} of {case.row}"
    assert len(asked) > 1000


def differs(op, case, given, lines):
    """Whether the wrong lines change the answer."""
    right = passes.answers(op, case, given, Code())
    try:
        wrong = passes.answers(op, case, given, mistakes.written(lines))
    except (ValueError, IndexError, UnboundLocalError, ZeroDivisionError):
        return True
    return wrong.keys() != right.keys() or not all(
        np.shape(wrong[name]) == np.shape(value)
        and np.array_equal(wrong[name], value, equal_nan=value.dtype.kind == "f")
        for name, value in right.items()
    )


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake.id)
def test_every_way_to_make_a_mistake_shows(mistake):
    """In some question to some function that it can stand in; or it is told by other signs."""
    assert mistake.lines or mistake.error or mistake.sign
    for lines in mistake.lines:
        assert any(
            differs(op, case, fills.arrays(case, 0, "float64"), lines)
            for case in ASKED
            for op in ops_of(case)
            if op in mistake.ops
        )


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda mistake: mistake.id)
def test_every_entry_says_what_it_must(mistake):
    """A short title, what the code does, a hint that does not give the change away."""
    assert set(mistake.ops) <= FUNCTIONS
    assert mistake.ops
    assert 10 < len(mistake.title) <= 72
    assert mistake.does != mistake.title
    assert mistake.hint.endswith(("?", "."))
    assert mistake.change not in mistake.hint
    assert mistake.kind in (mistakes.MISTAKE, mistakes.AGE, mistakes.CONVENTION)
    assert (mistake.kind == mistakes.AGE) <= bool(mistake.error)
    re.compile(mistake.error)


def test_the_catalogue_is_large_enough():
    """At least 60, over all eight functions; the most seen first."""
    assert len(CATALOGUE) >= 60
    assert {op for mistake in CATALOGUE for op in mistake.ops} == FUNCTIONS
    seen = [mistake.seen for mistake in CATALOGUE]
    assert seen == sorted(seen, reverse=True)


def test_no_lines_without_an_entry():
    """What no entry names would never be claimed."""
    rooms = (mistakes.windows, mistakes.padding, mistakes.convolution, mistakes.gradients)
    for room in (*rooms, mistakes.crops, mistakes.pooling):
        assert set(room.LINES) <= set(BY_ID)


def test_two_mistakes_hold_the_lines_of_both():
    """Unless they are wrong in the same line."""
    stride, crop, last = (
        BY_ID[name].lines[0]
        for name in ("stride-ignored-backward", "pad-0-crop", "db-last-example")
    )
    (case,) = row.parse("conv x=[2,6,7,1] w=[2,3,1,2] stride=2 pad=1 fill=integers")
    given = fills.arrays(case, 0, "float64")
    both = passes.answers("conv_backward", case, given, mistakes.written(stride, last))
    assert np.array_equal(both["db"], code.summed(given["dy"][-1:]))
    alone = passes.answers("conv_backward", case, given, mistakes.written(stride))
    assert np.array_equal(both["dx"], alone["dx"])
    assert mistakes.written(stride, crop) is not None
    assert mistakes.written(stride, stride) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "float-of-array",
            "TypeError: only 0-dimensional arrays can be converted to Python scalars",
        ),
        ("float-of-array", "only length-1 arrays can be converted to Python scalars"),
        ("array-into-element", "ValueError: setting an array element with a sequence."),
        ("removed-alias", "AttributeError: module 'numpy' has no attribute 'float'."),
        ("removed-alias", "AttributeError: `np.float_` was removed in the NumPy 2.0 release."),
        ("float-size", "TypeError: 'float' object cannot be interpreted as an integer"),
    ],
)
def test_messages_are_told(name, message):
    """Each by one entry alone."""
    assert [mistake.id for mistake in CATALOGUE if mistake.tells(message)] == [name]
