"""A candidate in this very process: the textbook, one function of it written wrongly.

There is no transport and nothing is asked twice, so that a whole catalogue can be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from verification import truth
from verification.candidates import OWN, Candidate, Function, Reply, get_contract
from verification.questions import Array, Arrays, Case, Question, Refusal
from verification.truth import textbook

RIGHT = vars(textbook)
PASSES = 8
"""npcnn's own names; the general face comes behind them."""


class Book(Candidate):
    """The textbook under npcnn's contract, with another text for the function `op`.

    `change` is done to what that function replies, or every one where none is named.
    """

    def __init__(
        self,
        op: str = "",
        book: Mapping[str, Any] = RIGHT,
        change: Callable[[Reply], Reply] = lambda reply: reply,
        is_bitwise: bool = False,
    ) -> None:
        whole = get_contract("npcnn")
        contract = replace(whole, functions=whole.functions[:PASSES], is_bitwise=is_bitwise)
        super().__init__("the textbook", contract, {}, cast(Any, None), "", [])
        self.op, self.book, self.change = op, book, change

    def has(self, function: Function) -> bool:
        return True

    def expresses(self, function: Function, question: Question) -> bool:
        return isinstance(question, Case)

    def ask(self, function: Function, case: Case, given: Arrays, cache: str = OWN) -> Reply:
        """What the text answers, in the dtype of its arrays and the contract's form."""
        is_meant = self.op in ("", function.op)
        try:
            with np.errstate(all="ignore"):
                book = self.book if is_meant else RIGHT
                answers = truth.define(function.op, case, given, book).items()
            values = {n: _shape(function, case, n, a, given) for n, a in answers if a is not None}
            reply = Reply("ok", values)
            return self.change(reply) if is_meant else reply
        except Exception as error:  # as people's code does
            kind = type(error).__name__
            return Reply("CRASH", error=f"{kind}: {error}", kind=kind)

    def refuse(self, function: Function, refusal: Refusal) -> Reply:
        return Reply("ok")


def _shape(function: Function, case: Case, name: str, value: Any, given: Arrays) -> Array:
    a = np.asarray(value)
    a = a if a.dtype == bool else a.astype(next(iter(given.values())).dtype)
    return function.form(case, name, a) if a.shape == case.outputs[name] else a
