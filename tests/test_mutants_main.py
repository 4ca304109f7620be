"""The command of the mutants, and the trials that it makes: on few questions, and on none."""

import json
from dataclasses import replace
from functools import partial

import pytest

from verification import row
from verification.mutants import __main__ as command
from verification.mutants import field, forks, harness, source, trials
from verification.mutants.trials import Fate, Task

QUESTIONS = [
    question
    for line in (
        "conv x=[2,5,7,3] w=[3,2,3,4] stride=[2,1] pad=[1,0] fill=integers",
        "conv x=[3,7,8,10] w=[3,2,5,6] groups=2 stride=[2,3] pad=[1,0] fill=digits check=adjoint",
        "max_pool x=[2,5,6,3] kernel=[2,3] stride=[2,1] fill=permutation",
        "avg_pool x=[2,5,6,3] kernel=[2,3] pad=[1,0] fill=integers",
    )
    for question in row.parse(line)
]
"""None of them holds a NaN, and none is put to distribute_value."""
FATES = {
    fate.id: fate
    for fate in (
        Fate("left/conv_forward", "catalogue", "left", {"exact": "a", "proof": "b"}),
        Fate("left/pool_forward", "catalogue", "left", {"edge": "c"}, ("by-eye",)),
        Fate("seed ignored", "harness", "harness", {"numbers differ": "self-test"}),
    )
}
SOURCE = Fate("conv.gemm: `a` -> `b`", "source", "bound", {"exact": "d"})
SURVIVOR = Fate("up/conv_forward", "catalogue", "up")
LONELY = Fate("down/conv_forward", "catalogue", "down", {"edge": "e"})


def tasks(*fates):
    """Tasks that come to these fates."""
    return {fate.id: Task(fate.kind, fate.group, partial(replace, fate)) for fate in fates}


def forever():
    while True:
        pass


@pytest.fixture
def few(monkeypatch):
    """Four small questions, and one large one."""
    large = row.parse("conv x=[1,9,11,2] w=[3,3,2,2] fill=digits check=scale")
    monkeypatch.setattr(field, "small", lambda: QUESTIONS)
    monkeypatch.setattr(field, "large", lambda: large)


@pytest.fixture
def made(monkeypatch):
    """A place for tasks made by hand; the oracle is asked nothing."""
    found = tasks(*FATES.values())
    monkeypatch.setattr(trials, "warm", lambda: None)
    monkeypatch.setattr(trials, "of_catalogue", lambda beside=False: found)
    monkeypatch.setattr(trials, "of_harness", dict)
    monkeypatch.setattr(trials, "of_source", lambda: tasks(SOURCE))
    monkeypatch.setattr(command, "read_equivalents", dict)
    return found


def ids(document):
    return [mutant["id"] for mutant in document["mutants"]]


def asked(capsys, *words):
    """The exit code, and the document alone on standard output."""
    code = command.main([*words, "--json", "-"])
    return code, json.loads(capsys.readouterr().out)


def test_all_dead(made, capsys):
    """Exit code 0, every mutant in the order of the tasks, as text."""
    assert command.main([]) == 0
    said = capsys.readouterr().out
    assert "catalogue: 2 mutants, 2 killed, 0 equivalent" in said
    assert "harness: 1 mutants, 1 killed, 0 equivalent" in said
    assert "0 survivors" in said
    assert "source" not in said


def test_a_survivor(made, capsys):
    """Exit code 1, and it is named; 0 once it is shown to be right code."""
    made.update(tasks(SURVIVOR))
    assert command.main(["-k", "/"]) == 1
    assert "1 survivors\n  up/conv_forward\n" in capsys.readouterr().out


def test_an_equivalent(made, capsys, monkeypatch):
    """A survivor that is right code is none; one that is killed is not right code."""
    made.update(tasks(SURVIVOR))
    monkeypatch.setattr(command, "read_equivalents", lambda: {SURVIVOR.id: "it is right"})
    code, document = asked(capsys, "-k", "/")
    assert (code, document["survivors"]) == (0, [])
    assert document["equivalents"] == [{"id": SURVIVOR.id, "reason": "it is right"}]
    monkeypatch.setattr(command, "read_equivalents", lambda: {"left/pool_forward": "it is not"})
    assert command.main(["-k", "left"]) == 1
    assert "1 said to be equivalent, but killed\n  left/pool_forward" in capsys.readouterr().out


def test_seen_by_one_rung_alone(made, capsys):
    """Exit code 1 where all are tried; of a few mutants nobody can tell."""
    made.update(tasks(LONELY))
    assert command.main([]) == 1
    assert "1 mistakes seen by one rung alone\n  down: ['edge']" in capsys.readouterr().out
    assert command.main(["-k", "down"]) == 0


def test_k_narrows(made, capsys):
    """Mutants whose id contains the text, of every kind."""
    assert ids(asked(capsys, "-k", "left")[1]) == ["left/conv_forward", "left/pool_forward"]
    assert ids(asked(capsys, "-k", "pool")[1]) == ["left/pool_forward"]
    assert ids(asked(capsys, "-k", "seed")[1]) == ["seed ignored"]


@pytest.mark.parametrize("words", [["-k", "no such"], ["--jobs", "0"], ["--seed", "1"]])
def test_bad_usage(words, made, capsys):
    """Exit code 4, and what is wrong; no mutants at all are not all dead."""
    with pytest.raises(SystemExit) as raised:
        command.main(words)
    assert raised.value.code == 4
    told = capsys.readouterr()
    assert words[-1] in told.err
    assert told.out == ""


def test_with_source(made, capsys):
    """Where it is asked for."""
    assert ids(asked(capsys, "--source")[1]) == [*FATES, SOURCE.id]
    assert ids(asked(capsys)[1]) == [*FATES]


def test_json_goes_to_a_file(made, capsys, tmp_path):
    """The same document, beside the text."""
    _, document = asked(capsys)
    assert command.main(["--json", str(tmp_path / "matrix.json")]) == 0
    assert "0 survivors" in capsys.readouterr().out
    assert json.loads((tmp_path / "matrix.json").read_text()) == document


def test_a_document_stands_alone(made, capsys):
    """Whatever else is asked for."""
    _, document = asked(capsys, "--rivals", "-k", "left")
    assert document["mutants"][1]["rivals"] == ["by-eye"]


def test_rivals_are_shown(made, capsys):
    """Below the matrix, where they are asked for."""
    command.main([])
    assert "| check |" not in capsys.readouterr().out
    command.main(["--rivals"])
    assert "| this harness | 2 (100%) | 0 |" in capsys.readouterr().out


def test_state_is_kept(made, capsys, tmp_path, monkeypatch):
    """What is known is not tried again, and comes out the same."""
    state = ["--state", str(tmp_path / "state")]
    first = asked(capsys, *state)
    tried = []
    monkeypatch.setattr(forks, "run", lambda new, *a: tried.extend(new) or iter(()))
    assert asked(capsys, *state) == first
    assert tried == []


def test_state_goes_on(made, capsys, tmp_path):
    """After a few of them, the others alone are tried, and all come out in the tasks' order."""
    state = ["--state", str(tmp_path / "state")]
    asked(capsys, "-k", "pool", *state)
    made["left/pool_forward"] = Task("catalogue", "left", forever)
    assert ids(asked(capsys, *state)[1]) == list(FATES)
    assert len((tmp_path / "state").read_text().splitlines()) == len(FATES)


def test_state_with_a_half_written_line(made, capsys, tmp_path):
    """Where a run was ended: that mutant is tried again, and what comes then is kept for good."""
    state = tmp_path / "state"
    first = asked(capsys, "--state", str(state))
    for _ in range(2):
        state.write_text(state.read_text()[:-20])
        assert asked(capsys, "--state", str(state)) == first
    made.update({name: Task("catalogue", "left", forever) for name in FATES})
    assert asked(capsys, "--state", str(state)) == first


@pytest.mark.parametrize("change", ["files", "rivals"])
def test_state_of_something_else(change, made, capsys, tmp_path, monkeypatch):
    """Of other files, or without the common checks: all are tried again."""
    state = ["--state", str(tmp_path / "state")]
    asked(capsys, "-k", "pool", *state)
    made.update(tasks(Fate("left/pool_forward", "catalogue", "left")))
    if change == "files":
        (tmp_path / "npcnn").mkdir()
        (tmp_path / "npcnn" / "conv.py").write_text("")
        monkeypatch.setattr(command, "FOLDER", tmp_path / "verification" / "mutants")
    else:
        state.insert(0, "--rivals")
    assert asked(capsys, "-k", "pool", *state)[1]["survivors"] == ["left/pool_forward"]


def test_a_mutant_that_loops(made, capsys, monkeypatch):
    """It is given up, and is dead."""
    for kind in ("catalogue", "harness", "source"):
        made[f"{kind} loops"] = Task(kind, f"{kind}'s", forever)
    monkeypatch.setattr(command, "SECONDS", 0.5)
    code, document = asked(capsys, "-k", "loops")
    assert code == 0
    told = [(mutant["kind"], mutant["group"]) for mutant in document["mutants"]]
    assert told == [(kind, f"{kind}'s") for kind in ("catalogue", "harness", "source")]
    assert {tuple(mutant["killed_by"]) for mutant in document["mutants"]} == {("lost",)}


def test_to_be_lost_is_to_be_seen_by_no_rung(made, capsys, monkeypatch):
    """A mistake that one rung saw, and that once took too long, is seen by one alone."""
    made.update(tasks(LONELY))
    made["down/loops"] = Task("catalogue", "down", forever)
    monkeypatch.setattr(command, "SECONDS", 0.5)
    assert command.main([]) == 1
    assert "1 mistakes seen by one rung alone\n  down: ['edge']" in capsys.readouterr().out


def test_catalogued_mistakes_are_tried(few, capsys):
    """By the rungs of the questions that are there, and by the checks that people make."""
    code, document = asked(capsys, "-k", "stride-ignored-backward/", "--rivals")
    assert code == 0
    found = {mutant["id"]: mutant for mutant in document["mutants"]}
    conv = found["stride-ignored-backward/conv_backward#1"]
    assert conv["killed_by"] == ["adjoint", "exact"]
    assert all(name.startswith("conv_backward/row") for name in conv["questions"].values())
    assert "gradcheck" in conv["rivals"]
    pool = found["stride-ignored-backward/pool_backward#1"]
    assert set(pool["killed_by"]) <= {"exact", "edge"}
    assert pool["killed_by"]


def test_a_mistake_that_no_question_shows(few, capsys):
    """Without a NaN nobody sees that it is ignored."""
    code, document = asked(capsys, "-k", "nan-ignored/")
    assert code == 1
    assert document["survivors"] == ["nan-ignored/pool_forward", "nan-ignored/pool_backward"]


def test_no_rivals_unasked(few, capsys):
    """They cost more than the harness."""
    _, document = asked(capsys, "-k", "stride-ignored-backward/conv_backward#1")
    assert document["mutants"][0]["rivals"] == []


def test_mutants_of_the_source_are_tried(few, capsys):
    """By the rungs."""
    mutants = {mutant.id: mutant for mutant in source.mutants()}
    code, document = asked(capsys, "--source", "-k", "conv.forward: ")
    assert (code, document["survivors"]) == (0, [])
    assert ids(document) == [name for name in mutants if name.startswith("conv.forward: ")]
    assert {mutant["kind"] for mutant in document["mutants"]} == {"source"}
    assert [m["group"] for m in document["mutants"]] == [mutants[i].kind for i in ids(document)]
    found = [tuple(mutant["killed_by"]) for mutant in document["mutants"]]
    assert found.count(("adjoint", "exact")) > len(found) / 2 > 2


def test_what_no_question_shows(few, capsys):
    """The core's own tests see it."""
    code, document = asked(capsys, "--source", "-k", "workers.share: `0`")
    assert code == 0
    assert [mutant["killed_by"] for mutant in document["mutants"]] == [["tests"]]


def test_a_source_that_does_not_load(few, capsys, monkeypatch):
    """It is dead, and its error is told."""
    broken = source.Mutant("conv: broken", "term", "conv", "raise KeyError\n")
    monkeypatch.setattr(source, "mutants", lambda: [broken])
    code, document = asked(capsys, "--source", "-k", broken.id)
    assert code == 0
    assert document["mutants"][0]["questions"] == {"loading": "KeyError"}


def test_mutants_of_the_harness_are_tried(few, capsys):
    """By its self-test."""
    code, document = asked(capsys, "-k", "vacuity off")
    assert code == 0
    (mutant,) = document["mutants"]
    assert mutant["kind"] == "harness"
    assert "a question that cannot fail is vacuous" in mutant["killed_by"]


def test_the_tasks(few):
    """Every mutant under its own id, and no id twice."""
    assert list(trials.of_harness()) == [broken.id for broken in harness.every()]
    assert list(trials.of_source()) == [mutant.id for mutant in source.mutants()]
    assert len(trials.of_catalogue()) > 500
    assert set(trials.of_catalogue()) & set(trials.of_harness()) == set()


def test_right_code_must_stand(few, monkeypatch):
    """If the harness kills it, nothing that it says of mutants counts."""
    trials.warm()
    monkeypatch.setattr(field, "KILLS", field.KILLS | {"ok"})
    with pytest.raises(RuntimeError, match=r"the right code is killed by .*exact"):
        trials.warm()
