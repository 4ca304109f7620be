import numpy as np
import pytest

from verification import symptoms

Y = (2, 4, 5, 3)
EQUAL = (3, 4, 4, 3)
DW = (3, 2, 4, 5)


def integers(shape, seed=0):
    """All different, none of them zero."""
    values = np.random.default_rng(seed).permutation(np.prod(shape)) + 1
    signs = np.random.default_rng(seed + 1).choice([-1, 1], shape)
    return (values.reshape(shape) * signs).astype(float)


def reals(shape, dtype="float64"):
    return np.random.default_rng(5).standard_normal(shape).astype(dtype)


def put(where, value=1000.0, shape=Y):
    """Right but at these places."""
    got = integers(shape)
    got[where] += value
    return got


def told(got, want=None, name="y"):
    want = integers(got.shape) if want is None else want
    return symptoms.describe(got, want, name)


@pytest.mark.parametrize("numbers", [integers, reals], ids=["integers", "reals"])
@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (3, "3 times too large"),
        (0.5, "half of what it should be"),
        (-1, "the sign is turned"),
        (1 / 3, "1/3 of what it should be"),
        (1 / 49, "1/49 of what it should be"),
        (1.5, "3/2 times what it should be"),
        (-2, "-2 times what it should be"),
        (np.pi, "3.14159 times what it should be"),
    ],
)
def test_a_factor(numbers, factor, words):
    """As a fraction where it is a simple one."""
    for dtype in ("float64", "float32"):
        want = numbers(Y).astype(dtype)
        assert told(want * np.dtype(dtype).type(factor), want) == [words]


def test_a_factor_is_the_same_for_all():
    """One number of another factor, or a zero that is none, and nothing is said of it."""
    want = integers(Y)
    got = 3 * want
    got[0, 1, 2, 0] += 1
    assert told(got) == []
    want[:, 2] = 0
    assert told(3 * want, want) == ["3 times too large"]
    got[0, 2, 0, 0] = 1
    assert told(got, want) == []


def test_a_few_numbers_have_a_simple_factor_or_none():
    """Any two numbers have some factor."""
    assert told(np.array([21.0]), np.array([7.0]), "db")[0] == "3 times too large"
    assert told(np.array([22.123]), np.array([7.0]), "db") == []
    for odd in (1e-320, 1e308, -1e-200):
        assert told(np.array([odd]), np.array([1e-20]), "db") == []
    assert told(np.array(22.0), np.array(11.0)) == ["2 times too large"]


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (integers(Y) + 7, "7 too large everywhere"),
        (integers(Y) + 0.1, "0.1 too large everywhere"),
        (integers(Y) - 0.25, "0.25 too small everywhere"),
        (
            integers(Y) + np.array([1, 2, -3]),
            "every channel is off by a number of its own: 1, 2 and -3",
        ),
        (
            integers(Y) + np.array([4, 5]).reshape(2, 1, 1, 1),
            "every example is off by a number of its own: 4 and 5",
        ),
        (np.zeros(Y), "every number is 0"),
        (np.full(Y, 2.5), "every number is 2.5"),
    ],
)
def test_an_offset_or_one_number_for_all(got, words):
    """A bias that is missing, or added twice."""
    assert told(got) == [words]


def test_an_offset_of_reals():
    """It is no integer, and rounded."""
    want = reals(Y)
    assert told(want + 0.1, want) == ["0.1 too large everywhere"]
    assert told(want + np.array([1, 0.5, 0.1]), want) == [
        "every channel is off by a number of its own: 1, 0.5 and 0.1"
    ]


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (np.roll(integers(Y), 1, 1), "shifted: one row too far"),
        (np.roll(integers(Y), -1, 2), "shifted: one column too early"),
        (np.roll(integers(Y), 1, 3), "shifted: one channel too far"),
        (np.roll(integers(EQUAL), -1, 0), "shifted: one example too early"),
        (
            np.roll(integers(Y), (1, -1), (1, 2)),
            "shifted: one row too far and one column too early",
        ),
        (integers(Y)[:, ::-1], "the rows are in reverse order"),
        (integers(Y)[:, ::-1, ::-1], "the rows and columns are in reverse order"),
        (integers(Y)[::-1], "the examples are in reverse order"),
        (integers(EQUAL).swapaxes(1, 2), "the rows and columns are exchanged"),
        (integers(EQUAL).swapaxes(0, 3), "the examples and channels are exchanged"),
        (
            integers((4, 4, 4, 2)).transpose(1, 2, 0, 3),
            "the axes are in the order row, column, example, channel",
        ),
        (
            integers((2, 3, 3, 4))[..., [2, 0, 3, 1]],
            "the channels hold what belongs in channels 2, 0, 3 and 1",
        ),
        (integers(Y)[..., [1, 1, 1]], "every channel holds what belongs in channel 1"),
        (integers(Y)[:, [0, 0, 1, 1]], "the rows hold what belongs in rows 0, 0, 1 and 1"),
        (
            integers((2, 3, 9, 2))[:, :, [4, 2, 0, 6, 8, 1, 5, 3, 7]],
            "the columns are in another order",
        ),
        (
            integers(Y).transpose(0, 3, 1, 2).reshape(Y),
            "the right numbers in another order, as by a reshape in place of a transpose",
        ),
        (
            integers(Y).reshape(2, 3, 4, 5).transpose(0, 2, 3, 1),
            "the right numbers in another order, as by a reshape in place of a transpose",
        ),
        (
            np.random.default_rng(1).permutation(integers(Y).ravel()).reshape(Y),
            "the right numbers in another order",
        ),
    ],
)
def test_a_move(got, words):
    """The plainest one, and no other."""
    found = told(got)
    assert found[0] == words
    assert len([claim for claim in found if not claim.startswith("wrong")]) == 1


def test_a_shift_may_bring_in_anything_at_the_edge():
    """Zeros of a pad, or the same row again."""
    want = integers(Y)
    for edge in (0, want[:, :1]):
        got = np.roll(want, 1, 1)
        got[:, :1] = edge
        assert told(got)[0] == "shifted: one row too far"
    got[0, 2, 2, 0] += 1
    assert not any("shifted" in claim for claim in told(got))


@pytest.mark.parametrize(
    ("name", "shape", "axis", "words"),
    [
        ("dw", DW, 0, "the kernel rows are in reverse order"),
        ("dw", DW, 1, "the kernel columns are in reverse order"),
        ("dw", DW, 2, "the input channels are in reverse order"),
        ("dw", DW, 3, "the filters are in reverse order"),
        ("dw", (3, 4, 5), 0, "the kernel cells are in reverse order"),
        ("dw", (3, 4, 5, 2, 2), 0, "the kernel depths are in reverse order"),
        ("dx", (3, 4, 5), 1, "the cells are in reverse order"),
        ("index", (2, 3, 4, 5, 2), 1, "the depths are in reverse order"),
        ("db", (4,), 0, "the filters are in reverse order"),
        ("y", (4,), 0, "the cells are in reverse order"),
        ("y", (4, 3), 1, "the columns are in reverse order"),
        ("y", (2, 2, 2, 3, 2, 2), 3, "the axis-3 places are in reverse order"),
    ],
)
def test_axes_are_named_by_their_output(name, shape, axis, words):
    """A kernel's are not an image's."""
    assert told(np.flip(integers(shape), axis), name=name)[0] == words


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (np.s_[:, 2:4], "wrong in rows 2 and 3 alone"),
        (np.s_[:, :, 1:4], "wrong in columns 1 to 3 alone"),
        (np.s_[:, 2], "wrong in row 2 alone"),
        (np.s_[:, :, -1], "wrong in the last column alone"),
        (np.s_[:, :, ::2], "wrong in every second column from 0 alone"),
        (np.s_[:, :, [0, 3]], "wrong in columns 0 and 3 alone"),
        (np.s_[:, 1:], "wrong in all rows but 0 alone"),
        (np.s_[:, :-1], "wrong in all rows but the last alone"),
        (np.s_[1:], "wrong in the last example alone"),
        (np.s_[..., 0], "wrong in channel 0 alone"),
        (np.s_[0, 2, :, 1], "wrong in channel 1 of row 2 of example 0 alone"),
        (np.s_[1, 2, 3, 0], "wrong at [1,2,3,0] alone"),
        (np.s_[:, :, [0, 2]], "wrong in columns 0 and 2 alone"),
        (
            (np.array([0, 1, 1]), np.array([0, 1, 2]), slice(None), np.array([0, 0, 1])),
            "wrong only in all channels but the last of all rows but the last,"
            " at 15 of 60 places there",
        ),
        (
            (slice(None), np.add.outer(np.arange(4), np.arange(5)) % 2 == 1),
            "wrong where row + column is odd, and nowhere else",
        ),
        (
            (slice(None), np.add.outer(np.arange(4), np.arange(5)) % 2 == 0),
            "wrong where row + column is even, and nowhere else",
        ),
    ],
)
def test_only_some_places_are_wrong(where, words):
    """In the fewest words that are exactly so."""
    got = integers(Y)
    got[where] += 1000.0 + np.arange(got[where].size).reshape(got[where].shape) ** 2
    assert told(got) == [words]


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (np.s_[:, 1:-1, 1:-1], "right but for the first and the last row and column"),
        (np.s_[:, 1:, :-1], "right in all columns but the last of all rows but 0 alone"),
        (np.s_[0, :, :, 0], "right in channel 0 of example 0 alone"),
    ],
)
def test_all_but_a_block_is_wrong(inside, words):
    """A border, for one, that nothing was written to."""
    got = np.zeros(Y)
    got[inside] = integers(Y)[inside]
    assert told(got) == [words, "zero wherever it is wrong"]


def test_one_number_that_is_zero_or_one_filter():
    """Its place is all there is to say."""
    got = integers(Y)
    got[1, 0, 4, 2] = 0
    assert told(got) == ["wrong at [1,0,4,2] alone"]
    got = integers((5,))
    got[2] += 0.5
    assert told(got, name="db") == ["wrong in filter 2 alone"]


def test_a_move_of_numbers_that_are_much_alike_is_not_told():
    """It could have come about in many ways."""
    want = np.where(integers(Y) > 0, 1.0, -1.0)
    assert not any("reverse" in claim for claim in told(want[:, ::-1], want))
    want = np.zeros(Y)
    want[:, 0] = integers(Y)[:, 0]
    got = np.zeros(Y)
    got[:, 3] = 500 + np.arange(30).reshape(2, 5, 3) ** 2
    assert not any("shifted" in claim for claim in told(got, want))
    want = integers(Y)
    assert told(np.stack([5000 + want[0] ** 2, want[0]]), want) == []
    want[:, 1] = want[:, 0]
    assert not any("hold" in claim for claim in told(want[:, [1, 0, 3, 2]], want))


def test_filters_that_are_one_number_each_may_be_in_another_order():
    """As long as they differ."""
    want = np.broadcast_to(np.array([5.0, 6, 8]), Y)
    assert told(want[..., [2, 0, 1]], want) == [
        "every channel is off by a number of its own: 3, -1 and -2",
        "the channels hold what belongs in channels 2, 0 and 1",
    ]
    (claim,) = told(np.array([9.0, 2, 4, 7]), np.array([2.0, 4, 9, 7]), "db")[:1]
    assert claim == "the filters hold what belongs in filters 2, 0, 1 and 3"


def test_many_places_of_a_filter_are_counted():
    """Where no shorter word fits."""
    got = integers((9, 7))
    got[[0, 1, 3, 4, 7]] += 1000 + np.arange(35).reshape(5, 7) ** 2
    assert told(got) == ["wrong in 5 of 9 rows alone"]
    got = integers((9, 7))
    got[:5:2] += 1000 + np.arange(21).reshape(3, 7) ** 2
    assert told(got) == ["wrong in rows 0, 2 and 4 alone"]
    got = integers((9, 7))
    got[::3] += 1000 + np.arange(21).reshape(3, 7) ** 2
    assert told(got) == ["wrong in rows 0, 3 and 6 alone"]


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("float32", "about the precision of float32"),
        ("float16", "about the precision of float16"),
    ],
)
def test_too_few_digits(dtype, words):
    """Told by the size of the error."""
    want = reals(Y)
    (claim,) = told(want.astype(dtype).astype(float), want)
    assert claim.startswith("right to ")
    assert claim.endswith(words)
    share = float(claim.split()[2])
    assert share == pytest.approx(np.abs(want - want.astype(dtype)).max() / np.abs(want).max(), 0.5)


def test_the_digits_of_bfloat16():
    """NumPy has none: the upper half of a float32."""
    want = reals(Y)
    cut = (want.astype("float32").view("uint32") & 0xFFFF0000).astype("uint32").view("float32")
    (claim,) = told(cut.astype(float), want)
    assert claim.endswith("about the precision of bfloat16")


def test_one_number_that_is_nearly_right_is_no_lack_of_digits():
    """The others have all of theirs."""
    got = reals(Y)
    got[0, 0, 0, 0] *= 1 + 1e-7
    assert told(got, reals(Y)) == ["wrong at [0,0,0,0] alone"]
    assert told(put((0, 1, 2, 0), 1e-8)) == ["wrong at [0,1,2,0] alone"]


def test_reals_are_right_within_rounding():
    """Of their own dtype."""
    want = reals(Y)
    assert told(want * (1 + 1e-12), want) == []
    assert told(want.astype("float32") * np.float32(1 + 2e-7), want.astype("float32")) == []
    got = want * (1 + 1e-12)
    got[:, 1] += 1 + reals((5, 3)) ** 2
    assert told(got, want) == ["wrong in row 1 alone"]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ([np.nan], "nan at 1 of 120 places that should hold numbers"),
        ([np.inf, -np.inf], "infinity at 2 of 120 places that should hold numbers"),
        ([np.nan, np.inf], "nan and infinity at 2 of 120 places that should hold numbers"),
    ],
)
def test_what_is_not_finite(odd, words):
    """Where it should be, and the other way round."""
    got = integers(Y)
    got[0, 1, : len(odd), 0] = odd
    assert told(got)[0] == words
    named, places = words.removesuffix(" that should hold numbers").split(" at ")
    assert told(integers(Y), got)[0] == f"numbers where {named} should be, at {places}"


def test_what_should_not_be_finite_and_is_not():
    """NaN is NaN, and the rest is told as ever."""
    want = integers(Y)
    want[0, 0, 0, 0], want[0, 0, 0, 1] = np.nan, np.inf
    assert told(want.copy(), want) == []
    assert told(want[:, ::-1], want)[:3] == [
        "nan and infinity at 2 of 120 places that should hold numbers",
        "numbers where nan and infinity should be, at 2 of 120 places",
        "the rows are in reverse order",
    ]
    got = want.copy()
    got[0, 0, 0, 1] = -np.inf
    assert told(got, want) == ["wrong at [0,0,0,1] alone"]
    got = want.copy()
    got[:, :, 2] += 1
    assert told(got, want) == ["wrong in column 2 alone"]


def test_nothing_is_said_of_right_or_unlike_arrays():
    """The verdict tells of shapes."""
    assert told(integers(Y)) == []
    assert symptoms.describe(np.zeros((2, 3)), np.zeros((3, 2)), "y") == []
    assert symptoms.describe(np.zeros((0, 3)), np.zeros((0, 3)), "y") == []


def test_indices_and_masks_are_numbers_too():
    """Compared exactly."""
    want = integers(Y).astype(int)
    assert told(want[..., ::-1], want, "index")[0] == "the channels are in reverse order"
    mask = np.arange(12).reshape(3, 4) == 5
    assert told(np.arange(12).reshape(3, 4) >= 5, mask) == [
        "wrong only in all rows but 0, at 6 of 8 places there"
    ]


def test_one_number_that_is_right_by_chance_is_no_symptom():
    """Nor are moves looked for in large arrays."""
    got = 5000 + integers(Y) ** 2
    got[0, 1, 2, 0] = integers(Y)[0, 1, 2, 0]
    assert told(got) == []
    large = integers((3, 200, 200))
    assert told(large[:, ::-1], large) == []
    assert told(large[:, :100, ::-1], large[:, :100]) == ["the channels are in reverse order"]


@pytest.mark.parametrize("shape", [Y, EQUAL, DW, (4, 5), (7,), (2, 3, 4, 2, 3)])
@pytest.mark.parametrize("numbers", [integers, reals], ids=["integers", "reals"])
def test_of_garbage_nothing_is_said(shape, numbers):
    """Nothing is so of all of its numbers."""
    for seed in range(20):
        garbage = np.random.default_rng(100 + seed).integers(-5000, 5000, shape) / 3
        assert told(garbage, numbers(shape)) == []


def test_there_are_at_most_four_claims():
    """However much can be said."""
    want = np.arange(1.0, 61).reshape(3, 4, 5)
    got = want.copy()
    got[:, 1:] = 0
    for found in (told(got, want), told(want + 1, want), told(np.roll(want, 1, 1), want)):
        assert 1 <= len(found) <= 4
