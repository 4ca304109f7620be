"""Implementations in this process: right but for one function, asked as any candidate is."""

import os
from dataclasses import replace

import numpy as np
import pytest

import npcnn
from verification import definition, fills, oracle, row, truth
from verification.apart.replies import Reply
from verification.apart.requests import Refused
from verification.contracts import OWN
from verification.mistakes.code import Code
from verification.mutants import coded, forks
from verification.mutants.habits import HABITS

LINES = {
    "zero_pad": "zero_pad x=[2,3,5,4] pad=[[1,2],[0,3]] fill=integers",
    "conv_single_step": "conv_single_step x=[2,3,4] b=[1,1,1] fill=integers",
    "conv_forward": "conv x=[2,5,7,3] w=[3,2,3,4] stride=[2,1] pad=[1,0] fill=integers",
    "conv_backward": "conv x=[2,5,7,3] w=[3,2,3,4] stride=[1,2] bias=false fill=integers",
    "create_mask_from_window": "create_mask_from_window x=[2,3] fill=ties",
    "distribute_value": "distribute_value x=[2,3] fill=integers",
    "pool_forward": "max_pool x=[2,5,6,3] kernel=[2,3] stride=[2,1] fill=special",
    "pool_backward": "avg_pool x=[2,5,6,3] kernel=[2,3] pad=[1,0] fill=integers",
}
FUNCTIONS = {function.op: function for function in coded.contract().functions}


def reply(candidate, op, dtype="float64", line=""):
    """What it answers to the function's question."""
    (case,) = row.parse(line or LINES[op])
    return candidate.ask(FUNCTIONS[op], case, fills.arrays(case, 0, dtype), OWN)


def raising(*ignored):
    raise IndexError("planted")


def ones(window, w, b):
    return np.ones((len(window), w.shape[-1]))


def noted(reply, given):
    return replace(reply, error=f"seen with {sorted(given)}")


def test_eight_functions():
    """npcnn's own names, in any order of sums."""
    assert set(LINES) == set(FUNCTIONS)
    assert len(FUNCTIONS) == coded.PASSES
    assert [name for name in LINES if not callable(getattr(npcnn, name))] == []
    assert not coded.contract().bitwise


@pytest.mark.parametrize("op", LINES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_code_answers_as_the_oracle_does(op, dtype):
    """Every function, in the arrays' dtype and the contract's shapes."""
    (case,) = row.parse(LINES[op])
    given, function = fills.arrays(case, 0, dtype), FUNCTIONS[op]
    answer = coded.coded("", Code()).ask(function, case, given, OWN)
    right = oracle.answers(case, given)
    assert (answer.status, answer.error) == ("ok", "")
    assert answer.values
    for name, value in answer.values.items():
        want = function.form(case, name, right[name])
        assert (value.dtype, value.shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(want, value)


def test_without_a_bias_there_is_no_gradient_of_it():
    """It is left out; so is an output that wrong code forgets to return."""
    right, biased = coded.coded("", Code()), LINES["conv_backward"].replace("bias=false ", "")
    assert set(reply(right, "conv_backward").values) == {"dx", "dw"}
    assert reply(right, "conv_backward", line=biased).values["db"].shape == (1, 1, 1, 4)
    forgetful = Code(answer=lambda case, given, answers: {**answers, "dw": None})
    found = reply(coded.coded("conv_backward", forgetful), "conv_backward")
    assert (found.status, set(found.values)) == ("ok", {"dx"})


def test_wrong_lines_are_wrong_in_one_function_alone():
    """The others are right, though they have the same line."""
    wrong = coded.coded("conv_single_step", Code(product=ones))
    right = coded.coded("", Code())
    assert reply(wrong, "conv_single_step").values["y"].tolist() == 1.0
    assert reply(right, "conv_single_step").values["y"].tolist() != 1.0
    expected = reply(right, "conv_forward").values["y"]
    np.testing.assert_array_equal(expected, reply(wrong, "conv_forward").values["y"])


def test_what_it_raises_is_its_answer():
    """Of whatever kind, with its message."""
    answer = reply(coded.coded("pool_forward", Code(reduce=raising)), "pool_forward")
    assert (answer.status, answer.error) == ("CRASH", "IndexError: planted")
    assert not answer.values


def test_a_change_is_done_to_one_function():
    """To its reply, with what was given at hand."""
    changed = coded.coded("conv_forward", Code(), noted)
    assert reply(changed, "conv_forward").error == "seen with ['b', 'dy', 'w', 'x']"
    assert reply(changed, "pool_forward").error == ""


def test_narrower_habits_round():
    """float32 inside float64 loses what float32 cannot hold, and float16 more of it."""
    values = {"y": np.array([1 + 2.0**-30, 1 + 2.0**-12, 1 + 2.0**-9])}
    wide, index = Reply("ok", values), np.arange(3)
    once = HABITS["float32-inside"](wide, {}).values["y"]
    twice = HABITS["float16-inside"](wide, {}).values["y"]
    assert once.tolist() == [1, 1 + 2.0**-12, 1 + 2.0**-9]
    assert once.dtype == np.float64
    assert twice.tolist() == [1, 1, 1 + 2.0**-9]
    whole = HABITS["float32-inside"](Reply("ok", {"index": index}), {}).values["index"]
    assert whole.dtype == index.dtype


def test_other_habits_change_what_they_say():
    """Shapes, types and conduct; the numbers stay."""
    numbers = np.array([[3.0, 5.0]], np.float32)
    answer = Reply("ok", {"y": numbers, "db": np.array([7.0, 2.0, 4.0])})
    others = ("db-shape", "wider-result", "changes-inputs", "uninitialised-accumulator")
    after = {name: HABITS[name](answer, {"x": numbers, "w": numbers}) for name in others}
    assert after["db-shape"].values["db"].tolist() == [[7.0], [2.0], [4.0]]
    assert after["wider-result"].values["y"].dtype == np.float64
    assert after["changes-inputs"].changed == ("x",)
    assert not after["uninitialised-accumulator"].steady
    one = HABITS["single-step-shape"](Reply("ok", {"y": np.array(5.0)}), {}).values["y"]
    assert one.tolist() == [[[5.0]]]
    mask = HABITS["mask-float"](Reply("ok", {"y": np.array([True, False])}), {}).values["y"]
    assert mask.dtype == np.float64


def apart(task):
    """What comes of it in a process of its own: whoever asks live functions stands aside."""
    return dict(forks.run({"task": task}, 60, 1))["task"]


def asked(functions, op):
    """The reply of live functions, npcnn's but for these."""
    return apart(lambda: reply(coded.here({**vars(npcnn), **functions}), op))


def spoiling(x, pad):
    x[0] = 4711
    return np.pad(x, [(0, 0), *pad, (0, 0)])


def viewing(x, pad):
    return x


def in_the_child(x, pad):
    return np.full(3, os.getpid())


def test_live_functions_are_asked():
    """npcnn's own answer as the oracle does."""
    (case,) = row.parse(LINES["conv_forward"])
    want = oracle.answers(case, fills.arrays(case, 0, "float64"))["y"]
    answer = asked({}, "conv_forward")
    assert answer.status == "ok"
    np.testing.assert_array_equal(want, answer.values["y"])


def test_live_functions_may_fail():
    """What they raise, change or hand back of their arguments is told."""
    failed = asked({"zero_pad": raising}, "zero_pad")
    assert (failed.status, failed.kind) == ("CRASH", "IndexError")
    assert "planted" in failed.error
    assert asked({"zero_pad": spoiling}, "zero_pad").changed
    assert asked({"zero_pad": viewing}, "zero_pad").shared
    sound = asked({}, "zero_pad")
    assert (sound.changed, sound.shared) == ((), ())


def test_live_functions_are_asked_where_they_are():
    """In the very process, and calls that must be refused too."""
    values = asked({"zero_pad": in_the_child}, "zero_pad").values
    assert os.getpid() not in values["y"]
    refused = Refused("zero_pad", {"X": {"array": [2, 3, 5, 4]}, "pad": -1})
    answer = apart(lambda: coded.here(vars(npcnn)).process.ask(refused))
    assert answer.status == "CRASH"
    assert answer.error.startswith("ShapeError: ")


def test_the_definition_agrees():
    """With the catalogue's right code, beside torch."""
    (case,) = row.parse(LINES["conv_backward"].replace("x=[2,", "x=[1,"))
    given = fills.arrays(case, 0, "float64")
    defined = definition.answers(case, {name: truth._numbers(a) for name, a in given.items()})
    found = coded.answers("conv_backward", case, given, Code())
    assert {"dx", "dw"} == set(found)
    for name, a in found.items():
        assert list(defined[name].values()) == a.ravel().tolist()
