"""npcnn's two faces: arguments, dtypes, refusals; its numbers and memory are in test_facts."""

import doctest
import inspect
import operator
from types import MappingProxyType

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import Namespace, cast

import npcnn
from npcnn import ShapeError, functional, passes

RNG = np.random.default_rng(3)
OPERATIONS = ["conv", "max_pool", "avg_pool", "conv_transpose", "adaptive_max_pool"]
OPERATIONS += ["adaptive_avg_pool", "max_unpool", "lp_pool"]


class Stubborn:
    """What is no array, as a tensor that requires a gradient is none."""

    def __array__(self, *_args, **_kwargs):
        raise RuntimeError("detach me first")


NAMES = Namespace(
    *("import numpy as np", "import npcnn", "from npcnn import functional"),
    Stubborn=Stubborn,
    x=np.cos(np.arange(48.0)).reshape(1, 4, 6, 2),
    w=np.ones((2, 3, 2, 2)),
    v=np.ones((2, 3, 4, 2)),
    c=np.ones(2),
    line=np.ones((1, 2, 1)),
)


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


def assert_equal(ones, others):
    """Arrays one by one, with their dtypes."""
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True), like=NAMES.eval(defer=True)))
def test_alike(call, like):
    """A size is an int, or one for each axis; NumPy's numbers and bools are numbers and bools."""
    np.testing.assert_array_equal(call(), like(), strict=True)


def test_infinite_weights_meet_what_windows_hold_and_no_padding():
    """In the gradient by x of a depthwise convolution: as channel by channel."""
    x, w, dy = integers(2, 4, 5, 2), integers(3, 2, 1, 2), integers(2, 4, 4, 2)
    w[0, 1] = np.inf
    channels = zip(*(np.split(a, 2, axis=-1) for a in (dy, x, w)))
    with np.errstate(invalid="ignore"):  # a zero in dy times an infinite weight
        alone = [functional.conv_backward(*arrays, padding=[1, 0])[0] for arrays in channels]
        dx, _, _ = functional.conv_backward(dy, x, w, padding=[1, 0], groups=2)
    assert_equal([dx], [np.concatenate(alone, axis=-1)])


@parametrize_from_file(schema=cast(value=NAMES.eval))
def test_pads(value, expected):
    """Sizes, or (before, after) for each axis; what is padded is always a copy."""
    X = integers(2, *(2, 3, 4)[: len(expected)], 1)
    padded = npcnn.zero_pad(X, value)
    assert_equal([padded], [np.pad(X, [(0, 0), *expected, (0, 0)])])
    assert_equal([functional.conv(X, np.ones([1] * X.ndim), padding=value)], [padded])
    assert not np.shares_memory(padded, X)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True)))
def test_refusals(call, error, message):
    """To the letter: the rule, and every number."""
    with pytest.raises((ShapeError, TypeError)) as raised:
        call()
    assert (raised.typename, str(raised.value)) == (error, message)


@parametrize_from_file
def test_result_types(types, conv, maximum, average):
    """NumPy's of all that enters, float64 of integers; a maximum's gradient may be of integers."""
    one, other = (RNG.integers(0, 4, (1, 2, 2, 2)).astype(t) for t in types)

    def every(one, other):
        yield functional.conv(one, other)
        yield functional.conv(one, one, other[0, 0, 0])
        yield from functional.conv_backward(one[:, :, :1], one, other)
        yield functional.max_pool_backward(one, other, 1)
        yield functional.avg_pool_backward(one, other, 1)

    results = list(every(one, other))
    assert [a.dtype for a in results] == [conv] * 5 + [maximum, average]
    for a, exact in zip(results, every(one.astype(float), other.astype(float)), strict=True):
        np.testing.assert_array_equal(a, exact)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", ">f4"])
def test_results_keep_the_dtype_of_floats(dtype):
    """In native order; integers become float64, but a pool of maxima keeps them too."""
    a = np.ones((1, 2, 3, 2), dtype)
    native = a.dtype.newbyteorder("=")
    kept = native if native.kind == "f" else np.dtype(float)
    y, index = functional.max_pool(a, 2, return_indices=True)
    assert (y.dtype, index.dtype) == (native, np.int64)
    pads = npcnn.zero_pad(a, 1), npcnn.zero_pad(a, 0), functional.avg_pool(a, 1)
    steps = npcnn.conv_single_step(a, a, a[0, 0, 0, :1]), npcnn.distribute_value(a[0, 0, 0, 0], 3)
    assert {a.dtype for a in (*pads, *steps)} == {kept}
    assert all(a.dtype.isnative for a in (y, *pads, *steps))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("backward", ["", "_backward"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_name_with_a_dimension_insists_on_it(operation, backward, rank):
    """By position and by name; its words are those of the general one."""
    general = getattr(functional, f"{operation}{backward}")
    insisting = getattr(functional, f"{operation}{rank}d{backward}")
    assert insisting.__name__ == insisting.__qualname__ == f"{operation}{rank}d{backward}"
    assert inspect.signature(insisting) == inspect.signature(general)
    leading, *rest = inspect.signature(general).parameters
    wrong = np.ones((1,) * (rank + 3))
    for args, kwargs in (((wrong, wrong, wrong), {}), ((), {leading: wrong} | dict.fromkeys(rest))):
        with pytest.raises(ShapeError, match=f"{leading} must have {rank + 2} axes "):
            insisting(*args, **kwargs)


@parametrize_from_file
def test_conv_passes(hparameters, words):
    """Functional's under the course's words; the cache holds the very objects."""
    hparameters = MappingProxyType(hparameters)
    A_prev, W = integers(2, 7, 9, 4), integers(2, 3, 4 // words.get("groups", 1), 6)
    for b in integers(1, 1, 1, 6), integers(6), None:
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        assert all(map(operator.is_, cache, (A_prev, W, b, hparameters)))
        bias = None if b is None else b.ravel()
        assert_equal([Z], [functional.conv(A_prev, W, bias, **words)])
        dA_prev, dW, db = npcnn.conv_backward(Z, cache)
        *right, flat = functional.conv_backward(Z, A_prev, W, **words)
        assert_equal([dA_prev, dW], right)
        if b is None:
            assert db is None
        else:
            assert_equal([db], [flat.reshape(b.shape)])


@parametrize_from_file
def test_pool_passes(mode, hparameters, words):
    """Functional's; the mode is "max" unless another is named."""
    hparameters = MappingProxyType(hparameters)
    A_prev, name = integers(2, 7, 9, 4), "avg_pool" if mode else "max_pool"
    A, cache = npcnn.pool_forward(A_prev, hparameters, *mode)
    assert all(map(operator.is_, cache, (A_prev, hparameters)))
    assert_equal([A], [getattr(functional, name)(A_prev, **words)])
    backward = getattr(functional, f"{name}_backward")
    assert_equal([npcnn.pool_backward(A, cache, *mode)], [backward(A, A_prev, **words)])


def test_the_examples_are_so():
    """Each pass shows one, and says where it stands in plain loops."""
    assert doctest.testmod(passes) == doctest.TestResults(failed=0, attempted=15)
    eight = [getattr(npcnn, name) for name in npcnn.__all__ if name.islower() and "_" in name]
    assert len(eight) == 8
    assert all("npcnn.textbook" in one.__doc__ for one in eight)


def test_a_window_of_a_million_cells():
    """Its largest cell, the last of its NaNs, and its shares, without a step for each."""
    x = np.arange(10.0**6).reshape(1000, 1000)
    x[3, 4] = 2e6
    assert np.argwhere(npcnn.create_mask_from_window(x)).tolist() == [[3, 4]]
    x[5, 6] = x[7, 8] = np.nan
    assert np.argwhere(npcnn.create_mask_from_window(x)).tolist() == [[7, 8]]
    assert (npcnn.distribute_value(1.0, (1000, 1000)) == 1e-6).all()
