"""Mutants of the core: enough of every kind, told apart for good, and nothing harmless changed."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import npcnn
from verification.mutants import source

CORE = Path(npcnn.__file__).parent
MUTANTS = source.mutants()
KINDS = {
    *("arithmetic", "bound", "comparison", "condition", "constant", "dtype", "exchange"),
    *("extremum", "product", "refusal", "statement", "term"),
}


def python(script, *args):
    """What a new interpreter prints, as JSON."""
    command = [sys.executable, "-c", script, *args]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def changed(tmp_path, text):
    """The kind of each mutant of a room with this text, and what it reads instead."""
    (tmp_path / "room.py").write_text(text, encoding="utf-8")
    return [(mutant.kind, mutant.source.strip()) for mutant in source.mutants(tmp_path)]


def test_there_are_enough():
    """Of every kind, and of every room."""
    assert len(MUTANTS) >= 250
    assert {mutant.kind for mutant in MUTANTS} == KINDS
    rooms = {path.stem for path in CORE.glob("*.py")} - {"__init__"}
    assert {mutant.room for mutant in MUTANTS} == rooms


def test_no_two_are_alike():
    """Neither by id nor by source, and none is the original."""
    originals = {
        path.stem: ast.dump(ast.parse(path.read_text(encoding="utf-8")))
        for path in CORE.glob("*.py")
    }
    trees = [(mutant.room, ast.dump(ast.parse(mutant.source))) for mutant in MUTANTS]
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS)
    assert len(set(trees)) == len(MUTANTS)
    assert set(trees) & set(originals.items()) == set()


def test_they_are_the_same_everywhere():
    """In another interpreter, in the same order."""
    script = (
        "import json; from verification.mutants import source; "
        "print(json.dumps([[m.id, m.kind, m.room, m.source] for m in source.mutants()]))"
    )
    assert python(script) == [[m.id, m.kind, m.room, m.source] for m in MUTANTS]


def test_ids_hold_no_line_numbers(tmp_path):
    """Comments and blank lines move every line of a copy, and no id."""
    copy = shutil.copytree(CORE, tmp_path / "copy")
    for path in copy.glob("*.py"):
        text = path.read_text(encoding="utf-8").replace("\n    return", "\n\n    return")
        path.write_text(f"# Another line.\n\n{text}", encoding="utf-8")
    assert source.mutants(copy) == MUTANTS


def raised(tree):
    return {ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)}


def f_strings(tree):
    return {ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}


def docstrings(tree):
    defined = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, defined)]


def annotations(tree):
    """Of parameters and results, in order."""
    given = [
        node.annotation if isinstance(node, ast.arg) else node.returns
        for node in ast.walk(tree)
        if isinstance(node, ast.arg | ast.FunctionDef)
    ]
    return [node and ast.dump(node) for node in given]


@pytest.mark.parametrize("room", sorted({mutant.room for mutant in MUTANTS}))
def test_messages_are_never_mutated(room):
    """Nor docstrings, nor annotations."""
    right = ast.parse((CORE / f"{room}.py").read_text(encoding="utf-8"))
    said, texts, kept = raised(right) | f_strings(right), docstrings(right), annotations(right)
    for mutant in MUTANTS:
        if mutant.room == room:
            tree = ast.parse(mutant.source)
            assert raised(tree) | f_strings(tree) <= said, mutant.id
            assert docstrings(tree) == texts, mutant.id
            assert annotations(tree) == kept, mutant.id


SPARED = '''
"""A docstring, 1 + 1."""
from __future__ import annotations
import numpy as np
__all__ = ["a", "b"]
Row = tuple[int, int]
Pair: TypeAlias = Row | tuple[int]
WORK = 16 * 2**20
BLOCK: int = 4
@cache(maxsize=1)
def f(x: Annotated[int, 1 + 2]) -> Row | None:
    """1 + 1."""
    name = f"{x + 1}"
    run = max(1, WORK // max(1, x * BLOCK))
    if run > WORK:
        return g(x, strict=True, copy=False)
    try:
        return h(x)
    except ValueError as error:
        names = " or ".join(str(i + 2) for i in (1, 2))
        raise TypeError(f"{x + 1} {names}") from error
'''


def test_what_changes_no_answer_is_spared(tmp_path):
    """What is declared, decorated, said, or there for speed: of all this only the special case."""
    whole = ast.unparse(ast.parse(SPARED))
    head = "if run > WORK:"
    found = changed(tmp_path, SPARED)
    assert [kind for kind, _ in found] == ["condition", "statement"]
    assert ast.unparse(ast.parse(found[0][1])) == whole.replace(head, "if not run > WORK:")
    assert "if run" not in found[1][1]


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        ("bound", "y = x[1:-1]", "x[2:-1] | x[0:-1] | x[1:] | x[1:-2]"),
        ("bound", "y = x[:n:2]", "x[:n + 1:2] | x[:n - 1:2] | x[:n]"),
        (
            "bound",
            "y = range(a, n, s)",
            "range(a + 1, n, s) | range(a - 1, n, s) | range(a, n + 1, s) | range(a, n - 1, s)"
            " | range(a, n)",
        ),
        ("arithmetic", "y = a + b * c", "a - b * c | a + (b + c)"),
        (
            "arithmetic",
            "y = a // b - c / d",
            "a // b + c / d | a / b - c / d | a % b - c / d | a // b - c * d | a // b - c // d",
        ),
        ("arithmetic", "y = -a", "a"),
        ("product", "y = a @ b.mT", "b.mT @ a | a @ b"),
        ("exchange", "y = np.moveaxis(x, 0, 2)", "np.moveaxis(x, 2, 0)"),
        ("exchange", "y = np.moveaxis(x, 0, 1)", ""),
        (
            "exchange",
            "y = x.reshape(a, b + 1, -1)",
            "x.reshape(b + 1, a, -1) | x.reshape(a, -1, b + 1)",
        ),
        ("exchange", "y = g(a, b.c)", "g(b.c, a)"),
        ("exchange", "y = g('a', b)", ""),
        ("exchange", "y = min(a, b)", ""),
        ("exchange", "y = x[..., t, :]", "x[t, ..., :] | x[..., :, t]"),
        ("exchange", "y = [a for p, q in z]", "[a for q, p in z]"),
        ("exchange", "y = a in (b, c)", ""),
        ("term", "y = a - b", "a | b"),
        ("term", "y = a and b and c", "b and c | a and c | a and b"),
        ("term", "y = [a for a in z if a]", "[a for a in z]"),
        ("comparison", "y = a < b == c", "a <= b == c | a > b == c | a < b != c"),
        ("comparison", "y = a not in b", "a in b"),
        (
            "constant",
            "y = g(0, 1, -1, 7, True, None)",
            "g(1, 1, -1, 7, True, None) | g(0, 2, -1, 7, True, None) | g(0, 0, -1, 7, True, None)"
            " | g(0, 1, 0, 7, True, None) | g(0, 1, -1, 8, True, None)"
            " | g(0, 1, -1, 7, False, None)",
        ),
        ("constant", "y = -np.inf", "-0"),
        ("dtype", "y = x.astype(wide)", "x.astype('float32') | x.astype('float16')"),
        ("dtype", "y = np.full(n, v, x.dtype)", "np.full(n, v, 'float32')"),
        ("dtype", "y = np.zeros(n, dtype=t)", "np.zeros(n, dtype='float32')"),
        ("dtype", "y = np.empty(n, np.int64)", "np.empty(n, np.int32)"),
        ("condition", "y = a if b else c", "a | c"),
        ("condition", "y = [a for a in z if not a.b]", "[a for a in z if a.b]"),
        ("statement", "y = reversed(x)", "x"),
        (
            "extremum",
            "y = np.maximum(x.min(), n)",
            "np.minimum(x.min(), n) | np.maximum(x.max(), n)",
        ),
    ],
)
def test_what_people_write_wrongly(tmp_path, kind, text, wrong):
    """Expressions, by kind."""
    found = [text[len("y = ") :] for k, text in changed(tmp_path, text) if k == kind]
    assert sorted(found) == sorted(w for w in wrong.split(" | ") if w)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a += b", {"arithmetic": ["a -= b", "a = b"], "statement": ["pass"]}),
        ("a[i] = b", {"statement": ["pass"]}),
        (
            "np.copyto(a, b, where=c)",
            {"exchange": ["np.copyto(b, a, where=c)"], "statement": ["pass"]},
        ),
        ("if a:\n    b = c", {"condition": ["if not a:\n    b = c"]}),
        ("if a is b:\n    b = c", {"comparison": ["if a is not b:\n    b = c"]}),
        (
            "if a < 2:\n    b = a + 1\n    raise C(b)",
            {
                "refusal": [
                    *(
                        f"if {test}:\n    b = a + 1\n    raise C(b)"
                        for test in ("not a < 2", "a <= 2", "a > 2", "a < 3")
                    ),
                    "pass",
                ]
            },
        ),
    ],
)
def test_which_statements_are_left_out_or_turned(tmp_path, text, wrong):
    """And a test before a raise is a refusal, whatever changes in it."""
    found = changed(tmp_path, text)
    by_kind = {kind: sorted(text for k, text in found if k == kind) for kind, _ in found}
    assert by_kind == {kind: sorted(texts) for kind, texts in wrong.items()}


def test_ids_read_well(tmp_path):
    """The scope, the change, the line; and how often, where a line holds it twice."""
    text = "class A:\n    def f(self, n: int = 3):\n        y += g[0](n, h[0])\n"
    (tmp_path / "room.py").write_text(text, encoding="utf-8")
    ids = [mutant.id for mutant in source.mutants(tmp_path)]
    assert ids == [
        "room.A.f: `3` -> `4` at `n=3`",
        "room.A.f: `y += g[0](n, h[0])` -> `y -= g[0](n, h[0])`",
        "room.A.f: `y += g[0](n, h[0])` -> `y = g[0](n, h[0])`",
        "room.A.f: `y += g[0](n, h[0])` -> `pass`",
        "room.A.f: `g[0](n, h[0])` -> `g[0](h[0], n)` at `y += g[0](n, h[0])`",
        "room.A.f: `0` -> `1` at `y += g[0](n, h[0])`",
        "room.A.f: `0` -> `1` at `y += g[0](n, h[0])` #2",
    ]


FORKED = """
import json, os, sys
import numpy as np
import npcnn
from verification.mutants import source

ids = json.loads(sys.argv[1])
chosen = [mutant for mutant in source.mutants() if mutant.id in ids]

def answer():
    import npcnn
    x = np.arange(2.0 * 5 * 4 * 3).reshape(2, 5, 4, 3) % 7 - 3
    w = np.arange(3.0 * 2 * 3 * 2).reshape(3, 2, 3, 2) % 5 - 2
    return npcnn.functional.conv(x, w, np.array([1.0, -2.0])).tolist()

def forked(mutant):
    reading, writing = os.pipe()
    if not os.fork():
        source.install(mutant)
        try:
            os.write(writing, json.dumps(answer()).encode())
        except Exception as error:
            os.write(writing, json.dumps(type(error).__name__).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    with open(reading) as reply:
        return json.load(reply)

before = answer()
print(json.dumps([before, {mutant.id: forked(mutant) for mutant in chosen}, answer()]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_fork_has_the_mutant_alone():
    """The core gives wrong numbers in it, and its parent goes on with the right ones."""
    ids = [m.id for m in MUTANTS if (m.room, m.kind) == ("conv", "arithmetic")]
    before, wrong, after = python(FORKED, json.dumps(ids))
    assert set(wrong) == set(ids)
    assert after == before
    assert [y for y in wrong.values() if isinstance(y, list) and y != before]


INSTALLED = """
import importlib, json, pathlib, sys
import npcnn
from verification.mutants import source

room = sys.argv[1]
folder = pathlib.Path(npcnn.__file__).parent
rooms = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
old = {name: importlib.import_module(f"npcnn.{name}") for name in rooms}
text = (folder / f"{room}.py").read_text(encoding="utf-8")
source.install(source.Mutant("marked", "constant", room, text + "\\nMARK = 7\\n"))
new = {name: importlib.import_module(f"npcnn.{name}") for name in rooms}
print(json.dumps([[n for n in rooms if hasattr(new[n], "MARK")],
                  [n for n in rooms if new[n] is old[n] or hasattr(old[n], "MARK")]]))
"""


@pytest.mark.parametrize("room", [MUTANTS[0].room, MUTANTS[-1].room])
def test_one_room_is_replaced_and_all_are_read_anew(room):
    """A room that was imported before would still hold the right functions of the mutated one."""
    assert python(INSTALLED, room) == [[room], []]
