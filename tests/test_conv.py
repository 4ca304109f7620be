"""The rules of convolution that need no oracle."""

import numpy as np
import pytest

import npcnn
from npcnn import conv, depthwise, functional

RNG = np.random.default_rng(1)
SETTINGS = [
    ((2, 5, 6, 4), (3, 2, 2, 6), {"stride": (2, 1), "padding": ((1, 0), (0, 2)), "groups": 2}),
    ((3, 4, 3, 2), (2, 3, 2, 3), {"padding": "same"}),
    ((2, 9, 3), (3, 1, 6), {"stride": 2, "dilation": 2, "padding": 1, "groups": 3}),
    ((1, 3, 4, 5, 2), (2, 1, 3, 2, 2), {"stride": (1, 3, 2), "padding": (0, 1, 1)}),
    ((2, 7, 8, 3), (2, 1, 3, 2), {"stride": (3, 4)}),
    ((3, 6, 5, 3), (2, 3, 1, 6), {"stride": (1, 2), "padding": (2, 1), "groups": 3}),
    ((2, 4, 3, 16), (2, 1, 8, 6), {"groups": 2}),
    ((2, 6, 5, 10), (3, 2, 5, 4), {"stride": (1, 2), "padding": (1, 0), "groups": 2}),
    ((2, 7, 4), (3, 1, 4), {"dilation": 2, "padding": 1, "groups": 4}),
    ((2, 5, 6, 9), (2, 3, 9, 2), {"padding": ((0, 3), (2, 0)), "dilation": (1, 2)}),
]


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


def drawn(x_shape, w_shape, words):
    x, w, b = integers(*x_shape), integers(*w_shape), integers(w_shape[-1])
    return x, w, b, integers(*functional.conv(x, w, b, **words).shape)


@pytest.mark.parametrize(("x_shape", "w_shape", "words"), SETTINGS)
def test_gradients_are_adjoint(x_shape, w_shape, words):
    """<dy, conv(x, w)> = <x, dx> = <w, dw>, and <dy, b> = <b, db>."""
    x, w, b, dy = drawn(x_shape, w_shape, words)
    dx, dw, db = functional.conv_backward(dy, x, w, **words)
    product = np.vdot(dy, functional.conv(x, w, **words))
    assert product == np.vdot(x, dx) == np.vdot(w, dw) != 0
    assert (dy * b).sum() == np.vdot(b, db)


@pytest.mark.parametrize(("x_shape", "w_shape", "words"), SETTINGS)
def test_finite_differences_with_step_1_are_exact(x_shape, w_shape, words):
    """A bilinear pass of integers has no truncation error: every partial derivative, by ==."""
    x, w, b, dy = drawn(x_shape, w_shape, words)
    gradients = functional.conv_backward(dy, x, w, **words)
    loss = np.vdot(dy, functional.conv(x, w, b, **words))
    for place, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            moved = [x.copy(), w.copy(), b.copy()]
            moved[place][index] += 1
            assert np.vdot(dy, functional.conv(*moved, **words)) - loss == gradient[index]


@pytest.mark.parametrize("work", [1, 500, 2000, 10**9])
@pytest.mark.parametrize(("x_shape", "w_shape", "words"), SETTINGS)
def test_cuts_change_nothing(monkeypatch, work, x_shape, w_shape, words):
    """One window at a time, a few, or all at once: the same integers."""
    x, w, b, dy = drawn(x_shape, w_shape, words)
    want = functional.conv(x, w, b, **words), *functional.conv_backward(dy, x, w, **words)
    monkeypatch.setattr(conv, "WORK", work)
    monkeypatch.setattr(depthwise, "WORK", work)
    got = functional.conv(x, w, b, **words), *functional.conv_backward(dy, x, w, **words)
    for a, b in zip(want, got, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("channels", [1, conv.THIN - 1, conv.THIN])
def test_thin_inputs_are_cut_otherwise(channels):
    """Whichever way the products are laid out, by the definition."""
    x, w, b, dy = drawn((2, 5, 4, channels), (2, 3, channels, 3), {"stride": (2, 1)})
    y, want = functional.conv(x, w, b, stride=(2, 1)), np.zeros((2, 2, 2, 3)) + b
    for n, p, q, k in np.ndindex(want.shape):
        want[n, p, q, k] += (x[n, 2 * p : 2 * p + 2, q : q + 3] * w[..., k]).sum()
    np.testing.assert_array_equal(y, want)
    dx, dw, _ = functional.conv_backward(dy, x, w, stride=(2, 1))
    assert np.vdot(dy, y - b) == np.vdot(x, dx) == np.vdot(w, dw)


@pytest.mark.parametrize("groups", [1, 3])
def test_arguments_may_be_read_only_and_in_any_order(groups):
    """Fortran order, and views with steps; nothing is written to them."""
    x, w, b, dy = drawn((2, 6, 5, 3), (3, 2, 3 // groups, 6), {"padding": 0, "groups": groups})
    want = functional.conv(x, w, b, groups=groups)
    gradients = functional.conv_backward(dy, x, w, groups=groups)
    for arrange in (np.asfortranarray, lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1][::-1]):
        others = [arrange(a) for a in (x, w, b, dy)]
        for a in others:
            a.flags.writeable = False
        np.testing.assert_array_equal(functional.conv(*others[:3], groups=groups), want)
        found = functional.conv_backward(others[3], *others[:2], groups=groups)
        for a, c in zip(found, gradients, strict=True):
            np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("pad", [0, 2])
def test_a_single_step_over_every_window_is_conv_forward(pad):
    """The window-level helpers, looped, give what the fast pass gives."""
    A_prev, W, b = integers(2, 5, 7, 3), integers(3, 2, 3, 4), integers(1, 1, 1, 4)
    Z, _ = npcnn.conv_forward(A_prev, W, b, {"stride": (2, 1), "pad": pad})
    padded = npcnn.zero_pad(A_prev, pad)
    for i, h, v, c in np.ndindex(Z.shape):
        a_slice = padded[i, 2 * h : 2 * h + 3, v : v + 2]
        assert npcnn.conv_single_step(a_slice, W[..., c], b[..., c]) == Z[i, h, v, c]


def test_input_grad_of_unread_cells_is_plus_zero():
    """Gaps and tails of a stride beyond the kernel."""
    dx, _, _ = functional.conv2d_backward(
        -np.ones((1, 2, 2, 1)), np.ones((1, 6, 8, 1)), np.ones((2, 3, 1, 1)), stride=(3, 4)
    )
    unread = dx == 0
    assert unread.sum() == 6 * 8 - (2 * 2) * (2 * 3)
    assert not np.signbit(dx[unread]).any()
