"""The checks that people commonly make, put to the same wrong code as the judge.

    allclose             one random case, every number, NumPy's default tolerances
    gradcheck            torch.autograd.gradcheck at its defaults: finite differences, all of them,
                         or along a few directions in its fast mode
    means                the mean of every output, as a well-known course tells a right gradient
    square               one example, one channel, one 3x3 kernel, ones from above

Expected values come from the oracle and shapes are checked everywhere; an exception, an output that
is missing or holds no numbers is a rejection.
"""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from verification.measures import read_table
from verification.measures.selftest import Book, Row
from verification.mistakes import Form
from verification.questions import Array, Arrays, Case, parse, shapes
from verification.truth import oracle

LINES = read_table("rivals.toml")


@dataclass(frozen=True)
class Subject:
    """A book before a question, with its arrays."""

    judged: Book
    case: Case
    given: Arrays

    def ask(self, op: str, changed: Arrays) -> dict[str, Array]:
        """Its outputs as numbers, each in its shape; otherwise it raises."""
        (function,) = (f for f in self.judged.contract.functions if f.op == op)
        given = {name: a.copy() for name, a in {**self.given, **changed}.items()}
        values, answers = self.judged.ask(function, self.case, given).values, {}
        for name in self.gradients if op.endswith("_backward") else ["y"]:
            want = function.form(self.case, name, np.zeros(self.case.outputs[name]))
            a = np.asarray(values[name]).astype(np.float64, casting="same_kind")
            if a.shape != want.shape:
                raise ValueError(f"{name} has shape {a.shape}, it should be {want.shape}")
            answers[name] = a.reshape(self.case.outputs[name])
        return answers

    @property
    def gradients(self) -> dict[str, str]:
        """Of a gradient pass, the outputs and the arrays that they are by."""
        return {name: name[1:] for name in self.case.outputs if name.startswith("d")}


def reject(op: str, form: Form, planted: Row) -> list[str]:
    """The common checks that reject a book's `op`; what one cannot look at passes unseen."""
    judged, rejecting = Book(op, form, planted), list(CHECKS)
    for name, (table, check) in CHECKS.items():
        lines = LINES[table].get(op, LINES[table].get(op.partition("_")[0], ()))
        with suppress(Exception), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if all(check(_prepare(judged, line, table)) for line in lines):
                rejecting.remove(name)
    return rejecting


def _prepare(judged: Book, line: str, table: str) -> Subject:
    """N(0, 1) everywhere; in the square x counts, in disorder, and ones come from above."""
    case, rng = parse(line)[0], np.random.default_rng(1)
    given: dict[str, Array] = {n: rng.standard_normal(shape) for n, shape in shapes(case).items()}
    if table == "square":
        given["x"] = 1.0 + rng.permutation(math.prod(case.x)).reshape(case.x)
        given["dy"] = np.ones_like(given.get("dy", 0.0))
    return Subject(judged, case, given)


def _agrees(see: Callable[[Array], Any], subject: Subject) -> bool:
    """Whether what is seen of every output is close to the same of the oracle's."""
    answers = subject.ask(subject.judged.op, {})
    wanted = oracle.answers(subject.case, subject.given)
    look = see if subject.case.kernel else np.asarray  # a helper's few numbers, one by one
    return all(np.allclose(look(a), look(wanted[name])) for name, a in answers.items())


def _gradcheck(is_fast: bool, subject: Subject) -> bool:
    torch: Any = importlib.import_module("torch")
    names = [*subject.gradients.values(), "dy"]

    def read(tensors: Iterable[Any]) -> dict[str, Array]:
        return dict(zip(names, (tensor.detach().numpy() for tensor in tensors)))

    class Layer(torch.autograd.Function):  # type: ignore[misc]  # gradcheck has no other door
        @staticmethod
        def forward(ctx: Any, *leaves: Any) -> Any:
            ctx.save_for_backward(*leaves)
            y = subject.ask(subject.judged.op.replace("backward", "forward"), read(leaves))["y"]
            return torch.from_numpy(y)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            answers = subject.ask(subject.judged.op, read([*ctx.saved_tensors, dy]))
            return tuple(map(torch.from_numpy, answers.values()))

    leaves = [torch.from_numpy(subject.given[name]).requires_grad_() for name in names[:-1]]
    check = torch.autograd.gradcheck
    return bool(check(Layer.apply, leaves, raise_exception=False, fast_mode=is_fast))


CHECKS: dict[str, tuple[str, Callable[[Subject], bool]]] = {
    "allclose": ("random", partial(_agrees, np.asarray)),
    "gradcheck": ("small", partial(_gradcheck, False)),
    "gradcheck, fast": ("small", partial(_gradcheck, True)),
    "means": ("course", partial(_agrees, np.mean)),
    "square": ("square", partial(_agrees, np.asarray)),
}
