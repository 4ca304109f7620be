"""Questions without an oracle's numbers: what each check comes to, of right code and of wrong."""

from dataclasses import replace

import numpy as np
import pytest

from verification import fills, mistakes, row, session, trial, witness
from verification.apart.replies import Hello, Reply
from verification.case import CaseError
from verification.mistakes.code import Code
from verification.mutants import coded, field
from verification.session import Rules

CONV = "conv x=[2,7,9,4] w=[3,2,2,6] groups=2 stride=[1,2] pad=[[1,0],[2,1]] dilation=[2,1]"
MAX = "max_pool x=[2,6,7,2] kernel=[3,2] stride=[2,1] pad=[1,0] dilation=[1,2]"
AVERAGE = "avg_pool x=[2,6,7,2] kernel=[3,2] stride=[1,2] pad=[1,0]"
OPS = {"conv": CONV, "max_pool": MAX, "avg_pool": AVERAGE}
CHECKS = [(op, check) for op in OPS for check in sorted(row.CHECKS[op])]


def one(line):
    (case,) = row.parse(line)
    return case


def function(judged, name):
    return next(f for f in judged.contract.functions if f.name == name)


def outcome(judged, name, line, dtype="float64"):
    case = one(line)
    given = fills.arrays(case, 0, dtype)
    return witness.of(judged, function(judged, name), case, given, judged.ask)


def whole(judged):
    """The same, of a contract that asks its passes for large layers too."""
    functions = [
        replace(f, takes=lambda case, f=f: f.takes(replace(case, check="")))
        for f in judged.contract.functions
    ]
    return replace(judged, contract=replace(judged.contract, functions=tuple(functions)))


def passes(op):
    return ("conv_forward", "conv_backward") if op == "conv" else ("pool_forward", "pool_backward")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "check"), CHECKS)
def test_right_code_stands_every_check(op, check, dtype):
    """And it is said how much that proves."""
    judged = whole(coded.coded("", Code()))
    for name in passes(op):
        if check == "adjoint" and "forward" in name:
            continue
        found = outcome(judged, name, f"{OPS[op]} check={check}", dtype)
        proved = check in ("taps", "cells")
        assert (found.status, found.message) == ("ok", "")
        assert found.evidence == ("proved" if proved else "exact")
        assert found.chance == (0 if proved else witness.CHANCE)


def off(reply, given):
    """One number of each output."""
    values = {name: np.array(a) for name, a in reply.values.items()}
    for a in values.values():
        a.flat[1] += 3
    return replace(reply, values=values)


def once():
    """The same of the first answer alone: an error that every answer has may obey a rule."""
    edits = iter([off])
    return lambda reply, given: next(edits, coded.same)(reply, given)


@pytest.mark.parametrize(("op", "check"), CHECKS)
def test_one_number_off_stands_none(op, check):
    """In all answers, or in the first alone where answers are compared with each other."""
    for name in passes(op):
        if check == "adjoint" and "forward" in name:
            continue
        alone = check not in ("adjoint", "taps", "cells", "scale")
        judged = whole(coded.coded(name, Code(), once() if alone else off))
        found = outcome(judged, name, f"{OPS[op]} check={check}")
        assert found.status == "WRONG"
        assert found.message


@pytest.mark.parametrize(
    ("mistake", "name", "line", "said"),
    [
        ("stride-ignored-forward", "conv_forward", f"{CONV} check=stride", "y breaks the rule"),
        ("kernel-flipped", "conv_forward", f"{CONV} check=taps", "multiplies"),
        ("gradient-divided-by-batch", "conv_backward", f"{CONV} check=adjoint", "not the adjoint"),
        ("gradient-divided-by-batch", "conv_backward", f"{CONV} check=taps", "multiplies"),
        ("groups-interleaved", "conv_forward", f"{CONV} check=groups", "y breaks the rule"),
        ("zero-padding-in-max", "pool_forward", f"{MAX} check=cells", "where x stands out"),
        ("bias-twice", "conv_forward", f"{CONV} check=scale", "its filters summed up"),
        ("average-undivided", "pool_backward", f"{AVERAGE} check=adjoint", "not the adjoint"),
        ("upstream-not-used", "pool_backward", f"{MAX} check=adjoint", "dx is not the adjoint"),
    ],
)
def test_a_mistake_is_told_in_the_checks_own_words(mistake, name, line, said):
    """Of the catalogue's code."""
    (lines, *_) = {known.id: known.lines for known in mistakes.read()}[mistake]
    found = outcome(whole(coded.coded(name, mistakes.written(lines))), name, line)
    assert found.status == "WRONG"
    assert said in found.message


def test_a_broken_rule_is_told_with_the_number_of_places():
    """Of how many."""
    judged = coded.coded("conv_forward", Code(), once())
    found = outcome(judged, "conv_forward", f"{CONV} check=pad")
    assert found.message == "y breaks the rule 'pad' at 1 of 288 places"


@pytest.mark.parametrize(
    "edit",
    [
        lambda a: a > 0,
        lambda a: np.where(a > 3, np.inf, np.where(a < -3, -np.inf, a)),
        lambda a: a * np.nan,
        lambda a: a * 1e300,
        lambda a: a.astype(np.int64) ** 2 * 2**40,
        lambda a: a.astype(np.float16) / 3,
        lambda a: np.float64(3),
        lambda a: None,
    ],
    ids=["truths", "infinities", "nan", "huge", "integers", "halves", "scalar", "nothing"],
)
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("conv_backward", f"{CONV} check=adjoint"),
        ("pool_backward", f"{AVERAGE} check=adjoint"),
        ("conv_forward", f"{CONV} check=taps"),
        ("conv_backward", f"{CONV} check=scale"),
        ("pool_forward", f"{MAX} check=cells"),
        ("pool_forward", f"{MAX} check=cells fill=special"),
        ("conv_forward", f"{CONV} check=linear"),
        ("pool_backward", f"{AVERAGE} check=linear"),
    ],
    ids=lambda told: told.split("check=")[-1] if " " in told else told,
)
def test_whatever_is_answered_is_a_candidates_fault_and_not_the_harnesss(name, line, edit):
    """No exception, and no warning."""

    def changed(reply, given):
        return replace(reply, values={of: edit(a) for of, a in reply.values.items()})

    line = line if "special" not in line else line.replace(" pad=[1,0] dilation=[1,2]", "")
    judged = whole(coded.coded(name, Code(), changed))
    for bitwise in (False, True):
        contract = replace(judged.contract, bitwise=bitwise)
        assert outcome(replace(judged, contract=contract), name, line).status == "WRONG"


def test_a_wrong_shape_is_wrong_and_said():
    """Not compared."""

    def cut(reply, given):
        return replace(reply, values={"y": reply.values["y"][:, 1:]})

    found = outcome(coded.coded("conv_forward", Code(), cut), "conv_forward", f"{CONV} check=pad")
    assert found.status == "WRONG"
    assert found.message.startswith("y should have shape (2, 4, 6, 6), it has (2, 3")


def test_a_crash_is_a_crash():
    """With all that the reply says of it."""

    def raising(reply, given):
        return Reply("CRASH", error="ValueError: planted", kind="ValueError", where=("line 3",))

    found = outcome(
        coded.coded("conv_forward", Code(), raising), "conv_forward", f"{CONV} check=pad"
    )
    assert (found.status, found.message) == ("CRASH", "ValueError: planted")
    assert (found.kind, found.where) == ("ValueError", ("line 3",))


def test_a_check_that_says_nothing_of_a_question_is_no_question():
    """One image cannot be put in another order."""
    with pytest.raises(CaseError, match="the check 'batch' says nothing of conv x=\\[1,7"):
        outcome(
            coded.coded("", Code()), "conv_forward", f"{CONV} check=batch".replace("[2,7", "[1,7")
        )


def test_a_changed_question_beyond_the_contract_lies_outside():
    """Here no forward pass can be asked what the gradient is the adjoint of."""
    judged = coded.coded("", Code())
    functions = tuple(
        replace(f, takes=lambda case: False) if f.name == "conv_forward" else f
        for f in judged.contract.functions
    )
    judged = replace(judged, contract=replace(judged.contract, functions=functions))
    assert outcome(judged, "conv_backward", f"{CONV} check=adjoint").status == "outside"


@pytest.mark.parametrize(("name", "line"), [("conv_backward", CONV), ("pool_backward", MAX)])
def test_a_gradient_alone_is_not_blamed_for_a_forward_pass_that_is_missing(name, line):
    """Nor for a stub; its other checks are made."""
    forward = name.replace("backward", "forward")
    judged = coded.coded("", Code())
    without = replace(judged, names={ours: ours for ours in judged.names if ours != forward})
    process = replace(judged.process, hello=Hello({}, stubs=frozenset({forward})))
    for alone in (without, replace(judged, process=process)):
        assert outcome(alone, name, f"{line} check=adjoint").status == "outside"
        assert outcome(alone, name, f"{line} check=batch").status == "ok"


def test_a_gradient_is_not_blamed_for_a_wrong_forward_pass():
    """Where a check asked both, and the contract says nothing of needs."""
    judged = coded.coded("conv_forward", Code(), off)
    functions = tuple(replace(f, needs=()) for f in judged.contract.functions)
    judged = replace(judged, contract=replace(judged.contract, functions=functions))
    asked = [one(f"{CONV} {words}") for words in ("check=adjoint", "check=batch", "fill=integers")]
    found = {
        finding.function: finding
        for finding in session.hold(
            judged, field.checks(judged, asked, ()), {}, Rules(0, "float64", ())
        )
    }
    assert "WRONG" in {o.status for o in found["conv_forward"].outcomes}
    backward = {o.question.check: o for o in found["conv_backward"].outcomes}
    assert {check: o.status for check, o in backward.items()} == {
        "adjoint": "not judged",
        "batch": "ok",
        "": "ok",
    }
    assert backward["adjoint"].message == "it stands on conv_forward, which fails"


def test_only_gradients_are_asked_to_be_adjoint():
    """The forward pass alone has nothing to be compared with."""
    judged = coded.coded("", Code())
    (check,) = field.checks(judged, [one(f"{CONV} check=adjoint")], ())
    assert [f.name for f in check.functions] == ["conv_backward"]
    assert [o.status for o in trial.run(judged, [check], 0, "float64")] == ["ok"]
