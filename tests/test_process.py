"""The process: whatever a candidate does, the answer comes in time, and nothing is left behind."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from verification import fills, row
from verification.apart import child, spawning, supervisor
from verification.apart.process import Other, Process, Refused, Request, Source, UnloadableError

ROOT = Path(__file__).parent.parent
HOSTILE = ROOT / "tests" / "candidates" / "hostile"
CONV = row.parse("conv x=[2,5,5,2] w=[3,3,2,2] fill=integers")[0]
SHARE = row.parse("distribute_value x=[2,3] fill=integers")[0]
SOON = 1.0
OURS = f"TESTED_BY={os.getpid()}"
MIB = {"memory_hoard": 64}


def request(function="conv_forward", case=CONV, dtype="float64", **words):
    return Request("assignment", function, {}, case, fills.arrays(case, 0, dtype), **words)


def refused(function, **arguments):
    return Refused(function, arguments)


def hostile(name, timeout=SOON):
    return Process(
        Source("file", str(HOSTILE / f"{name}.py")), timeout=timeout, memory=MIB.get(name, 1024)
    )


def marked():
    """The interpreters that this run has started, and all that they have."""
    found = set()
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if OURS.encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.add(name)
    return found


def below():
    """Our children, zombies too."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found.update((task / "children").read_text().split())
    return found


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module", autouse=True)
def _frozen():
    """What is there before the first test is none of its business, and takes long to look at."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch):
    """No process, no zombie, no thread, no descriptor."""
    monkeypatch.setenv(*OURS.split("="))
    gc.collect()
    before = descriptors(), threading.active_count(), below()
    yield
    gc.collect()
    end = time.monotonic() + 2
    while (descriptors(), threading.active_count(), below()) != before and time.monotonic() < end:
        time.sleep(0.01)
    assert marked() == set()
    assert (descriptors(), threading.active_count(), below()) == before


@pytest.fixture
def written(tmp_path):
    """A candidate of this text."""

    def write(text, **words):
        (tmp_path / "my_cnn.py").write_text(text)
        return Process(Source("file", str(tmp_path / "my_cnn.py")), **{"timeout": SOON, **words})

    return write


GOOD = """
import numpy as np
print("loading")
def conv_forward(A_prev, W, b, hparameters):
    print("asked")
    return A_prev[:, 1:-1, 1:-1] @ W[1, 1] + b, None
def zero_pad(X, pad): pass
"""


def test_a_candidate_is_loaded_and_answers(written):
    """Who it is, what it answers."""
    with written(GOOD) as asked:
        assert asked.hello.names["conv_forward"] == ["A_prev", "W", "b", "hparameters"]
        assert asked.hello.stubs == {"zero_pad"}
        assert (asked.hello.stdout, asked.hello.notes) == ("loading\n", ())
        assert asked.hello.numpy == np.__version__
        assert asked.hello.python == ".".join(map(str, sys.version_info[:3]))
        if sys.platform == "linux":
            assert asked.hello.limits == ("memory", "orphans")
        for dtype in ("float32", "float64"):
            asking = request(dtype=dtype)
            reply = asked.ask(asking)
            given = asking.given
            want = given["x"][:, 1:-1, 1:-1] @ given["w"][1, 1] + given["b"]
            assert (reply.status, reply.error, reply.kind) == ("ok", "", "")
            assert reply.values["y"].tobytes() == want.tobytes()
            assert reply.values["y"].dtype == dtype
            assert (reply.stdout, reply.steady, asked.restarts) == ("asked\n", True, 0)


def test_layouts_reach_the_candidate(written):
    """The question's own, or another."""
    text = "def conv_forward(A_prev, W, b, hparameters): return A_prev.flags.f_contiguous, None"
    with written(text) as asked:
        assert not asked.ask(request()).values["y"]
        assert asked.ask(request(layout="F")).values["y"]


def test_names_of_their_own(written):
    """The contract's function goes by the candidate's name."""
    with written("class C:\n    def f(a, W, b, hp): return a * 2, hp\n") as asked:
        asking = request()
        reply = asked.ask(
            Request("assignment", "conv_forward", {"conv_forward": "C.f"}, CONV, asking.given)
        )
        assert reply.values["y"].tobytes() == (asking.given["x"] * 2).tobytes()


def test_refusals(written):
    """The call is made with arguments of the case file's words."""
    with written("def f(a, n=1):\n    raise ValueError(f'{a.shape} {n}')") as asked:
        reply = asked.ask(refused("f", a={"array": [2, 3]}, n={"tuple": [1]}))
        assert (reply.error, reply.kind) == ("ValueError: (2, 3) (1,)", "ValueError")
        assert reply.where == ("my_cnn.py line 2: raise ValueError(f'{a.shape} {n}')",)


ANSWERS = {
    "base_exception": ("CRASH", "Rude, whose words cannot be read"),
    "changes_hparameters": ("ok", ""),
    "changes_inputs": ("ok", ""),
    "closes_descriptors": ("ok", ""),
    "closes_everything": ("CRASH", "the interpreter has ended: exit code"),
    "endless_loop": ("TIMEOUT", "it was still running after 1 s"),
    "fake_json": ("CRASH", "answered out of turn: it bears another token"),
    "fork_bomb_lite": ("ok", ""),
    "fork_returns": ("ok", ""),
    "fork_then_dies": ("CRASH", "the interpreter has ended: exit code 5"),
    "hostile_reduce": ("ok", ""),
    "keyboard_interrupt": ("CRASH", "KeyboardInterrupt"),
    "kills_parent": ("CRASH", "the interpreter and its supervisor were killed"),
    "memory_bomb": ("MEMORY", "MemoryError: Unable to allocate 8.00 TiB"),
    "memory_hoard": ("MEMORY", "MemoryError"),
    "no_functions": ("CRASH", "AttributeError: there is no conv_forward"),
    "noise_on_descriptors": ("CRASH", "answered out of turn: it does not begin as a frame does"),
    "os_exit": ("CRASH", "the interpreter has ended: exit code 3"),
    "patches_numpy": ("ok", ""),
    "print_flood": ("ok", ""),
    "random_answers": ("ok", ""),
    "reads_frames": ("ok", ""),
    "recursion": ("CRASH", "RecursionError: maximum recursion depth exceeded"),
    "recursion_unbounded": ("CRASH", "the interpreter was killed: signal 11 (SIGSEGV)"),
    "returns_few": ("CRASH", "TypeError: it should return (Z, cache), it returned a ndarray"),
    "returns_lists": ("ok", ""),
    "returns_nan": ("ok", ""),
    "returns_none": ("CRASH", "TypeError: it should return (Z, cache), it returned a NoneType"),
    "returns_views": ("ok", ""),
    "segfault": ("CRASH", "the interpreter was killed: signal 11 (SIGSEGV)"),
    "stdin_reader": ("CRASH", "EOFError: there is nobody to answer input()"),
    "stops_parent": ("TIMEOUT", "it was still running after 1 s"),
    "threads_left_running": ("ok", ""),
    "wrong_dtype": ("ok", ""),
}
LOST = {"fake_json", "noise_on_descriptors", "closes_everything", "endless_loop", "fork_then_dies"}
LOST |= {"kills_parent", "os_exit", "recursion_unbounded", "segfault", "stops_parent"}
UNLOADABLE = {
    "syntax_error": "SyntaxError: 'return' outside function (syntax_error.py line 3: return 1",
    "import_loop": "it was still running after 1 s",
    "exits_at_import": "the interpreter has ended: exit code 7",
}


def test_every_hostile_candidate_is_tried():
    """A file that no table names is not judged."""
    assert {path.stem for path in HOSTILE.glob("*.py")} == {*ANSWERS, *UNLOADABLE}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_candidate_is_answered_for_in_time(name):
    """With the right word; and what it does well counts afterwards."""
    status, error = ANSWERS[name]
    with hostile(name) as asked:
        start = time.monotonic()
        reply = asked.ask(request())
        assert time.monotonic() - start < SOON + child.GRACE + 1
        assert (reply.status, reply.error[: len(error)]) == (status, error)
        assert bool(reply.error) == (status != "ok")
        asking = request("distribute_value", SHARE)
        after = asked.ask(asking)
        assert asked.restarts == (name in LOST)
        if name != "no_functions":
            assert (after.status, after.error, after.steady) == ("ok", "", True)
            assert after.values["y"].tolist() == [[float(asking.given["dy"]) / 6] * 3] * 2


@pytest.mark.parametrize("name", UNLOADABLE)
def test_a_hostile_candidate_is_not_loaded(name):
    """With the reason in one line."""
    with pytest.raises(UnloadableError) as raised:
        hostile(name)
    assert str(raised.value).startswith(UNLOADABLE[name])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "what", "found"),
    [
        ("changes_inputs", "changed", ("A_prev", "W")),
        ("changes_hparameters", "changed", ("hparameters",)),
        ("patches_numpy", "changed", ("A_prev",)),
        ("patches_numpy", "shared", ("y with x",)),
        ("returns_views", "shared", ("y with x",)),
        ("random_answers", "steady", False),
        ("returns_nan", "steady", True),
        ("returns_lists", "values", {"y": Other("list")}),
        ("hostile_reduce", "values", {"y": Other("Mine")}),
        ("wrong_dtype", "values", {"y": Other("ndarray of str1024")}),
        ("segfault", "kind", "DIED"),
        ("fake_json", "kind", "DIED"),
        ("endless_loop", "kind", "TIMEOUT"),
        ("memory_bomb", "kind", "MEMORY"),
        ("base_exception", "where", ("base_exception.py line 12: raise Rude",)),
    ],
    ids=str,
)
def test_what_hostile_candidates_do_is_told(name, what, found):
    """In its own field of the reply."""
    with hostile(name) as asked:
        assert getattr(asked.ask(request()), what) == found


@pytest.mark.parametrize(
    ("name", "function", "arguments", "error", "value"),
    [
        ("keyboard_interrupt", "zero_pad", {"X": 1, "pad": 1}, "SystemExit: 0", None),
        ("keyboard_interrupt", "create_mask_from_window", {"x": 1}, "GeneratorExit", None),
        ("stdin_reader", "zero_pad", {"X": 1, "pad": 1}, "", "array(0.)"),
        ("hostile_reduce", "zero_pad", {"X": {"array": [2]}, "pad": 1}, "", "MineToo"),
        ("wrong_dtype", "zero_pad", {"X": {"array": [2]}, "pad": 1}, "", "ndarray of object"),
        ("wrong_dtype", "create_mask_from_window", {"x": {"array": [2]}}, "", "complex128"),
    ],
    ids=range(6),
)
def test_other_habits(name, function, arguments, error, value):
    """Of the same files."""
    with hostile(name) as asked:
        reply = asked.ask(Refused(function, arguments))
        assert reply.error == error
        assert value is None or value in repr(reply.values["y"])


def test_what_it_repaints_is_for_itself_alone(written):
    """At loading or in a call: it sees its own version, the judge does not."""
    text = (
        "import numpy as np\ntrue = np.repeat\nnp.repeat = lambda *a, **w: true(*a, **w) * 7\n"
        "def f(): return np.repeat(1.0, 2)\n"
        "def g():\n    np.repeat = np.array = None\n    return 1\n"
        "def h(): return np.array is None\n"
        "def conv_forward(A_prev, W, b, hp): return A_prev + 0, None\n"
    )
    with written(text) as asked:
        assert asked.ask(refused("f")).values["y"].tolist() == [7, 7]
        assert asked.ask(refused("g")).status == "ok"
        assert asked.ask(refused("h")).values["y"]
        asking = request(layout="strided")
        assert asked.ask(asking).values["y"].tobytes() == asking.given["x"].tobytes()


def test_warnings_are_no_errors(written):
    """Nor divisions by zero, whatever was set."""
    text = (
        "import warnings, numpy as np\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\n"
        "def f():\n    warnings.warn('old', DeprecationWarning)\n    return np.ones(1) / 0\n"
    )
    with written(text) as asked:
        assert asked.ask(refused("f")).values["y"].tolist() == [np.inf]


def test_the_limit_holds_for_each_call(written):
    """Two calls of 0.7 s are no timeout; the second alone may be one."""
    text = "import time\ntimes = [0.7, 0.7, 0.1, 9]\ndef f(): time.sleep(times.pop(0))"
    with written(text) as asked:
        assert asked.ask(refused("f")).status == "ok"
        assert asked.ask(refused("f")).status == "TIMEOUT"


def test_a_crash_or_a_death_the_second_time(written):
    """An exception that comes and goes is unsteady; a death is a death."""
    text = "import os\nn = []\ndef f(): n.append(1); return 1 / (len(n) % 2)\n"
    with written(text + "def g():\n    n.append(1)\n    if len(n) > 3: os._exit(9)\n") as asked:
        reply = asked.ask(refused("f"))
        assert (reply.status, reply.steady) == ("ok", False)
        assert asked.ask(refused("g")).error == "the interpreter has ended: exit code 9"


def test_floods_of_frames_are_not_gathered(written):
    """What is not asked for stays in the pipe, and counts against the next answer."""
    text = (
        "import json, os, struct, threading, time\n"
        "words = json.dumps({'header': {'token': 'none'}, 'values': []}).encode()\n"
        "frame = struct.pack('<4sIQ', b'npv1', len(words), 0) + words\n"
        "def flood():\n    time.sleep(0.2)\n    while True:\n"
        "        for d in range(200, 260):\n            try: os.write(d, frame)\n"
        "            except OSError: pass\n"
        "def f(): threading.Thread(target=flood, daemon=True).start()\ndef g(): return 1\n"
    )
    with written(text) as asked:
        assert asked.ask(refused("f")).status == "ok"
        time.sleep(0.5)
        assert asked.ask(refused("g")).error == "answered out of turn: it bears another token"
        assert asked.ask(refused("g")).status == "ok"
        assert asked.restarts == 1


def test_large_arrays_travel(written):
    """More than a pipe holds, both ways; to one that does not read, no longer than the limit."""
    text = (
        "import os, signal\ndef conv_forward(A_prev, W, b, hp): return A_prev * 2, None\n"
        "def stop(): os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    case = row.parse("conv x=[2,300,300,4] w=[1,1,4,1] fill=dense")[0]
    with written(text, timeout=3) as asked:
        asking = request(case=case)
        reply = asked.ask(asking)
        assert reply.values["y"].tobytes() == (asking.given["x"] * 2).tobytes()
        os.kill(asked._children[0].session, signal.SIGSTOP)
        assert asked.ask(asking).status == "TIMEOUT"
        assert asked.ask(asking).status == "ok"


@pytest.mark.parametrize("size", [96, 192])
def test_an_answer_beyond_the_limit(written, size):
    """It fits into the worker's memory, but not twice, or not thrice."""
    text = f"import numpy as np\ndef f(): return np.zeros({size} * 2**17)\ndef g(): return 1"
    with written(text, memory=256, timeout=5) as asked:
        assert asked.ask(refused("f")).kind == "MEMORY"
        assert asked.ask(refused("g")).status == "ok"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(:\n", "SyntaxError: invalid syntax (my_cnn.py line 1: def f(:)"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero (my_cnn.py line 2: 1 / 0)"),
        ("import nosuch", "ModuleNotFoundError: No module named 'nosuch' (my_cnn.py line 1: impor"),
        ("raise SystemExit", "SystemExit (my_cnn.py line 1: raise SystemExit)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (my_cnn.py line 1: raise KeyboardInterrupt"),
        ("raise ValueError('a\\nb')", "ValueError: a b (my_cnn.py line 1: "),
        (
            "import os, signal\nos.kill(os.getpid(), 9)",
            "the interpreter was killed: signal 9 (SIGK",
        ),
        ("a = bytearray(2**40)", "MemoryError (my_cnn.py line 1: a = bytearray(2**40))"),
        ("a\0b", "SyntaxError: source code string cannot contain null bytes"),
    ],
    ids=range(9),
)
def test_what_cannot_be_loaded(written, text, reason):
    """Why, and in which of its lines."""
    with pytest.raises(UnloadableError) as raised:
        written(text)
    assert str(raised.value).startswith(reason)


def test_what_is_not_there():
    """A file, a notebook, a module."""
    for kind, name in (("file", "/no/such.py"), ("notebook", "/no.ipynb"), ("module", "no.such")):
        with pytest.raises(UnloadableError, match=r"No such file|No module named"):
            Process(Source(kind, name))


def test_a_module_under_its_dotted_name():
    """npcnn is a candidate like any other, and no stranger's work in itself."""
    with Process(Source("module", "npcnn")) as asked:
        assert "functional.conv2d" in asked.hello.names
        assert asked.hello.notes == ()
        assert asked.ask(request()).status == "ok"


def test_the_work_of_others_is_noted(written):
    """At loading, or when a function comes to it."""
    with written("import npcnn") as asked:
        assert asked.hello.notes == ("imports npcnn: not a NumPy implementation",)
    with written("def f():\n    import npcnn") as asked:
        assert asked.hello.notes == ()
        assert asked.ask(refused("f")).notes == ("imports npcnn: not a NumPy implementation",)


def test_mending(written):
    """The errors of age, with and without; plain arrays come back."""
    text = (
        "import numpy as np\n"
        "def conv_forward(A_prev, W, b, hparameters):\n"
        "    Z = np.zeros((2, 3, 3, 1), dtype=np.float)\n"
        "    Z[0, 0, 0, 0] = np.sum(A_prev[0, :3, :3, :] * W[..., 0]) + b\n"
        "    Z[1, 1, 1, 0] = float(b) + np.asscalar(b)\n"
        "    return Z, None\n"
    )
    case = row.parse("conv x=[2,5,5,2] w=[3,3,2,1] fill=integers")[0]
    asking = request(case=case)
    with written(text) as asked:
        assert asked.ask(asking).kind == "AttributeError"
    with written(text, mend=True) as asked:
        reply = asked.ask(asking)
        assert reply.error == ""
        x, w, b = (asking.given[name] for name in "xwb")
        want = np.zeros((2, 3, 3, 1))
        want[0, 0, 0, 0] = np.sum(x[0, :3, :3] * w[..., 0]) + b.item()
        want[1, 1, 1, 0] = 2 * b.item()
        assert type(reply.values["y"]) is np.ndarray
        assert reply.values["y"].tolist() == want.tolist()


def test_a_live_session():
    """Closures and all; deaths and time limits as elsewhere, and the session goes on."""
    factor = 3

    def conv_forward(A_prev, W, b, hparameters):
        print("here")
        return A_prev * factor, None

    def dies():
        os._exit(3)

    def loops():
        while True:
            pass

    def fails():
        raise ValueError("no")

    namespace = {"conv_forward": conv_forward, "dies": dies, "loops": loops, "fails": fails}
    with Process.live(namespace, timeout=SOON) as asked:
        assert asked.hello.names == {
            "conv_forward": ["A_prev", "W", "b", "hparameters"],
            "dies": [],
            "loops": [],
            "fails": [],
        }
        asking = request()
        reply = asked.ask(asking)
        assert reply.values["y"].tobytes() == (asking.given["x"] * 3).tobytes()
        assert reply.stdout == "here\n"
        assert asked.ask(refused("fails")).where[0].startswith("test_process.py line ")
        assert asked.ask(refused("dies")).error == "the interpreter has ended: exit code 3"
        assert asked.ask(refused("loops")).status == "TIMEOUT"
        factor = 4
        assert asked.ask(asking).values["y"].tobytes() == (asking.given["x"] * 4).tobytes()
        assert asked.restarts == 2


def test_a_live_session_ends_its_daemons():
    """Whoever killed the supervisor."""

    def daemon(kill):
        if os.fork() == 0:
            time.sleep(60)
        if kill:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return os.getpid()

    with Process.live({"daemon": daemon}, timeout=SOON) as asked:
        worker = int(asked.ask(refused("daemon", kill=False)).values["y"])
        assert asked.ask(refused("daemon", kill=True)).kind == "DIED"
    living = (pid for pid in supervisor.pids() if supervisor.parent(pid))
    assert not any(spawning._session(pid) == worker for pid in living)


def test_a_session_keeps_its_output_and_its_handlers(tmp_path):
    """What was printed before is printed once; nothing of it runs in the copy."""
    script = tmp_path / "session.py"
    script.write_text(
        "import atexit, signal, sys\n"
        "from verification.apart.process import Process, Refused\n"
        "atexit.register(print, 'once')\n"
        "print('before', end=' ')\n"
        "def f(): return 3\n"
        "with Process.live(globals(), timeout=5) as asked:\n"
        "    value = asked.ask(Refused('f', {})).values['y']\n"
        "print(value)\n"
        "left = Process.live(globals(), timeout=5)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (ran.stdout, ran.stderr) == ("before 3\nonce\n", "")


def test_without_fork_there_are_no_live_sessions(monkeypatch):
    """And it says so."""
    monkeypatch.delattr(os, "fork")
    with pytest.raises(spawning.UnforkableError, match="with fork alone: use a file"):
        Process.live({})


def test_closing_ends_it_once_and_for_all(written):
    """By hand, by the with statement, or by nobody's holding it any more."""
    asked = written(GOOD)
    asked.close()
    asked.close()
    with pytest.raises(ValueError, match="closed"):
        asked.ask(request())
    written(GOOD)
    gc.collect()
    assert marked() == set()


def test_the_judges_death_is_the_candidates(tmp_path):
    """Killed, it cannot tidy up; the lifeline does, though the candidate loops."""
    (tmp_path / "loops.py").write_text("import os\ndef f():\n    os.fork()\n    while True: pass\n")
    script = tmp_path / "judge.py"
    script.write_text(
        "import os, threading, time\nfrom verification.apart.process import *\n"
        f"kept = Process(Source('file', {str(tmp_path / 'loops.py')!r}))\n"
        "threading.Thread(target=kept.ask, args=(Refused('f', {}),), daemon=True).start()\n"
        "time.sleep(0.3)\nprint('ready', flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, env=env, check=False)
    assert (ran.stdout, ran.returncode) == (b"ready\n", -9)
    end = time.monotonic() + 3
    while marked() and time.monotonic() < end:
        time.sleep(0.01)
    assert marked() == set()


def test_an_interrupt_leaves_no_answer_for_the_next(written, monkeypatch):
    """Ctrl-C ends the question and its worker."""
    with written(GOOD) as asked:

        def interrupted(self, timeout):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(child.Child, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                asked.ask(request())
        assert asked.ask(request()).status == "ok"
        assert asked.restarts == 1


COUNTING = """
import os, time
calls = []
def conv_forward(A_prev, W, b, hparameters):
    calls.append(1)
    return A_prev * 0 + len(calls), None
def conv_backward(dZ, cache): return dZ, W, b
def slow(A_prev, W, b, hparameters): time.sleep(9)
def dead(A_prev, W, b, hparameters): os._exit(3)
def late(A_prev, W, b, hparameters): time.sleep(0.3); return A_prev, None
"""


def named(name):
    """A question to the candidate's function of this name."""
    return Request("assignment", "conv_forward", {"conv_forward": name}, CONV, request().given)


def told(reply):
    """How many calls there had been."""
    return reply.values["y"].flat[0]


def test_what_is_expected_is_under_way(written):
    """Its time runs while nobody waits; asked for, it is not called again."""
    with written(COUNTING) as asked:
        for name in ("late", "conv_forward"):
            asking = named(name)
            asked.expect(asking)
            time.sleep(0.8)
            start = time.monotonic()
            assert asked.ask(asking).status == "ok"
            assert time.monotonic() - start < 0.25
        assert told(asked.ask(request())) == 3


def test_what_is_expected_may_be_asked_later(written):
    """Another question waits until it is answered, and each gets its own answer."""
    with written(COUNTING) as asked:
        first, second = request(), request()
        asked.expect(first)
        assert told(asked.ask(second)) == 3
        assert told(asked.ask(first)) == 1
        assert told(asked.ask(first)) == 5


@pytest.mark.parametrize("change", ["case", "given", "cache", "layout", "names", "function"])
def test_what_is_expected_is_that_very_question(written, change):
    """Of the same arrays, to the same function, in the same manner: else it is another."""
    with written(COUNTING) as asked:
        first = request()
        other = {
            "case": replace(CONV),
            "given": dict(first.given),
            "cache": "canonical",
            "layout": "F",
            "names": {"zero_pad": "pad"},
            "function": "conv_backward",
        }
        asked.expect(first)
        asked.ask(replace(first, **{change: other[change]}))
        assert told(asked.ask(replace(first))) == 1


def test_one_question_is_expected_at_a_time(written):
    """While it is on its way no other is sent; when another is expected it is forgotten."""
    with written(COUNTING) as asked:
        first, second, third = request(), request(), request()
        for asking in (first, second, first):
            asked.expect(asking)
        assert told(asked.ask(third)) == 3
        asked.expect(first)
        assert told(asked.ask(third)) == 5
        asked.expect(second)
        assert told(asked.ask(second)) == 7
        assert told(asked.ask(first)) == 9


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("slow", "TIMEOUT", "it was still running after 1 s"),
        ("dead", "DIED", "the interpreter has ended: exit code 3"),
    ],
)
@pytest.mark.parametrize("between", [False, True])
def test_what_is_expected_and_lost_is_its_own_loss(written, name, kind, said, between):
    """Whatever is asked before it; and the next question finds a new process."""
    with written(COUNTING) as asked:
        asking = named(name)
        asked.expect(asking)
        if between:
            assert told(asked.ask(request())) == 1
        lost = asked.ask(asking)
        assert (lost.kind, lost.error) == (kind, said)
        assert asked.ask(request()).status == "ok"
        assert asked.restarts == 1


def test_nothing_is_expected_of_the_dead(written):
    """It is not started for it; asked, it is."""
    with written(COUNTING) as asked:
        assert asked.ask(named("dead")).kind == "DIED"
        asking = request()
        asked.expect(asking)
        assert (asked.restarts, asked._children) == (0, [])
        assert told(asked.ask(asking)) == 1
    asked.expect(asking)
    with pytest.raises(ValueError, match="closed"):
        asked.ask(asking)


def test_it_may_die_while_nobody_looks(written):
    """That is the loss of the question on its way, and of no other."""
    with written(COUNTING) as asked:
        asking = request()
        os.kill(asked._children[0].session, signal.SIGKILL)
        asked.expect(asking)
        assert asked.ask(request()).status == "ok"
        assert asked.ask(asking).kind == "DIED"
        assert asked.restarts == 1


def test_the_limit_begins_when_it_is_waited_for(written):
    """Nobody is late because the judge was busy, nor because the way is long."""
    case = row.parse("conv x=[2,300,300,4] w=[1,1,4,1] fill=dense")[0]
    with written(COUNTING.replace("0.3", "0.8")) as asked:
        for asking in (named("late"), request(case=case)):
            asked.expect(asking)
            time.sleep(1.2)
            assert asked.ask(asking).status == "ok"


def test_a_large_request_is_not_waited_for(written):
    """Nor is one that nobody reads, when the process is closed."""
    case = row.parse("conv x=[2,300,300,4] w=[1,1,4,1] fill=dense")[0]
    with written(COUNTING) as asked:
        asking = request(case=case)
        os.kill(asked._children[0].session, signal.SIGSTOP)
        start = time.monotonic()
        asked.expect(asking)
        assert time.monotonic() - start < 0.5


def test_an_interrupt_ends_what_is_expected(written, monkeypatch):
    """Nothing of it is left for whoever asks next."""

    def interrupted(self, timeout):
        raise KeyboardInterrupt

    with written(COUNTING) as asked:
        asking = request()
        asked.expect(asking)
        with monkeypatch.context() as patched:
            patched.setattr(child.Child, "receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                asked.ask(request())
        assert told(asked.ask(asking)) == 1
        assert asked.restarts == 1


def test_a_candidate_that_cannot_be_loaded_again(tmp_path):
    """A crash like any other."""
    file = tmp_path / "once.py"
    file.write_text("import os\ndef f(): os._exit(1)")
    with Process(Source("file", str(file))) as asked:
        asked.ask(refused("f"))
        file.write_text("1 / 0")
        reply = asked.ask(refused("f"))
        assert (reply.status, reply.kind) == ("CRASH", "DIED")
        assert reply.error.startswith("cannot be loaded again: ZeroDivisionError")


def test_two_at_a_time(written):
    """One's end is not the other's."""
    first = written(GOOD)
    with written(GOOD) as second:
        assert first.ask(request()).status == "ok"
        first.close()
        assert second.ask(request()).status == "ok"


def test_nothing_is_written_beside_the_candidate(tmp_path, written, monkeypatch):
    """No bytecode, no core."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (tmp_path / "neighbour.py").write_text("n = 1")
    with written("import neighbour, ctypes\ndef f(): ctypes.string_at(0)") as asked:
        asked.ask(refused("f"))
    assert sorted(os.listdir(tmp_path)) == ["my_cnn.py", "neighbour.py"]


def test_a_stranger_folder_shadows_nothing_of_ours(tmp_path, written):
    """Its own json.py is for itself."""
    for name in ("json", "numpy", "verification", "inspect"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadow')")
    with written(GOOD) as asked:
        assert asked.ask(request()).status == "ok"


def test_it_is_quick(written):
    """A question with both its calls well under a hundredth of a second, a start under two."""
    start = time.monotonic()
    with written("def f(): return 1.0") as asked:
        assert time.monotonic() - start < 2
        asking, start = refused("f"), time.monotonic()
        for _ in range(100):
            assert asked.ask(asking).status == "ok"
        assert time.monotonic() - start < 1
