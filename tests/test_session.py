"""A whole run: who is blamed, for what, and which case is shown."""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import npcnn
from verification import candidate, mistakes, questions, row, session, trial
from verification.case import Case
from verification.session import Finding, Rules

LOOPS = Path(__file__).parent / "candidates" / "right" / "loops.py"
CATALOGUE = mistakes.read()
AGES = tuple(mistake for mistake in CATALOGUE if mistake.kind == mistakes.AGE)
NAMES = [name for name in npcnn.__all__ if name.islower() and name != "functional"]
RIGHT = {name: getattr(npcnn, name) for name in NAMES}

CONV = "conv x=[2,5,6,2] w=[2,2,2,3] stride=2 pad=1 fill=integers"
NO_PAD = "conv x=[3,6,7,2] w=[3,3,2,4] fill=integers"
POOL = "max_pool x=[2,5,6,2] kernel=2 stride=1 fill=ties"
PAD = "zero_pad x=[2,3,4,2] pad=1 fill=integers"
STEP = "conv_single_step x=[3,3,2] b=[1,1,1] fill=integers"
MASK = "create_mask_from_window x=[3,3] fill=ties"
SHARE = "distribute_value x=[2,2] fill=integers"
ALL = (CONV, NO_PAD, POOL, PAD, STEP, MASK, SHARE)


def held(judged, lines=ALL, outside=None, **settings):
    """The findings about a candidate, by function; the candidate is closed."""
    with contextlib.closing(judged):
        asked = [question for line in lines for question in row.parse(line)]
        checks, _ = trial.plan(judged, asked, lambda name, question: True)
        rules = Rules(0, "float64", CATALOGUE, **settings)
        return {f.function: f for f in session.hold(judged, checks, outside or {}, rules)}


def live(contract="assignment", **functions):
    """Right functions with these in place of their own; None is one that is missing."""
    given = {name: f for name, f in {**RIGHT, **functions}.items() if f is not None}
    return candidate.live(given, contract=contract, ages=AGES)


@pytest.fixture
def edited(tmp_path):
    """Loops that are right, with some text replaced: functions that call each other."""

    def written(*edits):
        source = LOOPS.read_text()
        for old, new in edits:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        (tmp_path / "edited.py").write_text(source)
        return candidate.load(str(tmp_path / "edited.py"), ages=AGES)

    return written


def statuses(findings):
    return {name: finding.status for name, finding in findings.items()}


def raising(*arguments):
    raise RuntimeError("not today")


def test_a_right_candidate_has_nothing_to_explain():
    """No mistake, no smallest case, no convention."""
    findings = held(live())
    assert set(statuses(findings).values()) == {"ok"}
    for finding in findings.values():
        told = (finding.failing, finding.diagnosis, finding.smallest, finding.age, finding.looks)
        assert told == ([], None, None, None, ())
        assert finding.deviations == []


def test_findings_come_in_the_contracts_order():
    """Whatever order the questions have."""
    order = ["zero_pad", "conv_single_step", "conv_forward", "conv_backward"]
    order += ["create_mask_from_window", "distribute_value", "pool_forward", "pool_backward"]
    assert list(held(live(), ALL)) == order
    assert list(held(live(), ALL[::-1])) == order
    assert list(held(live(conv_forward=raising), ALL[::-1])) == order


def test_a_finding_comes_as_soon_as_it_is_complete():
    """The questions to later functions are not asked yet."""
    done = []
    with contextlib.closing(live()) as judged:
        asked = [question for line in ALL for question in row.parse(line)]
        checks, _ = trial.plan(judged, asked, lambda name, question: True)
        rules = Rules(0, "float64", CATALOGUE)
        findings = session.hold(judged, checks, {}, rules, done.append)
        first = next(findings)
        assert (first.function, done) == ("zero_pad", [1])
        assert len(list(findings)) == 7
    assert done == list(range(1, 11))


def test_dependents_of_a_failing_function_are_not_judged(edited):
    """They may have inherited it; what is right all the same stays so, and pools are apart."""
    findings = held(edited(("(pad, pad), (pad, pad)", "(pad, pad), (0, 0)")))
    assert statuses(findings) == {
        "zero_pad": "differs",
        "conv_single_step": "ok",
        "conv_forward": "not judged",
        "conv_backward": "not judged",
        **dict.fromkeys(("create_mask_from_window", "distribute_value"), "ok"),
        **dict.fromkeys(("pool_forward", "pool_backward"), "ok"),
    }
    padded, plain = findings["conv_forward"].outcomes
    if not padded.question.pad[0][0]:
        padded, plain = plain, padded
    assert (padded.status, plain.status) == ("not judged", "ok")
    assert padded.message == "it stands on zero_pad, which fails"
    assert findings["conv_forward"].smallest is None
    assert findings["zero_pad"].diagnosis.mistakes[0].id == "pad-one-axis"


def test_a_function_of_its_own_is_not_excused(edited):
    """A mistake beside it, in what nothing failing stands under, is its own."""
    findings = held(edited(("np.max(a_prev_slice)", "np.min(a_prev_slice)")))
    assert findings["pool_forward"].status == "differs"
    assert findings["pool_forward"].diagnosis.mistakes[0].id == "min-for-max"
    assert {n for n, status in statuses(findings).items() if status != "ok"} == {"pool_forward"}


def all_ties(x):
    return x == np.max(x)


def flat_db(dZ, cache):
    dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
    return dA_prev, dW, db.reshape(-1)


@pytest.mark.parametrize(
    ("function", "theirs", "name"),
    [("create_mask_from_window", all_ties, "ties-all"), ("conv_backward", flat_db, "db-shape")],
    ids=["numbers", "form"],
)
def test_a_convention_is_named_and_fails_only_strictly(function, theirs, name):
    """Whether it shows in the numbers or in the form alone."""
    finding = held(live(**{function: theirs}))[function]
    assert (finding.status, finding.deviations, finding.failing) == ("deviates", [name], [])
    assert finding.smallest is None
    strict = held(live(**{function: theirs}), strict=True)[function]
    assert (strict.status, strict.deviations) == ("differs", [name])
    assert strict.smallest is not None


def test_a_convention_is_not_named_where_another_mistake_is():
    """All ties, and twice: the numbers are neither torch's nor the convention's."""
    finding = held(live(create_mask_from_window=lambda x: x != np.max(x)))
    finding = finding["create_mask_from_window"]
    assert (finding.status, finding.deviations) == ("differs", [])


def test_npcnns_own_contract_knows_no_conventions():
    """It is held to torch's bits."""
    findings = held(live("npcnn", create_mask_from_window=all_ties), [MASK])
    assert statuses(findings)["create_mask_from_window"] == "differs"


OLD = ("Z = Z + b.item()", "Z = np.float_(Z + b.item())")


def test_an_error_of_age_is_mended_and_dependents_are_judged_mended(edited):
    """It is blamed once, where it stands."""
    findings = held(edited(OLD))
    step = findings.pop("conv_single_step")
    assert (step.status, step.age.id, step.diagnosis) == ("differs", "removed-alias", None)
    assert [(o.status, o.mended.status) for o in step.outcomes] == [("CRASH", "ok")]
    assert step.smallest is None
    assert set(statuses(findings).values()) == {"ok"}
    for outcome in findings["conv_forward"].outcomes:
        assert outcome.note == "an error of age below it is mended"
    assert all(outcome.note == "" for outcome in findings["zero_pad"].outcomes)


def test_what_stands_on_an_error_of_age_is_blamed_for_its_own(edited):
    """It is judged mended, so that nothing of it is inherited."""
    findings = held(edited(OLD, ("weights = W[:, :, :, c]", "weights = W[::-1, ::-1, :, c]")))
    assert findings["conv_forward"].status == "differs"
    assert findings["conv_forward"].diagnosis.mistakes[0].id == "kernel-flipped"


def test_behind_an_error_of_age_a_mistake_is_found(edited):
    """The mended answer is explained; what stands on it is not judged."""
    findings = held(edited((OLD[0], "Z = np.float_(Z)")))
    step = findings["conv_single_step"]
    assert (step.age.id, step.diagnosis.mistakes[0].id) == ("removed-alias", "bias-forgotten")
    assert (step.smallest.status, step.smallest.function) == ("WRONG", "conv_single_step")
    assert findings["conv_forward"].status == "not judged"


def stub(A_prev, W, b, hparameters):
    """Not written yet."""
    raise NotImplementedError


def silent(*arguments):
    len(arguments)


@pytest.mark.parametrize("theirs", [None, stub, silent], ids=["missing", "stub", "None"])
def test_what_is_not_written_is_not_attempted(theirs):
    """Missing, a template, or a function that returns None: no failure, and nothing to explain."""
    findings = held(live(conv_forward=theirs))
    finding = findings.pop("conv_forward")
    assert finding.status == "not attempted"
    assert {outcome.message for outcome in finding.outcomes} == {""}
    assert (finding.diagnosis, finding.smallest) == (None, None)
    findings.pop("conv_backward")
    assert set(statuses(findings).values()) == {"ok"}


def test_none_now_and_then_is_an_answer():
    """And a wrong one."""

    def sometimes(A_prev, W, b, hparameters):
        return npcnn.conv_forward(A_prev, W, b, hparameters) if hparameters["pad"] else None

    finding = held(live(conv_forward=sometimes))["conv_forward"]
    assert sorted(outcome.status for outcome in finding.outcomes) == ["CRASH", "ok"]
    assert finding.smallest.question.pad == ((0, 0), (0, 0))


def test_the_canonical_cache_is_used_where_forward_fails():
    """A backward function can be right though its forward is not."""
    findings = held(live(conv_forward=raising, pool_forward=raising))
    assert {n: s for n, s in statuses(findings).items() if s != "ok"} == {
        "conv_forward": "differs",
        "pool_forward": "differs",
    }


def conv_forward_of_its_own(A_prev, W, b, hparameters):
    Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
    return Z, {"layer": cache}


def test_a_cache_may_hold_what_it_likes():
    """It is the candidate's own affair, as long as its two functions agree."""

    def conv_backward(dZ, cache):
        return npcnn.conv_backward(dZ, cache["layer"])

    forward = conv_forward_of_its_own
    assert set(
        statuses(held(live(conv_forward=forward, conv_backward=conv_backward))).values()
    ) == {"ok"}


def test_a_cache_that_its_own_backward_cannot_read_is_wrong():
    """And it is said that the contract's would do."""
    finding = held(live(conv_forward=conv_forward_of_its_own))["conv_backward"]
    assert finding.status == "differs"
    said = "right with the contract's own cache, wrong with the one that its own forward returns"
    assert all(said in outcome.message for outcome in finding.outcomes)


def test_the_first_failure_stops_it():
    """One failing outcome, and nothing after it; without that, all are found."""

    def negated(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return -Z, cache

    findings = held(live(conv_forward=negated), first=True)
    assert list(findings) == ["zero_pad", "conv_single_step", "conv_forward"]
    assert [outcome.status for outcome in findings["conv_forward"].outcomes] == ["WRONG"]
    findings = held(live(conv_forward=negated))
    assert len(findings) == 8
    assert len(findings["conv_forward"].failing) == 2


def test_the_smallest_failing_case_is_small_and_fails_in_the_same_way(edited):
    """From many numbers to the one that tells; the pad that it takes is kept."""
    crop = "[pad : pad + n_H_prev, pad : pad + n_W_prev, :]"
    finding = held(edited((crop, "[pad:-pad, pad:-pad, :]")), [CONV, NO_PAD])["conv_backward"]
    assert [outcome.status for outcome in finding.outcomes] == ["ok", "CRASH"]
    (failing,) = finding.failing
    smallest = finding.smallest
    assert (smallest.status, smallest.kind) == (failing.status, failing.kind)
    assert smallest.question.row == "conv x=[1,1,1,1] w=[1,1,1,1] fill=units"
    assert finding.diagnosis.mistakes[0].id == "pad-0-crop"


def test_a_case_shrinks_no_further_than_its_mistake_shows(edited):
    """An ignored stride needs a stride and two windows; an unequal side is not needed."""
    old = "a_slice_prev = a_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :]"
    judged = edited((old, old.replace("horiz_start:horiz_end", "w : w + f")))
    finding = held(judged, [CONV])["conv_forward"]
    case = finding.smallest.question
    assert isinstance(case, Case)
    assert finding.smallest.status == "WRONG"
    assert (case.stride, case.out[1]) == ((2, 2), 2)
    assert case.work < finding.outcomes[0].question.work / 8


def test_the_same_outputs_are_wrong_in_the_smallest_case():
    """Of three outputs, the two that are right stay so, though another fails in a smaller one."""

    def conv_backward(dZ, cache):
        dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
        return (dA_prev, dW, db * 1.75) if dZ.shape[0] > 1 else (dA_prev, dW * 1.75, db)

    finding = held(live(conv_backward=conv_backward), [CONV])["conv_backward"]
    assert [v.name for v in finding.smallest.verdicts if not v.ok] == ["db"]
    assert finding.smallest.question.x[0] == 2
    assert finding.smallest.question.work < finding.outcomes[0].question.work / 8


def test_the_smaller_failure_is_the_one_to_shrink():
    """A large one is shown as it is."""
    large = "conv x=[2,16,16,4] w=[3,3,4,8] fill=integers"
    finding = held(live(conv_forward=raising), [large, CONV])["conv_forward"]
    assert finding.smallest.question.row == "conv x=[1,1,1,1] w=[1,1,1,1] fill=units"
    finding = held(live(conv_forward=raising), [large])["conv_forward"]
    assert finding.smallest.question.row == large


def test_an_unknown_error_is_described():
    """No mistake of the catalogue fits: what it looks like is told instead."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z * 1.75, cache

    finding = held(live(conv_forward=conv_forward))["conv_forward"]
    assert finding.diagnosis is None
    assert finding.looks[0] == "Z: 7/4 times what it should be"


def test_what_lies_outside_is_counted():
    """A function that nothing could be asked of has a finding all the same."""
    findings = held(live(), [PAD], {"zero_pad": 3, "pool_forward": 12})
    assert (findings["zero_pad"].status, findings["zero_pad"].outside) == ("ok", 3)
    assert (findings["pool_forward"].status, findings["pool_forward"].outside) == ("outside", 12)
    assert list(findings) == ["zero_pad", "pool_forward"]


def test_a_call_that_should_have_been_refused_is_shown():
    """There is no smaller one, and no mistake to name."""
    with contextlib.closing(live("npcnn", zero_pad=lambda X, pad: X)) as judged:
        asked = [q for q in questions.read_all() if getattr(q, "function", "") == "zero_pad"]
        checks, _ = trial.plan(judged, asked, lambda name, question: True)
        (finding,) = session.hold(judged, checks, {}, Rules(0, "float64", CATALOGUE))
    assert len(finding.failing) == len(asked)
    assert finding.smallest in finding.failing
    assert "should be refused" in finding.smallest.message
    assert finding.diagnosis is None


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (["ok", "MEMORY", "not judged"], "differs"),
        (["ok", "not judged", "DEVIATES"], "not judged"),
        (["ok", "DEVIATES"], "deviates"),
        (["ok", "not attempted"], "ok"),
        (["not attempted"], "not attempted"),
        ([], "outside"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else value.replace(" ", "-"),
)
def test_the_worst_outcome_is_the_functions_status(found, status):
    """Failures first, then what could not be judged, then conventions."""
    (case,) = row.parse(CONV)
    outcome = trial.Outcome("f", "conv_forward", case, "ok")
    outcomes = tuple(replace(outcome, status=word) for word in found)
    assert Finding("f", "conv_forward", outcomes).status == status
