"""Why a function fails: the mistakes that the catalogue names, each with its smallest case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from verification import mistakes, truth
from verification.candidates import CANONICAL, LOST, OWN, Function
from verification.judging import smallest
from verification.judging.run import Block, Finding
from verification.judging.trial import Outcome, Trial
from verification.mistakes import Diagnosis, Inquiry, Mistake, Suspect
from verification.questions import Case, CaseError, parse

SMALL = 50_000
"""Multiply-adds up to which a question is worth shrinking."""
CHEAP = 3_000
"""Multiply-adds up to which a question is asked to find a reason alone."""
ENOUGH, FEW = 24, 3
"""Numbers in an output that a pattern shows in; and where there are no more."""
ALL = 20
"""Other failing cases that are looked at, of which a pattern must hold too."""
CALLS = 256
"""Cells of a question up to which every coefficient is looked at, with a call for each."""
EMPTY = "empty-batch"
"""The convention of what raises where there are no examples, and nowhere else."""
SIMPLE = ("units", "digits")
"""Fills that are easier to read, the easier one first."""


class Reasons:
    """Why one function fails; `_refuted` are the conventions that turned out to be none."""

    def __init__(self, trial: Trial, function: Function) -> None:
        self._trial, self.function = trial, function
        self._refuted: set[str] = set()

    def name_convention(self, outcome: Outcome) -> Outcome:
        """A wrong answer that a convention alone explains deviates."""
        if outcome.mended:
            outcome = replace(outcome, mended=self.name_convention(outcome.mended))
        is_case = isinstance(outcome.question, Case) and not outcome.question.check
        is_wrong = outcome.status == "WRONG" and is_case and not outcome.habits
        is_wrong &= not any("dtype" in compared.message for compared in outcome.comparisons)
        if self._trial.judged.contract.is_bitwise:
            return outcome
        if is_case and EMPTY not in self._refuted and _refuses_nothing(outcome):
            return replace(outcome, status="DEVIATES", deviations=(EMPTY,))
        if not is_wrong:
            return outcome
        name = mistakes.find_convention(self._inquire(), outcome)
        names = tuple(dict.fromkeys((*outcome.deviations, name)))
        is_followed = name and name not in self._refuted
        return replace(outcome, status="DEVIATES", deviations=names) if is_followed else outcome

    def name_conventions(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The same of many: what right answers contradict is no convention, but a coincidence."""
        crashes = (o for o in outcomes if o.status == "CRASH" and not _refuses_nothing(o))
        self._refuted |= {EMPTY} if any(crashes) else set()
        raw = [self.name_convention(outcome) for outcome in outcomes]
        named: dict[str, list[Outcome]] = {}
        for before, after in zip(outcomes, raw, strict=True):
            if before.status != after.status and not _refuses_nothing(before):
                named.setdefault(after.deviations[-1], []).append(before)
        right = [o for o in raw if o.status == "ok" and o.has_numbers]
        small = [seen for seen in right if seen.case.work <= CHEAP]
        refuted = {
            name
            for name, seen in named.items()
            if not mistakes.is_convention(self._inquire(), name, seen, small)
        }
        self._refuted |= refuted
        if refuted:
            return [self.name_convention(outcome) for outcome in outcomes]
        return raw

    def refute(self, finding: Finding) -> bool:
        """Whether there are conventions whose cases the mistakes found explain, without them.

        They are none, from now on.
        """
        found, inquiry = finding.diagnosis, self._inquire()
        if not (found and found.is_whole):
            return False
        needed = {mistake.id for suspect in found.suspects for mistake in suspect.mistakes}
        cases: dict[str, list[Outcome]] = {}
        for outcome in finding.outcomes:
            if outcome.status == "DEVIATES" and outcome.has_numbers:
                cases.setdefault(outcome.deviations[-1], []).append(outcome)
        shadowed = {
            name
            for name, alike in cases.items()
            if name not in needed and all(found.covers(inquiry, outcome) for outcome in alike)
        } - self._refuted
        self._refuted |= shadowed
        return bool(shadowed)

    def explain(self, finding: Finding, more: Sequence[Outcome]) -> Finding:
        """With the mistakes that are known, and what to show; `more` is what was asked for it."""
        failing = [outcome for outcome in finding.failing if outcome.has_numbers]
        if not failing:
            return replace(finding, blocks=(self._block(min(finding.failing, key=_size)),))
        inquiry = self._inquire()
        seen = more or finding.outcomes
        passing = [o for o in seen if o.status == "ok" and o.has_numbers]
        others = [o for o in seen if o.is_failing and o.has_numbers]
        followed = [name for outcome in seen for name in outcome.deviations]
        answered = [outcome for outcome in others or failing if outcome.answers]
        telling = others or failing
        if self.function.name in self._trial.unfinished:
            telling = answered  # what raises may raise for what is missing
        elif self._trial.judged.is_guessed and not answered:
            telling = []  # or for a layout that was guessed
        found = mistakes.diagnose(inquiry, telling, passing, followed) if telling else None
        is_cut = not inquiry.goes_on
        if found and more:
            found = found.recount(inquiry, failing)
        blocks = tuple(self._show(inquiry, failing, found, others))
        return replace(finding, diagnosis=found, is_cut=is_cut, blocks=blocks, more=tuple(more))

    def _inquire(self) -> Inquiry:
        function, trial = self.function, self._trial
        return Inquiry(function.op, function.form, trial.seed, trial.dtype)

    def _show(
        self,
        inquiry: Inquiry,
        failing: Sequence[Outcome],
        found: Diagnosis | None,
        more: Sequence[Outcome],
    ) -> Iterator[Block]:
        """A block for each mistake, of a case that it explains, and for what none explains.

        Patterns must hold in `more` of that too.
        """
        left = list(failing)
        for mistake, suspect in found.parts if found else ():
            shows = [o for o in failing if inquiry.shows(suspect, o)]
            alike = partial(inquiry.explains, suspect) if shows else lambda outcome: True
            if len(suspect.mistakes) > 1:  # of two, this one must matter
                needs = partial(self._needs, inquiry, suspect, mistake)
                if telling := [o for o in shows if needs(o)]:
                    shows, alike = telling, needs
            least = self._shrink(min(shows or failing, key=_size), alike)
            yield self._block(least, mistake)
        if found:
            left = [o for o in failing if not found.covers(inquiry, o)]
            more = [o for o in more if not found.covers(inquiry, o)]
        if found and found.is_whole:
            return
        shown = set[object]()
        for kind in mistakes.part(left)[: mistakes.PARTS]:  # wrong numbers, and what raises
            least = self._shrink(
                min(kind, key=_size),
                lambda outcome: not (found and found.covers(inquiry, outcome)),
            )
            # CPython 3.11 knows the line of an unbound name but nearly: once, whatever it says
            told = least.question if least.answers else (least.message, least.where)
            if told not in shown:
                yield replace(self._block(least, None, self._look(least, kind, more)), of=len(kind))
            shown.add(told)

    def _needs(self, inquiry: Inquiry, pair: Suspect, mistake: Mistake, outcome: Outcome) -> bool:
        """Whether both mistakes explain it, and not the other one alone."""
        rest = pair.leave(mistake)
        return bool(inquiry.explains(pair, outcome)) and not inquiry.explains(rest, outcome)

    def _block(
        self,
        outcome: Outcome,
        mistake: Mistake | None = None,
        looks: Iterable[str] = (),
    ) -> Block:
        """With the call, where the contract's words are not the row's."""
        question, call = outcome.question, ""
        if isinstance(question, Case) and not self._trial.judged.contract.is_bitwise:
            is_own = not (outcome.is_spared or outcome.is_inherited)
            cache = OWN if is_own else CANONICAL
            call = self._trial.judged.write_call(self.function, question, cache)
        return Block(outcome, mistake, tuple(looks), call)

    def _shrink(self, outcome: Outcome, is_alike: Callable[[Outcome], object]) -> Outcome:
        """The smallest outcome that fails in the same way, and is alike."""
        case = outcome.question
        assert isinstance(case, Case)
        if case.work > SMALL or outcome.kind in LOST:
            return outcome
        best, forward = outcome, self._trial.judged.contract.forward_of(self.function)
        is_behind = forward is not self.function and self._trial.judged.has(forward)

        def fails(smaller: Case) -> bool:
            nonlocal best
            if is_behind and self._trial.judge(forward, smaller).is_failing:
                return False  # what it would be shown for may be inherited
            again = self.name_convention(self._trial.judge(self.function, smaller))
            if outcome.helpers and again.mended:
                again = replace(again.mended, helpers=outcome.helpers, note=outcome.note)
            if _way(again) != _way(outcome) or not is_alike(again):
                return False
            best = again
            return True

        # of a wrong shape the sizes must be told apart
        least = smallest.shrink(case, fails, 1 + any(c.message for c in outcome.comparisons))
        for fill in SIMPLE:
            with suppress(CaseError):
                if fails(*parse(replace(least, fill=fill).row)):
                    break
        return best

    def _look(
        self, least: Outcome, failing: Sequence[Outcome], more: Sequence[Outcome]
    ) -> Iterator[str]:
        """What the error looks like; of a convolution, which coefficient is wrong."""
        enough = next((n for n in (ENOUGH, FEW) if any(_count(o) >= n for o in failing)), 0)
        shown = min((o for o in failing if _count(o) >= enough), key=_size)
        where = "here" if shown.question == least.question else f"in {shown.question.id}"
        others = [o for o in more if _count(o) >= enough and o.question != shown.question]
        rest = [self._describe(outcome) for outcome in others[:ALL]]
        for word, looks in self._describe(shown).items():
            same = [those[word] for those in rest if word in those]
            yield from (f"{word} {where}: {look}" for look in mistakes.keep_common(looks, same))
        case = least.question
        assert isinstance(case, Case)
        if least.helpers:
            return  # what is asked for this comes from its own
        if case.op == "conv" and least.answers and max(map(math.prod, (case.x, case.y))) <= CALLS:
            proof = self._trial.judge(self.function, replace(case, check="proof", dtype=""))
            yield from (f"cell by cell: {line}" for line in proof.message.splitlines())

    def _describe(self, outcome: Outcome) -> dict[str, list[str]]:
        """What each of its wrong outputs looks like."""
        case, wrong = outcome.question, {c.name for c in outcome.comparisons if c.worst}
        assert isinstance(case, Case)
        looks = {}
        for name, got in outcome.answers.items():
            word = self.function.words.get(name, name)
            if word in wrong:
                plain = self._trial.restore(self.function, case, name, got)
                right = truth.answer(case, self._trial.seed, self._trial.dtype).values[name]
                looks[word] = mistakes.describe(plain, right, name)
        return looks


def _refuses_nothing(outcome: Outcome) -> bool:
    """Whether it raises, and there are no examples."""
    question = outcome.question
    is_crash = outcome.status == "CRASH" and outcome.kind not in LOST
    return is_crash and isinstance(question, Case) and not question.x[0]


def _count(outcome: Outcome) -> int:
    """The numbers of its largest output that has wrong ones."""
    return max((compared.of for compared in outcome.comparisons if compared.worst), default=0)


def _size(outcome: Outcome) -> tuple[bool, bool, bool, bool, int, int, str]:
    """The order in which failures are shown: exact ones of small questions first, by their work,
    and those without numbers last.

    Of a wrong shape, those first whose sizes can be told from 1.
    """
    question = outcome.question
    is_shape = any(compared.message for compared in outcome.comparisons)
    is_vague = is_shape and isinstance(question, Case) and 1 in question.y
    is_rounded, work = outcome.evidence != "exact", question.work
    return not work, is_vague, work > CHEAP, is_rounded, work, len(question.row), outcome.id


def _way(outcome: Outcome) -> tuple[str, str, frozenset[str]]:
    """How it fails: the status, the exception, the outputs that are wrong."""
    wrong = frozenset(c.name for c in outcome.comparisons if not c.is_right)
    return outcome.status, outcome.kind, wrong
