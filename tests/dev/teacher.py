"""What a teacher does in an empty folder: thirty files and two notebooks, graded in one call.

    python tests/dev/teacher.py [LEVEL [EACH]]

Of right files, wrong ones, and others there are at most EACH.
"""

import json
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from verification import __main__ as command
from verification.measures import strength
from verification.mistakes import read

RIGHT = ("loops", "im2col", "strided", "taps", "windows")
WRONG, TIMEOUT = 22, 1
LINE = re.compile(r"(\S+) +(\w+) +([\d.]+) of (\d+) points *(.*)")
TITLES = {mistake.id: mistake.title for mistake in read() if mistake.kind == "mistake"}


def run(*words: str) -> tuple[int, str]:
    """The exit code of a command, and what it tells."""
    with redirect_stdout(StringIO()) as told:
        return command.main([*words]), told.getvalue()


def load(file: str) -> dict:
    """A document."""
    return json.loads(Path(file).read_text("utf-8"))


def write_notebook(text: str) -> str:
    """A cell a function, between a cell of magics and one that trains."""
    about = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    texts = ["%matplotlib inline\nimport public_tests", *re.split(r"\n(?=def )", text)]
    cells = [{**about, "source": one} for one in [*texts, "plt.plot(conv_forward(train_X, W, b))"]]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def write_submissions(each: int) -> Iterator[tuple[str, str, str, str, str]]:
    """A name, a text, a verdict, what the line says, and a mistake's title."""
    texts = {n: (strength.FOLDER / "right" / f"{n}.py").read_text("utf-8") for n in RIGHT}
    rows = {row.get("mistake"): row for row in strength.read_wrong(strength.FOLDER / "wrong.toml")}
    rows = [r for n, r in rows.items() if n in TITLES and Path(r["base"]).stem in RIGHT]
    wrong = [(row["text"], row["function"], TITLES[row["mistake"]]) for row in rows]
    loop = re.sub(r"(def pool_forward.*\n)", r"\1    while True:\n        pass\n", texts["loops"])
    yield from [(f"{n}.py", text, "match", "", "") for n, text in texts.items()][:each]
    for number, (text, *about) in enumerate(wrong[: min(each, WRONG)]):
        yield f"wrong_{number}.py", text, "differs", *about
    yield from [
        ("typo.py", texts["taps"].replace("return", "retrun"), "unloadable", "SyntaxError", ""),
        ("template.py", run("--template")[1], "nothing", "nothing was attempted", ""),
        ("loop.py", loop, "differs", "pool_forward", ""),
        ("right.ipynb", write_notebook(texts["windows"]), "match", "", ""),
        ("wrong.ipynb", write_notebook(wrong[0][0]), "differs", *wrong[0][1:]),
    ][:each]


def check(line: str, verdict: str, says: str, title: str) -> bool:
    """A line beside its Gradescope document and JUnit's suites; is the mistake named?"""
    name, found, points, worth, rest = LINE.fullmatch(line).groups()
    graded = load(f"results/{name}.json")
    assert (found, says in rest, bool(says)) == (verdict, True, bool(rest)), line
    assert float(points) == float(f"{graded['score']:.4g}"), line
    assert worth == ("1" if verdict == "unloadable" else "8"), line
    assert (points == worth) == (verdict == "match"), line
    told = {test["name"]: test for test in graded["tests"]}
    every = ElementTree.parse("all.xml").iter("testsuite")
    suites = [suite for suite in every if suite.get("name").split()[0] == name]
    assert ({suite.get("failures") for suite in suites} > {"0"}) == (verdict == "differs"), line
    assert name != "loop.py" or (points == "7" and graded["execution_time"] < 20 * TIMEOUT), graded
    for suite in suites:
        cases = [case for case in suite if not case.get("name").startswith("drawn")]
        right = [c for c in cases if c.find("failure") is None and c.find("skipped") is None]
        test = told.get(suite.get("name").removeprefix(f"{name} "), told.get("load"))
        assert round(len(right) / len(cases), 6) == test["score"], (line, suite.attrib)
    return title in " ".join(told[says]["output"].split()) if title else True


def main(level: str = "2", each: int = 99) -> None:
    """Everybody graded; then one alone, in two parts, and by a format that takes no exit code."""
    known, asks = {}, ("--level", level, "--timeout", f"{TIMEOUT}", "--draw", "5")
    for name, text, *about in write_submissions(each):
        Path(name).write_text(text, encoding="utf-8")
        known[name] = about
    Path("results").mkdir()
    reports = "--jobs", "2", "--report", "gradescope=results/{}.json", "--report", "junit=all.xml"
    code, told = run(*known, *asks, *reports)
    *lines, _, summary = told.splitlines()
    assert (code, [line.split()[0] for line in lines]) == (1, [*known]), told
    unnamed = [line for line, about in zip(lines, known.values()) if not check(line, *about)]
    assert len(unnamed) <= len(known) / 10, unnamed

    run("wrong_0.py", *asks, "--report", "gradescope=alone.json")
    for part in "1", "2":
        run("wrong_0.py", *asks, "--shard", f"{part}/2", "--json", f"{part}.json")
    code, told = run("--merge", "1.json", "2.json", "--report", "gradescope=merged.json")
    whole, alone, merged = map(load, ("results/wrong_0.py.json", "alone.json", "merged.json"))
    assert (alone["tests"], code, merged["score"]) == (whole["tests"], 1, whole["score"]), told

    fifty = [name for name in ("loops.py", "typo.py", "template.py") if name in known]
    code, told = run(*fifty, *asks, "--report", "classroom50=fifty-{}.json", "--exit-zero")
    found = [load(f"fifty-{name}.json") for name in fifty]
    assert {one["schema"] for one in found} == {"classroom50/result/v1"}
    assert (code, [one["score"] for one in found]) == (0, [8, 0, 0][: len(fifty)]), told
    print(summary, *unnamed, sep="\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder, chdir(folder):
        main(*sys.argv[1:2], *map(int, sys.argv[2:]))
