"""Live sessions: a copy of the process answers, and the session goes on untouched."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from verification import judge
from verification.candidates.process import Call, Process
from verification.judging import UsageError

LIVE = "live session"


def test_functions_of_a_session_with_all_that_they_stand_on():
    """Closures and all; deaths and time limits as elsewhere."""
    factor = 3

    def triple(x):
        print("here")
        return x * factor

    def die(code=3):
        os._exit(code)

    def loop():
        while True:
            pass

    def fail():
        return triple.nothing

    namespace = {"triple": triple, "die": die, "loop": loop, "fail": fail, "three": factor}
    with closing(Process(LIVE, timeout=0.5, namespace=namespace)) as process:
        assert process.hello.names == {"triple": ["x"], "die": ["code=3"], "loop": [], "fail": []}
        reply = process.ask([Call("triple", (np.arange(3.0),))])
        assert (reply.values["y"].tolist(), reply.stdout) == ([0, 3, 6], "here\n")
        where = f"test_live.py line {fail.__code__.co_firstlineno + 1}: return triple.nothing"
        assert process.ask([Call("fail")]).where == (where,)
        assert process.ask([Call("die")]).error == "the interpreter has ended: exit code 3"
        assert process.ask([Call("loop")]).status == "TIMEOUT"
        factor = 4
        assert process.ask([Call("triple", (np.arange(3.0),))]).values["y"].tolist() == [0, 4, 8]


def test_a_session_ends_its_daemons():
    """Whoever killed the guard."""

    def leave(kill):
        if os.fork() == 0:
            time.sleep(60)
        if kill:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return os.getpid()

    with closing(Process(LIVE, timeout=5.0, namespace={"leave": leave})) as process:
        worker = int(process.ask([Call("leave", (False,))]).values["y"])
        assert process.ask([Call("leave", (True,))]).kind == "DIED"
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = file.read_text().rpartition(")")[2].split()[:4]
            assert session != str(worker) or state == "Z"


def test_a_session_keeps_its_output_and_its_handlers(tmp_path):
    """What was printed before is printed once; nothing of it runs in the copy."""
    (tmp_path / "session.py").write_text(
        "import atexit\nfrom contextlib import closing\n"
        "from verification.candidates.process import Call, Process\n"
        "atexit.register(print, 'once')\nprint('before', end=' ')\ndef f(): return 3\n"
        "with closing(Process('', namespace=globals())) as process:\n"
        "    print(process.ask([Call('f')]).values['y'])\n"
        "left = Process('', namespace=globals())\n"
    )
    env = os.environ | {"PYTHONPATH": Path(__file__).parent.parent}
    command = [sys.executable, str(tmp_path / "session.py")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert (ran.stdout, ran.stderr) == ("before 3\nonce\n", "")


def test_a_textbook_and_an_expression():
    """Of this run alone: the next one has torch again."""

    def zero_pad(X, pad):
        return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    run = judge(zero_pad, where="pad == 2 and channels > 1", oracle="textbook").run
    assert (run.verdict, run.oracle) == ("match", "textbook")
    assert {outcome.question.pad for outcome in run.outcomes} == {((2, 2), (2, 2))}
    assert judge(zero_pad, level=1, only="zero_pad").run.oracle.startswith("torch 2")


def test_a_module():
    """Is its names."""
    module = ModuleType("pads")
    exec(
        "import numpy as np\ndef distribute_value(dz, shape): return dz * np.ones(shape)",
        vars(module),
    )
    assert judge(module, level=1).functions["distribute_value"] == "differs"


def test_an_exam_that_shows_is_none():
    """It is refused before anything is asked."""
    with pytest.raises(UsageError, match="an exam shows status alone, got show=all"):
        judge({"zero_pad": lambda X, pad: X}, exam=True, show="all")


def test_a_path(tmp_path):
    """Is the file's name."""
    (tmp_path / "pads.py").write_text("def zero_pad(X, pad): pass\n", encoding="utf-8")
    assert judge(tmp_path / "pads.py", level=1).verdict == "nothing"
