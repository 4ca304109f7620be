"""The eight passes: their words, their caches, the shapes of what they return."""

import numpy as np
import pytest

import npcnn
from npcnn import ShapeError

RNG = np.random.default_rng(4)


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


def test_a_cache_holds_the_very_objects():
    """No copies."""
    A_prev, W, b, hparameters = (
        integers(1, 4, 5, 2),
        integers(2, 3, 2, 3),
        integers(3),
        {"stride": 2},
    )
    _, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
    assert all(a is b for a, b in zip(cache, (A_prev, W, b, hparameters), strict=True))
    hparameters = {"f": 2}
    _, cache = npcnn.pool_forward(A_prev, hparameters)
    assert all(a is b for a, b in zip(cache, (A_prev, hparameters), strict=True))


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (3,)])
def test_db_has_the_shape_of_b(shape):
    """The assignment's (1, 1, 1, n_C), or flat."""
    b = integers(*shape)
    Z, cache = npcnn.conv_forward(integers(2, 4, 5, 2), integers(2, 3, 2, 3), b, {})
    dZ = integers(*Z.shape)
    dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
    assert (dA_prev.shape, dW.shape, db.shape) == ((2, 4, 5, 2), (2, 3, 2, 3), shape)
    np.testing.assert_array_equal(db.ravel(), dZ.sum(axis=(0, 1, 2)))


def test_no_bias_has_no_gradient():
    """b=None is a convolution without one."""
    A_prev, W = integers(2, 5, 3), integers(3, 3, 2)
    Z, cache = npcnn.conv_forward(A_prev, W, None, {})
    np.testing.assert_array_equal(Z, npcnn.conv_forward(A_prev, W, np.zeros(2), {})[0])
    assert npcnn.conv_backward(Z, cache)[2] is None


def test_hparameters_are_any_mapping_with_any_order():
    """Names only; nothing is taken out of it."""
    from types import MappingProxyType

    hparameters = MappingProxyType({"stride": 1, "f": (2, 3)})
    A, cache = npcnn.pool_forward(integers(1, 4, 5, 2), hparameters)
    assert A.shape == (1, 3, 3, 2)
    assert npcnn.pool_backward(A, cache).shape == (1, 4, 5, 2)


def test_the_default_mode_is_max():
    """In both directions."""
    A_prev = integers(1, 4, 6, 2)
    A, cache = npcnn.pool_forward(A_prev, {"f": 2})
    np.testing.assert_array_equal(A, npcnn.pool_forward(A_prev, {"f": 2}, mode="max")[0])
    np.testing.assert_array_equal(
        npcnn.pool_backward(A, cache), npcnn.pool_backward(A, cache, mode="max")
    )


def test_zero_pad_of_nothing_is_a_copy():
    """The result never shares memory with X."""
    X = integers(1, 2, 3, 1)
    padded = npcnn.zero_pad(X, 0)
    np.testing.assert_array_equal(padded, X)
    assert not np.shares_memory(padded, X)


@pytest.mark.parametrize(
    ("given", "kept"), [("float16", "float16"), ("float32", "float32"), ("int8", "float64")]
)
def test_helpers_follow_the_dtype_rules(given, kept):
    """Floats keep theirs, integers become float64."""
    a = np.ones((2, 3, 2), given)
    assert npcnn.zero_pad(a, 1).dtype == kept
    assert npcnn.conv_single_step(a, a, np.ones(1, given)).dtype == kept
    assert npcnn.distribute_value(a[0, 0, :1], (2, 3)).dtype == kept
    assert npcnn.create_mask_from_window(a).dtype == bool


def test_a_single_step_is_one_number():
    """A scalar, not an array of one element, whatever the shape of b."""
    for b in (5.0, [5.0], [[[5.0]]]):
        step = npcnn.conv_single_step(np.full((2, 3), 2.0), np.ones((2, 3)), b)
        assert isinstance(step, np.float64)
        assert step == 17


@pytest.mark.parametrize("x", [[[1, 3, 2], [3, 0, 3]], [[7]], [[-1, -1], [-1, -1]]])
def test_a_mask_has_one_true(x):
    """At the first maximum in row order."""
    mask = npcnn.create_mask_from_window(x)
    assert mask.shape == np.shape(x)
    assert mask.sum() == 1
    assert np.argmax(mask) == np.argmax(x)


def test_a_value_may_be_shared_over_any_shape():
    """An int is a line of cells; NumPy's numbers are numbers."""
    np.testing.assert_array_equal(npcnn.distribute_value(6, 3), [2, 2, 2])
    np.testing.assert_array_equal(
        npcnn.distribute_value(np.float32(6), (1, 2, 3)), np.ones((1, 2, 3))
    )


def test_an_unknown_key_names_the_nearest():
    """To the letter."""
    with pytest.raises(ShapeError) as caught:
        npcnn.conv_forward(np.ones((1, 3, 3, 1)), np.ones((1, 1, 1, 1)), [0], {"strid": 1})
    assert "the unknown key 'strid'; the nearest known one is 'stride'" in str(caught.value)
