"""The loop: a right candidate passes, whatever is wrong with another is found and called so."""

import contextlib
import time
import types
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import npcnn
from verification import (
    candidate,
    definition,
    mistakes,
    oracle,
    questions,
    row,
    scale,
    trial,
    truth,
)
from verification.apart.process import Request
from verification.contracts import npcnn as contract
from verification.truth import OracleFaultError

CONV = "conv x=[2,5,6,2] w=[3,2,2,3] stride=[1,2] pad=1 fill=integers"
SQUARE = "conv x=[2,5,6,2] w=[2,2,2,3] stride=2 pad=1 fill=digits"
POOL = "max_pool x=[2,5,6,2] kernel=[3,2] stride=1 fill=ties"
DENSE = "avg_pool x=[2,9,9,3] kernel=3 fill=dense"
PAD = "zero_pad x=[2,7,6,3] pad=1 fill=special"
STEP = "conv_single_step x=[3,3,2] b=[1,1,1] fill=integers"
AGES = tuple(mistake for mistake in mistakes.read() if mistake.kind == mistakes.AGE)


@pytest.fixture
def module():
    """npcnn with these functions in place of its own; None is one that is missing."""
    with contextlib.ExitStack() as stack:

        def built(named="npcnn", timeout=10.0, **functions):
            given = {name: getattr(npcnn, name) for name in npcnn.__all__} | functions
            inner = {f"functional.{n}": f for n, f in vars(given["functional"]).items()}
            given = {name: f for name, f in (given | inner).items() if f is not None}
            judged = candidate.live(given, contract=named, timeout=timeout, ages=AGES)
            stack.callback(judged.close)
            return judged

        yield built


@pytest.fixture(scope="module")
def whole():
    """npcnn and every question there is."""
    with contextlib.closing(candidate.load("npcnn")) as judged:
        checks, outside = trial.plan(judged, questions.read_all(), lambda *_: True)
        yield judged, checks, outside


def run(judged, lines, dtype="float64", names=None, seed=0):
    """The outcomes of the lines' questions, one by one."""
    asked = [case for line in lines for case in row.parse(line)]
    checks, _ = trial.plan(judged, asked, lambda name, _: names is None or name in names)
    return list(trial.run(judged, checks, seed, dtype))


def outcomes(judged, line, dtype="float64", names=None, seed=0):
    """What the line's question comes to, by function."""
    found = run(judged, [line], dtype, names, seed)
    assert len({o.function for o in found}) == len(found), "more than one question"
    return {o.function: o for o in found}


def refused(judged, refusal):
    checks, _ = trial.plan(judged, [refusal], lambda *_: True)
    (outcome,) = trial.run(judged, checks, 0, "float64")
    return outcome


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("line", [CONV, CONV.replace("integers", "sparse"), POOL])
def test_a_right_candidate_is_ok(module, line, dtype):
    """Exact where the fill is, bounded where it rounds."""
    found = outcomes(module(), line, dtype)
    assert {outcome.status for outcome in found.values()} == {"ok"}
    evidence = "bounded" if "sparse" in line else "exact"
    assert {outcome.evidence for outcome in found.values()} == {evidence}
    assert len(found) == 4


def test_every_output_is_compared(module):
    """y, index, dx, dw and db, each by its own verdict, under the contract's names."""
    judged = module()
    found = outcomes(judged, CONV) | outcomes(judged, POOL)
    compared = {name: [v.name for v in o.verdicts] for name, o in found.items()}
    assert compared == {
        "conv_forward": ["Z"],
        "conv_backward": ["dA_prev", "dW", "db"],
        "functional.conv2d": ["y"],
        "functional.conv2d_backward": ["dx", "dw", "db"],
        "pool_forward": ["A"],
        "pool_backward": ["dA_prev"],
        "functional.max_pool2d": ["y", "index"],
        "functional.max_pool2d_backward": ["dx"],
    }


@pytest.mark.parametrize("output", [0, 1, 2])
def test_one_wrong_element_of_one_output_is_wrong(module, output):
    """And the other outputs are said to match."""

    def conv_backward(dZ, cache):
        gradients = npcnn.conv_backward(dZ, cache)
        gradients[output].flat[-1] += 1
        return gradients

    outcome = outcomes(module(conv_backward=conv_backward), CONV)["conv_backward"]
    assert outcome.status == "WRONG"
    assert [v.wrong for v in outcome.verdicts] == [int(i == output) for i in range(3)]


def reciprocal(divisor, A_prev, hparameters, mode="max"):
    """An average that multiplies instead of dividing."""
    assert mode == "average"
    A, cache = npcnn.pool_forward(A_prev, {**hparameters, "divisor_override": 1}, mode)
    return A * (1 / divisor), cache


def test_a_pool_is_held_to_the_last_bit(module):
    """Multiplying by a reciprocal is not dividing, under npcnn's own contract."""
    judged = module(pool_forward=partial(reciprocal, 9))
    outcome = outcomes(judged, DENSE)["pool_forward"]
    assert (outcome.status, outcome.evidence) == ("WRONG", "exact")


def test_a_looser_contract_holds_pools_to_their_bounds(module):
    """There the same reciprocal passes, as bounded; and a wrong divisor does not."""
    for divisor, status in ((9, "ok"), (8, "WRONG")):
        judged = module(pool_forward=partial(reciprocal, divisor))
        judged.contract = replace(judged.contract, bitwise=False)
        outcome = outcomes(judged, DENSE)["pool_forward"]
        assert (outcome.status, outcome.evidence) == (status, "bounded")


@pytest.mark.parametrize(
    ("named", "error", "status", "note"),
    [
        ("assignment", 2e-14, "ok", "right within its rounding, not exactly"),
        ("assignment", 1, "WRONG", ""),
        ("npcnn", 2e-14, "WRONG", ""),
    ],
    ids=["rounding", "one", "npcnn"],
)
def test_a_looser_contract_has_room_where_the_fill_is_exact(module, named, error, status, note):
    """A transform errs by a few roundings, and that is said; one unit is too much for anybody."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z + error, cache

    outcome = outcomes(module(named, conv_forward=conv_forward), SQUARE)["conv_forward"]
    assert (outcome.status, outcome.note) == (status, note)
    assert outcome.evidence == ("bounded" if note else "exact")


def test_the_sign_of_zero_counts_in_pools(module):
    """-0 where torch has 0."""

    def pool_forward(A_prev, hparameters, mode="max"):
        A, cache = npcnn.pool_forward(A_prev, hparameters, mode)
        return np.where(A == 0, -A, A), cache

    judged = module(pool_forward=pool_forward)
    assert outcomes(judged, POOL)["pool_forward"].status == "WRONG"


def test_an_exception_is_a_crash(module):
    """With its type, its words and its line; other functions are judged all the same."""

    def conv_forward(A_prev, W, b, hparameters):
        raise IndexError("index 7 is out of bounds")

    found = outcomes(module(conv_forward=conv_forward), CONV)
    assert {name: o.status for name, o in found.items()} == {
        "conv_forward": "CRASH",
        "conv_backward": "ok",
        "functional.conv2d": "ok",
        "functional.conv2d_backward": "ok",
    }
    crash = found["conv_forward"]
    assert (crash.message, crash.kind) == ("IndexError: index 7 is out of bounds", "IndexError")
    assert "test_trial.py" in crash.where[-1]
    assert 'raise IndexError("index 7' in crash.where[-1]
    assert crash.verdicts == ()


def test_changing_an_input_is_wrong(module):
    """Though the answer be right."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        A_prev[0] = 0
        return Z, cache

    outcome = outcomes(module(conv_forward=conv_forward), CONV)["conv_forward"]
    assert (outcome.status, outcome.message) == ("WRONG", "changes its argument A_prev")
    assert outcome.habits == ("changes its argument A_prev",)
    assert all(v.ok for v in outcome.verdicts)


def test_sharing_memory_is_wrong(module):
    """A padding of nothing must still be a copy, under npcnn's own contract; courses let it be."""
    line = "zero_pad x=[1,2,2,1] pad=0 fill=integers"
    outcome = outcomes(module(zero_pad=lambda X, pad: X), line)["zero_pad"]
    assert (outcome.status, outcome.message) == ("WRONG", "shares memory: y with x")
    judged = module("assignment", zero_pad=lambda X, pad: X)
    assert outcomes(judged, line)["zero_pad"].status == "ok"


def test_the_wrong_dtype_is_wrong(module):
    """float64 out of a float32 question; elsewhere it is a convention."""
    line = "zero_pad x=[1,2,3,1] pad=1 fill=integers"

    def zero_pad(X, pad):
        return npcnn.zero_pad(X, pad).astype(float)

    outcome = outcomes(module(zero_pad=zero_pad), line, "float32")["zero_pad"]
    assert outcome.status == "WRONG"
    assert outcome.verdicts[0].message == "has dtype float64, it should be float32"
    judged = module("assignment", zero_pad=zero_pad)
    outcome = outcomes(judged, line, "float32")["zero_pad"]
    assert (outcome.status, outcome.deviations) == ("DEVIATES", ("wider-result",))


def test_what_a_candidate_prints_is_kept(module):
    """Beside its outcome, not on the report's own output."""

    def zero_pad(X, pad):
        print("padding by", pad)
        return npcnn.zero_pad(X, pad)

    outcome = outcomes(module(zero_pad=zero_pad), "zero_pad x=[1,2,3,1] pad=1 fill=integers")
    assert outcome["zero_pad"].stdout == "padding by 1\n"


def test_a_missing_function_is_not_attempted(module):
    """Not a failure; the rest is judged."""
    found = outcomes(module(conv_backward=None), CONV)
    assert found["conv_backward"].status == "not attempted"
    assert found["conv_forward"].status == "ok"
    assert len(found) == 4


def test_an_unwritten_function_is_not_attempted(module):
    """A template is not called at all."""

    def zero_pad(X, pad):
        pass

    assert outcomes(module(zero_pad=zero_pad), PAD)["zero_pad"].status == "not attempted"


@pytest.mark.parametrize(
    ("pad", "status", "message"),
    [
        (ValueError("pad must be 0 or more, got pad=-1"), "ok", ""),
        (ValueError("no"), "WRONG", "got ValueError: no"),
        (TypeError("pad must be 0 or more, got pad=-1"), "WRONG", "got TypeError: pad"),
        (None, "WRONG", "got an answer"),
    ],
    ids=["right", "words", "type", "answer"],
)
def test_a_refusal_needs_its_error_and_its_words(module, pad, status, message):
    """Anything else is wrong, an answer most of all."""

    def zero_pad(X, pad_given):
        if pad is not None:
            raise pad

    arguments = {"X": {"array": [1, 2, 2, 1]}, "pad_given": -1}
    refusal = questions.Refusal("r", "zero_pad", arguments, "ValueError", ("0 or more", "pad=-1"))
    outcome = refused(module(zero_pad=zero_pad), refusal)
    assert outcome.status == status
    assert message in outcome.message
    assert bool(outcome.message) == (status == "WRONG")


def test_every_word_of_a_refusal_counts(module):
    """One of two is not enough."""

    def zero_pad(X, pad):
        raise TypeError("first alone")

    refusal = questions.Refusal(
        "r", "zero_pad", {"X": 1, "pad": 2}, "TypeError", ("first", "second")
    )
    judged = module(zero_pad=zero_pad)
    assert refused(judged, refusal).status == "WRONG"
    assert refused(judged, replace(refusal, words=("first", "alone"))).status == "ok"


def test_courses_refuse_nothing(module):
    """What a wrong call comes to is asked of npcnn alone."""
    refusal = questions.Refusal("r", "zero_pad", {"X": 1, "pad": 2}, "TypeError", ("array",))
    checks, outside = trial.plan(module("assignment"), [refusal], lambda *_: True)
    assert (checks, outside) == ([], {})


def test_a_lying_oracle_is_found_out(module, monkeypatch):
    """The definition has to agree before anybody is judged."""
    honest = oracle.answers

    def lying(case, given):
        answers = dict(honest(case, given))
        answers["dw"] = answers["dw"] + 1
        return answers

    monkeypatch.setattr(oracle, "answers", lying)
    with pytest.raises(
        OracleFaultError, match=r"torch and the definition disagree on dw of conv x="
    ):
        outcomes(module(), CONV, seed=4711)


def test_a_lying_definition_is_found_out(module, monkeypatch):
    """Which of the two is wrong is for a person to find."""
    monkeypatch.setattr(definition, "answers", lambda case, given: {"y": {(): 1}})
    line = "conv_single_step x=[2,2] b=[1] fill=integers"
    with pytest.raises(OracleFaultError, match="disagree on y"):
        outcomes(module(), line)


def test_every_check_has_an_id_of_its_own(whole):
    """So that --case asks one question, and JSON can be indexed."""
    judged, checks, _ = whole
    asked = [(judged.name_of(f), check.question.id) for check in checks for f in check.functions]
    assert len(asked) == len(set(asked)) > 8000


def test_small_questions_come_first(whole):
    """Of each kind, so that the first failure is a small one."""
    _, checks, _ = whole
    kinds = {}
    for check in checks:
        kind = check.functions[0].op.removesuffix("_forward").removesuffix("_backward")
        kinds.setdefault(kind, []).append(check.question.work or trial.EMPTY)
    assert len(kinds) == 6
    for kind, work in kinds.items():
        assert work == sorted(work), kind
    assert kinds["conv"][0] == 1


def test_kinds_come_in_the_contracts_order(whole):
    """What others stand on is asked first, whatever order the questions have."""
    judged, checks, _ = whole
    order = ["zero_pad", "conv_single_step", "conv", "create_mask_from_window"]
    order += ["distribute_value", "pool"]
    again, _ = trial.plan(judged, questions.read_all()[::-1], lambda *_: True)
    for found in (checks, again):
        ops = [c.functions[0].op.removesuffix("_forward").removesuffix("_backward") for c in found]
        kinds = [op for op, before in zip(ops, [None, *ops]) if op != before]
        assert kinds == order


def test_only_what_is_chosen_is_asked(module):
    """By function and question; the choice is told the candidate's own name."""
    told = set()

    def chosen(name, question):
        told.add((name, question.op))
        return name == "conv_backward"

    asked = row.parse(CONV) + row.parse(POOL)
    checks, outside = trial.plan(module(), asked, chosen)
    assert [[f.name for f in check.functions] for check in checks] == [["conv_backward"]]
    assert outside == {}
    assert ("pool_forward", "max_pool") in told


def test_what_a_contract_cannot_express_is_counted(module):
    """Function by function, and not asked; an option of the kind alone counts, not every kind."""
    wide = CONV.replace("stride=[1,2]", "stride=1 dilation=2")
    asked = [case for line in (SQUARE, CONV, wide, POOL) for case in row.parse(line)]
    checks, outside = trial.plan(module("assignment"), asked, lambda *_: True)
    assert [check.question.row for check in checks] == [row.parse(SQUARE)[0].row]
    assert outside == {
        "conv_forward": 2,
        "conv_backward": 2,
        "pool_forward": 1,
        "pool_backward": 1,
    }


def test_one_rank_is_not_outside_for_another(whole):
    """conv2d is not to be blamed for questions that conv1d takes."""
    assert whole[2] == {}


def test_the_same_seed_gives_the_same_outcomes_and_another_one_others(module):
    """Every array depends on the question, the seed and the dtype alone."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z + 1, cache

    judged = module(conv_forward=conv_forward)
    worst = [
        outcomes(judged, CONV, seed=seed, names=["conv_forward"])["conv_forward"].verdicts[0].worst
        for seed in (0, 0, 1)
    ]
    assert worst[0] == worst[1] != worst[2]


class Unspeakable(BaseException):
    """An exception that is no Exception, and whose words cannot be had."""

    def __str__(self):
        raise RuntimeError


def test_whatever_is_raised_is_a_crash(module):
    """BaseException too, and where the message itself raises."""

    def zero_pad(X, pad):
        raise Unspeakable

    outcome = outcomes(module(zero_pad=zero_pad), PAD)["zero_pad"]
    assert (outcome.status, outcome.message) == (
        "CRASH",
        "Unspeakable, whose words cannot be read",
    )


def reshaped(dA_prev, dW, db):
    return dA_prev, dW, db.reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("name", "wrong", "line"),
    [
        ("zero_pad", lambda X, pad: npcnn.zero_pad(X, pad) + 0.0, PAD),
        ("zero_pad", lambda X, pad: np.ma.masked_array(npcnn.zero_pad(X, pad), mask=True), PAD),
        ("zero_pad", lambda X, pad: npcnn.zero_pad(X, pad).tolist(), PAD),
        ("conv_backward", lambda dZ, cache: reshaped(*npcnn.conv_backward(dZ, cache)), CONV),
    ],
    ids=["zeros", "masked", "list", "db"],
)
def test_an_answer_in_disguise_is_wrong(module, name, wrong, line):
    """Zeros of another sign, a subclass of ndarray, a list, a db of another shape than b."""
    assert outcomes(module(**{name: wrong}), line)[name].status == "WRONG"


def test_a_db_of_another_shape_is_a_convention_of_courses(module):
    """Its numbers are compared all the same."""
    for error, status in ((0, "DEVIATES"), (1, "WRONG")):

        def conv_backward(dZ, cache, error=error):
            dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
            return dA_prev, dW, (db + error).reshape(-1)

        outcome = outcomes(module("assignment", conv_backward=conv_backward), SQUARE)
        found = outcome["conv_backward"]
        assert (found.status, found.deviations) == (status, ("db-shape",))


def test_a_changed_shape_is_a_changed_input(module):
    """Though every number stay."""

    def zero_pad(X, pad):
        padded = npcnn.zero_pad(X, pad)
        X.shape = (-1,)
        return padded

    outcome = outcomes(module(zero_pad=zero_pad), PAD)["zero_pad"]
    assert (outcome.status, outcome.message) == ("WRONG", "changes its argument X")


def test_a_forward_pass_without_a_cache_is_told_what_to_return(module):
    """Not that something cannot be unpacked."""
    for returns in (7, np.ones(2)):
        judged = module(conv_forward=lambda *_, r=returns: r)
        found = outcomes(judged, CONV)["conv_forward"]
        kind = type(returns).__name__
        assert found.message == f"TypeError: it should return (Z, cache), it returned a {kind}"


def test_a_function_that_changes_its_input_does_not_spoil_the_next(module):
    """Every function gets arrays of its own."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        W[...] = 7
        return Z, cache

    found = outcomes(module(conv_forward=conv_forward), CONV)
    assert found["conv_forward"].message == "changes its argument W"
    assert found["functional.conv2d"].status == "ok"


@pytest.mark.parametrize("layout", [name for name in row.LAYOUTS if name != "C"])
def test_a_layout_reaches_the_candidate(module, layout):
    """The arrays are not tidied up on the way."""

    def zero_pad(X, pad):
        print(X.flags.c_contiguous and X.flags.writeable and X.dtype.isnative)
        return npcnn.zero_pad(X, pad)

    line = f"zero_pad x=[3,2,4,2] pad=1 fill=integers layout={layout}"
    outcome = outcomes(module(zero_pad=zero_pad), line)["zero_pad"]
    assert (outcome.status, outcome.stdout) == ("ok", "False\n")


def test_a_detour_through_float32_is_found_in_float64(module):
    """By the bound of sparse numbers alone, too: they are not integers."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev.astype(np.float32), W, b, hparameters)
        return Z.astype(float), cache

    line = CONV.replace("integers", "sparse")
    judged = module(conv_forward=conv_forward)
    assert outcomes(judged, line)["conv_forward"].status == "WRONG"


def test_the_general_face_is_asked_about_its_defaults_and_the_passes_are_not(module):
    """Words that hold anyway are left out of the one and spelled out in the other."""

    def telling(name):
        function = getattr(npcnn.functional, name)

        def call(*args, **kwargs):
            print(name, sorted(kwargs.items()))
            return function(*args, **kwargs)

        return call

    def conv_forward(A_prev, W, b, hparameters):
        print("conv_forward", sorted(hparameters))
        return npcnn.conv_forward(A_prev, W, b, hparameters)

    general = types.ModuleType("npcnn.functional")
    vars(general).update(vars(npcnn.functional) | {"__name__": "npcnn.functional"})
    for name in ("conv2d", "max_pool2d", "avg_pool2d", "conv2d_backward"):
        setattr(general, name, telling(name))
    judged = module(functional=general, conv_forward=conv_forward)
    lines = ["conv x=[1,4,5,2] w=[2,2,1,2] groups=2 fill=integers"]
    lines += ["max_pool x=[1,4,5,1] kernel=2 fill=ties"]
    lines += ["avg_pool x=[1,4,5,1] kernel=2 stride=1 fill=dense"]
    said = {o.stdout for o in run(judged, lines) if o.stdout}
    assert said == {
        "conv_forward ['dilation', 'groups', 'pad', 'stride']\n",
        "conv2d [('groups', 2)]\n",
        "conv2d_backward [('groups', 2)]\n",
        "max_pool2d [('kernel_size', 2), ('return_indices', True)]\n",
        "avg_pool2d [('kernel_size', 2), ('stride', 1)]\n",
    }


def test_an_answer_without_outputs_is_no_match(module, monkeypatch):
    """A comparison of nothing must not be green."""
    functions = tuple(replace(f, ask=lambda *_: {}) for f in contract.CONTRACT.functions)
    monkeypatch.setattr(contract, "CONTRACT", replace(contract.CONTRACT, functions=functions))
    found = outcomes(module(), CONV)["conv_backward"]
    said = [verdict.message for verdict in found.verdicts]
    assert (found.status, said) == ("WRONG", ["is a NoneType, not an array"] * 3)


def test_an_answer_that_changes_is_wrong(module):
    """Every question is asked twice; numbers of chance are told, though the first be right."""
    asked = []

    def zero_pad(X, pad):
        asked.append(pad)
        return npcnn.zero_pad(X, pad) + (len(asked) > 1)

    line = "zero_pad x=[1,2,2,1] pad=1 fill=integers"
    outcome = outcomes(module(zero_pad=zero_pad), line)["zero_pad"]
    assert all(v.ok for v in outcome.verdicts)
    assert (outcome.status, outcome.message) == (
        "WRONG",
        "gives another answer when it is asked again",
    )


def test_a_backward_pass_is_not_blamed_for_the_forward_pass_below_it(module):
    """The contract's own cache shows which of the two is wrong."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, (A_prev, W, b, hparameters) = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z + 1, (A_prev, W + 1, b, hparameters)

    found = outcomes(module("assignment", conv_forward=conv_forward), SQUARE)
    assert {name: o.status for name, o in found.items()} == {
        "conv_forward": "WRONG",
        "conv_backward": "ok",
    }


def test_a_cache_that_spoils_the_backward_pass_is_told(module):
    """Where the forward pass's own answer is right."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, (A_prev, W, b, hparameters) = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z, (A_prev, W + 1, b, hparameters)

    found = outcomes(module("assignment", conv_forward=conv_forward), SQUARE)
    assert found["conv_forward"].status == "ok"
    backward = found["conv_backward"]
    assert backward.status == "WRONG"
    assert backward.message == (
        "right with the contract's own cache, wrong with the one that its own forward returns"
    )
    assert [v.name for v in backward.verdicts if not v.ok] == ["dA_prev"]


def test_a_backward_pass_that_is_wrong_itself_says_nothing_of_caches(module):
    """Nor is it excused where the forward pass is wrong too."""

    def conv_forward(A_prev, W, b, hparameters):
        Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
        return Z + 1, cache

    def conv_backward(dZ, cache):
        dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
        return dA_prev, dW + 1, db

    for forward in (npcnn.conv_forward, conv_forward):
        judged = module("assignment", conv_forward=forward, conv_backward=conv_backward)
        backward = outcomes(judged, SQUARE)["conv_backward"]
        assert (backward.status, backward.message) == ("WRONG", "")
        assert [v.name for v in backward.verdicts if not v.ok] == ["dW"]


def test_an_error_of_age_is_mended_in_flight(module):
    """float() of an array that has axes: a crash, and beside it what would come of it."""
    for error, status in ((0, "ok"), (1, "WRONG")):

        def conv_single_step(a_slice_prev, W, b, error=error):
            return np.sum(a_slice_prev * W) + float(b) + error

        outcome = outcomes(module("assignment", conv_single_step=conv_single_step), STEP)
        found = outcome["conv_single_step"]
        assert found.status == "CRASH"
        assert "0-dimensional" in found.message
        assert found.final is found.mended
        assert found.mended.status == status


def test_what_stands_on_an_error_of_age_is_judged_mended(module):
    """It must not be blamed for the age of what it calls."""

    def conv_single_step(a_slice_prev, W, b):
        return np.sum(a_slice_prev * W) + float(b)

    def conv_forward(A_prev, W, b, hparameters):
        conv_single_step(A_prev[0, :2, :2], W[..., 0], b[..., 0])
        return npcnn.conv_forward(A_prev, W, b, hparameters)

    functions = {"conv_single_step": conv_single_step, "conv_forward": conv_forward}
    found = {o.function: o for o in run(module("assignment", **functions), [STEP, SQUARE])}
    forward = found["conv_forward"]
    assert (forward.status, forward.mended) == ("ok", None)
    assert forward.note == "an error of age below it is mended"
    alone = outcomes(module("assignment", **functions), SQUARE)["conv_forward"]
    assert (alone.status, alone.mended.status) == ("CRASH", "ok")


def test_a_function_that_gives_no_answer_is_not_asked_for_ever(module):
    """After three of them its other questions are not judged; other functions are not held up."""

    def zero_pad(X, pad):
        time.sleep(30)

    line = "zero_pad x=[1,2,2,1] pad={} fill=integers"
    judged = module(timeout=0.3, zero_pad=zero_pad)
    found = run(judged, [*(line.format(pad) for pad in range(5)), STEP])
    statuses = [o.status for o in found]
    assert statuses == ["TIMEOUT"] * 3 + ["not judged"] * 2 + ["ok"]
    assert found[0].message == "it was still running after 0.3 s"
    assert found[3].message == "too slow to go on"


def test_crashes_are_asked_for_to_the_end(module):
    """An exception costs no time."""

    def zero_pad(X, pad):
        raise ValueError("no")

    lines = [f"zero_pad x=[1,2,2,1] pad={pad} fill=integers" for pad in range(5)]
    assert [o.status for o in run(module(zero_pad=zero_pad), lines)] == ["CRASH"] * 5


class Watched:
    """A process, and what was announced to it and asked of it; a deaf one hears nothing ahead."""

    def __init__(self, process, deaf=False):
        self.process, self.deaf, self.log = process, deaf, []
        self.hello, self.close = process.hello, process.close

    def expect(self, request):
        self.log.append(("expect", request))
        if not self.deaf:
            self.process.expect(request)

    def ask(self, request):
        self.log.append(("ask", request))
        return self.process.ask(request)

    def put(self, what="ask"):
        return [request for did, request in self.log if did == what]


def watched(judged, lines, deaf=False):
    """The outcomes, and the log of what was announced and asked."""
    judged.process = watching = Watched(judged.process, deaf)
    return run(judged, lines), watching


def told(outcome):
    """All that can be compared, but for its seconds."""
    verdicts = [(v.name, v.wrong, v.of, v.message, v.worst) for v in outcome.verdicts]
    return replace(outcome, seconds=0.0, verdicts=()), verdicts


SCALE = "conv x=[1,9,11,2] w=[3,3,2,2] fill=digits check=scale"
CELLS = "max_pool x=[2,4,5,2] kernel=[3,2] stride=1 fill=permutation check=cells"
TAPS = "conv x=[1,4,3,2] w=[2,2,2,2] fill=digits check=taps"
ADJOINT = f"{SQUARE} check=adjoint"
BATCH = f"{SQUARE} check=batch"
EVERY = [CONV, SQUARE, POOL, DENSE, PAD, STEP, SCALE, CELLS, TAPS, ADJOINT, BATCH]


def wrong(dZ, cache):
    """A gradient that is asked for twice, as its cache may be to blame."""
    dA_prev, dW, db = npcnn.conv_backward(dZ, cache)
    return dA_prev, dW + 1, db


@pytest.mark.parametrize("functions", [{}, {"conv_backward": wrong}], ids=["right", "wrong"])
@pytest.mark.parametrize("named", ["npcnn", "assignment"])
def test_what_is_announced_changes_nothing(module, named, functions):
    """The same calls in the same order, the same outcomes; what is announced is asked, once."""
    heard, log = watched(module(named, **functions), EVERY)
    unheard, other = watched(module(named, **functions), EVERY, deaf=True)
    assert list(map(told, heard)) == list(map(told, unheard))
    calls = [[(r.function, r.case.row, r.cache) for r in one.put()] for one in (log, other)]
    assert calls[0] == calls[1]
    asked = log.put()
    for request in log.put("expect"):
        assert sum(map(request.is_same, asked)) == 1
    assert len(log.put("expect")) > len(asked) / 4


def test_the_next_question_is_announced_before_the_last_is_looked_at(module, monkeypatch):
    """All but the first, from one function and one question to the next."""
    judged, honest = module(), trial.outcomes.of

    def of(judged, function, asked, reply):
        judged.process.log.append(("look", "_known" in vars(asked)))
        return honest(judged, function, asked, reply)

    truth.forget()
    lines = [CONV, POOL, DENSE, STEP]
    run(module(), lines[:1])  # by a question that is equal, and not the same
    monkeypatch.setattr(trial.outcomes, "of", of)
    _, log = watched(judged, lines)
    count = len(log.put())
    assert [did for did, _ in log.log] == ["ask", "expect", "look"] * (count - 1) + ["ask", "look"]
    assert all(map(Request.is_same, log.put("expect"), log.put()[1:]))
    assert {True, False} == set(log.put("look"))


def test_a_check_of_one_call_announces_the_next_before_it_is_looked_at(module, monkeypatch):
    """Large layers above all: both functions of this one, and the first of the next."""
    honest = scale._wanted
    judged = module()

    def wanted(*arguments):
        judged.process.log.append(("look", ""))
        return honest(*arguments)

    monkeypatch.setattr(scale, "_wanted", wanted)
    _, log = watched(judged, [SCALE, SCALE.replace("9,11", "12,13")])
    forward, backward = ["ask", "expect", "look"], ["ask", "expect", *["look"] * 3]
    assert [did for did, _ in log.log] == [*forward, *backward, *forward, "ask", *["look"] * 3]
    assert all(map(Request.is_same, log.put("expect"), log.put()[1:]))


@pytest.mark.parametrize(("line", "ahead"), [(CELLS, True), (TAPS, False)])
def test_a_check_of_known_questions_announces_them(module, line, ahead):
    """While one answer is looked at the next is under way; the first of them is not known."""
    _, log = watched(module(), [line], deaf=True)
    names = {request.function for request in log.put()}
    expected = log.put("expect")
    assert len(expected) == (len(log.put()) - len(names) if ahead else 0)


def test_nothing_is_announced_while_an_answer_is_lost(module):
    """Who gives no answer is asked as often as ever: that call, and two more."""

    def zero_pad(X, pad):
        time.sleep(30)

    lines = [f"zero_pad x=[1,2,2,1] pad={pad} fill=integers" for pad in range(5)]
    found, log = watched(module(timeout=0.3, zero_pad=zero_pad), [*lines, CONV, POOL])
    assert [o.status for o in found if o.function == "zero_pad"] == (
        ["TIMEOUT"] * 3 + ["not judged"] * 2
    )
    at = [r.function for r in log.put()].index("zero_pad")
    assert [r.function for r in log.put()].count("zero_pad") == 3
    lost = next(n for n, (did, r) in enumerate(log.log) if did == "ask" and r is log.put()[at])
    assert {did for did, _ in log.log[lost:]} == {"ask"}
