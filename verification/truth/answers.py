"""What is true of a question: torch's answers, vouched for by the textbook, and their bounds."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from verification.questions import Arrays, Case, arrays
from verification.truth import bounds, oracle, textbook

AFFORDABLE = 4000
"""Multiply-adds up to which a question is small enough for the textbook's loops over integers."""
SMALL, FEW = 20_000, 4
"""Multiply-adds of a question whose answers are remembered; of larger ones the last few are."""
BITWISE = (
    *("max_pool", "avg_pool", "zero_pad"),
    *("adaptive_max_pool", "adaptive_avg_pool", "max_unpool"),
)
"""Operations whose very bits NumPy can give as torch does; of an adaptive average, but the mean."""


class OracleFaultError(Exception):
    """Torch and the textbook disagree: nobody can be judged by either."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A question's arrays, and what is true of them, computed when it is wanted.

    `values` are the right outputs by name; `limits` how far an answer may be from each of their
    elements, of the outputs that need not be equal: none is where `is_bitwise` asks for torch's
    very bits.
    """

    case: Case
    arrays: Arrays
    dtype: str
    is_bitwise: bool = False

    @functools.cached_property
    def values(self) -> Arrays:
        dtype = self.dtype if self.case.is_exact or self.is_bitwise else "float64"
        # torch's own half precision is no oracle, and where integers are exact none is needed
        wide = "float32" if dtype == "float16" else dtype
        asked = {name: a.astype(wide) for name, a in self.arrays.items()}
        values = oracle.answers(self.case, asked)
        if wide != dtype:
            values = {name: a.astype(dtype) if a.dtype == wide else a for name, a in values.items()}
        is_affordable = self.case.is_exact and self.case.work <= AFFORDABLE
        if is_affordable and not oracle.substitute:
            _vouch(self.case, self.arrays, values)
        return values

    @functools.cached_property
    def limits(self) -> Arrays:
        if self.is_bitwise or self.case.is_exact:
            return {}
        given = {name: a.astype(self.dtype, copy=False) for name, a in self.arrays.items()}
        return bounds.bound(self.case, given, self.dtype)


def prepare(name: str = "torch") -> str:
    """Choose the oracle, torch or the textbook; its name, and torch's version."""
    is_textbook = name == "textbook"
    if bool(oracle.substitute) != is_textbook:
        forget()
    oracle.substitute = ask_textbook if is_textbook else None
    return name if is_textbook else oracle.prepare()


def answer(case: Case, seed: int, dtype: str, is_bitwise: bool = False) -> Truth:
    """The question with its arrays, and what is true of them; torch's bits are torch's to give."""
    remembered = _small if case.work <= SMALL else _large
    is_mean = case.op == "adaptive_avg_pool" and set(case.out) == {1}  # torch sums it otherwise
    is_bitwise &= case.op in BITWISE and not is_mean and not oracle.substitute
    return remembered(case, seed, case.dtype or dtype, is_bitwise)


def _answer(case: Case, seed: int, dtype: str, is_bitwise: bool) -> Truth:
    return Truth(case, arrays(case, seed, dtype), dtype, is_bitwise)


_small, _large = (functools.lru_cache(maxsize=size)(_answer) for size in (8192, FEW))


def forget() -> None:
    """Ask the oracle anew from now on."""
    _small.cache_clear()
    _large.cache_clear()


def define(op: str, case: Case, given: Arrays, book: Mapping[str, Any]) -> dict[str, Any]:
    """What a textbook's function `op` answers; `book` holds its names, some written wrongly.

    Its parameters say which arrays it takes; what is not given has no effect.
    """
    function = book[op]
    one = np.ones(case.y[-1:], next(iter(given.values())).dtype)
    known = {"case": case, "kernel": case.x, "w": one, "b": 0 * one, "mean": one, "var": one}
    known |= {**given, "dz": given.get("dy")}
    code = function.__code__
    answers = function(*(known[name] for name in code.co_varnames[: code.co_argcount]))
    names = ("dx", "dw", "db") if op.endswith("_backward") else ("y", "mean", "var")
    named = zip(names, answers if isinstance(answers, tuple) else (answers,), strict=False)
    return {name: a for name, a in named if name in case.outputs}


def _vouch(case: Case, given: Arrays, values: Arrays) -> None:
    """Raise OracleFaultError where the textbook's loops over Python's integers say otherwise."""
    whole = {name: a.astype(float) for name, a in given.items()}
    if all((a == np.rint(a)).all() and np.isfinite(a).all() for a in given.values()):
        whole = {name: a.astype(np.int64).astype(object) for name, a in given.items()}
    whole |= {name: given[name] for name in ("index",) if name in given}
    defined = ask_textbook(case, whole)
    for name, value in values.items():
        ours = np.asarray(defined[name]).astype(value.dtype)
        if not np.array_equal(ours, value, equal_nan=value.dtype.kind == "f"):
            raise OracleFaultError(f"torch and the textbook disagree on {name} of {case.row}")


def ask_textbook(case: Case, given: Arrays) -> dict[str, Any]:
    """Every output of the question, as the textbook defines it."""
    defined: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for op in case.functions:
            defined |= define(op, case, given, vars(textbook))
        if "index" in case.outputs:
            defined["index"] = textbook.max_index(case, given["x"])
    return {name: np.asarray(value) for name, value in defined.items()}
