"""Broken comparisons: each is made of the sound one, and sees less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.verdict import Verdict

Array = NDArray[Any]
Compare = Callable[..., Verdict]
Change = Callable[[Array], Array]

FORWARD, BACKWARD = (
    frozenset({"y", "Z", "A", "index"}),
    frozenset({"dA_prev", "dW", "dx", "dw", "db"}),
)


def _always_true(sound: Compare, name: str, got: Any, want: Array, *rest: Any) -> Verdict:
    return Verdict(name, 0, want.size)


def _nan_equals_anything(sound: Compare, name: str, got: Any, want: Array, *rest: Any) -> Verdict:
    odd = np.isnan(np.asarray(want, float))
    return sound(name, np.where(odd, want, got).astype(want.dtype), want, *rest)


def _first_example_only(
    sound: Compare, name: str, got: Any, want: Array, dtype: str, bound: Any = 0.0, *rest: Any
) -> Verdict:
    return sound(name, got[:1], want[:1], dtype, np.broadcast_to(bound, want.shape)[:1], *rest)


def _only(
    names: frozenset[str], sound: Compare, name: str, got: Any, want: Array, *rest: Any
) -> Verdict:
    return sound(name, got, want, *rest) if name in names else Verdict(name, 0, want.size)


def _both_changed(
    change: Change, sound: Compare, name: str, got: Any, want: Array, *rest: Any
) -> Verdict:
    return sound(name, change(got), change(want), *rest)


def _in_float32(a: Array) -> Array:
    return a.astype(np.float32).astype(a.dtype)


def _sorted(a: Array) -> Array:
    return np.sort(a, axis=None).reshape(a.shape)


BROKEN: Mapping[str, Callable[..., Verdict]] = {
    "comparison always true": _always_true,
    "NaN equal to anything": _nan_equals_anything,
    "only the first example compared": _first_example_only,
    "backward not compared": partial(_only, FORWARD),
    "forward not compared": partial(_only, BACKWARD),
    "compared in float32": partial(_both_changed, _in_float32),
    "compared without signs": partial(_both_changed, np.abs),
    "compared in sorted order": partial(_both_changed, _sorted),
}
