import numpy as np

from npcnn import geometry, windows
from npcnn.geometry import Axis

AXES = Axis(5, kernel=2, stride=2, before=1), Axis(7, kernel=3, dilation=2, after=2)
RNG = np.random.default_rng(0)


def integers(*shape):
    return RNG.integers(-9, 10, shape).astype(float)


def test_crop_undoes_pad():
    """On axes with other pads before than after."""
    x = integers(2, 5, 7, 3)
    borders = [(1, 0), (0, 2)]
    xp = windows.pad(x, borders, fill=-1)
    assert xp.shape == (2, 6, 9, 3)
    assert xp.sum() == x.sum() - (2 * 6 * 9 * 3 - x.size)
    np.testing.assert_array_equal(windows.crop(xp, borders), x)


def test_no_border_is_no_copy():
    """A pad of nothing costs nothing."""
    x = integers(1, 2, 3, 1)
    assert windows.pad(x, [(0, 0), (0, 0)]) is x


def test_scatter_is_the_adjoint_of_gather():
    """<gather(x), c> = <x, scatter(c)>, exactly, for blocks of every length."""
    taps = geometry.taps(AXES)
    x = integers(2, 6, 9, 2, 3)
    for length in range(1, len(taps) + 1):
        gathered = windows.gather(x, taps[:length])
        cells = integers(*gathered.shape)
        back = np.zeros_like(x)
        windows.scatter(cells, taps[:length], back)
        assert np.vdot(gathered, cells) == np.vdot(x, back) != 0


def test_gather_lays_out_groups_windows_and_taps():
    """(G, windows, taps * C/G), each entry where the formula has it."""
    taps = geometry.taps(AXES)
    x = integers(2, 6, 9, 2, 3)
    gathered = windows.gather(x, taps)
    rows, columns = (axis.out for axis in AXES)
    assert gathered.shape == (2, 2 * rows * columns, 2 * 3 * 3)
    cells = gathered.reshape(2, 2, rows, columns, 2, 3, 3)
    assert cells[1, 1, 2, 3, 1, 2, 0] == x[1, 2 * 2 + 1, 3 + 2 * 2, 1, 0]
