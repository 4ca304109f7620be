"""A candidate in a process of its own: it is asked, and it answers in time or not at all.

It protects against accidents and cheap tricks: endless loops, crashes of the interpreter, floods
of print, changed inputs, answers out of turn.  It is no sandbox for hostile code.
"""

from __future__ import annotations

import os
import secrets
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from verification.apart import replies
from verification.apart.child import Child, DiedError
from verification.apart.frames import Frame, FrameError, Other
from verification.apart.loading import Source
from verification.apart.replies import Hello, Reply
from verification.apart.requests import Refused, Request, Setup

__all__ = ["Hello", "Other", "Process", "Refused", "Reply", "Request", "Source", "UnloadableError"]

START = 60.0
"""Seconds that an interpreter with NumPy may take to start; nothing of the candidate's runs yet."""
LATE, OUT_OF_TURN = "it was still running after {:g} s", "answered out of turn: {}"


class UnloadableError(Exception):
    """The candidate cannot be loaded; the message says why, in one line."""


class Process:
    """A candidate, loaded and ready to be asked; a new process takes over from one that is lost."""

    def __init__(
        self,
        source: Source,
        timeout: float = 10.0,
        memory: int = 4096,
        mend: bool = False,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        if source.kind in ("file", "notebook"):
            source = Source(source.kind, os.path.abspath(source.name))
        self._setup, self._timeout = Setup(source, memory, mend), timeout
        self._namespace = namespace
        self._children: list[Child] = []
        self._ahead: _Sent | None = None
        self.restarts = 0
        self.close = weakref.finalize(self, _end, self._children)
        self.hello = self._start()

    @classmethod
    def live(
        cls,
        namespace: Mapping[str, Any],
        timeout: float = 10.0,
        memory: int = 4096,
        mend: bool = False,
    ) -> Self:
        """The functions of this very session, in a copy of its process."""
        return cls(Source("live", "session"), timeout, memory, mend, namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def expect(self, request: Request) -> None:
        """Send what will be asked next, where nobody is busy; `ask` then receives its reply."""
        ahead = self._ahead
        free = ahead is None or not (ahead.reply is None or ahead.is_of(request))
        if free and self.close.alive and self._children:
            self._ahead = self._sent(request)

    def ask(self, request: Request | Refused) -> Reply:
        """The candidate's answer, asked for twice."""
        if not self.close.alive:
            raise ValueError("the process is closed")
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.reply = self._reply(ahead)
            if ahead.is_of(request):
                return ahead.reply
            self._ahead = ahead
        if not self._children:
            self.restarts += 1
            try:
                self._start()
            except UnloadableError as error:
                return Reply("CRASH", error=f"cannot be loaded again: {error}", kind="DIED")
        return self._reply(self._sent(request))

    def _sent(self, request: Request | Refused) -> _Sent:
        try:
            return _Sent(request, time.monotonic(), self._send(request))
        except BaseException:
            _end(self._children)
            raise

    def _reply(self, sent: _Sent) -> Reply:
        """What came of it; each of both calls has the whole limit from now on."""
        if sent.reply is not None:
            return sent.reply
        try:
            return replies.reply(self._next(sent.token), self._next(sent.token))
        except TimeoutError:
            _end(self._children)
            lost = Reply("TIMEOUT", error=LATE.format(self._timeout), kind="TIMEOUT")
        except DiedError as died:
            _end(self._children)
            lost = Reply("CRASH", error=str(died), kind="DIED")
        except FrameError as fault:
            _end(self._children)
            lost = Reply("CRASH", error=OUT_OF_TURN.format(fault), kind="DIED")
        except BaseException:
            _end(self._children)
            raise
        return replace(lost, seconds=time.monotonic() - sent.at)

    def _send(self, message: Setup | Request | Refused) -> str:
        """Under a token that the answer must bear."""
        token = secrets.token_hex(8)
        self._children[0].send((token, message))
        return token

    def _next(self, token: str, timeout: float | None = None) -> Frame:
        header, values = self._children[0].receive(timeout or self._timeout)
        if header.get("token") != token:
            raise FrameError("it bears another token")
        return header, values

    def _start(self) -> Hello:
        """A new worker, with the candidate loaded."""
        most = self._setup.memory * 2**20
        self._children.append(Child(most, self._namespace))
        try:
            ready, _ = self._next("", START)
            self._children[0].session = int(ready["pid"])
            header, _ = self._next(self._send(self._setup))
            if "unloadable" in header:
                raise UnloadableError(_reason(header))
            return replies.hello(header)
        except TimeoutError:
            raise self._unloadable(LATE.format(self._timeout)) from None
        except DiedError as died:
            raise self._unloadable(str(died)) from None
        except FrameError as fault:
            raise self._unloadable(OUT_OF_TURN.format(fault)) from None
        except BaseException:
            _end(self._children)
            raise

    def _unloadable(self, reason: str) -> UnloadableError:
        _end(self._children)
        return UnloadableError(reason)


@dataclass
class _Sent:
    """A request on its way, when it was sent and under which token; its reply once it is there."""

    request: Request | Refused
    at: float
    token: str
    reply: Reply | None = None

    def is_of(self, request: Request | Refused) -> bool:
        return isinstance(self.request, Request) and self.request.is_same(request)


def _reason(header: Mapping[str, Any]) -> str:
    """In one line: the candidate's own line last."""
    where = "".join(f" ({line})" for line in header.get("where", [])[-1:])
    return " ".join(f"{header['unloadable']}{where}".split())


def _end(children: list[Child]) -> None:
    while children:
        children.pop().end()
