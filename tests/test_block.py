"""What stands under a function's counts: each part by itself, from findings made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from verification import block, questions, row, verdict
from verification.block import Run
from verification.diagnosis import Diagnosis
from verification.mistakes import Mistake
from verification.outcomes import Outcome
from verification.session import Finding

(SMALL,) = row.parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
KEPT = replace(SMALL, name="plain", why="the plainest there is")
RIGHT = verdict.compare("dW", np.ones(3), np.ones(3), "float64")
WRONG = verdict.compare("dA_prev", np.array([1.0, 5.0]), np.array([1.0, 271.0]), "float64")
CROP = Mistake(
    "crop", 3, ("conv_backward",), "the crop is empty", "cuts 0:-0", "What is x[0:-0]?", "x[0:n]"
)
FLIP = replace(CROP, id="flip", title="the kernel is flipped", change="W as it is")
TIES = replace(CROP, id="ties", title="every tie counts", does="x == max(x)", kind="convention")
AGE = replace(CROP, id="float", title="float of an array", does="took float(b)", change="b.item()")


def outcome(status, question=SMALL, function="conv_backward", **more):
    return Outcome(function, function, question, status, **more)


def finding(*outcomes, **more):
    return Finding("conv_backward", "conv_backward", outcomes, **more)


BAD = outcome("WRONG", verdicts=(WRONG, RIGHT))


def run_of(*findings, **more):
    about = ("my_cnn", "npcnn", "ab12", "torch 2.13.0", "2.4.6", "3.11.7", 0, "float64", 1.25)
    return replace(Run(*about, findings, (CROP, TIES, AGE)), **more)


def told(run, found, title="smallest failing case"):
    """The block of a finding's first outcome, without the room in front of its lines."""
    return [line.strip() for line in block.of(run, found, found.outcomes[0], title)]


def words(told):
    """Lines as label and words."""
    return [tuple(part) for part in told]


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, ""),
        ({"seed": 3}, " --seed 3"),
        ({"dtype": "float32"}, " --dtype float32"),
        ({"words": ("--contract", "assignment")}, " --contract assignment"),
        ({"words": ("--name", "a=b"), "seed": 1}, " --name a=b --seed 1"),
    ],
)
def test_the_command_repeats_the_run(settings, more):
    """Seed, dtype, contract and names included, unless they are the usual ones."""
    command = block.repeat(run_of(**settings), outcome("ok", KEPT))
    assert command == f"python -m verification my_cnn --case conv_backward/plain.integers{more}"


def test_a_question_without_a_name_is_repeated_by_its_row():
    """Quoted for the shell, as is a candidate with a space in its name."""
    command = block.repeat(run_of(candidate="my cnn.py"), BAD)
    assert command == (
        f"python -m verification 'my cnn.py' --case '{SMALL.row}' --only conv_backward"
    )


def test_a_live_session_repeats_by_a_call():
    """There is no file to name."""
    assert block.repeat(run_of(live=True), BAD) == (
        f"judge(globals(), case='{SMALL.row}', only=['conv_backward'])"
    )


def test_a_case_of_the_files_is_told_by_its_name_its_row_and_why():
    """And one from the line by its row alone."""
    shown = told(run_of(), finding(outcome("WRONG", KEPT, verdicts=(WRONG,))))
    assert shown[:3] == [
        "smallest failing case   conv_backward/plain.integers",
        SMALL.row,
        "why                     the plainest there is",
    ]
    shown = told(run_of(), finding(BAD))
    assert shown[:2] == [
        f"smallest failing case   {SMALL.row}",
        "dA_prev is wrong at 1 of 2 places; dW matches",
    ]


def test_the_first_wrong_plane_is_shown():
    """One is enough: the others follow from the same mistake, or come after it."""
    second = verdict.compare("dW", np.zeros(2), np.full(2, 577.0), "float64")
    shown = "\n".join(told(run_of(), finding(outcome("WRONG", verdicts=(RIGHT, WRONG, second)))))
    assert "271" in shown
    assert "577" not in shown
    assert "dA_prev is wrong at 1 of 2 places; dW is wrong at 2 of 2 places; dW matches" in shown


@pytest.mark.parametrize(("first", "plane"), [(True, "Z[0, 1, :, :]"), (False, "Z[0, :, :, 1]")])
def test_the_plane_lies_where_the_contract_has_it(first, plane):
    """Rows and columns, whether channels come first or last."""
    got = np.zeros((1, 2, 2, 2))
    got[0, 1, 0, 1] = 1
    wrong = verdict.compare("Z", got, np.zeros((1, 2, 2, 2)), "float64")
    shown = told(run_of(), finding(outcome("WRONG", verdicts=(wrong,)), channels_first=first))
    assert any(line.endswith(plane) for line in shown)


def test_a_crash_is_told_with_its_lines_and_what_it_printed():
    """Line by line; what a terminal would obey is shown instead."""
    crash = outcome(
        "CRASH",
        message="IndexError: 7\nof 3",
        where=("my_cnn.py line 4: x[7]",),
        stdout="here\x1b[31m\r\nthere\n",
    )
    assert told(run_of(), finding(crash))[1:-1] == [
        "IndexError: 7",
        "of 3",
        "my_cnn.py line 4: x[7]",
        r"printed                 here\x1b[31m\r",
        "there",
    ]


def test_a_wrong_shape_is_told_instead_of_a_plane():
    """There is none to show."""
    misshapen = verdict.compare("db", np.ones(2), np.ones(3), "float64")
    shown = told(run_of(), finding(outcome("WRONG", verdicts=(misshapen,))))
    assert shown[1] == "db has shape (2,), it should be (3,)"
    assert not any("oracle" in line for line in shown)


def test_a_timeout_is_measured_by_what_was_answered():
    """Whether the function is slow or the question makes it hang."""
    lost = outcome("TIMEOUT", message="no answer within 10 seconds", kind="TIMEOUT")
    others = outcome("ok", seconds=0.25), outcome("DEVIATES", seconds=1.5)
    unasked = outcome("not judged", seconds=9.0)
    wrong = outcome("CRASH", seconds=8.0)
    shown = told(run_of(), finding(lost, *others, unasked, wrong))
    assert "2 other questions answered, the slowest in 1.500 s" in shown
    assert "0 other questions answered, the slowest in 0.000 s" in told(run_of(), finding(lost))


@pytest.mark.parametrize(
    ("found", "claim"),
    [
        (
            Diagnosis((CROP,), 4, 4),
            "your answer is, bit for bit, that of code with this mistake, in all 4 failing cases",
        ),
        (
            Diagnosis((CROP,), 4, 4, exactly=False),
            "your answer is, but for roundings, that of code with this mistake, "
            "in all 4 failing cases",
        ),
        (
            Diagnosis((CROP, FLIP), 1, 1),
            "your answer is, bit for bit, that of code with both",
        ),
        (Diagnosis((CROP,), 3, 4), "explains 3 of 4 failing cases"),
    ],
    ids=["whole", "nearly", "one-case", "partly"],
)
def test_a_claim_is_no_larger_than_its_proof(found, claim):
    """All cases or so many of so many; exactly or nearly."""
    shown = told(run_of(), finding(BAD, diagnosis=found))
    assert shown[-2] == claim


def test_a_mistake_is_named_and_put_right():
    """What the code does, and the line that is right; of two mistakes, both."""
    shown = told(run_of(), finding(BAD, diagnosis=Diagnosis((CROP, FLIP), 2, 2)))
    start = shown.index("mistake                 the crop is empty")
    assert shown[start : start + 6] == [
        "mistake                 the crop is empty",
        "cuts 0:-0",
        "instead                 x[0:n]",
        "and                     the kernel is flipped",
        "cuts 0:-0",
        "instead                 W as it is",
    ]


def test_an_exam_asks_and_does_not_tell():
    """The hint alone: no plane, no expected number, no name, no right line, no look."""
    shown = told(run_of(exam=True), finding(BAD, diagnosis=Diagnosis((CROP,), 2, 2)))
    assert shown == [
        f"smallest failing case   {SMALL.row}",
        "dA_prev is wrong at 1 of 2 places; dW matches",
        "hint                    What is x[0:-0]?",
        shown[-1],
    ]
    shown = told(run_of(exam=True), finding(BAD, looks=("dA_prev: each is off by 266",)))
    assert "mistake                 no known mistake fits" in shown
    assert not any("266" in line for line in shown)


def test_where_no_mistake_is_known_it_is_said_what_the_error_looks_like():
    """But not of a crash, whose own words say more."""
    shown = told(run_of(), finding(BAD, looks=("dA_prev: twice as large", "dA_prev: one row")))
    assert shown[-4:-1] == [
        "mistake                 no known mistake fits",
        "dA_prev: twice as large",
        "dA_prev: one row",
    ]
    shown = told(run_of(), finding(outcome("CRASH", message="IndexError: 7")))
    assert not any("mistake" in line for line in shown)


def test_a_case_asked_by_itself_tells_of_no_mistake():
    """One case may be too few to prove one."""
    shown = told(run_of(), finding(BAD, diagnosis=Diagnosis((CROP,), 1, 1)), "case")
    assert shown[0] == f"case                    {SMALL.row}"
    assert not any("mistake" in line or "the crop" in line for line in shown)


def test_an_error_of_age_is_told_with_what_came_of_its_mending():
    """Where it stands, what the newer NumPy refuses, and how all else was judged."""
    crash = outcome("CRASH", message="TypeError: only 0", where=("my_cnn.py line 4: float(b)",))
    well = replace(crash, mended=outcome("ok"))
    ill = replace(crash, mended=BAD)
    found = finding(outcome("ok"), well, well, ill, age=AGE)
    assert words(block.age(run_of(), found, AGE)) == [
        ("age", "TypeError: only 0"),
        ("", "my_cnn.py line 4: float(b)"),
        ("", "took float(b)"),
        ("instead", "b.item()"),
        ("mended in flight", "2 ok, 1 WRONG"),
    ]
    assert words(block.age(run_of(exam=True), found, AGE)) == [
        ("age", "TypeError: only 0"),
        ("", "my_cnn.py line 4: float(b)"),
        ("mended in flight", "2 ok, 1 WRONG"),
    ]


def test_what_is_inherited_is_said_once():
    """However many cases it is."""
    unjudged = outcome("not judged", message="it stands on zero_pad, which fails")
    assert words(block.inherited(finding(outcome("ok"), unjudged, unjudged))) == [
        ("not judged", "it stands on zero_pad, which fails")
    ]
    assert words(block.inherited(finding(outcome("ok"), BAD))) == []


def test_conventions_are_told_by_their_titles_with_the_count_of_cases():
    """One after the other by name; a name that nothing explains is passed over."""
    tied, both = (outcome("DEVIATES", deviations=names) for names in (("ties",), ("ties", "crop")))
    found = finding(outcome("ok"), tied, both, outcome("DEVIATES", deviations=("unheard-of",)))
    assert words(block.deviations(run_of(), found)) == [
        ("convention", "the crop is empty (1 case)"),
        ("", "cuts 0:-0"),
        ("convention", "every tie counts (2 cases)"),
        ("", "x == max(x)"),
    ]


def test_a_refusal_is_told_by_its_call():
    """And repeated by its id."""
    refusal = questions.Refusal("r", "zero_pad", {"pad": -1}, "ValueError", ("pad",), "no pad")
    refused = outcome("WRONG", refusal, "zero_pad", message="got an answer")
    assert told(run_of(), finding(refused)) == [
        "smallest failing case   zero_pad/r",
        "zero_pad(pad=-1)",
        "why                     no pad",
        "got an answer",
        "again                   python -m verification my_cnn --case zero_pad/r",
    ]


@pytest.mark.parametrize(
    ("outcomes", "verdict_of_all"),
    [
        ((), "nothing"),
        ((outcome("not attempted"),), "nothing"),
        ((outcome("ok"), outcome("not attempted")), "match"),
        ((outcome("ok"), outcome("DEVIATES")), "match"),
        ((outcome("ok"), outcome("not judged")), "match"),
        ((outcome("ok"), outcome("MEMORY")), "differs"),
    ],
    ids=["empty", "missing", "ok", "deviates", "not-judged", "memory"],
)
def test_the_verdict_of_a_run(outcomes, verdict_of_all):
    """Zero checks are not green; a convention is no failure, nor is what was not judged."""
    assert run_of(finding(*outcomes)).verdict == verdict_of_all
