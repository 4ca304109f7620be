import numpy as np
import pytest

from npcnn import windows
from npcnn.geometry import Axis
from npcnn.scratch import Scratch

AXES = Axis(6, kernel=2, stride=2), Axis(9, kernel=3, dilation=2)
RNG = np.random.default_rng(5)


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


def test_crop_undoes_pad():
    """On axes with other pads before than after; in rooms that held other numbers."""
    x = integers(2, 5, 7, 3)
    borders = [(1, 0), (0, 2)]
    with Scratch() as scratch:
        scratch.take((10000,), x.dtype).fill(7)
    for room in (None, scratch):
        with Scratch():
            xp = windows.pad(x, borders, room)
            assert xp.shape == (2, 6, 9, 3)
            assert xp.sum() == x.sum()
            np.testing.assert_array_equal(windows.crop(xp, borders), x)


def test_no_border_is_no_copy():
    """A pad of nothing costs nothing."""
    x = integers(1, 2, 3, 1)
    assert windows.pad(x, [(0, 0), (0, 0)]) is x


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_scatter_is_the_adjoint_of_gather(groups):
    """<gather(x), c> = <x, scatter(c)>, exactly."""
    x, back = integers(2, 6, 9, 6), np.zeros((2, 6, 9, 6))
    with Scratch() as scratch:
        gathered = windows.gather(x, AXES, groups, scratch)
        cells = integers(groups, 2, 3, 6 // groups, 2, 3, 5)
        windows.scatter(cells, AXES, back)
        rows = np.moveaxis(cells, (4, 5, 6), (1, 2, 3)).reshape(gathered.shape)
        assert np.vdot(gathered, rows) == np.vdot(x, back) != 0


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_gather_lays_out_groups_windows_and_taps(groups):
    """(G, windows, taps * C/G), each entry where the formula has it."""
    x = integers(2, 6, 9, 6)
    with Scratch() as scratch:
        gathered = windows.gather(x, AXES, groups, scratch)
        assert gathered.shape == (groups, 2 * 3 * 5, 2 * 3 * 6 // groups)
        cells = gathered.reshape(groups, 2, 3, 5, 2, 3, -1)
        for g, n, p, q, r, s, c in np.ndindex(cells.shape):
            cell = x[n, 2 * p + r, q + 2 * s, g * (6 // groups) + c]
            assert cells[g, n, p, q, r, s, c] == cell


def test_single_taps_are_gathered_without_a_copy():
    """A 1x1 kernel with stride 1 reads the input where it is."""
    x = integers(2, 3, 4, 5)
    with Scratch() as scratch:
        cells = windows.gather(x, (Axis(3, kernel=1), Axis(4, kernel=1)), 1, scratch)
        assert np.shares_memory(cells, x)


def test_windows_are_a_view():
    """Nothing outside the array can be reached: what does not fit is refused."""
    x = integers(1, 3, 2, 1)
    assert np.shares_memory(windows.windowed(x, (Axis(3, kernel=2), Axis(2, kernel=2))), x)
    with pytest.raises(ValueError, match="window shape cannot be larger than input array shape"):
        windows.windowed(x, (Axis(3, kernel=2), Axis(3, kernel=3)))


def test_work_is_in_windows():
    """So many as their strides lie apart; of no channels any number."""
    x, axes = np.zeros((2, 9, 8, 5), np.float32), (Axis(9, kernel=2, stride=3), Axis(8, 2, 2))
    assert windows.over(1000, x, axes) == 1000 // (5 * 4 * 3 * 2)
    assert windows.over(1000, x[..., :0], axes) == 1000


def test_padding_goes_into_rooms_that_are_used_again():
    """Where there are any."""
    x = integers(2, 3, 4, 5)
    with Scratch() as scratch:
        first = windows.pad(x, [(1, 0), (0, 2)], scratch)
    with Scratch() as scratch:
        assert np.shares_memory(first, windows.pad(x, [(2, 0), (0, 1)], scratch))
    assert not np.shares_memory(first, windows.pad(x, [(1, 0), (0, 2)]))
