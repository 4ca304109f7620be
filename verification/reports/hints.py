"""Which kind of question fails, without a word of why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from verification.judging import Finding
from verification.questions import Case


def _window(case: Case) -> Sequence[int]:
    """The sides of x where it is one window, which holds no examples."""
    return case.x[:2] if case.op in WINDOWS else ()


WINDOWS = ("conv_single_step", "create_mask_from_window", "distribute_value")
MOST = 2
"""Kinds that are told of."""
FEATURES: Mapping[str, Callable[[Case], bool]] = {
    "the pad is 0": lambda case: bool(case.w) and not case.is_padded,
    "there is a pad": lambda case: case.is_padded,
    "the stride is above 1": lambda case: max(case.stride, default=1) > 1,
    "windows overlap": lambda case: any(map(int.__lt__, case.stride, case.spans)),
    "maxima tie": lambda case: case.fill == "ties",
    "the sides of the input differ": lambda case: len({*case.space}) > 1,
    "the sides of the window differ": lambda case: len({*(case.kernel or _window(case))}) > 1,
    "a rest is left behind the last window": lambda case: any(
        (size + sum(pad) - span) % step
        for size, pad, span, step in zip(case.space, case.pad, case.spans, case.stride)
    ),
    "there are several examples": lambda case: case.x[0] > 1 and not _window(case),
    "there are several channels": lambda case: case.x[-1] > 1 and not _window(case),
    "there are several filters": lambda case: bool(case.w) and case.w[-1] > 1,
    "the pool is a maximum": lambda case: case.op == "max_pool",
    "the pool is an average": lambda case: case.op == "avg_pool",
    "windows are dilated": lambda case: max(case.dilation, default=1) > 1,
    "there are groups": lambda case: case.groups > 1,
}


def describe_kind(finding: Finding) -> str:
    """Where it fails: at a kind that has all failures, or else at the one that fails most."""
    left = [
        (outcome.question, outcome.is_failing)
        for outcome in finding.more or finding.outcomes
        if isinstance(outcome.question, Case) and outcome.status != "not judged"
    ]
    told, count = list[str](), sum(fails for _, fails in left)
    if count == len(left):
        return "every case fails"
    while count and len(told) < MOST:
        kinds = {words: [f for case, f in left if holds(case)] for words, holds in FEATURES.items()}
        weights = {
            words: (sum(kind) == count, sum(kind) / len(kind), len(kind))
            for words, kind in kinds.items()
            if any(kind)
        }
        if not weights:
            break
        # all failures, or else the largest part that fails, of as many as there are
        words = max(weights, key=weights.__getitem__)
        told.append(f"{sum(kinds[words])} of {len(kinds[words])} where {words}")
        left = [(case, fails) for case, fails in left if not FEATURES[words](case)]
        count = sum(fails for _, fails in left)
    if not told:
        return f"{count} of {len(left)} cases fail, of no kind alone"
    rest = f", and {count} more" if count else ", and no other"
    return f"it fails {'; of the rest '.join(told)}{rest}"
