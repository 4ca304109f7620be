"""Loading: what a file, a notebook and a module define, and what nobody has written yet."""

import ast
import json
import sys
from types import ModuleType

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.candidates import loading
from verification.candidates.loading import Program


@pytest.fixture
def load(monkeypatch, tmp_path):
    """The program of the last of these files; here it must leave nothing behind."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", sys.argv[:])
    monkeypatch.chdir(tmp_path.parent)
    before = dict(sys.modules)

    def program(files):
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="latin-1")
        loaded = Program(str(tmp_path / name), None)
        loaded.load()
        return loaded

    yield program
    sys.modules.clear()
    sys.modules.update(before)


def write_notebook(cells):
    code = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# a"}, *code]})


@parametrize_from_file(schema=defaults(files={}, cells=(), notes=(), lacks=(), error="", holds=()))
def test_what_is_loaded(load, files, cells, notes, holds, lacks, error):
    """A file in its own folder; of a notebook its definitions, and notes of what is missing."""
    if cells:
        files = {"public_tests.py": "assert False", "my.ipynb": write_notebook(cells)}
    if error:
        with pytest.raises((SyntaxError, ValueError), match=error):
            load(files)
        return
    program = load(files)
    assert program.notes == notes
    assert not set(lacks) & set(program.namespace)
    for text in holds:
        assert eval(text, {"sys": sys, "program": program, **program.namespace}), text


def test_lines_of_a_notebook(load):
    """Cells count as code cells do, whatever stands between them."""
    cells = ["n = 0", "\n\ndef f():\n    return 1 / n\n%time f()"]
    program = load({"my.ipynb": write_notebook(cells)})
    with pytest.raises(ZeroDivisionError) as raised:
        program.find("f")()
    assert program.own_lines(loading.trace(raised.value))[-1] == "cell 2 line 4: return 1 / n"


def test_a_package_and_its_rooms():
    """Their functions go by dotted names; what they borrow and what is private does not."""
    package = Program("npcnn", None)
    package.load()
    functions = package.functions()
    assert functions["functional.conv2d"] is package.find("functional.conv2d")
    assert "conv_forward" in functions
    assert not [name for name in functions if "._" in name or name.endswith((".np", ".Any"))]


@parametrize_from_file(schema=defaults(files={}))
def test_who_calls_whom(load, files, text, calls):
    """By names, helpers, modules, closures, classes."""
    program = load({**files, "my.py": text})
    found = program.calls(program.functions())
    assert {name: {*words} for name, words in found.items()} == {n: {*w} for n, w in calls.items()}


@parametrize_from_file
def test_parameters(load, text, parameters):
    """As a signature writes them; of keywords that are taken one by one, these."""
    program = load({"my.py": text})
    assert loading.parameters(program.functions()["f"]) == list(parameters)
    space = {}
    exec("def f(x, **q): return q['a']", space)  # which has no source to be read
    assert loading.parameters(space["f"]) == ["x", "**q"]


def test_parameters_and_words_that_cannot_be_had():
    """Whatever a signature or an exception does; words are cut."""

    class RudeError(BaseException):
        @property
        def __signature__(self):
            raise ValueError

        def __call__(self): ...

        def __str__(self):
            raise KeyboardInterrupt

    assert loading.parameters(RudeError()) is None
    assert loading.describe(RudeError()) == "RudeError, whose words cannot be read"
    assert loading.describe(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert loading.describe(ValueError("x" * 10**6)) == "ValueError: " + "x" * 1988


@parametrize_from_file(schema=defaults(root="", name=""))
def test_whose_lines_they_are(file, root, name):
    """Its own folder's and its cells', not those of libraries, of Python's or of ours."""
    program = Program("my.py", None)
    program.root = root.format(numpy=np.__file__.removesuffix("__init__.py"))
    file = file.format(numpy=np.__file__, ours=loading.__file__, python=json.__file__)
    assert program.own_lines([(file, 10**6)]) == ((f"{name} line 1000000: ",) if name else ())


def test_what_does_the_work_is_noted(monkeypatch):
    """What was there before is not the candidate's doing, nor a session's; npcnn may be npcnn."""
    monkeypatch.delitem(sys.modules, "npcnn", raising=False)
    programs = [Program("a.py", None), Program("npcnn.functional", None)]
    for name in ("jax", "npcnn"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    space = {"jax": sys.modules["jax"], "np": np}
    exec("def one(): return np.pad\ndef two(): return jax.nn", space)
    programs += [Program("", {"jax": space["jax"], one: space[one]}) for one in space]
    notes = ["".join(program.foreign()).count("imports") for program in programs]
    assert notes == [2, 1, *(int(name == "two") for name in space)]
    assert Program("a.py", None).foreign() == ()


@parametrize_from_file
def test_a_stub_does_no_work_of_its_own(body, blank):
    """None is a value that a function may begin with; a wrong function does work."""
    text = "def f(X):\n    " + body.replace("\n", "\n    ")
    assert loading.is_blank(ast.parse(text).body[0], text) is blank
