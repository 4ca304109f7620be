"""The matrix of who kills whom, to the letter, on fates made by hand."""

import json

import pytest

from verification.features import RUNGS
from verification.mutants import matrix
from verification.mutants.rivals import RIVALS
from verification.mutants.trials import Fate

FIRST, SECOND = RIVALS[0], RIVALS[1]
FATES = [
    Fate("left/conv_forward", "catalogue", "left", {"exact": "a", "proof": "b"}, (FIRST.id,)),
    Fate("left/conv_backward", "catalogue", "left", {"exact": "c"}, (SECOND.id, FIRST.id)),
    Fate("up/pool_forward#1", "catalogue", "up", {"edge": "d"}),
    Fate("up/pool_forward#2", "catalogue", "up"),
    Fate("conv.gemm: `a` -> `b`", "source", "bound", {"contract": "e", "edge": "f"}),
    Fate("conv.gemm: `c` -> `d`", "source", "term"),
    Fate("conv.gemm: `e` -> `f`", "source", "bound", {"lost": "it loops"}),
    Fate("conv.gemm: `g` -> `h`", "source", "bound", {"tests": "test_conv.py"}),
    Fate("seed ignored", "harness", "harness", {"one": "self-test", "other": "self-test"}),
    Fate("cases dropped", "harness", "harness"),
]
EQUIVALENT = {"up/pool_forward#2": "it is right", "conv.gemm: `a` -> `b`": "so is this"}
TEXT = """\
catalogue: 4 mutants, 3 killed, 1 equivalent
                                   mutants   contract       edge      exact   rounding properties\
    adjoint      proof      scale
  left                                   2                                2                      \
                     1
  up                                     2                     1
  all                                    4                     1          2                      \
                     1
  seen by it alone                                             1          1

source: 4 mutants, 3 killed, 0 equivalent
                                   mutants   contract       edge      exact   rounding properties\
    adjoint      proof      scale      tests       lost
  bound                                  3          1          1                                 \
                                           1          1
  term                                   1
  all                                    4          1          1                                 \
                                           1          1
  seen by it alone                                                                               \
                                           1          1

harness: 2 mutants, 1 killed, 0 equivalent
  seed ignored                                2 self-tests
  cases dropped                               0 self-tests

2 survivors
  conv.gemm: `c` -> `d`
  cases dropped
1 said to be equivalent, but killed
  conv.gemm: `a` -> `b`
1 mistakes seen by one rung alone
  up: ['edge']"""


def test_survivors():
    """What nothing kills, and nobody has shown to be right code."""
    survivors = matrix.survivors(FATES, EQUIVALENT)
    assert [fate.id for fate in survivors] == ["conv.gemm: `c` -> `d`", "cases dropped"]
    assert matrix.survivors(FATES, {fate.id: "" for fate in FATES}) == []
    assert len(matrix.survivors(FATES, {})) == 3


def test_resurrected():
    """What is said to be right code, and is killed."""
    found = matrix.resurrected(FATES, EQUIVALENT)
    assert [fate.id for fate in found] == ["conv.gemm: `a` -> `b`"]
    assert matrix.resurrected(FATES, {"cases dropped": "", "no such": ""}) == []


def test_lonely():
    """Mistakes that fewer than two rungs see, in all functions together."""
    assert matrix.lonely(FATES) == {"up": ["edge"]}
    assert matrix.lonely(FATES[:1]) == {}
    assert matrix.lonely(FATES[1:2]) == {"left": ["exact"]}
    assert matrix.lonely(FATES[3:4]) == {"up": []}
    assert matrix.lonely([*FATES, Fate("up/zero_pad", "catalogue", "up", {"proof": "g"})]) == {}


def test_other_kinds_are_never_lonely():
    """One rung, or one self-test, is enough for them."""
    assert matrix.lonely(FATES[4:]) == {}


def test_as_text():
    """To the letter."""
    assert matrix.as_text(FATES, EQUIVALENT) == TEXT


def test_as_text_of_one_kind():
    """No table of what was not tried."""
    text = matrix.as_text(FATES[8:9], {})
    assert text.split("\n") == [
        "harness: 1 mutants, 1 killed, 0 equivalent",
        "  seed ignored                                2 self-tests",
        "",
        "0 survivors",
        "0 said to be equivalent, but killed",
        "0 mistakes seen by one rung alone",
    ]


def test_every_rung_has_a_column():
    """Of as many as there are, whatever was seen."""
    heading = matrix.as_text(FATES[:1], {}).split("\n")[1]
    assert heading.split() == ["mutants", *RUNGS]


def test_comparison():
    """Shares of the wrong code: without what is equivalent, and of the catalogue alone."""
    lines = matrix.comparison(FATES, EQUIVALENT).split("\n")
    assert lines[:2] == [
        "| check | wrong implementations rejected, of 3 | mistakes never seen, of 2 |",
        "|---|---|---|",
    ]
    assert lines[2] == "| this harness | 3 (100%) | 0 |"
    assert lines[3] == f"| {FIRST.title} | 2 (67%) | 1 |"
    assert lines[4] == f"| {SECOND.title} | 1 (33%) | 1 |"
    assert lines[5:] == [f"| {rival.title} | 0 (0%) | 2 |" for rival in RIVALS[2:]]


@pytest.mark.parametrize("fates", [FATES[4:], FATES[3:4], []])
def test_comparison_of_nothing(fates):
    """Where no wrong code of the catalogue was tried, there is nothing to compare."""
    assert matrix.comparison(fates, EQUIVALENT) == "no catalogued mistake was tried"


def test_as_json():
    """Mutants in their order, who survives, and what is equivalent, with its reason."""
    document = json.loads(matrix.as_json(FATES, EQUIVALENT | {"not tried": "ever"}))
    assert set(document) == {"mutants", "survivors", "equivalents"}
    assert [mutant["id"] for mutant in document["mutants"]] == [fate.id for fate in FATES]
    assert document["mutants"][1] == {
        "id": "left/conv_backward",
        "kind": "catalogue",
        "group": "left",
        "killed_by": ["exact"],
        "questions": {"exact": "c"},
        "rivals": sorted([FIRST.id, SECOND.id]),
    }
    assert document["mutants"][0]["killed_by"] == ["exact", "proof"]
    assert document["mutants"][3]["killed_by"] == []
    assert document["survivors"] == ["conv.gemm: `c` -> `d`", "cases dropped"]
    assert document["equivalents"] == [
        {"id": "up/pool_forward#2", "reason": "it is right"},
        {"id": "conv.gemm: `a` -> `b`", "reason": "so is this"},
    ]


def test_as_json_is_the_same_each_time():
    """Whatever the order in which rungs and checks were met."""
    turned = [
        Fate(f.id, f.kind, f.group, dict(reversed(f.killed_by.items())), (*reversed(f.rivals),))
        for f in FATES
    ]
    assert matrix.as_json(turned, EQUIVALENT) == matrix.as_json(FATES, EQUIVALENT)
