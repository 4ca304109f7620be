"""The loops of the textbook give the very numbers of the fast passes."""

import numpy as np
import parametrize_from_file

from npcnn import passes, textbook

RNG = np.random.default_rng(5)
BOTH = (textbook, passes)


def draw(shape, dtype, nan=False):
    """Read-only integers whose products int8 cannot hold; where asked, NaN for the largest."""
    array = np.array(40 * RNG.integers(-3, 4, shape), dtype)
    array[array == 120] = np.nan if nan else 120
    array.setflags(write=False)
    return array


def check(loops, fast, *given):
    """The same numbers in the same dtype, float64 for integers, and in memory of their own."""
    for ours, theirs in zip(loops, fast, strict=True):
        np.testing.assert_array_equal(ours, theirs / 1, strict=True)
        assert not any(np.shares_memory(ours, array) for array in given)


@parametrize_from_file
def test_helpers(function, shapes, more, dtype):
    """One array, or one number."""
    given = [draw(shape, dtype) for shape in shapes]
    check(*([getattr(module, function)(*given, *more)] for module in BOTH), *given)


@parametrize_from_file
def test_convolutions(A_prev, W, stride, pad, dtype):
    """Z and all gradients."""
    layer = [draw(shape, dtype) for shape in (A_prev, W, (1, 1, 1, W[-1]))]
    words = {"stride": stride, "pad": pad}
    (Z, cache), (fast, _) = (module.conv_forward(*layer, words) for module in BOTH)
    check([Z], [fast], *layer)
    dZ = draw(Z.shape, dtype)
    check(*(module.conv_backward(dZ, cache) for module in BOTH), dZ, *layer)


@parametrize_from_file
def test_pools(A_prev, f, stride, nan, dtype):
    """A and its gradient, in both modes."""
    A_prev, words = draw(A_prev, dtype, nan), {"f": f, "stride": stride}
    for mode in ("max", "average"):
        (A, cache), (fast, _) = (module.pool_forward(A_prev, words, mode) for module in BOTH)
        check([A], [fast], A_prev)
        dA = draw(A.shape, dtype)
        check(*([module.pool_backward(dA, cache, mode)] for module in BOTH), dA, A_prev)


@parametrize_from_file
def test_create_mask_from_window(x, at):
    """One True: at the first maximum in row order, or at the last NaN."""
    for module in BOTH:
        assert np.argwhere(module.create_mask_from_window(np.array(x))).tolist() == [list(at)]
