"""The common checks: right code passes each, plain faults pass none, and what each cannot see."""

import numpy as np
import pytest

from verification import mistakes, oracle
from verification.mistakes import passes
from verification.mistakes.code import Code
from verification.mutants.rivals import RIVALS

BY_ID = {rival.id: rival for rival in RIVALS}
CATALOGUE = {mistake.id: mistake for mistake in mistakes.read()}
LOOKS = [(rival, op) for rival in RIVALS for op in sorted(rival.applies)]
BACKWARD = {"conv_backward", "pool_backward"}
FUNCTIONS = {op for mistake in CATALOGUE.values() for op in mistake.ops}

looks = pytest.mark.parametrize(
    ("rival", "op"), LOOKS, ids=[f"{rival.id}-{op}" for rival, op in LOOKS]
)


def right(op, case, given):
    return passes.answers(op, case, given, Code())


def spoilt(op, spoil):
    """Right code but for one function, whose outputs are spoilt one by one."""

    def answers(asked, case, given):
        replies = right(asked, case, given)
        if asked != op:
            return replies
        return {name: spoil(np.asarray(value, float)) for name, value in replies.items()}

    return answers


def mistaken(name, way, op):
    """Right code but for one function, which makes a mistake of the catalogue."""
    wrong = mistakes.written(CATALOGUE[name].lines[way])

    def answers(asked, case, given):
        return passes.answers(asked, case, given, wrong if asked == op else Code())

    return answers


def test_what_each_can_look_at():
    """Gradient checks see backward passes alone, the others every function."""
    gradients = {"finite-differences", "gradcheck", "gradcheck-fast"}
    assert {rival.id for rival in RIVALS if rival.applies == BACKWARD} == gradients
    assert {rival.id for rival in RIVALS if rival.applies == FUNCTIONS} == set(BY_ID) - gradients


@looks
def test_right_code_is_accepted(rival, op):
    """Of every function, and again when asked again."""
    assert rival.accepts(op, right)
    assert rival.accepts(op, right)


@looks
@pytest.mark.parametrize("factor", [2, -1, 0, np.nan])
def test_a_wrong_factor_is_rejected(rival, op, factor):
    """The doubled, the negated, the zeroed, and what is no number."""
    assert not rival.accepts(op, spoilt(op, lambda output: factor * output))


@looks
@pytest.mark.parametrize(
    "spoil",
    [
        lambda output: None,
        lambda output: output[None],
        lambda output: output.ravel()[1:],
        lambda output: output.astype(str),
        lambda output: output * 1j,
    ],
    ids=["none", "axis-more", "one-short", "text", "complex"],
)
def test_what_is_no_answer_is_rejected(rival, op, spoil):
    """None, a shape that would broadcast, one that would not, text, complex numbers."""
    assert not rival.accepts(op, spoilt(op, spoil))


@looks
def test_an_exception_and_a_missing_output_are_rejected(rival, op):
    """And neither ends the check itself."""

    def raises(asked, case, given):
        raise AssertionError(asked)

    def silent(asked, case, given):
        return {}

    assert not rival.accepts(op, raises)
    assert not rival.accepts(op, silent)


@looks
def test_writing_into_the_arguments_changes_no_expectation(rival, op):
    """Common checks look at the answers alone."""

    def scribbles(asked, case, given):
        replies = {name: np.array(a) for name, a in right(asked, case, given).items()}
        for a in given.values():
            a[...] = 7
        return replies

    assert rival.accepts(op, scribbles)


@looks
def test_lists_and_single_precision_are_numbers(rival, op):
    """As np.allclose takes them; differences of float32 drown in its rounding."""
    assert rival.accepts(op, spoilt(op, lambda output: output.tolist()))
    if rival.id in ("allclose", "means", "square"):
        assert rival.accepts(op, spoilt(op, np.float32))


def test_tolerances():
    """A thousandth too much passes at torch's gradcheck alone."""
    for op in BACKWARD:
        wrong = spoilt(op, lambda output: 1.001 * output)
        accepting = {rival.id for rival in RIVALS if rival.accepts(op, wrong)}
        assert accepting == {"gradcheck", "gradcheck-fast"}


@pytest.mark.parametrize(
    ("name", "way", "op", "blind"),
    [
        ("stride-ignored-forward", 0, "conv_forward", {"square"}),
        ("stride-ignored-backward", 0, "conv_backward", {"square"}),
        ("batch-reversed", 0, "conv_forward", {"means", "square"}),
        ("dw-flipped", 0, "conv_backward", {"means"}),
        ("upstream-of-ones", 0, "conv_backward", {"square"}),
        ("gradient-divided-by-batch", 0, "conv_backward", {"square"}),
        ("first-cell", 0, "pool_backward", {"means"}),
        ("assign-not-add", 0, "pool_backward", {"square"}),
        ("assign-not-add", 3, "pool_backward", {"square", "gradcheck"}),
        ("loop-bounds-swapped", 0, "conv_backward", set(BY_ID) - {"means", "allclose"}),
        ("height-width-swapped", 1, "conv_backward", set(BY_ID) - {"means", "allclose"}),
        ("ties-all", 0, "pool_backward", set(BY_ID)),
        ("rows-for-columns", 0, "conv_backward", set(BY_ID)),
        ("mask-of-abs", 0, "pool_backward", {"means", "square"}),
        ("mask-min", 0, "create_mask_from_window", set()),
    ],
)
def test_blind_spots(name, way, op, blind):
    """Of the checks that look at the function, these and no others let the mistake pass."""
    wrong = mistaken(name, way, op)
    looking = [rival for rival in RIVALS if op in rival.applies]
    accepting = {rival.id for rival in looking if rival.accepts(op, wrong)}
    assert blind & {rival.id for rival in looking} == accepting


@pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])
def test_gradcheck_reads_two_functions(fast):
    """x y^2 and its gradients, then one of them wrong."""
    x, y = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.5]]), np.array([2.0, -1.0, 0.5])

    def product(x, y):
        return x * y**2

    def gradients(g, x, y):
        return g * y**2, (2 * g * x * y).sum(axis=0)

    def halved(g, x, y):
        return g * y**2, (g * x * y).sum(axis=0)

    assert oracle.gradients_agree(product, gradients, [x, y], fast)
    assert not oracle.gradients_agree(product, halved, [x, y], fast)
