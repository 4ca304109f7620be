"""The tests are run by two processes, and none is lost."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORTS = """
import json, os, sys, warnings, pytest
from functools import partial
from itertools import chain, groupby, pairwise
from tempfile import TemporaryFile
DONE = 70
os.sched_getaffinity = lambda _: {0, 1}
"""
TEST = """
import os, time
def test_one(): time.sleep(0.3)
def test_here(): assert os.getppid() == {outer}
def test_left(): {end}
"""
"""Of four files the copy takes two, where os.getppid() is the other process."""


@pytest.fixture
def run(request, tmp_path):
    """What shares the tests, alone: the oracle takes a while to import."""
    plugins = request.config.pluginmanager
    ours = plugins.get_plugin(str(Path(__file__).with_name("conftest.py")))
    sharing = map(inspect.getsource, (ours.pytest_runtestloop, ours.Reports))
    (tmp_path / "conftest.py").write_text("\n\n".join([IMPORTS, *sharing]))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def run(end="pass"):
        for number in range(4):
            text = TEST.format(outer=os.getpid(), end=end)
            (tmp_path / f"test_{number}.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return ran.returncode, ran.stdout

    return run


def test_both_tell_what_came_of_theirs(run):
    code, told = run()
    assert code == 1
    assert "2 failed, 10 passed" in told
    assert told.count("FAILED test_") == 2


def test_one_that_dies_fails_the_run(run):
    code, told = run(f"os.getppid() == {os.getpid()} or os._exit(0)")
    assert code == 2
    assert "a process with some of the tests has died" in told
