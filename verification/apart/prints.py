"""A place to print: it keeps the first characters, and nothing that is done to it does harm."""

from __future__ import annotations

import io
from typing import Any

PRINTED = 500
"""Characters kept of what one call prints."""


class Prints(io.TextIOBase):
    """Standard output and standard error of a candidate.

    A flood costs nothing, and closing it closes nothing.
    """

    def __init__(self) -> None:
        self.kept, self.cut = "", False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def buffer(self) -> io.BufferedIOBase:
        """For those who print bytes."""
        return _Bytes(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        room = PRINTED - len(self.kept)
        self.kept += str.__getitem__(text, slice(room))
        self.cut = self.cut or str.__len__(text) > room
        return str.__len__(text)

    def writable(self) -> bool:
        return True

    def reconfigure(self, **settings: Any) -> None:
        """Its encoding is nobody's business."""

    def close(self) -> None:
        """It stays open."""

    def take(self) -> str:
        """What was printed since it was last taken, with a note where it was cut."""
        note = f" ... (cut after {PRINTED} characters)" if self.cut else ""
        taken, self.kept, self.cut = self.kept + note, "", False
        return taken


class _Bytes(io.BufferedIOBase):
    def __init__(self, prints: Prints) -> None:
        self.prints = prints

    def write(self, data: Any) -> int:
        raw = bytes(memoryview(data)[: 4 * PRINTED])
        self.prints.write(raw.decode("utf-8", "replace"))
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """It stays open."""
