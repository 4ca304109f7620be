"""Vacuity is a property of the question: what no mistake could change proves nothing."""

import functools

import numpy as np

from verification import mistakes
from verification.questions import Case, arrays, read
from verification.truth import define, textbook

LIVE = {"x": 0.05, "w": 0.5, "dy": 0.05}
"""The part of each array that must matter: strides leave cells unread, and pads taps."""
WORK = 20_000
CASES = [question for question in read() if isinstance(question, Case) and question.x[0]]
PASSES = {"conv": ("conv_forward", "conv_backward")}
PASSES |= dict.fromkeys(("max_pool", "avg_pool"), ("pool_forward", "pool_backward"))


def live(case):
    """The parts of x, w and dy that any output or gradient depends on."""
    x = w = dy = 1.0
    for windows, size in zip(case.windows, case.space, strict=True):
        inside = [[0 <= cell < size for cell in window] for window in windows]
        x *= len({cell for window in windows for cell in window if 0 <= cell < size}) / size
        w *= sum(map(any, zip(*inside, strict=True))) / len(inside[0])
        dy *= sum(map(any, inside)) / len(inside)
    return {"x": x, "w": w, "dy": dy} if case.w else {"x": x, "dy": dy}


def test_what_is_asked_about_matters():
    """Of x, w and dy enough is read to tell something."""
    shares = [
        (case, name, part) for case in CASES if case.kernel for name, part in live(case).items()
    ]
    assert shares
    assert [case.row for case, name, part in shares if part < LIVE[name]] == []


@functools.cache
def books_of(op):
    """Every form of every mistake that this function can hold."""
    known = [mistake for mistake in mistakes.read() if op in mistake.ops]
    return [mistakes.write_wrongly(form) for mistake in known for form in mistake.forms]


def differs(op, case, given, right, book):
    try:
        wrong = define(op, case, given, book)
    except Exception:  # as people's code does
        return True
    return any(
        np.shape(wrong[name]) != np.shape(a) or not np.allclose(wrong[name], a, equal_nan=True)
        for name, a in right.items()
    )


def test_a_mistake_would_change_every_answer():
    """In every function that is asked it; the form that told the last question is tried first."""
    blind = []
    for case in CASES:
        if case.work > WORK or case.check:
            continue
        given = arrays(case, 0, "float64")
        for op in PASSES.get(case.op, (case.op,)):
            with np.errstate(all="ignore"):
                right = define(op, case, given, vars(textbook))
                books = books_of(op)
                telling = next((b for b in books if differs(op, case, given, right, b)), None)
            if telling is None:
                blind.append((op, case.row))
            else:
                books.insert(0, books.pop(books.index(telling)))
    assert blind == []
