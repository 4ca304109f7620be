"""A run in parts: put together, it says what the whole run says."""

import json
from dataclasses import replace

import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.judging import Run, Session, Settings, UsageError, merge, session
from verification.questions import parse
from verification.reports import FORMATS

LINES = [
    f"{line} fill={fill}"
    for line, fills in {
        "conv x=[3,6,7,2] w=[3,3,2,4]": ["integers", "dense"],
        "conv x=[2,5,6,2] w=[2,2,2,3] stride=2 pad=1": ["integers", "digits"],
        "conv x=[1,4,4,1] w=[2,2,1,1] stride=2": ["integers", "digits"],
        "max_pool x=[2,5,6,2] kernel=2 stride=1": ["ties", "permutation"],
        "avg_pool x=[2,4,4,2] kernel=2": ["integers", "dense"],
        "zero_pad x=[2,3,4,2] pad=1": ["integers"],
        "zero_pad x=[2,3,4,2] pad=[1,2]": ["integers"],
        "conv_single_step x=[3,3,2] b=[1,1,1]": ["digits"],
        "create_mask_from_window x=[3,3]": ["ties"],
        "distribute_value x=[2,2]": ["integers"],
    }.items()
    for fill in fills
]
LINES += ["conv x=[2,5,5,2] w=[2,2,2,3] fill=digits check=adjoint"]
LINES += ["max_pool x=[1,5,5,1] kernel=2 stride=1 check=adjoint"]


@pytest.fixture
def write(monkeypatch, fake):
    """The document of a run of a candidate of our own, whole or a part of it."""
    asked = [replace(*parse(line), name=str(number)) for number, line in enumerate(LINES)]
    monkeypatch.setattr(session, "read", lambda within="": asked)

    def write(bends=(), missing=(), **settings):
        monkeypatch.setattr(session, "load", lambda *_: fake(bends, "assignment", missing))
        with Session(Settings(candidate="fake.py", seed=0, draw=5, **settings)) as held:
            return FORMATS["json"].write([held.run()])

    return write


def read_document(text):
    """Without seconds, and in one order; the whole run shrinks its smallest cases by itself."""
    document = json.loads(text)
    for part in (document, *document["cases"]):
        part.pop("seconds")
    document["cases"].sort(key=lambda case: case["id"])
    for function in document["functions"]:
        for mistake in function["mistakes"]:
            del mistake["case"]
    return document


@parametrize_from_file(schema=defaults(missing=(), strict=False, named=()))
def test_merged_is_whole(write, bends, missing, strict, verdict, named):
    """Verdict, counts, statuses, drawn questions, mistakes: of three parts in another order."""
    whole = read_document(write(bends, missing, strict=strict))
    found = [mistake["id"] for one in whole["functions"] for mistake in one["mistakes"]]
    assert (whole["verdict"], found) == (verdict, list(named))
    parts = [write(bends, missing, strict=strict, shard=(number, 3)) for number in (3, 1, 2)]
    told = [json.loads(part) for part in parts]
    assert sum(one["checks"] for one in told) == whole["checks"]
    assert all(0 < one["drawn"]["asked"] < whole["drawn"]["asked"] for one in told)
    (run,) = merge(parts)
    assert read_document(FORMATS["json"].write([run])) == whole


def test_a_mistake_that_one_part_does_not_name(write):
    """Is not named of the whole, and nor is it said that none fits."""
    bends = {"conv_backward": "wrong('stride-ignored-backward', form=1)"}
    parts = [write(bends, shard=(number, 2)) for number in (1, 2)]
    (run,) = merge([_forget_diagnosis(parts[0]), parts[1]])
    (function,) = [one for one in run.findings if one.function == "conv_backward"]
    assert (function.diagnosis, len(function.blocks)) == (None, 1)
    assert (function.blocks[0].mistake, function.blocks[0].outcome.comparisons) == (None, ())


def test_the_numbers_of_what_is_shown(write):
    """Are there in what is put together, too."""
    parts = [write({"conv_forward": "give(y=-y)"}, shard=(number, 2)) for number in (1, 2)]
    (run,) = merge(parts)
    (function,) = [one for one in run.findings if one.function == "conv_forward"]
    ((y,),) = [block.outcome.comparisons for block in function.blocks]
    assert y.got.dtype == y.want.dtype == "float64"
    assert y.where.any()
    assert (y.got == -y.want).all()


def _forget_diagnosis(part):
    document = json.loads(part)
    for finding in document["shard"]["Run"]["findings"]["tuple"]:
        finding["Finding"].pop("diagnosis", None)
    return json.dumps(document)


def test_an_exam_withholds_what_the_parts_hold(write):
    """Wherever it is put together."""
    parts = [write({"conv_forward": "give(y=-y)"}, shard=(number, 2)) for number in (1, 2)]
    document = json.loads(FORMATS["json"].write(merge(parts, show="status")))
    assert document["verdict"] == "differs"
    assert {case["mistake"] for case in document["cases"]} == {None}
    assert {key for case in document["cases"] for one in case["outputs"] for key in one} == {
        *("name", "status")
    }


@pytest.mark.parametrize("shard", [3, {"Run": {"settings": 3, "candidate": "x"}}])
def test_foreign_documents(shard):
    """Are refused, not a traceback."""
    with pytest.raises(UsageError, match="--merge takes the JSON of every --shard"):
        merge([json.dumps({"shard": shard})])


def test_a_mistake_of_another_catalogue(write):
    """Is refused by its name; it does not end a list early."""
    part = json.loads(
        write({"conv_backward": "wrong('stride-ignored-backward', form=1)"}, shard=(1, 2))
    )
    text = json.dumps(part).replace('{"mistake": "stride-ignored-backward"}', '{"mistake": "gone"}')
    assert "gone" in text
    with pytest.raises(UsageError, match="gone"):
        merge([text])


def test_who_ended_early(write):
    """A fault of one part is the whole's; who cannot be loaded has no functions."""
    one, two = (json.loads(write(shard=(n, 2))) for n in (1, 2))
    two["shard"]["Run"] |= {"fault": "fault", "error": "fault of the harness: x"}
    gone = [
        Run(
            Settings(candidate="gone.py", shard=(n, 2)),
            "gone.py",
            fault="unloadable",
            error="there is none",
        )
        for n in (1, 2)
    ]
    runs = merge([json.dumps([one, two]), FORMATS["json"].write(gone)])
    assert [(run.verdict, run.error, bool(run.findings)) for run in runs] == [
        ("fault", "fault of the harness: x", True),
        ("unloadable", "there is none", False),
    ]


@pytest.mark.parametrize("names", [["stride-ignored-backward"], ["pad-0-crop"]])
def test_parts_that_name_different_mistakes(write, names):
    """What all name is named, with as many cases as are known to be explained; or nothing is."""
    bends = {"conv_backward": "wrong('stride-ignored-backward', form=1)"}
    parts = [write(bends, shard=(number, 2)) for number in (1, 2)]
    (one,) = merge(parts)[0].findings[3:4]
    other = json.loads(parts[1])
    for finding in other["shard"]["Run"]["findings"]["tuple"]:
        if found := finding["Finding"].get("diagnosis"):
            told = [{"mistake": name} for name in (*names, "kernel-flipped")]
            found["Diagnosis"]["mistakes"] = {"tuple": told}
    (mixed,) = merge([parts[0], json.dumps(other)])[0].findings[3:4]
    shared = [name for name in names if name == "stride-ignored-backward"]
    found = mixed.diagnosis
    assert [mistake.id for mistake in (found.mistakes if found else ())] == shared
    assert [block.mistake.id for block in mixed.blocks if block.mistake] == shared
    assert not found or (found.explains < found.of == one.diagnosis.of)


@parametrize_from_file
def test_parts_that_do_not_fit(write, parts, says):
    """Are refused, with what is missing."""
    texts = [write(**{**part, "shard": part["shard"]}) for part in parts]
    with pytest.raises(UsageError, match=says):
        merge(texts or ["{}"])
