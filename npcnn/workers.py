"""Pieces of work over the cores: while NumPy computes, it lets go of the interpreter.

As many threads as there are usable cores take pieces until there are none; the caller's is one of
them.  How a layer is cut depends on its shapes alone, and results come in the pieces' order, so
that every number is the same on one core and on sixteen.

Where pieces hold matrix products, NumPy's OpenBLAS runs on one thread meanwhile: what a thread has
gathered is then multiplied in its own core's cache.  What was set before is set again by the last
one out.  Where OpenBLAS cannot be told, its own threads are used and none of ours.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import numpy as np

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_PREFIXES = (("scipy_openblas_", "64_"), ("openblas_", "64_"), ("openblas_", ""))
"""How the functions of NumPy's OpenBLAS may be called."""

_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()
_inside, _before = 0, 0
"""Passes that hold OpenBLAS to one thread, and the threads that it had before the first of them."""


def run(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], multiplies: bool = False
) -> list[Result]:
    """What `work` gives for each piece, in their order; `multiplies` says that it calls BLAS."""
    if len(pieces) < 2 or (multiplies and not _blas()):
        return [work(piece) for piece in pieces]
    results: dict[int, Result] = {}
    left = deque(enumerate(pieces))

    def take() -> None:
        try:
            while left:
                try:
                    place, piece = left.popleft()
                except IndexError:  # another thread was faster
                    return
                results[place] = work(piece)
        except BaseException:
            left.clear()
            raise

    with single_blas() if multiplies else nullcontext():
        helpers = _start(take, min(count_cores(), len(pieces)) - 1)
        try:
            take()
        finally:
            wait([helper for helper in helpers if not helper.cancel()])
    for helper in helpers:
        if not helper.cancelled():
            helper.result()
    return [results[place] for place in range(len(pieces))]


def count_cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(take: Callable[[], None], count: int) -> list[Future[None]]:
    """So many threads at work, each in the caller's context; fewer, or none, at the exit."""
    global _pool
    helpers: list[Future[None]] = []
    try:
        for _ in range(count):
            _pool = _pool or ThreadPoolExecutor(max(1, count_cores() - 1), "npcnn")
            helpers.append(_pool.submit(contextvars.copy_context().run, take))
    except RuntimeError:  # no thread can be started any more
        pass
    return helpers


@functools.cache
def _blas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How many threads NumPy's OpenBLAS has, and how to set them; None where nobody can tell."""
    try:  # the module is private, so no stub knows it
        library: Any = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    for prefix, ending in _PREFIXES:
        names = (f"{prefix}{verb}_num_threads{ending}" for verb in ("get", "set"))
        get, put = (getattr(library, name, None) for name in names)
        if get and put:
            return get, put
    return None


@contextmanager
def single_blas() -> Iterator[None]:
    """OpenBLAS on one thread, where it can be told, until the last of those inside is out."""
    global _inside, _before
    if not (blas := _blas()):
        yield
        return
    get, put = blas
    with _lock:
        if not _inside:
            _before = get()
            put(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                put(_before)


def _forget() -> None:
    """A child has none of its parent's threads, nor of its passes."""
    global _pool, _lock, _inside
    blas, is_inside = _blas(), _inside
    _pool, _lock, _inside = None, threading.Lock(), 0
    if blas and is_inside:
        blas[1](_before)


os.register_at_fork(after_in_child=_forget)
