"""Mutants of the harness: sound, it passes its own test; broken, each turns that test red."""

from functools import partial

import pytest

from verification import questions
from verification.mutants import field, forks, harness, selftest

NUMBERS = {f"the last number of {name}" for name in ("y", "dx", "dw", "db")}
NUMBERS |= {f"{number} in a large question" for number in NUMBERS}
PRECISION = {f"a loss of precision in {name}" for name in ("y", "dx", "dw", "db")}
GRADIENTS = {f"{name} against y" for name in ("dx", "dw", "db")}
ORDER = {f"another order in {op}" for op in ("conv_forward", "conv_backward")}
SIGNS = {f"another sign in {op}" for op in ("conv_forward", "conv_backward")}
RAISING = {f"an exception in {op}" for op in ("conv_forward", "conv_backward")}
NAN = {"NaN in y", "NaN in dx"}
BACKWARD = {name for name in NUMBERS | PRECISION if " y" not in name}

MEANT = {
    "comparison always true": NUMBERS | PRECISION | ORDER | SIGNS | NAN,
    "NaN equal to anything": NAN,
    "only the first example compared": {name for name in NUMBERS if " db" not in name},
    "backward not compared": BACKWARD,
    "forward not compared": (NUMBERS | PRECISION) - BACKWARD,
    "compared in float32": PRECISION,
    "compared without signs": SIGNS,
    "compared in sorted order": ORDER,
    "bound times 1000": PRECISION - {"a loss of precision in dx"},
    "fill all zeros": {"numbers differ", "another seed, other numbers"} | GRADIENTS,
    "fill all ones": {"numbers differ", "another seed, other numbers"} | ORDER,
    "seed ignored": {"another seed, other numbers"},
    "oracle asked about another stride": {"right code passes", "two oracles are asked"},
    "oracle replaced by the candidate": {"right code passes"} | NUMBERS | PRECISION,
    "exception counted as ok": RAISING,
    "cases dropped": {"every question is asked"},
    "failures dropped": NUMBERS | PRECISION | RAISING | GRADIENTS,
    "vacuity off": {"a question that cannot fail is vacuous"},
    "definition not asked": {"two oracles are asked"},
    "checks without an oracle say nothing": GRADIENTS | {"a window of a subsampling"},
    "probes of zeros": GRADIENTS,
    "properties of nothing": {"a window of a subsampling"},
}
"""The self-tests that were written against each mutant."""
ALONE = (
    *("NaN equal to anything", "compared in float32", "compared without signs"),
    *("compared in sorted order", "bound times 1000", "seed ignored", "exception counted as ok"),
    *("cases dropped", "vacuity off", "definition not asked", "probes of zeros"),
    "properties of nothing",
)
"""Mutants that no other self-test sees."""
SELFTESTS = {*selftest._PLANTED, *selftest._OTHERS}


@pytest.fixture(scope="module")
def red():
    """The self-tests that each mutant turns red, with fewer questions; each in its own process."""
    held = questions.every()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "every", lambda: held)
        patch.setattr(field, "WORK", 40)
        tasks = {broken.id: partial(harness.killers, broken) for broken in harness.every()}
        return {name: set(failed or ()) for name, failed in forks.run(tasks, 120)}


def test_the_sound_harness_passes():
    """Every self-test is green, and was there to be red."""
    assert len(SELFTESTS) >= 20
    assert dict(forks.run({"sound": selftest.failures}, 120)) == {"sound": []}


def test_every_mutant_is_known():
    """Each has its self-tests, and names of its own."""
    ids = [broken.id for broken in harness.every()]
    assert len(ids) >= 15
    assert sorted(ids) == sorted(MEANT)


@pytest.mark.parametrize("name", MEANT)
def test_every_mutant_is_seen(red, name):
    """By the self-tests that were written against it."""
    assert MEANT[name]
    assert sorted(MEANT[name] - red[name]) == []


@pytest.mark.parametrize("name", ALONE)
def test_a_mutant_breaks_what_it_says(red, name):
    """And nothing else: a harness that fell over would turn everything red."""
    assert red[name] == MEANT[name]


@pytest.mark.parametrize("name", sorted(SELFTESTS))
def test_every_selftest_is_needed(red, name):
    """Some mutant turns it red."""
    assert [broken for broken, failed in red.items() if name in failed]


def test_mutants_stay_where_they_are(red):
    """This process judges as before."""
    assert selftest._is_seen(selftest._PLANTED["the last number of dw"].args[0])
    assert selftest._right_code_passes()


def test_a_selftest_that_raises_is_red():
    """A harness that falls over is not sound."""
    assert not selftest._passes(lambda: [][0])
    assert selftest._passes(lambda: True)
