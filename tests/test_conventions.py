"""Forms that the field leaves open: taken, and named."""

import numpy as np
import pytest

from verification import conventions

ONES, THREE = np.ones((1, 1, 1, 3)), np.arange(3.0)
MASK = np.array([[False, True], [False, False]])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1, 3)])
def test_db_in_another_shape(shape):
    """Of as many filters."""
    got, name = conventions.settled("conv_backward", "db", THREE.reshape(shape), ONES, "float64")
    assert (got.shape, name) == ((1, 1, 1, 3), "db-shape")
    assert np.array_equal(got.ravel(), THREE)


def test_a_single_step_in_an_array():
    """Of one element."""
    got, name = conventions.settled(
        "conv_single_step", "y", np.full((1, 1, 1), 7.0), np.asarray(7.0), "float64"
    )
    assert (got.shape, float(got), name) == ((), 7.0, "single-step-shape")


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint8"])
def test_a_mask_of_numbers(dtype):
    """Zeros and ones; nothing else."""
    asked = "create_mask_from_window", "y"
    got, name = conventions.settled(*asked, MASK.astype(dtype), MASK, "float64")
    assert (got.dtype, name) == (bool, "mask-float")
    assert np.array_equal(got, MASK)
    other = MASK.astype(dtype) * 2
    assert conventions.settled(*asked, other, MASK, "float64")[1] == ""


def test_a_wider_result():
    """float64 where float32 came in; not the other way round."""
    wide, narrow = np.ones((2, 3)), np.ones((2, 3), np.float32)
    got, name = conventions.settled("conv_forward", "y", wide, wide, "float32")
    assert (got.dtype, name) == (np.float32, "wider-result")
    assert conventions.settled("conv_forward", "y", narrow, wide, "float64")[1] == ""


@pytest.mark.parametrize(
    ("op", "name", "shape"),
    [
        ("conv_backward", "dw", (3, 1)),
        ("conv_backward", "db", (4,)),
        ("conv_forward", "y", (3, 1, 1, 1)),
        ("pool_forward", "y", (1, 3)),
    ],
)
def test_other_shapes_are_no_convention(op, name, shape):
    """They stay as they are."""
    given = np.zeros(shape)
    got, found = conventions.settled(op, name, given, ONES, "float64")
    assert got is given
    assert found == ""
