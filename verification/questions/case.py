"""One question: an operation with its shapes, its settings and the fill of its arrays.

x is (N, *space, C), w (*kernel, C/groups, K); kernel, stride, dilation and pad hold one entry for
each spatial axis.  Of a transposed convolution w is (*kernel, K/groups, C): that of the convolution
whose gradient it is.  As a line, a question reads `conv x=[2,5,7,3] w=[3,2,3,4] stride=2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

SUMMED = frozenset({"integers", "digits", "units"})
"""Fills whose every sum is exact, in any order, or refused."""
CHOSEN = frozenset({"ties", "permutation", "near", "special"})
"""Fills for which a maximum's choice tells."""
FLAT = frozenset({"constant", "zeros"})
"""Fills of real numbers with places where nothing varies, or nothing is."""
POOLS = frozenset({"max_pool", "avg_pool"})
ADAPTIVE = frozenset({"adaptive_max_pool", "adaptive_avg_pool"})
MAXIMA = frozenset({"max_pool", "adaptive_max_pool"})
GROWING = frozenset({"conv_transpose", "max_unpool"})
"""Operations whose windows lie on the output."""
REAL = frozenset({"lp_pool", "batch_norm"})
"""Operations with powers and roots, which round; but for sums, that are norms of order 1."""
FURTHER = frozenset({*ADAPTIVE, *GROWING, *REAL, "unfold"})
"""Operations beyond those of the courses; `fold` is the gradient of `unfold`."""
OPTIONS = (
    *("groups", "bias", "ceil_mode", "count_include_pad", "divisor_override"),
    *("output_padding", "output_size", "norm_type"),
    *("training", "running", "scale", "momentum", "eps"),
)


class CaseError(ValueError):
    """A row that is no question, or one that no oracle may be asked."""


@dataclass(frozen=True)
class Case:
    """A question; `word` is the pad where it was given as "same" or "valid".

    `dtype` is of the arrays where it is not to be the run's.  `check` names a way to judge the
    answers without an oracle's.  A 0 in `output_size` keeps an axis's size.  Of a batch norm,
    `scale` and `bias` say whether w and b are given, `running` whether training has statistics.
    """

    name: str
    op: str
    fill: str
    x: Ints
    w: Ints = ()
    b: Ints = ()
    kernel: Ints = ()
    stride: Ints = ()
    dilation: Ints = ()
    pad: Pairs = ()
    word: str = ""
    groups: int = 1
    bias: bool = True
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    output_padding: Ints = ()
    output_size: Ints = ()
    norm_type: float = 0
    training: bool = False
    running: bool = True
    scale: bool = True
    momentum: float = 0.1
    eps: float = 1e-5
    layout: str = "C"
    dtype: str = ""
    check: str = ""
    why: str = ""

    @property
    def id(self) -> str:
        return ".".join(filter(None, (self.name, self.check or self.fill, self.dtype)))

    @cached_property
    def kind(self) -> str:
        """The operation, pools of either mode together."""
        return self.op.replace("max_pool", "pool").replace("avg_pool", "pool")

    @property
    def functions(self) -> tuple[str, ...]:
        """What is asked it: the forward pass and the gradient, or a helper."""
        ways = ("_forward", "_backward") if self.is_pass else ("",)
        return tuple(f"{self.kind}{way}" for way in ways)

    @property
    def is_pass(self) -> bool:
        """Whether it has a gradient."""
        return bool(self.kernel) or self.op in FURTHER

    @property
    def space(self) -> Ints:
        return self.x[1:-1]

    @property
    def is_exact(self) -> bool:
        """Whether the fill leaves one right answer, in whatever order a sum is taken."""
        return self.op == "max_unpool" or self.fill in SUMMED | CHOSEN

    @property
    def is_padded(self) -> bool:
        return any(map(any, self.pad))

    @cached_property
    def spans(self) -> Ints:
        """The cells from a window's first tap to its last, along each axis."""
        return tuple(gap * (k - 1) + 1 for gap, k in zip(self.dilation, self.kernel, strict=True))

    @cached_property
    def windows(self) -> list[list[Ints]]:
        """For each axis, for each window, the cells that its taps meet; pads lie outside."""
        if self.op in ADAPTIVE:
            return [
                [tuple(range(i * size // n, -(-(i + 1) * size // n))) for i in range(n)]
                for size, n in zip(self.space, self.out, strict=True)
            ]
        windows = []
        axes = zip(self.space, self.spans, self.stride, self.dilation, self.pad, strict=True)
        for size, span, stride, gap, (before, after) in axes:
            room = before + size + after - span
            count = room // stride + 1
            if self.ceil_mode:
                count = -(-room // stride) + 1
                count -= (count - 1) * stride >= before + size  # none starts in the end pad
            corners = range(-before, count * stride - before, stride)
            windows.append([tuple(range(at, at + span, gap)) for at in corners])
        return windows

    @cached_property
    def out(self) -> Ints:
        if self.output_size:
            return tuple(n or size for n, size in zip(self.output_size, self.space, strict=True))
        return self.reach if self.op in GROWING else tuple(map(len, self.windows))

    @property
    def reach(self) -> Ints:
        """How long the output is along each axis whose every cell has a window in it."""
        more = self.output_padding or (0,) * len(self.kernel)
        axes = zip(self.space, self.spans, self.stride, self.pad, more, strict=True)
        return tuple((n - 1) * step + span - sum(pad) + end for n, span, step, pad, end in axes)

    @property
    def has_rest(self) -> bool:
        """Whether the last window leaves a rest behind it, along some axis."""
        axes = zip(self.space, self.pad, self.spans, self.stride)
        return any((size + sum(pad) - span) % step for size, pad, span, step in axes)

    @property
    def usual_stride(self) -> Ints:
        """A window's size in pools, and 1 elsewhere."""
        return (1,) * len(self.kernel) if self.w or self.op == "unfold" else self.kernel

    @cached_property
    def y(self) -> Ints:
        """The output's shape, and the upstream gradient's."""
        if self.op == "unfold":
            return (self.x[0], math.prod(self.out), math.prod(self.kernel) * self.x[-1])
        if self.op == "conv_transpose":
            return (self.x[0], *self.out, self.w[-2] * self.groups)
        if self.kernel or self.op in ADAPTIVE:
            return (self.x[0], *self.out, (self.w or self.x)[-1])
        if self.pad:
            sizes = (size + sum(pair) for size, pair in zip(self.space, self.pad, strict=True))
            return (self.x[0], *sizes, self.x[-1])
        return () if self.op == "conv_single_step" else self.x

    @property
    def outputs(self) -> dict[str, Ints]:
        """The shape of everything that the oracle answers, forward and backward."""
        is_norm, one = self.op == "batch_norm", self.y[-1:]
        moved = one if is_norm and self.training and self.running else None
        shapes = {
            "y": self.y,
            "index": self.y if self.op in MAXIMA else None,
            "mean": moved,
            "var": moved,
            "dx": self.x if self.is_pass else None,
            "dw": one if is_norm and self.scale else self.w or None,
            "db": one if self.bias and (is_norm or self.w) else None,
        }
        return {name: shape for name, shape in shapes.items() if shape is not None}

    @property
    def needs_padding(self) -> bool:
        """Whether torch has no words for the pads, and must be given a padded array."""
        if any(before != after for before, after in self.pad):
            return not self.word or len(self.space) == 1
        if self.w:
            return len(self.space) == 1
        wide = any(2 * max(pad) > size for pad, size in zip(self.pad, self.kernel, strict=True))
        is_volume = self.op == "avg_pool" and len(self.space) == 3
        return wide or (is_volume and any(map(int.__lt__, self.space, self.kernel)))

    @cached_property
    def work(self) -> int:
        """The multiply-adds of a forward pass, or the cells of a helper's array."""
        if self.op in ADAPTIVE:
            cells = math.prod(sum(map(len, windows)) for windows in self.windows)
            return self.x[0] * cells * self.x[-1]
        if self.op == "conv_transpose":
            return math.prod(self.x) * math.prod(self.kernel) * self.w[-2]
        if self.op in ("unfold", "max_unpool"):
            return math.prod(self.y)
        if not self.kernel:
            return math.prod(self.x)
        return math.prod(self.y) * math.prod(self.kernel) * math.prod(self.w[-2:-1])

    @cached_property
    def row(self) -> str:
        """As a line: the shapes, the fill, and every setting that is not the usual."""
        words: dict[str, Any] = {"x": self.x}
        if self.w:
            words["w"] = self.w
        elif self.kernel:
            words["kernel"] = simplify(self.kernel)
        if self.stride != self.usual_stride:
            words["stride"] = simplify(self.stride)
        if self.op == "zero_pad" or self.word or self.is_padded:
            words["pad"] = self.word or simplify_pad(self.pad)
        if self.dilation != (1,) * len(self.kernel):
            words["dilation"] = simplify(self.dilation)
        if self.op == "conv_single_step":
            words["b"] = self.b
        for key in (*OPTIONS, "fill", "layout", "dtype", "check"):
            value = getattr(self, key)
            if value != getattr(Case, key, None):
                words[key] = simplify(value) if isinstance(value, tuple) else value
        return " ".join([self.op, *(f"{key}={_write(value)}" for key, value in words.items())])


def simplify(sizes: Sequence[int]) -> int | Ints:
    """An int where all sizes agree."""
    return sizes[0] if len(set(sizes)) == 1 else tuple(sizes)


def simplify_pad(pad: Pairs) -> int | Ints | Pairs:
    """An int for each axis where before and after agree, one int where all do."""
    if any(before != after for before, after in pad):
        return pad
    return simplify([before for before, _ in pad])


def _write(value: Any) -> str:
    """`value` as in TOML, without spaces, words without quotes."""
    if isinstance(value, tuple):
        return f"[{','.join(map(_write, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
