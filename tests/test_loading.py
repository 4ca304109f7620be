"""Loading: what a file, a notebook and a module define, and what is a stub."""

import json
import sys
import types

import pytest

from verification.apart import loading, notebook, stubs
from verification.apart.loading import Loaded, Source


@pytest.fixture
def _undone(monkeypatch, tmp_path):
    """Loading is done in a process of its own; here it must leave nothing behind."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "argv", sys.argv[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def book(*cells):
    code = [{"cell_type": "code", "source": text.splitlines(keepends=True)} for text in cells]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "# a"}, *code]}).encode()


def ran(*cells):
    namespace = {"__name__": "session"}
    return namespace, notebook.run(book(*cells), namespace)


def blank(text):
    """Whether the function is a stub."""
    return stubs.is_stub(stubs.ast.parse(text).body[0])


@pytest.mark.usefixtures("_undone")
def test_a_file_is_a_module_in_its_own_folder(tmp_path):
    """Named by its stem, never the main one; its neighbours can be imported and read."""
    (tmp_path / "neighbour.py").write_text("two = 2")
    (tmp_path / "data.txt").write_text("three")
    (tmp_path / "my_cnn.py").write_text(
        "import neighbour\nfrom pathlib import Path\ntext = Path('data.txt').read_text()\n"
        "words = __name__, __file__, neighbour.two, text\n"
        "def conv(x, *rest, pad=0, **words): ...\n"
        "if __name__ == '__main__': raise SystemExit\n"
    )
    loaded = loading.load(Source("file", "my_cnn.py"))
    path = str(tmp_path / "my_cnn.py")
    assert loaded.namespace["words"] == ("my_cnn", path, 2, "three")
    assert sys.modules["my_cnn"].words == loaded.namespace["words"]
    assert list(loading.functions(loaded)) == ["conv"]
    assert loading.parameters(loaded.find("conv")) == ["x", "*rest", "pad", "**words"]


@pytest.mark.usefixtures("_undone")
def test_a_file_named_as_a_known_module_takes_no_place(tmp_path):
    """random.py stays Python's own."""
    import random

    (tmp_path / "random.py").write_text("def conv(): ...")
    assert "conv" in loading.load(Source("file", "random.py")).namespace
    assert sys.modules["random"] is random


@pytest.mark.usefixtures("_undone")
def test_an_encoding_declared_or_marked(tmp_path):
    """As Python reads it."""
    (tmp_path / "latin.py").write_bytes("# coding: latin-1\nword = 'é'\n".encode("latin-1"))
    (tmp_path / "marked.py").write_bytes(b"\xef\xbb\xbfword = 1\n")
    assert loading.load(Source("file", "latin.py")).namespace["word"] == "é"
    assert loading.load(Source("file", "marked.py")).namespace["word"] == 1


def test_a_module_and_the_rooms_of_its_package():
    """Names with dots; what is borrowed from elsewhere is not its own."""
    loaded = loading.load(Source("module", "npcnn"))
    found = loading.functions(loaded)
    assert {"conv_forward", "functional.conv2d"} <= set(found)
    assert not {"functional.np", "arguments.TypeAlias", "conv._blocks"} & set(found)
    assert loaded.find("functional.conv2d") is found["functional.conv2d"]
    with pytest.raises(AttributeError, match="there is no nothing"):
        loaded.find("nothing.at.all")


def test_parameters_that_cannot_be_had():
    """Whatever the signature does."""

    class Rude:
        @property
        def __signature__(self):
            raise ValueError

        def __call__(self): ...

    assert loading.parameters(Rude()) is None


def test_what_does_the_work_is_noted(monkeypatch):
    """What was there before is not the candidate's doing; npcnn may be npcnn."""
    for name in ("jax", "npcnn"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    known = frozenset(sys.modules) - {"jax", "npcnn"}
    note = "imports {}: not a NumPy implementation".format
    mine = Loaded(Source("file", "/a/b.py"), {}, before=known)
    assert mine.foreign() == (note("jax"), note("npcnn"))
    npcnn = Loaded(Source("module", "npcnn.functional"), {}, before=known)
    assert npcnn.foreign() == (note("jax"),)
    assert Loaded(Source("file", "/a/b.py"), {}, before=frozenset(sys.modules)).foreign() == ()


def test_what_a_live_function_speaks_of_is_noted():
    """Its session may have torch for other purposes."""
    space = {"torch": types.ModuleType("torch"), "np": types.ModuleType("numpy")}
    exec("def one(): return np.pad\ndef two(): return torch.nn", space)
    live = Source("live", "session")
    assert Loaded(live, {"torch": space["torch"], "one": space["one"]}).foreign() == ()
    assert len(Loaded(live, {"two": space["two"]}).foreign()) == 1


def test_words_of_exceptions():
    """Cut, and guarded."""

    class RudeError(BaseException):
        def __str__(self):
            raise KeyboardInterrupt

    assert loading.told(ValueError("no")) == "ValueError: no"
    assert loading.told(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert loading.told(RudeError()) == "RudeError, whose words cannot be read"
    assert len(loading.told(ValueError("x" * 10**6))) == 2000 + len("ValueError: ")


def test_a_notebook_defines_and_does_not_run():
    """Imports, definitions and plain assignments; no calls."""
    space, notes = ran(
        "import math\nfrom os import path as p",
        "EPS, n = 1e-3, 2\nlines = []\nsquare = lambda v: pow(v, 2)\nn += 1\nm: int = n\n",
        "def f(x=EPS):\n    return g(x) + n\nclass C:\n    k = n\n",
        "raise SystemExit\n",
        "while True: pass",
        "x = f(1)\ny = (z := 2)\nprint(lines)\nlines[0] = open('nothing')\nf(2)",
        "if n > 2:\n    size = 3\nelse:\n    size = 4\n"
        "try:\n    import nosuch\nexcept ImportError:\n    nosuch = None",
    )
    assert notes == ()
    assert space["square"](3) == 9
    assert (space["m"], space["size"], space["C"].k, space["nosuch"]) == (3, 3, 3, None)
    assert space["math"].pi > 3
    assert space["f"].__defaults__ == (1e-3,)
    assert not {"x", "y", "z"} & set(space)


def test_magics_are_dropped_and_python_is_not():
    """Lines that only look like one stay; cells in other languages go."""
    space, notes = ran(
        "%matplotlib inline\n!pip install x\nfiles = !ls\nf?\n?f\n"
        "if True:\n    %time f()\n    n = 1",
        "def f(a):\n    '''\n%not a magic\n! nor this\n'''\n    return (7\n% a)\n",
        "%%time\ndef g(): return 2\n",
        "%%bash\ndef h(): return 3\n",
    )
    assert notes == ()
    assert space["n"] == 1
    assert space["f"](4) == 3
    assert space["f"].__doc__ == "\n%not a magic\n! nor this\n"
    assert space["g"]() == 2
    assert "h" not in space


def test_what_is_missing_is_noted_and_does_nothing():
    """Whatever is done with it."""
    space, notes = ran(
        "import math, nosuch.pyplot as plt, nosuch.other\nfrom nosuch import *\n"
        "from nosuch.a import b as c, jit\nimport os.path",
        "plt.rcParams['figure.figsize'] = (5, 4)\nplt.a.b = 3\nq = plt.c[1:2]",
        "@jit\ndef f():\n    with plt.x() as y:\n        return [*y], plt.show(1, k=2)\n"
        "@jit(parallel=True)\ndef g(): return 1\nclass D(plt.Base): pass",
    )
    assert notes == (
        "nosuch.pyplot is missing, passed over",
        "nosuch.other is missing, passed over",
        "nosuch is missing, passed over",
        "nosuch.a is missing, passed over",
    )
    assert type(space["c"]) is notebook.Missing
    assert space["f"]()[0] == []
    assert space["g"]() == 1
    assert space["D"].__bases__ == (object,)
    assert space["math"].pi > 3
    assert list(loading.functions(Loaded(Source("live", ""), space))) == ["f", "g", "D"]


@pytest.mark.usefixtures("_undone")
def test_a_module_that_fails_is_noted(tmp_path, monkeypatch):
    """With the reason."""
    (tmp_path / "public_tests.py").write_text("assert False")
    monkeypatch.syspath_prepend(tmp_path)
    space, notes = ran("from public_tests import *\ndef f(): ...")
    assert notes == ("public_tests cannot be imported (AssertionError), passed over",)
    assert "f" in space


def test_a_cell_that_is_no_python():
    """Is noted; if there is nothing else, it is the reason why nothing can be judged."""
    space, notes = ran("def f(: pass", "def g(): return 1", "def h(a=nothing): ...")
    assert notes[0] == "cell 1 is passed over: line 1: invalid syntax"
    assert notes[1].startswith("cell 3 line 1: h is passed over: NameError: ")
    assert list(space) == ["__name__", "__builtins__", "g"]
    with pytest.raises(SyntaxError):
        ran("x = 1", "def f(: pass")


def test_lines_of_a_notebook():
    """Cells count as code cells do, whatever stands between them."""
    space, _ = ran("n = 0", "\n\ndef f():\n    return 1 / n")
    with pytest.raises(ZeroDivisionError) as raised:
        space["f"]()
    lines = loading.own_lines(raised.value, "/nowhere/")
    assert lines[-1] == "cell 2 line 4: return 1 / n"


def test_older_notebooks_and_none():
    """The third format has worksheets; sources are lists or one text."""
    cells = [{"cell_type": "code", "input": ["a = 1\n", "b = 2"]}, {"cell_type": "markdown"}]
    old = json.dumps({"worksheets": [{"cells": cells}]}).encode()
    assert notebook.cells(old) == ["a = 1\nb = 2"]
    text = {"cells": [{"cell_type": "code", "source": "a = 1\nb = 2"}]}
    assert notebook.cells(json.dumps(text).encode()) == ["a = 1\nb = 2"]
    for raw in (b"", b"{}", b"[]", b'{"cells": 3}', b'{"cells": [{}]}', b"\xff", b'{"cells": [3]}'):
        with pytest.raises(notebook.NotebookError, match="no notebook"):
            notebook.cells(raw)


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "'''words'''",
        "'''words'''\n...",
        "return",
        "return None",
        "raise NotImplementedError",
        "raise NotImplementedError('yours')",
        "'''words'''\n(m, n_H) = None\nreturn m",
        "m, n_H = X.shape\nZ[0, 1] = None\nreturn Z",
        "for i in range(None):\n    pass\nreturn X",
        "dA[0, 1:3] += None\nreturn dA",
        "X_pad = None\nreturn X_pad",
        "s = None\nZ = None\nZ = None\nreturn Z",
        "Z = None\ncache = (X, 1)\nreturn Z, cache",
    ],
    ids=range(14),
)
def test_stubs(body):
    """A blank that no written function has."""
    assert blank("def f(X):\n    " + body.replace("\n", "\n    "))


@pytest.mark.parametrize(
    "body",
    [
        "return X",
        "best = None\nfor v in X:\n    best = v if best is None else max(best, v)\nreturn best",
        "Z = None\nif X:\n    Z = 1\nreturn Z",
        "Z = None\nfor Z in X:\n    pass\nreturn Z",
        "Z = None\nwith X as Z:\n    pass\nreturn Z",
        "Z = None\n(Z, n) = X\nreturn Z",
        "Z = None\nZ += 1\nreturn Z",
        "Z: int = None\nZ = 3\nreturn Z",
        "cache = None\nZ = X * 2\nreturn Z, X",
        "def inner():\n    Z = None\n    return Z\nreturn X",
        "if X is None:\n    return None\nreturn X",
        "raise ValueError",
        "X.a = None\nreturn X",
    ],
    ids=range(13),
)
def test_what_is_written_is_no_stub(body):
    """None is a value that a function may begin with."""
    assert not blank("def f(X):\n    " + body.replace("\n", "\n    "))


def test_stubs_are_found_by_their_source():
    """Under decorators too; what has no source is no stub."""
    space, _ = ran(
        "import functools\ndef f(): pass\n"
        "@functools.lru_cache\n@functools.cache\ndef g():\n    pass\n"
        "def h(): return 1\nk = lambda: None\nsame = f\n"
    )
    exec("def nowhere(): pass", space)
    names = {name: value for name, value in space.items() if name != "__builtins__"}
    assert stubs.stubs({**names, "len": len}) == {"f", "g", "same"}
