"""Every catalogued mistake as implementations: each way to write it, in each function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verification import mistakes
from verification.candidate import Candidate
from verification.mistakes import Mistake
from verification.mistakes.code import Code
from verification.mutants import coded
from verification.mutants.coded import Change
from verification.mutants.habits import HABITS


@dataclass(frozen=True)
class Wrong:
    """One way to write one mistake in one function."""

    id: str
    mistake: Mistake
    op: str
    code: Code
    change: Change = coded.same
    dtype: str = "float64"

    @property
    def candidate(self) -> Candidate:
        return coded.coded(self.op, self.code, self.change)


def every() -> list[Wrong]:
    """All of them, in the catalogue's order."""
    return [wrong for mistake in mistakes.read() for wrong in _of(mistake)]


def _of(mistake: Mistake) -> Iterator[Wrong]:
    for op in mistake.ops:
        if mistake.id in HABITS:
            yield Wrong(
                f"{mistake.id}/{op}", mistake, op, Code(), HABITS[mistake.id], _dtype(mistake)
            )
        for number, lines in enumerate(mistake.lines, start=1):
            code = mistakes.written(lines)
            assert code is not None, "one mistake's lines cannot be in each other's way"
            name = f"{mistake.id}/{op}" + (f"#{number}" if len(mistake.lines) > 1 else "")
            yield Wrong(name, mistake, op, code)


def _dtype(mistake: Mistake) -> str:
    """A result can be wider than float32 alone."""
    return "float32" if mistake.id == "wider-result" else "float64"
