import sys

import numpy as np
import pytest

from verification import candidate
from verification.candidate import Candidate, UnloadableError


def test_a_module_is_found_by_its_dotted_name():
    """Its functions too."""
    judged = candidate.load("npcnn.functional")
    assert judged.get("conv2d").__name__ == "conv2d"
    assert judged.get("nothing") is judged.get("nothing.at.all") is None
    assert candidate.load("npcnn").get("functional.conv2d") is judged.get("conv2d")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import nosuchthing", "ModuleNotFoundError: No module named 'nosuchthing'"),
    ],
)
def test_what_cannot_be_imported_is_unloadable(tmp_path, monkeypatch, source, message):
    """With the reason."""
    (tmp_path / "stranger.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnloadableError, match=f"stranger cannot be loaded: {message}"):
        candidate.load("stranger")


def test_what_a_module_prints_is_no_part_of_the_report(tmp_path, monkeypatch, capsys):
    """Standard output may be a JSON document."""
    (tmp_path / "chatty.py").write_text("print('hello')")
    monkeypatch.syspath_prepend(tmp_path)
    candidate.load("chatty")
    assert tuple(capsys.readouterr()) == ("", "hello\n")


def test_no_such_module():
    """Nor a name that is none."""
    for name in ("nosuchmodule", "no/such.py", "", "."):
        with pytest.raises(UnloadableError, match="cannot be loaded"):
            candidate.load(name)


def test_the_digest_is_that_of_the_source(tmp_path, monkeypatch):
    """Of every file, so that a report tells which version it judged."""
    (tmp_path / "stranger2").mkdir()
    (tmp_path / "stranger2" / "__init__.py").write_text("")
    inner = tmp_path / "stranger2" / "inner.py"
    inner.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    package, module = candidate.load("stranger2"), candidate.load("stranger2.inner")
    before = package.sha256, module.sha256
    inner.write_text("x = 2\n")
    assert package.sha256 != before[0]
    assert module.sha256 != before[1]


def test_a_call_is_caught_with_all_that_it_does():
    """Its value and prints, or its exception."""

    def loud():
        print("hello")
        return 3

    reply = candidate.call(loud)
    assert (reply.value, reply.error, reply.stdout) == (3, None, "hello\n")
    assert reply.seconds >= 0
    assert isinstance(candidate.call(lambda: 1 / 0).error, ZeroDivisionError)
    assert isinstance(candidate.call(lambda: exit(3)).error, SystemExit)


def test_an_interrupt_is_not_the_candidates():
    """Ctrl-C ends the run."""

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        candidate.call(interrupted)


def test_changed_arrays_are_named():
    """Bit for bit, NaN and the sign of zero included, whatever their byte order."""
    kept = {"x": np.array([0.0, np.nan]), "w": np.ones(2)}
    assert candidate.changed({"x": kept["x"].astype(">f8"), "w": kept["w"].copy()}, kept) == []
    assert candidate.changed({"x": np.array([-0.0, np.nan]), "w": np.zeros(2)}, kept) == ["x", "w"]


def test_shared_memory_is_named():
    """Views of what was given."""
    x = np.ones((2, 3))
    replies = {"dx": x[:, 1:], "y": x.copy(), "n": 3}
    assert candidate.shared({"x": x}, replies) == ["dx with x"]


def test_prints_are_cut_with_a_note():
    """At 500 characters; a candidate that closes its output has printed nothing."""
    said = candidate.call(lambda: print("x" * 600)).stdout
    assert said == "x" * 500 + " ... (cut after 500 characters)"
    assert candidate.call(lambda: sys.stdout.close()).stdout == ""


def test_a_module_without_a_file_or_with_a_temper():
    """sys has no source; a __getattr__ may raise anything."""
    assert len(candidate.load("sys").sha256) == 64

    class Moody:
        def __getattr__(self, name):
            raise RuntimeError

    assert Candidate("moody", Moody(), candidate.CONTRACT).get("conv_forward") is None
