"""The harness's own test, small enough to be run against mutants of the harness itself.

Right code must pass, each planted error must be seen, other seeds must draw other numbers, every
question must be asked, and one that cannot fail must be called vacuous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import covering, fills, oracle, questions, row, trial, truth
from verification.apart.replies import Reply
from verification.candidate import Candidate
from verification.case import Case
from verification.mistakes.code import Code
from verification.mutants import coded, field
from verification.mutants.coded import Change
from verification.outcomes import Outcome

Array = NDArray[Any]
Arrays = Mapping[str, Array]

EXACT = "conv x=[3,7,8,4] w=[3,2,2,6] groups=2 stride=[2,3] pad=[1,0] fill=integers"
LARGE = "conv x=[3,9,8,12] w=[3,2,12,10] stride=[1,2] pad=[1,0] fill=integers"
"""Too large for the definition: torch alone vouches for it."""
REALS = EXACT.replace("integers", "sparse")
POOL = "max_pool x=[2,5,6,3] kernel=[2,3] stride=[2,1] fill=special"
EMPTY = "conv x=[1,99,1,1] w=[1,1,1,1] stride=[98,1] bias=false fill=integers"
"""Of its 99 cells two are read."""
ADJOINT = EXACT.replace("integers", "digits check=adjoint")
STRIDES = EXACT.replace("integers", "digits check=stride")
RIGHT = (EXACT, LARGE, REALS, POOL, ADJOINT, STRIDES)


@dataclass(frozen=True)
class Planted:
    """An error in one function's answers to one question."""

    line: str
    op: str
    change: Change


def failures() -> list[str]:
    """The names of the self-tests that fail; none, if the harness is sound."""
    tests: dict[str, Callable[[], bool]] = {**_PLANTED, **_OTHERS}
    return [name for name, test in tests.items() if not _passes(test)]


def _passes(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except Exception:  # a harness that falls over is not sound
        return False


def _outcomes(judged: Candidate, line: str, op: str = "") -> list[Outcome]:
    asked = row.parse(line)
    planned = field.checks(judged, asked, [op] if op else [])
    return list(trial.run(judged, planned, 0, "float64"))


def _is_seen(planted: Planted) -> bool:
    judged = coded.coded(planted.op, Code(), planted.change)
    found = _outcomes(judged, planted.line, planted.op)
    return len(found) == 1 and found[0].status in field.KILLS


def _right_code_passes() -> bool:
    judged = coded.coded("", Code())
    found = [_outcomes(judged, line) for line in RIGHT]
    return all(found) and all(outcome.status == "ok" for part in found for outcome in part)


def _seeds_differ() -> bool:
    (case,) = row.parse(EXACT)
    one, same, other = (fills.arrays(case, seed, "float64")["x"] for seed in (0, 0, 1))
    return np.array_equal(one, same) and not np.array_equal(one, other)


def _numbers_differ() -> bool:
    """In every array of every fill; two in three of them at least."""
    for line in (EXACT, REALS, POOL):
        (case,) = row.parse(line)
        for a in fills.arrays(case, 0, "float64").values():
            finite = a[np.isfinite(a) & (a != 0)]
            if a.size > 6 and 3 * len(np.unique(finite)) < 2 * finite.size * (line != POOL) + 6:
                return False
    return True


def _every_question_is_asked() -> bool:
    """Those of the files and of the covering set, each with an outcome of its own."""
    asked = [q for q in field.small() if isinstance(q, Case) and q.op == "avg_pool"]
    held = [q.row for q in questions.every() if q.op == "avg_pool"]
    whole = [q for q in (*questions.read_all(), *covering.cases()) if q.op == "avg_pool"]
    judged = coded.coded("", Code())
    planned = field.checks(judged, asked, ["pool_backward"])
    found = list(trial.run(judged, planned, 0, "float64"))
    return held == [q.row for q in whole] and {o.question.row for o in found} == {
        q.row for q in whole if q.work <= field.WORK
    }


def _a_question_that_cannot_fail_is_vacuous() -> bool:
    found = _outcomes(coded.coded("", Code()), EMPTY, "conv_forward")
    return [outcome.status for outcome in found] == ["VACUOUS"]


def _two_oracles_are_asked() -> bool:
    """Where torch is made to lie about a small question, the definition finds it out."""
    honest = oracle.answers

    def lying(case: Case, given: Arrays) -> dict[str, Array]:
        return {name: a + 1 for name, a in honest(case, given).items()}

    (case,) = row.parse(EXACT.replace("x=[3,", "x=[1,"))
    oracle.answers = lying
    try:
        return not truth.of(case, 4711, "float64").truth
    except truth.OracleFaultError:
        return True
    finally:
        oracle.answers = honest


_OTHERS: Mapping[str, Callable[[], bool]] = {
    "right code passes": _right_code_passes,
    "another seed, other numbers": _seeds_differ,
    "numbers differ": _numbers_differ,
    "every question is asked": _every_question_is_asked,
    "a question that cannot fail is vacuous": _a_question_that_cannot_fail_is_vacuous,
    "two oracles are asked": _two_oracles_are_asked,
}


def _edited(
    name: str, edit: Callable[[Array, Arrays], Array], reply: Reply, given: Arrays
) -> Reply:
    values = dict(reply.values)
    value = values[name]
    assert isinstance(value, np.ndarray)
    values[name] = edit(np.array(value), given)
    return replace(reply, values=values)


def _last_off(a: Array, given: Arrays) -> Array:
    a.flat[-1] = 3 * a.flat[-1] + 1
    return a


def _negated(a: Array, given: Arrays) -> Array:
    return -a


def _reversed(a: Array, given: Arrays) -> Array:
    return a[::-1]


def _second_window_off(a: Array, given: Arrays) -> Array:
    """One that windows without a stride have elsewhere."""
    a[0, 1, 0, 0] += 1
    return a


def _barely_off(a: Array, given: Arrays) -> Array:
    """By a millionth of a millionth of the largest number: beyond a bound of some u."""
    a.flat[0] += 2.0**-42 * float(np.abs(a).max())
    return a


def _zero_for_nan(a: Array, given: Arrays) -> Array:
    return np.nan_to_num(a, nan=0.0, posinf=np.inf, neginf=-np.inf)


def _raising(reply: Reply, given: Arrays) -> Reply:
    return Reply("CRASH", error="ValueError: planted")


def _half_as_large(a: Array, given: Arrays) -> Array:
    return a / 2


def _planted() -> Iterator[tuple[str, Planted]]:
    for op, names in {"conv_forward": ["y"], "conv_backward": ["dx", "dw", "db"]}.items():
        for name in names:
            for size, line in {"": EXACT, " in a large question": LARGE}.items():
                change = partial(_edited, name, _last_off)
                yield f"the last number of {name}{size}", Planted(line, op, change)
            change = partial(_edited, name, _barely_off)
            yield f"a loss of precision in {name}", Planted(REALS, op, change)
        for said, edit in {"another sign": _negated, "another order": _reversed}.items():
            yield f"{said} in {op}", Planted(EXACT, op, partial(_edited, names[0], edit))
        yield f"an exception in {op}", Planted(EXACT, op, _raising)
    for op, name in {"pool_forward": "y", "pool_backward": "dx"}.items():
        change = partial(_edited, name, _zero_for_nan)
        yield f"NaN in {name}", Planted(POOL, op, change)
    for name in ("dx", "dw", "db"):
        change = partial(_edited, name, _half_as_large)
        yield f"{name} against y", Planted(ADJOINT, "conv_backward", change)
    change = partial(_edited, "y", _second_window_off)
    yield "a window of a subsampling", Planted(STRIDES, "conv_forward", change)


_PLANTED = {name: partial(_is_seen, planted) for name, planted in _planted()}
