"""The judge's own test, and mutants of the judge that must turn it red.

Its candidate lives in this very process: the textbook, right, or with something planted in it.
Right code must pass, each planted error be seen, another seed draw other numbers, every question be
asked, a call that must be refused be told from one that is, and torch not be believed without the
textbook.  `selftest.toml` holds the planted errors, and the pieces of the judge to be broken.
"""

from __future__ import annotations

import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np

from verification import mistakes, truth
from verification.candidates import OWN, Candidate, Function, Reply, get_contract
from verification.judging import Outcome, Trial, plan
from verification.measures import read_table, replace_once
from verification.mistakes import Form
from verification.questions import Array, Arrays, Case, Question, Refusal, arrays, parse, read
from verification.truth import textbook

Row = Mapping[str, Any]
"""Of `planted` or `habits`: the `edit` that is made of an output `a`, or what its `reply` says."""

TABLE = read_table("selftest.toml")
QUESTIONS: Mapping[str, str] = TABLE["questions"]
BROKEN = {row["id"]: row for row in TABLE["broken"]}
HABITS: Mapping[str, Row] = TABLE["habits"]
"""Of the catalogued mistakes that are no wrong lines, what such code does to right answers."""
GRADIENTS = ("dx", "dw", "db")


class Book(Candidate):
    """The textbook under npcnn's contract, with the function `op` written wrongly.

    Its right answers, or every function's where none is named, can have a row's error planted.
    """

    def __init__(self, op: str = "", form: Form = (), planted: Row | None = None) -> None:
        self.op, self.book, self.planted = op, mistakes.write_wrongly(form) or {}, planted or {}
        whole, is_bitwise = get_contract("npcnn"), self.planted.get("question") == "bits"
        once = tuple(f for f in whole.functions if f.optional or "." not in f.name)
        contract = replace(whole, functions=once, is_bitwise=is_bitwise)
        super().__init__("the textbook", contract, {}, cast(Any, None), "", [])

    def has(self, function: Function) -> bool:
        return True

    def expresses(self, function: Function, question: Question) -> bool:
        return isinstance(question, Case) and question.fill != "whole"

    def ask(self, function: Function, case: Case, given: Arrays, cache: str = OWN) -> Reply:
        """What the text answers, in the dtype of its arrays and the contract's form."""
        is_meant = self.op in ("", function.op)
        try:
            with np.errstate(all="ignore"):
                book = self.book if is_meant else vars(textbook)
                answers = truth.define(function.op, case, given, book).items()
            values = {n: _shape(function, case, n, a, given) for n, a in answers if a is not None}
            return self._plant(values) if is_meant else Reply("ok", values)
        except Exception as error:  # as people's code does
            kind = type(error).__name__
            return Reply("CRASH", error=f"{kind}: {error}", kind=kind)

    def watch(self, function: Function, case: Case, given: Arrays, cache: str) -> Reply:
        return Reply("outside")  # it comes through no function of the contract

    def refuse(self, function: Function, refusal: Refusal) -> Reply:
        return Reply("ok")

    def _plant(self, values: dict[str, Array]) -> Reply:
        """The reply with the row's error in one output, or in all that there are."""
        wrong: dict[str, Array] = {}
        for name in values:
            if name == self.planted.get("output", name):
                scope: dict[str, Any] = {"np": np, "name": name, "a": np.array(values[name])}
                exec(self.planted.get("edit", ""), scope)
                wrong[name] = scope["a"]
        return Reply("ok", values | wrong, **self.planted.get("reply", {}) if wrong else {})


def _shape(function: Function, case: Case, name: str, value: Any, given: Arrays) -> Array:
    a = np.asarray(value)
    a = a if a.dtype == bool else a.astype(next(iter(given.values())).dtype)
    return function.form(case, name, a) if a.shape == case.outputs[name] else a


@contextmanager
def broken(function: str, edit: tuple[str, str]) -> Iterator[None]:
    """The judge with one function of another text."""
    whole: Any = pkgutil.resolve_name(function)
    text, names = textwrap.dedent(inspect.getsource(whole)), dict(whole.__globals__)
    exec(replace_once(text, edit, function), names)
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


def _is_seen(row: Row, output: str) -> bool:
    """Whether it fails, and nothing else does."""
    judged = Book(planted={**row, "output": output})
    outcomes = _ask(judged, parse(QUESTIONS[row["question"]]))
    failing = [outcome.op.endswith("_backward") for outcome in outcomes if outcome.is_failing]
    return failing == [output in GRADIENTS]


def _right_code_passes() -> bool:
    books = {name: Book(planted={"question": name}) for name in QUESTIONS}
    outcomes = [_ask(book, parse(QUESTIONS[name])) for name, book in books.items()]
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
