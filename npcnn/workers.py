"""Two halves of a batch at once: while NumPy computes, it lets go of the interpreter."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from npcnn.windows import Array

Result = TypeVar("Result")

LEAST = 2**20
"""Bytes of the largest array from which it is worth it."""

_pool: ThreadPoolExecutor | None = None


def share(work: Callable[..., Result], *arrays: Array) -> list[Result]:
    """What `work` gives for each half of arrays that have the batch in front, in order.

    How they are halved depends on their shapes alone, so that every result does.
    """
    half = len(arrays[0]) // 2
    if not half or max(a.nbytes for a in arrays) < LEAST:
        return [work(*arrays)]
    first, second = [a[:half] for a in arrays], [a[half:] for a in arrays]
    other = _started(work, first)
    try:
        results = [work(*second)]
    finally:
        if other and not other.cancel():
            wait([other])
    return [other.result() if other and not other.cancelled() else work(*first), *results]


def _started(work: Callable[..., Result], arrays: list[Array]) -> Future[Result] | None:
    """The work under way in the other thread, in the caller's context; None at the exit."""
    global _pool
    _pool = _pool or ThreadPoolExecutor(1, "npcnn")
    try:
        return _pool.submit(contextvars.copy_context().run, work, *arrays)
    except RuntimeError:
        return None


def _forget() -> None:
    """A child has none of its parent's threads."""
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_forget)
