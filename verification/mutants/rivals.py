"""The checks that people commonly make, to be measured beside the judge on the same wrong code.

    allclose             one random case, every number, NumPy's default tolerances
    finite differences   (f(x + h) - f(x - h)) / 2h against the gradient, as cs231n's notebooks do
    gradcheck            torch.autograd.gradcheck at its defaults, in its slow mode and its fast one
    means                the mean of every output, as a well-known course tells a right gradient
    square               one example, one channel, one 3x3 kernel, ones from above

Expected values come from the oracle, shapes are checked everywhere, and an exception, a missing
output or one that holds no numbers is a rejection.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import fills, oracle, row
from verification.case import Case

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Answers = Callable[[str, Case, Arrays], Mapping[str, Any]]
"""What an implementation answers to a question put to one of its functions; it may raise."""
Check = Callable[[str, Case, Arrays, Answers], bool]
Fill = Callable[[Case], Arrays]
Lines = Mapping[str, tuple[str, ...]]
"""The questions of a check, for every function that it can look at."""

SEED = 1
STEP, FAR = 1e-5, 1e-6
"""h, and the relative error from which a gradient is wrong."""

_CONV = ("conv_forward", "conv_backward")
_POOL = ("pool_forward", "pool_backward")
_GRADIENTS = {"conv_backward": {"dx": "x", "dw": "w", "db": "b"}, "pool_backward": {"dx": "x"}}
"""Of each backward pass, the outputs and the arrays that they are the gradients of."""


class RejectedError(Exception):
    """The implementation's answer is none."""


@dataclass(frozen=True)
class Rival:
    """One check: whether it lets an implementation of one function pass.

    It `applies` to the functions that it can look at; the others pass unseen.
    """

    id: str
    title: str
    accepts: Callable[[str, Answers], bool]
    applies: frozenset[str]


def _rival(name: str, title: str, check: Check, lines: Lines, fill: Fill) -> Rival:
    def accepts(op: str, answers: Answers) -> bool:
        cases = [row.parse(line)[0] for line in lines[op]]
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            try:
                return all(check(op, case, fill(case), answers) for case in cases)
            except RejectedError:
                return False

    return Rival(name, title, accepts, frozenset(lines))


def _normal(case: Case) -> dict[str, Array]:
    """N(0, 1) everywhere."""
    rng = np.random.default_rng(SEED)
    return {name: np.array(rng.standard_normal(a)) for name, a in fills.shapes(case).items()}


def _by_hand(case: Case) -> dict[str, Array]:
    """x counts, in disorder, and ones come from above."""
    count = 1.0 + np.random.default_rng(SEED).permutation(math.prod(case.x))
    told = {"x": count.reshape(case.x), "dy": np.ones(case.y if case.kernel else ())}
    return {name: told.get(name, a) for name, a in _normal(case).items()}


def _replies(
    op: str, case: Case, given: Arrays, answers: Answers, like: Arrays
) -> dict[str, Array]:
    """The outputs as numbers, each in the shape of the array that it must be like."""
    try:
        found = answers(op, case, {name: a.copy() for name, a in given.items()})
        numbers = {name: np.asarray(found[name]) for name in like}
        replies = {name: a.astype(np.float64, casting="same_kind") for name, a in numbers.items()}
    except Exception as error:
        raise RejectedError from error
    if any(replies[name].shape != a.shape for name, a in like.items()):
        raise RejectedError
    return replies


def _agrees(
    seen: Callable[[Array], Any], op: str, case: Case, given: Arrays, answers: Answers
) -> bool:
    """Whether what is seen of every output is close to the same of the oracle's."""
    truth = oracle.answers(case, given)
    outputs = {name: truth[name] for name in _GRADIENTS.get(op, ("y",))}
    replies = _replies(op, case, given, answers, outputs)
    look = seen if op in _CONV + _POOL else np.asarray  # a helper's few numbers, one by one
    return all(np.allclose(look(replies[name]), look(a)) for name, a in outputs.items())


def _forwards(op: str, case: Case, given: Arrays, answers: Answers) -> Array:
    """The output of the pass whose gradients the function computes."""
    forward, like = op.replace("backward", "forward"), {"y": given["dy"]}
    return _replies(forward, case, given, answers, like)["y"]


def _backwards(op: str, case: Case, given: Arrays, answers: Answers) -> dict[str, Array]:
    like = {output: given[name] for output, name in _GRADIENTS[op].items()}
    return _replies(op, case, given, answers, like)


def _finite_differences(op: str, case: Case, given: Arrays, answers: Answers) -> bool:
    """Of the implementation's own forward pass, one number of x, w and b after the other."""
    gradients = _backwards(op, case, given, answers)
    return all(
        _error(_slopes(op, case, given, answers, name), gradients[output]) < FAR
        for output, name in _GRADIENTS[op].items()
    )


def _slopes(op: str, case: Case, given: Arrays, answers: Answers, name: str) -> Array:
    """The central differences of sum(y * dy) in every number of one array."""
    a = given[name]
    slopes = np.zeros_like(a)
    for at in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[at] = STEP
        above = _forwards(op, case, {**given, name: a + step}, answers)
        below = _forwards(op, case, {**given, name: a - step}, answers)
        slopes[at] = np.sum((above - below) * given["dy"]) / (2 * STEP)
    return slopes


def _error(one: Array, other: Array) -> float:
    """The largest relative error."""
    return float(np.max(np.abs(one - other) / np.maximum(1e-8, np.abs(one) + np.abs(other))))


def _gradcheck(fast: bool, op: str, case: Case, given: Arrays, answers: Answers) -> bool:
    """torch's own, around the implementation's two passes."""
    names = tuple(_GRADIENTS[op].values())

    def forward(*arrays: Array) -> Array:
        return _forwards(op, case, {**given, **dict(zip(names, arrays))}, answers)

    def backward(dy: Array, *arrays: Array) -> list[Array]:
        asked = {**given, **dict(zip(names, arrays)), "dy": dy}
        return list(_backwards(op, case, asked, answers).values())

    return oracle.gradients_agree(forward, backward, [given[name] for name in names], fast)


def _pools(*settings: str) -> tuple[str, ...]:
    return tuple(f"{op} {setting}" for setting in settings for op in ("max_pool", "avg_pool"))


_RANDOM = {
    **dict.fromkeys(_CONV, ("conv x=[2,9,8,3] w=[3,3,3,4] stride=2 pad=1",)),
    **dict.fromkeys(_POOL, _pools("x=[2,9,8,3] kernel=3 stride=2")),
    "zero_pad": ("zero_pad x=[2,8,8,3] pad=1",),
    "conv_single_step": ("conv_single_step x=[3,3,3] b=[1,1,1]",),
    "create_mask_from_window": ("create_mask_from_window x=[2,3]",),
    "distribute_value": ("distribute_value x=[2,3]",),
}
_SMALL = {
    "conv_backward": tuple(f"conv x=[2,5,5,3] w=[3,3,3,2] pad=1 stride={s}" for s in (1, 2)),
    "pool_backward": _pools("x=[2,6,6,2] kernel=2", "x=[2,5,5,2] kernel=3 stride=2"),
}
_COURSE = {
    "conv_forward": (
        "conv x=[2,5,7,4] w=[3,3,4,8] pad=1 stride=2",
        "conv x=[2,5,7,4] w=[3,3,4,8] pad=3",
        "conv x=[2,5,7,4] w=[3,3,4,8] stride=2",
    ),
    "conv_backward": (
        "conv x=[10,4,4,3] w=[2,2,3,8] pad=2 stride=2",
        "conv x=[2,5,7,4] w=[3,3,4,8] pad=1 stride=2",
    ),
    "pool_forward": _pools("x=[2,5,5,3] kernel=3 stride=1", "x=[2,5,5,3] kernel=3 stride=2"),
    "pool_backward": _pools("x=[5,5,3,2] kernel=2 stride=1"),
    "zero_pad": ("zero_pad x=[4,3,3,2] pad=3",),
    "conv_single_step": ("conv_single_step x=[4,4,3] b=[1,1,1]",),
    "create_mask_from_window": ("create_mask_from_window x=[2,3]",),
    "distribute_value": ("distribute_value x=[2,2]",),
}
_SQUARE = {
    **dict.fromkeys(_CONV, ("conv x=[1,5,5,1] w=[3,3,1,1]",)),
    **dict.fromkeys(_POOL, _pools("x=[1,4,4,1] kernel=2")),
    "zero_pad": ("zero_pad x=[1,5,5,1] pad=1",),
    "conv_single_step": ("conv_single_step x=[3,3,1] b=[1,1,1]",),
    "create_mask_from_window": ("create_mask_from_window x=[2,2]",),
    "distribute_value": ("distribute_value x=[2,2]",),
}

_SLOW, _FAST = partial(_gradcheck, False), partial(_gradcheck, True)
_ALL, _MEANS = partial(_agrees, np.asarray), partial(_agrees, np.mean)

RIVALS = (
    _rival("allclose", "np.allclose on a random case", _ALL, _RANDOM, _normal),
    _rival("finite-differences", "finite differences", _finite_differences, _SMALL, _normal),
    _rival("gradcheck", "torch's gradcheck", _SLOW, _SMALL, _normal),
    _rival("gradcheck-fast", "torch's gradcheck, fast mode", _FAST, _SMALL, _normal),
    _rival("means", "the outputs' means", _MEANS, _COURSE, _normal),
    _rival("square", "one 3x3 square by hand", _ALL, _SQUARE, _by_hand),
)
