"""The command line: what it selects, prints and returns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from verification import __main__ as command
from verification import judge, oracle, questions

ROOT = Path(command.__file__).parent.parent
INEXACT = "avg_pool x=[1,26,26,1] kernel=13 stride=1 pad=6 count_include_pad=false fill=integers"
ONE = "conv x=[1,4,5,1] w=[2,3,1,2] fill=integers"


def run(capsys, *words):
    """Exit code, standard output, standard error."""
    try:
        code = command.main(words)
    except SystemExit as stopped:
        code = stopped.code
    return code, *capsys.readouterr()


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Write a module and return its name."""

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return write


WRONG = """
import npcnn
from npcnn import functional

def conv_forward(A_prev, W, b, hparameters):
    Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
    return -Z, cache
"""


def test_all_match(capsys):
    """Exit code 0, the report on standard output, nothing on standard error."""
    code, out, err = run(capsys, "--level", "1", "--only", "zero_pad", "conv_single_step")
    assert (code, err) == (0, "")
    assert out.startswith("npcnn   npcnn contract   oracle torch 2.")
    assert "  zero_pad    " in out
    assert "2 functions, and all match." in out


def test_something_differs(capsys, stranger):
    """Exit code 1; and the command that the report prints shows the same again."""
    code, out, _ = run(capsys, stranger("negated", WRONG), "-k", "one-cell")
    assert code == 1
    assert "1 of 7 functions differs.   3 not attempted." in out
    (again,) = (line for line in out.splitlines() if line.startswith("      again"))
    words = again.split("python -m verification ")[1].split()
    code, out, _ = run(capsys, *words)
    assert code == 1
    assert "y is wrong at 1 of 1 places" in out
    assert "1 of 1 function differs.   1 question, 1 check" in out


def test_a_row_can_be_asked(capsys, stranger):
    """Of all functions that take it; a report of it repeats it as a row."""
    code, out, _ = run(capsys, "--case", ONE)
    assert code == 0
    assert "4 functions, and all match.   1 question, 4 checks" in out
    code, out, _ = run(capsys, stranger("negated2", WRONG), "--case", ONE)
    assert code == 1
    assert f"negated2 --case '{ONE}' --only conv_forward" in out


@pytest.mark.parametrize("name", ["stride-2", "conv_backward/stride-2", "stride-2.integers"])
def test_a_case_can_be_asked_by_its_id(capsys, name):
    """With its function or without, with its fill or without."""
    code, out, _ = run(capsys, "--case", name, "--only", "conv_backward")
    assert code == 0
    asked = "1 question, 1 check" if "." in name else "2 questions, 2 checks"
    assert asked in out


def test_only_takes_names_with_or_without_their_room(capsys):
    """conv2d is functional.conv2d."""
    for name in ("conv2d", "functional.conv2d"):
        _, out, _ = run(capsys, "--only", name, "--list", "-k", "pad-0")
        assert [line.split("/")[0] for line in out.splitlines()] == ["functional.conv2d"] * 2


def test_levels_and_texts_select(capsys):
    """Up to a level; ids that contain the text."""
    counts = [len(run(capsys, "--list", "--level", level)[1].splitlines()) for level in "1234"]
    assert counts == sorted(set(counts))
    _, out, _ = run(capsys, "--list", "-k", "ceil-drop")
    assert out
    assert all("ceil-drop" in line.split()[0] for line in out.splitlines())


def test_list_judges_nothing(capsys, monkeypatch):
    """The oracle is not even made ready."""
    monkeypatch.setattr(oracle, "prepare", pytest.fail)
    code, out, _ = run(capsys, "--list", "-k", "conv_backward/stride-2.integers")
    assert code == 0
    assert out == (
        "conv_backward/stride-2.integers   conv x=[1,4,4,1] w=[2,2,1,1] stride=2 fill=integers\n"
    )


def test_json_alone_on_standard_output(capsys):
    """And in a file beside the text."""
    code, out, _ = run(capsys, "--json", "-", "--only", "conv_single_step", "--dtype", "float32")
    document = json.loads(out)
    assert (code, document["verdict"], document["dtype"]) == (0, "match", "float32")
    assert document["checks"] == len(document["cases"]) > 10


def test_json_in_a_file(capsys, tmp_path):
    """Two runs differ in `seconds` alone."""
    paths = [tmp_path / name for name in ("one.json", "two.json")]
    for path in paths:
        code, out, _ = run(capsys, "--json", str(path), "--only", "distribute_value", "--seed", "7")
        assert (code, "1 function, and all match." in out) == (0, True)
    first, second = (without_seconds(json.loads(path.read_text())) for path in paths)
    assert first == second
    assert first["seed"] == 7


def without_seconds(document):
    document.pop("seconds")
    for case in document["cases"]:
        case.pop("seconds")
    return document


def test_the_first_failure_stops_with_x(capsys, stranger):
    """One outcome more would be too many."""
    code, out, _ = run(capsys, "-x", stranger("negated3", WRONG), "--only", "conv_forward")
    assert code == 1
    assert "    1 WRONG\n" in out


def test_what_cannot_be_loaded(capsys, stranger):
    """Exit code 2, the reason on standard error."""
    code, out, err = run(capsys, "nosuchmodule")
    assert (code, out) == (2, "")
    assert "nosuchmodule cannot be loaded: ModuleNotFoundError" in err
    assert run(capsys, stranger("broken", "def f(:"))[0] == 2


def test_an_interrupt(capsys, monkeypatch):
    """Exit code 2."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(judge, "run", interrupted)
    assert run(capsys, "-k", "one-cell") == (2, "", "interrupted\n")


def test_a_fault_of_the_harness_is_called_so(capsys, monkeypatch):
    """Exit code 3; the candidate is not blamed."""
    honest = oracle.answers
    monkeypatch.setattr(
        oracle, "answers", lambda *given: {k: a + 1 for k, a in honest(*given).items()}
    )
    code, out, err = run(capsys, "-k", "conv_forward/one-cell")
    assert (code, out) == (3, "")
    assert "fault of the harness: OracleFaultError: torch and the definition disagree on y" in err


def test_a_bad_case_file_is_a_fault_of_the_harness(capsys, monkeypatch, tmp_path):
    """Named with its line."""
    (tmp_path / "conv.toml").write_text('conv = [\n{id="a", x=[1,1], w=[1,1]}]')
    monkeypatch.setattr(questions.read_all, "__defaults__", (tmp_path,))
    code, _, err = run(capsys, "--list")
    assert code == 3
    assert "conv.toml:2: a: " in err


@pytest.mark.parametrize(
    "words",
    [
        ["--level", "5"],
        ["--nonsense"],
        ["--dtype", "float16"],
        ["--case", "conv x=[1] stride=a b"],
        ["--only", "conv_forward", "my_cnn"],
        ["--json", "no/such/folder/report.json"],
        ["--dtype", "float32", "--only", "pool_forward", "--case", INEXACT],
    ],
)
def test_bad_usage(capsys, words):
    """Exit code 4, usage on standard error."""
    code, out, err = run(capsys, *words)
    assert (code, out) == (4, "")
    assert err.startswith("usage: python -m verification")


def test_nothing_to_judge(capsys, stranger):
    """Exit code 5: no case, or no function."""
    assert run(capsys, "-k", "no such case") == (5, "", "no case fits these options\n")
    assert run(capsys, "--list", "-k", "no such case")[0] == 5
    code, out, _ = run(capsys, stranger("empty", "x = 1"), "-k", "one-cell")
    assert code == 5
    assert out.rstrip().endswith("Nothing was attempted.")


@pytest.mark.parametrize(
    ("wish", "environment", "terminal", "coloured"),
    [
        ("auto", {}, False, False),
        ("auto", {}, True, True),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_follows_wish_environment_and_terminal(
    capsys, monkeypatch, wish, environment, terminal, coloured
):
    """In this order."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    _, out, _ = run(capsys, "--color", wish, "-k", "conv_forward/one-cell")
    assert ("\033[32m" in out) == coloured


def test_progress_on_a_terminal_alone(capsys, monkeypatch):
    """One line on standard error, wiped at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = run(capsys, "-k", "conv_forward/one-cell")
    assert err.startswith("\r1 of 2 checks")
    assert err.endswith("\r\033[K")
    assert "checks\033" not in out


def test_the_module_runs(tmp_path):
    """As a process, from another folder; a closed pipe is no traceback."""
    words = [sys.executable, "-m", "verification", "-k", "one-cell"]
    ran = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "and all match." in ran.stdout
    piped = " ".join([*words[:3], "--list", "| head -1"])
    ran = subprocess.run(piped, shell=True, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (len(ran.stdout.splitlines()), ran.stderr) == (1, "")


def test_a_candidates_settings_of_numpy_are_no_affair_of_the_harness(capsys, stranger):
    """np.seterr at import, as some do."""
    source = "import numpy\nnumpy.seterr(all='raise')\nfrom npcnn import distribute_value\n"
    kept = np.geterr()
    try:
        code, out, _ = run(capsys, stranger("strict", source), "--only", "distribute_value")
    finally:
        np.seterr(**kept)
    assert (code, "1 function, and all match." in out) == (0, True)


def test_a_terminal_that_knows_ascii_alone(tmp_path):
    """Gets escapes, not a fault."""
    (tmp_path / "umlaut.py").write_text("def zero_pad(X, pad):\n    raise ValueError('\u00f6')\n")
    words = [sys.executable, "-m", "verification", "umlaut", "-k", "no-pad"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        words, capture_output=True, text=True, cwd=tmp_path, check=False, env=environment
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert r"ValueError: \xf6" in ran.stdout
