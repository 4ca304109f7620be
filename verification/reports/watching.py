"""A file that is judged again whenever it is saved, by a new process each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from verification.judging import Watch

PAUSE = 0.1
"""Seconds between two looks at the file."""
Stamp = tuple[int, ...]
"""What differs once a file is saved, in place or by another of its name; () if it is gone."""


class SavedError(BaseException):
    """It was saved while it was judged; no fault of anybody's."""


def keep_watching(path: Path, judge: Callable[[Watch], None], watch: Watch) -> None:
    """Judge now and after each save, until the keyboard interrupts; a save cuts a run short."""
    while True:
        stamp = read_stamp(path)

        def count(done: int, total: int, stamp: Stamp = stamp) -> None:
            watch.count(done, total)
            if read_stamp(path) not in (stamp, ()):
                raise SavedError

        with suppress(SavedError):
            judge(Watch(count=count))
        while read_stamp(path) in (stamp, ()):
            time.sleep(PAUSE)


def read_stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
