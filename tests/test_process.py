"""The process: whatever a candidate does, the answer comes in time, and nothing is left behind."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.candidates import process as room
from verification.candidates.process import IDENTITY, Call, Other, Process, Result
from verification.candidates.worker import NUMBERS, PREFIX, Wire

ROOT = Path(__file__).parent.parent
OURS = f"TESTED_BY={os.getpid()}"
X = np.arange(6.0).reshape(2, 3)
CONV = (np.ones((2, 5, 5, 2)), np.ones((3, 3, 2, 2)), np.ones((1, 1, 1, 2)), {"stride": 1})
NAMES = {"np": np, "Call": Call, "Result": Result, "Other": Other, "IDENTITY": IDENTITY, "X": X}
NAMES |= {"ROWS": np.ones((2, 3)) * [1.0, -0.0, np.nan], "ZERO": np.array(2.0)}
NAMES["PLAIN"] = (None, True, -3, 1e300, "wörd", [1, (2, [])], {"k": (1, None), 2: {}}, (), np.inf)
ALSO = "def distribute_value(dz, shape): return dz / (shape[0] * shape[1])"


def list_ours():
    """The interpreters that this run has started, what they have, and daemons without a name."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = OURS.encode() in (process / "environ").read_bytes()
            if is_ours or (process / "cmdline").read_bytes() == b"sleep\x0061\x00":
                found.add(process.name)
    return found


def count_held():
    """Our descriptors, threads and children, zombies too."""
    children = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            children.update((task / "children").read_text().split())
    return len(os.listdir("/proc/self/fd")), threading.active_count(), children


@pytest.fixture(scope="module")
def define(tmp_path_factory):
    """One process for many candidates: it becomes one of this text."""
    gc.collect()
    gc.freeze()  # what was there before takes long to look at
    path = tmp_path_factory.mktemp("define") / "my_cnn.py"
    path.write_text("import numpy as np\ndef define(text): exec(text, globals())")
    with closing(Process(str(path), timeout=5.0)) as process:
        yield lambda text: process.ask([Call("define", (text,))]) and process
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch, define):
    """No process, no zombie, no thread, no descriptor."""
    monkeypatch.setenv(*OURS.split("="))
    gc.collect()
    before = count_held()
    yield
    gc.collect()
    assert list_ours() == set()
    assert count_held() == before


@pytest.fixture
def write(tmp_path):
    """A candidate of this text, or another module."""

    def process(text, module="", **words):
        if text is not None:
            (tmp_path / "my_cnn.py").write_text(text)
        return Process(module or str(tmp_path / "my_cnn.py"), **{"timeout": 5.0, **words})

    return process


def same(got, want):
    """Bit for bit."""
    want = np.asarray(want)
    return (got.dtype, got.shape, got.tobytes()) == (want.dtype, want.shape, want.tobytes())


def test_a_candidate_is_loaded_and_answers(write):
    """Who it is, what it answers."""
    text = "print('loading')\ndef zero_pad(X): pass\ndef f(x, *r, p=0, **q): print('x'); return x"
    with closing(write(text)) as process:
        hello, reply = process.hello, process.ask([Call("f", (X,))])
    assert hello.names == {"zero_pad": ["X"], "f": ["x", "*r", "p=0"]}
    assert (hello.stubs, hello.notes) == ({"zero_pad"}, ())
    assert (reply.status, reply.error, reply.kind, reply.where) == ("ok", "", "", ())
    assert (reply.stdout, reply.steady, reply.shared) == ("x\n", True, ("y with x",))
    assert same(reply.values["y"], X)
    assert 0 < reply.seconds < 1


SCHEMA = defaults(text=None, module="", why="", error="", memory=1024, reply={}, other="", after=1)


@parametrize_from_file(schema=SCHEMA)
def test_a_hostile_candidate_is_answered_for_in_time(
    write, text, module, status, error, memory, reply, other, after, why
):
    """With the right word; and what it does well counts afterwards."""
    words = {"timeout": 0.5 if "0.5 s" in error else 5.0, "memory": memory}
    if status == "unloadable":
        with pytest.raises(room.UnloadableError) as raised:
            write(text, module, **words)
        assert str(raised.value).startswith(error)
        assert "\n" not in str(raised.value)
        return
    with closing(write(text + ALSO, **words)) as process:
        start = time.monotonic()
        got = process.ask([Call("conv_forward", CONV, outputs=("y", ""), returns="Z, cache")])
        assert time.monotonic() - start < words["timeout"] + room.GRACE + 1
        assert got.status == status
        assert got.error.startswith(error if isinstance(error, str) else tuple(error))
        assert bool(got.error) == (status != "ok")
        assert {name: getattr(got, name) for name in reply} == reply
        assert not other or got.values == {"y": Other(other)}
        if after:
            again = process.ask([Call("distribute_value", (np.array(6.0), (2, 3)))])
            assert (again.error, again.values["y"], again.steady) == ("", 1.0, True)


@parametrize_from_file(schema=defaults(text=None, module="", timeout=5.0, memory=1024, hello=()))
def test_calls_one_after_another(write, text, module, timeout, memory, hello, steps):
    """Each comes to what it must."""
    with closing(write(text, module, timeout=timeout, memory=memory)) as process:
        assert process.hello.notes == hello
        for step in steps:
            big, status = np.arange(2.0**20), step.get("status", "ok")
            arguments = (big,) if "large" in step else step.get("arguments", ())
            reply = process.ask([Call(step["call"], arguments)], step.get("layout", "C"))
            assert (reply.status, reply.notes) == (status, step.get("notes", ()))
            assert reply.error.startswith(step.get("error", ""))
            assert reply.reused == step.get("reused", ())
            assert reply.stdout.endswith(step.get("stdout", ""))
            assert reply.where == step.get("where", reply.where)
            want = big * 2 if "large" in step and status == "ok" else step.get("value")
            got = reply.values.get("y")
            is_other = isinstance(got, Other)
            assert want is None or (got == Other(want) if is_other else np.array_equal(got, want))
            time.sleep(step.get("pause", 0))


@parametrize_from_file(schema=defaults(calls="[Call('f', (X,))]", layout="C", holds=()))
def test_a_request_comes_to_this(define, text, calls, layout, holds):
    """Arguments and results of every kind, bit for bit; what is changed or shared is named."""
    reply = define(text).ask(eval(calls, NAMES), layout)
    names = {**NAMES, "same": same, "reply": reply, "y": reply.values.get("y")}
    for text in holds:
        assert eval(text, names), (text, reply)


@pytest.mark.parametrize(("said", "threads"), [("", 1), ("3", 3)])
def test_openblas_has_one_thread_unless_somebody_says_otherwise(write, monkeypatch, said, threads):
    """Two of them would spin at every start."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if said:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", said)
    text = "import os\ndef f(): return int(os.environ['OPENBLAS_NUM_THREADS'])"
    with closing(write(text)) as process:
        assert process.ask([Call("f")]).values["y"] == threads


def test_closing_ends_one_and_for_good(write):
    """By hand, by the with statement, or by nobody's holding it any more; and nobody else's."""
    first = write("def f(): return 1")
    with closing(write("def f(): return 2")) as second:
        first.close()
        first.close()
        with pytest.raises(ValueError, match="closed"):
            first.ask([Call("f")])
        assert second.ask([Call("f")]).values["y"] == 2
    write("")
    gc.collect()
    assert list_ours() == set()


def test_an_interrupt_leaves_no_answer_for_the_next(write, monkeypatch):
    """Ctrl-C ends the question and its worker."""

    def interrupt(self):
        raise KeyboardInterrupt

    with closing(write("def f(): return 1\ndef g(): return 2")) as process:
        with monkeypatch.context() as patched:
            patched.setattr(Wire, "receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                process.ask([Call("f")])
        assert process.ask([Call("g")]).values["y"] == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_judges_death_is_the_candidates(tmp_path, number):
    """It cannot tidy up; its guard does, though the candidate loops."""
    (tmp_path / "loops.py").write_text("import os\ndef f():\n    os.fork()\n    while True: pass\n")
    (tmp_path / "judge.py").write_text(
        "import os, threading, time\nfrom verification.candidates.process import *\n"
        f"kept = Process({str(tmp_path / 'loops.py')!r})\n"
        "threading.Thread(target=kept.ask, args=([Call('f')],), daemon=True).start()\n"
        f"time.sleep(0.3)\nprint('ready', flush=True)\nos.kill(os.getpid(), {int(number)})\n"
    )
    command, env = [sys.executable, str(tmp_path / "judge.py")], os.environ | {"PYTHONPATH": ROOT}
    ran = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (ran.stdout, ran.returncode) == (b"ready\n", -number)
    end = time.monotonic() + room.GRACE
    while list_ours() and time.monotonic() < end:
        time.sleep(0.01)


@parametrize_from_file(schema=defaults(times=1))
def test_what_is_no_frame_is_refused(header, times):
    """Before its arrays are read, and before they are waited for."""
    ours, theirs = socket.socketpair()
    data = PREFIX.pack(len(header) * times, 16) + header.encode() * times
    with ours, theirs:
        theirs.send(data[: 2**17])
        with pytest.raises((ValueError, TypeError, RecursionError)):
            Wire(ours, NUMBERS, 2**20, timeout=5.0).receive()


def test_a_part_of_a_frame_is_none():
    """Wherever it is cut, it is waited for until the end of its time, or of the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Wire(theirs, NUMBERS, 2**20).send({"x": X, "flag": np.array(True)})
        raw, wire = ours.recv(2**16), Wire(ours, NUMBERS, 2**20)
        for cut in range(0, len(raw), 9):
            near, far = socket.socketpair()
            with near, far:
                far.sendall(raw[:cut])
                late = Wire(near, NUMBERS, 2**20, timeout=0.01)
                with pytest.raises(TimeoutError):
                    late.receive()
        theirs.sendall(raw)
        assert wire.receive()["x"].tobytes() == X.tobytes()
        theirs.close()
        with pytest.raises(EOFError):
            wire.receive()
