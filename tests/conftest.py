"""What all tests share: how they are run and their tables read, the oracle, a candidate of ours."""

import json
import os
import sys
import tomllib
import warnings
from dataclasses import replace
from functools import partial
from itertools import chain, groupby, pairwise
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import parametrize_from_file
import pytest

from verification.candidates import OWN, Candidate, Other, Reply, contracts
from verification.candidates.process import Hello
from verification.mistakes import read, write_wrongly
from verification.truth import define, oracle

DONE = 70
"""The exit code of a process that has come to its end: no test's own."""
KNOWN = {mistake.id: mistake for mistake in read()}


def _frozen(value):
    """Rows are shared between tests, so their lists are tuples."""
    if isinstance(value, dict):
        return {key: _frozen(part) for key, part in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _load(path):
    """A table of rows for each test; the library's own reader refuses lists such as [1, [2, 1]]."""
    return _frozen(tomllib.loads(Path(path).read_text(encoding="utf-8")))


parametrize_from_file.add_loader(".toml", _load)


def pytest_runtest_setup(item):
    """What an older NumPy still takes is no error of age there."""
    if item.get_closest_marker("ages") and np.lib.NumpyVersion(np.__version__) < "2.4.0":
        pytest.skip(f"NumPy {np.__version__} takes it")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """On two cores two processes share the tests: whichever is free takes the next file.

    The copy writes its reports to a file, from where they are told as if they were made here.
    """
    parts = [[*items] for _, items in groupby(session.items, lambda item: item.path)]
    is_shared = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and len(parts) > 2
    is_plain = not (session.config.option.collectonly or session.config.option.usepdb)
    if session.testsfailed or not (is_shared and is_plain):
        return None
    numbers, end = os.pipe()
    os.write(end, bytes(chain.from_iterable(n.to_bytes(2) for n in range(len(parts)))))
    os.close(end)
    taken = chain.from_iterable(
        parts[int.from_bytes(n)] for n in iter(partial(os.read, numbers, 2), b"")
    )
    with TemporaryFile() as file:
        reports = Reports(session.config, file)
        sys.stdout.flush()
        with warnings.catch_warnings(action="ignore"):  # of a fork beside OpenBLAS's threads
            copy, code = os.fork(), 1
        if not copy:
            session.config.pluginmanager.unregister(name="terminalreporter")
            session.config.pluginmanager.register(reports)
        try:
            for item, following in pairwise(chain(taken, [None])):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if copy:
                    reports.tell()
                if session.shouldfail or session.shouldstop:
                    break
            code = DONE
        finally:
            if not copy:
                if seen := "coverage" in sys.modules and sys.modules["coverage"].Coverage.current():
                    seen.stop()
                    seen.save()
                os._exit(code)
            os.read(numbers, 2 * len(parts))  # what it would take
            _, status = os.waitpid(copy, 0)
            os.close(numbers)
            reports.tell()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop or os.waitstatus_to_exitcode(status) != DONE:
        raise session.Interrupted(session.shouldstop or "a process with some of the tests has died")
    return True


class Reports:
    """Of one process to another: a line of a file for each."""

    def __init__(self, config, file):
        self.config, self.file, self.told = config, file, 0

    def pytest_runtest_logreport(self, report):
        told = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        os.write(self.file.fileno(), json.dumps(told).encode() + b"\n")

    def tell(self):
        """Those that have come since."""
        text = os.pread(self.file.fileno(), 2**30, self.told)
        lines = text[: text.rfind(b"\n") + 1]
        self.told += len(lines)
        for line in lines.splitlines():
            read = self.config.hook.pytest_report_from_serializable
            report = read(config=self.config, data=json.loads(line))
            self.config.hook.pytest_runtest_logreport(report=report)


@pytest.fixture(scope="session", autouse=True)
def _prepared_oracle():
    oracle.prepare()


BELOW = {"conv_forward": ("conv_single_step", "zero_pad"), "conv_backward": ("zero_pad",)}
BELOW["pool_backward"] = ("create_mask_from_window", "distribute_value")
"""Whom the functions of a fake come through."""


class Fake(Candidate):
    """A right candidate in this process; what a function of it answers, an expression may bend.

    It knows the outputs by name, case, given, cache, and how to `give` others (and what a reply
    `says` beside them), to `crash`, to be `wrong` as the catalogue says, and whether it is mended,
    or has right helpers.
    """

    def __init__(self, bends=(), contract="assignment", missing=()):
        contract = contracts.get(contract)
        names = {f.name: f.name for f in contract.functions if f.name not in missing}
        super().__init__("fake.py", contract, names, None, "", [])
        self.bends, self.asked, self.is_mended, self.is_closed = dict(bends), [], False, False

    @property
    def hello(self):
        with_cache = (f for f in self.contract.functions if f.forward)
        known = {f.name: f.signature.split(", ") for f in with_cache}
        return Hello({name: known.get(name) for name in self.names.values()})

    def ask(self, function, case, given, cache=OWN):
        self.asked.append((function.name, case.row, cache))
        return self._answer(function, case, given, cache, is_helped=False)

    def _answer(self, function, case, given, cache, is_helped):
        reals = {name: a.astype(float) if a.dtype.kind == "i" else a for name, a in given.items()}
        answers = oracle.answers(case, reals)
        is_gradient = function.op.endswith("_backward")
        mine = ("dx", "dw", "db") if is_gradient else ("y", "mean", "var", *function.words)
        answers = {name: a for name, a in answers.items() if name in mine}
        give = partial(self._give, function, case, answers)
        scope = answers | {"np": np, "case": case, "given": given, "cache": cache, "give": give}
        scope |= {
            "is_helped": is_helped,
            "wrong": partial(self._err, function, case, given, give),
            "crash": crash,
        }
        return eval(self.bends.get(function.name, "give()"), scope | {"mended": self.is_mended})

    def watch(self, function, case, given, cache):
        below = tuple(name for name in BELOW.get(function.name, ()) if name in self.names)
        reply = self._answer(function, case, given, cache, is_helped=True)
        return replace(reply, entered=below)

    def refuse(self, function, refusal):
        return eval(self.bends[function.name], {"crash": crash, "give": Reply})

    def mend(self):
        self.is_mended = True

    def close(self):
        self.is_closed = True

    def _give(self, function, case, answers, says=(), **changed):
        values = {}
        for name, value in (answers | changed).items():
            fits = np.shape(value) == case.outputs[name]
            values[name] = Other(type(value).__name__)
            if isinstance(value, np.ndarray | np.generic):
                values[name] = function.form(case, name, value) if fits else value
        return Reply("ok", values, **dict(says))

    def _err(self, function, case, given, give, *names, form=0):
        book = write_wrongly(*(KNOWN[name].forms[form] for name in names))
        try:
            with np.errstate(all="ignore"):
                return give(**define(function.op, case, given, book))
        except Exception as error:  # as people's code does
            return crash(f"{type(error).__name__}: {error}")


def crash(error, kind="", **words):
    """An exception, with what is known of it; or, of another kind, no answer at all."""
    status = kind if kind in ("TIMEOUT", "MEMORY") else "CRASH"
    return Reply(status, error=error, kind=kind or error.partition(":")[0], **words)


@pytest.fixture
def fake():
    return Fake
