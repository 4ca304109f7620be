"""Tasks in processes of their own, a few at a time: a mutant may loop, crash or eat memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

MEMORY = 4 * 2**30
"""Bytes that a task may take beyond what it begins with."""


@dataclass(frozen=True)
class Task:
    """A running task: where its result comes from, and when it is given up."""

    name: str
    process: Any
    results: connection.Connection
    end: float


def run(
    tasks: Mapping[str, Callable[[], Any]], seconds: float, jobs: int = os.cpu_count() or 1
) -> Iterator[tuple[str, Any]]:
    """Each task's name and result as it comes; None of one that dies, or takes too long."""
    waiting, running = list(tasks.items()), list[Task]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(*waiting.pop(0), seconds))
            left = max(0.0, min(task.end for task in running) - time.monotonic())
            ready = connection.wait([task.results for task in running], left)
            for task in list(running):
                if task.results in ready or time.monotonic() > task.end:
                    running.remove(task)
                    yield task.name, _result(task)
    finally:
        for task in running:
            _end(task)


def _start(name: str, task: Callable[[], Any], seconds: float) -> Task:
    context = multiprocessing.get_context("fork")
    results, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(task, sender), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the oracle's threads are at rest
        process.start()
    sender.close()
    return Task(name, process, results, time.monotonic() + seconds)


def _child(task: Callable[[], Any], sender: connection.Connection) -> None:
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    warnings.simplefilter("ignore")  # wrong code warns, too
    sender.send(task())


def _result(task: Task) -> Any:
    """What the task sent; the process is ended whatever it does."""
    try:
        return task.results.recv() if task.results.poll() else None
    except (EOFError, OSError):
        return None
    finally:
        _end(task)


def _end(task: Task) -> None:
    task.process.kill()
    task.process.join()
    task.results.close()
