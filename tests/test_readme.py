"""The README shows what really happens."""

import doctest
import inspect
import re
import shlex
from pathlib import Path

import pytest

import npcnn
from verification import __main__ as command
from verification import contracts, mistakes, questions

ROOT = Path(npcnn.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w*\n(.*?)```", README, re.DOTALL)


def written(start):
    """The one block that starts so."""
    (block,) = (block for block in BLOCKS if block.startswith(start))
    return block


def test_the_session():
    """Twelve lines, each with what it prints."""
    session = written(">>>")
    parsed = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    assert len(parsed.examples) == 12
    runner = doctest.DocTestRunner()
    assert runner.run(parsed).failed == 0


def test_a_wrong_candidate_and_its_repair(tmp_path, capsys, monkeypatch):
    """The file is judged as shown; with the lines that are shown it matches."""
    monkeypatch.chdir(tmp_path)
    wrong = written("import numpy as np\n\n\ndef zero_pad")
    repair = written("            window = np.s_[:, h * stride")
    told, mended = (block for block in BLOCKS if block.startswith("my_cnn.py   "))
    Path("my_cnn.py").write_text(wrong)
    assert command.main(["my_cnn.py"]) == 1
    assert timeless(capsys.readouterr().out) == timeless(told)
    start = wrong.index("            window = np.s_[:, h : h + f")
    Path("my_cnn.py").write_text(wrong[:start] + repair)
    assert command.main(["my_cnn.py"]) == 0
    assert timeless(capsys.readouterr().out) == timeless(mended)


def test_the_catalogue_is_current():
    """Row for row, and their number."""
    catalogue = mistakes.read()
    rows = re.findall(r"^\| `([\w-]+)` \| (\d*) \| .* \| (.*) \|$", README, re.MULTILINE)
    assert rows == [(m.id, str(m.seen or ""), m.title) for m in catalogue]
    assert f"{len(catalogue)} of them" in README


def test_every_contract_is_told():
    """By its name and the names of its functions."""
    section = README.partition("### The contract for candidates")[2].partition("### In CI")[0]
    for name in contracts.NAMES:
        assert f"- **{name}**" in section
    for name in ("cs231n", "holberton"):
        for function in contracts.get(name).functions:
            assert function.name in section


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
    shown = written("npcnn   npcnn contract")
    assert timeless(capsys.readouterr().out) == timeless(shown)


def timeless(report):
    return re.sub(r"(torch|numpy) [\d.]+\w*|[\d.]+ s$", r"\1", report, flags=re.MULTILINE).strip()


@pytest.mark.parametrize("line", written("python -m verification --case").splitlines())
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
