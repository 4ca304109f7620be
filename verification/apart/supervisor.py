"""Between the judge and the candidate: a small process that ends what the candidate leaves behind.

The judge starts the supervisor, and the supervisor forks the worker, in which the candidate runs.
When the worker ends, or when the judge lets go of the lifeline (a pipe whose other end it alone
holds, so that its own death counts too), every process below the supervisor is killed; on Linux
orphans fall to the supervisor, those in sessions of their own included.  Its last words on
standard error tell how the worker ended: "exit 3" or "signal 11".

NumPy is not imported here.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

LINUX = sys.platform == "linux"
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
ROUNDS = 1000
"""So often what still is there is killed: a process may fork while it is being looked at."""


def main() -> None:
    """In a process of its own: the requests are standard input, the replies standard output."""
    supervise(_serve, int(sys.argv[1]))


def _serve(held: frozenset[str]) -> None:
    from verification.apart import worker  # NumPy is for the worker alone

    worker.serve(0, 1, held)


def supervise(serve: Callable[[frozenset[str]], None], lifeline: int) -> NoReturn:
    """Fork the worker, which is to `serve`; end when it ends, or with the lifeline."""
    held = frozenset({"orphans"} if _control(SET_CHILD_SUBREAPER, 1) else ())
    supervisor, worker = os.getpid(), os.fork()
    if worker == 0:
        try:
            os.close(lifeline)
            os.setsid()
            _control(SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == supervisor:
                _redirect(2)
                serve(held)
        finally:
            os._exit(70)  # a worker that is to end says so itself
    for descriptor in (0, 1):
        _redirect(descriptor)
    threading.Thread(target=_hold, args=(lifeline, worker), daemon=True).start()
    _end(worker, _wait(worker))


def _control(option: int, value: int) -> bool:
    """prctl, where there is one."""
    return LINUX and ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0


def _redirect(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)


def _hold(lifeline: int, worker: int) -> None:
    """Wait for the judge to let go."""
    os.read(lifeline, 1)
    _end_all(worker)
    os._exit(0)


def _wait(worker: int) -> int:
    """The worker's status, whoever else ends before it."""
    while True:
        pid, status = os.wait()
        if pid == worker:
            return status


def _end(worker: int, status: int) -> NoReturn:
    _end_all(worker)
    code = os.waitstatus_to_exitcode(status)
    os.write(2, f"signal {-code}".encode() if code < 0 else f"exit {code}".encode())
    os._exit(0)


def _end_all(worker: int) -> None:
    """Kill every process below this one, until none is left."""
    if not LINUX:
        send(os.killpg, worker, signal.SIGKILL)
        return
    for _ in range(ROUNDS):
        found = descendants(os.getpid())
        while found:  # those that are stopped fork no more
            for pid in found:
                send(os.kill, pid, signal.SIGSTOP)
            seen, found = found, descendants(os.getpid())
            if found <= seen:
                break
        for pid in found:
            send(os.kill, pid, signal.SIGKILL)
        if not _bury() and not found:
            return
        time.sleep(0.001)


def send(kill: Callable[[int, int], None], pid: int, number: int) -> None:
    """A signal, to whoever is still there."""
    try:
        kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _bury() -> bool:
    """Whether a child is left after those that are dead by now.

    Whatever lives below a reaper of orphans descends from one of its children; a look at all
    processes, one after another, may miss one whose parent ends meanwhile.
    """
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def descendants(root: int) -> set[int]:
    """The living processes below this one."""
    parents = dict(filter(None, map(parent, pids())))
    found: set[int] = set()
    for pid in parents:
        line = [pid]
        while line[-1] in parents and parents[line[-1]] not in line:
            line.append(parents[line[-1]])
        if root in line[1:]:
            found.update(line[: line.index(root)])
    return found


def pids() -> list[int]:
    """Every process of this system."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def parent(pid: int) -> tuple[int, int] | None:
    """A living process with its parent; None where it is over or a zombie."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:2]
    except OSError:
        return None
    return None if state in b"ZX" else (pid, int(parent))
