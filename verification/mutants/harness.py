"""Mutants of the harness itself: each must turn its self-test red.

A mutant replaces one piece of the judge by a broken one, in a process that ends soon after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import (
    adjoint,
    bounds,
    definition,
    fills,
    oracle,
    outcomes,
    properties,
    questions,
    trial,
    truth,
    vacuity,
    verdict,
    witness,
)
from verification.case import Case
from verification.mutants import comparisons, selftest
from verification.outcomes import Outcome
from verification.verdict import Verdict

Array = NDArray[Any]
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Broken:
    """A broken piece; `install` puts it in the place of the sound one."""

    id: str
    install: Callable[[], None]


def every() -> list[Broken]:
    """The mutants of the harness."""
    less = comparisons.BROKEN.items()
    found = [Broken(name, partial(_compared, broken)) for name, broken in less]
    return found + [Broken(name, install) for name, install in _INSTALL.items()]


def killers(broken: Broken) -> list[str]:
    """The self-tests that fail once the broken piece is in place."""
    broken.install()
    truth.forget()
    with np.errstate(all="ignore"):
        return selftest.failures()


def _put(room: Any, name: str, broken: Callable[..., Any]) -> None:
    """In the room of this name and wherever it is known by that name already."""
    setattr(room, name, broken)


def _compared(broken: Callable[..., Verdict]) -> None:
    _put(verdict, "compare", partial(broken, verdict.compare))


def _bound_a_thousand_times() -> None:
    sound = bounds.of
    _put(bounds, "of", lambda *a: {name: 1000 * limit for name, limit in sound(*a).items()})


def _filled(number: float) -> Callable[[], None]:
    def install() -> None:
        def fill(case: Case, seed: int, dtype: str) -> dict[str, Array]:
            return {n: np.full(shape, number, dtype) for n, shape in fills.shapes(case).items()}

        _put(fills, "arrays", fill)

    return install


def _seed_ignored() -> None:
    sound = fills.arrays
    _put(fills, "arrays", lambda case, seed, dtype: sound(case, 0, dtype))


def _another_stride() -> None:
    sound = oracle.answers

    def asked(case: Case, given: Arrays) -> dict[str, Array]:
        strides = tuple(max(1, step - 1) for step in case.stride)
        return sound(replace(case, stride=strides), given)

    _put(oracle, "answers", asked)


def _oracle_is_the_candidate() -> None:
    sound = outcomes.of

    def of(judged: Any, function: Any, asked: Any, reply: Any) -> Outcome:
        told = replace(asked)
        vars(told)["_known"] = reply.values or asked.truth, asked.limits
        return sound(judged, function, told, reply)

    _put(outcomes, "of", of)


def _exceptions_are_ok() -> None:
    sound = outcomes.unanswered

    def unanswered(outcome: Outcome, reply: Any) -> Outcome:
        return replace(sound(outcome, reply), status="ok")

    _put(outcomes, "unanswered", unanswered)


def _cases_dropped() -> None:
    sound = questions.every
    _put(questions, "every", lambda *a: sound(*a)[::2])


def _outcomes_dropped() -> None:
    sound = trial.answered

    def answered(judged: Any, functions: Any, *rest: Any) -> Iterator[Outcome]:
        return (outcome for outcome in sound(judged, functions, *rest) if outcome.status == "ok")

    _put(trial, "answered", answered)


def _vacuity_off() -> None:
    _put(vacuity, "reason", lambda asked, op: "")


def _definition_not_asked() -> None:
    definition.AFFORDABLE = -1


def _witness_silent() -> None:
    _put(witness, "_sentences", lambda *a: iter(()))


def _probes_of_zeros() -> None:
    _put(adjoint, "inner", lambda a, b: 0)


def _property_of_nothing() -> None:
    _put(properties, "relations", lambda *a: iter(()))


_INSTALL: Mapping[str, Callable[[], None]] = {
    "bound times 1000": _bound_a_thousand_times,
    "fill all zeros": _filled(0.0),
    "fill all ones": _filled(1.0),
    "seed ignored": _seed_ignored,
    "oracle asked about another stride": _another_stride,
    "oracle replaced by the candidate": _oracle_is_the_candidate,
    "exception counted as ok": _exceptions_are_ok,
    "cases dropped": _cases_dropped,
    "failures dropped": _outcomes_dropped,
    "vacuity off": _vacuity_off,
    "definition not asked": _definition_not_asked,
    "checks without an oracle say nothing": _witness_silent,
    "probes of zeros": _probes_of_zeros,
    "properties of nothing": _property_of_nothing,
}
