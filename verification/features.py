"""What is particular about a question: its features, its level, its rung on the ladder.

A rung is a kind of evidence, from weak to strong:

    contract    it can be called: shapes, dtypes, memory orders, empty batches, refusals
    edge        ties, all negative, NaN, infinities: the rules that torch chose
    exact       certified integers, compared by ==
    rounding    real numbers, within a bound derived from the data
    properties  what holds of every convolution or pool, whatever its numbers: no oracle is asked
    adjoint     gradients against the forward pass: <dy, y> = <x, dx> = <w, dw>; no oracle either
    proof       every coefficient, one by one
    scale       layers of real networks, channels summed up by random weights
"""

from __future__ import annotations

from collections.abc import Iterator

from verification.case import Case
from verification.questions import Question, Refusal

_OPTIONS = frozenset(
    {"1-D", "3-D", "unequal-window", "asymmetric-pad", "pad-word", "dilation", "groups", "no-bias"}
    | {"padded-pool", "ceil-mode", "pads-not-counted", "divisor", "special", "layout"}
)
_UNEVEN = frozenset({"unequal-sides", "remainder", "gap", "pool-overlap", "ties"})

RUNGS = ("contract", "edge", "exact", "rounding", "properties", "adjoint", "proof", "scale")
_OF_CHECK = {"adjoint": "adjoint", "taps": "proof", "cells": "proof", "scale": "scale"}
_OF_FILL = {"sparse": "rounding", "dense": "rounding", "wide": "rounding"}
_OF_FILL |= dict.fromkeys(("ties", "permutation", "special"), "edge")


def rung(question: Question) -> str:
    """Which kind of evidence an answer gives."""
    if isinstance(question, Refusal):
        return "contract"
    if question.check:
        return _OF_CHECK.get(question.check, "properties")
    if question.layout != "C" or not question.x[0]:
        return "contract"
    return _OF_FILL.get(question.fill, "exact")


def level(question: Question) -> int:
    """1 helpers and smallest sizes, 2 the assignment's, 3 uneven ones, 4 every option."""
    if isinstance(question, Refusal):
        return 4
    if not question.kernel:
        return 1
    if of(question) & _OPTIONS:
        return 4
    if of(question) & _UNEVEN:
        return 3
    return 1 if max(question.space) <= 4 else 2


def of(case: Case) -> frozenset[str]:
    """Its features, by name."""
    return frozenset(_features(case))


def _features(case: Case) -> Iterator[str]:
    axes = list(zip(case.space, case.kernel, case.stride, case.dilation, case.pad))
    spans = [dilation * (kernel - 1) + 1 for _, kernel, _, dilation, _ in axes]
    rest = [size + sum(pad) - span for (size, *_, pad), span in zip(axes, spans)]
    pads = any(map(any, case.pad))
    flags = {
        "1-D": len(axes) == 1,
        "3-D": len(axes) == 3,
        "batch": case.x[0] > 1,
        "empty-batch": case.x[0] == 0,
        "unequal-sides": len(set(case.space)) > 1,
        "unequal-window": any(
            len(set(sizes)) > 1 for sizes in (case.kernel, case.stride, case.dilation, case.pad)
        ),
        "pad": pads,
        "asymmetric-pad": any(before != after for before, after in case.pad),
        "pad-word": bool(case.word),
        "padded-pool": pads and not case.w,
        "pad-beyond-kernel": any(max(pad) >= kernel for _, kernel, _, _, pad in axes),
        "stride": any(step > 1 for step in case.stride),
        "overlap": any(step < span for step, span in zip(case.stride, spans)),
        "pool-overlap": not case.w and any(s < span for s, span in zip(case.stride, spans)),
        "gap": any(step > span for step, span in zip(case.stride, spans)),
        "remainder": any(cells % step for cells, step in zip(rest, case.stride)),
        "kernel-is-input": case.kernel == case.space,
        "dilation": any(step > 1 for step in case.dilation),
        "groups": case.groups > 1,
        "depthwise": 1 < case.groups == case.x[-1],
        "no-bias": not case.bias,
        "ceil-mode": case.ceil_mode,
        "pads-not-counted": not case.count_include_pad,
        "divisor": case.divisor_override is not None,
        "layout": case.layout != "C",
        "special": case.fill == "special",
        "ties": case.fill == "ties",
    }
    return (name for name, holds in flags.items() if holds and (axes or name == "special"))
