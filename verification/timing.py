"""One side's passes in a process of its own: npcnn's, torch's in both formats, bare products.

The process is told of a layer, and then asked for blocks of calls; a new one is asked for the
memory that passes take.  Between two requests it sleeps at its pipe, so that the other side has the
machine.  Nothing here loads torch or npcnn but the process whose side it is.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import platform
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from verification import fills, product, row
from verification.case import Case

Arrays = Mapping[str, NDArray[Any]]
Call = Callable[[], Any]
Seconds = dict[str, dict[str, float]]
"""For a call, by pass and by whose it is."""

PASSES = ("forward", "backward")
FORMATS = {"torch": False, "torch, channels last": True}
THREADS = min(2, os.cpu_count() or 1)
WARM, BLOCK = 0.1, 0.03
"""Seconds of calls, and the call in which they end: uncounted, until no core sleeps; counted."""
PAUSE = 0.2
"""Seconds after which no thread of a side still spins: OpenBLAS's wait for 0.1 s for a call."""
_POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class EndedError(Exception):
    """A side's process is no more."""


class Side:
    """A side seen from the benchmark: a process that is asked, as `serve` answers it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "verification.timing", name, str(theirs.fileno())],
                env=os.environ | dict.fromkeys(_POOLS, str(THREADS)),
                pass_fds=[theirs.fileno()],
                process_group=0,  # an interrupt is the benchmark's to deal with
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.wait()

    def ask(self, *request: str) -> Any:
        try:
            self._pipe.send(request)
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise EndedError(f"the process of {self._name} has ended") from None
        time.sleep(PAUSE)
        return answer


def fastest(sides: Sequence[Side], blocks: int) -> Seconds:
    """Of so many blocks of every side, which take turns."""
    told = [side.ask("seconds") for _ in range(blocks) for side in sides]
    best: Seconds = {which: {} for which in PASSES}
    for which, kept in best.items():
        for name, each in (item for seconds in told for item in seconds[which].items()):
            kept[name] = min(each, kept.get(name, math.inf))
    return best


def pair(seconds: Mapping[str, float]) -> tuple[float, float]:
    """npcnn's, and torch's in its better format."""
    return seconds["npcnn"], min(seconds[name] for name in FORMATS)


def block(call: Call) -> float:
    """Seconds for a call, when one follows the other."""
    mean(call, WARM)
    return mean(call, BLOCK)


def mean(call: Call, least: float) -> float:
    """Seconds for a call, of as many as fill so many; the clock is read after every one."""
    start, spent, calls = time.perf_counter(), 0.0, 0
    while spent < least:
        call()
        calls += 1
        spent = time.perf_counter() - start
    return spent / calls


class Layer:
    """A layer in the process of a side, warm: a block of each pass went before."""

    def __init__(self, side: str, line: str, dtype: str) -> None:
        (case,) = row.parse(line)
        self._calls = SIDES[side](case, fills.arrays(case, 0, dtype))
        self.seconds()

    def seconds(self) -> Seconds:
        """Of a block of each pass."""
        return {
            which: {name: block(calls[place]) for name, calls in self._calls.items()}
            for place, which in enumerate(PASSES)
        }


def of_npcnn(case: Case, given: Arrays) -> dict[str, tuple[Call, Call]]:
    """The assignment's functions, which check what they are given."""
    npcnn = importlib.import_module("npcnn")
    words: dict[str, Any] = {"stride": case.stride, "pad": case.pad}
    if case.op == "conv":
        words |= {"groups": case.groups}
        forward = partial(npcnn.conv_forward, given["x"], given["w"], given["b"], words)
        return {"npcnn": (forward, partial(npcnn.conv_backward, given["dy"], forward()[1]))}
    mode = {"max_pool": "max", "avg_pool": "average"}[case.op]
    forward = partial(npcnn.pool_forward, given["x"], words | {"f": case.kernel}, mode)
    return {"npcnn": (forward, partial(npcnn.pool_backward, given["dy"], forward()[1], mode))}


def of_torch(case: Case, given: Arrays) -> dict[str, tuple[Call, Call]]:
    """The same layer in torch's two memory formats."""
    from verification import oracle  # not into npcnn's process

    x, dy = (np.moveaxis(given[name], -1, 1) for name in ("x", "dy"))
    pad = [before for before, _ in case.pad]
    if case.op == "conv":
        leaves = [x, np.moveaxis(given["w"], (-1, -2), (0, 1)), given["b"]]
        words = [case.stride, pad, case.dilation, case.groups]
    else:
        leaves, words = [x], [case.kernel, case.stride, pad]
    ask = partial(oracle.passes, f"{case.op}2d", dy, leaves, words)
    return {name: ask(last) for name, last in FORMATS.items()}


SIDES = {"npcnn": of_npcnn, "torch": of_torch, "product": product.of_numpy}


def work(line: str, dtype: str) -> dict[str, int]:
    """Bytes that npcnn's passes take beyond inputs and outputs, kept ones among them.

    What npcnn keeps from one call for the next shows only in a process that has made none.
    """
    (case,) = row.parse(line)
    given = fills.arrays(case, 0, dtype)
    importlib.import_module("npcnn")
    tracemalloc.start()
    try:
        return dict(zip(PASSES, map(taken, of_npcnn(case, given)["npcnn"])))
    finally:
        tracemalloc.stop()


def taken(call: Call) -> int:
    """Bytes of all that is traced at a call's peak, without the arrays that it returns."""
    tracemalloc.reset_peak()
    answer = call()
    _, peak = tracemalloc.get_traced_memory()
    arrays = answer if isinstance(answer, tuple) else (answer,)
    return peak - sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))


def machine() -> dict[str, Any]:
    """What times depend on, beside the code."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    built: Any = np.show_config(mode="dicts")
    return {
        "cpus": os.cpu_count(),
        "processor": next(named, platform.machine()),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": "{name} {version}".format_map(built["Build Dependencies"]["blas"]),
        "torch": version("torch"),
        "threads": THREADS,
    }


def serve(side: str, pipe: Connection) -> None:
    """Answer until nobody asks: to `begin` a layer, its `seconds`, the `work` of any layer."""
    with pipe, contextlib.suppress(EOFError):
        while True:
            request, *about = pipe.recv()
            if request == "begin":
                layer = Layer(side, *about)
                pipe.send(None)
            else:
                pipe.send(work(*about) if request == "work" else layer.seconds())


if __name__ == "__main__":
    serve(sys.argv[1], Connection(int(sys.argv[2])))
