"""The files of questions: cases/*.toml, read row by row.

A file's top-level keys are operations, each a list of rows; a row is a table on a line or a few:

    conv = [
      {id="stride-2", x=[2,5,7,3], w=[3,2,3,4], stride=2, why="..."},
      {id="pads", x=[1,6,4,2], w=[3,3,2,3], each={stride=[1,[2,1]], pad=[0,1,[[0,2],[1,0]]]}},
    ]

The key `refuse` holds calls that must be refused.  An empty list or an id used twice is an error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification import covering, row
from verification.case import Case, CaseError

ERRORS = ("ShapeError", "TypeError")
FOLDER = Path(__file__).resolve().parent.parent / "cases"


@dataclass(frozen=True)
class Refusal:
    """A call that must be refused: with this error, and these words in its message."""

    name: str
    function: str
    arguments: Mapping[str, Any]
    error: str
    words: tuple[str, ...]
    why: str = ""
    op: str = "refuse"
    work: int = 0

    @property
    def id(self) -> str:
        return self.name

    @property
    def row(self) -> str:
        """The call as a line."""
        words = (f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.function}({', '.join(words)})"


Question = Case | Refusal


def every() -> list[Question]:
    """Every question of every file, and those of the covering set."""
    return [*read_all(), *covering.cases()]


def read_all(folder: Path = FOLDER) -> list[Question]:
    """Every question of every file."""
    files = sorted(folder.glob("*.toml"))
    questions = [question for path in files for part in read(path).values() for question in part]
    if not questions:
        raise CaseError(f"no cases in {folder}")
    seen = set()
    for question in questions:
        kind = question.op.removeprefix("max_").removeprefix("avg_")  # pool_forward takes both
        if (kind, question.id) in seen:
            raise CaseError(f"the id {question.id!r} is used twice for {kind}")
        seen.add((kind, question.id))
    return questions


def read(path: Path) -> dict[str, list[Question]]:
    """A file's questions by its top-level keys."""
    source = path.read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{path.name}: {error}") from error
    return {key: list(_rows(path, source, key, rows)) for key, rows in tables.items()}


def _rows(path: Path, source: str, key: str, rows: Any) -> Iterator[Question]:
    if not isinstance(rows, list) or not rows:
        raise CaseError(f"{path.name}: {key} must be a list of rows, and not an empty one")
    for table in rows:
        if not isinstance(table, dict):
            raise CaseError(f"{path.name}: {key} holds {table!r}, which is no row")
        try:
            yield from [_refusal(table)] if key == "refuse" else row.cases(key, table)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CaseError(f"{_place(path, source, key, table)}: {error}") from error


def _place(path: Path, source: str, key: str, table: Mapping[str, Any]) -> str:
    """The file and line of a row, found by its id."""
    if "id" not in table:
        return f"{path.name}: a row of {key} without an id"
    start = max(0, source.find(f"\n{key}"))
    found = re.compile(rf'id\s*=\s*"{re.escape(str(table["id"]))}"').search(source, start)
    line = source.count("\n", 0, found.start()) + 1 if found else "?"
    return f"{path.name}:{line}: {table['id']}"


def _refusal(table: Mapping[str, Any]) -> Refusal:
    unknown = table.keys() - {"id", "function", "arguments", "error", "words", "why"}
    if unknown or not (isinstance(table["words"], list) and table["words"]):
        raise CaseError(f"unknown keys {sorted(unknown)}, or no words to look for")
    if table["error"] not in ERRORS:
        raise CaseError(f"unknown error {table['error']!r}, known are {', '.join(ERRORS)}")
    return Refusal(
        name=table["id"],
        function=table["function"],
        arguments=table["arguments"],
        error=table["error"],
        words=tuple(table["words"]),
        why=table.get("why", ""),
    )
