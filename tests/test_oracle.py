"""What npcnn relies on torch for: a torch upgrade that changes a rule fails here first."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from verification import definition, fills, layouts, oracle, row

NAN, INF = float("nan"), float("inf")

SLIDING = [
    "conv x=[2,6,7,4] w=[3,2,2,6] groups=2 stride=[1,2] pad=[1,0] fill=dense",
    "conv x=[2,9,3] w=[4,3,5] pad=same dilation=3 fill=dense",
    "conv x=[1,4,5,6,2] w=[2,1,3,2,3] pad=[[1,0],[0,2],[1,1]] bias=false fill=dense",
    "max_pool x=[2,6,7,3] kernel=[3,2] stride=[2,1] pad=[1,0] fill=dense",
    "max_pool x=[2,9,3] kernel=4 stride=2 pad=[[1,0]] fill=ties",
    "avg_pool x=[2,6,7,3] kernel=[3,2] stride=[2,1] pad=[[0,1],[1,0]] fill=dense",
    "avg_pool x=[2,9,3] kernel=4 stride=2 divisor_override=3 fill=dense",
]
EVERY = [
    *SLIDING,
    "zero_pad x=[2,3,4,2] pad=[[1,0],[2,3]] fill=dense",
    "conv_single_step x=[3,2,4] b=[1,1,1] fill=sparse",
    "create_mask_from_window x=[2,5] fill=ties",
    "distribute_value x=[3,2] fill=dense",
]
"""Every operation, in torch's own words and in padded arrays."""


def ask(line, **given):
    """The oracle's answers for these numbers, in the shapes of the question's arrays."""
    (case,) = row.parse(line)
    shapes = fills.shapes(case)
    arrays = {name: np.ones(shape) for name, shape in shapes.items()}
    arrays |= {name: np.reshape(np.array(a, float), shapes[name]) for name, a in given.items()}
    return {name: a.ravel().tolist() for name, a in oracle.answers(case, arrays).items()}


def test_its_settings_are_fixed():
    """Threads, full precision, and no NNPACK, which is not exact on integers."""
    assert oracle.prepare() == f"torch {torch.__version__.split('+')[0]}"
    assert torch.get_num_threads() == oracle.THREADS
    assert torch.get_float32_matmul_precision() == "highest"
    enabled = torch.backends.nnpack.set_flags(False)[0]
    assert not enabled


def test_no_setting_of_torch_reduces_precision():
    """As it comes: not in matrix products, and neither in oneDNN."""
    assert torch.backends.fp32_precision == "none"
    assert torch.backends.mkldnn.fp32_precision == "none"
    assert torch.backends.mkldnn.conv.fp32_precision == "none"


def test_reduced_precision_is_refused(monkeypatch):
    """A judge whose float32 is tf32 is no judge."""
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    with pytest.raises(RuntimeError, match="full float32 precision, torch is set to high"):
        oracle.prepare()


def test_convolution_is_cross_correlation():
    """No flip."""
    line = "conv x=[1,4,1] w=[2,1,1] bias=false fill=integers"
    assert ask(line, x=[1, 2, 3, 4], w=[1, 10])["y"] == [21, 32, 43]


def test_same_leaves_the_extra_cell_after():
    """In torch's own words for planes, in padded arrays for lines."""
    line = "conv x=[1,1,4,1] w=[1,2,1,1] pad=same bias=false fill=integers"
    assert ask(line, x=[1, 2, 3, 4], w=[1, 10])["y"] == [21, 32, 43, 4]
    line = "conv x=[1,4,1] w=[2,1,1] pad=same bias=false fill=integers"
    assert ask(line, x=[1, 2, 3, 4], w=[1, 10])["y"] == [21, 32, 43, 4]


def test_no_warning_of_torch_gets_out():
    """Of "same" with even kernels, though torch be told to warn always."""
    was = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        answers = ask("conv x=[1,4,5,1] w=[2,4,1,1] pad=same bias=false fill=integers")
    finally:
        torch.set_warn_always(was)
    assert answers["y"][:5] == [6, 8, 8, 6, 4]


@pytest.mark.parametrize(
    ("x", "winner"),
    [([1, 3, 3, 0], 1), ([NAN, 5, NAN, 7], 2), ([-INF] * 4, 0), ([0.0, -0.0] * 2, 0)],
)
def test_max_pooling_takes_the_first_maximum_and_the_last_nan(x, winner):
    """In index and gradient."""
    answers = ask("max_pool x=[1,2,2,1] kernel=2 fill=special", x=x, dy=[5])
    assert answers["index"] == [winner]
    assert answers["dx"] == [5 * (i == winner) for i in range(4)]


def test_max_pooling_pads_with_less_than_everything():
    """And counts cells of the unpadded plane, with its own pads and with ours."""
    own = ask("max_pool x=[1,2,2,1] kernel=2 pad=1 fill=ties", x=[-1] * 4)
    assert own["y"] == [-1] * 4
    assert own["index"] == [0, 1, 2, 3]
    words = "max_pool x=[1,2,2,1] kernel=2 stride=1 pad=[[1,0],[0,1]] fill=ties"
    assert ask(words, x=[-1, -2, -3, -4])["index"] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("max_pool x=[1,4,1] kernel=1 stride=4 ceil_mode=true fill=ties", 1),
        ("max_pool x=[1,3,1] kernel=2 stride=3 pad=1 ceil_mode=true fill=ties", 2),
        ("max_pool x=[1,7,1] kernel=9 stride=9 ceil_mode=true fill=ties", 1),
        ("max_pool x=[1,5,1] kernel=2 stride=3 pad=[[1,2]] ceil_mode=true fill=ties", 2),
    ],
)
def test_ceil_mode_drops_a_window_that_starts_in_the_end_pad(line, out):
    """Where torch is given a padded array too: it cannot see the pad there, and keeps it."""
    assert len(ask(line)["y"]) == out


def test_averages_never_count_an_overhang():
    """ones(4, 4), kernel 3, stride 2, pad 1, ceil: factors of 2/3, 1 and 1/2 on an axis."""
    answers = ask("avg_pool x=[1,4,4,1] kernel=3 stride=2 pad=1 ceil_mode=true fill=dense")
    factors = np.outer([2 / 3, 1, 1 / 2], [2 / 3, 1, 1 / 2])
    np.testing.assert_allclose(answers["y"], factors.ravel(), rtol=1e-15)


@pytest.mark.parametrize("space", ["2", "1,2", "1,1,2"])
def test_averages_of_nothing_are_plus_zero(space):
    """A quotient of -0 comes out as +0, in every dimension."""
    kernel = f"[{space}]"
    line = f"avg_pool x=[1,{space},1] kernel={kernel} divisor_override=-3 fill=integers"
    (y,) = ask(line, x=[0, 0], dy=[3])["y"]
    assert (y, np.signbit(y)) == (0, False)


def test_averages_are_divided_not_multiplied_by_a_reciprocal():
    """In float32 they differ: 7 / 3 is no 7 * (1 / 3) for some sums."""
    (case,) = row.parse("avg_pool x=[1,3000,1] kernel=3 fill=dense")
    x = np.random.default_rng(0).standard_normal(case.x).astype(np.float32)
    y = oracle.answers(case, {"x": x, "dy": np.ones(case.y, np.float32)})["y"]
    total = np.zeros(case.y, np.float32)
    for tap in range(3):
        total += x[:, tap::3]
    np.testing.assert_array_equal(y, total / np.float32(3))
    assert (y != total * (np.float32(1) / np.float32(3))).any()


def test_unread_cells_have_a_gradient_of_plus_zero():
    """Gaps and tails."""
    line = "conv x=[1,6,8,1] w=[3,3,1,1] stride=[2,3] bias=false fill=integers"
    dx = np.reshape(ask(line, w=-np.ones(9))["dx"], (6, 8))
    assert not dx[5].any()
    assert not dx[:, 6:].any()
    assert not np.signbit(dx[dx == 0]).any()


def test_an_empty_batch_has_zero_gradients():
    """Of weights and bias."""
    answers = ask("conv x=[0,4,4,1] w=[2,2,1,2] fill=integers", dy=[])
    assert (answers["y"], answers["dx"]) == ([], [])
    assert (answers["dw"], answers["db"]) == ([0] * 8, [0] * 2)


@pytest.mark.parametrize("line", SLIDING)
def test_an_empty_batch_has_answers_in_every_dimension(line):
    """Empty ones, and zero gradients of weights and bias."""
    (case,) = row.parse(line)
    case = replace(case, x=(0, *case.x[1:]))
    got = oracle.answers(case, fills.arrays(case, 0, "float32"))
    assert (got["y"].shape, got["dx"].shape) == (case.y, case.x)
    assert not any(a.any() for a in got.values())


def test_integers_are_exact_in_both_dtypes_with_small_batches_and_large():
    """Torch runs different code for batches of 1, 2 and 16."""
    for images in (1, 2, 17):
        (case,) = row.parse(f"conv x=[{images},5,6,3] w=[3,2,3,4] stride=[1,2] pad=1 fill=integers")
        for dtype in ("float32", "float64"):
            given = fills.arrays(case, 0, dtype)
            numbers = {
                name: dict(zip(np.ndindex(a.shape), map(int, a.ravel().tolist()), strict=True))
                for name, a in given.items()
            }
            exact = definition.answers(case, numbers)
            for name, got in oracle.answers(case, given).items():
                assert got.ravel().tolist() == list(exact[name].values())


def test_arrays_of_the_caller_are_not_touched():
    """Nor shared."""
    (case,) = row.parse("conv x=[2,4,5,2] w=[2,3,2,3] fill=integers")
    given = fills.arrays(case, 0, "float64")
    kept = {name: a.copy() for name, a in given.items()}
    for a in given.values():
        a.setflags(write=False)
    answers = oracle.answers(case, given)
    for name, a in given.items():
        np.testing.assert_array_equal(a, kept[name])
        assert not any(np.shares_memory(a, answer) for answer in answers.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", EVERY)
def test_answers_have_the_dtype_of_the_question(line, dtype):
    """An index is of int64, a mask of bools."""
    (case,) = row.parse(line)
    kinds = {"index": "int64"} | dict.fromkeys(["y"] * line.startswith("create"), "bool")
    for name, a in oracle.answers(case, fills.arrays(case, 0, dtype)).items():
        assert a.dtype == kinds.get(name, dtype)


@pytest.mark.parametrize("layout", sorted({*row.LAYOUTS} - {"broadcast"}))
@pytest.mark.parametrize("line", EVERY)
def test_no_layout_of_the_caller_changes_a_bit(line, layout):
    """Nor do reversed axes, foreign byte order or read-only memory stop torch."""
    (case,) = row.parse(line)
    given = fills.arrays(case, 0, "float32")
    expected = oracle.answers(case, given)
    laid = {name: layouts.laid_out(a, layout) for name, a in given.items()}
    for name, a in oracle.answers(case, laid).items():
        assert a.tobytes() == expected[name].tobytes()


@pytest.mark.parametrize(
    ("function", "line"),
    [
        ("conv1d", "conv x=[2,1,2] w=[2,2,3] stride=2 pad=3 dilation=2"),
        ("conv2d", "conv x=[2,5,4,3] w=[2,3,3,2] pad=1"),
        ("conv3d", "conv x=[1,2,4,3,2] w=[2,3,1,2,3] pad=[0,1,1]"),
    ],
)
def test_convolutions_see_contiguous_memory_alone(monkeypatch, function, line):
    """And no pads on a line: channels last in float32, torch's own ones have crashed."""

    class SeenError(Exception):
        """Raised before torch gets to work."""

    def watched(*settings):
        raise SeenError(settings)

    monkeypatch.setattr(F, function, watched)
    (case,) = row.parse(f"{line} fill=dense")
    given = fills.arrays(case, 0, "float32")
    with pytest.raises(SeenError) as raised:
        oracle.answers(case, {name: np.asfortranarray(a) for name, a in given.items()})
    (settings,) = raised.value.args
    tensors = [setting for setting in settings if isinstance(setting, torch.Tensor)]
    assert [t.stride() for t in tensors] == [torch.empty(t.shape).stride() for t in tensors]
    assert (settings[4] == 0) == (function == "conv1d")


def test_weights_and_upstream_gradients_are_finite():
    """Over padding torch's answers to others differ from code to code."""
    (case,) = row.parse("conv x=[2,6,7,4] w=[3,3,4,5] pad=1 fill=special")
    given = fills.arrays(case, 0, "float64")
    assert [name for name, a in given.items() if not np.isfinite(a).all()] == ["x"]


@pytest.mark.parametrize("fill", [0.0, -INF, 7.0])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pads_begin_at_the_last_axis(rank, fill):
    """As NumPy's begin at the first; and their gradient is the crop."""
    pads = [(1, 2), (0, 3), (4, 1)][:rank]
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 4, 3)[: 2 + rank])
    leaf = torch.from_numpy(x).requires_grad_()
    padded = F.pad(leaf, [size for pair in reversed(pads) for size in pair], value=fill)
    expected = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill)
    np.testing.assert_array_equal(padded.detach().numpy(), expected)
    dy = np.random.default_rng(1).standard_normal(expected.shape)
    (dx,) = torch.autograd.grad(padded, leaf, torch.from_numpy(dy))
    inner = [slice(before, before + size) for (before, _), size in zip(pads, x.shape[2:])]
    np.testing.assert_array_equal(dx.numpy(), dy[:, :, *inner])


def test_max_pooling_of_padding_alone_is_still_a_trap():
    """Why such a question is refused: torch's index lies outside the plane."""
    _, index = F.max_pool2d(torch.zeros(1, 1, 2, 2), 2, 3, 1, 3, return_indices=True)
    assert index.max() >= 4


def test_the_oracle_stands_alone():
    """Importing it brings neither npcnn nor the judge."""
    script = (
        "import sys, verification.oracle;"
        "print(sorted({'npcnn', 'verification.judge', 'pytest'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
