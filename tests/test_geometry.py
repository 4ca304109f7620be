import itertools

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


def test_a_tap_is_the_slice_that_a_kernel_position_meets():
    """start = k * dilation, one cell for each window."""
    axis = Axis(9, kernel=2, stride=3, dilation=2, before=1)
    assert axis.out == 3
    assert [axis.tap(0), axis.tap(1)] == [slice(0, 7, 3), slice(2, 9, 3)]


def test_taps_come_in_row_major_order():
    """The last axis runs fastest."""
    axes = Axis(3, kernel=2), Axis(5, kernel=3, stride=2)
    starts = [tuple(tap.start for tap in at) for at in geometry.taps(axes)]
    assert starts == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


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
        assert [f for f, w in zip(axis.first_cells, inside) if w] == [w[0] for w in inside if w]
        assert list(axis.corners) == [window[0] for window in windows]
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
