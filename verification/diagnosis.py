"""Which mistake it is: wrong answers against those of the catalogue.

A mistake is claimed only if it gives the very same wrong answer in every failing case that it can
be asked, and contradicts no passing one; otherwise it explains so many of so many.  Two mistakes in
one function are found in composition: the lines of both, together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verification import features, inquiry, precision
from verification.case import Case
from verification.inquiry import Inquiry, Suspect, Way, suspected
from verification.mistakes import Mistake
from verification.outcomes import Outcome

WORK = 2_000_000
"""Multiply-adds up to which a case takes part: bare loops are slow."""
SAMPLE = 8
"""Failing cases of a kind that every suspect is asked; who explains them is asked all."""
HABITS = ("unsteady", "changed")


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes, in one function, and how many of the failing cases they explain.

    `exactly` says that every number agrees bit for bit; `others` would give the same answers;
    the `suspect` is the code that does.
    """

    mistakes: tuple[Mistake, ...]
    explains: int
    of: int
    exactly: bool = True
    others: tuple[Mistake, ...] = ()
    suspect: Suspect | None = None

    @property
    def is_whole(self) -> bool:
        return self.explains == self.of


def of(asked: Inquiry, catalogue: Sequence[Mistake]) -> Diagnosis | None:
    """The mistake that explains the failing cases best, if any explains one."""
    known = [mistake for mistake in catalogue if asked.op in mistake.ops]
    habits = [mistake for mistake in known if mistake.sign in HABITS]
    return _by_sign(asked, habits) or _by_numbers(asked, known)


def conventions(asked: Inquiry, catalogue: Sequence[Mistake], outcome: Outcome) -> str:
    """The convention that alone explains one wrong answer; "" if there is none."""
    for mistake in catalogue:
        if mistake.kind == "convention" and asked.op in mistake.ops:
            for suspect in map(suspected, ((mistake, lines) for lines in mistake.lines)):
                if (
                    suspect is not None
                    and asked.explains(suspect, outcome)
                    and asked.contradicts(suspect, outcome)
                ):
                    return mistake.id
    return ""


def _by_sign(asked: Inquiry, known: Sequence[Mistake]) -> Diagnosis | None:
    """By messages, habits, and the size of the error."""
    failing, narrower = asked.failing, _narrower(asked)
    for mistake in known:
        if mistake.error and mistake.kind != "age":
            count = sum(o.status == "CRASH" and mistake.tells(o.message) for o in failing)
        elif mistake.sign and mistake.sign == narrower:
            return Diagnosis((mistake,), len(failing), len(failing), exactly=False)
        elif mistake.sign in HABITS:
            count = sum(_shows(outcome, mistake.sign) for outcome in failing)
        else:
            continue
        if count == len(failing) or (mistake.sign in HABITS and count):
            return Diagnosis((mistake,), count, len(failing))
    return None


def _shows(outcome: Outcome, sign: str) -> bool:
    if sign == "unsteady":
        return any("another answer" in habit for habit in outcome.habits)
    return any("changes its argument" in habit for habit in outcome.habits)


def _narrower(asked: Inquiry) -> str:
    """The narrower type that all wrong answers of real numbers went through, "" if none did."""
    real = [o for o in asked.failing if features.rung(o.question) == "rounding"]
    if not real or not all(outcome.answers for outcome in real):
        return ""
    parting = [o for o in real if isinstance(o.question, Case) and o.question.fill == "wide"]
    return precision.agreed([asked.narrower(outcome) for outcome in (*_spread(real), *parting)])


def _by_numbers(asked: Inquiry, known: Sequence[Mistake]) -> Diagnosis | None:
    failing = [o for o in asked.failing if o.question.work <= WORK]
    ways = [(mistake, lines) for mistake in known for lines in mistake.lines]
    sample = _spread(failing)
    scores: dict[int, list[int]] = {}
    for number, way in enumerate(ways):
        suspect = suspected(way)
        if suspect is not None and asked.has_time:
            scores[number] = [asked.explains(suspect, outcome) for outcome in sample]
    whole = [suspected(ways[number]) for number, score in scores.items() if all(score)]
    found = _proved(asked, whole, failing) if failing else None
    found = found or _by_sign(asked, known) or _pair(asked, ways, scores, failing)
    return found or _best(asked, ways, scores, failing)


def _spread(failing: Sequence[Outcome]) -> list[Outcome]:
    """A few of the failing cases, of every kind of failure, small ones and large ones."""
    chosen: list[Outcome] = []
    for status in dict.fromkeys(outcome.status for outcome in failing):
        alike = sorted((o for o in failing if o.status == status), key=lambda o: o.question.work)
        step = max(1, len(alike) // SAMPLE)
        chosen += alike[::step][:SAMPLE]
    return chosen


def _proved(
    asked: Inquiry, suspects: Sequence[Suspect | None], failing: Sequence[Outcome]
) -> Diagnosis | None:
    """The first suspect that explains every failing case and contradicts no passing one."""
    if not asked.passing and not _numbers(failing):
        return None
    proved: list[tuple[Suspect, bool]] = []
    for suspect in filter(None, suspects):
        degrees = [asked.explains(suspect, outcome) for outcome in failing]
        passing = (o for o in asked.passing if o.question.work <= WORK and asked.has_time)
        if all(degrees) and not any(asked.contradicts(suspect, o) for o in passing):
            exact = [d for d, o in zip(degrees, failing, strict=True) if o.evidence == "exact"]
            proved.append((suspect, min(exact, default=inquiry.NEARLY) == inquiry.EXACTLY))
    if not proved:
        return None
    suspect, exactly = proved[0]
    others = [other for one, _ in proved for other in one.mistakes if other not in suspect.mistakes]
    count = len(failing)
    apart = tuple(dict.fromkeys(others))
    return Diagnosis(suspect.mistakes, count, count, exactly, apart, suspect)


def _numbers(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those with numbers to compare: that something raises proves little."""
    return [outcome for outcome in outcomes if outcome.status != "CRASH"]


def _pair(
    asked: Inquiry,
    ways: Sequence[Way],
    scores: Mapping[int, list[int]],
    failing: Sequence[Outcome],
) -> Diagnosis | None:
    """Two mistakes, of which one alone explains some of the cases."""
    if not _numbers(failing):
        return None
    sample = _spread(failing)
    partial = sorted(
        (n for n in scores if any(scores[n])), key=lambda n: -sum(map(bool, scores[n]))
    )
    for number in partial:
        left = [o for o, score in zip(sample, scores[number], strict=True) if not score]
        for other in ways:
            pair = suspected(ways[number], other) if other[0] is not ways[number][0] else None
            if pair is None or not asked.has_time:
                continue
            if all(asked.explains(pair, outcome) for outcome in (*left, *sample)):
                found = _proved(asked, [pair], failing)
                if found:
                    return found
    return None


def _best(
    asked: Inquiry,
    ways: Sequence[Way],
    scores: Mapping[int, list[int]],
    failing: Sequence[Outcome],
) -> Diagnosis | None:
    """What explains most, if it explains half and contradicts nothing."""
    number = max(scores, key=lambda n: sum(map(bool, scores[n])), default=None)
    suspect = suspected(ways[number]) if number is not None else None
    if suspect is None:
        return None
    told = [outcome for outcome in failing if asked.explains(suspect, outcome)]
    explained = len(told)
    passing = [o for o in asked.passing if o.question.work <= WORK]
    if not _numbers(told) or 2 * explained < len(failing):
        return None
    if any(asked.contradicts(suspect, outcome) for outcome in passing):
        return None
    return Diagnosis(suspect.mistakes, explained, len(failing))
