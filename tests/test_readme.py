"""The README shows what really happens."""

import doctest
import inspect
import re
import shlex
from pathlib import Path

import pytest

import npcnn
from verification import __main__ as command
from verification import questions

ROOT = Path(npcnn.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:python)?\n(.*?)```", README, re.DOTALL)


def test_the_session():
    """Twelve lines, each with what it prints."""
    (session,) = (block for block in BLOCKS if block.startswith(">>>"))
    parsed = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    assert len(parsed.examples) == 12
    runner = doctest.DocTestRunner()
    assert runner.run(parsed).failed == 0


def test_the_two_commands():
    """Each on a line of its own; CI runs the second word for word."""
    run, test = (block.rstrip("\n") for block in BLOCKS[:2])
    setup = "python3 -m venv .venv && .venv/bin/pip install -qe '.[verify]' && "
    assert run == f"{setup}.venv/bin/python -m verification"
    assert test == f"{setup}.venv/bin/python -m pytest"
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_report(capsys):
    """But for versions and seconds; every question, in float64."""
    assert command.main([]) == 0
    (shown,) = (block for block in BLOCKS if block.startswith("npcnn   npcnn contract"))
    assert timeless(capsys.readouterr().out) == timeless(shown)


def timeless(report):
    return re.sub(r"(torch|numpy) [\d.]+\w*|[\d.]+ s$", r"\1", report, flags=re.MULTILINE).strip()


@pytest.mark.parametrize("line", next(b for b in BLOCKS if b.startswith("python -m")).splitlines())
def test_the_other_commands(line, capsys, tmp_path, monkeypatch):
    """Each ends in a match."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.split("     ")[0])
    assert words[:3] == ["python", "-m", "verification"]
    assert command.main(words[3:]) == 0
    assert "and all match." in capsys.readouterr().out


def test_the_table_has_the_signatures():
    """Of the eight passes, and no other."""
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", README, re.MULTILINE)
    assert len(rows) == 8
    for name, parameters in rows:
        known = [
            str(p).partition(":")[0] + (f"={p.default!r}" if p.default is not p.empty else "")
            for p in inspect.signature(getattr(npcnn, name)).parameters.values()
        ]
        assert ", ".join(known).replace("'", '"') == parameters


def test_the_exit_codes():
    """As the command's help has them."""
    (line,) = re.findall(r"Exit codes: (.*)\.", README)
    assert line == " ".join(command.__doc__.partition("Exit codes: ")[2].split()).rstrip(".")


def test_it_names_every_room_of_the_core():
    """And where the cases are."""
    house = README.partition("## The house")[2]
    rooms = {path.stem for path in (ROOT / "npcnn").glob("*.py")} - {"__init__"}
    assert [room for room in rooms if f"`{room}`" not in house] == []
    assert questions.FOLDER.name in house
