"""Which mistake it is: wrong answers against those of the catalogue.

A mistake is claimed only if it changes the right answer, and its code gives the very same wrong one
in every failing case, or raises the very same exception, and contradicts no passing case; otherwise
it explains so many of so many.  That code of a mistake raises too is no proof: for each there is a
case with numbers to compare, or with an exception that says the same.  Several mistakes in one
function are found apart, in what differs in numbers and in what raises, or in each mode of a pool;
or two in composition: the lines of both, together.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from verification.mistakes.catalogue import Form, Mistake, read, write_wrongly
from verification.mistakes.precision import FORMATS, find_narrower
from verification.questions import Array, Case, Question, rung
from verification.truth import answer, define, textbook

EFFORT, EVERY = 26_000, 10_000
"""Runs of wrong code for one function's diagnosis, some 0.3 ms each; more multiply-adds
than that are as many runs.  No clock is asked: a slow machine must say the same as a fast one."""
WORK = 2_000_000
"""Multiply-adds up to which a case takes part: bare loops are slow."""
SAMPLE = 8
"""Failing cases of a kind that every suspect is asked; who explains them is asked all."""
LIKE = {"ValueError", "IndexError", "AssertionError"}
"""Exceptions that may tell the same: something does not fit."""
NEAR = {"float32": 2.0**-18, "float64": 2.0**-40}
"""Of the largest number: roundings of sums that are taken in another order."""
LOSS = 32
"""Roundings of the narrower type that a sum may have lost, as a share of the largest number."""
EXACTLY, NEARLY, ALIKE = 3, 2, 1
"""The same numbers, or a shape in an exception's words; but for roundings, or the same words; both
raise, which proves nothing."""
TOLD = {False: 2 / 3, True: 1 / 6}
"""The share of what is explained that must tell more than that both raise: by words alone, and
where numbers, or a wrong shape in the words, are among it."""
MOST = 0.5
"""The share of the failing cases that the best suspect explains, if none explains all."""
FEW = 20
"""Of so many failing cases one must be explained: a few plain answers may be other code's, too."""
PARTS = 3
"""Kinds of failures that are looked at apart: wrong numbers, and exceptions by their lines."""
VARIED = 3
"""Messages, of other shapes, that tell a mistake of code that but raises."""
HABITS = {"unsteady": "another answer", "changed": "changes its argument"}
"""Signs of mistakes that show beside the numbers, and the words of the habit."""
_DEPTHS = re.compile(r"size (\d+) is different from (\d+)|: (\d+) \(dim \d\) != (\d+) \(dim \d\)")
_NUMBERS = re.compile(r"\([\d, ]*\)|-?\d+|'[^']*'")


@dataclass(frozen=True, eq=False)
class Sighting:
    """One question that a function was asked, and what came, in the contract's form.

    `function` is the candidate's name for it, `op` ours; `kind` and `message` are an exception's
    type and words, `habits` what is wrong beside the numbers, `where` the candidate's own lines
    that led to an exception.
    """

    function: str
    op: str
    question: Question
    status: str
    message: str = ""
    kind: str = ""
    where: tuple[str, ...] = ()
    habits: tuple[str, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def case(self) -> Case:
        assert isinstance(self.question, Case)
        return self.question

    def shows(self, sign: str) -> bool:
        """Whether it has a habit."""
        return sign in HABITS and any(HABITS[sign] in habit for habit in self.habits)


Seen = TypeVar("Seen", bound=Sighting)


@dataclass(frozen=True)
class Suspect:
    """Wrong code: a mistake in one of its forms, or two together.

    A mistake without a form is recognised by a sign, or by an exception's words.  `op` is the only
    operation of whose questions it is suspected, `others` are mistakes with the same answers.
    """

    parts: tuple[tuple[Mistake, Form], ...]
    op: str = ""
    others: tuple[Mistake, ...] = ()

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return tuple(mistake for mistake, _ in self.parts)

    @property
    def forms(self) -> tuple[Form, ...]:
        return tuple(form for _, form in self.parts if form)

    def split(self) -> list[Suspect]:
        """Each of its mistakes alone."""
        return [replace(self, parts=(part,)) for part in self.parts]


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes in one function, and how many of the failing cases they explain.

    `exactly` says that numbers agree bit for bit where sums are exact, `rounds` that others agree
    but for roundings; the `suspects` are code that gives the same answers, `parts` every mistake
    with code that shows it.
    """

    mistakes: tuple[Mistake, ...]
    explains: int
    of: int
    exactly: bool = True
    rounds: bool = False
    suspects: tuple[Suspect, ...] = ()
    parts: tuple[tuple[Mistake, Suspect], ...] = ()

    @property
    def others(self) -> tuple[Mistake, ...]:
        """The mistakes that would give the same answers."""
        return tuple(mistake for suspect in self.suspects for mistake in suspect.others)

    @property
    def conventions(self) -> tuple[Mistake, ...]:
        """Those that the answers follow beside the mistakes."""
        followed = (mistake for suspect in self.suspects for mistake in suspect.mistakes)
        others = (m for m in followed if m.kind == "convention" and m not in self.mistakes)
        return tuple(dict.fromkeys(others))

    @property
    def is_whole(self) -> bool:
        return self.explains == self.of


@dataclass
class Inquiry:
    """What is asked about one function: its op, the form of its outputs, its arrays' seed.

    `effort` is what it has taken so far.
    """

    op: str
    form: Callable[[Case, str, Array], Array]
    seed: int
    dtype: str
    effort: int = field(default=0, init=False)

    @property
    def goes_on(self) -> bool:
        return self.effort < EFFORT

    def explains(self, suspect: Suspect, seen: Sighting) -> int:
        """EXACTLY or NEARLY what came, ALIKE where both raise, or 0."""
        if suspect.op not in ("", seen.case.op):
            return 0
        if not suspect.forms:
            return EXACTLY * any(self._shows(mistake, seen) for mistake in suspect.mistakes)
        came = self._run(suspect, seen.case)
        if isinstance(came, Exception):
            is_empty = seen.answers and not seen.case.x[0]  # loops over no examples raise nothing
            return ALIKE if is_empty else _compare_errors(suspect, seen, came)
        if seen.status == "CRASH":
            return self._refuses(came, seen)
        if not seen.answers or seen.shows("unsteady"):
            return 0
        agreement = self._compare(came, seen)
        if agreement and (self.is_right(seen) or not self._changes(came, seen.case)):
            # what is right here, or a hair off, is wrong for another reason; but for near-ties
            return agreement * (agreement == EXACTLY and seen.case.fill == "near")
        return agreement

    def covers(self, suspects: Iterable[Suspect], seen: Sighting) -> bool:
        """Whether one of them explains a case."""
        return any(self.explains(suspect, seen) for suspect in suspects)

    def shows(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether a case shows it, by more than that both raise."""
        return self.explains(suspect, seen) > ALIKE

    def needs(self, suspect: Suspect, mistake: Mistake, seen: Sighting) -> bool:
        """Whether a case shows a suspect, and not without one of its mistakes."""
        rest = replace(suspect, parts=tuple(one for one in suspect.parts if one[0] != mistake))
        return self.shows(suspect, seen) and not self.explains(rest, seen)

    def explains_part(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether one of several outputs is wrong as the suspect has it."""
        came = self._run(suspect, seen.case)
        if isinstance(came, Exception):
            return False
        alone = [replace(seen, answers={name: got}) for name, got in seen.answers.items()]
        return any(self._compare(came, one) and not self.is_right(one) for one in alone)

    def contradicts(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether the suspect would have raised where there are numbers, or changed right ones."""
        if suspect.op not in ("", seen.case.op):
            return False
        came = self._run(suspect, seen.case)
        if isinstance(came, Exception):
            return seen.case.x[0] > 0  # loops over no examples raise nothing
        if seen.shows("unsteady") or not (seen.status == "ok" or self.is_right(seen)):
            return False
        return self._changes(came, seen.case)

    def alters(self, suspect: Suspect, seen: Sighting) -> bool:
        """Whether such code is not right."""
        came = self._run(suspect, seen.case)
        return isinstance(came, Exception) or self._changes(came, seen.case)

    def shift(self, suspect: Suspect, seen: Sighting) -> int | None:
        """How many axes lie between an index that is too large here and there, where it is one."""
        came = self._run(suspect, seen.case)
        if not isinstance(came, IndexError):
            return None
        axes = [re.findall(r"bounds for axis (\d+)", text) for text in (str(came), seen.message)]
        return int(axes[1][0]) - int(axes[0][0]) if all(axes) else None

    def is_right(self, seen: Sighting) -> bool:
        """Whether its numbers are right, or nearly: then it fails for another reason."""
        right = _define_rightly(self.op, seen.case, self.seed, self.dtype)
        return bool(self._compare(right, seen))

    def _shows(self, mistake: Mistake, seen: Sighting) -> bool:
        if mistake.sign in FORMATS:
            right = _define_rightly(self.op, seen.case, self.seed, self.dtype)
            return bool(self._compare(right, seen, LOSS * FORMATS[mistake.sign].unit))
        return self.has_sign(mistake, seen) or mistake.matches(seen.message)

    def has_sign(self, mistake: Mistake, seen: Sighting) -> bool:
        """Whether it shows beside the numbers: by a habit, or in what the answer is."""
        answers = [*seen.answers.values()]
        if mistake.sign == "nothing":
            return any(getattr(got, "kind", "") == "NoneType" for got in answers)
        if mistake.sign == "narrow":
            return self.is_right(seen) and any(map(self._is_narrow, answers))
        if mistake.sign == "integral":
            return self.is_right(seen) and any(map(_is_integral, answers))
        return seen.shows(mistake.sign)

    def _is_narrow(self, got: Any) -> bool:
        return type(got) is np.ndarray and got.dtype == np.float32 and self.dtype == "float64"

    def _run(self, suspect: Suspect, case: Case) -> dict[str, Any] | Exception:
        """What such code comes to: its outputs, or what it raises."""
        self.effort += 1 + case.work // EVERY
        return _define_wrongly(self.op, case, self.seed, self.dtype, suspect.forms)

    def _refuses(self, came: Mapping[str, Any], seen: Sighting) -> int:
        """A result of a wrong shape, which an assertion or a reshape does not let through."""
        right = _define_rightly(self.op, seen.case, self.seed, self.dtype)
        sizes = [(sorted(np.shape(came[name])), sorted(np.shape(right[name]))) for name in right]
        wrong = [ours for ours, wanted in sizes if ours != wanted]
        if seen.kind not in LIKE or not wrong:
            return 0
        is_empty = "of size 0" in seen.message and any(0 in ours for ours in wrong)
        if is_empty or any(sorted(shape) in wrong for shape in _read_shapes(seen.message)):
            return EXACTLY
        asserts = seen.kind == "AssertionError" and ".shape" in "".join(seen.where[-1:])
        return EXACTLY if asserts and any(0 in ours for ours in wrong) else ALIKE * asserts

    def _changes(self, came: Mapping[str, Any], case: Case) -> bool:
        right = _define_rightly(self.op, case, self.seed, self.dtype)
        near = NEAR[self.dtype]
        return not all(_is_near(came.get(name), value, near) for name, value in right.items())

    def _compare(self, came: Mapping[str, Any], seen: Sighting, near: float = 0.0) -> int:
        """How the outputs agree that agree least, with another room than for roundings alone."""
        names = seen.answers.keys() - {"index"}
        return min((self._agrees(name, came.get(name), seen, near) for name in names), default=0)

    def _agrees(self, name: str, came: Any, seen: Sighting, near: float) -> int:
        got = seen.answers[name]
        if came is None or type(got) is not np.ndarray:
            return 0
        try:
            value = self.form(seen.case, name, np.asarray(came))
        except (ValueError, IndexError):  # another shape than such an output has
            return 0
        if value.shape != got.shape:
            return 0
        least = LOSS * FORMATS["float32"].unit if self._is_narrow(got) else NEAR[self.dtype]
        with np.errstate(all="ignore"):
            same = np.array_equal(value.astype(got.dtype), got, equal_nan=got.dtype.kind == "f")
        return EXACTLY if same else NEARLY * _is_near(value, got, near or least)


def diagnose(
    asked: Inquiry,
    failing: Sequence[Sighting],
    passing: Sequence[Sighting],
    conventions: Sequence[str] = (),
) -> Diagnosis | None:
    """The mistakes that explain the failing cases best, if any explains one.

    The `conventions` are those that other answers follow: mistakes may stand beside them.
    """
    known = [mistake for mistake in read() if asked.op in mistake.ops]
    small = [seen for seen in failing if seen.case.work <= WORK]
    steady = [seen for seen in small if not seen.shows("unsteady")]
    wrong = [seen for seen in steady if not asked.is_right(seen)]
    others = [seen for seen in (*passing, *small) if seen.case.work <= WORK and seen not in wrong]
    habits = [Suspect(((m, ()),)) for m in known if any(asked.has_sign(m, seen) for seen in small)]
    followed = _suspect([m for m in known if m.id in conventions and len(m.forms) == 1])
    search = _Search(asked, known, wrong, others, next(followed, Suspect(())))
    suspects = (*habits, *_search(search))
    if not suspects:
        return None
    parts: dict[Mistake, Suspect] = {}  # each mistake with the code that shows it
    for suspect in suspects:
        for one in suspect.split():
            shows = any(asked.shows(one, seen) for seen in small)
            parts.setdefault(one.mistakes[0], one if shows else suspect)
    if any(mistake.kind == "mistake" for mistake in parts):
        parts = {mistake: code for mistake, code in parts.items() if mistake.kind == "mistake"}
    degrees = [(max(asked.explains(one, seen) for one in suspects), seen) for seen in small]
    told = [(degree, seen) for degree, seen in degrees if degree]
    if len(told) * FEW < len(small) and not habits:
        return None
    numbers = [one for one in told if one[1] in wrong and one[1].status != "CRASH"]
    exact = [degree for degree, seen in numbers if seen.case.is_exact]
    return Diagnosis(
        tuple(parts),
        explains=len(told),
        of=len(small),
        exactly=not numbers or min(exact, default=NEARLY) == EXACTLY,
        rounds=any(degree < EXACTLY for degree, _ in numbers),
        suspects=suspects,
        parts=tuple(parts.items()),
    )


def find_convention(asked: Inquiry, seen: Sighting) -> str:
    """The convention that alone explains one wrong answer; "" if there is none."""
    known = [m for m in read() if m.kind == "convention" and asked.op in m.ops]
    fitting = (one for one in _suspect(known) if asked.explains(one, seen))
    return next((one.mistakes[0].id for one in fitting), "")


def is_convention(
    asked: Inquiry, name: str, deviating: Sequence[Sighting], passing: Sequence[Sighting]
) -> bool:
    """Whether one form of it gives all these answers, and would give the right ones too."""
    return any(
        all(asked.explains(one, seen) for seen in deviating)
        and not any(asked.contradicts(one, seen) for seen in passing)
        for one in _suspect([mistake for mistake in read() if mistake.id == name])
    )


def _suspect(known: Sequence[Mistake], beside: Suspect | None = None) -> Iterator[Suspect]:
    """Every way to write one of these mistakes; with another's, where the two get along."""
    suspect = beside or Suspect(())
    for mistake in (mistake for mistake in known if mistake not in suspect.mistakes):
        for form in mistake.forms:
            if write_wrongly(*suspect.forms, form) is not None:
                yield replace(suspect, parts=(*suspect.parts, (mistake, form)))


def _define(op: str, case: Case, seed: int, dtype: str, book: Mapping[str, Any]) -> dict[str, Any]:
    given = answer(case, seed, dtype).arrays
    if case.fill == "whole":  # what follows a convention is told from the same numbers as floats
        given = {name: a if name == "index" else a.astype(dtype) for name, a in given.items()}
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return define(op, case, given, book)


@functools.lru_cache(maxsize=16_384)
def _define_wrongly(
    op: str, case: Case, seed: int, dtype: str, forms: tuple[Form, ...]
) -> dict[str, Any] | Exception:
    """What code with these edits comes to; a search asks the same again and again."""
    try:
        return _define(op, case, seed, dtype, write_wrongly(*forms) or {})
    except Exception as error:  # as people's code does
        return error.with_traceback(None)


@functools.lru_cache(maxsize=512)
def _define_rightly(op: str, case: Case, seed: int, dtype: str) -> dict[str, Any]:
    return _define(op, case, seed, dtype, vars(textbook))


def _is_integral(got: Any) -> bool:
    return type(got) is np.ndarray and got.dtype.kind in "iu"


def _is_near(one: Any, other: Any, near: float) -> bool:
    if one is None or np.shape(one) != np.shape(other):
        return False
    a, b = np.asarray(one, float), np.asarray(other, float)
    finite = b[np.isfinite(b)]
    room = near * float(np.abs(finite).max(initial=0))
    return bool(np.allclose(a, b, rtol=0, atol=room, equal_nan=True))


def _compare_errors(suspect: Suspect, seen: Sighting, error: Exception) -> int:
    """Whether a crash is the suspect's: by a pattern of its words, or in type, words and sizes."""
    kind = type(error).__name__
    if seen.status != "CRASH":
        return 0
    if any(mistake.matches(seen.message) for mistake in suspect.mistakes):
        return EXACTLY
    if kind == seen.kind == "AssertionError":
        return NEARLY  # in words of the author's own
    is_known = any(mistake.error for mistake in suspect.mistakes)
    if kind == seen.kind and not is_known and _is_same(f"{kind}: {error}", seen.message):
        return NEARLY
    return ALIKE * ({kind, seen.kind} <= LIKE)


def _is_same(mine: str, theirs: str) -> bool:
    """Whether two messages say the same: of the same index, of shapes that may lack some axes, of
    the same depths of a product.
    """
    if depths := _read_depths(mine):
        return depths == _read_depths(theirs)
    if _NUMBERS.sub("#", mine).strip() != _NUMBERS.sub("#", theirs).strip():
        return False
    places = [re.findall(r"(?:index|size) (\d+)", text) for text in (mine, theirs)]
    if places[0] != places[1] or "index" in mine:  # on whatever axis
        return places[0] == places[1]
    pairs = zip(_read_shapes(mine), _read_shapes(theirs), strict=True)
    return all(Counter(n for n in other if n != 1) <= Counter(our) for our, other in pairs)


def _read_depths(message: str) -> list[str]:
    """The depths of two matrices that do not fit, as matmul or dot tells them."""
    found = _DEPTHS.search(message)
    return sorted(filter(None, found.groups())) if found else []


def _read_shapes(message: str) -> list[list[int]]:
    shapes = re.findall(r"\(([\d, ]*)\)", message)
    return [[int(size) for size in re.findall(r"\d+", shape)] for shape in shapes]


def _search(search: _Search) -> list[Suspect]:
    """Who explains these wrong answers; where a convention does, no mistake is told beside it."""
    for beside in dict.fromkeys((replace(search.beside, parts=()), search.beside)):
        if proved := search.prove(_suspect(search.known, beside)):
            kinds = [{mistake.kind for mistake in one.mistakes} for one in proved]
            if {"convention"} in kinds:
                return [proved[kinds.index({"convention"})]]
            first, *rest = sorted(proved, key=lambda one: not search.named.issuperset(one.mistakes))
            rest = [] if search.named.issuperset(first.mistakes) else rest
            others = (m for one in rest for m in one.mistakes if m not in first.mistakes)
            return [replace(first, others=tuple(dict.fromkeys(others)))]
    if found := search.find_sign():
        return found
    found = _search_each(search.split())
    if found and all(search.asked.covers(found, seen) for seen in search.wrong):
        return found
    if pair := search.find_pair():
        return pair
    return found or _search_each(search.narrow()) or search.find_best()


def _search_each(searches: Sequence[_Search]) -> list[Suspect]:
    """Who explains each; of mistakes with the same answers, one that is told of another anyway."""
    found = [_search(search) for search in searches]
    for place, search in enumerate(searches):
        rest = (one for there, those in enumerate(found) if there != place for one in those)
        named = frozenset(mistake for one in rest for mistake in one.mistakes)
        if any(named.intersection(one.others) for one in found[place]):
            found[place] = _search(replace(search, named=named)) or found[place]
    return [one for those in reversed(found) for one in those]


@dataclass(frozen=True)
class _Search:
    """The suspects of one function, by some of its wrong answers; they contradict no `others`.

    `beside` is what stands in each of them besides: the convention that the function follows;
    `named` are the mistakes that explain other answers of it.
    """

    asked: Inquiry
    known: Sequence[Mistake]
    wrong: Sequence[Sighting]
    others: Sequence[Sighting]
    beside: Suspect
    named: frozenset[Mistake] = frozenset()

    def split(self) -> list[_Search]:
        """The same of each kind of failure: what raises may hide what is wrong in the numbers.

        No suspect raises where there are wrong numbers; these take longest.
        """
        kinds = part(self.wrong)
        numbers = kinds[0] if kinds and kinds[0][0].answers else []
        others = [*self.others, *numbers]
        apart = [replace(self, wrong=kind, others=others) for kind in kinds if kind != numbers]
        apart += [replace(self, wrong=numbers)] * bool(numbers)
        return apart if len(apart) > 1 else []

    def narrow(self) -> list[_Search]:
        """The same of each mode of a pool, as each has lines of its own."""
        ops = sorted({seen.case.op for seen in (*self.wrong, *self.others)}, reverse=True)
        if len(ops) < 2:
            return []
        return [
            replace(
                self,
                wrong=[seen for seen in self.wrong if seen.case.op == op],
                others=[seen for seen in self.others if seen.case.op == op],
                beside=replace(self.beside, op=op),
            )
            for op in ops
        ]

    @functools.cached_property
    def _sample(self) -> list[Sighting]:
        return _spread(self.wrong)

    @functools.cached_property
    def _ranked(self) -> list[tuple[Suspect, list[Sighting]]]:
        """Every suspect with what it leaves unexplained of the sample, the best first."""
        ranked = [
            (one, [seen for seen in self._sample if not self.asked.explains(one, seen)])
            for one in _suspect(self.known, self.beside)
            if self.asked.goes_on
        ]
        return sorted(ranked, key=lambda one: len(one[1]))

    def prove(self, suspects: Iterable[Suspect]) -> list[Suspect]:
        """The suspects that explain every failing case and contradict no passing one."""
        words = {seen.message for seen in self.wrong}
        if not self.wrong or not (self.others or _have_numbers(self.wrong) or len(words) >= VARIED):
            return []
        proved: list[Suspect] = []
        for suspect in suspects:
            if not self.asked.goes_on:
                break
            # most fail at the first case, so that not all of them are asked all
            is_likely = all(self.asked.explains(suspect, seen) for seen in self._sample)
            if is_likely and self._holds(suspect, 1):
                proved.append(suspect)
        return proved

    def _holds(self, suspect: Suspect, share: float) -> bool:
        """Whether it explains such a share, tells enough of it, and contradicts nothing."""
        degrees = [(self.asked.explains(suspect, seen), seen) for seen in self.wrong]
        count = sum(degree > 0 for degree, _ in degrees)
        telling = [(degree, seen) for degree, seen in degrees if degree > ALIKE]
        is_sure = any(degree == EXACTLY or seen.status != "CRASH" for degree, seen in telling)
        return (
            count >= share * len(degrees)
            and (is_sure or _tells_enough([seen.message for _, seen in telling]))
            and len(telling) >= TOLD[is_sure] * count
            and len({self.asked.shift(suspect, seen) for seen in self.wrong} - {None}) <= 1
            and not any(self.asked.contradicts(suspect, seen) for seen in self.others)
        )

    def find_pair(self) -> list[Suspect]:
        """Two mistakes, of which one alone explains some of the cases, or outputs, and not all."""
        if not _have_numbers(self.wrong):
            return []
        ranked = [one for one in self._ranked if len(one[1]) < len(self._sample)]
        largest = max(self._sample, key=lambda seen: (len(seen.answers), seen.case.work))
        if len(largest.answers) > 1:
            ranked += [one for one in self._ranked if self.asked.explains_part(one[0], largest)]
        for suspect, left in ranked:
            for pair in _suspect(self.known, suspect):
                if not self.asked.goes_on:
                    return []
                is_like = all(self.asked.explains(pair, seen) for seen in left)
                if is_like and self.prove([pair]) and self._needs_both(pair):
                    return [pair]
        return []

    def _needs_both(self, pair: Suspect) -> bool:
        """Whether for each there is a case that the other leaves, and one that it does change."""
        both = [one for one in pair.split() if one.mistakes[0].kind == "mistake"]
        return all(
            any(self.asked.needs(pair, one.mistakes[0], seen) for seen in self.wrong)
            and any(self.asked.alters(one, seen) for seen in self.wrong)
            for one in both
        )

    def find_sign(self) -> list[Suspect]:
        """By the words of all its exceptions, or by a narrower type, which have no forms."""
        for mistake in (m for m in self.known if m.kind == "mistake" and m.error and not m.forms):
            if self.wrong and all(mistake.matches(seen.message) for seen in self.wrong):
                return [Suspect(((mistake, ()),), self.beside.op)]
        real = [seen for seen in self.wrong if rung(seen.case) == "rounding"]
        if not real or not all(seen.answers for seen in real):
            return []
        parting = [seen for seen in real if seen.case.fill == "wide"]
        answered = [
            (answer(seen.case, self.asked.seed, self.asked.dtype), seen.answers)
            for seen in (*_spread(real), *parting)
        ]
        narrower = find_narrower(answered, self.asked.form)
        return [Suspect(((m, ()),), self.beside.op) for m in self.known if m.sign in narrower[:1]]

    def find_best(self) -> list[Suspect]:
        """Who explains most of the failing cases, numbers among them, and contradicts nothing."""
        best = [suspect for suspect, _ in self._ranked[:1] if self._holds(suspect, MOST)]
        numbers = [seen for seen in self.wrong if seen.status != "CRASH" and _holds_any(seen)]
        return [one for one in best if any(self.asked.shows(one, seen) for seen in numbers)]


def _spread(failing: Sequence[Sighting]) -> list[Sighting]:
    """A few of the failing cases, of every kind of failure, small ones and large ones."""
    chosen: list[Sighting] = []
    for status in dict.fromkeys(seen.status for seen in failing):
        alike = sorted((s for s in failing if s.status == status), key=lambda s: s.case.work)
        chosen += alike[:: max(1, len(alike) // SAMPLE)][:SAMPLE]
    return chosen


def part(failing: Sequence[Seen]) -> list[list[Seen]]:
    """What differs in numbers, and apart from it what raises, by the line that does: the most."""
    kinds: dict[tuple[str, ...], list[Seen]] = {}
    for seen in failing:
        key = () if seen.answers else (seen.kind, *seen.where[-1:])
        kinds.setdefault(key, []).append(seen)
    return sorted(kinds.values(), key=lambda kind: (not kind[0].answers, -len(kind)))[:PARTS]


def _tells_enough(messages: Sequence[str]) -> bool:
    """Whether words alone tell a mistake: of shapes that do not fit together it takes several."""
    are_plain = any(re.search("index|cannot reshape", message) for message in messages)
    return are_plain or len({*messages}) >= VARIED


def _holds_any(seen: Sighting) -> bool:
    """Whether a number of it is not 0: code that does nothing answers so, whatever its mistake."""
    return any(np.any(got) for got in seen.answers.values() if type(got) is np.ndarray)


def _have_numbers(sightings: Sequence[Sighting]) -> bool:
    """Whether there is something to compare: that something raises proves little."""
    return any(seen.status != "CRASH" for seen in sightings)
