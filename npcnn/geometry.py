"""One spatial axis, seen through a window that slides along it.

    span   = dilation * (kernel - 1) + 1               cells from a window's first tap to its last
    padded = before + size + after
    out    = floor((padded - span) / stride) + 1       the number of windows; ceil(...) with `ceil`,
             less one where the last window would start at or beyond before + size

A tap is one kernel position together with the strided slice of the padded axis that it meets,
one cell for each window.  The sizes are those of torch.nn.functional.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

Tap = tuple[slice, ...]


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

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ShapeError(f"{name} must be at least {least}, got {self._numbers}")
        if self.out < 1:
            raise ShapeError(
                f"window spans span={self.span} cells but the padded axis has padded={self.padded} "
                f"({self._numbers})"
            )

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

    @cached_property
    def starts(self) -> range:
        """Where each window starts, in padded cells."""
        return range(0, self.out * self.stride, self.stride)

    def tap(self, k: int) -> slice:
        """The padded cells that kernel position k meets, one for each window."""
        first = k * self.dilation
        return slice(first, first + self.starts[-1] + 1, self.stride)

    @property
    def border(self) -> tuple[int, int]:
        """The padding that the taps reach: an overhang of `ceil` included, unread pads left out."""
        reached = self.starts[-1] + self.span
        return self.before, max(0, reached - self.before - self.size)

    @property
    def corners(self) -> range:
        """Where each window starts, in cells of the input: negative in the first pad."""
        return range(-self.before, self.starts.stop - self.before, self.stride)

    @property
    def first_cells(self) -> list[int]:
        """For each window the first cell of the input that it meets, if it meets any."""
        return [self._cells(corner).start for corner in self.corners]

    @property
    def cells(self) -> list[int]:
        """For each window the number of cells of the input that it meets."""
        return [len(self._cells(corner)) for corner in self.corners]

    @property
    def padded_cells(self) -> list[int]:
        """For each undilated window the number of cells of the padded axis that it meets."""
        return [min(self.kernel, self.padded - start) for start in self.starts]

    def meeting_input(self) -> Axis:
        """This axis, if every window meets a cell of the input: a pool of padding has no answer."""
        for window, corner in enumerate(self.corners):
            if not self._cells(corner):
                raise ShapeError(
                    f"every pooling window must meet the input, but window={window} lies wholly "
                    f"in padding ({self._numbers})"
                )
        return self

    def _cells(self, corner: int) -> range:
        """The cells of the input that the window at this corner meets."""
        first = max(corner, corner % self.dilation)
        return range(first, min(self.size, corner + self.span), self.dilation)


_LEAST = {"size": 1, "kernel": 1, "stride": 1, "dilation": 1, "before": 0, "after": 0}


def taps(axes: Iterable[Axis]) -> list[Tap]:
    """Every tap of the window, in row-major order: one slice of the padded input for each axis."""
    return list(itertools.product(*([axis.tap(k) for k in range(axis.kernel)] for axis in axes)))


def borders(axes: Iterable[Axis]) -> list[tuple[int, int]]:
    """The padding that the taps reach, for each axis."""
    return [axis.border for axis in axes]


def outs(axes: Iterable[Axis]) -> list[int]:
    """The number of windows along each axis."""
    return [axis.out for axis in axes]
