"""The measures: what would show if one of them lied."""

import argparse
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest

from verification import mistakes
from verification.judging import Settings
from verification.measures import __main__ as command
from verification.measures import accuracy, rivals, selftest, source, speed, strangers, strength
from verification.measures.book import Book
from verification.measures.strength import Mutant
from verification.questions import arrays, parse
from verification.truth import answer

CANDIDATES = Path(__file__).parent / "candidates"
LINES = (
    "conv x=[2,5,7,3] w=[3,2,3,4] stride=[2,1] pad=[1,0] fill=integers",
    "conv x=[3,7,8,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[1,0] fill=digits check=adjoint",
)


def run(capsys, *words):
    """The exit code, and what is on standard output."""
    code = command.main(words)
    return code, capsys.readouterr().out


def document(capsys, *words):
    code, out = run(capsys, *words, "--json", "-")
    return code, json.loads(out)


@pytest.fixture
def few(monkeypatch):
    """Two questions alone."""
    questions = [question for line in LINES for question in parse(line)]
    monkeypatch.setattr(strength, "read", lambda: questions)
    strength.plan_groups.cache_clear()
    yield
    strength.plan_groups.cache_clear()


@pytest.fixture
def made(monkeypatch):
    """Mutants made by hand: two rungs see the first, one the second, none the last two."""
    fates = {"a": ("exact", "proof"), "b": ("edge",), "c": (), "d": ()}
    mutants = [
        Mutant(name, "catalogue", f"mistake {name}", partial(dict.fromkeys, rungs, "a question"))
        for name, rungs in fates.items()
    ]
    monkeypatch.setattr(strength, "gather", lambda options: mutants)
    monkeypatch.setattr(strength, "EQUIVALENTS", {"d": "it is right"})
    monkeypatch.setattr(selftest, "find_failures", list)


@parametrize_from_file
def test_usage(words, code, error, capsys):
    """Bad words end with 4, what cannot be measured with 2, and it is said which."""
    try:
        ended = command.main(words)
    except SystemExit as raised:
        ended = raised.code
    assert ended == code
    assert error in capsys.readouterr().err


def test_a_survivor_is_told(made, capsys):
    """With exit code 1; an equivalent stands alone, with its reason."""
    code, told = document(capsys, "strength")
    assert code == 1
    assert [(m["id"], m["kind"], m["killed_by"]) for m in told["mutants"]] == [
        ("a", "catalogue", ["exact", "proof"]),
        ("b", "catalogue", ["edge"]),
        ("c", "catalogue", []),
    ]
    assert told["survivors"] == ["c"]
    assert told["equivalents"] == [{"id": "d", "reason": "it is right"}]
    assert told["alone"] == ["mistake b", "mistake c", "mistake d"]
    code, text = run(capsys, "strength", "--only", "c")
    assert (code, text.splitlines()[-1]) == (1, "1 mutants: 0 killed, 0 equivalent, 1 survive")


def test_all_dead(made, capsys, monkeypatch):
    """Exit code 0; but 1 where a mutant that is killed is said to be right code."""
    assert run(capsys, "strength", "--only", "a")[0] == 0
    monkeypatch.setattr(strength, "EQUIVALENTS", {"a": "it is right"})
    code, told = document(capsys, "strength", "--only", "a")
    assert (code, told["resurrected"], told["equivalents"]) == (1, ["a"], [])


def test_an_unsound_judge_measures_nothing(made, capsys, monkeypatch):
    """Its own test comes first."""
    monkeypatch.setattr(selftest, "find_failures", lambda: ["right code passes"])
    assert command.main(["strength"]) == 2
    assert "right code passes" in capsys.readouterr().err


def test_a_catalogued_mistake_is_killed(few):
    """By the rungs that see it, and by no other; right code by none."""
    (mistake,) = (m for m in mistakes.read() if m.id == "stride-ignored-backward")
    killed = strength.kill_book(mistake.id, "conv_backward", mistake.forms[0], 8)
    assert {name: where.partition("/")[0] for name, where in killed.items()} == {
        "exact": "conv_backward",
        "adjoint": "conv_backward",
    }
    assert strength.kill_book(mistake.id, "conv_backward", (), 8) == {}


def test_every_mutant_has_an_id_of_its_own():
    """And a quick run has them all but for most of the source's."""
    options = argparse.Namespace(quick=True, source=False, rivals=False)
    mutants = list(strength.gather(options))
    assert len({mutant.id for mutant in mutants}) == len(mutants)
    known = {mistake.id for mistake in mistakes.read() if mistake.forms} | {*selftest.HABITS}
    assert {mutant.group for mutant in mutants if mutant.kind == "catalogue"} == known
    assert 10 < sum(mutant.kind == "source" for mutant in mutants) < 20
    assert {*strength.EQUIVALENTS} <= {m.id for m in mutants} | {
        m.id for m in source.write_mutants()
    }


@parametrize_from_file
def test_a_broken_judge_fails_its_own_test(piece, failing):
    """In the very test that was written against it."""
    assert failing in selftest.kill(piece)


def test_every_piece_of_the_judge_can_be_broken():
    """Its text stands where it is said to; afterwards the judge is sound."""
    for row in selftest.BROKEN.values():
        with selftest.broken(row["function"], tuple(row["edit"])):
            pass
    assert selftest.find_failures() == []


@parametrize_from_file
def test_a_line_is_written_wrongly(line, mutants, tmp_path):
    """In every way that people write it, and that Python takes."""
    body = f"{line}\n        pass" if line.endswith(":") else line
    text = f'"""Words."""\nSIZE = 2**20\ndef f(a, n=None):\n    {body}\n'
    (tmp_path / "room.py").write_text(text)
    written = source.write_mutants(tmp_path)
    lines = {f"{one.group}: {text.strip()}" for one in written for text in one.text.splitlines()}
    assert set(mutants) <= lines
    assert bool(mutants) == bool(written)


def test_a_mutant_of_the_source_is_killed():
    """By a question; and one that cannot be imported by that alone; the core stays as it is."""
    mutants = [m for m in source.write_mutants() if (m.room, m.group) == ("windows", "arithmetic")]
    (rung,) = source.kill(mutants[0])
    assert rung in strength.RUNGS
    lost = source.Mutant("lost", "term", "windows", "raise KeyError")
    assert source.kill(lost).keys() == {"loading"}


def test_common_checks_see_less():
    """Right code passes them all; a stride that is ignored is seen by those that have one."""
    for op in ("conv_backward", "pool_forward", "distribute_value"):
        assert rivals.reject(Book(), op) == []
    (mistake,) = (m for m in mistakes.read() if m.id == "stride-ignored-backward")
    rejecting = strength.reject_book(mistake.id, "conv_backward", mistake.forms[0])
    assert set(rejecting) == {*rivals.CHECKS} - {"square"}


@pytest.fixture
def one(monkeypatch, tmp_path):
    """One right candidate beside npcnn."""
    (tmp_path / "right").mkdir()
    loops = CANDIDATES / "right" / "loops.py"
    (tmp_path / "right" / "loops.py").write_text(loops.read_text())
    monkeypatch.setattr(strangers, "FOLDER", tmp_path)


def test_right_candidates_give_no_alarm(one, capsys, monkeypatch):
    """In both dtypes; where bounds are too narrow, the alarm is seen."""
    assert strangers.find_alarms([0, 1]) == []
    with selftest.broken("verification.truth.bounds:_limit", ("* magnitude", "* 0 * magnitude")):
        assert any(": WRONG" in alarm for alarm in strangers.find_alarms([1]))
    monkeypatch.setattr(strangers, "find_alarms", lambda seeds: [f"seed {seed}" for seed in seeds])
    monkeypatch.setattr(strength, "run_all", lambda function, tasks, jobs: [*map(function, tasks)])
    code, out = run(capsys, "strength", "--seeds", "3", "--jobs", "2")
    assert (code, out) == (1, "seed 0\nseed 2\nseed 1\n3 seeds: 3 false alarms\n")


def test_wrong_candidates_are_caught_blamed_and_named(capsys, monkeypatch, tmp_path):
    """A right one among them is not."""
    fewer = partial(Settings, level=2, only=("conv_forward", "conv_backward"))
    monkeypatch.setattr(strangers, "Settings", fewer)
    rows = [
        {"mistake": "pad-0-crop", "base": "right/loops.py", "function": "conv_backward"}
        | {"edits": [["[pad : pad + n_H_prev, pad : pad + n_W_prev, :]", new]]}
        for new in ("[pad:-pad, pad:-pad, :]", "[pad : pad + n_H_prev, pad:][:, :n_W_prev]")
    ]
    file = tmp_path / "wrong.toml"
    file.write_text(f"wrong = {json.dumps(rows)}".replace('": ', '" = '))
    code, told = document(capsys, "strength", "--wrong", str(file))
    assert code == 1
    verdicts = [[row[key] for key in ("caught", "blamed", "named")] for row in told["wrong"]]
    assert verdicts == [[True, True, True], [False, True, False]]
    assert told["wrong"][0]["claimed"] == ["pad-0-crop", "pad-hard-coded"]


def time_by_hand(name, seconds, group="dense"):
    """A layer that takes npcnn, torch and torch's other format these seconds."""
    (case,) = parse("conv x=[8,4,4,1] w=[1,1,1,1] fill=dense")
    times = dict(zip(("npcnn", *speed.FORMATS), seconds, strict=True)) | {"product": 0.5}
    layer = replace(case, name=name, dtype="float32")
    return speed.Timing(group, layer, dict.fromkeys(speed.PASSES, times))


def test_the_table_of_ratios(capsys, monkeypatch):
    """torch's better format over npcnn; geometric means by group; what chooses kernels is told."""
    seconds = {"dense": [(2, 8, 4), (2, 16, 99)], "pools": [(4, 2, 1)]}
    timings = [time_by_hand("a layer", s, group) for group in seconds for s in seconds[group]]
    waiting = iter(timings)
    monkeypatch.setattr(speed, "time_layer", lambda *_: next(waiting))
    monkeypatch.setattr(speed, "choose", lambda options: [("dense", None)] * 3)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert [timing.ratio("forward") for timing in timings] == [2, 8, 0.25]
    means = {"dense": 4, "pools": 0.25}
    assert speed.average(timings) == {g: dict.fromkeys(speed.PASSES, m) for g, m in means.items()}
    code, out = run(capsys, "speed")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith(f"{os.cpu_count()} CPUs, NumPy {np.__version__} with ")
    assert "warning: OPENBLAS_CORETYPE=Haswell" in lines[1]
    assert lines[-1] == "3 layers; the smallest ratio is 0.25, backward of a layer"


def test_the_layers_that_are_timed():
    """All but for what is chosen; --quick takes the first of each group."""
    every = {"only": "", "dtype": "", "batch": 0, "quick": False}
    layers = list(speed.choose(argparse.Namespace(**every)))
    assert len(layers) == 4 * sum(map(len, speed.LAYERS.values()))
    assert {(layer.dtype, layer.x[0]) for _, layer in layers} == {
        (dtype, batch) for dtype in ("float32", "float64") for batch in (8, 1)
    }
    quick = list(speed.choose(argparse.Namespace(**every | {"quick": True})))
    assert [(group, layer.name) for group, layer in quick] == [
        (group, next(iter(rows))) for group, rows in speed.LAYERS.items()
    ]
    pools = argparse.Namespace(**every | {"only": "pools", "dtype": "float64", "batch": 2})
    assert {(g, layer.dtype, layer.x[0]) for g, layer in speed.choose(pools)} == {
        ("pools", "float64", 2)
    }


@parametrize_from_file
def test_the_sides_do_the_same(line, monkeypatch):
    """What is timed are the same numbers, npcnn's and torch's; each pass of each side takes time."""
    (case,) = parse(f"{line} fill=dense")
    given = arrays(case, 0, "float64")
    ours = speed.prepare_npcnn(case, given)["npcnn"]
    y, dx = (call()[0] if case.w or way == 0 else call() for way, call in enumerate(ours))
    for forward, backward in speed.prepare_torch(case, given).values():
        theirs = forward().numpy(), backward()
        theirs = theirs[0], (theirs[1][0] if isinstance(theirs[1], tuple) else theirs[1]).numpy()
        for one, other in zip((y, dx), theirs, strict=True):
            np.testing.assert_allclose(one, np.moveaxis(other, 1, -1), rtol=1e-9, atol=1e-9)
    monkeypatch.setattr(speed, "PAUSE", 0)
    monkeypatch.setattr(speed, "WARM", 0)
    timing = speed.time_layer("a group", replace(case, dtype="float64"), 1)
    assert all(seconds > 0 for times in timing.seconds.values() for seconds in times.values())
    assert ("product" in timing.seconds["forward"]) == (case.op == "conv" and case.groups == 1)


def test_a_block_is_told_by_its_median(monkeypatch):
    """Of the calls after the cores are awake: one that is disturbed does not count."""
    times = iter([0.0, 0.2, 0.2, 0.21, 0.21, 0.22, 0.22, 0.92])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(speed, "PAUSE", 0)
    assert speed.time_block(list) == pytest.approx(0.01)


def test_errors_are_shares_of_their_bound(capsys, monkeypatch):
    """npcnn and torch stay below 1; an answer that is wrong does not."""
    monkeypatch.setattr(accuracy, "QUICK", 2)
    code, told = document(capsys, "accuracy", "--quick")
    assert code == 0
    assert [line["products"] for line in told["lines"]] == [9, 27]
    shares = [line[name] for line in told["lines"] for name in accuracy.OUTPUTS]
    assert all(0 < pair[whose] < 1 for pair in shares for whose in ("candidate", "oracle"))
    asked = answer(parse(LINES[0].replace("integers", "dense"))[0], 0, "float32")
    wrong = np.flip(asked.values["y"])
    assert accuracy.find_share(asked.values["y"], asked, "y") == 0
    assert accuracy.find_share(wrong, asked, "y") > 1
    assert accuracy.find_share(wrong * np.nan, asked, "y") is None
