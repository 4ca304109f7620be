"""Candidates: found by name, told apart by digest, under the contract they are written for."""

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import pytest

import npcnn
from verification import candidate, fills, mistakes, questions, row
from verification.apart.process import Source, UnloadableError
from verification.contracts import OWN

FOLDER = Path(__file__).parent / "candidates"
AGES = tuple(mistake for mistake in mistakes.read() if mistake.kind == mistakes.AGE)
NOTHING = hashlib.sha256(b"").hexdigest()
(PAD,) = row.parse("zero_pad x=[1,2,3,1] pad=1 fill=integers")
(STEP,) = row.parse("conv_single_step x=[2,2,1] b=[1,1,1] fill=integers")
(DILATED,) = row.parse("conv x=[1,5,6,1] w=[2,2,1,1] dilation=2 fill=integers")


@pytest.fixture
def load():
    """candidate.load and candidate.live, closed at the end."""
    with contextlib.ExitStack() as stack:

        def loaded(name, **settings):
            make = candidate.load if isinstance(name, str) else candidate.live
            judged = make(name, **settings)
            stack.callback(judged.close)
            return judged

        yield loaded


@pytest.fixture
def written(tmp_path):
    """The name of a file with this text."""

    def write(text, name="stranger.py"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write


def function(judged, name):
    return next(f for f in judged.contract.functions if f.name == name)


def asked(judged, name, case):
    given = fills.arrays(case, 0, "float64")
    return judged.ask(function(judged, name), case, given, OWN)


def test_a_module_is_found_by_its_dotted_name(load):
    """Its functions too, with their parameters, and those of its own modules."""
    judged = load("npcnn.functional")
    assert judged.hello.names["conv2d"][:4] == ["x", "w", "b", "stride"]
    whole = load("npcnn")
    assert whole.hello.names["functional.conv2d"] == judged.hello.names["conv2d"]
    assert whole.hello.names["zero_pad"] == ["X", "pad"]
    assert (judged.name, whole.name) == ("npcnn.functional", "npcnn")


def test_a_right_candidate_answers(load, written):
    """A file, a notebook, a module, a live session: all the same."""
    for name in (
        str(FOLDER / "right" / "loops.py"),
        str(FOLDER / "session.ipynb"),
        "npcnn",
        {"zero_pad": npcnn.zero_pad},
    ):
        judged = load(name)
        reply = asked(judged, "zero_pad", PAD)
        given = fills.arrays(PAD, 0, "float64")
        assert (reply.status, reply.error) == ("ok", "")
        assert np.array_equal(reply.values["y"], npcnn.zero_pad(given["x"], 1))
        assert judged.live == isinstance(name, dict)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stranger.py", "file"),
        ("session.ipynb", "notebook"),
        ("stranger", "module"),
        ("stranger.inner", "module"),
    ],
)
def test_a_name_tells_what_it_is_of(name, kind, tmp_path, monkeypatch):
    """By its ending."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    assert candidate.source(name) == Source(kind, name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import nosuchthing", "ModuleNotFoundError: No module named 'nosuchthing'"),
    ],
    ids=["syntax", "error", "exit", "generator", "missing"],
)
def test_what_cannot_be_imported_is_unloadable(tmp_path, monkeypatch, written, source, message):
    """With the reason, and the line."""
    file = written(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnloadableError, match=rf"stranger\.py cannot be loaded: {message}"):
        candidate.load(file)
    with pytest.raises(UnloadableError, match=f"stranger cannot be loaded: {message}"):
        candidate.load("stranger")


def test_what_a_candidate_prints_is_no_part_of_the_report(load, written, capfd):
    """Standard output may be a JSON document."""
    judged = load(written("print('hello')\ndef zero_pad(X, pad): return X + 1\n"))
    asked(judged, "zero_pad", PAD)
    judged.close()
    assert judged.hello.stdout == "hello\n"
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("name", ["nosuchmodule", "no/such", "", ".", "verification.nosuch"])
def test_no_such_module(name):
    """Nor a name that is none."""
    with pytest.raises(UnloadableError, match="cannot be loaded"):
        candidate.load(name)


@pytest.mark.parametrize("name", ["no/such.py", "nosuch.ipynb", "folder.py"])
def test_no_such_file(name, tmp_path, monkeypatch):
    """Said before a process is started for it; a folder is no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(UnloadableError, match=f"there is no file {name}"):
        candidate.load(name)


def test_the_digest_is_that_of_the_source(load, tmp_path, monkeypatch):
    """Of every file of a package, so that a report tells which version it judged."""
    (tmp_path / "stranger2").mkdir()
    (tmp_path / "stranger2" / "__init__.py").write_text("")
    inner = tmp_path / "stranger2" / "inner.py"
    inner.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = "stranger2", "stranger2.inner", str(inner)
    before = [load(name).sha256 for name in names]
    assert before == [hashlib.sha256(b"x = 1\n").hexdigest()] * 3
    inner.write_text("x = 2\n")
    assert [load(name).sha256 for name in names] == [hashlib.sha256(b"x = 2\n").hexdigest()] * 3


def test_what_has_no_file_has_the_digest_of_nothing(load):
    """sys has no source, a session none that is told of."""
    assert load("sys").sha256 == NOTHING
    assert load({"zero_pad": npcnn.zero_pad}).sha256 == NOTHING


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("loops.py", "assignment"),
        ("cs231n_naive.py", "cs231n"),
        ("cs231n_im2col.py", "cs231n"),
        ("holberton.py", "holberton"),
        ("functional_nchw.py", "functional"),
    ],
)
def test_a_contract_is_recognised(load, file, label):
    """By the functions that are there."""
    judged = load(str(FOLDER / "right" / file))
    assert (judged.label, judged.contract.name) == (label, label)


def test_a_contract_may_be_wished_for(load):
    """And a layout, which the functional one alone has."""
    name = str(FOLDER / "right" / "loops.py")
    assert load(name, contract="holberton").label == "holberton"
    assert load(name, contract="cs231n", layout="nhwc").label == "cs231n"
    general = str(FOLDER / "right" / "functional_nhwc.py")
    assert load(general, layout="nhwc").label == "functional-nhwc"
    judged = load(general, layout="nchw")
    assert (judged.label, judged.contract.channels_first) == ("functional", True)


def test_what_no_contract_knows_is_held_to_the_assignment(load):
    """Nothing of it is there then."""
    judged = load({"forward": npcnn.conv_forward})
    assert judged.label == "assignment"
    assert not any(map(judged.has, judged.contract.functions))


def test_a_function_may_have_another_name(load, written):
    """Its own is told; it counts when the contract is recognised, and it is what is called."""
    file = written("def enlarge(x, by):\n    return x.repeat(by, 1)\n")
    judged = load(file, renames={"zero_pad": "enlarge"})
    pad = function(judged, "zero_pad")
    assert (judged.label, judged.name_of(pad), judged.has(pad)) == ("assignment", "enlarge", True)
    assert asked(judged, "zero_pad", PAD).values["y"].shape == (1, 2, 3, 1)
    naive = load(file, renames={"max_pool_forward_naive": "enlarge"})
    assert naive.label == "cs231n"
    step = function(judged, "conv_single_step")
    assert (judged.name_of(step), judged.has(step)) == ("conv_single_step", False)


def test_a_rename_to_nothing_leaves_nothing(load):
    """A wish is no guess: the function of the contract's own name is not taken instead."""
    judged = load({"zero_pad": npcnn.zero_pad}, renames={"zero_pad": "pad_with_zeros"})
    assert not judged.has(function(judged, "zero_pad"))


def test_a_stub_is_not_there(load):
    """A template that nobody has filled in; under another name too."""
    judged = load(str(FOLDER / "template_unfilled.py"))
    assert set(judged.names) == {f.name for f in judged.contract.functions}
    assert not any(map(judged.has, judged.contract.functions))

    def later(X, pad):
        """To be written."""

    judged = load({"later": later}, renames={"zero_pad": "later"})
    assert not judged.has(function(judged, "zero_pad"))


def test_what_a_function_lacks_a_parameter_for_is_not_put_to_it(load):
    """Where settings go by keyword; every function is to refuse wrong calls."""
    for text, expresses in (("stride=1, padding=0, dilation=1", True), ("stride=1", False)):
        space = {}
        exec(f"def conv2d(x, w, b=None, {text}): return x", space)
        judged = load({"conv2d": space["conv2d"]})
        conv = function(judged, "conv2d")
        assert judged.expresses(conv, DILATED) == expresses
        refusal = questions.Refusal("r", "conv2d", {}, "TypeError", ("x",))
        assert judged.expresses(conv, refusal)


def test_notes_are_gathered_once(load, written):
    """What is imported while it is loaded, and in the middle of a call."""
    text = "import sys\nsys.modules['jax'] = sys\ndef zero_pad(X, pad):\n"
    judged = load(written(text + "    sys.modules['scipy.signal'] = sys\n    return X\n"))
    noted = ["imports jax: not a NumPy implementation"]
    assert judged.notes == noted
    for _ in range(2):
        assert asked(judged, "zero_pad", PAD).status == "ok"
    assert judged.notes == [*noted, "imports scipy.signal: not a NumPy implementation"]


def test_an_error_of_age_is_known_and_mended(load, written):
    """In a second process, which is started once and ended with the first."""
    judged = load(
        written("def conv_single_step(a, W, b):\n    return (a * W).sum() + float(b)\n"),
        ages=AGES,
    )
    step, given = function(judged, "conv_single_step"), fills.arrays(STEP, 0, "float64")
    reply = judged.ask(step, STEP, given, OWN)
    assert reply.status == "CRASH"
    assert judged.age_of(reply.error, step).id == "float-of-array"
    mended = [judged.ask_mended(step, STEP, given, OWN) for _ in range(2)]
    want = float((given["x"] * given["w"]).sum() + given["b"].item())
    assert [float(reply.values["y"]) for reply in mended] == [want] * 2
    assert judged.age_of(mended[0].error, step) is None
    judged.close()
    for ask in (judged.ask, judged.ask_mended):
        with pytest.raises(ValueError, match="closed"):
            ask(step, STEP, given, OWN)


def test_without_ages_nothing_is_one(load):
    """What is mended is for the catalogue to say."""

    def conv_single_step(a, W, b):
        return (a * W).sum() + float(b)

    judged = load({"conv_single_step": conv_single_step})
    error = asked(judged, "conv_single_step", STEP).error
    assert judged.age_of(error, function(judged, "conv_single_step")) is None


def test_a_wrong_call_is_put_as_it_is(load):
    """By the candidate's own name."""

    def enlarge(x, by):
        raise ValueError(f"no {by} for {x.shape}")

    judged = load({"enlarge": enlarge}, renames={"zero_pad": "enlarge"})
    arguments = {"x": {"array": [1, 2]}, "by": -1}
    reply = judged.refuse(function(judged, "zero_pad"), arguments)
    assert (reply.status, reply.error) == ("CRASH", "ValueError: no -1 for (1, 2)")


def test_the_limits_are_the_candidates(load):
    """So many seconds for a call."""

    def zero_pad(X, pad):
        while True:
            pass

    judged = load({"zero_pad": zero_pad}, timeout=0.3)
    assert asked(judged, "zero_pad", PAD).status == "TIMEOUT"


def test_a_module_with_a_temper(load, written):
    """A __getattr__ may raise anything; what is defined is found all the same."""
    text = "def __getattr__(name):\n    raise RuntimeError\ndef zero_pad(X, pad):\n    return X\n"
    judged = load(written(text))
    assert judged.has(function(judged, "zero_pad"))
    assert not judged.has(function(judged, "conv_forward"))
