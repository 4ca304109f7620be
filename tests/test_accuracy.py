"""The accuracy figure: an exact truth, layers that are what they say, errors that show."""

import contextlib
import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from verification import accuracy, candidate, oracle

SMALL = accuracy.LAYERS[:4]
DTYPES = ["float32", "float64"]
ABOUT = {"candidate": "my_cnn.py", "oracle": "torch 2", "dtype": "float32", "seed": 7}

FLOAT16 = """
import npcnn

def conv_forward(A_prev, W, b, hparameters):
    narrow = (a.astype("float16") for a in (A_prev, W, b))
    Z, cache = npcnn.conv_forward(*narrow, hparameters)
    return Z.astype(A_prev.dtype), (A_prev, W, b, hparameters)

def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    dA, dW, db = npcnn.conv_backward(dZ, npcnn.conv_forward(*cache)[1])
    return dA, dW.astype("float16").astype(dW.dtype), db
"""
BROKEN = """
import numpy as np

def conv_forward(A_prev, W, b, hparameters):
    return np.zeros((1, 2)), W

def conv_backward(dZ, cache):
    return [1, 2], cache * np.nan, dZ
"""
RAISES = """
def conv_forward(A_prev, W, b, hparameters):
    raise ValueError("no")
"""
FOLDER = Path(__file__).parent / "candidates" / "right"


def measured(text, folder, sizes=SMALL, dtype="float32", seed=0):
    """The errors of a candidate of this text."""
    path = folder / "theirs.py"
    path.write_text(text)
    with contextlib.closing(candidate.load(str(path))) as judged:
        return list(accuracy.measured(judged, seed, dtype, sizes))


@pytest.mark.parametrize("output", accuracy.OUTPUTS)
@pytest.mark.parametrize("size", accuracy.LAYERS, ids=str)
def test_every_number_sums_k_products(size, output):
    """About 300 numbers, so many products each: the oracle counts them."""
    case = accuracy.layer(output, *size)
    given = accuracy.arrays(case, 0, "float64")
    live = {name: np.abs(np.sign(a)) for name, a in given.items()}
    counted = oracle.answers(case, live)[output]
    kernel, depth = size
    assert set(counted.ravel().tolist()) == {kernel**2 * depth}
    assert 280 <= counted.size <= 320
    assert len(set(case.out)) == 2


@pytest.mark.parametrize("output", accuracy.OUTPUTS)
def test_the_products_are_those_of_the_oracles_sums(output):
    """In the very places: of integers, without any rounding."""
    for size in accuracy.LAYERS[:6]:
        case = accuracy.layer(output, *size)
        drawn = accuracy.arrays(case, 0, "float64")
        given = {name: np.rint(8 * a) for name, a in drawn.items()}
        sums = accuracy.products(given, output).sum(axis=-1)
        np.testing.assert_array_equal(sums, oracle.answers(case, given)[output])


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_exact(dtype):
    """Each is the very product of two factors, of full width where that is 24 bits."""
    case = accuracy.layer("y", 1, 64)
    given = accuracy.arrays(case, 0, dtype)
    terms = accuracy.products(given, "y")[1, 0, 2, 3]
    factors = zip(given["x"][1, 0, 2].tolist(), given["w"][0, 0, :, 3].tolist())
    assert list(map(Fraction, terms.tolist())) == [Fraction(x) * Fraction(w) for x, w in factors]
    assert {name: a.dtype for name, a in given.items()} == dict.fromkeys(given, dtype)
    bits = 24 if dtype == "float32" else accuracy.BITS
    shifted = np.ldexp(np.frexp(given["x"].astype(float))[0], bits)
    assert (shifted == np.rint(shifted)).all()
    assert (shifted % 2 == 1).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_error_is_that_of_fractions(dtype):
    """Though the sums cancel, to the last bit but one."""
    rng = np.random.default_rng(3)
    half = np.ldexp(rng.integers(-(2**26), 2**26, (5, 7)), rng.integers(-40, 40, (5, 7)))
    terms = np.concatenate([half, -half[:, ::-1], rng.standard_normal((5, 1))], axis=1)
    got = (terms.sum(axis=1) * (1 + 2.0**-20)).astype(dtype)
    unit = 2.0**-24
    wanted = max(
        abs(sum(map(Fraction, row)) - Fraction(value)) / (Fraction(unit) * sum(map(Fraction, size)))
        for row, size, value in zip(terms.tolist(), np.abs(terms).tolist(), got.tolist())
    )
    assert accuracy.error(terms, got, unit) == pytest.approx(float(wanted), rel=1e-15)
    assert accuracy.error(terms, np.where(got == got[2], np.nan, got), unit) is None


def test_one_wrong_number_is_the_largest_error():
    """By half of u, and by 1000 u."""
    terms = np.array([[[3.0, -1.0], [2.0, 6.0]], [[5.0, 1.0], [1.0, -9.0]]])
    sums = terms.sum(axis=-1)
    assert accuracy.error(terms, sums, 2.0**-24) == 0
    sums[1, 1] += 5 * 2.0**-24
    assert accuracy.error(terms, sums, 2.0**-24) == 0.5
    sums[0, 1] -= 8000 * 2.0**-24
    assert accuracy.error(terms, sums, 2.0**-24) == 1000


def test_half_precision_shows(tmp_path):
    """Thousands of units where it is, none of them where it is not."""
    for line in measured(FLOAT16, tmp_path):
        assert line.errors["y"]["candidate"] > 500
        assert line.errors["dw"]["candidate"] > 100
        assert 0 < line.errors["dx"]["candidate"] < 10
        assert all(0 < pair["oracle"] < 10 for pair in line.errors.values())


def test_no_answer_is_no_number(tmp_path):
    """A crash, no function, another shape, a list, NaN; torch's number stands."""
    for text in (RAISES, BROKEN):
        (line,) = measured(text, tmp_path, SMALL[:1])
        assert [pair["candidate"] for pair in line.errors.values()] == [None, None, None]
    told = list(accuracy.table(ABOUT, [line]))[-1].split()
    assert told[:3] == ["9", "3x3x1", "-"]
    assert float(told[3]) == pytest.approx(line.errors["y"]["oracle"], abs=0.005)


def test_other_contracts_are_measured_alike():
    """Channels first: the candidate's numbers are put where the oracle's are."""
    with contextlib.closing(candidate.load(str(FOLDER / "functional_nchw.py"))) as judged:
        for line in accuracy.measured(judged, 0, "float64", SMALL):
            assert all(0 < pair["candidate"] < 10 for pair in line.errors.values())


@pytest.mark.parametrize(("dtype", "unit"), [("float32", 2.0**-24), ("float64", 2.0**-53)])
def test_the_unit_is_the_roundoff(dtype, unit):
    """Half of what lies between 1 and the next number."""
    with contextlib.closing(candidate.load("npcnn")) as judged:
        (line,) = accuracy.measured(judged, 5, dtype, SMALL[1:2])
    case = accuracy.layer("dx", *SMALL[1])
    given = accuracy.arrays(case, 5, dtype)
    terms, got = accuracy.products(given, "dx"), oracle.answers(case, given)["dx"]
    assert line.errors["dx"]["oracle"] == accuracy.error(terms, got, unit)
    assert line.products == 27


def test_another_seed_draws_other_numbers():
    """Two seeds differ; one is the same again."""
    with contextlib.closing(candidate.load("npcnn")) as judged:
        one, other, again = (
            list(accuracy.measured(judged, seed, "float64", SMALL[1:])) for seed in (0, 1, 0)
        )
    assert one == again != other
    for line in one + other:
        for pair in line.errors.values():
            assert all(0.2 < number < line.products + 1 for number in pair.values())


def test_the_table_and_the_json_say_the_same(tmp_path, capsys):
    """Nine rows for npcnn; every number is finite and below what any right sum stays below."""
    path = tmp_path / "figure.json"
    assert accuracy.main(["--json", str(path)]) == 0
    loaded = json.loads(path.read_text(), parse_constant=pytest.fail)
    lines = [accuracy.Line(**line) for line in loaded["lines"]]
    about = {name: value for name, value in loaded.items() if name != "lines"}
    assert about == {**ABOUT, "candidate": "npcnn", "oracle": oracle.prepare(), "seed": 0}
    assert [line.products for line in lines] == [9, 27, 64, 147, 256, 576, 1024, 2304, 4608]
    for line in lines:
        assert all(0 < n < line.products + 1 for p in line.errors.values() for n in p.values())
    assert accuracy.as_json(about, lines) + "\n" == path.read_text()
    assert capsys.readouterr().out.splitlines() == list(accuracy.table(about, lines))


def test_the_columns_are_aligned():
    """Every number ends where its title does, large ones too."""
    pair = {"candidate": 1234.5, "oracle": 0.123}
    line = accuracy.Line(4608, "3x3x512", dict.fromkeys(accuracy.OUTPUTS, pair))
    first, _, third, *_, titles, numbers = accuracy.table({**ABOUT, "dtype": "float64"}, [line])
    assert first == "my_cnn.py beside torch 2, float64, seed 7"
    assert "u = 2^-53" in third
    assert numbers.split() == ["4608", "3x3x512", *["1.2e+03", "0.12"] * 3]
    ends = [[word.end() for word in re.finditer(r"\S+", text)] for text in (titles, numbers)]
    assert ends[0][2:] == ends[1][2:]


def test_what_cannot_be_done_is_said(tmp_path, capsys):
    """2 where a file cannot be read or written, 4 for bad usage."""
    assert accuracy.main([str(tmp_path / "nobody.py")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert accuracy.main(["--json", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        accuracy.main(["--dtype", "float16"])
    assert caught.value.code == 4
