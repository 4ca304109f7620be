"""The catalogue of mistakes that people really make, as data.

A mistake is the right code with a line or a few written wrongly (`code.Code`), so its answer to any
question can be computed, and compared with what somebody's code gave.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from verification.mistakes import convolution, crops, gradients, padding, pooling, windows
from verification.mistakes.code import Code, Lines

FOLDER = Path(__file__).resolve().parent
MISTAKE, AGE, CONVENTION = "mistake", "age", "convention"


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    `does` says what the wrong code does, `hint` asks without giving it away, `change` is the line
    that is right.  `ops` are the functions that it can stand in, `seen` how many public files had
    it.  `lines` are the ways to write it, each a Code with these lines replaced.  `error` is the
    pattern of a message that tells it.  `kind` is "mistake", "age" (newer NumPys refuse what older
    ones took) or "convention" (the field leaves it open).  `sign` names how else it is recognised.
    """

    id: str
    seen: int
    ops: tuple[str, ...]
    title: str
    does: str
    hint: str
    change: str
    kind: str = MISTAKE
    error: str = ""
    sign: str = ""
    lines: tuple[Lines, ...] = field(default=(), compare=False)

    def tells(self, message: str) -> bool:
        """Whether this is what such a message comes from."""
        return bool(self.error and re.search(self.error, message))


def read() -> list[Mistake]:
    """The catalogue, the most seen first."""
    rows = tomllib.loads((FOLDER / "catalogue.toml").read_text(encoding="utf-8"))
    rooms = (windows, padding, convolution, gradients, crops, pooling)
    wrong: Mapping[str, list[Lines]] = {k: v for room in rooms for k, v in room.LINES.items()}
    found = [
        Mistake(name, **{**row, "ops": tuple(row["ops"])}, lines=tuple(wrong.get(name, ())))
        for name, row in rows.items()
    ]
    return sorted(found, key=lambda mistake: -mistake.seen)


def written(*mistakes: Lines) -> Code | None:
    """The code that holds all of these wrong lines; None if they are wrong in the same line."""
    lines: dict[str, object] = {}
    for wrong in mistakes:
        if lines.keys() & wrong.keys():
            return None
        lines |= wrong
    return replace(Code(), **lines)  # type: ignore[arg-type]
