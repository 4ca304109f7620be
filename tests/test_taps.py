"""The proof by taps, of convolutions that are right and of some that are wrong in known ways."""

import itertools

import numpy as np
import pytest

from verification import coefficients, fills, oracle, row, taps
from verification.case import CaseError

PLAIN = "conv x=[1,3,4,2] w=[2,2,2,3] fill=integers"


def one(line):
    (case,) = row.parse(line)
    return case


class Loops:
    """A convolution in bare loops; `bend` may change what a product reads, and its weight."""

    def __init__(self, case, bend=lambda product: product):
        self.case, self.calls, self.products = case, 0, []
        channels, filters = case.w[-2:]
        sizes = case.x[0], *case.out, *case.kernel, channels, filters
        axes = len(case.out)
        for n, *at, c, k in itertools.product(*map(range, sizes)):
            out, tap = at[:axes], at[axes:]
            spans = zip(out, case.stride, tap, case.dilation, case.pad)
            cell = [o * step + t * gap - before for o, step, t, gap, (before, _) in spans]
            first = k // (filters // case.groups) * channels
            product = {"y": (n, *out, k), "x": (n, *cell, first + c), "w": (*tap, c, k)}
            self.products.append(bend({**product, "times": 1}))

    def __call__(self, given):
        """The outputs, as the products have them."""
        self.calls += 1
        y = np.zeros(self.case.y) + given.get("b", 0)
        dx, dw = np.zeros(self.case.x), np.zeros(self.case.w)
        for product in self.products:
            at, here, entry, times = (product[name] for name in ("y", "x", "w", "times"))
            if not times or not all(0 <= i < size for i, size in zip(here, dx.shape)):
                continue
            y[at] += times * given["x"][here] * given["w"][entry]
            dx[here] += times * given["dy"][at] * given["w"][entry]
            dw[entry] += times * given["dy"][at] * given["x"][here]
        db = given["dy"].sum(axis=tuple(range(dx.ndim - 1)))
        return {"y": y, "dx": dx, "dw": dw, "db": db}


def bent(condition, **changes):
    """The products that meet the condition are changed."""
    return lambda product: product | (changes if condition(product) else {})


def first(product):
    """The first product of all."""
    return not any(product["y"] + product["x"] + product["w"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "line",
    [
        "conv x=[1,3,4,2] w=[2,2,2,3]",
        "conv x=[2,3,5,4] w=[3,2,2,6] stride=[2,3] pad=[[1,2],[3,0]] dilation=[2,1] groups=2",
        "conv x=[2,3,4,1] w=[1,1,1,1] stride=2 pad=[3,0]",
        "conv x=[2,9,2] w=[3,2,2] stride=2 dilation=2 bias=false",
        "conv x=[1,2,3,4,1] w=[2,1,2,1,2] stride=[1,2,1] pad=[0,0,1]",
    ],
)
def test_what_is_right_is_proven(line, dtype):
    """By torch's answers and by the loops', in as many calls as were announced."""
    case = one(f"{line} fill=integers")
    loops = Loops(case)
    assert taps.proof(case, loops, dtype, most=1000) == []
    assert loops.calls == taps.calls(case, dtype)
    assert taps.proof(case, lambda given: oracle.answers(case, given), dtype, most=1000) == []


@pytest.mark.parametrize(
    ("bend", "sentence"),
    [
        (
            bent(first, times=0),
            "y[0,0,0,0] does not read x[0,0,0,0]; it should multiply it by w[0,0,0,0]",
        ),
        (
            bent(first, times=2),
            "y[0,0,0,0] multiplies x[0,0,0,0] by 2 w[0,0,0,0]; it should be w[0,0,0,0]",
        ),
        (
            bent(first, times=-1),
            "dx[0,0,0,0] multiplies dy[0,0,0,0] by -w[0,0,0,0]; it should be w[0,0,0,0]",
        ),
        (
            bent(first, times=0.5),
            "dw[0,0,0,0] multiplies dy[0,0,0,0] by 1/2 x[0,0,0,0]; it should be x[0,0,0,0]",
        ),
        (
            bent(first, times=0.7),
            "y[0,0,0,0] multiplies x[0,0,0,0] by 34.3 where its code is 49; "
            "it should be w[0,0,0,0]",
        ),
        (
            bent(first, w=(1, 0, 1, 2)),
            "y[0,0,0,0] multiplies x[0,0,0,0] by w[1,0,1,2]; it should be w[0,0,0,0]",
        ),
        (
            bent(first, x=(0, 0, 1, 0)),
            "y[0,0,0,0] multiplies x[0,0,1,0] by w[0,1,0,0] + w[0,0,0,0]; it should be w[0,1,0,0]",
        ),
        (
            bent(first, x=(0, 0, 2, 0)),
            "y[0,0,0,0] multiplies x[0,0,2,0] by w[0,0,0,0]; it should not read it",
        ),
        (
            bent(first, x=(0, 0, 2, 0)),
            "dx[0,0,2,0] multiplies dy[0,0,0,0] by w[0,0,0,0]; it should not read it",
        ),
        (
            bent(first, x=(0, 0, 2, 0), times=3),
            "y[0,0,0,0] multiplies x[0,0,2,0] by 3 w[0,0,0,0]; it should not read it",
        ),
        (
            bent(first, w=(1, 1, 1, 2)),
            "dw[1,1,1,2] multiplies dy[0,0,0,0] by x[0,0,0,0]; it should not read it",
        ),
    ],
)
def test_a_wrong_product_is_named(bend, sentence):
    """The tap that is missing, doubled, exchanged, added to another."""
    case = one(PLAIN)
    assert sentence in taps.proof(case, Loops(case, bend))


def flipped(product):
    """A true convolution's kernel, of two rows and two columns."""
    row_, column, *rest = product["w"]
    return product | {"w": (1 - row_, 1 - column, *rest)}


def exchanged(product):
    """The other of two channels of the weights."""
    *tap, channel, k = product["w"]
    return product | {"w": (*tap, 1 - channel, k)}


def strided(product):
    """Windows two columns apart where they should be one."""
    n, i, j, c = product["x"]
    return product | {"x": (n, i, j + product["y"][2], c)}


def shared(product):
    """The last example reads the first."""
    return product | {"x": (0, *product["x"][1:])}


@pytest.mark.parametrize(
    ("bend", "sentence"),
    [
        (
            flipped,
            "y[0,0,0,0] multiplies x[0,0,0,0] by w[1,1,0,0]; it should be w[0,0,0,0]",
        ),
        (
            exchanged,
            "y[0,0,0,0] multiplies x[0,0,0,0] by w[0,0,1,0]; it should be w[0,0,0,0]",
        ),
        (
            strided,
            "y[0,0,1,0] does not read x[0,0,1,0]; it should multiply it by w[0,0,0,0]",
        ),
        (
            shared,
            "y[1,0,0,0] multiplies x[0,0,0,0] by w[0,0,0,0]; it should not read it",
        ),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mistake_of_the_whole_is_named_by_its_first_taps(bend, sentence, dtype):
    """A few sentences, and only those of wrong coefficients."""
    case = one("conv x=[2,3,4,2] w=[2,2,2,3] fill=integers")
    found = taps.proof(case, Loops(case, bend), dtype, most=1000)
    assert sentence in found
    outs = [sentence.partition("[")[0] for sentence in found]
    assert set(outs) == {"y", "dx", "dw"}
    assert max(map(outs.count, outs)) <= taps.NAMED


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("conv x=[1,5,4] w=[2,2,6] groups=2 dilation=2", (1, 1, 5)),
        ("conv x=[1,2,3,3,1] w=[2,2,2,1,1] pad=1", (1, 0, 1, 0, 0)),
        ("conv x=[2,4,5,2] w=[3,2,1,2] groups=2 stride=2 pad=[2,1]", (2, 1, 0, 1)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_tap_may_be_missing_in_one_place(line, hidden, dtype):
    """Of each weight's products the last alone is left out; every output shows it."""
    case = one(f"{line} fill=integers")
    loops = Loops(case)
    inside = [
        product
        for product in loops.products
        if product["w"] == hidden and all(0 <= i < size for i, size in zip(product["x"], case.x))
    ]
    inside[-1]["times"] = 0
    at, here, entry = (
        f"{name}{list(inside[-1][of])}".replace(" ", "")
        for name, of in (("y", "y"), ("x", "x"), ("w", "w"))
    )
    assert taps.proof(case, loops, dtype, most=1000) == [
        f"{at} does not read {here}; it should multiply it by {entry}",
        f"d{here} does not read d{at}; it should multiply it by {entry}",
        f"d{entry} does not read d{at}; it should multiply it by {here}",
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"y": lambda y, given: y - given["b"]}, "y[0,0,0,0] adds nothing; it should be b[0]"),
        ({"y": lambda y, given: y + given["b"]}, "y[0,0,0,0] adds 2 b[0]; it should be b[0]"),
        (
            {"y": lambda y, given: y - given["b"] + given["b"][::-1]},
            "y[0,0,0,0] adds b[2]; it should be b[0]",
        ),
        ({"db": lambda db, given: 2 * db}, "db[0] adds up dy[0,0,0,0] twice; it should be once"),
        (
            {"db": lambda db, given: db - given["dy"][0, 0, 0]},
            "db[0] adds up dy[0,0,0,0] not at all; it should be once",
        ),
        (
            {"db": lambda db, given: db[::-1]},
            "db[2] adds up dy[0,0,0,0] once; it should be not at all",
        ),
        (
            {"dx": lambda dx, given: dx + 5},
            "dx[0,0,0,0] is 5 where dy is all zeros; it should be 0",
        ),
        ({"dw": lambda dw, given: dw[0]}, "dw has shape (2, 2, 3), it should be (2, 2, 2, 3)"),
        (
            {"dx": lambda dx, given: dx * np.nan},
            "dx[0,0,0,0] is nan where dy is all zeros; it should be 0",
        ),
        (
            {"y": lambda y, given: y if np.count_nonzero(given["x"]) < 2 else np.maximum(y, 999)},
            "y is not linear in x: right for each of x[0,0,0,0], x[0,0,0,1], x[0,0,1,0], "
            "x[0,0,1,1], x[0,0,2,0], not for all",
        ),
    ],
)
def test_a_wrong_output_is_named(change, sentence):
    """The bias, its gradient, and what is no number times an entry."""
    case = one(PLAIN)
    loops = Loops(case)

    def ask(given):
        answers = loops(given)
        return answers | {name: bend(answers[name], given) for name, bend in change.items()}

    found = taps.proof(case, ask)
    assert sentence in found
    assert {part.partition("[")[0].partition(" ")[0] for part in found} == set(change)


def test_without_a_bias_there_must_be_none():
    """An x of zeros has a y of zeros."""
    case = one("conv x=[1,3,3,1] w=[2,2,1,1] bias=false fill=integers")
    loops = Loops(case)
    found = taps.proof(case, lambda given: {"y": loops(given)["y"] + 1})
    assert found[0] == "y[0,0,0,0] is 1 where x is all zeros; it should be 0"
    assert len(found) == taps.NAMED


@pytest.mark.parametrize("names", [{"y"}, {"dx", "dw", "db"}, {"dw"}])
def test_a_part_of_the_outputs_is_judged_alone(names):
    """And what is not answered is not looked for."""
    case = one(PLAIN)
    loops = Loops(case, bent(first, times=0))

    def ask(given):
        return {name: a for name, a in loops(given).items() if name in names}

    assert {part.partition("[")[0] for part in taps.proof(case, ask)} == names - {"db"}


def test_no_answer_is_no_proof():
    """Nor may a stranger who changes what it is given disturb the proof."""
    case = one(PLAIN)
    assert taps.proof(case, lambda given: {}) == ["there is no y, dx, dw or db among the answers"]
    loops = Loops(case)

    def ask(given):
        answers = loops(given)
        for a in given.values():
            a.fill(7)
        return answers

    assert taps.proof(case, ask) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_pool x=[1,4,4,1] kernel=2 fill=ties", "no taps"),
        ("conv x=[0,4,4,1] w=[2,2,1,1] fill=integers", "no taps"),
        ("conv x=[1,30,30,3] w=[3,3,3,8] fill=integers", "calls, not 64"),
    ],
)
def test_what_cannot_be_proven_is_refused(line, message):
    """A proof of a part would be none."""
    with pytest.raises(CaseError, match=message):
        taps.proof(one(line), lambda given: {})


def test_codes_must_be_exact():
    """In float32 they have 24 bits to fit in."""
    case = one("conv x=[1,1100,1000,1] w=[1,1,1,1] fill=integers")
    with pytest.raises(CaseError, match="not exact in float32"):
        taps.calls(case, "float32")
    assert taps.calls(case) > 1000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_sum_of_a_proof_is_exact(dtype):
    """The largest number that right answers hold, with a factor of two to spare."""
    case = one("conv x=[2,5,6,2] w=[3,3,2,4] pad=2 fill=integers")
    largest = 0.0

    def ask(given):
        nonlocal largest
        assert {a.dtype.name for a in given.values()} == {dtype}
        answers = oracle.answers(case, {name: a.astype(float) for name, a in given.items()})
        largest = max(largest, *(float(abs(a).max()) for a in answers.values()))
        return answers

    assert taps.proof(case, ask, dtype, most=1000) == []
    assert 2**10 < largest < fills.LIMIT[dtype] / 2


@pytest.mark.parametrize("shape", [(1,), (2, 3), (3, 2, 2, 4)])
def test_no_code_is_made_of_others(shape):
    """All are odd, different, and less than a sum of any two."""
    found = coefficients.codes(shape).ravel()
    assert len(set(found)) == found.size
    assert (found % 2 == 1).all()
    assert found.max() < 2 * found.min()
    assert found.max() < coefficients.largest(shape)
