"""Why a function fails: the mistakes that the catalogue names, each with its smallest case."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from verification import mistakes, truth
from verification.candidates import CANONICAL, LOST, OWN, Function
from verification.judging import smallest
from verification.judging.run import Block, Finding
from verification.judging.trial import Outcome, Trial
from verification.mistakes import Diagnosis, Inquiry
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
        name = self._find_convention(outcome)
        if not name or name in self._refuted:
            return outcome
        return replace(outcome, status="DEVIATES", deviations=(*outcome.deviations, name))

    def _find_convention(self, outcome: Outcome) -> str:
        question = outcome.question
        is_open = isinstance(question, Case) and not question.check
        if self._trial.judged.contract.is_bitwise or not is_open:
            return ""
        if _refuses_nothing(outcome):
            return EMPTY
        is_other_type = any("dtype" in compared.message for compared in outcome.comparisons)
        if outcome.status != "WRONG" or outcome.habits or is_other_type:
            return ""
        return mistakes.find_convention(self._inquire(), outcome)

    def name_conventions(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The same of many: what right answers contradict is no convention, but a coincidence."""
        if any(o.status == "CRASH" and not _refuses_nothing(o) for o in outcomes):
            self._refuted.add(EMPTY)
        named = [self.name_convention(outcome) for outcome in outcomes]
        right = [o for o in named if o.status == "ok" and o.has_numbers and o.case.work <= CHEAP]
        followed = defaultdict[str, list[Outcome]](list)
        for before, after in zip(outcomes, named, strict=True):
            if before.status == "WRONG" and after.status == "DEVIATES":
                followed[after.deviations[-1]].append(before)
        refuted = {
            name
            for name, alike in followed.items()
            if not mistakes.is_convention(self._inquire(), name, alike, right)
        }
        if not refuted:
            return named
        self._refuted |= refuted
        return [self.name_convention(outcome) for outcome in outcomes]

    def refute(self, finding: Finding) -> bool:
        """Whether there are conventions whose cases the mistakes found explain, without them.

        They are none, from now on.
        """
        found, inquiry = finding.diagnosis, self._inquire()
        if not (found and found.is_whole):
            return False
        needed = {mistake.id for suspect in found.suspects for mistake in suspect.mistakes}
        deviating = [o for o in finding.outcomes if o.status == "DEVIATES" and o.has_numbers]
        left = {o.deviations[-1] for o in deviating if not inquiry.covers(found.suspects, o)}
        names = {o.deviations[-1] for o in deviating} - needed - left - self._refuted
        self._refuted |= names
        return bool(names)

    def explain(self, finding: Finding, more: Sequence[Outcome]) -> Finding:
        """With the mistakes that are known, and what to show; `more` is what was asked for it."""
        lost = [outcome for outcome in finding.failing if outcome.kind in LOST]
        failing = [o for o in finding.failing if o.has_numbers and o.kind not in LOST]
        if not failing:
            least = min(finding.failing, key=_size)
            return replace(finding, blocks=(Block(least, call=self._write_call(least)),))
        inquiry = self._inquire()
        seen = more or finding.outcomes
        passing = [o for o in seen if o.status == "ok" and o.has_numbers]
        others = [o for o in seen if o.is_failing and o.has_numbers and o.kind not in LOST]
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
            explained = sum(inquiry.covers(found.suspects, outcome) for outcome in failing)
            # what explains but what was asked besides is no mistake of these
            found = replace(found, explains=explained, of=len(failing)) if explained else None
        blocks = [*self._show(inquiry, failing, found, others)]
        if lost:
            least = min(lost, key=_size)
            blocks.append(Block(least, call=self._write_call(least), of=len(lost)))
        return replace(finding, diagnosis=found, is_cut=is_cut, blocks=(*blocks,), more=tuple(more))

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
        for mistake, suspect in found.parts if found else ():
            needs = partial(inquiry.needs, suspect, mistake)  # of two, this one must matter
            telling = [outcome for outcome in failing if needs(outcome)]
            least = self._shrink(min(telling or failing, key=_size), needs if telling else bool)
            yield Block(least, mistake, call=self._write_call(least))
        suspects = found.suspects if found else ()
        if found and found.is_whole:
            return
        left = [o for o in failing if not inquiry.covers(suspects, o)]
        more = [o for o in more if not inquiry.covers(suspects, o)]
        shown = set[object]()
        for kind in mistakes.part(left):  # wrong numbers, and what raises
            unknown = min(kind, key=_size)
            least = self._shrink(unknown, lambda outcome: not inquiry.covers(suspects, outcome))
            # CPython 3.11 knows the line of an unbound name but nearly: once, whatever it says
            told = least.question if least.answers else (least.message, least.where)
            if told not in shown:
                looks = tuple(self._look(least, kind, more))
                yield Block(least, None, looks, self._write_call(least), len(kind))
            shown.add(told)

    def _write_call(self, outcome: Outcome) -> str:
        """The call, where the contract's words are not the row's."""
        question, judged = outcome.question, self._trial.judged
        if not isinstance(question, Case) or judged.contract.is_bitwise:
            return ""
        cache = CANONICAL if outcome.is_spared or outcome.behind else OWN
        return judged.write_call(self.function, question, cache)

    def _shrink(self, outcome: Outcome, is_alike: Callable[[Outcome], object]) -> Outcome:
        """The smallest outcome that fails in the same way, and is alike."""
        case = outcome.case
        if case.work > SMALL or outcome.kind in LOST:
            return outcome
        best, forward = outcome, self._trial.judged.contract.forward_of(self.function)
        is_behind = forward is not self.function and self._trial.judged.has(forward)
        is_needed = is_behind and not outcome.is_spared

        def fails(smaller: Case) -> bool:
            nonlocal best
            if is_needed and self._trial.judge(forward, smaller).is_failing:
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
        if least.helpers:
            return  # what is asked for this comes from its own
        case, has_form = least.case, any(compared.worst for compared in least.comparisons)
        if case.op == "conv" and has_form and max(map(math.prod, (case.x, case.y))) <= CALLS:
            proof = self._trial.judge(self.function, replace(case, check="proof", dtype=""))
            lines = proof.message.splitlines() if proof.status == "WRONG" else ()
            yield from (f"cell by cell: {line}" for line in lines)

    def _describe(self, outcome: Outcome) -> dict[str, list[str]]:
        """What each of its wrong outputs looks like."""
        case, wrong = outcome.case, {c.name for c in outcome.comparisons if c.worst}
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
