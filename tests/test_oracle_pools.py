"""What torch's pools do in every case that npcnn and the harness rely on.

Their answers have the bits of a loop over windows in row order, gradients too, whatever the dtype,
the layout and the number of threads; so no tolerance is needed where a pool is judged.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from verification import fills, layouts, oracle, row
from verification.case import Case, CaseError

MAX = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
AVG = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
DTYPES = ("float32", "float64")
LAYOUTS = ("contiguous", "C", "F", "strided")
"""Channels first in memory; channels last; and two orders that torch knows by no name."""
NAN, INF = float("nan"), float("inf")

MAXIMA = [
    "max_pool x=[2,7,8,1] kernel=[3,2] stride=[2,1] pad=[1,0]",
    "max_pool x=[3,6,9,17] kernel=3 stride=[1,2] pad=1 dilation=[2,1]",
    "max_pool x=[1,9,7,5] kernel=[2,3] stride=[3,4] ceil_mode=true",
    "max_pool x=[2,11,17] kernel=3 stride=2 pad=1 ceil_mode=true",
    "max_pool x=[1,4,5,6,3] kernel=[2,3,2] stride=[1,2,3] pad=[1,1,0]",
]
AVERAGES = [
    "avg_pool x=[2,7,8,1] kernel=[3,2] stride=[2,1] pad=[1,0]",
    "avg_pool x=[3,6,9,17] kernel=3 stride=[1,2] pad=1 count_include_pad=false",
    "avg_pool x=[1,9,7,5] kernel=[2,3] stride=[3,4] ceil_mode=true",
    "avg_pool x=[2,8,6,4] kernel=[3,4] stride=[2,1] pad=[1,2] ceil_mode=true divisor_override=-7",
    "avg_pool x=[2,11,17] kernel=3 stride=2 pad=1 ceil_mode=true",
    "avg_pool x=[1,4,5,6,3] kernel=[2,3,2] stride=[1,2,3] pad=[1,1,0] count_include_pad=false",
]
PADDED = [
    "max_pool x=[2,5,7,3] kernel=[3,2] stride=[2,1] pad=[[2,0],[0,1]] dilation=[1,2]",
    "max_pool x=[2,9,4] kernel=3 stride=2 pad=[[2,1]] ceil_mode=true",
    "max_pool x=[1,4,3,5,2] kernel=2 stride=[1,1,2] pad=[[0,1],[1,0],[1,1]]",
    "avg_pool x=[2,5,7,3] kernel=[3,2] stride=[2,1] pad=[[2,0],[0,1]] count_include_pad=false",
    "avg_pool x=[1,6,4,3] kernel=[4,3] stride=[3,2] pad=[[1,3],[2,1]] ceil_mode=true",
    "avg_pool x=[2,9,4] kernel=3 stride=1 pad=2 divisor_override=5",
    "avg_pool x=[1,2,5,6,2] kernel=[4,3,2] stride=1 pad=[2,1,0]",
]
"""Questions for which torch is given a padded array, or a plane for a line."""


def one(line, fill):
    (case,) = row.parse(f"{line} fill={fill}")
    return case


def windows(case):
    """Every window, in row order: its place, and the cells of the input under it, in row order."""
    for out in np.ndindex(*case.out):
        lines = [axis[o] for axis, o in zip(case.windows, out)]
        cells = itertools.product(*lines)
        yield out, [cell for cell in cells if all(0 <= i < n for i, n in zip(cell, case.space))]


def max_loop(case, x, dy):
    """The first of ties wins, the last of NaNs; padding never."""
    y, index = np.empty_like(dy), np.empty(dy.shape, np.int64)
    dx = np.zeros_like(x)
    for (out, cells), n, c in itertools.product(windows(case), range(len(x)), range(x.shape[-1])):
        winner = cells[0]
        for cell in cells[1:]:
            if x[n, *cell, c] > x[n, *winner, c] or np.isnan(x[n, *cell, c]):
                winner = cell
        y[n, *out, c] = x[n, *winner, c]
        index[n, *out, c] = np.ravel_multi_index(winner, case.space)
        dx[n, *winner, c] += dy[n, *out, c]
    return {"y": y, "index": index, "dx": dx}


def avg_loop(case, x, dy):
    """A sum in row order, divided, for all channels at once."""
    y, dx = np.zeros_like(dy), np.zeros_like(x)
    divisors = fills.divisors(case).astype(x.dtype)
    for out, cells in windows(case):
        here = (slice(None), *out)
        total = np.zeros_like(y[here])
        for cell in cells:
            total += x[:, *cell]
        y[here] += total / divisors[out]
        for cell in cells:
            dx[:, *cell] += dy[here] / divisors[out]
    return {"y": y, "dx": dx}


def loop(case, x, dy):
    with np.errstate(all="ignore"):
        return (max_loop if case.op == "max_pool" else avg_loop)(case, x, dy)


def tensor(a, layout):
    """a (N, *space, C) with channels first, its numbers in this order in memory."""
    if layout == "contiguous":
        return torch.from_numpy(np.moveaxis(a, -1, 1).copy())
    return torch.from_numpy(layouts.laid_out(a, layout)).movedim(-1, 1)


def ask(case, x, dy, layout):
    """Torch's own pool, in torch's own words."""
    leaf = tensor(x, layout).requires_grad_()
    pad = [before for before, _ in case.pad]
    if case.op == "max_pool":
        pool, words = MAX[len(case.space) - 1], {"return_indices": True}
        words |= {"dilation": case.dilation}
    else:
        pool, words = AVG[len(case.space) - 1], {"count_include_pad": case.count_include_pad}
        words |= {"divisor_override": case.divisor_override} if len(case.space) > 1 else {}
    got = pool(leaf, case.kernel, case.stride, pad, ceil_mode=case.ceil_mode, **words)
    y, *index = got if case.op == "max_pool" else [got]
    (dx,) = torch.autograd.grad(y, leaf, tensor(dy, layout))
    told = zip(["y", "dx", "index"], [y, dx, *index])
    return {name: t.detach().movedim(1, -1).numpy() for name, t in told}


def assert_same_bits(expected, actual):
    """Signs of zeros too; one NaN is as good as another."""
    assert expected.keys() == actual.keys()
    for name, a in expected.items():
        assert a.dtype == actual[name].dtype
        np.testing.assert_array_equal(a, actual[name], err_msg=name)
        counts = ~np.isnan(a)
        assert (np.signbit(a) == np.signbit(actual[name]))[counts].all()


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    oracle.prepare()


QUESTIONS = [
    *itertools.product(MAXIMA, ("ties", "dense", "special")),
    *itertools.product(AVERAGES, ("dense",)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("line", "fill"), QUESTIONS)
def test_a_pool_has_the_bits_of_a_loop(line, fill, dtype):
    """Values, index and gradient, on reals, in every layout."""
    case = one(line, fill)
    given = fills.arrays(case, 0, dtype)
    expected = loop(case, given["x"], given["dy"])
    for layout in LAYOUTS:
        assert_same_bits(expected, ask(case, given["x"], given["dy"], layout))


@pytest.mark.parametrize("line", [MAXIMA[1], MAXIMA[4], AVERAGES[1], AVERAGES[5]])
def test_threads_change_no_bit_of_a_pool(two_threads, line):
    """Channels first and last in memory."""
    case = one(line, "dense")
    given = fills.arrays(case, 0, "float32")
    expected = loop(case, given["x"], given["dy"])
    for layout in ("contiguous", "C"):
        assert_same_bits(expected, ask(case, given["x"], given["dy"], layout))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", PADDED)
def test_a_pool_that_we_pad_for_has_the_bits_of_a_loop(line, dtype):
    """Where torch has no words for the pads, or for the divisor of a line."""
    case = one(line, "dense")
    assert case.needs_padding or case.divisor_override
    given = fills.arrays(case, 0, dtype)
    expected = loop(case, given["x"], given["dy"])
    assert_same_bits(expected, oracle.answers(case, given))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["contiguous", "C"])
def test_zeros_of_both_signs_tie(layout, dtype):
    """The first one is returned, with its sign."""
    zeros = [0.0, -0.0, -0.0, -0.0, 0.0, -0.0]
    x = np.array(zeros, dtype).reshape(1, 2, 3, 1).repeat(17, axis=-1)
    case = one("max_pool x=[1,2,3,17] kernel=[2,2] stride=1", "ties")
    got = ask(case, x, np.ones(case.y, dtype), layout)
    assert np.signbit(got["y"][0, 0, :, 0]).tolist() == [False, True]
    assert got["index"][0, 0, :, 16].tolist() == [0, 1]


@pytest.mark.parametrize(("dtype", "bits"), [("float32", "u4"), ("float64", "u8")])
@pytest.mark.parametrize("layout", ["contiguous", "C"])
def test_a_nan_comes_out_as_it_went_in(layout, dtype, bits):
    """The last of a window, with its payload and its sign."""
    x = np.ones((1, 2, 3, 17), dtype)
    quiet = np.array(NAN, dtype).view(bits)[()]
    x.view(bits)[0, 0, 1] = quiet + 5
    x.view(bits)[0, 1, 0] = quiet + 7
    x[0, 1, 0] = np.copysign(x[0, 1, 0], -1)
    case = one("max_pool x=[1,2,3,17] kernel=2 stride=1", "ties")
    got = ask(case, x, np.ones(case.y, dtype), layout)
    assert x.view(bits)[0, [1, 0], [0, 1]].tolist() == got["y"].copy().view(bits)[0, 0].tolist()
    assert got["index"][0, 0, :, 16].tolist() == [3, 1]


def test_padding_ties_with_nothing():
    """Windows of -inf alone: the first cell of the input wins and gets the gradient."""
    x = np.full((1, 2, 3, 1), -INF)
    case = one("max_pool x=[1,2,3,1] kernel=2 stride=1 pad=1", "ties")
    dy = np.arange(1.0, 13).reshape(case.y)
    got = ask(case, x, dy, "contiguous")
    assert got["index"].ravel().tolist() == [0, 0, 1, 2, 0, 0, 1, 2, 3, 3, 4, 5]
    assert got["dx"].ravel().tolist() == [1 + 2 + 5 + 6, 3 + 7, 4 + 8, 9 + 10, 11, 12]


@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_integers_are_padded_with_the_lowest(dtype):
    """Which never wins either."""
    x = torch.full((1, 1, 2, 3), np.iinfo(dtype).min, dtype=getattr(torch, dtype))
    y, index = F.max_pool2d(x, 2, 1, 1, return_indices=True)
    assert (y == np.iinfo(dtype).min).all()
    assert index.ravel().tolist() == [0, 0, 1, 2, 0, 0, 1, 2, 3, 3, 4, 5]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_that_overflows_has_no_mean(dtype):
    """Though the mean itself would be a number; zeros of -0 average to +0."""
    x = torch.full((1, 1, 2, 3), float(np.finfo(dtype).max), dtype=getattr(torch, dtype))
    assert F.avg_pool2d(x, 2, 1).ravel().tolist() == [INF, INF]
    zeros = F.avg_pool2d(-torch.zeros(1, 2, 4, 3, dtype=x.dtype), (2, 3), 1).numpy()
    assert (zeros.any(), np.signbit(zeros).any()) == (False, False)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_stride_is_the_kernel_if_none_is_given(rank):
    """In max pools and average pools."""
    shape = (2, 3, 7, 8, 9)[: 2 + rank]
    x = torch.from_numpy(np.random.default_rng(0).standard_normal(shape))
    kernel = (3, 2, 4)[:rank]
    for pool in (MAX[rank - 1], AVG[rank - 1]):
        assert torch.equal(pool(x, kernel, kernel), pool(x, kernel))


def sized(op, rank, axis, size, pad, ceil, **settings):
    """A question about one axis: the others are of a few cells under windows of one."""
    words = {
        key: tuple(setting if i == axis else 1 for i in range(rank))
        for key, setting in settings.items()
    }
    space = [size if i == axis else 2 + i for i in range(rank)]
    pads = tuple((pad, pad) if i == axis else (0, 0) for i in range(rank))
    return Case("sized", op, "dense", (1, *space, 1), pad=pads, ceil_mode=ceil, **words)


def torch_shape(case):
    """What torch makes of it: the shape of an output, or None for a refusal."""
    pool = (MAX if case.op == "max_pool" else AVG)[len(case.space) - 1]
    words = {"dilation": case.dilation} if case.op == "max_pool" else {}
    x = torch.zeros(1, 1, *case.space)
    pad = [before for before, _ in case.pad]
    try:
        y = pool(x, case.kernel, case.stride, pad, ceil_mode=case.ceil_mode, **words)
    except RuntimeError:
        return None
    return tuple(y.shape[2:])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
def test_pools_have_as_many_windows_as_we_count(op, rank):
    """Rounded down and up, or none; a volume smaller than its kernel has no average at all."""
    wrong, asked = [], 0
    dilations = (1, 2, 3) if op == "max_pool" else (1,)
    ranges = (1, 2, 3, 5, 6), (1, 2, 3, 5), (1, 2, 3, 4), dilations, (0, 1, 2), (False, True)
    for size, kernel, stride, dilation, pad, ceil in itertools.product(*ranges):
        words = {"kernel": kernel, "stride": stride, "dilation": dilation}
        case = sized(op, rank, (size + kernel) % rank, size, pad, ceil, **words)
        if 2 * pad > kernel or (dilation > size and pad > 0):
            continue  # we pad, or a window may lie wholly in padding: torch is never asked
        refused = min(case.out) < 1 or (op, rank, size < kernel) == ("avg_pool", 3, True)
        wrong += [] if torch_shape(case) == (None if refused else case.out) else [case.row]
        asked += 1
    assert wrong == []
    assert asked > 300


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
def test_a_pad_is_at_most_half_a_kernel(op, rank):
    """Of its taps, however far dilation spreads them: we pad for torch beyond that."""
    dilations = (1, 2) if op == "max_pool" else (1,)
    ranges = range(1, 7), range(5), dilations, range(rank)
    for kernel, pad, dilation, axis in itertools.product(*ranges):
        words = {"kernel": kernel, "stride": 1, "dilation": dilation}
        case = sized(op, rank, axis, 11, pad, False, **words)
        assert (2 * pad <= kernel) == (torch_shape(case) is not None), case.row
        assert (2 * pad > kernel) == case.needs_padding, case.row


def test_averages_divide_by_as_many_cells_as_we_count():
    """Pads if they are counted, an overhang never: over a range of sizes."""
    wrong, asked = [], 0
    ranges = range(1, 7), (2, 3, 4), (1, 2, 3, 5), (0, 1, 2), (False, True), (False, True)
    for size, kernel, stride, pad, ceil, counted in itertools.product(*ranges):
        words = {"kernel": (kernel, 3), "stride": (stride, 2), "pad": ((pad, pad), (1, 1))}
        words |= {"dilation": (1, 1), "ceil_mode": ceil, "count_include_pad": counted}
        case = Case("ones", "avg_pool", "dense", (1, size, 4, 1), **words)
        if 2 * pad > kernel or min(case.out) < 1:
            continue
        ones = np.ones(case.x), np.ones(case.y), "contiguous"
        sums = ask(replace(case, divisor_override=1), *ones)["y"]
        means = ask(case, *ones)["y"]
        same = np.array_equal(sums[0, ..., 0] / fills.divisors(case), means[0, ..., 0])
        wrong += [] if same else [case.row]
        asked += 1
    assert wrong == []
    assert asked > 500


@pytest.mark.parametrize("ceil", [False, True])
def test_no_index_lies_outside_the_plane(ceil):
    """Of questions that may be asked; for the others torch's gradient is written out of bounds."""
    refused, outside = set(), []
    ranges = range(1, 9), range(1, 6), range(1, 6), range(1, 10), range(3)
    for size, kernel, stride, dilation, pad in itertools.product(*ranges):
        words = {"kernel": kernel, "stride": stride, "dilation": dilation}
        case = sized("max_pool", 1, 0, size, pad, ceil, **words)
        if case.needs_padding or min(case.out) < 1:
            continue
        try:
            row.parse(case.row)
        except CaseError as error:
            refused.add((dilation > size, pad > 0, "wholly in padding" in str(error)))
            continue
        settings = kernel, stride, pad, dilation, ceil
        _, index = F.max_pool1d(torch.zeros(1, 1, size), *settings, return_indices=True)
        outside += [] if 0 <= index.min() <= index.max() < size else [case.row]
    assert outside == []
    assert refused == {(True, True, True)}


USUAL = torch.zeros(2, 3, 7, 8)


@pytest.mark.parametrize(
    ("pool", "words", "error"),
    [
        *itertools.product(
            [F.max_pool2d, F.avg_pool2d],
            [
                {"kernel_size": 0},
                {"kernel_size": (2, 9)},
                {"kernel_size": (2, 2, 2)},
                {"stride": 0},
                {"stride": (1, -1)},
                {"padding": -1},
                {"padding": (0, 2)},
                {"input": USUAL[:, :, :0], "padding": 1},
                {"input": USUAL[:, :0]},
                {"input": USUAL[None]},
            ],
            [RuntimeError],
        ),
        *itertools.product(
            [F.max_pool2d, F.avg_pool2d],
            [
                {"kernel_size": 2.0},
                {"kernel_size": True},
                {"stride": 1.0},
                {"padding": "same"},
                {"ceil_mode": "yes"},
            ],
            [TypeError],
        ),
        (F.max_pool2d, {"input": USUAL[0, 0]}, RuntimeError),
        (F.avg_pool2d, {"input": USUAL[0, 0]}, IndexError),
        (F.max_pool2d, {"dilation": 0}, RuntimeError),
        (F.max_pool2d, {"dilation": (1, 8)}, RuntimeError),
        (F.avg_pool2d, {"divisor_override": 0}, RuntimeError),
        (F.avg_pool2d, {"divisor_override": 2.0}, TypeError),
        (F.max_pool2d, {"input": USUAL.bool()}, NotImplementedError),
        (F.avg_pool2d, {"input": USUAL.bool()}, NotImplementedError),
    ],
)
def test_torch_refuses(pool, words, error):
    """What npcnn refuses too: mostly RuntimeErrors for values, TypeErrors for types."""
    usual = {"input": USUAL, "kernel_size": (2, 3)}
    pool(**usual)
    with pytest.raises(error):
        pool(**usual | words)
