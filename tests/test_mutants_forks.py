"""Tasks in processes of their own: results by name, nobody waited for in vain or left behind."""

import os
import signal
import sys
import threading
import time
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from verification.mutants import forks

FORK = get_context("fork")
SOON = 20.0
"""Seconds within which whatever is no loop is done, on a busy machine too."""


def forever():
    while True:
        pass


def exits():
    os._exit(0)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def raises():
    raise ValueError("planted")


def allocates(size):
    return len(bytearray(size))


def meets(barrier):
    """Whether as many tasks as the barrier wants come to it."""
    try:
        barrier.wait(1)
    except threading.BrokenBarrierError:
        return False
    return True


def notes(path, then=lambda: None):
    """Leaves the number of its process in a file."""
    path.write_text(str(os.getpid()))
    return then()


def is_left(pid):
    """Whether there is such a process still, were it dead and not asked after."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_back_by_name():
    """Each with its own, whatever the order, and in a process of its own."""
    tasks = {f"{n} squared": partial(pow, n, 2) for n in range(7)}
    assert {f"{n} squared": n * n for n in range(7)} == dict(forks.run(tasks, SOON, 3))
    pids = dict(forks.run({"one": os.getpid, "other": os.getpid}, SOON, 2)).values()
    assert len({os.getpid(), *pids}) == 3


def test_no_tasks():
    """Nothing comes of nothing."""
    assert list(forks.run({}, SOON, 2)) == []


def test_the_first_done_comes_first():
    """A slow task keeps no quick one waiting."""
    tasks = {"slow": partial(time.sleep, 1), "quick": partial(int, "7")}
    assert list(forks.run(tasks, SOON, 2)) == [("quick", 7), ("slow", None)]


def test_a_large_result_comes_whole():
    """Larger than a pipe holds at once."""
    (found,) = dict(forks.run({"large": partial(np.arange, 300_000)}, SOON, 1)).values()
    np.testing.assert_array_equal(np.arange(300_000), found)


def test_a_task_that_loops_is_given_up_in_time():
    """And what waits behind it has its turn."""
    start = time.monotonic()
    found = list(forks.run({"loop": forever, "next": partial(int, "7")}, 1.0, 1))
    assert found == [("loop", None), ("next", 7)]
    assert 1.0 <= time.monotonic() - start < SOON


def test_a_result_that_is_there_is_taken_late_too():
    """Though the one who asked took longer over the one before."""
    given = forks.run({"one": partial(int, "1"), "other": partial(int, "2")}, 1.0, 2)
    first = next(given)
    time.sleep(1.2)
    assert dict([first, *given]) == {"one": 1, "other": 2}


@pytest.mark.parametrize("dying", [exits, is_killed, raises])
def test_a_task_that_dies(dying, capfd):
    """It comes as None, long before its time is up, and disturbs no other."""
    start = time.monotonic()
    found = dict(forks.run({"dies": dying, "lives": partial(int, "7")}, 3 * SOON, 2))
    assert found == {"dies": None, "lives": 7}
    assert time.monotonic() - start < 2 * SOON


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_task_that_eats_memory(capfd, monkeypatch):
    """Beyond its limit it dies; below it does not."""
    monkeypatch.setattr(forks, "MEMORY", 2**28)
    tasks = {"much": partial(allocates, 2**30), "little": partial(allocates, 2**20)}
    assert dict(forks.run(tasks, SOON, 2)) == {"much": None, "little": 2**20}
    assert "MemoryError" in capfd.readouterr().err


@pytest.mark.parametrize(("jobs", "met"), [(2, True), (1, False)])
def test_as_many_at_a_time_as_asked(jobs, met):
    """Two tasks that wait for each other: two at a time meet, one after the other do not."""
    barrier = FORK.Barrier(2)
    tasks = {name: partial(meets, barrier) for name in ("one", "other")}
    assert {"one": met, "other": met} == dict(forks.run(tasks, SOON, jobs))


@pytest.mark.parametrize("then", [os.getpid, forever, exits, is_killed])
def test_none_is_left_behind(then, tmp_path):
    """Neither running nor as a zombie, whatever became of it."""
    list(forks.run({"task": partial(notes, tmp_path / "pid", then)}, 1.0, 1))
    assert not is_left(int((tmp_path / "pid").read_text()))


def test_none_is_left_behind_when_nobody_asks_on(tmp_path):
    """What still runs when the results are no longer wanted is ended, and asked after."""
    files = [tmp_path / "one", tmp_path / "other"]
    tasks = {file.name: partial(notes, file, forever) for file in files}
    given = forks.run({"first": partial(time.sleep, 1), **tasks}, SOON, 3)
    next(given)
    pids = [int(file.read_text()) for file in files]
    assert all(map(is_left, pids))
    given.close()
    assert [pid for pid in pids if is_left(pid)] == []


def test_the_judge_is_not_changed():
    """A task's changes die with it."""
    dict(forks.run({"task": partial(setattr, forks, "MEMORY", 1)}, SOON, 1))
    assert forks.MEMORY == 4 * 2**30
