"""The catalogued mistakes that are no wrong lines: what such code does to its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification import precision
from verification.apart.replies import Reply

Arrays = Mapping[str, NDArray[Any]]


def _raises(error: str, reply: Reply, given: Arrays) -> Reply:
    return Reply("CRASH", error=error)


def _unsteady(reply: Reply, given: Arrays) -> Reply:
    return replace(reply, steady=False)


def _changing(reply: Reply, given: Arrays) -> Reply:
    return replace(reply, changed=tuple(given)[:1])


def _narrowed(kind: str, reply: Reply, given: Arrays) -> Reply:
    """Results rounded to a narrower type."""
    return _each(lambda a: precision.rounded(a, kind).astype(a.dtype), reply)


def _shaped(name: str, shape: Callable[[NDArray[Any]], NDArray[Any]], reply: Reply) -> Reply:
    values = {n: shape(a) if n == name else a for n, a in _arrays(reply).items()}
    return replace(reply, values=values)


def _column(reply: Reply, given: Arrays) -> Reply:
    return _shaped("db", lambda a: a.reshape(-1, 1), reply)


def _one_element(reply: Reply, given: Arrays) -> Reply:
    return _shaped("y", lambda a: a.reshape(1, 1, 1), reply)


def _mask_of_floats(reply: Reply, given: Arrays) -> Reply:
    return _shaped("y", lambda a: a.astype(float), reply)


def _wider(reply: Reply, given: Arrays) -> Reply:
    return _each(lambda a: a.astype(np.float64), reply)


def _each(change: Callable[[NDArray[Any]], NDArray[Any]], reply: Reply) -> Reply:
    values = {n: change(a) if a.dtype.kind == "f" else a for n, a in _arrays(reply).items()}
    return replace(reply, values=values)


def _arrays(reply: Reply) -> dict[str, NDArray[Any]]:
    return {name: a for name, a in reply.values.items() if isinstance(a, np.ndarray)}


HABITS: Mapping[str, Callable[[Reply, Arrays], Reply]] = {
    "float-of-array": partial(
        _raises, "TypeError: only 0-dimensional arrays can be converted to Python scalars"
    ),
    "array-into-element": partial(_raises, "ValueError: setting an array element with a sequence."),
    "removed-alias": partial(_raises, "AttributeError: module 'numpy' has no attribute 'float'"),
    "float-size": partial(_raises, "TypeError: 'float' object cannot be interpreted as an integer"),
    "uninitialised-accumulator": _unsteady,
    "float32-inside": partial(_narrowed, "float32"),
    "tf32-inside": partial(_narrowed, "tf32"),
    "bfloat16-inside": partial(_narrowed, "bfloat16"),
    "float16-inside": partial(_narrowed, "float16"),
    "changes-inputs": _changing,
    "db-shape": _column,
    "single-step-shape": _one_element,
    "mask-float": _mask_of_floats,
    "wider-result": _wider,
}
