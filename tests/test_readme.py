"""What the READMEs show is what really happens; as a program, it writes anew what is generated."""

import doctest
import inspect
import re
import shlex
from argparse import Namespace
from collections import Counter
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import npcnn
from verification import __main__ as command
from verification import mistakes
from verification.candidates import NAMES
from verification.judging import Session, Settings
from verification.measures import strength
from verification.questions import RUNGS, rung

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w*\n(.*?)```", README, re.DOTALL)
WRONG = next(
    block for block in BLOCKS if block.startswith("import numpy as np\n\n\ndef conv_backward")
)
CATALOGUE = ROOT / "verification" / "mistakes" / "CATALOGUE.md"
HEAD = "| id | seen | where | what the code does |\n|---|---|---|---|\n"


def find(start):
    """The one block that begins so."""
    (block,) = (block for block in BLOCKS if block.startswith(start))
    return block


def write_table():
    """The catalogue, a row a mistake, the most seen first."""
    rows = (
        f"| `{m.id}` | {m.seen or ''} | {', '.join(m.ops)} | {m.does} |\n" for m in mistakes.read()
    )
    return HEAD + "".join(rows)


def judge(text):
    """The exit code and the report of a file that holds this."""
    with TemporaryDirectory() as folder, chdir(folder), redirect_stdout(StringIO()) as told:
        Path("my_cnn.py").write_text(text, encoding="utf-8")
        code = command.main(["my_cnn.py", "--draw", "0"])
    return code, told.getvalue()


def drop_seconds(report):
    return re.sub(r"(torch|numpy) [\d.]+\w*|[\d.]+ s$", r"\1", report, flags=re.MULTILINE).strip()


def test_the_catalogue_is_current():
    """Row for row, and its example is one of its own; `python tests/test_readme.py` writes it."""
    assert CATALOGUE.read_text(encoding="utf-8").endswith(write_table())
    page = CATALOGUE.with_name("README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert example in CATALOGUE.with_name("catalogue.toml").read_text(encoding="utf-8")


def test_the_session():
    """Every line, with what it prints."""
    session = doctest.DocTestParser().get_doctest(find(">>>"), {}, "README.md", "README.md", 0)
    assert len(session.examples) > 8
    assert doctest.DocTestRunner().run(session).failed == 0


def test_a_wrong_candidate_and_its_repair():
    """The file is judged as shown; with the two lines that are shown it matches."""
    repair, crop = find("            window = np.s_[:, h * stride").splitlines()
    right = WRONG.replace("            window = np.s_[:, h : h + f, w : w + f]", repair)
    right = right.replace("    return dX[:, pad:-pad, pad:-pad], dW, db", crop)
    code, report = judge(WRONG)
    assert (code, drop_seconds(report)) == (1, drop_seconds(find("my_cnn.py   ")))
    code, report = judge(right)
    assert (code, "and all match." in report) == (0, True)


def test_the_verdict():
    """Of npcnn: as many questions and checks as there are, of every rung."""
    shown = find("npcnn   npcnn contract")
    assert all(line in shown for line in write_counts())


def test_the_strength():
    """As many wrong passes and broken judges as `strength` tries, equivalents left out."""
    assert write_strength() in README


def write_strength():
    options = Namespace(quick=False, source=False, rivals=False)
    tried = [one for one in strength.gather(options) if not strength.find_reason(one.id)]
    kinds = Counter(mutant.kind for mutant in tried)
    passes, ways = kinds["catalogue"], kinds["harness"]
    return f"({passes} wrong passes), breaks the harness itself in {ways} ways"


def write_counts():
    """How many questions and checks there are of npcnn, rung by rung."""
    with Session(Settings()) as session:
        checks = [check for check in session.checks for _ in check.functions]
    rows = {check.question.row for check in checks}
    rungs = Counter(rung(check.question) for check in checks)
    ladder = [f"{rungs[name]} {name}" for name in RUNGS]
    functions = {function.name for check in checks for function in check.functions}
    judged = f"{len(functions)} functions, and all match."
    return [*ladder, judged, f"{len(rows)} questions, {len(checks)} checks."]


COMMANDS = re.findall(r"-m verification\b(?!\.)(.*?)(?:   .*)?\n", "".join(BLOCKS))


@pytest.mark.parametrize("words", COMMANDS)
def test_the_commands_parse(words):
    """Every option is known, every choice allowed."""
    options = command.build_parser().parse_intermixed_args(shlex.split(words))
    assert set(options.candidate) <= {"npcnn", "my_cnn.py", "submissions"}


def test_the_two_commands():
    """Each on a line of its own; CI runs the second word for word."""
    setup = "python3 -m venv .venv && .venv/bin/pip install -qe '.[verify]' && .venv/bin/python -m "
    assert BLOCKS[:2] == [f"{setup}verification\n", f"{setup}pytest\n"]
    assert f"{setup}pytest" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_signatures():
    """Of the eight passes, and no other."""
    rows = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", README, re.MULTILINE))
    assert len(rows) == 8
    for name, parameters in rows.items():
        known = inspect.signature(getattr(npcnn, name)).parameters.values()
        words = [p.name if p.default is p.empty else f'{p.name}="{p.default}"' for p in known]
        assert ", ".join(words) == parameters


def test_the_exit_codes_and_contracts():
    """As the command has them."""
    (line,) = re.findall(r"Exit codes: (.*)\.", README)
    assert f"Exit codes: {line}." == command.build_parser().epilog
    assert all(f"**{name}**" in README for name in NAMES)


def renew():
    """The catalogue's table, the wrong file's report, and how much npcnn is asked."""
    page = CATALOGUE.read_text(encoding="utf-8").partition(HEAD)[0]
    CATALOGUE.write_text(page + write_table(), encoding="utf-8")
    verdict = find("npcnn   npcnn contract")
    for line in write_counts():
        verdict = re.sub(re.sub(r"\d+", r"\\d+", re.escape(line)), line, verdict, count=1)
    readme = README.replace(find("my_cnn.py   "), judge(WRONG)[1])
    readme = readme.replace(find("npcnn   npcnn contract"), verdict)
    figures = re.sub(r"\d+", r"\\d+", re.escape(write_strength()))
    readme = re.sub(figures, write_strength(), readme)
    (ROOT / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    renew()
