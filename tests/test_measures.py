"""The measures: what would show if one of them lied."""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import parametrize_from_file
import pytest

from npcnn import workers
from verification import mistakes
from verification.judging import Settings
from verification.measures import __main__ as command
from verification.measures import accuracy, rivals, selftest, source, speed, strength
from verification.measures.peers import prepare_peers
from verification.questions import arrays, parse
from verification.truth import answer

CANDIDATES = Path(__file__).parent / "candidates"
LINES = (
    "conv x=[2,5,7,3] w=[3,2,3,4] stride=[2,1] pad=[1,0] fill=integers",
    "conv x=[3,7,8,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[1,0] fill=digits check=adjoint",
)
KNOWN = {mistake.id: mistake for mistake in mistakes.read()}
IGNORED = KNOWN["stride-ignored-backward"].forms[0]


def run(capsys, *words):
    """The exit code, and the document on standard output."""
    code = command.main([*words, "--json", "-"])
    return code, json.loads(capsys.readouterr().out)


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
        strength.Mutant(
            name, "catalogue", f"mistake {name}", partial(dict.fromkeys, rungs, "by it")
        )
        for name, rungs in fates.items()
    ]
    monkeypatch.setattr(strength, "gather", lambda options: mutants)
    monkeypatch.setattr(strength, "EQUIVALENTS", {"d": "it is right"})
    monkeypatch.setattr(selftest, "find_failures", list)
    monkeypatch.setattr(strength, "kill_book", lambda *words: {})


@parametrize_from_file
def test_usage(words, code, error, capsys):
    """Bad words end with 4, what cannot be measured with 2, and it is said which."""
    try:
        ended = command.main(words)
    except SystemExit as raised:
        ended = raised.code
    assert ended == code
    assert error in capsys.readouterr().err


def test_survivors_are_told(made, capsys, monkeypatch):
    """With exit code 1; an equivalent stands alone with its reason, unless something kills it."""
    code, told = run(capsys, "strength")
    killed = [(m["id"], m["kind"], m["killed_by"]) for m in told["mutants"]]
    seen = ["exact", "proof"], ["edge"], []
    assert killed == [(name, "catalogue", by) for name, by in zip("abc", seen, strict=True)]
    assert (code, told["survivors"]) == (1, ["c"])
    assert told["equivalents"] == [{"id": "d", "reason": "it is right"}]
    assert told["alone"] == ["mistake b", "mistake c", "mistake d"]
    assert command.main(["strength", "--only", "c"]) == 1
    assert capsys.readouterr().out.endswith("1 mutants: 0 killed, 0 equivalent, 1 survive\n")
    assert run(capsys, "strength", "--only", "a")[0] == 0
    monkeypatch.setattr(strength, "EQUIVALENTS", {"a": "it is right"})
    code, told = run(capsys, "strength", "--only", "a")
    assert (code, told["resurrected"], told["equivalents"]) == (1, ["a"], [])


def test_an_unsound_judge_measures_nothing(made, capsys, monkeypatch):
    """Its own test comes first."""
    with monkeypatch.context() as patched:
        patched.setattr(selftest, "find_failures", lambda: ["right code passes"])
        assert command.main(["strength"]) == 2
    assert "right code passes" in capsys.readouterr().err
    monkeypatch.setattr(strength, "kill_book", lambda op, *words: {"edge": f"{op}/a question"})
    assert command.main(["strength"]) == 2
    assert "the right text is killed: {'edge': " in capsys.readouterr().err


def test_a_catalogued_mistake_is_killed(few):
    """By the rungs that see it, and by no other; right code by none."""
    killed = strength.kill_book("conv_backward", IGNORED, {}, 8)
    functions = {name: where.partition("/")[0] for name, where in killed.items()}
    assert functions == {"exact": "conv_backward", "adjoint": "conv_backward"}
    assert strength.kill_book("conv_backward", (), {}, 8) == {}


def test_every_mutant_has_an_id_of_its_own():
    """A quick run has them all but for most of the source's; no equivalent is left over."""
    mutants = list(strength.gather(argparse.Namespace(quick=True, source=False, rivals=False)))
    ids = {mutant.id for mutant in mutants}
    assert len(ids) == len(mutants)
    assert {mutant.group for mutant in mutants if mutant.kind == "catalogue"} == {
        name for name, mistake in KNOWN.items() if mistake.forms or name in selftest.HABITS
    }
    assert 10 < sum(mutant.kind == "source" for mutant in mutants) < 20
    ids |= {mutant.id for mutant in source.write_mutants()}
    assert strength.EQUIVALENTS.keys() <= ids | {name.partition(" ")[0] for name in ids}


@parametrize_from_file
def test_a_broken_judge_fails_its_own_test(piece, failing):
    """In the very test that was written against it."""
    assert failing in selftest.kill(piece)["self-test"]


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
    (tmp_path / "room.py").write_text(f'"""Words."""\nSIZE = 2**20\ndef f(a, n):\n    {body}\n')
    written = source.write_mutants(tmp_path)
    texts = [(one.group, one.kill.args[1]) for one in written]
    lines = {f"{group}: {line.strip()}" for group, text in texts for line in text.splitlines()}
    assert set(mutants) <= lines
    assert bool(mutants) == bool(written)


def test_a_mutant_of_the_source_is_killed():
    """By a question; one that cannot be imported by that alone."""
    mutants = [one for one in source.write_mutants() if one.id.startswith("windows.")]
    (rung,) = next(one for one in mutants if one.group == "arithmetic").kill()
    assert rung in strength.RUNGS
    assert source.kill("windows", "raise KeyError").keys() == {"loading"}


def test_common_checks_are_counted(made, capsys, monkeypatch):
    """Among wrong passes alone: no equivalent is one, nor a broken piece of the judge."""
    wrong = [replace(one, reject=partial(list, ["means"])) for one in strength.gather(None)]
    broken = replace(wrong[0], id="e", kind="harness", reject=list)
    monkeypatch.setattr(strength, "gather", lambda options: [*wrong, broken])
    command.main(["strength"])
    assert "\nmeans rejects 3 of 3 wrong passes\n" in capsys.readouterr().out


def test_common_checks_see_less():
    """They accept right code, and what they do not look at."""
    for op in ("conv_backward", "pool_forward", "distribute_value"):
        assert rivals.reject(op, (), {}) == []
    rejecting = rivals.reject("conv_backward", IGNORED, {})
    assert set(rejecting) == {*rivals.CHECKS} - {"square"}


def test_right_candidates_give_no_alarm(capsys, monkeypatch, tmp_path):
    """In both dtypes; where bounds are too narrow there is one."""
    (tmp_path / "right").mkdir()
    text = (CANDIDATES / "right" / "loops.py").read_text()
    (tmp_path / "right" / "loops.py").write_text(text)
    monkeypatch.setattr(strength, "FOLDER", tmp_path)
    assert strength.find_alarms([0, 1]) == []
    with selftest.broken("verification.truth.bounds:_limit", ("* magnitude", "* 0 * magnitude")):
        assert any(": WRONG" in alarm for alarm in strength.find_alarms([1]))
    monkeypatch.setattr(strength, "run_all", lambda function, tasks, jobs: [["one"], ["two"]])
    code, told = run(capsys, "strength", "--seeds", "3", "--jobs", "2")
    assert (code, told["alarms"]) == (1, ["one", "two"])


def test_wrong_candidates_are_caught_blamed_and_named(capsys, monkeypatch, tmp_path):
    """A right one among them is not."""
    fewer = partial(Settings, level=2, only=("conv_forward", "conv_backward"))
    monkeypatch.setattr(strength, "Settings", fewer)
    row = {"mistake": "pad-0-crop", "base": "right/loops.py", "function": "conv_backward"}
    crops = "[pad:-pad, pad:-pad, :]", "[pad : pad + n_H_prev, pad:][:, :n_W_prev]"
    edits = [[["[pad : pad + n_H_prev, pad : pad + n_W_prev, :]", crop]] for crop in crops]
    rows = json.dumps([row | {"edits": one} for one in edits]).replace('": ', '" = ')
    (tmp_path / "wrong.toml").write_text(f"wrong = {rows}")
    code, told = run(capsys, "strength", "--wrong", str(tmp_path / "wrong.toml"))
    verdicts = [
        [verdict[key] for key in ("caught", "blamed", "named")] for verdict in told["wrong"]
    ]
    assert (code, verdicts) == (1, [[True, True, True], [False, True, False]])


def test_the_table_of_ratios(capsys, monkeypatch, tmp_path):
    """torch's better format over npcnn; geometric means by group; what chooses kernels, and which
    peer is faster, is told.

    In a plot the bars are as long as the ratios.
    """

    def time_by_hand(group, *seconds):
        sides = ("npcnn", *speed.FORMATS, "product", speed.ALONE, "im2col", "mygrad")
        times = dict(zip(sides, seconds, strict=True))
        about = {"dtype": "float32", "batch": 8, "group": group, "layer": "a layer"}
        ratio = speed.list_numbers(times)["ratio"]
        both = {"seconds": times, "ratio": ratio}.items()
        return about | {name: dict.fromkeys(speed.PASSES, value) for name, value in both}

    by_hand = (
        *(("dense", 2, 8, 4, 1, 2, 4, 3), ("dense", 2, 16, 99, 1, 8, 9, 4)),
        ("pools", 4, 2, 1, 1, 6, 2, 8),
    )
    lines = [time_by_hand(*each) for each in by_hand]
    assert [line["ratio"]["forward"] for line in lines] == [2, 8, 0.25]
    means = {"dense": dict.fromkeys(speed.PASSES, 4), "pools": dict.fromkeys(speed.PASSES, 0.25)}
    assert speed.average(lines) == {"float32, batch 8": means}
    waiting = iter(lines)
    monkeypatch.setattr(speed, "time_layer", lambda *_: next(waiting))
    monkeypatch.setattr(speed, "choose", lambda options: [("dense", None)] * 3)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    plot = tmp_path / "speed.svg"
    assert command.main(["speed", "--plot", str(plot)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"NumPy {np.__version__} with {speed.find_kernel()} kernels" in told[0]
    assert "warning: OPENBLAS_CORETYPE=Haswell" in told[1]
    assert told[5].split()[2:8] == ["2", "1", "2e+03", "1e+03", "4e+03", "3e+03"]
    assert told[7].split() == ["geometric", "mean", *["4", "2"] * 2]
    assert told[-3] == "3 layers; the smallest ratio is 0.25, backward of a layer"
    assert told[-1] == "im2col is faster, 2 times: backward of a layer, float32, batch 8"
    bars = [one.get("width") for one in ElementTree.parse(plot).iter() if one.tag.endswith("rect")]
    assert bars == [width for width in ("400.0", "400.0", "50.0") for _ in speed.PASSES]


@parametrize_from_file
def test_the_layers_that_are_timed(options, count, parts):
    """Group by group, in both dtypes and batches unless one is chosen; --quick: a group's first."""
    layers = list(speed.choose(command.build_parser().parse_args(["speed", *options])))
    assert len(layers) == count
    assert {(layer.dtype, layer.x[0]) for _, layer in layers} == set(parts)


@parametrize_from_file
def test_the_sides_do_the_same(line, products, monkeypatch):
    """What is timed are the same numbers, npcnn's, torch's and those of what people write."""
    (case,) = parse(f"{line} fill=dense")
    given = arrays(case, 0, "float64")
    ours = [call() for call in speed.prepare_npcnn(case, given)]
    y, grads = ours[0], ours[1] if case.w else ours[1:]
    theirs, their_grads = (call() for call in prepare_peers(case, given)["im2col"])
    for one, other in zip([y, *grads], [theirs, *their_grads], strict=True):
        np.testing.assert_allclose(one.reshape(other.shape), other, 1e-9, 1e-9)
    for calls in speed.prepare_torch(case, given).values():
        for one, other in zip(ours, [call() for call in calls], strict=True):
            one, other = (a[0] if isinstance(a, tuple) else a for a in (one, other))
            np.testing.assert_allclose(one, np.moveaxis(other.numpy(), 1, -1), 1e-9, 1e-9)
    monkeypatch.setattr(speed, "PAUSE", 0)
    monkeypatch.setattr(speed, "WARM", 0)
    line = speed.time_layer("a group", replace(case, dtype="float64"), 1, has_peers=True)
    names = {"npcnn", speed.ALONE, *speed.FORMATS, *["product"] * products, "im2col"}
    named = {name for times in line["seconds"].values() for name in times}
    assert named - {"mygrad", "onnx.reference"} == names


def test_one_core_is_one_and_only_meanwhile():
    """For npcnn's own threads."""
    before = workers.count_cores()
    with speed.hold_one_core():
        assert workers.count_cores() == 1
    assert workers.count_cores() == before


def test_a_block_is_told_by_its_median(monkeypatch):
    """Of the calls after the cores are awake: one that is disturbed does not count."""
    times = iter([0.0, 0.2, 0.2, 0.21, 0.21, 0.22, 0.22, 0.92])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(speed, "PAUSE", 0)
    assert speed.time_block(list) == pytest.approx(0.01)


def test_errors_are_shares_of_their_bound(capsys, monkeypatch):
    """npcnn and torch stay below 1; an answer that is wrong does not."""
    monkeypatch.setattr(accuracy, "QUICK", 2)
    code, told = run(capsys, "accuracy", "--quick")
    assert (code, [line["products"] for line in told["lines"]]) == (0, [9, 27])
    shares = [line[name] for line in told["lines"] for name in accuracy.OUTPUTS]
    assert all(0 < pair[whose] < 1 for pair in shares for whose in ("candidate", "oracle"))
    asked = answer(parse(LINES[0].replace("integers", "dense"))[0], 0, "float32")
    right = asked.values["y"]
    assert accuracy.find_share(right, asked, "y") == 0
    assert accuracy.find_share(np.flip(right), asked, "y") > 1
    assert accuracy.find_share(right * np.nan, asked, "y") == np.inf
