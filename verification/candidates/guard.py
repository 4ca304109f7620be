"""Between the judge and the worker: a process that ends whatever the candidate has started.

    python -P guard.py FOLDER ...      the judge's sys.path; standard input is a socket to the judge

or, for a live session, a fork of the judge's process: what its functions stand on is all there.

It forks the worker and waits for the worker's end or the judge's.  Then it kills its children until
there are none: on Linux orphans become its children, those in sessions of their own included.  It
is also what a candidate meets that kills its parent.  NumPy is not imported here.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import select
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from socket import socket
from types import ModuleType
from typing import NoReturn

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
ABOVE, MOST = 200, 2**16
"""The socket's number is above those that a candidate may close in a sweep, 0 to 63."""


def guard(judge: int, serve: Callable[[socket], None]) -> NoReturn:
    """Fork a worker that is to `serve`; end when it does, with its exit code or 128 + signal."""
    os.setsid()
    aside = fcntl.fcntl(judge, fcntl.F_DUPFD_CLOEXEC, ABOVE)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, aside)
    os.closerange(aside + 1, MOST)
    _control(SET_CHILD_SUBREAPER, 1)
    this, worker = os.getpid(), os.fork()
    if worker == 0:
        try:
            os.setsid()
            _control(SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == this:
                serve(socket(fileno=aside))
        finally:
            os._exit(70)
    hangup = select.poll()
    hangup.register(aside, 0)
    pid = status = 0
    while pid != worker and (pid or not hangup.poll(10)):  # orphans end here too
        pid, status = os.waitpid(-1, os.WNOHANG)
    code = os.waitstatus_to_exitcode(status)
    _kill_all(worker)
    os._exit(128 - code if code < 0 else code)


def fork(judge: int, serve: Callable[[socket], None]) -> int:
    """Copy this process; the copy becomes a guard that has nothing in common with what it was."""
    with warnings.catch_warnings(action="ignore"):  # of a fork beside threads
        pid = os.fork()
    if pid:
        return pid
    try:
        gc.freeze()  # nothing of the session's is to be tidied up here
        sys.settrace(None)
        sys.setprofile(None)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        guard(judge, serve)
    finally:
        os._exit(70)


def _control(option: int, value: int) -> None:
    """prctl, where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_all(worker: int) -> None:
    """Kill its group, and children until there are none: their orphans become children."""
    children = f"/proc/self/task/{os.getpid()}/children"
    with suppress(OSError):
        os.killpg(worker, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            with suppress(FileNotFoundError), open(children) as file:
                for pid in file.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            os.wait()


def _serve(judge: socket) -> None:
    """The worker's, imported past the doors of its wing: what they open is for the judge alone."""
    sys.path[:] = sys.argv[1:]
    room = os.path.dirname(os.path.abspath(__file__))
    for name, folder in ("verification", os.path.dirname(room)), ("verification.candidates", room):
        door = sys.modules[name] = ModuleType(name)
        door.__path__ = [folder]
    from verification.candidates.worker import serve

    del sys.modules["verification"], sys.modules["verification.candidates"]
    serve(judge)


if __name__ == "__main__":
    guard(0, _serve)
