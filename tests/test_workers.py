"""Two halves at once: the same as one after the other, from anywhere."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npcnn import functional, workers

RNG = np.random.default_rng(3)
LARGE = RNG.standard_normal((3, 70, 80, 16)).astype(np.float32)
WEIGHTS = RNG.standard_normal((3, 2, 1, 16)).astype(np.float32)


def everything(x=LARGE, w=WEIGHTS):
    """The passes that share their work, on numbers whose sums depend on their order."""
    y = functional.conv(x, w, groups=16, padding=1)
    gradients = functional.conv_backward(y, x, w, groups=16, padding=1)
    top, index = functional.max_pool(x, 3, 2, 1, return_indices=True)
    average = functional.avg_pool(x, 3, 2, 1)
    pools = (
        functional.max_pool_backward(top, x, 3, 2, 1),
        functional.avg_pool_backward(average, x, 3, 2, 1),
    )
    return [y, *gradients, top, index, average, *pools]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def whose(x):
    """Who does this half, and of how many images; long enough for the other thread to begin."""
    time.sleep(0.05)
    return threading.current_thread(), len(x)


def test_two_threads_are_used():
    """From a certain size on: the caller's, and one that stays."""
    assert LARGE.nbytes >= workers.LEAST
    seen = workers.share(whose, LARGE)
    assert [size for _, size in seen] == [1, 2]
    assert seen[1][0] is threading.current_thread() is not seen[0][0]
    assert workers.share(whose, LARGE)[0][0] is seen[0][0]


def test_one_thread_is_for_all_callers():
    """Whoever finds it at work does both halves."""
    with ThreadPoolExecutor(4) as callers:
        told = callers.map(lambda _: workers.share(whose, LARGE), range(8))
        helpers = {first for (first, _), (second, _) in told if first is not second}
    assert len(helpers) == 1


@pytest.mark.parametrize(("batch", "halves"), [(2, [1, 1]), (6, [3, 3]), (7, [3, 4])])
def test_halves_are_halves(batch, halves):
    """The second has the odd one."""
    arrays = np.zeros((batch, workers.LEAST), np.uint8), np.zeros(batch)
    assert workers.share(lambda large, small: len(large), *arrays) == halves
    assert workers.share(lambda large, small: len(small), *arrays) == halves


def test_small_arrays_and_single_images_are_not_shared():
    """As they are."""
    assert workers.share(len, LARGE[:2, :4]) == [2]
    assert workers.share(len, LARGE[:1]) == [1]
    assert workers.share(len, LARGE[:0]) == [0]


def test_the_same_bits_without_a_thread(monkeypatch):
    """Where none can be started, both halves are done here."""
    want = everything()
    monkeypatch.setattr(workers, "_started", lambda work, arrays: None)
    assert_same(everything(), want)


def test_several_callers_at_once():
    """More than there are threads."""
    want = everything()
    with ThreadPoolExecutor(4) as callers:
        for found in callers.map(lambda _: everything(), range(8)):
            assert_same(found, want)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_has_threads_of_its_own():
    """Its parent's are not there."""
    everything()
    pid = os.fork()
    if not pid:
        seen = {thread for thread, _ in workers.share(whose, LARGE)}
        os._exit(len(seen) if len(everything()) == 9 else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2


def test_at_the_interpreters_exit():
    """When threads can no longer be started."""
    script = (
        "import atexit, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_workers import everything\n"
        "atexit.register(lambda: print(len(everything())))\n"
    )
    command = [sys.executable, "-c", script, os.path.dirname(__file__)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.split(), done.stderr) == (["9"], "")


def test_errors_and_settings_of_numpy_pass_through():
    """From the other thread to the caller, and the other way."""

    def failing(x):
        if len(x) == 1:
            raise KeyError("first half")
        return np.geterr()["divide"]

    with pytest.raises(KeyError, match="first half"):
        workers.share(failing, LARGE)
    with np.errstate(divide="raise"):
        assert workers.share(lambda x: np.geterr()["divide"], LARGE) == ["raise", "raise"]


def test_an_interrupt_waits_for_the_other_half():
    """Nobody writes into the caller's arrays once it is gone."""
    written, started = [], threading.Event()

    def work(x):
        if len(x) == 2:
            started.wait(10)
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.1)
        written.append(len(x))

    with pytest.raises(KeyboardInterrupt):
        workers.share(work, LARGE)
    before = list(written)
    time.sleep(0.2)
    assert written == before
