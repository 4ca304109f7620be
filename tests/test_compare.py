"""Comparison: what counts as equal, what is said of the rest, which forms are conventions."""

import numpy as np
import parametrize_from_file
from parametrize_from_file import defaults

from verification.candidates import Other
from verification.judging.compare import check_form, compare, conform


@parametrize_from_file(schema=defaults(bound=0.0, is_signed=False, message=""))
def test_elements(got, want, bound, is_signed, wrong, worst, message):
    """Each within its bound, NaN and infinities only where they belong; the worst is shown."""
    got, want, bound = np.array(got), np.array(want), np.array(bound)
    compared = compare("y", got, want, "float64", bound, is_signed)
    assert (compared.wrong, compared.of, compared.message) == (wrong, want.size, message)
    assert compared.is_right == (wrong == 0)
    if wrong:
        shown = compared.worst
        numbers = [shown.got, shown.want, shown.error, shown.bound]
        assert np.array_equal([*shown.index, *numbers], worst, equal_nan=True)
        assert compared.where.sum() == wrong
        assert compared.got is got


@parametrize_from_file
def test_form(got, want, dtype, message):
    """What is no array of this shape and type is all wrong, whatever its numbers."""
    got, want = (eval(text, {"np": np, "Other": Other}) for text in (got, want))
    assert check_form(got, want, dtype) == message
    compared = compare("y", got, want, dtype)
    assert (compared.message, compared.wrong) == (message, want.size if message else 0)


@parametrize_from_file
def test_convention(op, name, got, want, dtype, convention, becomes):
    """Numbers in another form that the field leaves open; any other stays as it is."""
    got, want, becomes = (eval(text, {"np": np}) for text in (got, want, becomes))
    answer, found = conform(op, name, got, want, dtype)
    assert found == convention
    assert (answer.shape, answer.dtype) == (becomes.shape, becomes.dtype)
    assert np.array_equal(answer, becomes)
