"""Whether a check could have failed at all: one that could not is no pass, but VACUOUS.

A question is vacuous if less of x, w or dy matters than it declares (a row's `live`) or must, if
its bound is so wide that a lost product would hide in it, or if no catalogued mistake would have
changed the answer.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from verification import mistakes
from verification.case import Case
from verification.mistakes import passes
from verification.mistakes.code import Answers, Arrays, Code
from verification.truth import Asked

LIVE = {"x": 0.05, "w": 0.5, "dy": 0.05}
"""The part of each array that must matter where a row declares none: strides leave cells unread."""
WIDE = 1 / 32
"""Bounds of more than this part of an output's root mean square see too little."""
WORK = 20_000
"""Multiply-adds up to which the catalogue is asked; larger sums have their small siblings."""


def reason(asked: Asked, op: str) -> str:
    """Why a pass of the function `op` proves nothing; "" if it proves something."""
    case = asked.case
    if not case.x[0]:
        return ""  # an empty batch is asked about shapes alone
    for name, share in live(case).items():
        least = case.live or LIVE[name]
        if share < least:
            return f"only {share:.0%} of {name} matters, {least:.0%} must"
    if asked.missed > WIDE:
        return f"the bound is {asked.missed:.1%} of the output's root mean square"
    if case.work <= WORK and not _shows(asked, op):
        return "no known mistake would change the answer"
    return ""


def live(case: Case) -> dict[str, float]:
    """The part of x, of w and of dy that any output or gradient depends on."""
    if not case.kernel:
        return {}
    x = w = dy = 1.0
    for windows, size in zip(case.windows, case.space, strict=True):
        inside = [[0 <= cell < size for cell in window] for window in windows]
        cells = {cell for window in windows for cell in window if 0 <= cell < size}
        x *= len(cells) / size
        w *= sum(map(any, zip(*inside))) / len(inside[0])
        dy *= sum(map(any, inside)) / len(inside)
    return {"x": x, "w": w, "dy": dy} if case.w else {"x": x, "dy": dy}


@functools.cache
def _known(op: str) -> list[Code]:
    lines = (lines for mistake in mistakes.read() if op in mistake.ops for lines in mistake.lines)
    return list(filter(None, map(mistakes.written, lines)))


@functools.lru_cache(maxsize=8192)
def _shows(asked: Asked, op: str) -> bool:
    """Whether any catalogued mistake would have failed here; the last that did is tried first."""
    right, codes = passes.answers(op, asked.case, asked.given, Code()), _known(op)
    for at, code in enumerate(codes):
        if _differs(op, asked.case, asked.given, code, right):
            codes.insert(0, codes.pop(at))
            return True
    return False


def _differs(op: str, case: Case, given: Arrays, code: Code, right: Answers) -> bool:
    try:
        wrong = passes.answers(op, case, given, code)
    except Exception:  # as people's code does
        return True
    return any(not _same(value, wrong.get(name)) for name, value in right.items())


def _same(one: object, other: object) -> bool:
    a, b = np.asarray(one, float), np.asarray(other, float)
    room = math.ulp(float(np.abs(a[np.isfinite(a)]).max(initial=0))) * a.size
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=room, equal_nan=True)
