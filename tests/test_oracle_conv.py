"""What torch's convolutions do in every case that npcnn and the harness rely on.

Their sizes and refusals, and that integers are exact whatever code torch runs: for one image or
many, with oneDNN or without, on one thread or two, in whatever layout.
"""

import functools
import itertools
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from verification import definition, fills, layouts, oracle, row

CONVS = (F.conv1d, F.conv2d, F.conv3d)
TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
DTYPES = ("float32", "float64")
NAN, INF = float("nan"), float("inf")

QUESTIONS = [
    "conv x=[1,9,8,5] w=[3,2,5,6] stride=[2,1] pad=[1,0]",
    "conv x=[2,8,9,4] w=[4,5,2,6] groups=2 pad=[2,1] dilation=[1,2]",
    "conv x=[17,6,5,3] w=[2,3,3,4] dilation=[2,1]",
    "conv x=[18,5,7,2] w=[3,2,2,3] pad=[1,0]",
    "conv x=[2,5,6,9] w=[1,1,9,7] bias=false",
    "conv x=[1,11,8,9] w=[5,5,9,3] stride=3 pad=1",
    "conv x=[3,7,6,24] w=[3,3,1,24] groups=24 stride=2 pad=1",
    "conv x=[2,6,7,4] w=[3,3,1,16] groups=4 pad=1",
    "conv x=[2,13,6] w=[3,3,4] groups=2 stride=2 dilation=3",
    "conv x=[17,9,3] w=[4,3,5]",
    "conv x=[2,5,6,7,4] w=[2,3,2,2,6] groups=2 stride=[3,4,3] pad=[0,1,1]",
    "conv x=[1,4,6,5,3] w=[2,1,3,3,2] dilation=[2,1,1] pad=[1,0,2]",
]
"""Lines have no pads: torch never sees any."""


@pytest.fixture(params=[True, False], ids=["onednn", "native"])
def way(request):
    """Torch's code with oneDNN and without it; NNPACK stays off in both."""
    torch.backends.mkldnn.set_flags(request.param)
    yield
    torch.backends.mkldnn.set_flags(True)


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    oracle.prepare()


def one(line, fill="integers"):
    (case,) = row.parse(f"{line} fill={fill}")
    return case


def first(a):
    """Channels, the last axis, as torch has them."""
    return np.moveaxis(a, -1, 1)


def words(case):
    """The settings in torch's words."""
    return {
        "stride": case.stride,
        "padding": [before for before, _ in case.pad],
        "dilation": case.dilation,
        "groups": case.groups,
    }


def gradients(case, tensors):
    """y and the gradients of x, w and b."""
    *leaves, dy = tensors
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    y = CONVS[len(case.space) - 1](*leaves[:2], *(leaves[2:] or [None]), **words(case))
    return dict(zip(["y", "dx", "dw", "db"], [y.detach(), *torch.autograd.grad(y, leaves, dy)]))


def as_torch(case, given):
    """Contiguous tensors in torch's order of axes: x, w, b and dy."""
    moved = {"x": first(given["x"]), "w": first(np.moveaxis(given["w"], -1, 0))}
    moved |= {"dy": first(given["dy"])}
    arrays = [moved.get(name, given[name]) for name in fills.shapes(case)]
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in arrays]


@functools.cache
def defined(line, dtype):
    """The question's arrays, and its answers by definition, in torch's order of axes."""
    case = one(line)
    given = fills.arrays(case, 0, dtype)
    exact = definition.answers(
        case,
        {name: {at: int(v) for at, v in np.ndenumerate(a)} for name, a in given.items()},
    )
    shapes = {"y": case.y, "dx": case.x, "dw": case.w, "db": case.w[-1:]}
    flat = {name: np.array(list(numbers.values())) for name, numbers in exact.items()}
    shaped = {name: a.reshape(shapes[name]) for name, a in flat.items()}
    moved = {"y": first(shaped["y"]), "dx": first(shaped["dx"])}
    moved |= {"dw": first(np.moveaxis(shaped["dw"], -1, 0))}
    return case, as_torch(case, given), shaped | moved


def assert_equal(expected, actual):
    """Every output, without tolerance."""
    assert expected.keys() == actual.keys()
    for name, a in expected.items():
        np.testing.assert_array_equal(a, actual[name].numpy(), err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", QUESTIONS)
def test_integers_are_exact_whatever_code_torch_runs(way, line, dtype):
    """Forward and every gradient, where sums stay below 2^24 or 2^53."""
    case, tensors, exact = defined(line, dtype)
    assert_equal(exact, gradients(case, tensors))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", [QUESTIONS[0], QUESTIONS[3], QUESTIONS[-1]])
def test_integers_are_exact_on_two_threads(two_threads, line, dtype):
    """As the machine would have it."""
    case, tensors, exact = defined(line, dtype)
    assert_equal(exact, gradients(case, tensors))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", [line for line in QUESTIONS if one(line).x[2:-1]])
def test_integers_are_exact_in_every_layout(way, line, dtype):
    """Channels last, Fortran's order, or every other cell of a larger array; not for lines."""
    case, tensors, exact = defined(line, dtype)
    for layout in ("C", "F", "strided"):
        laid = [
            torch.from_numpy(layouts.laid_out(t.movedim(1, -1).contiguous().numpy(), layout))
            for t in tensors
            if t.ndim > 1
        ]
        x, w, dy = (t.movedim(-1, 1) for t in laid)
        assert_equal(exact, gradients(case, [x, w, *tensors[2:-1], dy]))


@pytest.mark.parametrize("line", QUESTIONS)
def test_integers_of_torch_are_a_third_witness(line):
    """A forward pass in int64."""
    case, tensors, exact = defined(line, "float64")
    whole = [tensor.long() for tensor in tensors[:-1]]
    y = CONVS[len(case.space) - 1](*whole[:2], *(whole[2:] or [None]), **words(case))
    np.testing.assert_array_equal(exact["y"], y.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", QUESTIONS)
def test_the_gradient_of_the_input_is_a_transposed_convolution(line, dtype):
    """Of dy with the same weights; its output padding makes up for unread cells."""
    case, (_, w, *_, dy), exact = defined(line, dtype)
    axes = zip(case.space, case.pad, case.dilation, case.kernel, case.stride)
    unread = [(n + sum(pad) - d * (k - 1) - 1) % s for n, pad, d, k, s in axes]
    dx = TRANSPOSED[len(case.space) - 1](dy, w, output_padding=unread, **words(case))
    np.testing.assert_array_equal(exact["dx"], dx.numpy())


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_groups_are_convolutions_side_by_side(rank):
    """Block q of the filters reads block q of the channels."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.integers(-9, 10, (2, 6, 5, 4, 7)[: 2 + rank]).astype(float))
    w = torch.from_numpy(rng.integers(-9, 10, (9, 2, 2, 3, 1)[: 2 + rank]).astype(float))
    ask = CONVS[rank - 1]
    apart = [ask(x[:, 2 * q : 2 * q + 2], w[3 * q : 3 * q + 3]) for q in range(3)]
    assert torch.equal(torch.cat(apart, 1), ask(x, w, groups=3))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_line_is_a_plane_of_one_row(dtype):
    """Bit for bit, on reals, with every gradient."""
    case = one("conv x=[2,19,6] w=[4,3,8] groups=2 stride=2 dilation=3", "dense")
    plane = one("conv x=[2,1,19,6] w=[1,4,3,8] groups=2 stride=[1,2] dilation=[1,3]")
    tensors = as_torch(case, fills.arrays(case, 0, dtype))
    flat = gradients(plane, [t.unsqueeze(2) if t.ndim > 1 else t for t in tensors])
    for name, a in gradients(case, tensors).items():
        assert torch.equal(a, flat[name].reshape(a.shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("images", [1, 2, 17])
def test_the_same_question_twice_has_the_same_bits(images, dtype):
    """On reals, with every gradient."""
    case = one(f"conv x=[{images},8,7,5] w=[3,2,5,6] stride=[1,2] pad=[1,0]", "dense")
    given = fills.arrays(case, 0, dtype)
    once, again = oracle.answers(case, given), oracle.answers(case, given)
    assert [a.tobytes() for a in once.values()] == [a.tobytes() for a in again.values()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "line",
    [
        "conv x=[2,6,11,2] w=[3,3,2,4] stride=[2,4] pad=[0,1]",
        "conv x=[1,9,7,3] w=[2,1,3,2] stride=[4,3]",
        "conv x=[17,11,2] w=[2,2,3] stride=3 dilation=2",
        "conv x=[2,5,4,7,2] w=[2,3,2,2,3] stride=[3,1,4]",
    ],
)
def test_cells_that_no_window_reads_have_a_gradient_of_plus_zero(way, line, dtype):
    """Tails and gaps between windows, whatever code torch runs; all products are negative."""
    case = one(line)
    x, w, b, dy = as_torch(case, fills.arrays(case, 0, dtype))
    dx = gradients(case, [x, -w.abs() - 1, b, dy.abs() + 1])["dx"].numpy()
    read = np.zeros(case.space, bool)
    read[np.ix_(*(sorted({*sum(windows, ())} & {*range(n)}) for windows, n in _axes(case)))] = True
    assert 0 < read.mean() < 1
    assert (dx[:, :, read] < 0).all()
    unread = dx[:, :, ~read]
    assert (unread.any(), np.signbit(unread).any()) == (False, False)


def _axes(case):
    return zip(case.windows, case.space, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("images", [1, 3, 17])
def test_weights_of_zero_are_multiplied_too(way, images, dtype):
    """An infinite cell under a kernel of one 1: NaN wherever a 0 meets it."""
    x = torch.ones(images, 1, 5, 6, dtype=getattr(torch, dtype))
    x[-1, 0, 2, 3] = INF
    kernel = torch.zeros(1, 1, 3, 3, dtype=x.dtype)
    kernel[0, 0, 1, 1] = 1
    expected = x.numpy().copy()
    expected[-1, 0, 1:4, 2:5] = NAN
    expected[-1, 0, 2, 3] = INF
    np.testing.assert_array_equal(expected, F.conv2d(x, kernel, padding=1).numpy())


@pytest.mark.parametrize(("dtype", "bits"), [("float32", "u4"), ("float64", "u8")])
def test_small_numbers_are_kept_and_large_sums_overflow(way, dtype, bits):
    """A subnormal, three times the smallest, has the bits of a 3: it is not flushed to zero."""
    top = np.finfo(dtype).max
    x = np.array([0, top, top, 0] * 6, dtype).reshape(2, 1, 3, 4)
    x.view(bits)[..., 0] = 3
    one_cell, two_cells = (torch.ones(1, 1, 1, n, dtype=getattr(torch, dtype)) for n in (1, 2))
    kept = F.conv2d(torch.from_numpy(x), one_cell).numpy()
    np.testing.assert_array_equal(x.view(bits), kept.view(bits))
    sums = F.conv2d(torch.from_numpy(x), two_cells).numpy()
    np.testing.assert_array_equal(np.array([[[top, INF, top]] * 3] * 2), sums[:, 0])


def _sizes(rank, kernel, stride, pad, dilation, axis):
    """Each setting for all axes: these on one of them, plain ones on the others."""
    for setting, plain in ((kernel, 2), (stride, 1), (pad, 0), (dilation, 1)):
        yield [setting if i == axis else plain for i in range(rank)]


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_window_that_does_not_fit_does_not_count(rank):
    """floor((size + 2 pad - span) / stride) + 1 windows, and no answer where that is not 1."""
    wrong = []
    pads = (0, 1, 2) if rank > 1 else (0,)
    settings = itertools.product((1, 2, 4, 5), (1, 2, 3), (1, 2, 3), pads, (1, 2, 3), range(rank))
    for size, kernel, stride, pad, dilation, axis in settings:
        kernels, strides, paddings, dilations = _sizes(rank, kernel, stride, pad, dilation, axis)
        x = torch.zeros(1, 1, *(size if i == axis else 3 + i for i in range(rank)))
        room = size + 2 * pad - (dilation * (kernel - 1) + 1)
        expected = [room // stride + 1 if i == axis else 2 + i for i in range(rank)]
        try:
            y = CONVS[rank - 1](x, torch.zeros(1, 1, *kernels), None, strides, paddings, dilations)
            actual = list(y.shape[2:])
        except RuntimeError:
            actual = None
        if actual != (expected if room >= 0 else None):
            wrong.append((size, kernel, stride, pad, dilation, axis))
    assert wrong == []


SAME = list(itertools.product(range(1, 7), range(1, 4)))


@pytest.mark.parametrize(("high", "wide"), list(zip(SAME, reversed(SAME))), ids=str)
def test_same_pads_by_half_of_what_windows_exceed_a_cell(high, wide):
    """And of an odd total the extra cell comes after: a 1 under the first tap shows where."""
    kernel, dilation = zip(high, wide)
    x = 1.0 + np.arange(2 * 5 * 7).reshape(2, 1, 5, 7)
    w = torch.zeros(1, 1, *kernel, dtype=torch.float64)
    w[0, 0, 0, 0] = 1
    before = [step * (size - 1) // 2 for size, step in (high, wide)]
    padded = np.pad(x, [(0, 0), (0, 0), *((size, 0) for size in before)])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
        y = F.conv2d(torch.from_numpy(x), w, padding="same", dilation=dilation)
    np.testing.assert_array_equal(padded[..., :5, :7], y.numpy())


@pytest.mark.parametrize(
    ("kernel", "dilation", "warns"),
    [((3, 5), 1, 0), ((2, 3), 1, 1), ((3, 4), 3, 1), ((2, 4), 2, 0), ((2, 3), (2, 1), 0)],
)
def test_same_warns_where_a_total_is_odd(kernel, dilation, warns):
    """Once in a process, unless torch is told to warn always."""
    was = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        F.conv2d(torch.zeros(1, 1, 6, 7), torch.zeros(1, 1, *kernel), None, 1, "same", dilation)
    torch.set_warn_always(was)
    assert [UserWarning] * warns == [warning.category for warning in caught]


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ({"padding": "valid", "stride": (3, 2)}, (2, 3)),
        ({"padding": (1,), "stride": np.int64(2)}, (4, 4)),
        ({"padding": (0, 3), "stride": [4, 1]}, (2, 12)),
    ],
)
def test_torch_takes(words, out):
    """Strided "valid", one size for all axes, NumPy's ints."""
    y = F.conv2d(torch.zeros(2, 4, 7, 8), torch.zeros(6, 2, 3, 3), groups=2, **words)
    assert (2, 6, *out) == tuple(y.shape)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"padding": "same", "stride": (1, 2)}, RuntimeError),
        ({"padding": "SAME"}, RuntimeError),
        ({"padding": (1, 1, 2, 2)}, RuntimeError),
        ({"padding": -1}, RuntimeError),
        ({"padding": 1.0}, TypeError),
        ({"stride": 0}, RuntimeError),
        ({"stride": (1, -1)}, RuntimeError),
        ({"stride": (1, 1, 1)}, RuntimeError),
        ({"stride": 2.0}, TypeError),
        ({"stride": True}, TypeError),
        ({"dilation": 0}, RuntimeError),
        ({"dilation": (1, 4)}, RuntimeError),
        ({"dilation": 1.0}, TypeError),
        ({"groups": 0}, RuntimeError),
        ({"groups": 1}, RuntimeError),
        ({"groups": 4}, RuntimeError),
        ({"input": torch.zeros(0, 4, 2, 8)}, RuntimeError),
        ({"input": torch.zeros(2, 4, 0, 8), "padding": 2}, RuntimeError),
        ({"input": torch.zeros(7, 8)}, RuntimeError),
        ({"input": torch.zeros(2, 4, 5, 7, 8)}, RuntimeError),
        ({"input": torch.zeros(2, 4, 7, 8).double()}, RuntimeError),
        ({"input": torch.zeros(2, 4, 7, 8).long()}, RuntimeError),
        ({"weight": torch.zeros(5, 2, 3, 3)}, RuntimeError),
        ({"weight": torch.zeros(2, 3, 3)}, RuntimeError),
        ({"weight": torch.zeros(6, 2, 3, 3).double()}, RuntimeError),
        ({"bias": torch.zeros(())}, RuntimeError),
        ({"bias": torch.zeros(5)}, RuntimeError),
        ({"bias": torch.zeros(1, 6)}, RuntimeError),
        ({"bias": torch.zeros(6).double()}, RuntimeError),
    ],
)
def test_torch_refuses(words, error):
    """What npcnn refuses too, mixed dtypes apart: by the class of the error."""
    usual = {"input": torch.zeros(2, 4, 7, 8), "weight": torch.zeros(6, 2, 3, 3), "groups": 2}
    F.conv2d(**usual)
    with pytest.raises(error):
        F.conv2d(**usual | words)
