import numpy as np
import pytest

from verification import verdict

WANT = np.array([[1.0, -2.0], [np.nan, np.inf]])


def test_equal_arrays_match():
    """NaN equals NaN, an infinity itself."""
    found = verdict.compare("y", WANT.copy(), WANT, "float64")
    assert (found.ok, found.wrong, found.of) == (True, 0, 4)


@pytest.mark.parametrize(
    ("index", "value"),
    [((0, 0), 1.0000000000000002), ((0, 1), 2.0), ((1, 0), 0.0), ((1, 1), -np.inf), ((1, 1), 9.0)],
)
def test_one_wrong_element_is_found(index, value):
    """And told with its place, value and truth."""
    got = WANT.copy()
    got[index] = value
    found = verdict.compare("dx", got, WANT, "float64")
    assert (found.ok, found.wrong, found.worst.index, found.worst.got) == (False, 1, index, value)
    np.testing.assert_equal(found.worst.want, WANT[index])


def test_nan_for_a_number_is_wrong_and_worst():
    """Whatever else is wrong."""
    found = verdict.compare("y", np.array([5.0, np.nan]), np.array([1.0, 2.0]), "float64", 1e9)
    assert (found.wrong, found.worst.index) == (1, (1,))


def test_a_bound_is_for_every_element():
    """The element furthest beyond its own bound is the worst."""
    got, want = np.array([1.5, 2.5, 3.5]), np.array([1.0, 2.0, 3.0])
    found = verdict.compare("y", got, want, "float64", np.array([0.5, 0.25, 0.125]))
    assert (found.wrong, found.of, found.worst.index) == (2, 3, (2,))
    assert (found.worst.error, found.worst.bound) == (0.5, 0.125)


def test_the_sign_of_zero_counts_only_where_it_is_asked_for():
    """Convolutions may differ in it, max pools may not."""
    got, want = np.array([0.0, -0.0]), np.array([-0.0, -0.0])
    assert verdict.compare("y", got, want, "float64").ok
    assert verdict.compare("y", got, want, "float64", signed=True).wrong == 1


@pytest.mark.parametrize(
    ("got", "message"),
    [
        ([[1.0, -2.0]], "is a list, not an array"),
        (None, "is a NoneType, not an array"),
        (np.zeros((2, 3)), "has shape (2, 3), it should be (2, 2)"),
        (np.zeros((2, 2), np.float32), "has dtype float32, it should be float64"),
        (np.zeros((2, 2), object), "has dtype object, it should be float64"),
    ],
)
def test_a_wrong_form_is_told_before_any_number(got, message):
    """Every element counts as wrong."""
    found = verdict.compare("y", got, WANT, "float64")
    assert (found.ok, found.message, found.wrong, found.of) == (False, message, 4, 4)


def test_an_empty_array_of_the_wrong_form_is_wrong():
    """Though no element is."""
    assert not verdict.compare("y", np.zeros((0, 3)), np.zeros((0, 2)), "float64").ok


def test_dtypes_follow_the_run_but_for_indices_and_masks():
    """The truth of a float32 run may be computed in float64."""
    assert verdict.compare("y", np.ones(2, np.float32), np.ones(2), "float32").ok
    assert verdict.compare("index", np.ones(2, int), np.ones(2, int), "float32").ok
    assert not verdict.compare("index", np.ones(2), np.ones(2, int), "float64").ok
    assert verdict.compare("y", np.float64(3), np.array(3.0), "float64").ok


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_the_worst(odd):
    """Beside a large error that is."""
    found = verdict.compare("y", np.array([1e30, odd, 2.0]), np.array([1.0, 2.0, 2.0]), "float64")
    assert (found.wrong, found.worst.index) == (2, (1,))


def test_an_object_with_a_shape_is_no_array():
    """Whatever it claims to be."""

    class Pretender:
        shape, dtype = (2,), np.dtype(float)

    found = verdict.compare("y", Pretender(), np.ones(2), "float64")
    assert found.message == "is a Pretender, not an array"
