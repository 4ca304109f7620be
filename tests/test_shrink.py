from dataclasses import replace

import pytest

from verification import features, row, shrink

CONV = "conv x=[4,9,12,6] w=[3,3,6,5] stride=2 pad=1 fill=integers"
GROUPS = "conv x=[3,9,8,6] w=[3,2,2,9] stride=[2,1] pad=[1,0] groups=3 fill=sparse layout=F"
CEIL = "max_pool x=[3,8,9,4] kernel=3 stride=2 pad=1 ceil_mode=true fill=permutation"
AVERAGE = "avg_pool x=[2,9,7,3] kernel=[3,2] pad=[[1,0],[0,1]] count_include_pad=false fill=dense"
SAME = "conv x=[2,9,7,3] w=[5,5,3,4] pad=same bias=false fill=integers"
LINE = "conv x=[3,11,4] w=[4,4,3] stride=3 pad=2 dilation=2 fill=integers"
SOLID = "conv x=[2,5,6,7,3] w=[2,3,2,3,4] stride=[1,2,3] pad=[1,0,1] fill=integers"
SOLID_POOL = "avg_pool x=[2,5,6,7,3] kernel=2 divisor_override=3 fill=integers"
LINES = [CONV, GROUPS, CEIL, AVERAGE, SAME, LINE, SOLID, SOLID_POOL]
LINES += ["zero_pad x=[3,4,5,2] pad=[1,2] fill=integers", "distribute_value x=[4,6] fill=dense"]

LARGE = "conv x=[16,33,40,24] w=[7,7,24,32] stride=3 pad=3 fill=integers"


def parsed(line):
    (case,) = row.parse(line)
    return case


class Fault:
    """A mistake that shows where `holds`: keeps the rows that it was asked, none twice."""

    def __init__(self, holds):
        self.holds, self.asked = holds, []

    def __call__(self, case):
        assert parsed(case.row) == case, "not as its row reads"
        assert case.row not in self.asked
        self.asked.append(case.row)
        return self.holds(case)


def smallest(line, holds):
    fault = Fault(holds)
    found = shrink.smallest(parsed(line), fault)
    assert len(fault.asked) <= 50
    assert holds(found)
    return found


@pytest.mark.parametrize(
    ("line", "holds", "wanted"),
    [
        (CONV, lambda c: True, "conv x=[1,1,1,1] w=[1,1,1,1] fill=integers"),
        (LARGE, lambda c: True, "conv x=[1,1,1,1] w=[1,1,1,1] fill=integers"),
        (CONV, lambda c: max(c.stride) > 1, "conv x=[1,1,1,1] w=[1,1,1,1] stride=2 fill=integers"),
        (
            LARGE,
            lambda c: max(c.stride) > 1 and min(c.out) > 1,
            "conv x=[1,3,3,1] w=[1,1,1,1] stride=2 fill=integers",
        ),
        (CONV, lambda c: any(map(any, c.pad)), "conv x=[1,1,1,1] w=[1,1,1,1] pad=1 fill=integers"),
        (
            CONV,
            lambda c: c.x[0] > 1 and c.space[0] != c.space[1],
            "conv x=[2,1,2,1] w=[1,1,1,1] fill=integers",
        ),
        (
            "conv x=[4,9,12,6] w=[4,4,6,5] fill=integers",
            lambda c: c.kernel[0] % 2 == 0,
            "conv x=[1,2,2,1] w=[2,2,1,1] fill=integers",
        ),
        (
            CONV,
            lambda c: c.w[-1] > c.w[-2] > 1,
            "conv x=[1,1,1,2] w=[1,1,2,3] fill=integers",
        ),
        (GROUPS, lambda c: True, "conv x=[1,1,1,1] w=[1,1,1,1] fill=sparse"),
        (
            GROUPS,
            lambda c: c.groups > 1,
            "conv x=[1,1,1,2] w=[1,1,1,2] groups=2 fill=sparse",
        ),
        (
            GROUPS,
            lambda c: c.stride[0] != c.stride[1],
            "conv x=[1,1,1,1] w=[1,1,1,1] stride=[2,1] fill=sparse",
        ),
        (
            GROUPS,
            lambda c: c.layout == "F" and c.pad[0] != c.pad[1],
            "conv x=[1,1,1,1] w=[1,1,1,1] pad=[1,0] fill=sparse layout=F",
        ),
        (CEIL, lambda c: True, "max_pool x=[1,1,1,1] kernel=1 fill=permutation"),
        (
            CEIL,
            lambda c: c.ceil_mode and "remainder" in features.of(c),
            "max_pool x=[1,1,2,1] kernel=1 stride=2 ceil_mode=true fill=permutation",
        ),
        (
            CEIL,
            lambda c: any(map(any, c.pad)),
            "max_pool x=[1,1,1,1] kernel=2 stride=1 pad=1 fill=permutation",
        ),
        (
            AVERAGE,
            lambda c: not c.count_include_pad and any(b != a for b, a in c.pad),
            "avg_pool x=[1,1,1,1] kernel=[1,2] stride=1 pad=[[0,0],[0,1]]"
            " count_include_pad=false fill=dense",
        ),
        (SAME, lambda c: True, "conv x=[1,1,1,1] w=[1,1,1,1] fill=integers"),
        (SAME, lambda c: bool(c.word), "conv x=[1,1,1,1] w=[1,1,1,1] pad=same fill=integers"),
        (
            SAME,
            lambda c: not c.bias and c.pad[0][0] > 0,
            "conv x=[1,1,1,1] w=[1,1,1,1] pad=1 bias=false fill=integers",
        ),
        (
            LINE,
            lambda c: c.dilation[0] > 1 and c.kernel[0] > 1,
            "conv x=[1,3,1] w=[2,1,1] dilation=2 fill=integers",
        ),
        (
            SOLID,
            lambda c: c.stride[2] > 1 and c.kernel[1] > 1,
            "conv x=[1,1,2,1,1] w=[1,2,1,1,1] stride=[1,1,2] fill=integers",
        ),
        (SOLID_POOL, lambda c: True, "avg_pool x=[1,1,1,1,1] kernel=1 fill=integers"),
        (
            SOLID_POOL,
            lambda c: c.divisor_override == 3 and c.x[1] > 1,
            "avg_pool x=[1,2,1,1,1] kernel=1 divisor_override=3 fill=integers",
        ),
        (
            "max_pool x=[3,9,12,2] kernel=3 fill=ties",
            lambda c: c.stride == c.kernel and min(c.kernel) > 1,
            "max_pool x=[1,2,2,1] kernel=2 fill=ties",
        ),
        (
            "zero_pad x=[3,4,5,2] pad=[1,2] fill=integers",
            lambda c: c.pad[1][0] > c.pad[0][0] and c.x[1] > 1,
            "zero_pad x=[1,2,1,1] pad=[0,1] fill=integers",
        ),
        (
            "create_mask_from_window x=[5,6,7] fill=ties",
            lambda c: c.x[1] > 2,
            "create_mask_from_window x=[1,3,1] fill=ties",
        ),
        (
            "conv_single_step x=[3,3,4] b=[1,1,1] fill=integers",
            lambda c: c.x[2] > 1,
            "conv_single_step x=[1,1,2] b=[1,1,1] fill=integers",
        ),
    ],
)
def test_the_smallest_question_that_shows_a_mistake(line, holds, wanted):
    """Nothing in it is larger than it must be."""
    assert smallest(line, holds) == parsed(wanted)


@pytest.mark.parametrize("line", LINES)
def test_what_only_the_question_itself_shows_does_not_shrink(line):
    """It is returned as it came."""
    case = parsed(line)
    assert shrink.smallest(case, Fault(lambda c: False)) is case


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("part", range(5))
def test_whatever_shows_a_mistake_the_smallest_may_be_asked(line, part):
    """And it is no larger than the question; here a hash of the row says whether it fails."""
    case = parsed(line)
    found = smallest(line, lambda c: c == case or sum(c.row.encode()) % 5 == part)
    assert parsed(found.row) == found
    assert found.x <= case.x


@pytest.mark.parametrize("line", [CONV, LARGE, LINE, CEIL, SOLID_POOL])
def test_a_square_question_stays_square(line):
    """Kernel, stride and pad of all questions on the way can be written as one int."""

    def square(case):
        sizes = (case.kernel, case.stride, case.dilation, case.pad)
        assert [len(set(size)) for size in sizes] == [1, 1, 1, 1]
        assert all(before == after for before, after in case.pad)
        return max(case.kernel) * case.space[0] > 5

    assert square(smallest(line, square))


@pytest.mark.parametrize(("after", "word", "pad"), [(1, "", (1, 1)), (2, "same", (1, 2))])
def test_a_word_gives_way_to_even_pads_alone(after, word, pad):
    """An extra cell after is no plainer than "same"."""

    def even(case):
        assert case.word or all(before == after for before, after in case.pad)
        return min(case.kernel) == 4 and case.pad[0][1] >= after

    found = smallest("conv x=[2,9,11,1] w=[4,4,1,1] pad=same fill=integers", even)
    assert (found.word, found.pad) == (word, (pad, pad))


def test_asking_ends_at_the_limit():
    """With the smallest until then."""
    for limit in range(8):
        fault = Fault(lambda case: True)
        found = shrink.smallest(parsed(GROUPS), fault, limit)
        assert len(fault.asked) == limit
        assert found.row == ([parsed(GROUPS).row, *fault.asked])[-1]


def test_every_quantity_is_as_small_as_it_gets():
    """No size of the answer can be one less."""
    found = smallest(LARGE, lambda c: c.work > 5000 and c.kernel[0] > 2)
    assert found.kernel == (3, 3)
    assert found.x[0] == found.w[-1] == 1
    assert found.work > 5000
    for axis in (1, 2):
        x = (*found.x[:axis], found.x[axis] - 1, *found.x[axis + 1 :])
        assert replace(found, x=x).work <= 5000


def test_what_may_not_be_asked_is_none():
    """And what may be is as its row reads."""
    case = parsed(CEIL)
    assert shrink.askable(replace(case, name="a", why="b")) == case
    for size in (0, -1):
        assert shrink.askable(replace(case, x=(1, size, 1, 1))) is None
    assert shrink.askable(replace(case, pad=((3, 3), (3, 3)))) is None
