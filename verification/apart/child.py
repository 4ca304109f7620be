"""A worker seen from the judge: it is started, written to, read under a deadline, and ended."""

from __future__ import annotations

import os
import pickle
import queue
import secrets
import signal
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any

from verification.apart import frames, spawning
from verification.apart.frames import Frame, FrameError

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
        self.session = 0
        self._frames: queue.SimpleQueue[Frame | FrameError | None] = queue.SimpleQueue()
        self._wanted, self._over = threading.Semaphore(0), False
        self._ended, self._words = threading.Event(), ""
        for work in (self._read, self._listen):
            threading.Thread(target=work, daemon=True).start()

    def send(self, message: Any, timeout: float) -> None:
        """A request; whoever does not read it is not waited for."""
        data = pickle.dumps(message, protocol=5)
        data = PREFIX.pack(len(data)) + data
        if len(data) <= SMALL:
            self._write(data)
        else:
            writing = threading.Thread(target=self._write, args=(data,), daemon=True)
            writing.start()
            writing.join(timeout)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._pipes.requests, left) :]
        except OSError:  # it has ended, as will be seen when its reply is read
            return

    def receive(self, timeout: float) -> Frame:
        """The next frame; TimeoutError, FrameError or DiedError where there is none."""
        self._wanted.release()
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            ended = self._ended.is_set()
            try:
                frame = self._frames.get(timeout=min(left, 0.25))
            except queue.Empty:
                if not ended:
                    continue
                frame = None  # something that survived it holds the pipe
            if isinstance(frame, FrameError):
                raise frame
            if frame is None:
                self._ended.wait(GRACE)
                raise DiedError(self._words or "it let go of its pipe")
            return frame
        raise TimeoutError

    def _read(self) -> None:
        """Frames, one at a time, each when it is wanted."""
        with open(self._pipes.replies, "rb", buffering=0) as stream:
            while self._wanted.acquire() and not self._over:
                frame: Frame | FrameError | None
                try:
                    frame = frames.read(stream.read, self._most)
                except FrameError as error:
                    frame = error
                self._frames.put(frame)
                if not isinstance(frame, tuple):
                    return

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
        self._wanted.release()
        os.close(self._pipes.lifeline)
        if not self._process.needs_lifeline or not self._ended.wait(GRACE):
            self._process.kill()
            self._ended.wait(GRACE)
        os.close(self._pipes.requests)


def _told(words: str) -> str:
    """`signal 11` and `exit 3` in full."""
    kind, _, number = words.partition(" ")
    if kind == "exit" and number.isdecimal():
        return f"the interpreter has ended: exit code {number}"
    if kind == "signal" and number.isdecimal():
        names = {int(one): f" ({one.name})" for one in signal.Signals}
        return f"the interpreter was killed: signal {number}{names.get(int(number), '')}"
    return "the interpreter and its supervisor were killed"
