"""What a function's outcomes come to when they are seen together, and beside other functions.

Of one outcome alone it cannot be said whether a check fails by a convention that other answers
follow, or by a function below that fails: those deviate, and these are not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verification import mistakes
from verification.candidates import HELPERS
from verification.judging.run import Base, Finding
from verification.judging.settings import Settings
from verification.judging.trial import Outcome
from verification.questions import Case

LARGE = 100_000
"""Multiply-adds that right code in bare loops may not do in time."""
Statuses = dict[str, tuple[str, str]]
"""By our names of functions, theirs and the status of each, which may be `helped`."""
UNFIT = {"differs": "fails", "not attempted": "is not written"}
UNFIT["helped"] = "fails with its own helpers"
"""The statuses of functions that others cannot stand on."""


def conclude(finding: Finding, statuses: Statuses, settings: Settings) -> Finding:
    """A finding with what its `raw` outcomes come to; its status is added to those before it."""
    raw = finding.raw
    if raw and all(outcome.kind == "NotImplementedError" for outcome in raw):
        raw = tuple(replace(outcome, status="not attempted") for outcome in raw)
    raw = _allow_time(raw, settings.timeout)
    asked = [outcome for outcome in raw if outcome.status != "outside"]
    reasons = [outcome.message for outcome in raw if outcome.status == "outside"]
    outcomes = settle(asked, finding.base, statuses, settings.strict)
    aged = [outcome.age[0] for outcome in outcomes if outcome.age]
    finding = replace(
        finding,
        outcomes=tuple(outcomes),
        outside=finding.outside + len(reasons),
        reasons=tuple(dict.fromkeys(filter(None, (*reasons, *finding.reasons)))),
        age=next((mistake for mistake in mistakes.read() if mistake.id in aged[:1]), None),
    )
    is_helped = not finding.failing and any(outcome.helpers for outcome in outcomes)
    status = "helped" if is_helped else finding.status
    statuses[finding.base.name] = finding.function, status
    known = (
        replace(o, status="known") if o.is_failing and o.id in settings.known else o
        for o in outcomes
    )
    return replace(finding, outcomes=tuple(known))


def _allow_time(raw: tuple[Outcome, ...], timeout: float) -> tuple[Outcome, ...]:
    """Large questions are outside where nothing fails but that they take too long."""
    late = [outcome for outcome in raw if outcome.is_failing]
    is_slow = all(o.kind == "TIMEOUT" and o.question.work > LARGE for o in late)
    if not late or not is_slow or not any(outcome.status == "ok" for outcome in raw):
        return raw
    lost = min(outcome.question.work for outcome in late)
    words = f"{late[0].function} takes more than {timeout:g} s for {lost:,} multiply-adds"
    return tuple(
        replace(outcome, status="outside", message=words)
        if outcome in late or (outcome.status == "not judged" and outcome.question.work >= lost)
        else outcome
        for outcome in raw
    )


def settle(
    outcomes: Sequence[Outcome], base: Base, statuses: Statuses, strict: bool
) -> list[Outcome]:
    """Conventions are no failures, and what may be inherited is not judged.

    `statuses` are those of the functions that were judged before.
    """
    shown = {name for outcome in outcomes for name in outcome.deviations}
    known = mistakes.read() if shown else ()
    names = tuple(mistake.id for mistake in known if mistake.id in shown and mistake.forms)
    if names and not any(outcome.is_failing and outcome.has_numbers for outcome in outcomes):
        # a check without an oracle sees a convention too, and cannot tell it from a mistake
        outcomes = [
            replace(o, status="DEVIATES", deviations=names)
            if o.status == "WRONG" and isinstance(o.question, Case) and o.question.check
            else o
            for o in outcomes
        ]
    outcomes = [replace(o, deviations=()) if o.is_failing else o for o in outcomes]
    outcomes = _mend(outcomes, statuses)
    if strict:
        outcomes = [replace(o, status="WRONG") if o.status == "DEVIATES" else o for o in outcomes]
    # where the contract's cache serves, a gradient needs no other
    is_spared = any(o.is_spared and o.status in ("ok", "DEVIATES") for o in outcomes)
    return [_excuse(o, base, statuses, is_spared) if o.is_failing else o for o in outcomes]


def _mend(outcomes: Sequence[Outcome], statuses: Statuses) -> list[Outcome]:
    """What counts where helpers fail: with right ones in their place, if these serve anywhere."""
    unfit = {name for name, (_, status) in statuses.items() if status in UNFIT}
    behind = [o for o in outcomes if o.is_failing and o.mended and unfit & {*o.below}]
    if not any(_serves(outcome) for outcome in behind):
        return [*outcomes]
    mended = []
    for outcome in outcomes:
        if outcome in behind and outcome.mended:
            helpers = tuple(statuses[name][0] for name in outcome.below if name in unfit)
            below = tuple(name for name in outcome.below if name not in HELPERS)
            note = f"with a right {' and '.join(helpers)} in place of yours"
            outcome = replace(outcome.mended, helpers=helpers, below=below, note=note)
        mended.append(outcome)
    return mended


def _serves(outcome: Outcome) -> bool:
    """Whether more is right with right helpers: else they may not be what is wanted there."""
    mended = outcome.mended
    own, other = (
        {compared.name for compared in one.comparisons if compared.is_right} if one else set()
        for one in (outcome, mended)
    )
    return mended is not None and (not mended.is_failing or own < other)


def _excuse(outcome: Outcome, base: Base, statuses: Statuses, is_spared: bool) -> Outcome:
    """Not judged where it comes through what fails; a check needs a forward pass that is right."""
    below, question = {*outcome.below}, outcome.question
    is_behind = outcome.is_inherited and not is_spared
    if is_behind or (isinstance(question, Case) and question.check):
        below.add(base.forward)
    for name in sorted(below - {base.name}, key=lambda name: (name not in HELPERS, name)):
        # of a forward pass that was not to be judged this much is known
        unjudged = (name, "differs") if is_behind and name == base.forward else ("", "")
        their, status = statuses.get(name, unjudged)
        if word := UNFIT.get(status):
            message = f"it stands on {their}, which {word}"
            return replace(outcome, status="not judged", message=message)
    return outcome
