"""Pieces of work over the cores, and memory used again: nobody can tell from the numbers."""

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npcnn import functional, workers

RNG = np.random.default_rng(3)
LARGE = RNG.standard_normal((10, 90, 80, 16)).astype(np.float32)
WEIGHTS = RNG.standard_normal((3, 2, 1, 16)).astype(np.float32)
WHOLE = RNG.integers(-3, 4, (3, 2, 16, 8)).astype(np.float32)
OVERFLOWING = np.full_like(LARGE, 3e38)


def run_everything(x=LARGE):
    """On numbers whose sums depend on their order; matrix products are of integers."""
    yield from run(functional.conv, functional.conv_backward, np.rint(x), WHOLE, padding=1)
    yield from run(functional.conv, functional.conv_backward, x, WEIGHTS, groups=16, padding=1)
    yield from functional.max_pool(x, 3, 2, 1, return_indices=True)
    yield from run(functional.max_pool, functional.max_pool_backward, x, kernel_size=3, padding=1)
    yield from run(functional.avg_pool, functional.avg_pool_backward, x, kernel_size=3, padding=1)


def run(forward, backward, *arrays, **words):
    y = forward(*arrays, **words)
    gradients = backward(y, *arrays, **words)
    return [y, *gradients] if isinstance(gradients, tuple) else [y, gradients]


def read_bits(x=LARGE):
    return [a.tobytes() for a in run_everything(x)]


def find_helpers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("npcnn")}


@pytest.fixture(scope="module")
def bits():
    return read_bits()


@pytest.fixture
def cores(monkeypatch):
    """As many as a test says, with threads of their own."""

    def count(number):
        monkeypatch.setattr(workers, "count_cores", lambda: number)
        monkeypatch.setattr(workers, "_pool", None)

    return count


def test_every_core_is_used(cores):
    """The caller's thread and others that stay, which NumPy's settings reach."""
    cores(3)
    seen, met = set(), threading.Barrier(3, timeout=30)

    def call(*_):
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            met.wait()  # until all three have a piece

    with np.errstate(over="call", call=call):
        functional.avg_pool(np.concatenate([OVERFLOWING] * 4), 3)
    assert threading.current_thread() in seen
    assert len(seen & find_helpers()) == 2


@pytest.mark.parametrize("number", [1, 2, 16])
def test_the_same_bits_on_so_many_cores(cores, bits, number):
    """How a layer is cut, and in which order parts are added, depends on its shapes alone."""
    cores(number)
    assert read_bits() == bits


def test_blas_has_its_threads_back():
    """Also after an error in a piece, and while others are at work."""
    get, put = workers._blas()
    before = get()
    try:
        for threads in (2, 1):
            put(threads)
            read_bits()
            with pytest.raises(ZeroDivisionError):
                workers.run(lambda piece: 1 // piece, [1, 0, 1], multiplies=True)
            assert get() == threads
            with ThreadPoolExecutor(4) as callers:
                list(callers.map(lambda _: read_bits(), range(4)))
            assert get() == threads
    finally:
        put(before)


def test_pieces_multiply_on_one_thread():
    """OpenBLAS's own would wait for each other."""
    get, _ = workers._blas()
    assert workers.run(lambda _: get(), range(4), multiplies=True) == [1] * 4


def test_a_blas_that_cannot_be_told_keeps_its_threads(monkeypatch, bits):
    """Then none of ours multiplies; only the products of real numbers are BLAS's own affair."""
    monkeypatch.setattr(workers, "_blas", lambda: None)
    seen = workers.run(lambda _: threading.current_thread(), range(8), multiplies=True)
    assert set(seen) == {threading.current_thread()}
    found, real = read_bits(), 7
    assert found[:real] + found[real + 1 :] == bits[:real] + bits[real + 1 :]


def test_several_callers_at_once(bits):
    """More than there are threads: the same bits."""
    with ThreadPoolExecutor(4) as callers:
        assert all(found == bits for found in callers.map(lambda _: read_bits(), range(6)))
    assert len(find_helpers()) < workers.count_cores() or workers.count_cores() == 1


def test_the_same_bits_without_a_thread(monkeypatch, bits):
    """Where none can be started, all is done here."""

    def refuse(*_args):
        raise RuntimeError("cannot schedule new futures after shutdown")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    assert read_bits() == bits


def test_what_memory_held_before_changes_nothing(bits):
    """It is used again, and there were NaNs in it."""
    with np.errstate(invalid="ignore"):
        read_bits(np.full_like(LARGE, np.nan))
    assert read_bits() == bits


@pytest.mark.parametrize("image", [0, 9])
def test_errors_pass_through(image):
    """From any piece to the caller."""
    x = np.zeros_like(LARGE)
    x[image] = 3e38
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        functional.avg_pool(x, 3)


def test_an_interrupt_waits_for_the_others():
    """Nobody is at work any more once it is raised."""
    started, finished = threading.Event(), []

    def call(*_):
        if threading.current_thread() is threading.main_thread():
            started.wait(10)
            raise KeyboardInterrupt
        started.set()
        time.sleep(0.1)
        finished.append(True)

    with np.errstate(over="call", call=call), pytest.raises(KeyboardInterrupt):
        functional.avg_pool(np.concatenate([OVERFLOWING] * 4), (90, 80), padding=1)
    before = len(finished)
    time.sleep(0.2)
    assert len(finished) == before > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_has_a_thread_of_its_own(bits):
    """Its parent's is not there."""
    functional.max_pool(LARGE, 3)
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        os._exit(len(find_helpers()) if not find_helpers() and read_bits() == bits else 9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


SCRIPT = """
import atexit, threading
import numpy as np
from npcnn import functional, workers

def pool(size):
    functional.max_pool(np.ones((1, size, size, 2)), 3)
    print(sum(thread.name.startswith("npcnn") for thread in threading.enumerate()), end=" ")

workers.count_cores = lambda: 2
pool(8)
pool(200)
pool(600)
atexit.register(pool, 600)
"""


def test_threads_begin_with_large_layers_and_end_with_the_interpreter():
    """Not for small ones; at the exit, where none can start, it works too."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("0 0 1 0 ", "")


def measure(work, *arrays, **words):
    """The bytes that a second call takes at its peak, and keeps, beyond what it returns."""
    work(*arrays, **words)
    tracemalloc.start()
    try:
        results = work(*arrays, **words)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    size = sum(a.nbytes for a in (results if isinstance(results, tuple) else [results]))
    return peak - size, kept - size


@pytest.mark.parametrize("groups", [1, 4, 16])
@pytest.mark.parametrize("cores", [1, 2])
def test_large_layers_are_cut_in_pieces(groups, cores, monkeypatch):
    """Of 16 MiB, convolutions of 32; nothing is kept anew by a thread that was at work before."""
    monkeypatch.setattr(workers, "count_cores", lambda: cores)
    x, w = np.ones((2, 112, 112, 16)), np.ones((3, 3, 16 // groups, 16))
    words, window = {"padding": 1, "groups": groups}, {"kernel_size": 3, "stride": 1, "padding": 1}
    for most, (peak, kept) in (
        (2**25, measure(functional.conv, x, w, **words)),
        (2**25, measure(functional.conv_backward, x, x, w, **words)),
        (2**24, measure(functional.max_pool, x, **window)),
        (2**24, measure(functional.max_pool_backward, x, x, **window)),
        (2**24, measure(functional.avg_pool, x, **window)),
        (2**24, measure(functional.avg_pool_backward, x, x, **window)),
    ):
        assert peak <= most
        assert kept <= 2**20 or cores > 1  # of two threads one may have had no piece before


def test_memory_is_used_again():
    """Where it is small: its windows' cells would be 1 MB.  Large rooms are not kept."""
    x, w = np.ones((16, 28, 28, 1), np.float32), np.ones((5, 5, 1, 6), np.float32)
    y = functional.conv(x, w)
    assert measure(functional.conv, x, w)[0] <= 2**18
    assert measure(functional.conv_backward, y, x, w)[0] <= 2**18
    x = np.ones((1, 200, 200, 16))
    assert measure(functional.conv, x, x[0, ..., None], padding=1)[1] <= 2**20


def test_one_tap_reads_the_input_where_it_is():
    """Nothing is copied that need not be."""
    x, w = np.ones((2, 112, 112, 16)), np.ones((1, 1, 16, 2))
    assert measure(functional.conv, x, w)[0] <= 2**18


def test_large_windows_take_no_memory_for_each_tap():
    """Max pooling's gradient, and its forward pass where zeros of both signs are the largest."""
    x, window = np.zeros((1, 90, 90, 8)), {"kernel_size": 40, "stride": 1}
    x[0, ::2] = -0.0
    dy = np.ones((1, 51, 51, 8))
    assert measure(functional.max_pool, x, **window)[0] < 16 * 2**20
    assert measure(functional.max_pool_backward, dy, x, **window)[0] < 16 * 2**20
