"""The functions of a live session, in a fork of its process: what they stand on is all there."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from verification.candidates.guard import guard
from verification.candidates.worker import serve


def fork(judge: int, namespace: Mapping[str, Any]) -> int:
    """Copy this process; the copy becomes a guard that has nothing in common with what it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
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
        guard(judge, partial(serve, namespace=namespace))
    finally:
        os._exit(70)
