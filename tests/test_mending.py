"""Mending: code that older NumPys took goes on, and everything else stays as it is."""

import math
import types

import numpy as np
import pytest

from verification.apart import mending
from verification.apart.mending import Mended


@pytest.fixture
def old():
    """NumPy as it was; the real one is left alone."""
    module = types.ModuleType("numpy")
    vars(module).update(vars(np))
    mending.mend(module)
    return module


def one(value, axes=3):
    return mending.mended(np.full((1,) * axes, value))


def test_one_element_is_a_number():
    """Of any number of axes; in NumPy's own arrays it no longer is."""
    assert (float(one(2.5)), int(one(2.5)), complex(one(2.5))) == (2.5, 2, 2.5 + 0j)
    assert (math.sqrt(one(4.0)), round(float(one(2.4))), [7, 8][one(1)]) == (2.0, 2, 8)
    assert float(mending.mended(np.array(3.0))) == 3.0
    for convert in (float, int, complex):
        with pytest.raises(TypeError):
            convert(mending.mended(np.ones(2)))
    with pytest.raises(TypeError):
        [7, 8][one(1.0)]


def test_one_element_is_put_into_an_element():
    """Whatever its axes; what never was possible is refused as before."""
    Z = mending.mended(np.zeros((2, 3)))
    Z[1, 2] = np.full((1, 1, 1), 4.0)
    Z[0, 0] = one(5.0)
    Z[0] += np.ones(3)
    assert Z.tolist() == [[6, 1, 1], [0, 0, 4]]
    with pytest.raises(ValueError, match=r"sequence|broadcast"):
        Z[0, 0] = np.ones(2)
    with pytest.raises(IndexError):
        Z[5, 0] = 1
    with pytest.raises((TypeError, ValueError)):
        Z[0, 0] = "word"


def test_a_whole_sum_is_a_number_and_a_part_is_an_array():
    """As of NumPy's own arrays."""
    a = mending.mended(np.arange(6.0).reshape(2, 3))
    for whole in (a.sum(), np.sum(a), np.max(a), np.mean(a), a[1, 1], np.dot(a[0], a[0])):
        assert type(whole) is np.float64
    for part in (a.sum(0), a + 1, a[0], a.T, -a, a == 1, a.reshape(3, 2), a.copy()):
        assert type(part) is Mended


def test_what_is_made_is_mended(old):
    """By the names that solutions use; the types and the numbers are NumPy's."""
    made = [old.zeros((2, 2)), old.ones(3), old.full((2,), 7.0), old.zeros_like(np.ones(2))]
    made += [old.array([[1.0]]), old.asarray([1.0]), old.pad(np.ones((1, 1)), 1)]
    made += [
        old.einsum("i,j->ij", np.ones(2), np.ones(2)),
        old.tensordot(np.ones((1, 2)), np.ones((2, 1)), 1),
    ]
    assert {type(a) for a in made} == {Mended}
    assert float(old.array([[2.0]])) == 2.0
    assert made[2].tolist() == [7.0, 7.0]
    assert made[0].dtype == np.float64
    assert type(old.einsum("i,i->", np.ones(2), np.ones(2))) is np.float64
    assert type(np.zeros(2)) is np.ndarray


def test_dropped_names_are_back(old):
    """And none that is there is replaced."""
    assert old.zeros(2, dtype=old.float).dtype == np.float64
    assert old.int(3.7) == 3
    assert old.asscalar(np.array([[3.5]])) == 3.5
    assert old.Inf == old.infty == math.inf
    assert math.isnan(old.NaN)
    assert old.product([2, 3]) == 6
    assert old.in1d([[1, 2]], [2]).tolist() == [False, True]
    assert mending.DROPPED["trapz"]([1, 2, 3]) == 4
    assert old.msort(np.array([3, 1])).tolist() == [1, 3]
    assert old.asfarray([1]).dtype == np.float64
    assert old.bool is np.bool
    assert old.round_(2.6) == 3


def test_tuples_are_mended_within():
    """Caches that a contract hands over; other values stay what they are."""
    words = {"stride": 1}
    a, inner, same = mending.mended((np.ones(1), (np.ones(1),), words))
    assert type(a) is type(inner[0]) is Mended
    assert same is words
    given = np.ones(3)
    assert np.shares_memory(mending.mended(given), given)
