"""The rules of pooling that need no oracle."""

import numpy as np
import pytest

import npcnn
from npcnn import functional, pool

RNG = np.random.default_rng(2)


def tied(*shape):
    return RNG.integers(-2, 1, shape).astype(float)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (4, 3)])
def test_masks_over_every_window_are_max_pooling(stride):
    """create_mask_from_window, looped, gives pool_forward and pool_backward."""
    A_prev = tied(2, 7, 8, 3)
    hparameters = {"f": (3, 2), "stride": stride}
    A, cache = npcnn.pool_forward(A_prev, hparameters)
    dA = RNG.integers(-9, 10, A.shape).astype(float)
    dA_prev = np.zeros_like(A_prev)
    for i, h, v, c in np.ndindex(A.shape):
        corner = slice(h * stride[0], h * stride[0] + 3), slice(v * stride[1], v * stride[1] + 2)
        mask = npcnn.create_mask_from_window(A_prev[i, *corner, c])
        assert [A[i, h, v, c]] == A_prev[i, *corner, c][mask]
        dA_prev[i, *corner, c] += mask * dA[i, h, v, c]
    np.testing.assert_array_equal(npcnn.pool_backward(dA, cache), dA_prev)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (4, 3)])
def test_shares_over_every_window_are_average_pooling(stride):
    """distribute_value, looped, gives pool_backward; np.mean gives pool_forward."""
    A_prev = 6.0 * RNG.integers(-9, 10, (2, 7, 8, 3))
    hparameters = {"f": (3, 2), "stride": stride}
    A, cache = npcnn.pool_forward(A_prev, hparameters, mode="average")
    dA = 6.0 * RNG.integers(-9, 10, A.shape)
    dA_prev = np.zeros_like(A_prev)
    for i, h, v, c in np.ndindex(A.shape):
        corner = slice(h * stride[0], h * stride[0] + 3), slice(v * stride[1], v * stride[1] + 2)
        assert A[i, h, v, c] == A_prev[i, *corner, c].mean()
        dA_prev[i, *corner, c] += npcnn.distribute_value(dA[i, h, v, c], (3, 2))
    np.testing.assert_array_equal(npcnn.pool_backward(dA, cache, "average"), dA_prev)


def test_finite_differences_of_an_average_are_exact():
    """Averaging is linear: step 1 has no truncation error on multiples of the divisor."""
    x = 6.0 * RNG.integers(-9, 10, (1, 5, 4, 2))
    words = {"kernel_size": (3, 2), "stride": (1, 2), "padding": ((1, 0), (0, 0))}
    dy = 6.0 * RNG.integers(-9, 10, functional.avg_pool(x, **words).shape)
    dx = functional.avg_pool_backward(dy, x, **words)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 6
        change = functional.avg_pool(moved, **words) - functional.avg_pool(x, **words)
        assert np.vdot(dy, change) == 6 * dx[index]


def test_an_index_counts_cells_of_the_unpadded_plane():
    """3x3 windows with pad 1 over 2x2 equal cells: the first cell wins all four."""
    _, index = functional.max_pool2d(np.ones((1, 2, 2, 1)), 3, 1, 1, return_indices=True)
    np.testing.assert_array_equal(index.ravel(), [0, 0, 0, 0])


def test_a_window_of_minus_infinity_points_at_its_first_cell_inside():
    """Not at the padding, which is minus infinity too."""
    x = np.full((1, 3, 3, 1), -np.inf)
    _, index = functional.max_pool2d(x, 3, 1, 1, return_indices=True)
    np.testing.assert_array_equal(index.ravel(), [0, 0, 1, 0, 0, 1, 3, 3, 4])


def test_the_last_nan_wins():
    """And takes the gradient."""
    x = np.array([np.nan, 5, np.nan, 7]).reshape(1, 2, 2, 1)
    y, index = functional.max_pool2d(x, 2, return_indices=True)
    assert np.isnan(y).all()
    assert index.item() == 2
    dx = functional.max_pool2d_backward(np.full((1, 1, 1, 1), 3.0), x, 2)
    np.testing.assert_array_equal(dx.ravel(), [0, 0, 3, 0])


def test_zeros_tie_whatever_their_sign():
    """The first one is returned, with its sign."""
    for first in (0.0, -0.0):
        y = functional.max_pool1d(np.array([first, -first]).reshape(1, 2, 1), 2)
        assert np.signbit(y.item()) == np.signbit(first)


def test_an_average_of_nothing_is_plus_zero():
    """A sum of 0 over a negative divisor, and a quotient that underflows: as torch has it."""
    for x, words in (
        (np.zeros((1, 1, 1)), {"divisor_override": -3}),
        (np.array([-5e-324, 0]).reshape(1, 2, 1), {}),
    ):
        y = functional.avg_pool1d(x, x.size, **words)
        assert y.item() == 0
        assert not np.signbit(y.item())


def test_a_gradient_that_is_not_finite_stays_in_its_cell():
    """An unchosen tap adds 0, not 0 * inf."""
    x = np.array([1.0, 2.0, 0.0]).reshape(1, 3, 1)
    dx = functional.max_pool1d_backward(np.array([np.inf, np.nan]).reshape(1, 2, 1), x, 2, 1)
    np.testing.assert_array_equal(dx.ravel(), [0, np.nan, 0])


@pytest.mark.parametrize("work", [1, 300, 1500, 10**9])
@pytest.mark.parametrize("words", [{"stride": (1, 2), "padding": 1}, {"ceil_mode": True}])
def test_cuts_change_no_bit(monkeypatch, work, words):
    """Of reals and of zeros of both signs: windows one by one, a few, or all at once."""
    x = RNG.standard_normal((3, 7, 8, 3)) * RNG.integers(0, 2, (3, 7, 8, 3))

    def everything():
        y, index = functional.max_pool(x, (3, 2), return_indices=True, **words)
        average, dy = functional.avg_pool(x, (3, 2), **words), np.cos(np.arange(y.size))
        dy = dy.reshape(y.shape)
        top = functional.max_pool_backward(dy, x, (3, 2), **words)
        return [y, index, top, average, functional.avg_pool_backward(dy, x, (3, 2), **words)]

    want = everything()
    monkeypatch.setattr(pool, "WORK", work)
    assert [a.tobytes() for a in everything()] == [a.tobytes() for a in want]


@pytest.mark.parametrize("shape", [(1, 7, 9, 2), (3, 90, 1, 5), (2, 300, 3), (2, 13, 11, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", "CF")
def test_a_window_of_the_whole_plane_adds_in_row_order(shape, dtype, order):
    """As one number after the other, to the last bit; and its gradient is everywhere alike."""
    x = np.asarray(RNG.standard_normal(shape), dtype, order)
    want = np.zeros((shape[0], shape[-1]), dtype)
    for at in np.ndindex(shape[1:-1]):
        want += x[:, *at]
    want /= dtype(np.prod(shape[1:-1]))
    y = functional.avg_pool(x, shape[1:-1])
    assert y.tobytes() == want.tobytes()
    dx = functional.avg_pool_backward(y, x, shape[1:-1])
    assert (dx == y / dtype(np.prod(shape[1:-1]))).all()


def test_windows_of_more_taps_than_a_byte_counts():
    """300 cells: the first of the largest, and the last of the NaNs."""
    x = np.zeros((1, 300, 1))
    x[0, [257, 258, 299], 0] = 5
    _, index = functional.max_pool1d(x, 300, return_indices=True)
    assert index.item() == 257
    x[0, [3, 256], 0] = np.nan
    _, index = functional.max_pool1d(x, 300, return_indices=True)
    assert index.item() == 256


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
def test_max_pooling_keeps_integers(dtype):
    """Of the whole range, the least included, padded or not."""
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = np.array([[least, least, most], [least, least, 1]], dtype).reshape(1, 2, 3, 1)
    y, index = functional.max_pool2d(x, 2, 1, 1, return_indices=True)
    assert (y.dtype, index.dtype) == (dtype, np.int64)
    np.testing.assert_array_equal(y[0, 1, :, 0], [least, least, most, most])
    np.testing.assert_array_equal(index[0, :, :, 0], [[0, 0, 2, 2], [0, 0, 2, 2], [3, 3, 5, 5]])
    dx = functional.max_pool2d_backward(np.ones(y.shape, np.int32), x, 2, 1, 1)
    assert (dx.dtype, dx.sum()) == (np.int32, 12)


@pytest.mark.parametrize("kernel", [2, (5, 4)])
def test_a_gradient_of_minus_zero_is_added_to_zero(kernel):
    """So that dx is +0 everywhere, as torch has it; of windows that overlap, and of the whole."""
    x = RNG.standard_normal((2, 5, 4, 3))
    y = functional.max_pool(x, kernel, stride=1)
    for backward in (functional.max_pool_backward, functional.avg_pool_backward):
        dx = backward(np.full(y.shape, -0.0), x, kernel, stride=1)
        assert dx.tobytes() == np.zeros(x.shape).tobytes()
