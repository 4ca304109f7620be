"""Diagnosis: what is named and what must not be; narrower types; what errors look like."""

import math
from dataclasses import replace

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.judging.trial import Trial
from verification.mistakes import Inquiry, describe, diagnose, find_convention, read
from verification.mistakes import diagnosis as room
from verification.mistakes.precision import FORMATS, find_narrower
from verification.questions import parse
from verification.truth import answer, oracle

POOLS = ["x=[2,5,6,2] kernel=2", "x=[1,5,5,2] kernel=3 stride=1", "x=[2,5,4,1] kernel=2 stride=1"]
LINES = {
    "conv": [
        "conv x=[2,4,4,2] w=[3,3,2,2] fill=digits",
        "conv x=[2,5,6,1] w=[2,2,1,3] stride=2 fill=digits",
        "conv x=[1,4,3,2] w=[3,3,2,2] pad=1 fill=digits",
        "conv x=[3,6,5,1] w=[2,2,1,2] stride=2 pad=1 fill=digits",
    ],
    "max_pool2d": [],
    "pool": [f"max_pool {words} fill=ties" for words in POOLS]
    + [f"avg_pool {words} fill=digits" for words in POOLS],
    "create_mask_from_window": ["create_mask_from_window x=[3,3] fill=ties"],
    "conv_single_step": [f"conv_single_step x=[{n},{n},2] b=[1,1,1]" for n in (2, 3)],
}
LINES["conv2d"] = LINES["conv"]
PAIR = {"groups-interleaved": False, "kernel-flipped": True}


def look(judged, name, lines, dtype="float64"):
    """What came of every question, failing and passing ones apart."""
    (function,) = (f for f in judged.contract.functions if f.name == name)
    trial, cases = Trial(judged, 0, dtype), [case for line in lines for case in parse(line)]
    seen = [trial.judge(function, case) for case in cases]
    parts = [
        [one for one in seen if (one.status == "ok") is is_right] for is_right in (False, True)
    ]
    return Inquiry(function.op, function.form, 0, dtype), *parts


@parametrize_from_file(
    schema=defaults(more=(), dtype="float64", explains=0, others=(), exactly=True, contract="")
)
def test_diagnosis(
    fake, function, bend, more, dtype, expected, explains, others, exactly, contract
):
    """What explains every failing case or most of them, and contradicts no passing one."""
    kind = function.removesuffix("_forward").removesuffix("_backward")
    judged = fake({function: bend}, contract or "assignment")
    asked, failing, passing = look(judged, function, [*LINES[kind], *more], dtype)
    assert failing
    found = diagnose(asked, failing, passing)
    assert (tuple(m.id for m in found.mistakes) if found else ()) == expected
    if found:
        count = explains or len(failing)
        assert (found.explains, found.of, found.exactly) == (count, len(failing), exactly)
        assert tuple(m.id for m in found.others) == others
        assert found.is_whole == (not explains)
        parts = [suspect for _, suspect in found.parts]
        assert all(any(asked.explains(part, seen) for seen in failing) for part in parts)


def test_two_mistakes_beside_a_convention(fake):
    """Whoever marks every tied maximum may be wrong in two ways more; the convention is none."""
    three = "wrong('stride-ignored-backward', 'assign-not-add', 'ties-all')"
    asked, *seen = look(fake({"pool_backward": three}), "pool_backward", LINES["pool"])
    found = diagnose(asked, *seen, ("ties-all",))
    assert {m.id for m in found.mistakes} == {"stride-ignored-backward", "assign-not-add"}


def test_a_pair_is_of_two_that_change_something(fake, monkeypatch):
    """Without groups nobody mixes them up, whatever words such code raises."""
    known = {mistake.id: (mistake, mistake.forms[0]) for mistake in read() if mistake.forms}
    asked, *seen = look(
        fake({"conv_forward": "wrong('bias-twice')"}), "conv_forward", LINES["conv"]
    )
    monkeypatch.setattr(Inquiry, "needs", lambda *_: True)
    search = room._Search(asked, (), *seen, room.Suspect(()))
    found = {
        name: search._needs_both(room.Suspect((known["bias-twice"], known[name]))) for name in PAIR
    }
    assert found == PAIR


def test_what_is_told_of_other_answers_comes_first(monkeypatch):
    """Of two mistakes with the same answers, and then no other is told beside it."""
    known = {mistake.id: mistake for mistake in read()}
    suspects = [
        room.Suspect(((known[name], known[name].forms[form]),))
        for name, form in (("height-width-swapped", 0), ("window-transposed-once", 0))
    ]
    (first, second), plain = (one.mistakes for one in suspects), room.Suspect(())
    monkeypatch.setattr(room, "_suspect", lambda *_: suspects)
    monkeypatch.setattr(room._Search, "prove", lambda self, those: those[len(self.wrong) :])
    both = room._Search(None, (), (), (), plain)  # of its answers both are proved
    alone = replace(both, wrong=(None,))  # and of these the second
    assert [(one.mistakes, one.others) for one in room._search(both)] == [(first, second)]
    found = room._search_each([both, alone])
    assert [(one.mistakes, one.others) for one in found] == [(second, ())] * 2


def test_loops_over_no_examples_raise_nothing(fake):
    """They may give a wrong shape, where the mistake raises elsewhere."""
    bend = "wrong('filters-counted-by-channels') if len(y) else give(y=np.ones((0, 2, 2, 3)))"
    sizes = ((2, 2), (2, 3), (2, 4), (2, 5), (0, 3))
    lines = [f"conv x=[{n},4,4,{c}] w=[3,3,{c},2] fill=units" for n, c in sizes]
    asked, *seen = look(fake({"conv2d": bend}, "functional"), "conv2d", lines)
    found = diagnose(asked, *seen)
    assert [mistake.id for mistake in found.mistakes] == ["filters-counted-by-channels"]
    assert (found.is_whole, found.of) == (True, 4)


@pytest.mark.parametrize("raising", [room.FEW - 1, room.FEW])
def test_a_few_plain_answers_tell_nothing(fake, raising):
    """Where nearly all raises: what is left may be that of other code, too."""
    bend = "wrong('kernel-flipped') if len(y) == 2 else crash('NameError: stride')"
    lines = [f"conv x=[1,{2 + n},3,1] w=[2,2,1,1] fill=digits" for n in range(raising)]
    lines += ["conv x=[2,3,3,1] w=[2,2,1,1] fill=digits"]
    asked, *seen = look(fake({"conv2d": bend}, "functional"), "conv2d", lines)
    found = diagnose(asked, *seen)
    told = [mistake.id for mistake in found.mistakes] if found else []
    assert told == ["kernel-flipped"] * (raising < room.FEW)


def test_without_effort_nothing_is_claimed(fake, monkeypatch):
    """A diagnosis ends, whatever there is to compare."""
    monkeypatch.setattr(room, "EFFORT", 0)
    asked, *seen = look(
        fake({"conv_forward": "wrong('bias-twice')"}), "conv_forward", LINES["conv"]
    )
    assert diagnose(asked, *seen) is None


@parametrize_from_file
def test_convention(fake, function, row, bend, expected):
    """What the field leaves open is named, and explains the whole answer."""
    asked, failing, _ = look(fake({function: bend}), function, [row])
    assert [find_convention(asked, seen) for seen in failing] == [expected]


@parametrize_from_file(schema=defaults(dtypes=("float64", "float32")))
def test_narrower(row, way, kinds, dtypes, expected):
    """The types that an answer may have gone through on this way, the narrowest first."""
    (case,) = parse(row)
    for dtype, kind in ((dtype, kind) for dtype in dtypes for kind in kinds):
        asked = answer(case, 0, dtype)

        def narrow(values, kind=kind):
            return {name: FORMATS[kind].round(a) for name, a in values.items()}

        def ask(given):
            wide = {name: a.astype(float) for name, a in given.items()}
            return oracle.answers(case, wide)

        scope = {"narrow": narrow, "ask": ask, "given": asked.arrays, "np": np}
        with np.errstate(over="ignore"):
            got = {name: a.astype(dtype) for name, a in eval(way, scope).items() if name != "index"}
        names = find_narrower([(asked, got)], lambda case, name, value: value)
        assert names == [kind if name == "itself" else name for name in expected], (dtype, kind)


@parametrize_from_file(schema=defaults(name="y", shape=(2, 4, 5, 3), want="a"))
def test_symptoms(name, shape, want, got, expected):
    """Whatever is said is so of every number, the most telling first."""
    rng = np.random.default_rng(0)
    a = (1.0 + rng.permutation(math.prod(shape)).reshape(shape)) * rng.choice([-1, 1], shape)
    scope = {"np": np, "rng": rng, "a": a, "real": rng.standard_normal(shape)}

    def put(*at, value=1000.0):
        got = a.copy()
        got[at] += value
        return got

    right, wrong = (eval(text, scope | {"put": put}) for text in (want, got))
    assert describe(np.asarray(wrong), np.asarray(right), name) == list(expected)
