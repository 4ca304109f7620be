"""The lines of the passes as people write them, each of which can be written wrongly.

A `Code` holds the lines; as it stands it is right.  A mistake replaces one line or a few, and two
mistakes replace the lines of both.

    axes      one Axis for each spatial axis, as the code sees them
    o         the window's place in the output, a tuple
    window    (N, *kernel, C), cut from the padded input
    above     (N, K): the upstream gradient of a window
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verification.case import Case, Ints

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Answers = dict[str, Any]
Cut = tuple[Any, ...]
Lines = Mapping[str, Any]
"""Lines of a Code, by name."""


@dataclass(frozen=True)
class Axis:
    """One spatial axis under its window."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int


Axes = list[Axis]


def axes_of(case: Case) -> Axes:
    """With an end pad that holds every window, those that overhang in ceil mode too."""
    found = []
    for i, (size, kernel, out) in enumerate(zip(case.space, case.kernel, case.out)):
        stride, dilation, (before, after) = case.stride[i], case.dilation[i], case.pad[i]
        reach = (out - 1) * stride + dilation * (kernel - 1) + 1 - before - size
        found.append(Axis(size, kernel, stride, dilation, before, max(after, reach), out))
    return found


def pad(x: Array, axes: Axes, fill: float) -> Array:
    widths = [(0, 0), *((axis.before, axis.after) for axis in axes), (0, 0)]
    return np.pad(x, widths, constant_values=fill)


def out(axes: Axes) -> Ints:
    return tuple(axis.out for axis in axes)


def start(o: Ints, i: int, axes: Axes) -> int:
    return o[i] * axes[i].stride


def stop(first: int, i: int, axes: Axes) -> int:
    return first + axes[i].dilation * (axes[i].kernel - 1) + 1


def crop(dxp: Array, axes: Axes, x: Array) -> Array:
    inner = (slice(axis.before, axis.before + axis.size) for axis in axes)
    return dxp[(slice(None), *inner)]


def product(window: Array, w: Array, b: Array) -> Array:
    """(N, K): the sum over the window's cells and channels, and the bias once."""
    return summed_products(window[..., None] * w) + b


def summed_products(products: Array) -> Array:
    summed: Array = products.sum(axis=tuple(range(1, products.ndim - 1)))
    return summed


def mask(window: Array) -> Array:
    """1 at each channel's first maximum in row order, or at its last NaN."""
    cells = math.prod(window.shape[1:-1])
    flat = window.reshape(len(window), cells, window.shape[-1])
    at = np.argmax(flat, axis=1)
    odd = np.isnan(flat)
    last = flat.shape[1] - 1 - np.argmax(odd[:, ::-1], axis=1)
    at = np.where(odd.any(axis=1), last, at)
    first = np.arange(flat.shape[1])[:, None] == at[:, None]
    return np.asarray(first.reshape(window.shape), float)


def add(dxp: Array, cut: Cut, shares: Array) -> None:
    """Every filter's share of a window's gradient, onto the windows before it."""
    dxp[cut] += shares.sum(axis=-1)


def at_window(dy: Array, o: Ints) -> Array:
    place: Cut = (slice(None), *o)
    return np.asarray(dy[place])


def summed(dy: Array) -> Array:
    total: Array = dy.sum(axis=tuple(range(dy.ndim - 1)))
    return total


def each(axes: Axes, **edit: Callable[[Axis], int]) -> Axes:
    """The axes with some of their numbers as this code has them."""
    return [replace(axis, **{name: of(axis) for name, of in edit.items()}) for axis in axes]


def cut_at(o: Ints, axes: Axes, code: Code) -> Cut:
    cut = [slice(None)]
    for i, axis in enumerate(axes):
        first = code.start(o, i, axes)
        cut.append(slice(first, code.stop(first, i, axes), axis.dilation))
    return tuple(cut)


@dataclass(frozen=True)
class Code:
    """The lines, all of them right."""

    case: Callable[[Case], Case] = lambda case: case
    given: Callable[[Case, Arrays], Arrays] = lambda case, given: given
    axes: Callable[[Axes], Axes] = lambda axes: axes
    pad: Callable[[Array, Axes, float], Array] = pad
    out: Callable[[Axes], Ints] = out
    loops: Callable[[Ints, Axes], Iterable[Ints]] = lambda out, axes: itertools.product(
        *map(range, out)
    )
    start: Callable[[Ints, int, Axes], int] = start
    stop: Callable[[int, int, Axes], int] = stop
    cut: Callable[[Array, Array, Cut], Array] = lambda xp, x, cut: xp[cut]
    product: Callable[[Array, Array, Array], Array] = product
    reduce: Callable[[Array], Array] = lambda window: window.max(
        axis=tuple(range(1, window.ndim - 1))
    )
    average: Callable[[Array, Any, Axes], Array] = lambda total, divisor, axes: total / divisor
    zeros: Callable[[Array], Array] = np.zeros_like
    above: Callable[[Array, Ints], Array] = at_window
    weights: Callable[[Array], Array] = lambda w: w
    mask: Callable[[Array], Array] = mask
    spread: Callable[[Array, Array], Array] = lambda mask, above: np.where(mask, mask * above, 0)
    add: Callable[[Array, Cut, Array], None] = add
    add_dw: Callable[[Array, Array], Array] = lambda dw, shares: dw + shares.sum(axis=0)
    bias: Callable[[Array, Array], Array] = lambda dy, looped: looped
    crop: Callable[[Array, Axes, Array], Array] = crop
    answer: Callable[[Case, Arrays, Answers], Answers] = lambda case, given, answers: answers
