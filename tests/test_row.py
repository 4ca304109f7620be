import re

import pytest

from verification import row
from verification.case import CaseError


@pytest.mark.parametrize("op", row.USUAL)
def test_without_a_fill_the_usual_ones_are_asked(op):
    """Each a question of its own."""
    table = {"id": "a", "x": [1, 4, 4, 1], "w": [2, 2, 1, 1], "kernel": 2, "b": [1], "pad": 0}
    known = {"conv": "xw", "conv_single_step": "xb", "max_pool": "xkernel", "avg_pool": "xkernel"}
    wanted = {key: table[key] for key in table if key in ("id", *known.get(op, "x"), "kernel")}
    if op not in ("max_pool", "avg_pool"):
        wanted.pop("kernel")
    if op == "zero_pad":
        wanted["pad"] = 1
    assert tuple(case.fill for case in row.cases(op, wanted)) == row.USUAL[op]


def test_each_makes_the_product_of_its_lists():
    """Numbered, the last list running fastest; other keys hold for all."""
    table = {"id": "g", "x": [1, 6, 5, 1], "w": [2, 2, 1, 1], "fill": "integers", "bias": False}
    grid = {"stride": [1, [2, 3]], "pad": [0, [[0, 1], [2, 0]]]}
    cases = row.cases("conv", table | {"each": grid})
    assert [case.name for case in cases] == ["g-0", "g-1", "g-2", "g-3"]
    assert [case.stride for case in cases] == [(1, 1), (1, 1), (2, 3), (2, 3)]
    assert [case.pad for case in cases] == [((0, 0), (0, 0)), ((0, 1), (2, 0))] * 2
    assert {case.bias for case in cases} == {False}


def test_words_become_pads():
    """The extra cell of "same" comes after."""
    (case,) = row.parse("conv x=[1,5,6,1] w=[2,3,1,1] dilation=[3,1] pad=same fill=integers")
    assert (case.word, case.pad, case.out) == ("same", ((1, 2), (1, 1)), (5, 6))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "unknown operation ''"),
        ("conv2d x=[1,4,4,1]", "unknown operation 'conv2d', known are conv, max_pool"),
        ("conv x=[1,4,4,1]", r"missing keys \['w'\]"),
        ("conv x=[1,1] w=[1,1]", "one to three spatial axes"),
        ("conv x=[1,4,4,1] w=[2,1,1]", "both as many"),
        ("zero_pad x=[1,1,1,1,1,1] pad=1", "one to three spatial axes"),
        ("max_pool kernel=2", r"missing keys \['x'\]"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] strides=2", r"unknown keys \['strides'\]"),
        ("zero_pad x=[1,4,4,1] pad=1 stride=2", r"unknown keys \['stride'\]"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] fill=ties", r"conv has no fill \['ties'\]"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] fill=[]", "conv has no fill"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] layout=G", "unknown layout 'G', known are C, F"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] stride=[1,2,3]", "nor one for each of 2 axes"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] stride=1.5", "1.5 is not an int"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=[[1,2]]", "not a pair for each of 2 axes"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=full", "unknown pad 'full'"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=same stride=2", "asks for stride 1"),
        ("conv x=[1,4,4,3] w=[2,2,2,1]", "do not fit"),
        ("conv x=[1,4,4,4] w=[2,2,2,3] groups=2", "do not fit"),
        ("conv x=[1,4,4,1] w=[5,2,1,1]", "no window fits"),
        ("max_pool x=[1,2,2,1] kernel=2 stride=3 pad=1 dilation=3", "wholly in padding"),
        ("avg_pool x=[1,4,4,1] kernel=2 pad=2", "wholly in padding"),
        ("max_pool x=[1,4,4,1] kernel=3 pad=2 fill=special", "torch cannot tell"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] stride=0", "at least 1"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] pad=-1", "a pad at least 0"),
        ("conv x=[-1,4,4,1] w=[2,2,1,1]", "a batch must be at least 0"),
        ("conv x=[1,4,4,1.0] w=[2,2,1,1]", "sizes must be ints"),
        ("conv x=[1,4,4,0] w=[2,2,0,1]", "at least 1"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] bias=False", "bias must be of type bool, got 'False'"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] groups=1.0", "groups must be of type int"),
        ("avg_pool x=[1,4,4,1] kernel=2 divisor_override=0", "must not be 0"),
        ("avg_pool x=[1,4,4,1] kernel=2 count_include_pad=0", "of type bool"),
        ("create_mask_from_window x=[0,3]", "a batch must be at least 1"),
        ("zero_pad x=[1,4,4,1]", r"missing keys \['pad'\]"),
        ("conv x=[1,4,4,1] w=[2,2,1,1] id=foo", "a line has no id, no grid"),
        ("conv x=[1,4,4,1 w=[2,2,1,1]", "is no question"),
        ("conv x=[1,4,4,1] w", "is no question"),
    ],
)
def test_what_is_no_question_is_refused(line, message):
    """With the reason."""
    with pytest.raises(CaseError, match=message):
        row.parse(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] check=proof",
            "conv has no check 'proof', known are adj",
        ),
        ("conv x=[1,4,5,2] w=[2,3,2,1] check=monotone", "conv has no check 'monotone', known are"),
        ("max_pool x=[1,4,5,2] kernel=2 check=linear", "max_pool has no check 'linear', known are"),
        ("max_pool x=[1,4,5,2] kernel=2 check=taps", "max_pool has no check 'taps', known are"),
        ("avg_pool x=[1,4,5,2] kernel=2 check=dilation", "avg_pool has no check 'dilation'"),
        ("zero_pad x=[1,4,5,2] pad=1 fill=integers check=pad", "zero_pad has no check 'pad'"),
        ("conv x=[1,4,5,2] w=[2,3,2,1] check=1", "check must be of type str, got 1"),
        ("conv x=[0,4,5,2] w=[2,3,2,1] check=adjoint", "a batch must be at least 1"),
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] check=adjoint fill=sparse",
            "the check 'adjoint' holds of digits, units alone, not of sparse",
        ),
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] check=scale fill=integers",
            "the check 'scale' holds of digits, units alone, not of integers",
        ),
        (
            "max_pool x=[1,4,5,2] kernel=2 check=flip fill=ties",
            "the check 'flip' holds of permutation alone, not of ties",
        ),
        (
            "max_pool x=[1,4,5,2] kernel=2 check=cells fill=dense",
            "the check 'cells' holds of permutation, special alone, not of dense",
        ),
        (
            "max_pool x=[1,4,5,2] kernel=2 check=batch fill=special",
            "the check 'batch' holds of permutation alone, not of special",
        ),
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] dtype=int8 fill=digits",
            "unknown dtype 'int8', known are float16, float32, float64",
        ),
        ("conv x=[1,4,5,2] w=[2,3,2,1] dtype=16", "dtype must be of type str, got 16"),
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] dtype=float16 fill=sparse",
            "float16 is asked with whole numbers alone, not with sparse",
        ),
        (
            "max_pool x=[1,4,5,2] kernel=2 dtype=float16 fill=dense",
            "float16 is asked with whole numbers alone, not with dense",
        ),
        (
            "conv x=[1,4,5,2] w=[2,3,2,1] dtype=float16 check=linear",
            "the checks of a convolution need sums that float16 would round",
        ),
        ("conv x=[1,4,5,2] w=[2,3,2,1] live=1", "live must be of type float, got 1"),
    ],
)
def test_checks_and_dtypes_that_prove_nothing_are_refused(line, message):
    """Right code would be called wrong, or wrong code right."""
    with pytest.raises(CaseError, match=re.escape(message)):
        row.parse(line)


@pytest.mark.parametrize("op", row.CHECKS)
def test_a_check_has_a_usual_fill(op):
    """One of which it holds exactly, however many are usual otherwise."""
    sizes = {"w": [2, 3, 2, 1]} if op == "conv" else {"kernel": 2}
    table = {"id": "a", "x": [2, 4, 5, 2], **sizes, "each": {"check": sorted(row.CHECKS[op])}}
    cases = row.cases(op, table)
    assert [case.check for case in cases] == sorted(row.CHECKS[op])
    assert {case.fill for case in cases} == {"permutation" if op == "max_pool" else "digits"}


def test_a_question_is_named_after_its_check_and_its_dtype():
    """The check in place of the fill; and both stand in its line, which reads the same again."""
    line = "max_pool x=[2,4,5,2] kernel=[2,3] fill=permutation dtype=float32 check=cells"
    (case,) = row.parse(line)
    assert (case.row, case.id) == (line, "row.cells.float32")
    (plain,) = row.parse(line.removesuffix(" check=cells"))
    assert (plain.row, plain.id) == (line.removesuffix(" check=cells"), "row.permutation.float32")


def test_what_must_matter_is_no_part_of_the_question():
    """Its arrays are the same whatever is asked of them."""
    plain, live = (
        row.cases(
            "conv", {"id": "a", "x": [1, 4, 5, 2], "w": [2, 3, 2, 1], "fill": "units", **more}
        )
        for more in ({}, {"live": 0.25})
    )
    assert [case.live for case in (*plain, *live)] == [0.0, 0.25]
    assert plain[0].row == live[0].row
