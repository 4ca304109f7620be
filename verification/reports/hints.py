"""Which kind of question fails, without a word of why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from verification.judging import Finding
from verification.questions import Case


def _leaves_rest(case: Case) -> bool:
    axes = zip(case.space, case.pad, case.spans, case.stride, strict=False)
    return any((size + sum(pad) - span) % step for size, pad, span, step in axes)


MOST, MOSTLY = 2, 0.75
"""Features that are told, and the part of a kind's cases that fail where they do mostly."""
FEATURES: Mapping[str, Callable[[Case], bool]] = {
    "the pad is 0": lambda case: bool(case.w) and not case.is_padded,
    "there is a pad": lambda case: case.is_padded,
    "the stride is above 1": lambda case: max(case.stride, default=1) > 1,
    "windows overlap": lambda case: any(map(int.__lt__, case.stride, case.spans)),
    "maxima tie": lambda case: case.fill == "ties",
    "the sides of the input differ": lambda case: len({*case.space}) > 1,
    "the sides of the window differ": lambda case: len({*case.kernel}) > 1,
    "a rest is left behind the last window": _leaves_rest,
    "there are several examples": lambda case: case.x[0] > 1,
    "there are several channels": lambda case: case.x[-1] > 1,
    "there are several filters": lambda case: bool(case.w) and case.w[-1] > 1,
    "the pool is a maximum": lambda case: case.op == "max_pool",
    "the pool is an average": lambda case: case.op == "avg_pool",
    "windows are dilated": lambda case: max(case.dilation, default=1) > 1,
    "there are groups": lambda case: case.groups > 1,
}


def describe_kind(finding: Finding) -> str:
    """What the failing questions have in common, and no more others than need be."""
    asked = [
        (outcome.question, outcome.is_failing)
        for outcome in finding.more or finding.outcomes
        if isinstance(outcome.question, Case) and outcome.status != "not judged"
    ]
    failing = [case for case, fails in asked if fails]
    if len(failing) == len(asked):
        return "every case fails"
    shared = [words for words, holds in FEATURES.items() if all(map(holds, failing))]
    named, left = list[str](), asked
    while len(named) < MOST and len(left) > len(failing):
        kinds = {words: [one for one in left if FEATURES[words](one[0])] for words in shared}
        least = min(kinds, key=lambda words: len(kinds[words]), default="")
        if not least or len(kinds[least]) == len(left):
            break
        named, left = [*named, least], kinds[least]
    if named:
        where = " and ".join(named)
        return f"{len(failing)} of {len(left)} cases fail where {where}, and no other"
    told, others = list[str](), failing
    while len(told) < MOST:
        counts = {}
        for words, holds in FEATURES.items():
            fails = [fails for case, fails in asked if holds(case)]
            if fails and sum(fails) >= MOSTLY * len(fails):
                counts[words] = sum(map(holds, others)), f"{sum(fails)} of {len(fails)}"
        words = max(counts, key=lambda words: counts[words][0], default="")
        if not words or not counts[words][0]:
            break
        told.append(f"{counts[words][1]} cases fail where {words}")
        others = [case for case in others if not FEATURES[words](case)]
    told += [f"{len(others)} others of {len(asked)} fail"] * bool(others)
    return "; ".join(told)
