"""npcnn's further operations beside torch.nn.functional and autograd."""

import itertools
import math

import numpy as np
import parametrize_from_file
import pytest
import torch
import torch.nn.functional as F
from parametrize_from_file import Namespace, cast, defaults

from npcnn import ShapeError, functional

NAMES = Namespace(
    *("import numpy as np", "from npcnn import functional"),
    x=np.cos(np.arange(48.0)).reshape(1, 4, 6, 2),
    w=np.ones((2, 3, 4, 2)),
    c=np.ones(2),
)
SPECIAL = [0.0, -0.0, -1.0, -1.0, 2.0, np.nan, np.inf, -np.inf]
BY_TAP = {("fold", "x"), ("unfold", "y")}
"""Arrays of cells, which torch has as (C * taps), and npcnn as (taps * C)."""
EXACT = {"adaptive_max_pool", "adaptive_avg_pool", "max_unpool", "unfold"}
"""What is torch's to the last bit, whatever the numbers."""


def draw(kind, shape, dtype, seed=0):
    rng = np.random.default_rng([seed, *shape])
    numbers = {"integers": rng.integers(-9, 10, shape), "dense": rng.normal(size=shape)}
    numbers["positive"], numbers["special"] = rng.random(shape) + 1, rng.choice(SPECIAL, shape)
    return numbers[kind].astype(dtype)


class Torch:
    """An operation of torch's, on arrays with channels last."""

    def __init__(self, op, rank, words):
        self.op, self.words = op, words
        self.call = getattr(F, op, None) or getattr(F, f"{op}{rank}d")
        self.taps = math.prod(words["kernel_size"]) if op in ("fold", "unfold") else 1

    def there(self, name, a):
        if (self.op, name) in BY_TAP:
            a = self.exchange(a, self.taps, a.shape[-1] // self.taps)
        if a.ndim > 1:
            a = np.moveaxis(a, (-1, -2), (0, 1)) if name == "w" else np.moveaxis(a, -1, 1)
        return torch.from_numpy(a.copy(order="C"))

    def back(self, name, t):
        a = t.detach().numpy()
        if a.ndim > 1:
            a = np.moveaxis(a, (0, 1), (-1, -2)) if name == "w" else np.moveaxis(a, 1, -1)
        if (self.op, name) in BY_TAP:
            a = self.exchange(a, a.shape[-1] // self.taps, self.taps)
        return a

    def exchange(self, a, *inner):
        return a.reshape(*a.shape[:-1], *inner).swapaxes(-1, -2).reshape(a.shape)

    def ask(self, given, dy):
        """What it returns, and the gradients by x, w and b; dy makes an upstream one of a shape."""
        tensors = {name: self.there(name, a) for name, a in given.items()}
        leaves = {name: t.requires_grad_() for name, t in tensors.items() if name in "xwb"}
        y = self.call(*tensors.values(), **self.words)
        y, *index = y if isinstance(y, tuple) else (y,)
        out = self.back("y", y)
        above = self.there("y", dy(out.shape))
        gradients = torch.autograd.grad(y, list(leaves.values()), above)
        moved = [tensors[name] for name in ("mean", "var") if name in given]
        rest = index + moved if self.words.get("training") or index else []
        backs = [self.back("y", t) for t in rest]
        return [out, *backs, *(self.back(name, t) for name, t in zip(leaves, gradients))]


def ask_npcnn(op, given, words, dy):
    """The same of npcnn."""
    result = getattr(functional, op)(*given.values(), **words)
    y, *rest = result if isinstance(result, tuple) else (result,)
    x, above, words = given["x"], dy(y.shape), {k: v for k, v in words.items() if k != "training"}
    match op:
        case "unfold":
            gradients = functional.fold(above, x.shape[1:-1], **words)
        case "fold":
            words.pop("output_size")
            gradients = functional.unfold(above, **words)
        case "batch_norm":
            words.pop("momentum", None)
            statistics = [] if rest or "mean" not in given else [given["mean"], given["var"]]
            gradients = functional.batch_norm_backward(above, x, given["w"], *statistics, **words)
        case _:
            words.pop("return_indices", None)
            given = [a for name, a in given.items() if name != "b"]
            gradients = getattr(functional, f"{op}_backward")(above, *given, **words)
    return [y, *rest, *(gradients if isinstance(gradients, tuple) else (gradients,))]


@parametrize_from_file(schema=defaults(fills=["integers"], arrays={}, words={}))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_operations(op, x, arrays, words, fills, dtype):
    """Forward and backward, in any memory order; exact where sums are, or the rules say so."""
    for kind in fills:
        given = {"x": draw(kind, x, dtype)}
        for name, shape in arrays.items():
            given[name] = draw("positive" if name == "var" else kind, shape, dtype, seed=1)
        if op == "max_unpool":
            plane = math.prod(words["output_size"])
            given["indices"] = np.random.default_rng(2).integers(0, plane, x)
        compare(op, given, words, kind)


def compare(op, given, words, kind):
    dtype = given["x"].dtype
    has_roots = words.get("norm_type", 1) not in (1, np.inf, -np.inf)
    is_exact = op in EXACT or (kind == "integers" and not has_roots)
    wide = {name: a if is_exact else a.astype("float64") for name, a in given.items()}
    lines = {name: np.asfortranarray(a) for name, a in given.items()}
    for a in (*given.values(), *lines.values()):
        a.flags.writeable = False

    def above(shape):
        return draw("dense" if op in EXACT else kind, shape, dtype, seed=3)

    def wide_above(shape):
        return above(shape).astype(dtype if is_exact else "float64")

    with np.errstate(all="ignore"):
        right = Torch(op, given["x"].ndim - 2, words).ask(wide, wide_above)
        found = ask_npcnn(op, given, words, above)
        again = ask_npcnn(op, lines, words, above)
    for mine, other, true in zip(found, again, right, strict=True):
        np.testing.assert_array_equal(mine, other, strict=True)
        assert mine.flags.c_contiguous
        assert not any(np.shares_memory(mine, a) for a in (*given.values(), *lines.values()))
        if is_exact:
            np.testing.assert_array_equal(mine, true, strict=True)
            assert (op not in EXACT) or ((np.signbit(mine) == np.signbit(true)) | (mine != 0)).all()
        else:
            room = 100 * np.finfo(dtype).eps
            np.testing.assert_allclose(mine, true, room, room * np.abs(true).max(initial=1))
            assert mine.dtype == dtype


def answers(call):
    """What it gives, or None where it refuses."""
    try:
        return call()
    except (ShapeError, RuntimeError, ValueError):
        return None


def test_transposed_sizes():
    """On an axis, of every small size: torch's refusals, sizes and numbers."""
    seen = 0
    sizes = (1, 2, 3), (1, 2, 3), (1, 2, 3), (1, 2, 4), (0, 1, 2), (0, 1, 2, 3)
    for size, kernel, stride, dilation, padding, extra in itertools.product(*sizes):
        words = {"stride": stride, "padding": padding, "output_padding": extra}
        words["dilation"] = dilation
        x, w = draw("integers", (1, size, 1), "f8"), draw("integers", (kernel, 1, 1), "f8", 1)
        torchs = Torch("conv_transpose", 1, words)
        given = {"x": x, "w": w, "b": np.ones(1)}
        right = answers(lambda: torchs.ask(given, np.ones))  # noqa: B023
        found = answers(lambda: ask_npcnn("conv_transpose", given, words, np.ones))  # noqa: B023
        assert (right is None) == (found is None), words
        for mine, true in zip(found or [], right or [], strict=True):
            np.testing.assert_array_equal(mine, true, strict=True)
        seen += right is not None
    assert seen > 300


def test_unpooled_sizes():
    """On an axis: those that torch takes, and the usual one, where there is a cell at all."""
    seen = 0
    sizes = (1, 2, 3), (1, 2, 3), (1, 2, 3), (0, 1, 2), (None, 1, 2, 3, 4, 5, 6, 7)
    for size, kernel, stride, padding, output_size in itertools.product(*sizes):
        x, index = draw("dense", (1, size, 1), "f8"), np.zeros((1, size, 1), "i8")
        words = {"kernel_size": kernel, "stride": stride, "padding": padding}
        words["output_size"] = output_size and (output_size,)
        given = {"x": x, "indices": index}
        torchs = Torch("max_unpool", 1, words)
        right = answers(lambda: torchs.ask(given, np.ones))  # noqa: B023
        found = answers(lambda: ask_npcnn("max_unpool", given, words, np.ones))  # noqa: B023
        assert (right is None) == (found is None), words
        for mine, true in zip(found or [], right or [], strict=True):
            np.testing.assert_array_equal(mine, true, strict=True)
        seen += right is not None
    assert seen > 200


@pytest.mark.parametrize("op", ["adaptive_max_pool", "adaptive_avg_pool"])
def test_adaptive_sizes(op):
    """On an axis, fewer windows than cells or more: torch's bits."""
    for size, out in itertools.product(range(1, 9), range(1, 13)):
        given, words = {"x": draw("dense", (2, size, 3), "f4")}, {"output_size": out}
        right = Torch(op, 1, words).ask(given, lambda shape: draw("dense", shape, "f4", 1))
        found = ask_npcnn(op, given, words, lambda shape: draw("dense", shape, "f4", 1))
        if op == "adaptive_avg_pool" and out == 1:  # torch's mean
            np.testing.assert_allclose(found.pop(0), right.pop(0), 1e-6, 1e-6)
        for mine, true in zip(found, right, strict=True):
            np.testing.assert_array_equal(mine, true, strict=True)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True), like=NAMES.eval(defer=True)))
def test_alike(call, like):
    """What is left out, and what is said in other words; dtypes and numbers."""
    np.testing.assert_array_equal(call(), like(), strict=True)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True)))
def test_refusals(call, error, message):
    """To the letter."""
    with pytest.raises((ShapeError, TypeError)) as raised:
        call()
    assert (raised.typename, str(raised.value)) == (error, message)
