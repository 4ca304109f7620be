"""From a failing question to the smallest that fails in the same way.

A greedy search over rows: each size in turn is tried at its least, halfway there, and one less,
each setting as a row has it that does not name it; what still fails is kept, until nothing shrinks.
A kernel, stride or pad that is the same along all axes stays so, since many implementations take
one int for it; sides are free to differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import Any

from verification.questions import Case, CaseError, Ints, parse

LIMIT = 50
LEAST = {"dilation": 1, "pad": 0, "stride": 1, "kernel": 1}
"""Settings with an entry for each axis."""
SETTINGS = (
    *("word", "ceil_mode", "count_include_pad", "divisor_override", "bias", "layout"),
    *("output_padding", "output_size"),
)


def shrink(case: Case, fails: Callable[[Case], bool], least: int = 1, limit: int = LIMIT) -> Case:
    """The smallest question found for which `fails` holds, as it does for `case`.

    The batch, channels, filters and windows stay at `least` that many.  `fails` is called at most
    `limit` times, and never twice for the same question.
    """
    tried = {case.row}
    uneven = {name for name in LEAST if len(set(getattr(case, name))) > 1}
    while True:
        for smaller in _simplify(case, uneven, least):
            if smaller.row not in tried and len(tried) <= limit:
                tried.add(smaller.row)
                if fails(smaller):
                    case = smaller
                    break
        else:
            return case


def _simplify(case: Case, uneven: Set[str], least: int) -> Iterator[Case]:
    """Questions with less of one thing than this one's, as their rows read."""
    for changed in _reduce(case, uneven, least):
        with suppress(CaseError):
            (read,) = parse(changed.row)
            yield read


def _reduce(case: Case, uneven: Set[str], least: int) -> Iterator[Case]:
    if not case.pad:
        for axis, size in enumerate(case.x):
            for less in _less(size, 1):
                yield replace(case, x=_put(case.x, axis, less))
        return
    for less in _less(case.x[0], least):
        yield replace(case, x=_put(case.x, 0, less))
    yield from _reduce_channels(case, least)
    for name in LEAST:
        yield from _reduce_setting(case, name, name in uneven)
    axes = range(len(case.space))
    for chosen in [tuple(axes), *((axis,) for axis in axes)]:
        windows = [max(1, case.spans[i] - sum(case.pad[i])) if case.kernel else 1 for i in axes]
        excess = max(case.space[i] - windows[i] for i in chosen)
        for less in _less(excess, least - 1):
            x = case.x
            for i in chosen:
                x = _put(x, i + 1, min(case.space[i], windows[i] + less))
            yield replace(case, x=x)
    is_even = all(before == after for before, after in case.pad)
    for name in SETTINGS:
        if getattr(case, name) != getattr(Case, name) and (name != "word" or is_even):
            yield replace(case, **{name: getattr(Case, name)})


def _reduce_channels(case: Case, least: int) -> Iterator[Case]:
    if not case.w:
        for less in _less(case.x[-1], least):
            yield replace(case, x=_put(case.x, len(case.x) - 1, less))
        return
    sizes = {"depth": case.w[-2], "filters": case.w[-1] // case.groups, "groups": case.groups}
    for name, size in sizes.items():
        for less in _less(size, 1 if name == "groups" else least):
            new = sizes | {name: less}
            w = (*case.kernel, new["depth"], new["filters"] * new["groups"])
            channels = new["filters" if case.op == "conv_transpose" else "depth"]
            x = (*case.x[:-1], channels * new["groups"])
            yield replace(case, x=x, w=w, groups=new["groups"])


def _reduce_setting(case: Case, name: str, is_uneven: bool) -> Iterator[Case]:
    """All axes at once, or each where they differed at first."""
    entries: Sequence[Any] = getattr(case, name)
    if not entries:
        return
    is_beside = name == "kernel" and not case.w and case.stride == case.kernel
    names = ("kernel", "stride") if is_beside else (name,)
    places = range(len(entries))
    for chosen in [tuple(places), *((i,) for i in places if is_uneven)]:
        most = max(max(entries[i]) if name == "pad" else entries[i] for i in chosen)
        for less in _less(most, LEAST[name]):
            cut = tuple(_cut(e, less) if i in chosen else e for i, e in enumerate(entries))
            sizes: dict[str, Any] = dict.fromkeys(names, cut)
            sizes |= {"w": (*cut, *case.w[-2:])} if name == "kernel" and case.w else {}
            sizes |= {"word": ""} if name == "pad" else {}
            yield replace(case, **sizes)


def _less(size: int, least: int) -> list[int]:
    """The least first, then halfway, then one less."""
    excess = size - least
    return sorted({least + part for part in (0, excess // 2, excess - 1) if 0 <= part < excess})


def _cut(entry: Any, most: int) -> Any:
    return tuple(min(e, most) for e in entry) if isinstance(entry, tuple) else min(entry, most)


def _put(sizes: Ints, axis: int, size: int) -> Ints:
    return (*sizes[:axis], size, *sizes[axis + 1 :])
