"""One question: an operation with its shapes, its settings and the fill of its arrays.

x is (N, *space, C), w (*kernel, C/groups, K); kernel, stride, dilation and pad hold one entry for
each spatial axis.  As a line, a question reads `conv x=[2,5,7,3] w=[3,2,3,4] stride=2 fill=sparse`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

EXACT = frozenset({"integers", "digits", "units", "ties", "permutation", "special"})


class CaseError(ValueError):
    """A row that is no question, or one that no oracle may be asked."""


@dataclass(frozen=True)
class Case:
    """A question; `word` is the pad where it was given as "same" or "valid".

    `dtype` is of the arrays where it is not to be the run's.  `check` names a way to judge the
    answers without an oracle's, and `live` is the part of every array that must matter.
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
    live: float = 0.0
    why: str = ""

    @property
    def id(self) -> str:
        return ".".join(filter(None, (self.name, self.check or self.fill, self.dtype)))

    @property
    def space(self) -> Ints:
        return self.x[1:-1]

    @cached_property
    def windows(self) -> list[list[Ints]]:
        """For each axis, for each window, the cells that its taps meet; pads lie outside."""
        axes = zip(self.space, self.kernel, self.stride, self.dilation, self.pad, strict=True)
        return [_windows(*sizes, self.ceil_mode) for sizes in axes]

    @property
    def out(self) -> Ints:
        return tuple(map(len, self.windows))

    @property
    def y(self) -> Ints:
        """The output's shape, and the upstream gradient's."""
        return (self.x[0], *self.out, (self.w or self.x)[-1])

    @property
    def needs_padding(self) -> bool:
        """Whether torch has no words for the pads, and must be given a padded array."""
        if any(before != after for before, after in self.pad):
            return not self.word or len(self.space) == 1
        if self.w:
            return len(self.space) == 1
        wide = any(2 * max(pad) > size for pad, size in zip(self.pad, self.kernel))
        short = (
            self.op == "avg_pool"
            and len(self.space) == 3
            and any(map(int.__lt__, self.space, self.kernel))
        )
        return wide or short

    @property
    def work(self) -> int:
        """The multiply-adds of a forward pass, or the cells of a helper's array."""
        if not self.kernel:
            return math.prod(self.x)
        return math.prod(self.y) * math.prod(self.kernel) * math.prod(self.w[-2:-1])

    @property
    def is_exact(self) -> bool:
        """Whether the fill leaves one right answer, in whatever order a sum is taken."""
        return self.fill in EXACT

    @property
    def row(self) -> str:
        """The question as a line."""
        return " ".join([self.op, *(f"{key}={value}" for key, value in _words(self))])


def plain(sizes: Sequence[int]) -> int | Ints:
    """An int where all sizes agree."""
    return sizes[0] if len(set(sizes)) == 1 else tuple(sizes)


def plain_pad(pad: Pairs) -> int | Ints | Pairs:
    """An int for each axis where before and after agree, one int where all do."""
    if any(before != after for before, after in pad):
        return pad
    return plain([before for before, _ in pad])


def text(value: Any) -> str:
    """`value` as TOML writes it, without spaces."""
    if isinstance(value, tuple | list):
        return f"[{','.join(map(text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _windows(
    size: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int], ceil: bool
) -> list[Ints]:
    before, after = pad
    room = before + size + after - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= before + size:
        count -= 1
    corners = (window * stride - before for window in range(count))
    return [tuple(corner + tap * dilation for tap in range(kernel)) for corner in corners]


def _words(case: Case) -> Iterator[tuple[str, str]]:
    ones = (1,) * len(case.kernel)
    yield "x", text(case.x)
    if case.w:
        yield "w", text(case.w)
    elif case.kernel:
        yield "kernel", text(plain(case.kernel))
    if case.stride != (ones if case.w else case.kernel):
        yield "stride", text(plain(case.stride))
    if case.op == "zero_pad" or case.word or any(map(any, case.pad)):
        yield "pad", case.word or text(plain_pad(case.pad))
    if case.dilation != ones:
        yield "dilation", text(plain(case.dilation))
    if case.op == "conv_single_step":
        yield "b", text(case.b)
    for key in ("groups", "bias", "ceil_mode", "count_include_pad", "divisor_override"):
        if getattr(case, key) != getattr(Case, key):
            yield key, text(getattr(case, key))
    yield "fill", case.fill
    for key in ("layout", "dtype", "check"):
        if getattr(case, key) != getattr(Case, key):
            yield key, getattr(case, key)
