"""What stands in the arrays: exact where it must be, telling, and the same for everybody."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import parametrize_from_file
import pytest

from verification.questions import LIMIT, CaseError, arrays, divisors, parse, shapes
from verification.truth import oracle

DEEP = "conv x=[2,5,6,64] w=[3,2,64,8] stride=[1,2] pad=1"
DTYPES = ("float32", "float64")


def fill(line, seed=0, dtype="float64"):
    """The arrays of a line."""
    return arrays(parse(line)[0], seed, dtype)


@parametrize_from_file
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_sum_is_exact(line, dtype):
    """The certificate: sums of magnitudes stay within 2^24 or 2^53; and every answer is whole."""
    case = parse(line)[0]
    sums = replace(case, divisor_override=1) if case.op == "avg_pool" else case
    for seed in range(5):
        given = fill(line, seed, dtype)
        size = {name: np.abs(a).astype(float) for name, a in given.items()}
        assert max(a.max(initial=0) for a in oracle.answers(sums, size).values()) <= LIMIT[dtype]
        for a in (*given.values(), *oracle.answers(case, given).values()):
            assert (a == np.rint(a)).all()


@parametrize_from_file
def test_none_are_exact(line, dtype):
    """Said, not passed over."""
    with pytest.raises(CaseError, match=r"(integers|digits|units) are not exact for \w+ x="):
        fill(line, 0, dtype)


@parametrize_from_file
def test_divisors(line, expected):
    """Of every window; an overhang never counts, pads where they are included."""
    np.testing.assert_array_equal(divisors(parse(line)[0]), expected)


@parametrize_from_file
def test_arrays_are_the_same_on_every_machine(line, seed, dtype, digest):
    """The last bit included."""
    x = fill(line, seed, dtype)["x"]
    numbers = x.astype(x.dtype.newbyteorder("<")).tobytes()
    assert hashlib.sha256(numbers).hexdigest().startswith(digest)


@pytest.mark.parametrize(("dtype", "least"), [("float32", 85), ("float64", 2**13)])
def test_integers_are_as_large_as_the_certificate_allows(dtype, least):
    """At 4608 products a sum, and of both signs."""
    x = fill("conv x=[2,4,3,512] w=[3,3,512,4] pad=1 fill=integers", 0, dtype)["x"]
    assert x.max() > 0.9 * -x.min() > 0.8 * least


@pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
def test_arrays_are_of_the_question_the_seed_and_the_dtype(dtype):
    """Of their shapes and of the question's own dtype; others where anything else is asked."""
    line = f"{DEEP} fill=integers"
    (case,) = parse(line)
    given, other = arrays(case, 0, dtype), {"float64": "float32"}.get(dtype, "float64")
    assert {name: a.shape for name, a in given.items()} == shapes(case)
    assert {a.dtype.name for a in given.values()} == {dtype}
    own = fill(f"{line} dtype={dtype}", 0, other)
    for name, a in given.items():
        np.testing.assert_array_equal(a, arrays(replace(case, name="b", why="c"), 0, dtype)[name])
        assert (a != arrays(case, 1, dtype)[name]).any()
        assert (a != arrays(case, 0, other)[name]).any()
        assert own[name].dtype == dtype
    assert (given["x"] != fill(line.replace("[1,2]", "[2,2]"), 0, dtype)["x"]).any()
    first, *others = fill(f"{line} layout=broadcast", 0, dtype)["x"]  # one image, again and again
    assert all((image == first).all() for image in others)


def test_sparse_numbers_have_full_significands_and_few_live_products():
    """Some 16 a sum, between 2^-6 and 2^6, of both signs."""
    given = fill(f"{DEEP} fill=sparse")
    live = oracle.answers(
        *parse(f"{DEEP} fill=sparse"), {n: abs(np.sign(a)) for n, a in given.items()}
    )
    assert 8 < np.median(live["y"] - 1) < 32
    w = given["w"][given["w"] != 0]
    assert 2**-6 <= np.abs(w).min() < 2**-3 < 2**3 < np.abs(w).max() < 2**6
    assert (w.astype(np.float32) != w).mean() > 0.9
    assert 0.4 < (w < 0).mean() < 0.6
    assert (fill("conv x=[1,4,4,2] w=[2,2,2,2] fill=sparse")["w"] != 0).all()


def test_wide_numbers_are_beyond_half_precision_and_their_sums_are_not_beyond_single():
    """x 2^24 times smaller than sparse ones, w and dy as much larger; the bias stays."""
    given = fill(f"{DEEP} fill=wide", 0, "float32")
    ends = {"x": (-30, -18), "w": (18, 30), "dy": (18, 30), "b": (-6, 6)}
    for name, (least, most) in ends.items():
        a = given[name][given[name] != 0]
        assert 2.0**least <= np.abs(a).min() < np.abs(a).max() < 2.0**most
        with np.errstate(over="ignore"):
            kept = np.isclose(a.astype(np.float16).astype(np.float32), a, rtol=1e-3, atol=0)
        assert kept.mean() < 0.2 or name == "b"
    for a in oracle.answers(*parse(f"{DEEP} fill=wide"), given).values():
        assert np.isfinite(a).all()
        assert np.abs(a[a != 0]).min() > np.finfo(np.float32).tiny


def test_what_a_fill_says_of_x():
    """Ties have nothing above a padding of zeros; a permutation no two alike; a special all."""
    ties, permutation, special = (
        fill(f"max_pool x=[3,5,6,2] kernel=2 fill={name}")["x"]
        for name in ("ties", "permutation", "special")
    )
    assert set(ties.flat) == {-2, -1, 0}
    assert sorted(-permutation.ravel()) == list(range(1, 181))
    assert np.isnan(special).any()
    assert {math.inf, -math.inf} <= set(special.flat)
    assert set(np.signbit(special[special == 0])) == {True, False}
    assert 0.5 < np.isfinite(special).mean() < 0.95


@pytest.mark.parametrize("name", ["ties", "permutation", "dense", "special"])
def test_an_upstream_gradient_hides_no_cell(name):
    """No zeros, both signs; beside special numbers some that are not finite, and no -inf."""
    dy = fill(f"max_pool x=[2,9,9,2] kernel=2 fill={name}")["dy"]
    finite = dy[np.isfinite(dy)]
    assert (finite != 0).all()
    assert (finite < 0).any()
    assert (finite > 0).any()
    assert (0.5 < np.isfinite(dy).mean() < 1) == (name == "special")
