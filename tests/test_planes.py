import numpy as np

from verification import planes, verdict


def shown(name, got, want):
    got, want = np.asarray(got), np.asarray(want, float)
    return planes.side_by_side(verdict.compare(name, got, want, "float64"))


def test_a_plane_is_shown_beside_the_right_one():
    """With a map of what differs, and where in the array it stands."""
    want = np.arange(24.0).reshape(1, 3, 4, 2)
    got = want.copy()
    got[0, 1, 2, 1] = -7
    assert shown("dx", got, want) == [
        "yours         oracle        dx[0, :, :, 1]",
        " 1  3  5  7    1  3  5  7   . . . .",
        " 9 11 -7 15    9 11 13 15   . . # .",
        "17 19 21 23   17 19 21 23   . . . .",
    ]


def test_a_large_plane_is_cut_around_its_worst_place():
    """At most six rows and six columns."""
    want = np.zeros((2, 20, 30, 1))
    got = want.copy()
    got[1, 19, 0, 0] = 1
    lines = shown("y", got, want)
    assert len(lines) == 7
    assert lines[0].endswith("y[1, 14:20, 0:6, 0]")
    assert lines[-1].endswith("# . . . . .")


def test_weights_are_shown_along_their_kernel():
    """Their spatial axes come first."""
    want = np.zeros((3, 2, 4, 5))
    got = want.copy()
    got[2, 1, 3, 4] = 1
    assert shown("dw", got, want)[0].endswith("dw[:, :, 3, 4]")


def test_volumes_show_their_last_two_axes():
    """At the depth of the worst place."""
    want = np.zeros((1, 4, 3, 2, 1))
    got = want.copy()
    got[0, 2, 1, 1, 0] = 1
    assert shown("y", got, want)[0].endswith("y[0, 2, :, :, 0]")


def test_lines_and_numbers_have_one_row():
    """A bias, a line, a single number."""
    assert shown("db", [1.0, 2.0], [1.0, 3.0]) == [
        "yours   oracle   db[:]",
        "1 2     1 3      . #",
    ]
    assert shown("y", np.array(1.5), np.array(2.5)) == [
        "yours   oracle   y",
        "1.5     2.5      #",
    ]
    line = np.zeros((1, 3, 2))
    assert shown("y", line + np.array([0, 1]), line)[0].endswith("y[0, :, 1]")


def test_whole_numbers_are_shown_in_full_and_others_rounded():
    """Large sums differ in their last digits."""
    assert "9007199254740991" in shown("db", [9007199254740991.0], [9007199254740990.0])[1]
    assert shown("db", [1 / 3, np.nan], [2 / 3, np.inf])[1].startswith("0.333333      nan")


def test_what_has_no_numbers_has_no_plane():
    """A wrong shape."""
    assert planes.side_by_side(verdict.compare("y", np.ones(3), np.ones(2), "float64")) == []
