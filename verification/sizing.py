"""Sizes for a row of levels: windows, pads and inputs to try, in turn.

A side of the input follows from how many windows go along it: span + (windows - 1) * stride - pad.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verification import definition, triples
from verification.case import Case, Ints, Pairs

Levels = Mapping[str, str]

_KERNELS: dict[str, list[Ints]] = {
    "point": [(1, 1, 1)],
    "odd": [(3, 3, 1), (5, 3, 1), (3, 1, 3), (3, 3, 3)],
    "even": [(2, 4, 2), (4, 2, 2), (2, 2, 4), (2, 2, 2)],
    "mixed": [(3, 2, 2), (2, 3, 1), (1, 2, 3), (4, 3, 2)],
}
_STRIDES: list[Ints] = [(1, 1, 1), (2, 2, 2), (3, 3, 3), (2, 1, 3), (1, 3, 2), (3, 2, 1)]
_DILATIONS: dict[str, list[Ints]] = {
    "one": [(1, 1, 1)],
    "two": [(2, 2, 2)],
    "unequal": [(2, 1, 3), (1, 2, 1), (3, 2, 1)],
}
_PADS: list[Pairs] = [
    ((0, 0), (0, 0), (0, 0)),
    ((1, 1), (1, 1), (1, 1)),
    ((2, 2), (2, 2), (2, 2)),
    ((1, 1), (0, 0), (2, 2)),
    ((0, 0), (1, 1), (0, 0)),
    ((2, 2), (1, 1), (0, 0)),
    ((1, 0), (0, 2), (1, 1)),
    ((0, 1), (1, 0), (0, 0)),
    ((0, 2), (1, 0), (0, 1)),
]
_COUNTS = [(4, 3, 2), (3, 4, 2), (5, 2, 3)]
"""How many windows go along each axis."""
_OTHERS = [(3, 2, 2), (2, 3, 1), (2, 1, 2), (1, 2, 1), (2, 3, 4), (3, 4, 5)]
"""How many where that would be too much work, or see too little of the kernel."""
_CHANNELS = {  # in, out and groups
    "one one": [(1, 3, 1), (1, 2, 1)],
    "more one": [(2, 3, 1), (2, 5, 1)],
    "fewer one": [(3, 2, 1), (5, 2, 1), (3, 1, 1)],
    "equal one": [(3, 3, 1), (2, 2, 1)],
    "more some": [(4, 6, 2)],
    "fewer some": [(6, 4, 2), (6, 3, 3)],
    "equal some": [(4, 4, 2), (6, 6, 3)],
    "more depthwise": [(3, 6, 3), (2, 6, 2)],
    "equal depthwise": [(3, 3, 3), (5, 5, 5)],
}


@dataclass(frozen=True)
class _Window:
    kernel: Ints
    stride: Ints
    dilation: Ints

    @property
    def spans(self) -> Ints:
        return tuple(step * (size - 1) + 1 for size, step in zip(self.kernel, self.dilation))


def sizes(op: str, levels: Levels, turn: int) -> Iterator[dict[str, Any]]:
    """Shapes and settings to try, in another order each turn."""
    for window in _windows(levels, turn):
        for pad in _pads(op, levels, window, turn):
            for space in _spaces(levels, window, pad, turn):
                table = _arrays(op, levels, window.kernel, space, turn)
                table |= {"stride": list(window.stride), "pad": list(map(list, pad))}
                table |= {"pad": "same"} if levels["pad"] == "same" else {}
                yield table | ({} if op == "avg_pool" else {"dilation": list(window.dilation)})


def fits(case: Case) -> bool:
    """Whether sides differ, most weights matter, and the definition can afford it."""
    differ = len(set(case.space)) == len(case.space)
    return differ and case.work <= definition.AFFORDABLE and _live(case) > 0.5


def _live(case: Case) -> float:
    """The part of the kernel's taps that ever meet the input."""
    return math.prod(
        sum(any(0 <= cell < size for cell in cells) for cells in zip(*windows)) / taps
        for windows, size, taps in zip(case.windows, case.space, case.kernel)
    )


def _rests(levels: Levels) -> bool:
    return levels["remainder"] == "some"


def _windows(levels: Levels, turn: int) -> Iterator[_Window]:
    kernels = triples.turned(_KERNELS[levels["kernel"]], turn)
    dilations = triples.turned(_DILATIONS[levels.get("dilation", "one")], turn)
    rank = slice(int(levels["rank"]))
    for kernel, dilation in ((k[rank], d[rank]) for k, d in itertools.product(kernels, dilations)):
        above = (max(kernel) + 1,) * len(kernel)
        for stride in (kernel, above, *(step[rank] for step in triples.turned(_STRIDES, turn))):
            if _stride_level(stride, kernel) == levels["stride"]:
                yield _Window(kernel, stride, dilation)


def _stride_level(stride: Ints, kernel: Ints) -> str:
    if set(stride) == {1}:
        return "one"
    if stride == kernel:
        return "equal"
    if len(set(stride)) > 1:
        return "unequal"
    if stride[0] <= min(kernel):
        return "below"
    return "above" if stride[0] > max(kernel) else "between"


def _pads(op: str, levels: Levels, window: _Window, turn: int) -> Iterator[Pairs]:
    if levels["pad"] == "same":
        return iter([tuple((0, span - 1) for span in window.spans)])
    most = window.spans if op == "conv" else tuple(size // 2 for size in window.kernel)
    axis = turn % len(most)
    over = [
        (*pad[:axis], (most[axis] + 1, after), *pad[axis + 1 :])
        for pad, after in itertools.product(_PADS, (0, most[axis] + 1))
    ]
    known = [pad[: len(most)] for pad in triples.turned([*_PADS, *over], turn)]
    wanted = ("equal", "unequal") if levels["pad"] == "even" else (levels["pad"],)
    return (pad for pad in known if _pad_level(pad, most) in wanted)


def _pad_level(pad: Pairs, most: Ints) -> str:
    if not any(map(any, pad)):
        return "none"
    if any(max(pair) > size for pair, size in zip(pad, most)):
        return "beyond"
    if any(before != after for before, after in pad):
        return "lopsided"
    return "equal" if len(set(pad)) == 1 else "unequal"


def _spaces(levels: Levels, window: _Window, pad: Pairs, turn: int) -> list[Ints]:
    counts = [*triples.turned(_COUNTS, turn), *_OTHERS]
    rests = itertools.repeat(_rests(levels))
    return [tuple(map(_side, each, window.spans, window.stride, pad, rests)) for each in counts]


def _side(count: int, span: int, stride: int, pad: tuple[int, int], rest: bool) -> int:
    """The side with so many windows; or, where pads alone hold them, the least above one."""
    side = span + (count - 1) * stride + (stride - 1) * rest - sum(pad)
    return side if side > 0 else (side - 2) % stride + 2


def _arrays(op: str, levels: Levels, kernel: Ints, space: Ints, turn: int) -> dict[str, Any]:
    batch = 1 if levels["batch"] == "one" else 2 + turn % 2
    if op != "conv":
        channels = 1 if levels["channels"] == "one" else 3
        return {"x": [batch, *space, channels], "kernel": list(kernel)}
    depths = _CHANNELS[f"{levels['channels']} {levels['groups']}"]
    channels, filters, groups = triples.turned(depths, turn)[0]
    w = [*kernel, channels // groups, filters]
    return {"x": [batch, *space, channels], "w": w, "groups": groups}
