"""Starting a supervisor: as a new interpreter, or as a fork of a live session."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

from verification.apart import supervisor

MARK = "VERIFICATION_WORKER"
"""In the environment of all that a new interpreter starts, so that it can be found again."""
BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from verification.apart import supervisor; supervisor.main()"
)
ABOVE = 100
ROOM = 2**20
"""Bytes of a pipe, where it may have so many: nobody waits for the other side to read."""


class UnforkableError(RuntimeError):
    """This system cannot copy a process, so live functions cannot be judged."""


class Started(Protocol):
    """A process that was started; `needs_lifeline` says whether it ends with its lifeline."""

    needs_lifeline: bool

    def wait(self) -> int: ...

    def kill(self) -> None: ...


class Pipes:
    """Four pipes: our ends by name, and the other ends."""

    def __init__(self) -> None:
        read_requests, self.requests = os.pipe()
        self.replies, write_replies = os.pipe()
        self.words, write_words = os.pipe()
        read_lifeline, self.lifeline = os.pipe()
        self.theirs = (read_requests, write_replies, write_words, read_lifeline)
        if supervisor.LINUX:
            _widen(self.requests, self.replies)

    def close_theirs(self) -> None:
        for descriptor in self.theirs:
            os.close(descriptor)

    def close_ours(self) -> None:
        for descriptor in (self.requests, self.replies, self.words, self.lifeline):
            os.close(descriptor)


def start(pipes: Pipes, mark: str, namespace: Mapping[str, Any] | None) -> Started:
    """A supervisor; it gets the other ends of the pipes."""
    try:
        return _New(pipes, mark) if namespace is None else _Fork(pipes, namespace)
    except BaseException:
        pipes.close_ours()
        raise
    finally:
        pipes.close_theirs()


def _widen(*pipes: int) -> None:
    import fcntl

    with contextlib.suppress(OSError):  # this user may have too many
        for pipe in pipes:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)


class _New:
    def __init__(self, pipes: Pipes, mark: str) -> None:
        requests, replies, words, lifeline = pipes.theirs
        self.needs_lifeline = hasattr(os, "fork")
        path = json.dumps([folder or os.getcwd() for folder in sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, str(lifeline), path],
            stdin=requests,
            stdout=replies,
            stderr=words,
            pass_fds=[lifeline] if self.needs_lifeline else [],
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )

    def wait(self) -> int:
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()


class _Fork:
    needs_lifeline = True

    def __init__(self, pipes: Pipes, namespace: Mapping[str, Any]) -> None:
        if not hasattr(os, "fork"):
            raise UnforkableError(
                "live functions are judged on systems with fork alone: use a file"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
            self._pid = os.fork()
        if self._pid == 0:
            _become(pipes, namespace)

    def wait(self) -> int:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            return 0

    def kill(self) -> None:
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _become(pipes: Pipes, namespace: Mapping[str, Any]) -> NoReturn:
    """In the fork: a supervisor, which has nothing in common with what it was."""
    try:
        gc.freeze()  # nothing of the session's is to be tidied up here
        sys.settrace(None)
        sys.setprofile(None)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _keep(pipes.theirs)

        def serve(held: frozenset[str]) -> None:
            from verification.apart import worker

            worker.serve(0, 1, held, namespace)

        supervisor.supervise(serve, len(pipes.theirs) - 1)
    finally:
        os._exit(70)


def _keep(descriptors: tuple[int, ...]) -> None:
    """These become 0, 1, 2, ...; all others are closed."""
    import fcntl

    aside = [fcntl.fcntl(one, fcntl.F_DUPFD, ABOVE) for one in descriptors]
    for number, descriptor in enumerate(aside):
        os.dup2(descriptor, number)
    os.closerange(len(aside), os.sysconf("SC_OPEN_MAX"))


def sweep(mark: str, session: int) -> None:
    """Kill what bears the mark, or belongs to the session: its supervisor is no more."""
    if not supervisor.LINUX:
        return
    for _ in range(supervisor.ROUNDS):
        found = [pid for pid in supervisor.pids() if _is_stray(pid, mark, session)]
        if not found:
            return
        for pid in found:
            supervisor.send(os.kill, pid, signal.SIGKILL)
        time.sleep(0.001)


def _is_stray(pid: int, mark: str, session: int) -> bool:
    if pid == os.getpid() or supervisor.parent(pid) is None:
        return False
    return _bears(pid, mark) or (session > 0 and _session(pid) == session)


def _bears(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0
