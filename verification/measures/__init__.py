"""Judges of the judge: how strong it is, and how fast and exact npcnn is beside torch.

python -m verification.measures strength|speed|accuracy|lockstep [--help]
"""

import tomllib
from pathlib import Path
from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """A table of this wing."""
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def replace_once(text: str, edit: tuple[str, str], where: str) -> str:
    """A text with one part of it in other words."""
    if text.count(edit[0]) != 1:
        raise RuntimeError(f"{edit[0]!r} must stand once in {where}")
    return text.replace(*edit)
