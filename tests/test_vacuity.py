"""A check that could not have failed is no pass."""

from dataclasses import replace

import numpy as np
import pytest

from verification import mistakes, row, trial, truth, vacuity
from verification.mistakes.code import Code
from verification.mutants import coded, field
from verification.truth import Asked

CONV = "conv x=[2,7,9,4] w=[3,2,2,6] groups=2 stride=[1,2] pad=[[1,0],[2,1]]"
UNREAD = "conv x=[1,99,2,1] w=[1,2,1,3] stride=[98,1]"
"""Of its 99 rows two are read."""


def one(line, **more):
    (case,) = row.parse(line)
    return replace(case, **more)


def reason(case, op="conv_forward", seed=0, dtype="float64"):
    return vacuity.reason(truth.of(case, seed, dtype), op)


@pytest.mark.parametrize(
    ("line", "op"),
    [
        (f"{CONV} fill=integers", "conv_forward"),
        (f"{CONV} fill=sparse", "conv_backward"),
        ("conv x=[1,1,1,1] w=[1,1,1,1] fill=integers", "conv_forward"),
        ("conv x=[0,7,9,4] w=[3,2,4,6] fill=integers", "conv_backward"),
        ("max_pool x=[2,7,8,3] kernel=[3,2] stride=[2,3] fill=special", "pool_forward"),
        ("max_pool x=[3,9,2] kernel=4 stride=3 pad=[[3,0]] fill=ties", "pool_backward"),
        ("avg_pool x=[2,5,6,3] kernel=[3,2] ceil_mode=true fill=dense", "pool_backward"),
        ("zero_pad x=[2,3,4,1] pad=[[1,2],[0,3]] fill=integers", "zero_pad"),
        ("conv_single_step x=[3,2,4] b=[1,1,1] fill=sparse", "conv_single_step"),
        ("create_mask_from_window x=[3,2] fill=ties", "create_mask_from_window"),
        ("distribute_value x=[3,2] fill=integers", "distribute_value"),
    ],
)
def test_questions_prove_something(line, op):
    """Each could have failed."""
    assert reason(one(line), op) == ""


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("conv x=[1,5,8,2] w=[3,2,2,3]", (1, 1, 1)),
        ("conv x=[1,8,9,2] w=[3,2,2,3] stride=[2,4]", (7 / 8 * 4 / 9, 1, 1)),
        ("conv x=[1,9,8,2] w=[2,2,2,3] stride=[2,3] dilation=[2,1]", (5 / 9 * 6 / 8, 1, 1)),
        ("conv x=[1,7,2] w=[2,2,3] stride=2 dilation=4", (4 / 7, 1, 1)),
        ("conv x=[1,3,9,2] w=[3,5,2,3] pad=[2,0]", (1, 1, 1)),
        ("conv x=[1,1,9,2] w=[5,2,2,3] pad=[[2,2],[0,0]]", (1, 1 / 5, 1)),
        ("conv x=[1,3,9,2] w=[1,2,2,3] pad=[[2,1],[3,0]]", (1, 1, 3 / 6 * 9 / 11)),
        ("max_pool x=[1,8,9,2] kernel=[3,2] stride=[4,3]", (6 / 8 * 6 / 9, 1)),
        ("avg_pool x=[1,8,9,2] kernel=[3,2] stride=[4,3] pad=1", (5 / 8 * 6 / 9, 1)),
    ],
)
def test_what_matters_is_the_part_that_is_read(line, parts):
    """Of the cells of x, of the taps of w, of the numbers above; axis by axis."""
    told = vacuity.live(row.parse(line)[0])
    names = ("x", "w", "dy") if line.startswith("conv") else ("x", "dy")
    assert tuple(told) == names
    assert tuple(told.values()) == pytest.approx(parts)


def test_what_matters_is_what_changes_an_answer():
    """Cell by cell, tap by tap, as torch answers."""
    case = one(
        "conv x=[1,3,9,1] w=[3,2,1,1] stride=[2,4] pad=[[3,1],[2,0]] dilation=[1,3] fill=units"
    )
    told = truth.of(case, 0, "float64")
    parts = vacuity.live(case)
    for name, gradient, ones in (("x", "dx", "w"), ("w", "dw", "x")):
        given = {**told.given, "dy": np.ones(case.y), ones: np.ones(told.given[ones].shape)}
        answers = truth.oracle.answers(case, given)
        assert parts[name] == pytest.approx((answers[gradient] != 0).mean())
    given = {
        **told.given,
        **{name: np.ones(told.given[name].shape) for name in ("x", "w")},
        "b": np.zeros(1),
    }
    assert parts["dy"] == pytest.approx((truth.oracle.answers(case, given)["y"] != 0).mean())


def test_a_helper_has_no_windows_to_leave_anything_out():
    """All of it matters."""
    assert vacuity.live(one("distribute_value x=[3,2] fill=integers")) == {}


def test_a_question_that_reads_next_to_nothing_is_vacuous():
    """Unless its row says that little is enough."""
    case = one(f"{UNREAD} fill=integers")
    assert reason(case) == "only 2% of x matters, 5% must"
    assert reason(replace(case, live=0.02)) == ""


def test_a_row_may_ask_for_more():
    """Of each array."""
    case = one("conv x=[1,8,9,2] w=[3,2,2,3] stride=[2,4] fill=integers")
    assert reason(case) == ""
    assert reason(replace(case, live=0.4)) == "only 39% of x matters, 40% must"
    padded = one("conv x=[1,1,9,2] w=[5,2,2,3] pad=[[2,2],[0,0]] fill=integers")
    assert reason(padded) == "only 20% of w matters, 50% must"
    assert reason(replace(padded, live=0.2)) == ""


def test_a_bound_in_which_a_product_could_hide_is_vacuous():
    """Too wide for the output that it is a bound of."""
    case = one(f"{CONV} fill=sparse")
    told = truth.of(case, 0, "float64")
    size = np.sqrt(np.mean(told.truth["y"] ** 2))
    for share, said in ((1.01, "the bound is 3.2% of the output's root mean square"), (0.99, "")):
        limit = np.full(case.y, vacuity.WIDE * share * size)
        bounded = replace(told)
        vars(bounded)["_known"] = told.truth, {"y": limit}
        assert vacuity.reason(bounded, "conv_forward") == said


@pytest.mark.parametrize(
    ("known", "line", "shows"),
    [
        ("kernel-flipped", "conv x=[2,3,4,2] w=[1,1,2,3]", False),
        ("kernel-flipped", "conv x=[2,3,4,2] w=[1,2,2,3]", True),
        ("stride-ignored-forward", "conv x=[2,3,4,2] w=[2,2,2,3]", False),
        ("stride-ignored-forward", "conv x=[2,3,6,2] w=[2,2,2,3] stride=[1,3]", True),
        ("pad-0-unbound", "conv x=[2,3,4,2] w=[2,2,2,3]", True),
    ],
)
def test_a_question_that_no_mistake_would_change_is_vacuous(monkeypatch, known, line, shows):
    """A kernel of one cell has no order, and one window after the other no stride."""
    mistake = next(mistake for mistake in mistakes.read() if mistake.id == known)
    codes = [mistakes.written(lines) for lines in mistake.lines]
    monkeypatch.setattr(vacuity, "_known", lambda op: codes)
    vacuity._shows.cache_clear()
    said = "" if shows else "no known mistake would change the answer"
    assert reason(one(f"{line} fill=integers")) == said
    vacuity._shows.cache_clear()


def test_the_catalogue_is_asked_about_the_function_itself(monkeypatch):
    """With the arrays of this seed and this dtype, and about nothing large."""
    asked = []

    def told(question, op):
        asked.append((question.case.row, question.seed, question.dtype, op))
        return True

    monkeypatch.setattr(vacuity, "_shows", told)
    case, large = one(f"{CONV} fill=integers"), one("conv x=[2,13,17,9] w=[3,2,9,8] fill=digits")
    assert (reason(case, "conv_backward", 3, "float32"), reason(large)) == ("", "")
    assert asked == [(case.row, 3, "float32", "conv_backward")]
    assert large.work > vacuity.WORK >= case.work


def test_right_code_makes_no_question_see():
    """Rounding is no difference: another order of a sum is right."""
    answers = {"y": np.array([1.0, 1e-20, np.nan, np.inf, -3.0])}
    assert vacuity._same(answers["y"], answers["y"] + [2.0**-53, 1e-19, 0, 0, 2.0**-51])
    assert not vacuity._same(answers["y"], answers["y"] + [0, 1e-9, 0, 0, 0])
    assert not vacuity._same(answers["y"], np.nan_to_num(answers["y"], posinf=np.inf))
    assert not vacuity._same(answers["y"], answers["y"][:, None])


def test_a_pass_that_proves_nothing_is_vacuous_and_a_failure_stays_one():
    """Function by function; a check without an oracle is not asked."""
    judged = coded.coded("", Code())
    outcomes = {o.op: o for o in run(judged, f"{UNREAD} fill=integers")}
    assert {o.status for o in outcomes.values()} == {"VACUOUS"}
    assert outcomes["conv_backward"].message == "only 2% of x matters, 5% must"
    assert {o.status for o in run(judged, f"{UNREAD} check=linear")} == {"ok"}

    def off(reply, given):
        return replace(reply, values={name: a * 2 for name, a in reply.values.items()})

    wrong = run(coded.coded("conv_forward", Code(), off), f"{UNREAD} fill=integers")
    assert {o.op: o.status for o in wrong} == {"conv_forward": "WRONG", "conv_backward": "VACUOUS"}


def run(judged, line):
    return list(trial.run(judged, field.checks(judged, row.parse(line), ()), 0, "float64"))


def test_a_gradient_is_asked_once_though_it_was_vacuous():
    """A vacuous pass is right: no other cache is tried, and nothing is blamed on it."""
    asked = []

    def counted(reply, given):
        asked.append(reply)
        return reply

    judged = coded.coded("conv_backward", Code(), counted)
    assert [o.status for o in run(judged, f"{UNREAD} fill=integers")] == ["VACUOUS"] * 2
    assert len(asked) == 1


def test_an_empty_batch_is_asked_about_shapes():
    """It has no numbers to be wrong."""
    case = one("conv x=[0,99,2,1] w=[1,2,1,3] stride=[98,1] fill=integers")
    assert vacuity.reason(Asked(case, {}, "float64"), "conv_forward") == ""
