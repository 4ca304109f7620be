"""The narrower type behind a wrong answer: named where it is one, and nowhere else."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from verification import fills, mistakes, oracle, precision, row
from verification.mistakes import code, passes
from verification.mistakes.code import Code

CONVS = [
    "conv x=[2,6,7,3] w=[3,2,3,4] stride=[1,2] pad=[[1,0],[0,2]] fill=sparse",
    "conv x=[3,7,5,4] w=[2,3,2,6] groups=2 dilation=[2,1] pad=1 fill=sparse",
    "conv x=[2,9,8] w=[3,8,5] stride=2 pad=1 bias=false fill=sparse",
]
POOLS = [
    "avg_pool x=[2,7,6,3] kernel=[3,2] stride=[1,2] fill=dense",
    "avg_pool x=[3,6,9,2] kernel=[2,3] pad=1 ceil_mode=true count_include_pad=false fill=dense",
    "avg_pool x=[2,7,5,3] kernel=[2,3] stride=1 divisor_override=7 fill=dense",
]
MAXIMA = ["max_pool x=[2,7,6,3] kernel=[3,2] stride=[1,2] pad=[1,0] fill=dense"]
OF_RUN = {
    "float64": ("float16", "bfloat16", "tf32", "float32"),
    "float32": ("float16", "bfloat16", "tf32"),
}
SUSPECTS = [(dtype, kind) for dtype, kinds in OF_RUN.items() for kind in kinds]


def one(line, fill=None):
    (case,) = row.parse(line)
    return replace(case, fill=fill or case.fill)


def questions(*fills):
    """Every operation and geometry, on sparse and on dense arrays if not otherwise said."""
    lines = CONVS + POOLS + MAXIMA
    return [one(line, fill) for line in lines for fill in fills or ("sparse", "dense")]


def ops(case):
    kind = "conv" if case.op == "conv" else "pool"
    return f"{kind}_forward", f"{kind}_backward"


def narrow(given, kind):
    return {name: precision.rounded(a, kind) for name, a in given.items()}


def of_inputs(op, case, given, kind):
    return passes.answers(op, case, narrow(given, kind), Code())


def of_products(op, case, given, kind):
    """As matrix units do: what is multiplied is rounded, a bias is added as it is."""
    kept = {"b": given["b"]} if "b" in given else {}
    return passes.answers(op, case, {**narrow(given, kind), **kept}, Code())


def of_results(op, case, given, kind):
    return narrow(passes.answers(op, case, wide(given), Code()), kind)


def of_both(op, case, given, kind):
    return narrow(of_inputs(op, case, given, kind), kind)


def of_arithmetic(op, case, given, kind):
    """As NumPy has it: the loops' accumulators that are float64 stay so."""
    with np.errstate(all="ignore"):
        typed = {name: a.astype(kind) for name, a in given.items()}
    return passes.answers(op, case, typed, Code())


def wide(given):
    return {name: a.astype(np.float64) for name, a in given.items()}


def typed(answers, dtype):
    with np.errstate(over="ignore"):
        return {name: np.asarray(a).astype(dtype) for name, a in answers.items()}


def suspects(op, case, way, dtype, kind, seed=0):
    """What is suspected of answers that went this way through this type."""
    given = fills.arrays(case, seed, dtype)
    truth = oracle.answers(case, wide(given))
    got = typed(way(op, case, given, kind), dtype)
    found = precision.suspects(case, given, got, truth, dtype)
    assert precision.narrowed(case, given, got, truth, dtype) == precision.agreed([found])
    return found


def expected(kind):
    """float16 and tf32 are one within float16's range, and have NumPy's name."""
    return "float16" if kind == "tf32" else kind


@pytest.mark.parametrize(("dtype", "kind"), SUSPECTS)
@pytest.mark.parametrize("way", [of_inputs, of_products, of_results, of_both])
def test_the_type_is_named(way, dtype, kind):
    """Forward and backward, sparse and dense, whichever way the answers went through it."""
    named = {
        (op, case.row): precision.agreed([suspects(op, case, way, dtype, kind)])
        for case in questions()
        for op in ops(case)
    }
    assert named == dict.fromkeys(named, expected(kind))


@pytest.mark.parametrize(
    ("dtype", "kind"), [("float64", "float16"), ("float32", "float16"), ("float64", "float32")]
)
def test_arithmetic_throughout_is_named(dtype, kind):
    """NumPy's own arrays of that type, handed to code that knows of none."""
    named = {
        (op, case.row): precision.agreed([suspects(op, case, of_arithmetic, dtype, kind)])
        for case in questions()
        for op in ops(case)
    }
    assert named == dict.fromkeys(named, kind)


@pytest.mark.parametrize("dtype", OF_RUN)
@pytest.mark.parametrize("way", [of_inputs, of_both])
def test_numbers_beyond_float16_tell_it_from_tf32(way, dtype):
    """On wide arrays; a wide question and others agree on what the wide one says."""
    for line in CONVS:
        for op in ops(one(line)):
            for kind in ("tf32", "float16"):
                apart = suspects(op, one(line, "wide"), way, dtype, kind)
                alike = suspects(op, one(line), way, dtype, kind)
                assert [name for name in apart if name in ("tf32", "float16")] == [kind]
                assert precision.agreed([alike, apart]) == kind


def test_results_beyond_float16_tell_it_from_tf32():
    """dx and db are, dw alone is not."""
    case = one(CONVS[0], "wide")
    for kind in ("tf32", "float16"):
        found = suspects("conv_backward", case, of_results, "float64", kind)
        assert found == [kind]


def test_float16_throughout_is_named_where_it_overflows():
    """NaN and infinities are compared without a warning."""
    for line in CONVS:
        for op in ops(one(line)):
            found = suspects(op, one(line, "wide"), of_arithmetic, "float64", "float16")
            assert found == ["float16"]


def test_types_as_wide_as_the_run_are_no_suspects():
    """Right answers in float32 are right in a run of float32; numbers of 11 bits are not."""
    case = one(CONVS[0])
    for dtype, named in (("float64", ["float32"]), ("float32", [])):
        assert suspects("conv_forward", case, of_arithmetic, dtype, "float32") == named
    assert "float32" not in suspects("conv_forward", case, of_both, "float32", "tf32")


@pytest.mark.parametrize("dtype", OF_RUN)
def test_noise_of_the_runs_own_type_is_no_narrower_type(dtype):
    """Beyond the bound too: eight bits of noise are nobody's."""
    for case in questions():
        given = fills.arrays(case, 0, dtype)
        truth = oracle.answers(case, wide(given))
        signs = {name: np.sign(np.cos(np.arange(a.size))) for name, a in truth.items()}
        for size in (0, 1, 2**8):
            step = size * np.finfo(dtype).eps
            got = {
                name: (a * (1 + step * signs[name].reshape(a.shape))).astype(dtype)
                for name, a in truth.items()
                if name != "index"
            }
            assert precision.narrowed(case, given, got, truth, dtype) == ""


def test_products_of_float32_in_sums_of_float64_are_named():
    """No number has few bits, but every error is of float32's size."""
    case = one(CONVS[0])
    given = fills.arrays(case, 0, "float64")
    truth = oracle.answers(case, given)
    single = {name: a.astype("float32") for name, a in given.items()}

    def product(window, w, b):
        return code.summed_products((window[..., None] * w).astype("float64")) + b

    got = passes.answers("conv_forward", case, single, Code(product=product))
    assert precision.suspects(case, given, got, truth, "float64") == ["float32"]


def test_sums_of_rounded_inputs_may_be_taken_in_float32():
    """As matrix units do, in a run of float64 too."""
    case = one(CONVS[0])
    given = fills.arrays(case, 0, "float64")
    truth = oracle.answers(case, given)
    for kind in ("bfloat16", "tf32"):
        seen = {name: a.astype("float32") for name, a in narrow(given, kind).items()}
        got = typed({"y": oracle.answers(case, seen)["y"]}, "float64")
        assert precision.narrowed(case, given, got, truth, "float64") == expected(kind)


def test_subnormals_of_float16_tell_it_from_tf32():
    """Averages of 2^-24 have a bit or two there."""
    for line in POOLS:
        for kind in ("tf32", "float16"):
            found = suspects("pool_forward", one(line, "wide"), of_results, "float64", kind)
            assert found == [kind]


def test_an_index_is_that_of_the_rounded_maxima():
    """Numbers that were different tie; any other index is a mistake."""
    case = one("max_pool x=[2,29,28,5] kernel=[5,4] stride=2 fill=dense")
    given = fills.arrays(case, 0, "float64")
    truth = oracle.answers(case, given)
    got = oracle.answers(case, narrow(given, "bfloat16"))
    assert (got["index"] != truth["index"]).any()
    assert precision.narrowed(case, given, got, truth, "float64") == "bfloat16"
    got["index"] = got["index"] + (got["index"] > 600)
    assert precision.narrowed(case, given, got, truth, "float64") == ""


def test_zeros_are_no_narrow_numbers():
    """Of 288 products the bound in eight bits is wider than the sums."""
    case = one("conv x=[1,5,6,32] w=[3,3,32,4] fill=dense")
    given = fills.arrays(case, 0, "float64")
    truth = oracle.answers(case, given)
    for part in (0, 0.25):
        got = {"y": precision.rounded(part * truth["y"], "bfloat16")}
        assert precision.narrowed(case, given, got, truth, "float64") == ""


def test_a_count_is_no_narrow_number():
    """db of an upstream gradient of ones is the number of windows, by chance not far from right."""
    case = one("conv x=[2,6,5,3] w=[3,2,3,2] fill=sparse")
    given = fills.arrays(case, 0, "float64")
    given["dy"] = np.abs(given["dy"])
    given["dy"] *= 36 / given["dy"].sum(axis=(0, 1, 2))
    truth = oracle.answers(case, given)
    got = {"db": np.array([32.0, 32.0])}
    assert precision.narrowed(case, given, got, truth, "float64") == ""


def test_other_shapes_tell_nothing():
    """Of dw alone, though dx is in float16."""
    case = one(CONVS[0])
    given = fills.arrays(case, 0, "float64")
    got = typed(of_both("conv_backward", case, given, "float16"), "float64")
    got["dw"] = got["dw"][:1]
    assert precision.narrowed(case, given, got, oracle.answers(case, given), "float64") == ""


def test_integers_tell_nothing():
    """Theirs have few bits anyway."""
    case = one("conv x=[2,5,7,3] w=[3,2,3,4] fill=digits")
    assert suspects("conv_forward", case, of_results, "float64", "bfloat16") == []


def test_a_mistake_beside_a_narrow_type_is_not_narrow():
    """dx and dw went through float16, db lacks all examples but one."""
    case = one(CONVS[0])
    given = fills.arrays(case, 0, "float64")
    truth = oracle.answers(case, given)
    got = typed(of_both("conv_backward", case, given, "float16"), "float64")
    assert precision.narrowed(case, given, got, truth, "float64") == "float16"
    got["db"] = precision.rounded(given["dy"][-1].sum(axis=(0, 1)), "float16")
    assert precision.narrowed(case, given, got, truth, "float64") == ""


WRONG = [mistake for mistake in mistakes.read() if mistake.lines]


@functools.cache
def truly(case, dtype):
    """The arrays of a question, and the truth about them."""
    given = fills.arrays(case, 0, dtype)
    return given, oracle.answers(case, wide(given))


def wrong_answers(mistake, case, dtype):
    """The answers of every way to make a mistake, as far as they are arrays of the right shape."""
    given, truth = truly(case, dtype)
    for op in set(ops(case)) & set(mistake.ops):
        for lines in mistake.lines:
            try:
                got = typed(passes.answers(op, case, given, mistakes.written(lines)), dtype)
            except Exception:  # as people's code does
                continue
            yield given, {k: a for k, a in got.items() if a.shape == truth[k].shape}, truth


@pytest.mark.parametrize("mistake", WRONG, ids=lambda mistake: mistake.id)
def test_a_mistake_is_never_called_narrow(mistake):
    """All ways to make it, in every operation, in either run."""
    for case in questions("sparse"):
        for dtype in OF_RUN:
            for given, got, truth in wrong_answers(mistake, case, dtype):
                assert precision.narrowed(case, given, got, truth, dtype) == "", case.row


VALUES = np.concatenate(
    [
        np.random.default_rng(0).standard_normal(999) * np.exp2(np.arange(999) % 60 - 30),
        [0.0, -0.0, np.inf, -np.inf, 65519.9, 65520.0, 2.0**-25, 2.0**-24.9, 1 + 2.0**-11],
        [1 + 3 * 2.0**-11, 1 + 2.0**-8, -1 - 3 * 2.0**-8, 3.5e38, 1e-45, np.nan],
    ]
)


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_rounding_is_numpys(kind):
    """Bit by bit: ties, subnormals, overflow, both zeros."""
    with np.errstate(over="ignore", under="ignore"):
        want = VALUES.astype(kind).astype(np.float64)
    got = precision.rounded(VALUES, kind)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize(("kind", "bits"), [("bfloat16", 16), ("tf32", 13)])
def test_rounding_cuts_float32s_last_bits(kind, bits):
    """To the nearest, ties to even."""
    with np.errstate(over="ignore", under="ignore"):
        values = VALUES[:-1].astype(np.float32)
    whole = values.view(np.uint32).astype(np.uint64)
    cut = (whole + (2 ** (bits - 1) - 1) + (whole >> bits & 1)) >> bits << bits
    want = cut.astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(precision.rounded(values, kind), want)
