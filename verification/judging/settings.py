"""What to judge, and how: the settings that both doors of the house hand to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from verification.candidates import LAYOUTS, NAMES, Terms
from verification.questions import RUNGS, CaseError, Question, level, read_where, rung

MOST = 1e6
"""Points that a function may be worth."""
SHOW = ("all", "actual", "status")
_CHOICES: Mapping[str, Sequence[object]] = {
    "show": SHOW,
    "hint": range(4),
    "level": range(1, 5),
    "rung": ("", *RUNGS),
    "dtype": ("float64", "float32"),
    "oracle": ("torch", "textbook"),
    "contract": ("", *NAMES),
    "layout": ("", *LAYOUTS),
}

_NOUNS = {str: "a text", Integral: "a whole number", Real: "a number"}
_KINDS = {
    **dict.fromkeys(("text", "where", "case"), str),
    **dict.fromkeys(("draw", "memory"), Integral),
    "timeout": Real,
}


class UsageError(ValueError):
    """A setting that fits nothing; the message says which and what is known."""


def choose_show(exam: bool, show: str) -> str:
    """How much is shown, where "" is no wish: an exam is "status", whatever else is wished."""
    if exam and show not in ("", "status"):
        raise UsageError(f"an exam shows status alone, got show={show}")
    return "status" if exam else show or SHOW[0]


@dataclass(frozen=True)
class Settings(Terms):
    """What to judge, and how; every question is asked unless a filter says otherwise.

    `candidate` is a file, a notebook, a module, or the names of a live session; `case` an id or a
    row, `text` a part of ids, `where` an expression over questions' fields, `only` functions by the
    candidate's names or ours; `draw` so many questions on geometries of this `seed`, or of the
    clock's.  `shard` (K, N) is the K-th of N parts of the questions; `known` are ids of cases that
    may fail; `points` what a function is worth, where it is not 1; the `oracle` torch or textbook.
    What is told: `show` "all", "actual" (no right number) or "status" (nor a name), and with a
    `hint` of 1 or 2 no name of a mistake.
    """

    candidate: str | Mapping[str, Any] = "npcnn"
    only: tuple[str, ...] = ()
    text: str = ""
    where: str = ""
    level: int = 4
    rung: str = ""
    case: str = ""
    shard: tuple[int, int] = (1, 1)
    known: frozenset[str] = frozenset()
    points: Mapping[str, float] = field(default_factory=dict)
    oracle: str = "torch"
    seed: int | None = None
    draw: int = 20
    dtype: str = "float64"
    first: bool = False
    strict: bool = False
    show: str = "all"
    hint: int = 0

    def __post_init__(self) -> None:
        if self.candidate == "":
            raise UsageError("there is no candidate in candidate=''")
        for name, kind in _KINDS.items():
            if not isinstance(value := getattr(self, name), kind):
                raise UsageError(f"{name} must be {_NOUNS[kind]}, got {name}={value!r}")
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                words = ", ".join(str(one) for one in known if one != "")
                raise UsageError(f"{name} is one of {words}, got {name}={value!r}")
        if self.exam and self.hint:
            raise UsageError(f"hint={self.hint} tells what show=status, an exam, hides")
        if not 0 < self.timeout < 1e6 or self.memory < 1:
            raise UsageError(f"timeout={self.timeout:g} and memory={self.memory} must be above 0")
        if self.draw < 0:
            raise UsageError(f"draw={self.draw} must not be negative")
        number, count = self.shard
        if not 1 <= number <= count:
            raise UsageError(f"shard {number}/{count}: the first must be from 1 to the second")
        if count > 1 and (self.show, self.hint) != (SHOW[0], 0):
            words = (
                "a shard holds what an exam withholds: give --exam to --merge, as --show and --hint"
            )
            raise UsageError(words)
        if not all(0 <= worth <= MOST for worth in self.points.values()):
            raise UsageError(f"points must be from 0 to {MOST:g}, got {dict(self.points)}")
        try:
            if self.where:
                read_where(self.where)
        except CaseError as error:
            raise UsageError(str(error)) from error

    @property
    def exam(self) -> bool:
        """Whether nothing but statuses and one's own answers may be told."""
        return self.show == "status"

    @property
    def is_naming(self) -> bool:
        """Whether mistakes may be named."""
        return not self.exam and self.hint not in (1, 2)

    @property
    def is_row(self) -> bool:
        return "=" in self.case

    @property
    def is_narrowed(self) -> bool:
        """Whether only some questions are asked of a function."""
        is_cut = self.level < 4 or self.oracle != "torch"
        return bool(self.text or self.where or self.case or self.rung or is_cut)

    def admits(self, question: Question) -> bool:
        """Whether the oracle may be asked: of a textbook no rare options, and nothing large."""
        is_simple = level(question) <= 3 and rung(question) != "scale"
        return self.oracle == "torch" or is_simple
