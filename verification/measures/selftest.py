"""The judge's own test, and mutants of the judge that must turn it red.

Right code must pass, each planted error be seen, another seed draw other numbers, every question be
asked, a call that must be refused be told from one that is, and torch not be believed without the
textbook.  `selftest.toml` holds the planted errors, and the pieces of the judge to be broken.
"""

from __future__ import annotations

import inspect
import pkgutil
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from verification import truth
from verification.candidates import Reply
from verification.judging import Outcome, Trial, plan
from verification.measures.book import Book
from verification.questions import Question, Refusal, arrays, parse, read

TABLE = tomllib.loads(Path(__file__).with_name("selftest.toml").read_text(encoding="utf-8"))
QUESTIONS: Mapping[str, str] = TABLE["questions"]
BROKEN = {row["id"]: row for row in TABLE["broken"]}
HABITS: Mapping[str, Mapping[str, Any]] = TABLE["habits"]
"""Of the catalogued mistakes that are no wrong lines, what such code does to right answers."""
GRADIENTS = ("dx", "dw", "db")


@contextmanager
def broken(function: str, edit: tuple[str, str]) -> Iterator[None]:
    """The judge with one function of another text."""
    whole: Any = pkgutil.resolve_name(function)
    text = textwrap.dedent(inspect.getsource(whole))
    if text.count(edit[0]) != 1:
        raise RuntimeError(f"{edit[0]!r} must stand once in {function}")
    names = dict(whole.__globals__)
    exec(text.replace(*edit), names)
    code, whole.__code__ = whole.__code__, names[whole.__name__].__code__
    truth.forget()
    try:
        yield
    finally:
        whole.__code__ = code
        truth.forget()


def kill(name: str) -> dict[str, str]:
    """That the self-test fails with this piece broken, and which part of it."""
    row = BROKEN[name]
    with broken(row["function"], tuple(row["edit"])):
        failures = find_failures()
    return {"self-test": ", ".join(failures)} if failures else {}


def find_failures() -> list[str]:
    """The self-tests that fail; none, if the judge is sound."""
    failures = list(_TESTS)
    for name, test in _TESTS.items():
        with suppress(Exception), np.errstate(all="ignore"):  # a test that falls over has failed
            if test():
                failures.remove(name)
    return failures


def _ask(judged: Book, questions: Iterable[Question]) -> list[Outcome]:
    checks, _ = plan(judged, questions, lambda name, question: True)
    return list(Trial(judged, 0, "float64").run(checks))


def plant(row: Mapping[str, Any], output: str = "") -> Callable[[Reply], Reply]:
    """What a row does to replies that have this output, or to all outputs of any."""

    def change(reply: Reply) -> Reply:
        names = [name for name in reply.values if output in ("", name)]
        values = dict(reply.values)
        for name in names:
            scope: dict[str, Any] = {"np": np, "name": name, "a": np.array(values[name])}
            exec(row.get("edit", ""), scope)
            values[name] = scope["a"]
        return replace(reply, values=values, **row.get("reply", {})) if names else reply

    return change


def _is_seen(row: Mapping[str, Any], output: str) -> bool:
    """Whether it fails, and nothing else does."""
    judged = Book(change=plant(row, output), is_bitwise=row["question"] == "bits")
    outcomes = _ask(judged, parse(QUESTIONS[row["question"]]))
    failing = [outcome.op.endswith("_backward") for outcome in outcomes if outcome.is_failing]
    return failing == [output in GRADIENTS]


def _right_code_passes() -> bool:
    outcomes = [
        _ask(Book(is_bitwise=name == "bits"), parse(row)) for name, row in QUESTIONS.items()
    ]
    return all(part and {outcome.status for outcome in part} == {"ok"} for part in outcomes)


def _numbers_differ() -> bool:
    """With another seed, and within every array, more than half of those that are not zero."""
    (case,) = parse(QUESTIONS["exact"])
    one, same, other = (arrays(case, seed, "float64") for seed in (0, 0, 1))
    return all(
        np.array_equal(a, same[name])
        and not np.array_equal(a, other[name])
        and 2 * len(np.unique(a)) > np.count_nonzero(a)
        for name, a in one.items()
    )


def _every_question_is_asked() -> bool:
    with TemporaryDirectory() as folder:
        rows = [f'{{id="{name}", x=[1,2,2,1], kernel=1, fill="ties"}}' for name in "abc"]
        Path(folder, "few.toml").write_text(f"max_pool = [{', '.join(rows)}]", encoding="utf-8")
        outcomes = _ask(Book(), read(Path(folder)))
    return [outcome.question.name for outcome in outcomes] == ["a", "a", "b", "b", "c", "c"]


def _refusals_are_looked_at() -> bool:
    judged, refusal = Book(), Refusal("none", "zero_pad", {}, "ShapeError", ("pad",))
    return Trial(judged, 0, "float64").judge(judged.contract.functions[0], refusal).is_failing


def _two_oracles_are_asked() -> bool:
    """Where torch is made to lie about a small question, the textbook finds it out."""
    (case,) = parse(QUESTIONS["exact"])
    lie = "return _ANSWER[case.op](case, given)", "return {'y': 0 * given['dy']}"
    with broken("verification.truth.oracle:answers", lie):
        try:
            return not truth.answer(case, 0, "float64").values
        except truth.OracleFaultError:
            return True


_TESTS: Mapping[str, Callable[[], bool]] = {
    **{
        f"{row['id']}: {name}": partial(_is_seen, row, name)
        for row in TABLE["planted"]
        for name in row["outputs"]
    },
    "right code passes": _right_code_passes,
    "numbers differ": _numbers_differ,
    "every question is asked": _every_question_is_asked,
    "refusals are looked at": _refusals_are_looked_at,
    "two oracles are asked": _two_oracles_are_asked,
}
