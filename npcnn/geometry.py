"""One spatial axis, seen through a window that slides along it.

    span   = dilation * (kernel - 1) + 1               cells from a window's first tap to its last
    padded = before + size + after
    out    = floor((padded - span) / stride) + 1       the number of windows; ceil(...) with `ceil`,
             less one where the last window would start at or beyond before + size

A tap is a kernel position: the windows in which it meets the input, and the cells that it meets,
one for each of them.  A piece of a layer, some of its windows over the cells that they reach, is a
layer of its own.  The sizes are those of torch.nn.functional.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, ...]
Border: TypeAlias = tuple[int, int]
Axes: TypeAlias = "tuple[Axis, ...]"
Taps: TypeAlias = Sequence[tuple[tuple[int, ...], Box, Box]]

KEPT = 32
"""Layers whose pieces are remembered: small ones take longer to cut than to compute."""


class ShapeError(ValueError):
    """Shapes or settings that do not fit together; the message holds the rule and every number."""


@dataclass(frozen=True)
class Axis:
    """`size` cells, padded by `before` and `after`, under windows of `kernel` taps."""

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False

    def validated(self) -> Axis:
        """This axis, if there is such a one."""
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ShapeError(f"{name} must be at least {least}, got {self._numbers}")
        if self.out < 1:
            raise ShapeError(
                f"window spans span={self.span} cells but the padded axis has padded={self.padded} "
                f"({self._numbers})"
            )
        return self

    @property
    def _numbers(self) -> str:
        return (
            f"size={self.size}, kernel={self.kernel}, stride={self.stride}, "
            f"dilation={self.dilation}, pad=({self.before}, {self.after})"
        )

    @property
    def span(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> int:
        return self.before + self.size + self.after

    @cached_property
    def out(self) -> int:
        room = self.padded - self.span
        if not self.ceil:
            return room // self.stride + 1
        windows = -(-room // self.stride) + 1
        starts_in_end_pad = (windows - 1) * self.stride >= self.before + self.size
        return windows - starts_in_end_pad

    @property
    def corners(self) -> range:
        """Where each window starts, in cells of the input: negative in the first pad."""
        return range(-self.before, self.out * self.stride - self.before, self.stride)

    def part(self, run: slice) -> tuple[slice, Axis]:
        """The cells of the input that a run of windows reaches, and the axis that it sees there."""
        start, stop = self.corners[run.start], self.corners[run.stop - 1] + self.span
        first = min(max(start, 0), self.size)
        last = max(first, min(stop, self.size))
        before = min(max(-start, 0), stop - start)
        after = stop - start - before - (last - first)
        axis = Axis(last - first, self.kernel, self.stride, self.dilation, before, after)
        return slice(first, last), axis

    @cached_property
    def taps(self) -> list[tuple[int, slice, slice]]:
        """Every kernel position that meets the input: in these windows, these cells."""
        low, high, found = self.corners[0], self.corners[-1], []
        nearest = max(0, -(high // self.dilation))
        farthest = min(self.kernel - 1, (self.size - 1 - low) // self.dilation)
        for k in range(nearest, farthest + 1):
            shift = self.before - k * self.dilation
            first = max(0, -(-shift // self.stride))
            stop = min(self.out, (self.size - 1 + shift) // self.stride + 1)
            if first < stop:
                cells = slice(first * self.stride - shift, stop * self.stride - shift, self.stride)
                found.append((k, slice(first, stop), cells))
        return found

    def count_cells(self, with_pads: bool) -> NDArray[np.int64]:
        """How many cells of the input, or of the padded axis, each undilated window meets."""
        first, stop = (-self.before, self.size + self.after) if with_pads else (0, self.size)
        starts = np.arange(self.out) * self.stride - self.before
        return np.minimum(starts + self.kernel, stop) - np.maximum(starts, first)

    def check_windows(self) -> None:
        """Refuse a window without a cell of the input: a pool of padding has no answer."""
        first = range(min(self.out, -(-self.before // self.stride)))  # those that start in padding
        last = range(-(-(self.before + self.size) // self.stride), self.out)
        for window in itertools.chain(first, last):
            corner = self.corners[window]
            start = max(corner, corner % self.dilation)
            if start >= min(self.size, corner + self.span):
                raise ShapeError(
                    f"every pooling window must meet the input, but window={window} lies wholly "
                    f"in padding ({self._numbers})"
                )


_LEAST = {"size": 1, "kernel": 1, "stride": 1, "dilation": 1, "before": 0, "after": 0}


def taps(axes: Axes) -> Taps:
    """The window's taps that meet the input, in row order: in which windows, and which cells."""
    return [
        (place, (slice(None), *among), (slice(None), *cells))
        for place, among, cells in (
            zip(*tap) for tap in itertools.product(*(axis.taps for axis in axes))
        )
    ]


@dataclass(frozen=True)
class Piece:
    """Some windows of a layer, the input that they reach, and the axes that they see there.

    `corners` are the images, and along each axis the cells of the layer where windows start.
    """

    box: Box
    reach: Box
    axes: Axes
    corners: tuple[range, ...]

    @cached_property
    def taps(self) -> Taps:
        return taps(self.axes)


@functools.lru_cache(KEPT)
def cut(batch: int, axes: Axes, most: int) -> tuple[Piece, ...]:
    """A layer in pieces of `most` windows, in row order."""
    pieces: list[Piece] = []
    for box in boxes((batch, *outs(axes)), most):
        cells, parts = zip(*(axis.part(run) for axis, run in zip(axes, box[1:])))
        corners = (axis.corners[run] for axis, run in zip(axes, box[1:]))
        pieces.append(Piece(box, (box[0], *cells), parts, (range(batch)[box[0]], *corners)))
    return tuple(pieces)


def by_image(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces in the images that they share: no two of these lists meet the same cell."""
    images = itertools.groupby(pieces, lambda piece: piece.box[0].start)
    return [list(those) for _, those in images]


def outs(axes: Axes) -> list[int]:
    """The number of windows along each axis."""
    return [axis.out for axis in axes]


def boxes(shape: Sequence[int], most: int) -> Iterator[Box]:
    """Row-major runs of an array's cells, one after another, each of `most` cells at most."""
    length, inner = shape[0], math.prod(shape[1:])
    if inner > most and len(shape) > 1:
        for at, rest in itertools.product(range(length), list(boxes(shape[1:], most))):
            yield slice(at, at + 1), *rest
    elif length:
        parts = -(-length // max(1, most // inner))
        step = -(-length // parts)  # of equal length, all but the last
        for at in range(0, length, step):
            yield slice(at, min(at + step, length)), *(slice(0, size) for size in shape[1:])
