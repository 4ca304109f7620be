"""What all tests share: how tables are read, torch as the judge sets it, a candidate of our own."""

import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest

from verification.candidates import OWN, Candidate, Other, Reply, contracts
from verification.candidates.process import Hello
from verification.mistakes import read, write_wrongly
from verification.truth import define, oracle

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


@pytest.fixture(scope="session", autouse=True)
def _prepared_oracle():
    oracle.prepare()


class Fake(Candidate):
    """A right candidate in this process; what a function of it answers, an expression may bend.

    It knows the outputs by name, case, given, cache, and how to `give` others (and what a reply
    `says` beside them), to `crash`, to be `wrong` as the catalogue says, and whether it is mended.
    """

    def __init__(self, bends=(), contract="assignment", missing=()):
        contract = contracts.get(contract)
        names = {f.name: f.name for f in contract.functions if f.name not in missing}
        super().__init__("fake.py", contract, names, None, "", [])
        self.bends, self.asked, self.is_mended, self.is_closed = dict(bends), [], False, False

    @property
    def hello(self):
        return Hello(dict.fromkeys(self.names.values()))

    def ask(self, function, case, given, cache=OWN):
        self.asked.append((function.name, case.row, cache))
        reals = {name: a.astype(float) if a.dtype.kind == "i" else a for name, a in given.items()}
        answers = oracle.answers(case, reals)
        is_gradient = function.op.endswith("_backward")
        mine = ("dx", "dw", "db") if is_gradient else ("y", "mean", "var", *function.words)
        answers = {name: a for name, a in answers.items() if name in mine}
        give = partial(self._give, function, case, answers)
        scope = answers | {"np": np, "case": case, "given": given, "cache": cache, "give": give}
        scope |= {"wrong": partial(self._err, function, case, given, give), "crash": crash}
        return eval(self.bends.get(function.name, "give()"), scope | {"mended": self.is_mended})

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


def crash(error, kind=""):
    """An exception; or, of another kind, no answer at all."""
    status = kind if kind in ("TIMEOUT", "MEMORY") else "CRASH"
    return Reply(status, error=error, kind=kind or error.partition(":")[0])


@pytest.fixture
def fake():
    return Fake
