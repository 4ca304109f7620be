import numpy as np
import pytest

from npcnn import ShapeError, arguments


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3), (3,), [3], np.array([3]), (3, 3)])
def test_a_size_is_an_int_or_one_for_each_axis(value):
    """NumPy's integers too; one entry serves every axis."""
    assert arguments.sizes("stride", value, 2) == (3, 3)


@pytest.mark.parametrize("value", [None, 2.0, True, np.bool_(True), "2", {3}, [2, 1.0], (True, 1)])
def test_what_is_no_int_is_no_size(value):
    """A TypeError that names the argument and shows the value."""
    with pytest.raises(TypeError, match="stride must be an int, got stride="):
        arguments.sizes("stride", value, 2)


@pytest.mark.parametrize(
    "value", [2**31, -(2**31) - 1, 10**5000], ids=["above", "below", "endless"]
)
def test_a_size_beyond_32_bits(value):
    """Told by its length: Python would not even print the largest."""
    with pytest.raises(ShapeError, match=r"^stride must be an int of 32 bits, got one of \d+$"):
        arguments.sizes("stride", value, 2)
    assert arguments.count("stride", 2**31 - 1) == 2**31 - 1


@pytest.mark.parametrize("value", [np.array(2.0), np.array([[1, 2], [3, 4]])])
def test_an_array_of_anything_else_is_no_size(value):
    """Floats, or several ints where one is due."""
    with pytest.raises(TypeError, match="stride must be an int"):
        arguments.sizes("stride", value, 2)


@pytest.mark.parametrize("value", [(), (1, 2, 3)])
def test_a_size_for_another_number_of_axes(value):
    """To the letter."""
    with pytest.raises(ShapeError) as caught:
        arguments.sizes("stride", value, 2)
    assert str(caught.value) == (
        f"stride must be an int or one int for each spatial axis, got stride={value!r} for axes=2"
    )


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (1, ((1, 1), (1, 1))),
        ((1, 2), ((1, 1), (2, 2))),
        ([2], ((2, 2), (2, 2))),
        (((1, 2), (0, 3)), ((1, 2), (0, 3))),
        (np.array([[1, 2], [0, 3]]), ((1, 2), (0, 3))),
    ],
)
def test_a_pad_is_a_size_or_a_pair_for_each_axis(value, pairs):
    """Two ints in 2-D are one for each axis, never before and after."""
    assert arguments.pads("pad", value, 2) == pairs


@pytest.mark.parametrize("value", [((1, 2),), ((1, 2), 3), ((1,), (2,)), ((1, 2), (3, 4), (5, 6))])
def test_pairs_that_do_not_fit(value):
    """One pair for each axis, two ints a pair."""
    with pytest.raises(ShapeError, match=r"one \(before, after\) pair for each spatial axis"):
        arguments.pads("pad", value, 2)


def test_a_pad_for_the_one_axis_is_a_pair_in_a_sequence():
    """((1, 2),), since (1, 2) is a size for each of two axes."""
    assert arguments.pads("pad", ((1, 2),), 1) == ((1, 2),)
    with pytest.raises(ShapeError, match="for axes=1"):
        arguments.pads("pad", (1, 2), 1)


@pytest.mark.parametrize("word", ["same", "valid", "full"])
def test_words_are_for_convolutions(word):
    """Where a size is asked for, a word is told where it belongs."""
    with pytest.raises(ShapeError, match=f"in convolutions .* got pad='{word}'"):
        arguments.pads("pad", word, 2)


@pytest.mark.parametrize(
    "dtype", ["bool", "complex64", "U3", "S3", "object", "M8[s]", "longdouble"]
)
def test_what_is_no_number_is_no_array(dtype):
    """A TypeError with the dtype."""
    with pytest.raises(TypeError, match="x must hold integers, float16, float32 or float64, got"):
        arguments.array("x", np.zeros(3, dtype))


@pytest.mark.parametrize("value", [None, "three", [[1], [2, 3]], {"a": 1}, object()])
def test_what_numpy_cannot_read_is_no_array(value):
    """Ragged lists, texts, objects."""
    with pytest.raises(TypeError, match=r"^x must "):
        arguments.array("x", value)


def test_an_array_that_refuses_to_be_one():
    """Whatever its __array__ raises, as a tensor that requires a gradient does."""

    class Stubborn:
        def __array__(self, *_args, **_kwargs):
            raise RuntimeError("detach me first")

    with pytest.raises(TypeError, match="x must be a numeric array: detach me first"):
        arguments.array("x", Stubborn())


def test_foreign_byte_order_becomes_native():
    """The same numbers."""
    a = arguments.array("x", np.arange(3, dtype=">f4"))
    assert a.dtype == np.dtype("=f4")
    assert a.dtype.isnative
    np.testing.assert_array_equal(a, [0, 1, 2])


@pytest.mark.parametrize(
    ("dtypes", "result", "working"),
    [
        (["float16"], "float16", "float32"),
        (["float16", "float16"], "float16", "float32"),
        (["float16", "int8"], "float16", "float32"),
        (["float32", "float16"], "float32", "float32"),
        (["float32", "float64"], "float64", "float64"),
        (["float32", "int64"], "float64", "float64"),
        (["int8"], "float64", "float64"),
        (["uint8", "int32"], "float64", "float64"),
    ],
)
def test_result_types_are_numpys(dtypes, result, working):
    """Integers alone become float64; float16 is added up in float32."""
    arrays = [np.ones(1, dtype) for dtype in dtypes]
    dtype = arguments.result_dtype(*arrays)
    assert dtype == result
    assert {a.dtype for a in arguments.working(dtype, *arrays)} == {np.dtype(working)}


def test_a_switch_may_be_numpys():
    """Its bool is one too, and comes out as Python's."""
    assert arguments.switch("ceil_mode", np.True_) is True
    assert arguments.switch("ceil_mode", np.False_) is False


@pytest.mark.parametrize("text", ["12", b"\x01\x02"])
def test_text_is_no_sequence_of_sizes(text):
    """Neither of letters nor of bytes, which are ints in disguise."""
    with pytest.raises(TypeError, match=r"stride must be an int, got stride=") as raised:
        arguments.sizes("stride", text, 2)
    assert str(raised.value).endswith(repr(text))


def test_a_pad_may_be_an_array():
    """Which is compared with no word."""
    x, w = np.zeros((1, 4, 5, 2)), np.zeros((3, 2, 2, 1))
    axes, _ = arguments.conv_axes(x, w, 1, np.array([1, 2]), 1, 1)
    assert [(axis.before, axis.after) for axis in axes] == [(1, 1), (2, 2)]
