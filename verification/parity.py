"""The judge's questions to a function of your own, for pytest, in this very process.

    from verification import parity

    @pytest.mark.parametrize("question", parity.questions("conv2d", level=3, dtype="float32"))
    def test_conv2d(question):
        question.check(my_conv2d)

The function is called as torch's is, in the words of the contract `functional`: conv2d(x, w, b,
stride, padding, dilation, groups), max_pool2d_backward(dy, x, kernel_size, ...), arrays in NumPy.
What it has no parameter for, or raises NotImplementedError for, is outside, and skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pytest

from verification import questions as asked
from verification.candidates import get_contract
from verification.questions import Case


@dataclass(frozen=True)
class Question:
    """A question by its row, to a function of the contract `functional` by its name there."""

    name: str
    row: str
    dtype: str = "float64"
    layout: str = "nchw"
    seed: int = 0

    def check(self, function: Callable[..., Any]) -> None:
        """Ask it, with the judge's own bounds.

        AssertionError, with the report, where the answer is wrong or the function not written: the
        mistake is looked for, which takes seconds a question (--maxfail).  Where the question is
        outside what it takes, pytest counts a test as skipped.
        """
        from verification.judging import Session, Settings  # they need torch, collecting does not
        from verification.reports import Judgement

        settings = Settings(
            candidate={self.name: function},
            contract="functional",
            layout=self.layout,
            only=(self.name,),
            case=self.row,
            seed=self.seed,
            dtype=self.dtype,
            here=True,
        )
        with Session(settings) as session:
            run = replace(session.run(), notes=())  # that it is a library's kernel is no news
            judged = session.judged
            lacks = [judged.lacks(one) for one in judged.contract.functions if judged.has(one)]
        if not run.outcomes or any(one.kind == "NotImplementedError" for one in run.outcomes):
            reasons = [outcome.message for outcome in run.outcomes] or lacks
            pytest.skip(f"outside: {reasons[0]}")
        Judgement(run).raise_for_failure()


def questions(
    name: str,
    level: int = 4,
    dtype: str = "float64",
    where: str | Callable[[Case], bool] = "True",
    rung: str = "",
    layout: str = "nchw",
    draw: int = 20,
    seed: int = 0,
) -> list[Any]:
    """The questions that torch's function of this name is asked, as parameters with ids.

    Up to a level, of one rung or all, and `where` an expression, as --where takes it, or a function
    of the case says so; `draw` of them on geometries that are drawn from the seed.  ValueError for
    a name, a rung, a layout or a dtype that is unknown, for what is no such expression, and where
    no question is left.
    """
    functions = {one.name: one for one in get_contract("functional", layout).functions}
    given = {"name": name, "rung": rung, "layout": layout, "dtype": dtype, "level": level}
    known: dict[str, list[object]] = {"name": [*functions], "rung": ["", *asked.RUNGS]}
    known |= {"layout": ["nchw", "nhwc"], "dtype": ["float64", "float32"], "level": [1, 2, 3, 4]}
    for word, value in given.items():
        if value not in known[word]:
            words = ", ".join(str(one) for one in known[word] if one)
            raise ValueError(f"{word}={value!r} is none of {words}")
    if draw < 0:
        raise ValueError(f"draw={draw} must not be negative")

    chooses = asked.read_where(where) if isinstance(where, str) else where

    def fits(case: asked.Question) -> bool:
        return (
            isinstance(case, Case)
            and case.check != "adjoint"  # which asks for a second function
            and functions[name].expresses(case)
            and asked.level(case) <= level
            and rung in ("", asked.rung(case))
            and chooses(case)
        )

    cases = [*filter(fits, asked.read()), *islice(filter(fits, asked.draw(seed)), draw)]
    if not cases:
        raise ValueError(f"no question to {name} fits level={level} rung={rung!r} and where")
    about = dtype, layout, seed
    return [pytest.param(Question(name, case.row, *about), id=case.id) for case in cases]
