"""The command line: what it selects, prints and returns."""

import builtins
import io
import json
import re
import shlex
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import parametrize_from_file
import pytest

from verification import __main__ as command
from verification import mistakes
from verification.judging import Session, Settings, judge_in_turn
from verification.truth import oracle

CANDIDATES = Path(__file__).parent / "candidates"
SMALL = tomllib.loads((CANDIDATES / "small.toml").read_text(encoding="utf-8"))


@pytest.fixture
def run(capsys, tmp_path):
    """Exit code, standard output, standard error of a command line."""
    paths = {name: tmp_path / f"{name}.py" for name in SMALL}

    def run(words):
        for name, path in paths.items():
            path.write_text(SMALL[name], encoding="utf-8")
        places = {"candidates": CANDIDATES, "here": tmp_path, "name": "{}", **paths}
        filled = [word.format_map(places) for word in shlex.split(words)]
        filled += [] if {"--draw", "--seed"} & set(filled) else ["--draw", "2"]  # 20 take longer
        try:
            code = command.main(filled)
        except SystemExit as stopped:
            code = stopped.code
        return code, *capsys.readouterr()

    return run


@parametrize_from_file(schema=parametrize_from_file.defaults(out=(), absent=(), err=""))
def test_a_command(run, words, code, out, absent, err):
    """Its exit code, the report on standard output, and nothing but faults on standard error."""
    ended, told, faults = run(words)
    assert (ended, faults) == (code, err)
    assert [pattern for pattern in out if not re.search(pattern, told)] == []
    assert [pattern for pattern in absent if re.search(pattern, told.partition("\n")[2])] == []


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ("{candidates}/right/loops.py --case conv_backward/stride-2.integers", 19),
        ("{one_axis} --case zero_pad/assignment-1.integers", 24),
    ],
)
def test_one_question_is_a_short_journey(run, words, most):
    """From the command to the report it enters so many rooms; a right answer needs fewer."""
    house, rooms = str(Path(command.__file__).parent), set()

    def note(frame, event, argument):
        if frame.f_code.co_filename.startswith(house) and frame.f_code.co_name != "<module>":
            rooms.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        code, out, _ = run(words)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert (code, "1 question, 1 check" in out) == (int(most == 24), True)
    assert len(rooms) <= most, sorted(rooms)


@parametrize_from_file
def test_cases_that_may_fail(run, tmp_path, words, known, code, says):
    """Fail nothing; one that does not fail is an error, and so is one that nothing has."""
    (tmp_path / "known.txt").write_text("# for now\n" + "\n".join(known), encoding="utf-8")
    ended, told, _ = run(f"{words} --known {{here}}/known.txt")
    assert ended == code
    assert says in " ".join(told.split())


def test_several_candidates(run, tmp_path):
    """A line each, with points; an endless one costs its own time; a document for each, or one."""
    for folder in ("class/ann", "class/.hidden", "class/empty"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "class/ann/pads.py").write_text(SMALL["pads"], encoding="utf-8")
    (tmp_path / "class/.hidden/pads.py").write_text(SMALL["pads"], encoding="utf-8")
    words = "{here}/class {wrong_syntax} {slow_pads} {one_axis} --timeout 0.2 --jobs 2 --level 1"
    reports = "--report gradescope={here}/{name}.json --json {here}/all.json --points zero_pad=4"
    code, told, _ = run(f"{words} {reports} --only zero_pad --draw 0")
    lines = told.splitlines()
    verdicts = [line.split()[1] for line in lines[:4]]
    assert (code, verdicts) == (1, ["match", "unloadable", "differs", "differs"])
    assert lines[0].split()[2:] == ["4", "of", "4", "points"]
    assert re.fullmatch(
        r"4 candidates: 1 match, 1 unloadable, 2 differs\.   \d+\.\d s of judging", lines[5]
    )
    documents = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [document["verdict"] for document in documents] == verdicts
    assert [document["drawn"] for document in documents] == [None] * 4
    graded = [json.loads(path.read_text("utf-8")) for path in tmp_path.glob("*ann-pads.py.json")]
    assert [one["score"] for one in graded] == [4]
    assert len([*tmp_path.glob("*.py.json")]) == 4


def test_who_waits_no_longer_leaves_nobody_at_work(tmp_path):
    """Several at a time end with the one who asked for them, however long they would take."""
    (tmp_path / "slow.py").write_text("import time\ndef zero_pad(X, pad): time.sleep(60)\n")
    every = [Settings(candidate=str(tmp_path / name), timeout=90) for name in ("no.py", "slow.py")]
    runs = judge_in_turn(every, 2)
    assert next(runs).fault == "unloadable"
    start = time.monotonic()
    runs.close()
    assert time.monotonic() - start < 20


def test_parts_put_together(run, tmp_path):
    """Of several candidates, too: the exit code, the lines and the documents of the whole."""
    words = "{one_axis} {pads} --level 1"
    code, whole, _ = run(f"{words} --json {{here}}/whole.json")
    for part in (1, 2):
        run(f"{words} --shard {part}/2 --json {{here}}/{part}.json")
    again, told, _ = run("--merge {here}/2.json {here}/1.json --json {here}/merged.json")
    assert (code, told.splitlines()[:2]) == (again, whole.splitlines()[:2])
    texts = [(tmp_path / name).read_text("utf-8") for name in ("whole.json", "merged.json")]
    cut = [re.sub(r'"(seconds|case)": .*', "", text) for text in texts]
    assert cut[0] == cut[1]


@parametrize_from_file
def test_bad_usage(run, words, says):
    """Exit code 4, two lines on standard error, nothing judged."""
    code, out, err = run(words)
    assert (code, out) == (4, "")
    usage, message = err.splitlines()
    assert usage == "usage: python -m verification [CANDIDATE ...] [options]"
    assert message.startswith("python -m verification: ")
    assert says in message


@parametrize_from_file
def test_an_exam(run, tmp_path, words, known):
    """On every rung: nothing but questions, statuses, and the candidate's own answers and words."""
    path = tmp_path / "report.json"
    honest = " ".join(run(words)[1].split())
    told = " ".join(run(f"{words} --exam --json {path}")[1].split())
    document = path.read_text(encoding="utf-8")
    texts = {text for m in mistakes.read() for text in (m.id, m.title, m.does, m.hint, m.change)}
    assert [text for text in (*texts, *known) if text in told or text in document] == []
    assert [text for text in known if text not in honest] == []
    outputs = [one for case in json.loads(document)["cases"] for one in case["outputs"]]
    assert {key for one in outputs for key in one} <= {"name", "status"}


@parametrize_from_file
def test_what_is_told_by_degrees(run, tmp_path, words, told, hidden):
    """Right numbers and the names of mistakes are told, or hidden, wherever there is a report."""
    path = tmp_path / "report.json"
    _, out, _ = run(f"{words} --json {path}")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [pattern for pattern in told if not re.search(pattern, out)] == []
    assert [text for text in hidden if text in out or text in repr(document)] == []


@parametrize_from_file
def test_json_alone_on_standard_output(run, words, code, verdict, error):
    """A document whatever happens, with who was judged as far as that is known."""
    ended, out, _ = run(f"{words} --json -")
    document = json.loads(out)
    assert (ended, document["verdict"]) == (code, verdict)
    assert error in document["error"]
    assert bool(error) == bool(document["error"])
    assert bool(document["candidate"]["sha256"]) == (verdict != "unloadable")


def test_json_in_a_file(run, tmp_path):
    """Beside the text; two runs differ in `seconds` alone."""
    documents = []
    for name in ("one.json", "two.json"):
        code, out, _ = run(f"--json {tmp_path / name} --only zero_pad --seed 7 --draw 2")
        assert (code, "1 function, and all match." in out) == (0, True)
        text = (tmp_path / name).read_text(encoding="utf-8")
        documents.append(re.sub(r'"seconds": [\d.e-]+', "", text))
    assert documents[0] == documents[1]
    assert '"seed": 7' in documents[0]


def test_the_command_that_is_printed_shows_the_same_again(run):
    """Whether the case is of the files or was made smaller."""
    _, out, _ = run("{one_axis} -k assignment-1")
    (again,) = re.findall(r"again\s+python -m verification (.*)", out)
    code, out, _ = run(again)
    assert code == 1
    assert "1 of 1 function differs.   1 question, 1 check" in out


@parametrize_from_file
def test_what_ends_a_run(run, monkeypatch, tmp_path, error, code, verdict, says, last):
    """Nobody is blamed, and what had been found until then is told, and is in the document."""
    find = Session._find

    def find_one(session, watch):
        yield next(find(session, watch))
        raise getattr(builtins, error)("\x1b7")

    monkeypatch.setattr(Session, "_find", find_one)
    path = tmp_path / "report.json"
    ended, out, err = run(f"--only conv_single_step zero_pad -k integers --json {path}")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (ended, err, document["verdict"]) == (code, says, verdict)
    assert (document["candidate"]["contract"], len(document["functions"])) == ("npcnn", 1)
    assert re.fullmatch(last, out.splitlines()[-1])


def test_a_fault_of_the_oracle_is_none_of_the_candidates(run, monkeypatch):
    """Exit code 3, and no verdict."""
    honest = oracle.answers
    monkeypatch.setattr(oracle, "answers", lambda *a: {k: v + 1 for k, v in honest(*a).items()})
    code, out, err = run("-k conv_forward/one-cell --seed 4711")
    assert (code, "conv_forward" in out) == (3, False)
    assert "OracleFaultError: torch and the textbook disagree on y" in err


def test_a_terminal_that_knows_ascii_alone(run, monkeypatch):
    """Gets escapes, not a fault."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert run("{umlaut} -k zero_pad/assignment-1.integers")[0] == 1
    assert rb"ValueError: \xf6" in stream.buffer.getvalue()


@parametrize_from_file
def test_colour(run, monkeypatch, wish, environment, terminal, coloured):
    """Only on a terminal, unless somebody wishes otherwise."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert ("\033[32m" in run(f"--color {wish} -k conv_forward/one-cell")[1]) == coloured


@pytest.mark.parametrize("json", ["", "--json -"])
def test_progress_on_a_terminal_alone(run, monkeypatch, json):
    """One line on standard error, wiped before what is found and at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, out, err = run(f"-k conv_forward/one-cell {json}")
    assert err.startswith("\r1 of 2 checks")
    assert err.endswith("\r\033[K")
    assert "checks\033" not in out


@parametrize_from_file
def test_in_a_shell(tmp_path, command, out, err):
    """What one process alone can show; a package is judged without running it in the judge's."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("print('noise')", encoding="utf-8")
    (tmp_path / "package" / "pads.py").write_text(SMALL["pads"], encoding="utf-8")
    words = ["bash", "-c", command.replace("PYTHON", sys.executable)]
    ran = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert re.search(out, ran.stdout)
    assert re.search(err, ran.stderr)
