"""The loop: what one question to one function comes to; laws, adjoint and proof among them."""

import itertools
from types import SimpleNamespace

import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification import truth
from verification.candidates import CANONICAL
from verification.judging.laws import LAWS
from verification.judging.trial import FAILING, PATIENCE, Trial, plan
from verification.questions import Refusal, parse, read, rung

CONV = "conv x=[2,5,5,2] w=[2,2,2,3] stride=2 pad=1 fill=integers"
STEP = "conv_single_step x=[3,3,2] b=[1,1,1] fill=digits"
LINES = [f"conv x=[1,{n},{n},1] w=[2,2,1,1] fill=digits" for n in range(2, 9)]
POOL = "max_pool x=[1,4,4,1] kernel=2 fill=ties"
REPLY = SimpleNamespace(values={}, limits={})
LATE = "crash('it was still running', 'TIMEOUT')"
SLOW = "conv_forward came to no answer 3 times"
OLD = "TypeError: only 0-dimensional arrays can be converted to Python scalars"
MENDED = "give(says={'ages': [('float-of-array', 'line 7')] if mended else []})"
AGED = f"{MENDED} if mended else crash({OLD!r})"


def run(judged, lines, dtype="float64", seed=0):
    """Every outcome, and by function the last one."""
    asked = [case for line in lines for case in parse(line)]
    checks, _ = plan(judged, asked, lambda name, question: True)
    outcomes = list(Trial(judged, seed, dtype).run(checks))
    return outcomes, {outcome.function: outcome for outcome in outcomes}


@parametrize_from_file(
    schema=defaults(contract="assignment", dtype="float64", missing=(), bends={}, matches=None)
)
def test_outcome(fake, contract, dtype, missing, row, bends, function, expected, matches):
    """Its status, what proves it, and all that is said of it."""
    judged = fake(bends, contract, missing)
    outcome = run(judged, [row], dtype)[1][function]
    assert {name: getattr(outcome, name) for name in expected} == expected
    assert outcome.is_failing == (outcome.status in FAILING)
    assert matches is None or outcome.right == {*matches}


def test_every_output_is_compared_under_its_own_name(fake):
    """y, index, dx, dw and db, in the contract's words."""
    lines = [CONV, "max_pool x=[2,5,5,2] kernel=2 fill=ties"]
    for contract, expected in {
        "assignment": ["Z", "dA_prev dW db", "A", "dA_prev"],
        "npcnn": ["Z", "dA_prev dW db", "y", "dx dw db", "A", "dA_prev", "y index", "dx"],
    }.items():
        outcomes, _ = run(fake((), contract), lines)
        assert [" ".join(c.name for c in o.comparisons) for o in outcomes] == expected


@parametrize_from_file
def test_refusal(fake, answer, status, message):
    """Its error and every one of its words, or it is wrong; courses are not asked."""
    refusal = Refusal("r", "zero_pad", {"pad": -1}, "ValueError", ("0 or more", "pad=-1"))
    assert plan(fake(), [refusal], lambda *_: True) == ([], {})
    judged = fake({"zero_pad": answer}, "npcnn")
    checks, _ = plan(judged, [refusal], lambda *_: True)
    (outcome,) = Trial(judged, 0, "float64").run(checks)
    assert (outcome.status, outcome.message, outcome.kind) == (status, message, "")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_answers_obey_every_law(fake, dtype):
    """At every geometry that is asked about; proofs are told from what was summed."""
    asked = [q for q in read() if rung(q) in ("laws", "adjoint") or q.id == "max-nan.proof"]
    asked += parse(
        "conv x=[2,3,4,2] w=[2,2,1,4] groups=2 stride=[1,2] pad=1 fill=digits check=proof"
    )
    asked += parse("avg_pool x=[2,4,4,2] kernel=3 stride=1 pad=1 fill=digits check=proof")
    asked += parse("conv x=[1,1,1,1] w=[1,1,1,1] fill=units check=linear")
    judged = fake((), "npcnn")
    checks, _ = plan(judged, asked, lambda name, _: name.startswith("functional."))
    outcomes = list(Trial(judged, 0, dtype).run(checks))
    assert [(o.id, o.status, o.message) for o in outcomes if o.status != "ok"] == []
    assert len({o.question.row for o in outcomes}) == len(asked)
    proofs = {rung(o.question) == "proof": {o.evidence} for o in outcomes}
    assert proofs == {True: {"proved"}, False: {"exact"}}


@parametrize_from_file(schema=defaults(contract="assignment"))
def test_broken(fake, contract, row, function, bend, outputs):
    """A law, the adjoint or a proof without an oracle's help: which outputs it sees wrong.

    What a law says is told with its name.
    """
    judged = fake({function: bend}, contract)
    found = run(judged, [row])[1]
    outcome = found.pop(function)
    assert (outcome.status, outcome.comparisons) == ("WRONG", ())
    lines = outcome.message.split("\n")
    assert {line.partition("[")[0].split()[0] for line in lines} == {*outputs}
    law = outcome.question.check
    says = f" breaks the law '{law}' ({LAWS[law]}) at " if law in LAWS else ""
    assert [line for line in lines if says not in line] == []
    assert {o.status for o in found.values()} <= {"ok"}


@parametrize_from_file(schema=defaults(contract="npcnn"))
def test_proof(fake, contract, row, function, bend, message):
    """The first wrong coefficient of every output, by name, where the contract has it."""
    judged = fake({function: bend}, contract)
    assert run(judged, [f"{row} check=proof"])[1][function].message == message


def test_who_gives_no_answer_is_asked_three_times(fake):
    """The others are not held up, nor asked for what it would have answered, nor blamed."""
    judged = fake({"conv_forward": LATE, "conv_backward": f"{LATE} if cache == 'own' else give()"})
    outcomes, _ = run(judged, [*LINES, f"{LINES[2]} check=adjoint"])
    forward = [o for o in outcomes if o.function == "conv_forward"]
    statuses = ["TIMEOUT"] * PATIENCE + ["not judged"] * (len(LINES) - PATIENCE)
    assert [outcome.status for outcome in forward] == statuses
    assert {o.message for o in outcomes if o.status == "not judged"} == {SLOW}
    backward = [o for o in outcomes if o.function == "conv_backward" and not o.question.check]
    assert [outcome.status for outcome in backward] == ["ok"] * len(LINES)
    assert len([name for name, _, _ in judged.asked if name == "conv_forward"]) == PATIENCE
    assert {cache for name, _, cache in judged.asked if name == "conv_backward"} == {CANONICAL}


def test_an_answer_that_nobody_is_asked_for_is_not_made_ready(fake, monkeypatch):
    """It takes the oracle as long as one that is compared."""
    made = []
    monkeypatch.setattr(truth, "answer", lambda case, *_: made.append(case.op) or REPLY)
    judged = fake({}, missing=["conv_forward", "conv_backward"])
    checks, _ = plan(judged, [*parse(CONV), *parse(POOL)], lambda *_: True)
    for check in checks:
        Trial(judged, 0, "float64").prepare(check)
    assert ([len(check.functions) for check in checks], made) == ([2, 2], ["max_pool"])


def test_who_is_slow_is_asked_what_it_can_afford(fake):
    """Questions that would take longer than the limit are outside, by what others took."""
    judged = fake({"conv_forward": "give(says={'seconds': case.work / 10})"})
    judged.timeout = 10.0
    forward = [o for o in run(judged, LINES)[0] if o.function == "conv_forward"]
    statuses = ["ok" if o.question.work <= 100 else "outside" for o in forward]
    assert [outcome.status for outcome in forward] == statuses
    assert {*statuses} == {"ok", "outside"}
    assert forward[-1].message == "conv_forward would take more than 10 s"


def test_a_slow_beginning_tells_nothing(fake):
    """As of an import, or of a compiler that warms up: all is asked."""
    judged = fake({"conv_forward": "give(says={'seconds': 5.0 * (case.x[1] == 2)})"})
    judged.timeout = 10.0
    statuses = {o.status for o in run(judged, LINES)[0] if o.function == "conv_forward"}
    assert statuses == {"ok"}


def test_an_exception_costs_no_patience(fake):
    """It is asked to the end."""
    outcomes, _ = run(fake({"conv_forward": "crash('ValueError: no')"}), LINES)
    assert [o.status for o in outcomes if o.function == "conv_forward"] == ["CRASH"] * len(LINES)


def test_an_error_of_age_is_mended_and_told_where_it_stands(fake):
    """Not in what calls it, though that would crash too; in checks as well."""
    lines = [STEP, CONV, f"{LINES[3]} check=batch"]
    judged = fake({"conv_single_step": AGED, "conv_forward": MENDED})
    outcomes, found = run(judged, lines)
    assert judged.is_mended
    assert {outcome.status for outcome in outcomes} == {"ok"}
    told = {o.function: o.age for o in outcomes if o.age}
    assert told == {"conv_single_step": ("float-of-array", "line 7")}
    for line in lines[1:]:
        _, found = run(fake({"conv_forward": AGED}), [line])
        assert found["conv_forward"].age == ("float-of-array", "line 7")
        assert found["conv_backward"].age == ()


def test_what_cannot_be_mended_is_a_crash(fake):
    """As NumPy said it at first."""
    bend = f"crash('KeyError: W') if mended else crash({OLD!r})"
    outcome = run(fake({"conv_single_step": bend}), [STEP])[1]["conv_single_step"]
    assert (outcome.status, outcome.message, outcome.age) == ("CRASH", OLD, ())


def test_what_is_no_number_in_any_numpy_is_no_age(fake):
    """Once it is mended, its words are those of an array of several elements."""
    bend = f"crash({f'{OLD}: size=2'!r}) if mended else crash({OLD!r})"
    outcome = run(fake({"conv_single_step": bend}), [STEP])[1]["conv_single_step"]
    assert (outcome.status, outcome.message, outcome.age) == ("CRASH", f"{OLD}: size=2", ())


def test_a_forward_pass_that_is_not_there_is_not_missed(fake):
    """The contract's own cache will do; what stands between both passes is not asked."""
    for bend, status in {"give()": "ok", "give(dw=2 * dw)": "WRONG"}.items():
        judged = fake({"conv_backward": bend}, missing=["conv_forward"])
        outcomes, found = run(judged, [CONV, f"{LINES[3]} check=adjoint"])
        assert [o.status for o in outcomes] == ["not attempted", status]
        assert found["conv_backward"].question.row == CONV
        assert [cache for _, _, cache in judged.asked] == [CANONICAL]


def test_the_plan_goes_by_kind_and_by_work(fake):
    """Helpers first, as the contract has it; of each kind the smallest question first."""
    checks, outside = plan(fake((), "npcnn"), read()[::-1], lambda *_: True)
    kinds = {}
    for check in checks:
        kind = check.functions[0].op.removesuffix("_forward").removesuffix("_backward")
        kinds.setdefault(kind, []).append(check.question.work or 1000)
    helpers = ["create_mask_from_window", "distribute_value"]
    further = ["conv_transpose", "adaptive_pool", "max_unpool", "lp_pool", "unfold", "batch_norm"]
    assert list(kinds) == ["zero_pad", "conv_single_step", "conv", *helpers, "pool", *further]
    assert {kind: sorted(work) for kind, work in kinds.items()} == kinds
    assert list(itertools.chain(*kinds.values())) == [c.question.work or 1000 for c in checks]
    ids = [(f.name, check.question.id) for check in checks for f in check.functions]
    assert (len(ids), outside) == (len(set(ids)), {})


def test_what_a_contract_cannot_express_is_counted(fake):
    """Function by function; what is not chosen is neither asked nor counted."""
    uneven, flat = CONV.replace("pad=1", "pad=[1,0]"), "zero_pad x=[1,2,1] pad=1"
    lines = [CONV, uneven, f"{CONV} layout=F", flat]
    asked = [case for line in lines for case in parse(line)]
    checks, outside = plan(fake(), asked, lambda name, case: name == "conv_backward")
    chosen = [(check.question.layout, [f.name for f in check.functions]) for check in checks]
    assert chosen == [("C", ["conv_backward"]), ("F", ["conv_backward"])]
    assert outside == {"conv_backward": 1}
