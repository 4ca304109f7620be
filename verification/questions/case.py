"""One question: an operation with its shapes, its settings and the fill of its arrays.

x is (N, *space, C), w (*kernel, C/groups, K); kernel, stride, dilation and pad hold one entry for
each spatial axis.  As a line, a question reads `conv x=[2,5,7,3] w=[3,2,3,4] stride=2 fill=sparse`.
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
POOLS = frozenset({"max_pool", "avg_pool"})
OPTIONS = ("groups", "bias", "ceil_mode", "count_include_pad", "divisor_override")


class CaseError(ValueError):
    """A row that is no question, or one that no oracle may be asked."""


@dataclass(frozen=True)
class Case:
    """A question; `word` is the pad where it was given as "same" or "valid".

    `dtype` is of the arrays where it is not to be the run's.  `check` names a way to judge the
    answers without an oracle's.
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
    layout: str = "C"
    dtype: str = ""
    check: str = ""
    why: str = ""

    @property
    def id(self) -> str:
        return ".".join(filter(None, (self.name, self.check or self.fill, self.dtype)))

    @property
    def space(self) -> Ints:
        return self.x[1:-1]

    @property
    def is_exact(self) -> bool:
        """Whether the fill leaves one right answer, in whatever order a sum is taken."""
        return self.fill in SUMMED | CHOSEN

    @property
    def is_padded(self) -> bool:
        return any(map(any, self.pad))

    @property
    def spans(self) -> Ints:
        """The cells from a window's first tap to its last, along each axis."""
        return tuple(gap * (k - 1) + 1 for gap, k in zip(self.dilation, self.kernel, strict=True))

    @cached_property
    def windows(self) -> list[list[Ints]]:
        """For each axis, for each window, the cells that its taps meet; pads lie outside."""
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

    @property
    def out(self) -> Ints:
        return tuple(map(len, self.windows))

    @property
    def y(self) -> Ints:
        """The output's shape, and the upstream gradient's."""
        if self.kernel:
            return (self.x[0], *self.out, (self.w or self.x)[-1])
        if self.pad:
            sizes = (size + sum(pair) for size, pair in zip(self.space, self.pad, strict=True))
            return (self.x[0], *sizes, self.x[-1])
        return () if self.op == "conv_single_step" else self.x

    @property
    def outputs(self) -> dict[str, Ints]:
        """The shape of everything that the oracle answers, forward and backward."""
        index = {"index": self.y} if self.op == "max_pool" else {}
        dx = {"dx": self.x} if self.kernel else {}
        dw = {"dw": self.w} if self.w else {}
        db = {"db": self.w[-1:]} if self.w and self.bias else {}
        return {"y": self.y, **index, **dx, **dw, **db}

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

    @property
    def work(self) -> int:
        """The multiply-adds of a forward pass, or the cells of a helper's array."""
        if not self.kernel:
            return math.prod(self.x)
        return math.prod(self.y) * math.prod(self.kernel) * math.prod(self.w[-2:-1])

    @property
    def row(self) -> str:
        """As a line: the shapes, the fill, and every setting that is not the usual."""
        ones = (1,) * len(self.kernel)
        words: dict[str, Any] = {"x": self.x}
        if self.w:
            words["w"] = self.w
        elif self.kernel:
            words["kernel"] = simplify(self.kernel)
        if self.stride != (ones if self.w else self.kernel):
            words["stride"] = simplify(self.stride)
        if self.op == "zero_pad" or self.word or self.is_padded:
            words["pad"] = self.word or simplify_pad(self.pad)
        if self.dilation != ones:
            words["dilation"] = simplify(self.dilation)
        if self.op == "conv_single_step":
            words["b"] = self.b
        for key in (*OPTIONS, "fill", "layout", "dtype", "check"):
            if getattr(self, key) != getattr(Case, key, None):
                words[key] = getattr(self, key)
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
