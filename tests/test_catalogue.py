"""The catalogue: every form of every mistake is an edit of the textbook that shows somewhere."""

import functools
import re

import numpy as np
import parametrize_from_file
import pytest

from verification.mistakes import catalogue, read, write_wrongly
from verification.questions import FURTHER, REAL, Case, arrays
from verification.questions import read as read_questions
from verification.truth import define, textbook

KNOWN = {mistake.id: mistake for mistake in read()}
WORK = 20_000
FOREIGN = r"A_prev|\bn_[HWC]|\bd[ZA]\b|vert_|horiz_|i, h, w|, :\]|:, :, :, c"
CASES = [q for q in read_questions() if isinstance(q, Case) and q.x[0] and not q.check]
SMALL = {}
for case in CASES:
    is_small = case.work <= (2000 if case.op in FURTHER else 300)
    if is_small and (case.is_exact or case.op in REAL):
        for op in case.functions:
            SMALL.setdefault(op, []).append(case)


@functools.cache
def ask(op, case):
    """A question's arrays, and the textbook's answers."""
    given = arrays(case, 0, "float64")
    return given, define(op, case, given, vars(textbook))


def shows(book, op, case):
    """Whether a textbook written wrongly answers a question to `op` otherwise, or raises."""
    given, right = ask(op, case)
    try:
        wrong = define(op, case, given, book)
    except Exception:  # as people's code does
        return True
    agree = np.array_equal if case.is_exact or case.op in FURTHER else np.allclose
    return not all(
        np.shape(wrong[name]) == np.shape(value)
        and agree(wrong[name], value, equal_nan=np.asarray(value).dtype.kind == "f")
        for name, value in right.items()
    )


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_every_form_shows(mistake):
    """Each edit's text occurs; each form shows in some function, and each function by some form."""
    assert mistake.forms or mistake.error or mistake.sign
    texts = {old for form in mistake.forms for old, _ in form}
    assert [old for old in texts if old not in catalogue.TEXT] == []
    seen = set()
    with np.errstate(all="ignore"):
        for form in mistake.forms:
            book = write_wrongly(form)
            assert book is not None
            ops = {op for op in mistake.ops if any(shows(book, op, case) for case in SMALL[op])}
            assert ops, form[0]
            seen |= ops
    assert seen == set(mistake.ops if mistake.forms else ())


def test_a_mistake_would_change_every_answer():
    """In every function that is asked it; the book that told the last question is tried first."""
    books, blind = {}, []
    for mistake in KNOWN.values():
        for op in mistake.ops:
            books.setdefault(op, []).extend(map(write_wrongly, mistake.forms))
    # mistakes of the further operations are those of their own settings; and the textbook adds to
    # arrays of x's kind
    few = (q for q in CASES if q.work <= WORK and q.op not in FURTHER and q.fill != "whole")
    with np.errstate(all="ignore"):
        for case, op in ((q, op) for q in few for op in q.functions):
            telling = next((book for book in books[op] if shows(book, op, case)), None)
            blind += [(op, case.row)] * (telling is None)
            books[op].sort(key=lambda book, telling=telling: book is not telling)
    assert blind == []


@pytest.mark.parametrize("mistake", KNOWN.values(), ids=KNOWN)
def test_every_entry_says_what_it_must(mistake):
    """A short title, what the code does, a hint that does not give the change away."""
    assert mistake.ops
    assert set(mistake.ops) <= SMALL.keys()
    assert 10 < len(mistake.title) <= 72
    assert mistake.does != mistake.title
    assert mistake.hint.endswith(("?", "."))
    assert mistake.change not in mistake.hint
    assert mistake.kind in ("mistake", "age", "convention")
    assert (mistake.kind == "age") <= bool(mistake.error)
    re.compile(mistake.error)


@parametrize_from_file
def test_two_mistakes(one, two, apart):
    """Two compose unless they change the same text."""
    forms = KNOWN[one].forms[-1], KNOWN[two].forms[-1]
    assert (write_wrongly(*forms) is not None) == apart


@parametrize_from_file
def test_messages_match(message, mistakes):
    """Of an age's words those of a mistake may be; of a misspelt name nothing is."""
    assert tuple(known.id for known in read() if known.matches(message)) == mistakes


@pytest.mark.parametrize("contract", ["cs231n", "functional-hw", "layers", "holberton"])
def test_other_courses_read_their_own_words(contract):
    """No name of the first course is left in what another is told, nor an index of its layout;
    NumPy's own names stay.
    """
    foreign = r"\bn_[HW]|hparameters|pad:pad" if contract == "holberton" else FOREIGN
    is_first = contract != "holberton"
    for mistake in KNOWN.values():
        for op in mistake.ops:
            told = " ".join(mistake.tell(is_first, contract, op))
            assert not re.search(foreign, told), (mistake.id, told)
            known = re.findall(r"np\.\w+", f"{mistake.does} {mistake.change}")
            assert {*re.findall(r"np\.\w+", told)} <= {*known}, (mistake.id, told)


@parametrize_from_file(schema=parametrize_from_file.defaults(op=""))
def test_tell(mistake, contract, channels_first, op, change):
    """The line that is right, as each contract's authors write it."""
    assert KNOWN[mistake].tell(channels_first, contract, op)[1] == change
