"""Layers of real networks, at a small part of the oracle's cost (Freivalds' check of a product).

A convolution is linear in every filter, so the filters of a group, summed up by random weights r,
are one filter, whose answer the oracle gives at a K-th of the cost:

    sum over k of r_k y_k   = conv(x, sum over k of r_k w_k)
    sum over c of r_c dx_c  = the input's gradient under  sum over c of r_c w_c
    sum over c of r_c dw_c  = the weights' gradient under sum over c of r_c x_c
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import oracle
from verification.asking import Arrays, Ask
from verification.case import Case

Array = NDArray[Any]


def sentences(case: Case, given: Arrays, ask: Ask) -> Iterator[str]:
    """Which outputs do not add up."""
    wide = {name: a.astype(np.float64) for name, a in given.items()}
    for name, got in ask(case, given).items():
        wrong = _summed(case, name, got.astype(np.float64)) != _wanted(case, wide, name)
        if wrong.any():
            what = "filters" if name == "y" else "input channels"
            yield f"{name}, its {what} summed up, is wrong at {wrong.sum()} of {wrong.size} places"


def _summed(case: Case, name: str, got: Array) -> Array:
    """The candidate's output with its channels, or filters, summed up group by group."""
    if name == "db":
        return got
    if name == "dw":
        return _by_group(got, 1, -2)
    return _by_group(got, case.groups)


def _wanted(case: Case, wide: Arrays, name: str) -> Array:
    """The same of the oracle, asked about a thin layer."""
    if name == "db":
        dy = wide["dy"]
        return np.asarray(dy.sum(axis=tuple(range(dy.ndim - 1))))
    if name == "y":
        thin = {**wide, "w": _by_group(wide["w"], case.groups), "b": _bias(case, wide)}
        thin["dy"] = np.zeros((*case.y[:-1], case.groups))
    else:
        thin = {**wide, "w": _by_group(wide["w"], 1, -2), "x": _by_group(wide["x"], case.groups)}
    layer = replace(case, check="", x=thin["x"].shape, w=thin["w"].shape)
    return oracle.answers(layer, thin)[name]


def _bias(case: Case, wide: Arrays) -> Array:
    return _by_group(wide["b"], case.groups) if case.bias else np.zeros(case.groups)


def _by_group(a: Array, groups: int, axis: int = -1) -> Array:
    """The sums over each group's channels, weighted."""
    a = np.moveaxis(a, axis, -1)
    a = a.reshape(*a.shape[:-1], groups, -1)
    return np.moveaxis(a @ _weights(a.shape[-1]), -1, axis)


def _weights(count: int) -> Array:
    """Small, none of them zero, and without a pattern; the same every time."""
    sizes = np.random.default_rng(count).integers(1, 10, count)
    return np.asarray(sizes * np.random.default_rng(count + 1).choice([-1.0, 1.0], count))
