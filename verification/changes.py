"""The changes that a convolution or a pool must follow, as views of the changed question.

Padding, shifts, subsampling, zeros between taps, blocks of channels, reversals and any other order
are lists of places.  The padded plane is x with its pads in place, wide enough for windows that
overhang: what is said about padding has no say there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from verification.case import Case
from verification.views import Places, View, still


def pad(case: Case) -> list[View]:
    """The padded plane, to be asked about without pads."""
    planes = _planes(case)
    return [replace(still(_plain(case, planes)), cells=planes)]


def shift(case: Case) -> list[View]:
    """Along every axis a stride of nothing before x: one window more, the first."""
    cells = tuple(range(-step, size) for step, size in zip(case.stride, case.space))
    changed = replace(case, x=(case.x[0], *map(len, cells), case.x[-1]))
    windows = tuple(range(-1, count - 1) for count in changed.out)
    return [replace(still(changed), cells=cells, windows=windows)]


def stride(case: Case) -> list[View]:
    """At stride 1 on the padded plane: every so-many-th window is one of ours."""
    planes = _planes(case)
    changed = replace(_plain(case, planes), stride=(1,) * len(planes))
    windows = tuple(map(_spaced, changed.out, case.stride))
    return [replace(still(changed), cells=planes, windows=windows)]


def dilation(case: Case) -> list[View]:
    """Of a convolution zeros between the taps; of a pool each sub-lattice of the plane alone."""
    if not case.w:
        return _lattices(case)
    spans = [gap * (size - 1) + 1 for gap, size in zip(case.dilation, case.kernel)]
    ones = (1,) * len(spans)
    changed = replace(case, w=(*spans, *case.w[-2:]), kernel=tuple(spans), dilation=ones)
    return [replace(still(changed), taps=tuple(map(_spaced, spans, case.dilation)))]


def groups(case: Case) -> list[View]:
    """Each group by itself."""
    depth, width = case.w[-2], case.w[-1] // case.groups
    single = replace(case, x=(*case.x[:-1], depth), w=(*case.w[:-1], width), groups=1)
    return [
        replace(
            still(single),
            channels=range(group * depth, (group + 1) * depth),
            filters=range(group * width, (group + 1) * width),
        )
        for group in range(case.groups)
    ]


def batch(case: Case) -> list[View]:
    """The first example alone, and the others without it."""
    parts = _first_and_others(case.x[0])
    changed = [replace(case, x=(len(part), *case.x[1:])) for part in parts]
    return [replace(still(asked), examples=part) for asked, part in zip(changed, parts)]


def channels(case: Case) -> list[View]:
    """Of a pool the first alone, and the others without it; of a convolution in another order."""
    if case.w:
        return [_reordered(case)]
    parts = _first_and_others(case.x[-1])
    changed = [replace(case, x=(*case.x[:-1], len(part))) for part in parts]
    return [
        replace(still(asked), channels=part, filters=part) for asked, part in zip(changed, parts)
    ]


def transpose(case: Case) -> list[View]:
    """The first spatial axis last, with all its settings."""
    axes = len(case.space)
    settings = (case.kernel, case.stride, case.dilation)
    kernel, stride, dilation = ((*sizes[1:], sizes[0]) for sizes in settings)
    changed = replace(
        case,
        x=(case.x[0], *case.space[1:], case.space[0], case.x[-1]),
        w=(*kernel, *case.w[axes:]) if case.w else (),
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        pad=(*case.pad[1:], case.pad[0]),
    )
    return [replace(still(case), case=changed, turned=True)]


def flip(case: Case) -> list[View]:
    """Every axis of the padded plane reversed, without the cells behind the last window."""
    ends = zip(case.windows, case.pad)
    cells = tuple(range(windows[-1][-1], -before - 1, -1) for windows, (before, _) in ends)
    windows, taps = ([range(n - 1, -1, -1) for n in sizes] for sizes in (case.out, case.w[:-2]))
    changed = still(_plain(case, cells))
    return [replace(changed, cells=cells, windows=tuple(windows), taps=tuple(taps))]


def _planes(case: Case) -> tuple[range, ...]:
    """For each axis the cells of x and its padding, as far as a window reaches."""
    axes = zip(case.space, case.pad, case.windows)
    return tuple(
        range(-before, max(size + after, windows[-1][-1] + 1))
        for size, (before, after), windows in axes
    )


def _plain(case: Case, cells: Sequence[Places]) -> Case:
    """The question to these cells, without padding and without what is said about it."""
    return replace(
        case,
        x=(case.x[0], *map(len, cells), case.x[-1]),
        pad=((0, 0),) * len(cells),
        word="",
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    )


def _first_and_others(count: int) -> list[range]:
    return [range(1), range(1, count)]


def _reordered(case: Case) -> View:
    """The groups, and in each of them the channels and the filters: the first comes last."""
    depth, width = case.x[-1] // case.groups, case.y[-1] // case.groups
    return replace(
        still(case),
        channels=_rolled(case.groups, depth),
        depths=_rolled(1, depth),
        filters=_rolled(case.groups, width),
    )


def _spaced(count: int, step: int) -> list[int]:
    """Numbers `step` places apart, nothing between them."""
    return [place // step if place % step == 0 else -1 for place in range(count)]


def _rolled(blocks: int, size: int) -> list[int]:
    """The second block first and the first last, and so within each."""
    order = [[(i + 1) % n for i in range(n)] for n in (blocks, size)]
    return [block * size + place for block, place in itertools.product(*order)]


def _lattices(case: Case) -> list[View]:
    axes = zip(_planes(case), case.stride, case.dilation, case.out)
    return [_lattice(case, lines) for lines in itertools.product(*(_lines(*axis) for axis in axes))]


def _lines(plane: range, step: int, gap: int, count: int) -> list[tuple[range, range, int]]:
    """Every gap-th cell from each window that is the first on them; these windows; their stride."""
    period = gap // math.gcd(step, gap)
    return [
        (plane[first * step :: gap], range(first, count, period), step * period // gap)
        for first in range(min(period, count))
    ]


def _lattice(case: Case, lines: Sequence[tuple[range, range, int]]) -> View:
    cells, windows, strides = zip(*lines)
    plain = replace(_plain(case, cells), stride=strides, dilation=(1,) * len(lines))
    # the plane may hold a window more, which ceil mode leaves out
    longer = [range(of.start, of.start + of.step * n, of.step) for of, n in zip(windows, plain.out)]
    return replace(still(plain), cells=cells, windows=tuple(longer))
