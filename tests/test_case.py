import itertools

import pytest

from verification import features, row
from verification.case import CaseError


def one(line):
    """The only question of a line."""
    (case,) = row.parse(line)
    return case


@pytest.mark.parametrize(
    ("line", "windows"),
    [
        ("kernel=3 stride=2 pad=1", [(-1, 0, 1), (1, 2, 3)]),
        ("kernel=2 dilation=3", [(0, 3)]),
        ("kernel=2 stride=3 ceil_mode=true", [(0, 1), (3, 4)]),
        ("kernel=1 stride=4 ceil_mode=true", [(0,)]),
    ],
)
def test_windows_are_the_cells_that_taps_meet(line, windows):
    """Along an axis of four cells."""
    case = one(f"max_pool x=[1,4,1] {line} fill=ties")
    assert case.windows == [windows]
    assert case.y == (1, len(windows), 1)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("zero_pad x=[9,9,9,9] pad=3 fill=integers", 1),
        ("conv x=[1,4,4,2] w=[2,2,2,3] fill=integers", 1),
        ("conv x=[9,9,9,2] w=[3,3,2,3] stride=2 pad=2 fill=integers", 2),
        ("max_pool x=[2,6,6,1] kernel=2 fill=permutation", 2),
        ("conv x=[9,9,8,2] w=[3,3,2,3] fill=integers", 3),
        ("conv x=[2,6,6,2] w=[3,3,2,3] stride=2 fill=integers", 3),
        ("max_pool x=[2,6,6,1] kernel=2 fill=ties", 3),
        ("max_pool x=[2,7,7,1] kernel=3 stride=2 fill=permutation", 3),
        ("conv x=[9,9,9,2] w=[3,2,2,3] fill=integers", 4),
        ("conv x=[9,9,9,2] w=[3,3,2,3] dilation=2 fill=integers", 4),
        ("conv x=[9,9,2] w=[3,2,3] fill=integers", 4),
        ("max_pool x=[2,6,6,1] kernel=3 pad=1 fill=permutation", 4),
    ],
)
def test_levels_climb_from_small_to_every_option(line, level):
    """1 smallest, 2 the assignment's, 3 uneven ones, 4 every option."""
    assert features.level(one(line)) == level


def test_features_tell_what_is_particular():
    """Of one question with many."""
    settings = "groups=2 stride=[2,4] pad=[[1,2],[3,0]] fill=integers"
    case = one(f"conv x=[3,11,13,6] w=[3,2,3,8] {settings}")
    assert features.of(case) == {
        *("batch", "unequal-sides", "unequal-window", "pad", "asymmetric-pad", "stride"),
        *("pad-beyond-kernel", "overlap", "gap", "remainder", "groups"),
    }


def test_work_counts_multiply_adds():
    """N P Q R S C/G K."""
    assert one("conv x=[2,5,4,6] w=[2,3,3,8] groups=2 fill=integers").work == 2 * 4 * 2 * 6 * 3 * 8


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=2 fill=integers", False),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=[[0,1],[0,0]] fill=integers", True),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=same fill=integers", False),
        ("conv x=[1,4,1] w=[2,1,1] fill=integers", True),
        ("max_pool x=[1,4,4,1] kernel=3 pad=1 fill=ties", False),
        ("max_pool x=[1,4,4,1] kernel=3 pad=2 fill=ties", True),
        ("avg_pool x=[1,2,4,4,1] kernel=3 pad=1 fill=integers", True),
        ("avg_pool x=[1,3,4,4,1] kernel=3 pad=1 fill=integers", False),
    ],
)
def test_what_torch_has_no_words_for_needs_padding(line, needs):
    """Asymmetric pads, pads beyond half a pooling kernel, 1-D convolutions, short volumes."""
    assert one(line).needs_padding is needs


LINES = [
    "conv x=[2,5,7,3] w=[3,2,3,4] stride=2 fill=sparse",
    "conv x=[2,5,7,4] w=[3,2,2,4] stride=[2,1] pad=[[0,1],[2,0]] groups=2 fill=dense",
    "conv x=[2,5,7,4] w=[3,2,4,4] stride=[2,1] dilation=[1,2] fill=special",
    "conv x=[2,5,4] w=[3,4,4] pad=same bias=false fill=integers layout=F",
    "max_pool x=[1,4,5,2] kernel=[3,2] stride=1 pad=[1,0] ceil_mode=true fill=special",
    "avg_pool x=[1,9,2] kernel=4 count_include_pad=false divisor_override=-3 fill=integers",
    "zero_pad x=[1,3,4,2] pad=[2,1] fill=special",
    "conv_single_step x=[3,2,4] b=[1,1,1] fill=integers",
    "create_mask_from_window x=[3,2] fill=ties",
]


@pytest.mark.parametrize("line", LINES)
def test_a_question_is_written_back_as_it_was_read(line):
    """Only what is not usual stands in the line."""
    assert one(line).row == line


@pytest.mark.parametrize("pair", list(itertools.combinations(LINES, 2)))
def test_different_questions_have_different_lines(pair):
    """The line is what the arrays are seeded with."""
    first, second = map(one, pair)
    assert first.row != second.row


def test_a_case_error_is_a_value_error():
    """For callers that know nothing of the harness."""
    assert issubclass(CaseError, ValueError)
