"""A worker seen from the judge: it is started, written to, read under a deadline, and ended."""

from __future__ import annotations

import os
import pickle
import secrets
import select
import signal
import struct
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from verification.apart import frames, spawning
from verification.apart.frames import Frame

PREFIX = struct.Struct("<Q")
SMALL = 2**15
"""Bytes that fit into any pipe: to write them is to wait for nobody."""
GRACE = 2.0
"""Seconds that a supervisor has to end what the candidate has started."""


class DiedError(Exception):
    """The worker has ended; the message says how."""


class Child:
    """A supervisor and its worker, until the end."""

    def __init__(self, most: int, namespace: Mapping[str, Any] | None = None) -> None:
        self._mark, self._most, self._owner = secrets.token_hex(16), most, os.getpid()
        self._pipes = spawning.Pipes()
        self._process = spawning.start(self._pipes, self._mark, namespace)
        self.session, self._over = 0, False
        self._ended, self._words = threading.Event(), ""
        self._replies = select.poll()
        self._replies.register(self._pipes.replies, select.POLLIN)
        self._writing: threading.Thread | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: Any) -> None:
        """A request; whether it is read is not waited for."""
        data = pickle.dumps(message, protocol=5)
        data = PREFIX.pack(len(data)) + data
        if len(data) <= SMALL:
            self._write(data)
        else:
            self._writing = threading.Thread(target=self._write, args=(data,), daemon=True)
            self._writing.start()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._pipes.requests, left) :]
        except OSError:  # it has ended, as will be seen when its reply is read
            return

    def receive(self, timeout: float) -> Frame:
        """The next frame; TimeoutError, FrameError or DiedError where there is none."""
        if self._writing is not None:  # the way there is nobody's time
            self._writing.join(timeout)
            self._writing = None
        frame = frames.read(partial(self._read, time.monotonic() + timeout), self._most)
        if frame is None:
            self._ended.wait(GRACE)
            raise DiedError(self._words or "it let go of its pipe")
        return frame

    def _read(self, end: float, size: int) -> bytes:
        """Up to so many bytes, none where there will be no more."""
        while (left := end - time.monotonic()) > 0:
            ended = self._ended.is_set()
            if self._replies.poll(1000 * min(left, 0.25)):
                return os.read(self._pipes.replies, size)
            if ended:  # something that survived it holds the pipe
                return b""
        raise TimeoutError

    def _listen(self) -> None:
        """The supervisor's last words; where it was killed itself, its work is done here."""
        with open(self._pipes.words, "rb", buffering=0) as stream:
            said = b"".join(iter(lambda: stream.read(64), b"")).decode("ascii", "replace")
        if self._process.wait() != 0:
            spawning.sweep(self._mark, self.session)
        self._words = _told(said)
        self._ended.set()

    def end(self) -> None:
        """Let go of the lifeline, and see that all has ended."""
        if self._over or os.getpid() != self._owner:
            return
        self._over = True
        os.close(self._pipes.lifeline)
        if not self._process.needs_lifeline or not self._ended.wait(GRACE):
            self._process.kill()
            self._ended.wait(GRACE)
        if self._writing is not None:
            self._writing.join(GRACE)
        os.close(self._pipes.requests)
        os.close(self._pipes.replies)


def _told(words: str) -> str:
    """`signal 11` and `exit 3` in full."""
    kind, _, number = words.partition(" ")
    if kind == "exit" and number.isdecimal():
        return f"the interpreter has ended: exit code {number}"
    if kind == "signal" and number.isdecimal():
        names = {int(one): f" ({one.name})" for one in signal.Signals}
        return f"the interpreter was killed: signal {number}{names.get(int(number), '')}"
    return "the interpreter and its supervisor were killed"
