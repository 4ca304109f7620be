"""The general face: names, dtypes, memory, empty batches."""

import inspect

import numpy as np
import pytest

from npcnn import ShapeError, functional

RNG = np.random.default_rng(3)
OPERATIONS = ["conv", "max_pool", "avg_pool"]


def integers(*shape, dtype=float):
    return RNG.integers(-9, 10, shape).astype(dtype)


def called(x, w, b, dy):
    """Every operation, forward and backward, and what it returns."""
    yield functional.conv(x, w, b, padding=1)
    yield from functional.conv_backward(dy, x, w, padding=1)
    pooling = {"kernel_size": (3, 2), "stride": 1, "padding": 1}
    yield from functional.max_pool(x, **pooling, return_indices=True)
    grown = np.repeat(dy, 2, axis=-1)[..., :2]
    yield functional.max_pool_backward(grown, x, **pooling)
    yield functional.avg_pool(x, **pooling)
    yield functional.avg_pool_backward(grown, x, **pooling)


def given(dtype=float):
    x, w, b = integers(2, 4, 5, 2), integers(3, 2, 2, 3), integers(3)
    dy = integers(2, 4, 6, 3)
    return [a.astype(dtype) for a in (x, w, b, dy)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_keep_their_dtype(dtype):
    """And an index is int64."""
    dtypes = [result.dtype for result in called(*given(dtype))]
    assert dtypes[5] == np.int64
    assert set(dtypes[:5] + dtypes[6:]) == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64"])
def test_integers_become_float64_but_for_max_pooling(dtype):
    """Max pooling and its gradient choose; they compute nothing."""
    dtypes = [result.dtype for result in called(*given(dtype))]
    assert dtypes[4:7] == [dtype, np.int64, dtype]
    assert set(dtypes[:4] + dtypes[7:]) == {np.dtype(np.float64)}


def test_integers_give_the_same_numbers_as_floats():
    """Signed ones, within their range."""
    floats = given()
    for of_ints, of_floats in zip(
        called(*(a.astype(np.int8) for a in floats)), called(*floats), strict=True
    ):
        np.testing.assert_array_equal(of_ints, of_floats)


def test_mixed_dtypes_give_numpys_result_type():
    """A float32 image under float64 weights is float64."""
    x, w, b, dy = given("float32")
    assert functional.conv(x, w, b.astype(float), padding=1).dtype == np.float64
    gradients = functional.conv_backward(dy, x, w.astype(float), padding=1)
    assert {gradient.dtype for gradient in gradients} == {np.dtype(np.float64)}
    assert (
        functional.avg_pool_backward(dy.astype(float)[..., :2], x, (1, 2), 1, (0, 1)).dtype == float
    )


def test_float16_is_summed_in_float32_and_rounded_once():
    """4096 ones: float16 alone stops at 2048."""
    x = np.ones((1, 4096, 1), np.float16)
    assert functional.conv(x, np.ones((4096, 1, 1), np.float16)).item() == 4096
    assert functional.avg_pool(x, 4096).item() == 1
    dx = functional.avg_pool_backward(np.ones((1, 4096, 1)).astype("f2"), x, 1, 1)
    assert (dx.dtype, dx.sum(dtype=float)) == (np.float16, 4096)
    assert functional.conv_backward(x, x, np.ones((1, 1, 1), np.float16))[2].item() == 4096


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "readonly", "swapped"])
def test_memory_changes_nothing(layout):
    """Whatever way through memory: the same results, in memory of their own, inputs untouched."""
    plain = given()
    arrays = [laid_out(a, layout) for a in plain]
    for got, want in zip(called(*arrays), called(*plain), strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype.isnative
        assert got.flags.c_contiguous
        assert not any(np.shares_memory(got, a) for a in arrays)
    for array, kept in zip(arrays, plain, strict=True):
        np.testing.assert_array_equal(array, kept)


def laid_out(a, layout):
    """A copy of `a` with another way through memory."""
    copy = {
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
        "reversed": lambda a: a[::-1].copy()[::-1],
        "swapped": lambda a: a.astype(">f8"),
    }.get(layout, np.copy)(a)
    copy.setflags(write=layout != "readonly")
    return copy


def test_nothing_to_pad_is_no_reason_to_share_memory():
    """One tap, stride 1, pad 0: the result is still the caller's own."""
    x, w = integers(2, 3, 4, 2), np.eye(2).reshape(1, 1, 2, 2)
    results = [functional.conv(x, w), *functional.conv_backward(x, x, w)]
    results += [functional.max_pool(x, 1), functional.max_pool_backward(x, x, 1)]
    results += [functional.avg_pool(x, 1), functional.avg_pool_backward(x, x, 1)]
    assert not any(np.shares_memory(result, a) for result in results for a in (x, w))


def test_lists_are_taken():
    """Anything that np.asarray turns into numbers."""
    y = functional.conv1d([[[1], [2], [3], [4]]], [[[1]], [[10]]])
    np.testing.assert_array_equal(y.ravel(), [21, 32, 43])


@pytest.mark.parametrize("space", [(5,), (4, 5), (3, 4, 5)])
def test_an_empty_batch_has_empty_results_and_zero_gradients(space):
    """In every dimension."""
    x, w, b = np.ones((0, *space, 2)), np.ones((*([2] * len(space)), 2, 3)), np.ones(3)
    y = functional.conv(x, w, b)
    out = tuple(size - 1 for size in space)
    assert y.shape == (0, *out, 3)
    dx, dw, db = functional.conv_backward(y, x, w)
    assert (dx.shape, dw.shape, db.shape) == (x.shape, w.shape, b.shape)
    assert not dw.any()
    assert not db.any()
    for pool, backward in (
        (functional.max_pool, functional.max_pool_backward),
        (functional.avg_pool, functional.avg_pool_backward),
    ):
        assert pool(x, 2, 1).shape == (0, *out, 2)
        assert backward(np.ones((0, *out, 2)), x, 2, 1).shape == x.shape


def test_pools_of_no_channels_are_empty():
    """A convolution of none is refused (cases/invalid.toml)."""
    x = np.ones((2, 3, 4, 0))
    assert functional.max_pool(x, 2).shape == functional.avg_pool(x, 2).shape == (2, 1, 2, 0)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("backward", ["", "_backward"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_name_with_a_dimension_insists_on_it(operation, backward, rank):
    """conv2d takes planes alone, by position and by name; its words are those of conv."""
    general = getattr(functional, f"{operation}{backward}")
    insisting = getattr(functional, f"{operation}{rank}d{backward}")
    assert insisting.__name__ == insisting.__qualname__ == f"{operation}{rank}d{backward}"
    assert inspect.signature(insisting) == inspect.signature(general)
    leading, *rest = inspect.signature(general).parameters
    wrong = np.ones((1,) * (rank + 3))
    for args, kwargs in (((wrong, wrong, wrong), {}), ((), {leading: wrong} | dict.fromkeys(rest))):
        with pytest.raises(ShapeError, match=f"{leading} must have {rank + 2} axes "):
            insisting(*args, **kwargs)


def test_a_forgotten_or_misspelt_array_is_pythons_own_error():
    """Not a message about axes."""
    w = np.ones((1, 1, 1, 1))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        functional.conv2d(w=w)
    with pytest.raises(TypeError, match="unexpected keyword argument 'X'"):
        functional.conv2d(X=w, w=w)


def test_stride_none_is_the_kernel_for_pools_and_wrong_for_convolutions():
    """As in torch."""
    x = integers(1, 4, 6, 1)
    np.testing.assert_array_equal(
        functional.max_pool(x, (2, 3)), functional.max_pool(x, (2, 3), (2, 3))
    )
    with pytest.raises(TypeError, match="stride must be an int, got stride=None"):
        functional.conv(x, np.ones((1, 1, 1, 1)), stride=None)


@pytest.mark.parametrize("types", [("float32", "float64"), ("float64", "float32")])
def test_a_maximums_gradient_has_the_wider_type(types):
    """Of the gradient above and the input, whichever it is."""
    of_dy, of_x = types
    x = np.arange(12, dtype=of_x).reshape(1, 4, 3, 1)
    dx = functional.max_pool2d_backward(np.ones((1, 2, 1, 1), of_dy), x, (2, 3))
    assert dx.dtype == np.float64
