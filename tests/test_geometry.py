import itertools
import math

import numpy as np
import pytest

from npcnn import ShapeError, geometry
from npcnn.geometry import Axis


def test_floor_ignores_a_remainder_and_ceil_covers_it():
    """Both roundings, where they differ."""
    assert Axis(8, kernel=3, stride=2).out == 3
    assert Axis(8, kernel=3, stride=2, ceil=True).out == 4


def test_ceil_drops_a_window_that_would_start_in_the_end_pad():
    """kernel=1, stride=4 on 4 cells; and where 3 < 3 + 1 keeps the window."""
    assert Axis(4, kernel=1, stride=4, ceil=True).out == 1
    assert Axis(3, kernel=2, stride=3, before=1, after=1, ceil=True).out == 2


def test_ceil_takes_a_kernel_beyond_the_input():
    """As torch does: one window that overhangs the end."""
    axis = Axis(7, kernel=9, stride=9, ceil=True)
    assert (axis.out, axis.border, axis.cells) == (1, (0, 2), [7])


def test_a_tap_meets_the_input_in_some_windows_of_a_run():
    """Of 4 windows at -2, 1, 4 and 7 the first has its first cell in the pad, the last its last."""
    axis = Axis(9, kernel=2, stride=3, dilation=2, before=2, after=1)
    assert list(axis.corners) == [-2, 1, 4, 7]
    every, last = slice(0, 4), slice(2, 4)
    assert [axis.tap(k, every) for k in (0, 1)] == [
        (slice(1, 4), slice(1, 10, 3)),
        (slice(0, 3), slice(0, 9, 3)),
    ]
    assert [axis.tap(k, last) for k in (0, 1)] == [
        (slice(0, 2), slice(4, 10, 3)),
        (slice(0, 1), slice(6, 9, 3)),
    ]
    assert axis.tap(1, slice(3, 4)) == (slice(0, 0), slice(0))


def test_taps_come_in_row_major_order():
    """The last axis runs fastest."""
    axes = Axis(3, kernel=2), Axis(5, kernel=3, stride=2)
    taps = geometry.taps(axes, (slice(0, 2), slice(0, 2)))
    starts = [tuple(line.start for line in cells[1:]) for _, cells in taps]
    assert starts == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("most", [1, 3, 7, 12, 30, 1000])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (3, 4, 2), (1, 7, 1, 5), (0, 3)])
def test_boxes_are_row_major_runs(shape, most):
    """Every cell once, in order, and never more than so many at a time."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    parts = [numbers[box].ravel().tolist() for box in geometry.boxes(shape, most)]
    assert [number for part in parts for number in part] == list(range(numbers.size))
    assert all(len(part) <= most for part in parts)


def test_boxes_are_long_and_alike():
    """As few as can be: of 7 rows of 3 cells, 9 at a time, three; the last one may be shorter."""
    rows = [(slice(0, 3),), (slice(3, 6),), (slice(6, 7),)]
    assert list(geometry.boxes((7, 3), 9)) == [(*row, slice(0, 3)) for row in rows]
    assert [box[0].stop for box in geometry.boxes((8, 3), 17)] == [4, 8]


def test_runs_are_smaller_layers():
    """Cells, and the padding around them, are what the windows of the run reach."""
    axes = Axis(7, kernel=3, stride=2, before=4, after=6), Axis(5, kernel=2, dilation=2, before=1)
    seen = 0
    for box, reach, borders in geometry.runs(2, axes, 3):
        for axis, run, cells, (before, after) in zip(axes, box[1:], reach[1:], borders):
            first, last = axis.corners[run.start], axis.corners[run.stop - 1] + axis.span
            assert before + (cells.stop - cells.start) + after == last - first
            assert set(range(cells.start, cells.stop)) == set(range(first, last)) & set(
                range(axis.size)
            )
            assert before == 0 or first == -before or cells.start == cells.stop
        seen += math.prod(part.stop - part.start for part in box)
    assert seen == 2 * math.prod(geometry.outs(axes))


@pytest.mark.parametrize("ceil", [False, True])
def test_axes_agree_with_a_walk_over_every_window(ceil):
    """Cells, first cells, padded cells and border, against counting them one by one."""
    seen = 0
    for size, kernel, stride, dilation, before, after in itertools.product(
        range(1, 6), range(1, 5), range(1, 5), range(1, 4), range(4), range(4)
    ):
        try:
            axis = Axis(size, kernel, stride, dilation, before, after, ceil)
        except ShapeError:
            continue
        seen += 1
        windows = [
            [o * stride - before + k * dilation for k in range(kernel)] for o in range(axis.out)
        ]
        inside = [[cell for cell in window if 0 <= cell < size] for window in windows]
        assert axis.cells == list(map(len, inside))
        whole = slice(0, axis.out)
        for k, (met, cells) in enumerate(axis.tap(k, whole) for k in range(kernel)):
            there = [window[k] for window in windows[met]]
            assert there == list(range(size)[cells])
            assert all(not 0 <= w[k] < size for w in windows[: met.start] + windows[met.stop :])
        assert list(axis.corners) == [window[0] for window in windows]
        if any(inside):
            assert axis.border == (before, max(0, max(map(max, windows)) - size + 1))
        if dilation == 1:
            padded = [[cell for cell in window if cell < size + after] for window in windows]
            assert axis.padded_cells == list(map(len, padded))
    assert seen > 2000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "size must be at least 1, got size=0, kernel=2, stride=1, "),
        ({"kernel": 0}, "kernel must be at least 1, got size=4, kernel=0, "),
        ({"stride": 0}, "stride must be at least 1, got size=4, kernel=2, stride=0, "),
        ({"dilation": -1}, "dilation must be at least 1, got "),
        ({"before": -1}, "before must be at least 0, got "),
        ({"after": -3}, "after must be at least 0, got "),
    ],
)
def test_sizes_below_the_least(wrong, message):
    """The rule, and every number."""
    with pytest.raises(ShapeError) as caught:
        Axis(**({"size": 4, "kernel": 2} | wrong))
    assert str(caught.value).startswith(message)


def test_a_window_that_does_not_fit():
    """To the letter."""
    with pytest.raises(ShapeError) as caught:
        Axis(4, kernel=3, dilation=2)
    assert str(caught.value) == (
        "window spans span=5 cells but the padded axis has padded=4 "
        "(size=4, kernel=3, stride=1, dilation=2, pad=(0, 0))"
    )


def test_a_pool_of_padding():
    """Which window it is."""
    axis = Axis(2, kernel=2, stride=3, dilation=3, before=1, after=1)
    with pytest.raises(ShapeError) as caught:
        axis.meeting_input()
    assert str(caught.value) == (
        "every pooling window must meet the input, but window=0 lies wholly in padding "
        "(size=2, kernel=2, stride=3, dilation=3, pad=(1, 1))"
    )
    assert Axis(3, kernel=2, before=1).meeting_input().out == 3
    for stride, after in (2, 1), (3, 2):  # windows that start where the input ends, and beyond
        with pytest.raises(ShapeError, match="window=1 lies wholly"):
            Axis(2, kernel=1, stride=stride, after=after).meeting_input()
