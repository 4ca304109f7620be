"""A convolution of every channel by itself is what groups of one channel are."""

import numpy as np
import pytest

from npcnn import functional

RNG = np.random.default_rng(6)
SETTINGS = [
    ((3, 6, 5, 4), (3, 2), 1, {"stride": (2, 1), "padding": ((1, 0), (0, 2))}),
    ((2, 7, 6, 3), (2, 3), 2, {"dilation": (2, 1), "padding": 3, "stride": (1, 3)}),
    ((2, 11, 5), (4,), 3, {"stride": 2, "padding": 1}),
    ((2, 3, 4, 5, 2), (2, 1, 3), 2, {"padding": (1, 0, 2)}),
    ((3, 9, 2), (4,), 2, {"dilation": 2, "padding": 1}),
    ((2, 4, 5, 3), (2, 3), 1, {"dilation": (1, 2), "stride": (3, 1)}),
]


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


@pytest.mark.parametrize(("x_shape", "kernel", "many", "words"), SETTINGS)
@pytest.mark.parametrize("order", "CF")
def test_every_channel_by_itself(x_shape, kernel, many, words, order):
    """One channel after the other, as a convolution of its own: passes and gradients."""
    channels = x_shape[-1]
    x, w = integers(*x_shape).copy(order), integers(*kernel, 1, channels * many).copy(order)
    b = integers(channels * many)
    y = functional.conv(x, w, b, groups=channels, **words)
    dy = integers(*y.shape).copy(order)
    dx, dw, db = functional.conv_backward(dy, x, w, groups=channels, **words)
    for c in range(channels):
        one, own = slice(c, c + 1), slice(c * many, (c + 1) * many)
        alone = functional.conv(x[..., one], w[..., own], b[own], **words)
        np.testing.assert_array_equal(y[..., own], alone)
        gradients = functional.conv_backward(dy[..., own], x[..., one], w[..., own], **words)
        for whole, part in zip((dx[..., one], dw[..., own], db[own]), gradients, strict=True):
            np.testing.assert_array_equal(whole, part)
