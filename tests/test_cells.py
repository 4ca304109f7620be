"""Every cell of every window of a pool: what is read, and what is given a gradient."""

import itertools

import numpy as np
import pytest

from verification import cells, fills, mistakes, oracle, row
from verification.mistakes import passes
from verification.mistakes.code import Code

MAX = [
    "max_pool x=[2,5,6,3] kernel=[3,2] stride=[2,1]",
    "max_pool x=[1,6,7,2] kernel=[2,3] stride=[3,2] pad=[[1,0],[0,2]] dilation=[2,1]",
    "max_pool x=[2,5,6,2] kernel=[2,3] stride=[3,2] pad=[[1,0],[0,2]] ceil_mode=true",
    "max_pool x=[3,7,2] kernel=4 stride=3 pad=[[3,0]]",
    "max_pool x=[2,3,4,2,2] kernel=[2,3,1] stride=[1,2,2] pad=[[1,0],[0,2],[0,0]]",
    "max_pool x=[1,4,9,1] kernel=[1,2] stride=[2,4]",
]
AVERAGE = [
    "avg_pool x=[2,4,5,3] kernel=[2,3] stride=[1,2] pad=[[1,0],[2,1]] count_include_pad=false",
    "avg_pool x=[1,5,6,2] kernel=[3,2] stride=[2,3] pad=1 ceil_mode=true",
    "avg_pool x=[2,7,3] kernel=4 stride=3 divisor_override=-5",
    "avg_pool x=[1,2,4,3,2] kernel=[2,3,2] stride=[1,2,3] pad=[1,0,1]",
]
LINES = [f"{line} fill=permutation" for line in MAX] + [f"{line} fill=digits" for line in AVERAGE]
ODD = f"{MAX[0]} fill=special"
DEEP = LINES[0]


def one(line):
    (case,) = row.parse(f"{line} check=cells")
    return case


def coded(op, code):
    """A function of the catalogue's code."""
    return lambda case, given: {
        name: np.asarray(a, float) for name, a in passes.answers(op, case, given, code).items()
    }


def said(line, ask=oracle.answers, dtype="float64"):
    case = one(line)
    return list(cells.sentences(case, fills.arrays(case, 0, dtype), ask))


def edited(name, change):
    """The oracle's answers with one output changed."""

    def ask(case, given):
        answers = {of: np.array(a) for of, a in oracle.answers(case, given).items()}
        answers[name] = change(case, given, answers[name])
        return answers

    return ask


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", [*LINES, ODD, f"{LINES[6]} dtype=float16"])
def test_right_pools_show_nothing_wrong(line, dtype):
    """Of every geometry: y, the index and dx."""
    assert said(line, dtype=dtype) == []


@pytest.mark.parametrize("line", [LINES[2], LINES[3], LINES[7]])
def test_pools_of_another_make_do_not_either(line):
    """The catalogue's right code, in loops."""
    for op in ("pool_forward", "pool_backward"):
        assert said(line, coded(op, Code())) == []


def test_every_cell_of_every_plane_stands_out_in_turn():
    """By a number that no other plane has beside it; dy alone, and at last everywhere."""
    case = one("max_pool x=[2,3,4,2] kernel=[2,3] stride=1 fill=permutation")
    shown = []

    def ask(case, given):
        shown.append((given["x"].copy(), given["dy"].copy()))
        return oracle.answers(case, given)

    assert list(cells.sentences(case, fills.arrays(case, 0, "float32"), ask)) == []
    out = {(n, *cell) for x, _ in shown for n, *cell in np.argwhere(x > 0).tolist()}
    assert out == set(np.ndindex(case.x))
    assert all((x > 0).sum(axis=(1, 2)).tolist() == [[1, 1], [1, 1]] for x, _ in shown)
    assert {frozenset(x[x > 0].tolist()) for x, _ in shown} == {frozenset({3, 4, 5, 6})}
    *alone, everywhere = [np.count_nonzero(dy) for _, dy in shown]
    assert set(alone) == {4}
    assert everywhere == np.prod(case.y)
    above = {(n, *cell) for _, dy in shown[:-1] for n, *cell in np.argwhere(dy).tolist()}
    assert above == set(np.ndindex(case.y))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("place", [0, -1])
def test_one_number_off_is_seen_in_each_output(line, place):
    """And is told of that output alone."""
    for name in ("y", "index", "dx"):
        if name == "index" and line.startswith("avg"):
            continue

        def off(case, given, a):
            a.flat[place] += 1
            return a

        told = said(line, edited(name, off))
        assert len(told) == cells.NAMED
        assert {sentence.split("[")[0] for sentence in told} == {name}


def test_a_wrong_window_edge_is_told_with_its_place():
    """The last column of its only window is not read, and 3 stands there."""
    case = one("avg_pool x=[1,1,3,1] kernel=[1,3] fill=digits")

    def ask(case, given):
        return {"y": given["x"][:, :, :2].sum(axis=2, keepdims=True) / 3}

    assert list(cells.sentences(case, fills.arrays(case, 0, "float64"), ask)) == [
        "y[0,0,0,0] is 0; it should be 3, where x stands out at [0,0,2,0] and dy at [0,0,0,0] alone"
    ]


def test_a_wrong_divisor_is_seen():
    """Of one window at the border alone."""

    def counted(case, given, y):
        y[:, 0, 0] *= 6 / fills.divisors(case)[0, 0]
        return y

    assert said(LINES[6]) == []
    told = said(LINES[6], edited("y", counted))
    assert told
    assert all(sentence.startswith("y[") and ",0,0," in sentence for sentence in told)


def test_an_index_into_the_padded_array_is_seen():
    """Or one that counts columns first."""

    def padded(case, given, index):
        rows, columns = np.unravel_index(index, case.space)
        return (rows + 1) * (case.space[1] + 2) + columns

    def exchanged(case, given, index):
        rows, columns = np.unravel_index(index, case.space)
        return columns * case.space[0] + rows

    for change in (padded, exchanged):
        assert said(LINES[1], edited("index", change))


def test_nan_passed_over_is_seen():
    """In y, as NumPy's nanmax does, and in dx, where it goes to the largest number."""

    def passing(case, given):
        x = np.nan_to_num(given["x"], nan=-1e6)
        return oracle.answers(case, {**given, "x": x})

    told = said(ODD, passing)
    assert told[0].startswith("y[0,0,0,0] is -")
    assert "it should be nan" in told[0]
    assert said(ODD, lambda *asked: {"dx": passing(*asked)["dx"]})
    assert said(ODD, lambda *asked: {"index": passing(*asked)["index"]})


def test_a_gradient_to_all_that_tie_is_no_affair_of_cells():
    """Nothing ties in what they show: the fill of ties asks for that."""
    lines = {m.id: m.lines for m in mistakes.read()}["ties-all"]
    assert said(DEEP, coded("pool_backward", mistakes.written(lines[0]))) == []


def test_gradients_of_overlapping_windows_must_add_up():
    """One number above at a time cannot tell; all of them do, and it is said."""

    def largest_share(case, given, dx):
        if np.count_nonzero(given["dy"]) == given["dy"][..., 0].size:
            return dx
        return np.clip(dx, -9, 9)

    told = said(DEEP, edited("dx", largest_share))
    assert told
    assert all(sentence.endswith("and dy everywhere") for sentence in told)


def test_no_more_is_told_than_helps():
    """And nothing more is asked then."""
    asked = []

    def nothing(case, given):
        asked.append(case)
        return {"y": np.zeros(case.y), "dx": np.zeros(case.x)}

    assert len(said(DEEP, nothing)) == cells.NAMED
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("pool_forward", [LINES[0], LINES[1]]),
        ("pool_forward", [LINES[6]]),
        ("pool_backward", [LINES[0], LINES[1]]),
        ("pool_backward", [LINES[6]]),
    ],
    ids=["max y", "avg y", "max dx", "avg dx"],
)
def test_every_mistake_of_the_catalogue_is_seen(op, lines):
    """Wherever its answer to the question itself is wrong, beyond rounding."""
    seen, missed = set(), []
    known = [mistake for mistake in mistakes.read() if op in mistake.ops]
    codes = [(m.id, mistakes.written(wrong)) for m in known for wrong in m.lines]
    for case, (name, code) in itertools.product(map(one, lines), codes):
        given, ask = fills.arrays(case, 0, "float64"), coded(op, code)
        if _differs(ask, case, given, coded(op, Code())(case, given)):
            seen.add(name)
            missed += [] if _seen(case, given, ask) else [(name, case.row)]
    assert missed == []
    assert len(seen) > 12


def _differs(ask, case, given, right):
    try:
        wrong = ask(case, given)
    except Exception:  # which needs no proof
        return False
    return all(wrong[name].shape == a.shape for name, a in right.items()) and any(
        not np.allclose(wrong[name], a, rtol=1e-9) for name, a in right.items()
    )


def _seen(case, given, ask):
    try:
        return any(True for _ in cells.sentences(case, given, ask))
    except Exception:  # of other numbers it is
        return True
