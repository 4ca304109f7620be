"""A covering array: few rows of levels, among which every three levels occur together.

A feature takes one of a few levels, and a row has one of each feature.  A row begins with the
first triple that no row has yet, and then takes, feature by feature, the level that brings most
new triples; rows are made until no triple is left.  Nothing is drawn at random, and of equals the
first is taken, so the rows are the same everywhere.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

Levels = frozenset[str]
T = TypeVar("T")

_TRIES = 3
"""Rows of which the best is taken."""


def rows(features: Sequence[Sequence[str]], impossible: Collection[Levels]) -> Iterator[list[str]]:
    """Rows that hold every triple of levels, without any that are impossible together.

    Features with many levels should come first: it makes for fewer rows.
    """
    left = dict.fromkeys(  # a set would have an order of its own
        triple
        for three in itertools.combinations(features, 3)
        for triple in map(frozenset, itertools.product(*three))
        if _possible(triple, impossible)
    )
    for number in itertools.count():
        if not left:
            return
        tries = [_row(features, left, impossible, number + turn) for turn in range(_TRIES)]
        best = max(tries, key=lambda row: len(left.keys() & _triples(row)))
        for triple in _triples(best):
            left.pop(triple, None)
        yield best


def turned(items: Sequence[T], turn: int) -> list[T]:
    """The items in their order, beginning with another one each turn."""
    start = turn % len(items)
    return [*items[start:], *items[:start]]


def _row(
    features: Sequence[Sequence[str]],
    left: Collection[Levels],
    impossible: Collection[Levels],
    turn: int,
) -> list[str]:
    row = sorted(next(iter(left)))
    for levels in features:
        if not set(levels) & set(row):
            able = [one for one in turned(levels, turn) if _possible({*row, one}, impossible)]
            row.append(max(able, key=functools.partial(_new, left, row)))
    return row


def _new(left: Collection[Levels], row: Sequence[str], level: str) -> int:
    """How many triples without a row this level would bring."""
    return sum(frozenset((*pair, level)) in left for pair in itertools.combinations(row, 2))


def _triples(row: Sequence[str]) -> set[Levels]:
    return set(map(frozenset, itertools.combinations(row, 3)))


def _possible(levels: Collection[str], impossible: Collection[Levels]) -> bool:
    return not any(banned.issubset(levels) for banned in impossible)
