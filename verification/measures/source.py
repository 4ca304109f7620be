"""Mutants of npcnn's own source: one small thing written wrongly, at one place.

`changes.toml` says what people write for what.  A room is read as ast.unparse writes it, each
statement a line; a mutant is one match of one pattern replaced, if Python takes it.  Left as they
are: the words of errors, imports, what stands outside of functions, and lines with a size of work,
a bare number at the top of a module, on which no answer depends.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from verification.candidates import Candidate, Terms, UnloadableError, load
from verification.judging import FAILING, Check, Trial, plan
from verification.measures import read_table
from verification.questions import Question, read, rung

CORE = Path(__file__).resolve().parents[2] / "npcnn"
CHANGES = read_table("changes.toml")
TESTS = [f"test_{room}.py" for room in ("core", "facts", "operations", "textbook", "workers")]
"""The core's own, for what no question sees."""
KILLS = {*FAILING, "DEVIATES"}
SECONDS = 300
"""For the tests of one mutant."""
SPARED = re.compile(r" *(raise|import|from|class|global|@|['\"])|.*\bf['\"]")
SIZE = re.compile(r"^(\w+) = [\d *]+$", re.MULTILINE)

Groups = dict[tuple[str, str, str], list[Check]]
"""Checks by the function that is asked, their rung and their operation."""


@dataclass(frozen=True)
class Mutant:
    """Wrong code; `group` is the mistake or the kind of change.

    `kill` says what sees it, each with the question that does, `reject` which rivals do.
    """

    id: str
    kind: str
    group: str
    kill: Callable[[], Mapping[str, str]]
    reject: Callable[[], Sequence[str]] = tuple


def write_mutants(folder: Path = CORE) -> list[Mutant]:
    """The core with one change each, always in the same order; ids hold texts and no lines."""
    rooms = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    return [mutant for room in rooms for mutant in _write_room(room)]


def _write_room(path: Path) -> Iterator[Mutant]:
    module = _strip(ast.parse(path.read_text(encoding="utf-8")))
    texts = [ast.unparse(statement) for statement in module.body]
    sizes, seen, times = SIZE.findall("\n".join(texts)), set(texts), Counter[str]()
    for i, statement in enumerate(module.body):
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        lines, scope = texts[i].split("\n"), path.stem
        for j, line in enumerate(lines):
            head = re.match(r" *def (\w+)", line)
            scope = f"{path.stem}.{head[1]}" if head else scope
            if SPARED.match(line) or any(size in line for size in sizes):
                continue
            for group, match, new in _find_changes(line, ["constant"] if head else CHANGES):
                changed = line[: match.start()] + new + line[match.end() :]
                whole = "\n".join([*lines[:j], changed, *lines[j + 1 :]])
                if whole in seen or not _compiles(whole):
                    continue
                seen.add(whole)
                name = f"{scope}: `{match[0].strip()}` -> `{new.strip()}` at `{line.strip()}`"
                times[name] += 1
                name += f" #{times[name]}" * (times[name] > 1)
                text = "\n".join([*texts[:i], whole, *texts[i + 1 :]])
                yield Mutant(name, "source", group, partial(kill, path.stem, text))


def _find_changes(line: str, groups: Iterable[str]) -> Iterator[tuple[str, re.Match[str], str]]:
    for group in groups:
        for before, after in CHANGES[group]:
            for match in re.finditer(before, line):
                yield group, match, match.expand(after)


def _strip(module: ast.Module) -> ast.Module:
    """Without docstrings and annotations."""
    for node in ast.walk(module):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() if ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
            case ast.AnnAssign():
                node.annotation = ast.Name("object")
            case ast.arg():
                node.annotation = None
    return module


def _compiles(text: str) -> bool:
    with warnings.catch_warnings(action="error"):  # what Python warns of, nobody keeps
        try:
            compile(text, "mutant", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


def kill(room: str, wrong: str) -> dict[str, str]:
    """What sees a room's wrong text: a rung, with its question, or the core's tests, or nothing."""
    with TemporaryDirectory() as folder:
        core = Path(folder, CORE.name)
        shutil.copytree(CORE, core, ignore=shutil.ignore_patterns("__pycache__"))
        (core / f"{room}.py").write_text(wrong, encoding="utf-8")
        sys.path.insert(0, folder)  # the candidate's process looks where this one does
        try:
            name = "npcnn.textbook" if room == "textbook" else "npcnn"
            with closing(load(name, Terms())) as judged:
                trial, groups = Trial(judged, 0, "float64"), plan_groups(judged, read())
                return find_killers(trial, groups, 1) or _test(folder)
        except UnloadableError as error:
            return {"loading": str(error)}
        finally:
            sys.path.remove(folder)


def plan_groups(judged: Candidate, questions: Iterable[Question]) -> Groups:
    """The questions to each function alone."""
    groups: Groups = {}
    for check in plan(judged, questions, lambda name, question: True)[0]:
        for function in check.functions:
            key = function.op, rung(check.question), check.question.op
            groups.setdefault(key, []).append(Check(check.question, (function,)))
    return groups


def find_killers(trial: Trial, groups: Groups, most: int) -> dict[str, str]:
    """The rungs that see what is wrong, each with the question that does; `most` are enough.

    A question of each group is asked after the other, small ones first.
    """
    killers: dict[str, str] = {}
    for check in filter(None, chain.from_iterable(zip_longest(*groups.values()))):
        seer = rung(check.question)
        if seer not in killers and len(killers) < most:
            (outcome,) = trial.run([check])
            if outcome.status in KILLS:
                killers[seer] = outcome.id
    return killers


def _test(folder: str) -> dict[str, str]:
    """Whether the core's own tests, where they are, see what no question can."""
    tests = [str(path) for name in TESTS if (path := CORE.parent / "tests" / name).exists()]
    command = [sys.executable, "-P", "-m", "pytest", "-xq", "-p", "no:cacheprovider", *tests]
    env = os.environ | {"PYTHONPATH": folder}
    try:
        done = subprocess.run(
            command, cwd=CORE.parent, env=env, capture_output=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return {"tests": "they do not end"}
    return {"tests": ", ".join(TESTS)} if tests and done.returncode == 1 else {}
