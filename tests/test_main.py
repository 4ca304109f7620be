"""The command line: what it selects, prints and returns."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import verification
from verification import __main__ as command
from verification import features, oracle, questions, row, trial

ROOT = Path(command.__file__).parent.parent
CANDIDATES = Path(__file__).parent / "candidates"
INEXACT = "avg_pool x=[1,26,26,1] kernel=13 stride=1 pad=6 count_include_pad=false fill=integers"
ONE = "conv x=[1,4,5,1] w=[2,3,1,2] fill=integers"
SQUARE = "conv x=[1,4,5,1] w=[2,2,1,2] fill=integers"


def run(capsys, *words):
    """Exit code, standard output, standard error."""
    try:
        code = command.main(words)
    except SystemExit as stopped:
        code = stopped.code
    return code, *capsys.readouterr()


@pytest.fixture
def stranger(tmp_path):
    """Write a file and return its path."""

    def write(source, name="stranger.py"):
        (tmp_path / name).write_text(source)
        return str(tmp_path / name)

    return write


NEGATED = """
import npcnn
from npcnn import *

def conv_forward(A_prev, W, b, hparameters):
    Z, cache = npcnn.conv_forward(A_prev, W, b, hparameters)
    return -Z, cache
"""
ONE_AXIS = """
import numpy as np

def zero_pad(X, pad):
    return np.pad(X, ((0, 0), (pad, pad), (0, 0), (0, 0)))
"""
PADS = """
import numpy as np

def {name}(X, pad):
    {first}
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
"""
TIES = """
import numpy as np

def create_mask_from_window(x):
    return x == np.max(x)
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
    code, out, _ = run(capsys, stranger(NEGATED), "-k", "one-cell")
    assert code == 1
    assert "1 of 4 functions differs." in out
    (again,) = re.findall(r"^ +again +(.*)$", out, re.MULTILINE)
    python, dash, module, *words = shlex.split(again)
    assert (python, dash, module) == ("python", "-m", "verification")
    code, out, _ = run(capsys, *words)
    assert code == 1
    assert "Z is wrong at 1 of 1 places" in out
    assert "1 of 1 function differs.   1 question, 1 check" in out


def test_a_file_is_judged_by_its_path(capsys):
    """Under the contract that its names are of."""
    loops = str(CANDIDATES / "right" / "loops.py")
    code, out, err = run(capsys, loops, "--level", "1", "--only", "zero_pad", "pool_forward")
    assert (code, err) == (0, "")
    assert out.startswith(f"{loops}   assignment contract   ")
    assert "2 functions, and all match." in out


def test_a_notebook_is_judged_by_its_path(capsys):
    """What it imports besides NumPy is passed over, with a note."""
    notebook = str(CANDIDATES / "session.ipynb")
    code, out, err = run(capsys, notebook, "--level", "1", "--only", "zero_pad", "conv_backward")
    assert (code, err) == (0, "")
    assert "matplotlib" in out.split("\n\n")[0]
    assert "2 functions, and all match." in out


def test_a_module_is_judged_by_its_dotted_name(capsys, stranger, monkeypatch, tmp_path):
    """As Python finds it."""
    stranger(PADS.format(name="zero_pad", first="pass"))
    monkeypatch.syspath_prepend(tmp_path)
    code, out, _ = run(capsys, "stranger", "--only", "zero_pad", "--level", "1")
    assert (code, "1 function, and all match." in out) == (0, True)


def test_a_row_can_be_asked(capsys, stranger):
    """Of all functions that take it; a report of it repeats it as a row."""
    code, out, _ = run(capsys, "--case", ONE)
    assert code == 0
    assert "4 functions, and all match.   1 question, 4 checks" in out
    path = stranger(NEGATED)
    code, out, _ = run(capsys, path, "--case", SQUARE, "--only", "conv_forward")
    assert code == 1
    assert f"{path} --case '{SQUARE}' --only conv_forward" in out


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


def test_what_lies_outside_is_told_of_a_whole_run_alone(capsys, stranger):
    """A part of one leaves out more than the contract does."""
    path = stranger(TIES)
    _, whole, _ = run(capsys, path)
    assert re.search(r"create_mask_from_window .* \d+ outside\n", whole)
    _, part, _ = run(capsys, path, "--only", "create_mask_from_window")
    assert re.search(r"create_mask_from_window .* DEVIATES\n", part)


def test_a_contract_can_be_chosen(capsys, stranger):
    """Instead of the one that is recognised; and is repeated."""
    path = stranger(PADS.format(name="zero_pad", first="pass"))
    for words, contract in (([], "assignment"), (["--contract", "holberton"], "holberton")):
        _, out, _ = run(capsys, path, *words, "--level", "1")
        assert f"   {contract} contract   " in out
    code, out, _ = run(capsys, path, "--contract", "npcnn", "-k", "zero_pad/pad-2-axes")
    assert code == 1
    assert "should be refused" in out
    assert re.search(r"again .* --contract npcnn$", out, re.MULTILINE)


def test_the_layout_of_the_functional_contract(capsys):
    """Channels last, where that is said; and it is repeated."""
    path = str(CANDIDATES / "right" / "functional_nhwc.py")
    words = [path, "--level", "1", "--only", "conv2d"]
    code, out, _ = run(capsys, *words, "--layout", "nhwc")
    assert (code, "   functional-nhwc contract   " in out) == (0, True)
    assert "1 function, and all match." in out
    code, out, _ = run(capsys, *words)
    assert (code, "   functional contract   " in out) == (1, True)
    other = str(CANDIDATES / "right" / "functional_nchw.py")
    _, out, _ = run(capsys, other, "--layout", "nhwc", *words[1:])
    assert re.search(r"again .* --layout nhwc$", out, re.MULTILINE)


def test_a_function_of_another_name(capsys, stranger):
    """Is found by --name, told by its own, and repeated."""
    path = stranger(PADS.format(name="my_pad", first="X = X + 0 * pad"))
    assert run(capsys, path, "--level", "1")[0] == 5
    code, out, _ = run(capsys, path, "--level", "1", "--name", "zero_pad=my_pad")
    assert (code, "  my_pad    " in out) == (0, True)
    wrong = stranger(ONE_AXIS.replace("zero_pad", "my_pad"), "wrong.py")
    words = ["--contract", "assignment", "--name", "zero_pad=my_pad"]
    code, out, _ = run(capsys, wrong, "--level", "1", *words)
    assert code == 1
    assert re.search(rf"again .* --only my_pad {' '.join(words)}$", out, re.MULTILINE)


def test_a_call_has_so_many_seconds(capsys, stranger):
    """Then it is a TIMEOUT, and the other cases go on."""
    path = stranger(PADS.format(name="zero_pad", first="while pad == 2: pass"))
    code, out, _ = run(capsys, path, "--timeout", "0.2", "-k", "assignment")
    assert code == 1
    assert "0.2 s\n" in out
    (answered, lost) = re.search(r"zero_pad +(\d+) ok +(\d+) TIMEOUT", out).groups()
    assert int(answered) > 0
    assert int(lost) > 0


def test_a_candidate_has_so_many_mebibytes(capsys, stranger):
    """What asks for more is MEMORY; what is right with more is ok."""
    path = stranger(PADS.format(name="zero_pad", first="np.ones(1 << 26)"))
    words = [path, "-k", "no-pad"]
    code, out, _ = run(capsys, *words, "--memory", "300")
    assert (code, bool(re.search(r"zero_pad +\d+ MEMORY\n", out))) == (1, True)
    assert run(capsys, *words, "--memory", "1500")[0] == 0


def test_a_convention_fails_strictly(capsys, stranger):
    """Named in either case."""
    path = stranger(TIES)
    code, out, _ = run(capsys, path)
    assert (code, " DEVIATES" in out, "1 function, and all match." in out) == (0, True, True)
    assert "convention              every tied maximum gets the whole gradient" in out
    code, out, _ = run(capsys, path, "--strict")
    assert (code, " DEVIATES" in out, "1 of 1 function differs." in out) == (1, False, True)
    assert "every tied maximum gets the whole gradient" in out


def test_an_exam_gives_a_hint_and_no_answer(capsys, stranger):
    """No plane of expected numbers, no mistake by name, no right line; in one case neither."""
    path = stranger(ONE_AXIS)
    code, telling, _ = run(capsys, path)
    assert code == 1
    mistake, instead = (
        re.search(rf"^ +{label} +(.*)$", telling, re.MULTILINE)[1]
        for label in ("mistake", "instead")
    )
    code, out, _ = run(capsys, path, "--exam")
    assert code == 1
    assert re.search(r"^ +hint +\S", out, re.MULTILINE)
    assert mistake not in out
    assert instead not in out
    path = stranger(NEGATED, "negated.py")
    words = [path, "--only", "conv_forward", "--case", SQUARE]
    assert re.search(r"yours .* oracle ", run(capsys, *words)[1])
    assert not re.search(r"yours .* oracle ", run(capsys, *words, "--exam")[1])


def test_json_alone_on_standard_output(capsys):
    """Nothing before it, nothing after it."""
    code, out, _ = run(capsys, "--json", "-", "--only", "conv_single_step", "--dtype", "float32")
    document = json.loads(out)
    assert (code, document["verdict"], document["dtype"]) == (0, "match", "float32")
    assert document["checks"] == len(document["cases"]) > 10


def test_json_in_a_file(capsys, tmp_path):
    """Beside the text; two runs differ in `seconds` alone."""
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
    code, out, _ = run(capsys, "-x", stranger(NEGATED), "--only", "conv_forward", "pool_forward")
    assert code == 1
    assert re.search(r"conv_forward +1 WRONG\n", out)
    assert "pool_forward" not in out


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "nosuchmodule",
            "nosuchmodule cannot be loaded: ModuleNotFoundError: No module named 'nosuchmodule'",
        ),
        ("nosuchfile.py", "no file nosuchfile.py"),
        ("nosuchbook.ipynb", "no file nosuchbook.ipynb"),
        (str(CANDIDATES / "hostile" / "syntax_error.py"), "SyntaxError: "),
    ],
    ids=["module", "file", "notebook", "syntax"],
)
def test_what_cannot_be_loaded(capsys, name, reason):
    """Exit code 2, the reason on standard error."""
    code, out, err = run(capsys, name)
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_an_interrupt(capsys, monkeypatch):
    """Exit code 2."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "run", interrupted)
    code, _, err = run(capsys, "-k", "one-cell")
    assert (code, err) == (2, "interrupted\n")


def test_a_fault_of_the_harness_is_called_so(capsys, monkeypatch):
    """Exit code 3; the candidate is not blamed."""
    honest = oracle.answers
    monkeypatch.setattr(
        oracle, "answers", lambda *given: {k: a + 1 for k, a in honest(*given).items()}
    )
    code, out, err = run(capsys, "-k", "conv_forward/one-cell", "--seed", "4711")
    assert (code, "conv_forward" in out) == (3, False)
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
        ["--contract", "none"],
        ["--layout", "nwhc"],
        ["--name", "zero_pad"],
        ["--name", "=my_pad"],
        ["--name", "zero_pad="],
        ["--timeout", "0"],
        ["--timeout", "nan"],
        ["--memory", "0"],
        ["--memory", "1.5"],
    ],
    ids=" ".join,
)
def test_bad_usage(capsys, words):
    """Exit code 4, usage on standard error."""
    code, out, err = run(capsys, *words)
    assert code == 4
    assert "differ" not in out
    assert "match" not in out
    assert err.startswith("usage: python -m verification")


def test_nothing_to_judge(capsys):
    """Exit code 5: no case, or no function."""
    assert run(capsys, "-k", "no such case") == (5, "", "no case fits these options\n")
    assert run(capsys, "--list", "-k", "no such case")[0] == 5
    for name in ("hostile/no_functions.py", "template_unfilled.py"):
        code, out, _ = run(capsys, str(CANDIDATES / name), "-k", "one-cell")
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
    """One line on standard error, wiped before what is found and at the end."""
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


def test_without_torch():
    """Nobody is judged, and nothing is said of anybody."""
    script = "import runpy, sys; sys.modules['torch'] = None; runpy.run_module('verification')"
    words = [sys.executable, "-c", script]
    ran = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "the judge needs torch, which is not installed\n"


def test_a_candidates_settings_of_numpy_are_no_affair_of_the_harness(capsys, stranger):
    """np.seterr at import, as some do."""
    source = "import numpy\nnumpy.seterr(all='raise')\nfrom npcnn import distribute_value\n"
    kept = np.geterr()
    code, out, _ = run(capsys, stranger(source), "--only", "distribute_value")
    assert (code, "1 function, and all match." in out) == (0, True)
    assert np.geterr() == kept


def test_a_terminal_that_knows_ascii_alone(tmp_path):
    """Gets escapes, not a fault."""
    source = "def zero_pad(X, pad):\n    raise ValueError('\u00f6')\n"
    (tmp_path / "umlaut.py").write_text(source, encoding="utf-8")
    words = [sys.executable, "-m", "verification", "umlaut.py", "-k", "no-pad"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(
        words, capture_output=True, text=True, cwd=tmp_path, check=False, env=environment
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert r"ValueError: \xf6" in ran.stdout


UNREAD = "conv x=[1,99,2,1] w=[1,2,1,3] stride=[98,1] fill=integers"
"""Of its 99 rows two are read."""


def test_a_vacuous_check_fails_the_run(capsys):
    """Exit code 3, with the reason; as a document too."""
    words = ["--case", UNREAD, "--only", "conv_forward", "conv_backward"]
    code, out, _ = run(capsys, *words)
    assert code == 3
    assert "only 2% of x matters, 5% must" in out
    assert "2 functions, and none differs.   1 question, 2 checks: 2 exact; 2 vacuous." in out
    code, out, _ = run(capsys, *words, "--json", "-")
    told = json.loads(out)
    assert (code, told["verdict"]) == (3, "vacuous")
    assert [(f["status"], f["vacuous"], f["ok"]) for f in told["functions"]] == [
        ("vacuous", 1, 0)
    ] * 2
    assert [case["status"] for case in told["cases"]] == ["VACUOUS"] * 2
    assert {case["rung"] for case in told["cases"]} == {"exact"}


def test_what_differs_comes_before_what_is_vacuous(capsys, stranger):
    """Exit code 1."""
    line = "conv x=[1,99,50,1] w=[1,1,1,3] stride=49 fill=integers"
    source = NEGATED + "from npcnn import functional\n"
    code, out, _ = run(capsys, stranger(source), "--case", line)
    assert code == 1
    assert re.search(r"conv_forward +1 WRONG", out)
    assert re.search(r"conv_backward +1 VACUOUS", out)


def test_a_rung_is_chosen_by_its_name(capsys):
    """And none of another."""
    told = {name: run(capsys, "--list", "--rung", name)[1] for name in ("adjoint", "rounding")}
    for name, lines in told.items():
        asked = [row.parse(line.split("   ")[1])[0] for line in lines.splitlines()]
        assert {features.rung(question) for question in asked} == {name}
    code, out, err = run(capsys, "--list", "--rung", "strong")
    assert (code, out) == (4, "")
    assert "invalid choice: 'strong'" in err


def test_a_rung_is_judged_and_what_lies_outside_is_not_told(capsys, stranger):
    """Only part of the questions were asked."""
    path = stranger(NEGATED)
    code, out, _ = run(capsys, path, "--rung", "adjoint", "--only", "conv_backward")
    assert code == 1
    assert re.search(r"conv_backward +\d+ WRONG\n", out)
    assert "is not the adjoint of y" in out
    assert "outside" not in out


def test_a_check_is_asked_by_its_row(capsys):
    """With its usual fill; one that says nothing of the question is bad usage."""
    line = "conv x=[2,5,6,2] w=[2,3,2,3] check={}"
    code, out, _ = run(capsys, "--case", line.format("linear"), "--only", "conv_forward")
    assert (code, "1 function, and all match." in out) == (0, True)
    for check, said in (("groups", "says nothing of"), ("proof", "has no check 'proof'")):
        code, _, err = run(capsys, "--case", line.format(check), "--only", "conv_forward")
        assert (code, said in err) == (4, True)


def test_a_session_chooses_a_rung_too():
    """As the command line does."""
    judged = verification.judge("npcnn", rung="edge", only=["create_mask_from_window"])
    assert judged.verdict == "match"
    asked = json.loads(judged.json)["cases"]
    assert {case["rung"] for case in asked} == {"edge"}
    assert {case["function"] for case in asked} == {"create_mask_from_window"}
    vacuous = verification.judge("npcnn", case=UNREAD, only=["conv_forward"])
    assert vacuous.verdict == "vacuous"
    assert "#9a6700" in vacuous._repr_html_()
