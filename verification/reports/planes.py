"""The numbers of a question: planes of what goes in, and of the answer beside the right one."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from verification import truth
from verification.judging import Comparison, Outcome, Run
from verification.questions import Array, Case, Ints

ROWS, COLUMNS = 6, 8
"""Of a plane, as many are shown."""
INPUTS, WEIGHTS = ("x", "dx", "A_prev", "dA_prev"), ("w", "dw", "W", "dW")
FEW = 4
"""Planes of one array, where an answer is a sum over them."""
WIDTH = 69
"""Characters of a line of numbers."""
Axes = Sequence[str | int]
"""An array's axes: N, C, K, and the spatial ones by number."""
Place = dict[str | int, float]
"""An index by axis; along spatial ones as a share of the size, so that it fits other arrays."""


class Plane(NamedTuple):
    """An array with its name and those of its axes, and the place that its plane goes through."""

    name: str
    axes: Axes
    array: Array
    place: Place

    @property
    def is_empty(self) -> bool:
        """Whether no numbers are in it."""
        return not self.array.size or self.array.dtype.kind not in "biuf"

    def cut(self, columns: int = COLUMNS) -> tuple[tuple[int | slice, ...], str]:
        """The indices of what is shown of it, as they are and in words."""
        plane = [axis for axis in self.axes if isinstance(axis, int)][-2:]
        view: list[int | slice] = []
        words = []
        for axis, size in zip(self.axes, self.array.shape, strict=True):
            at = int(self.place.get(axis, 0) * (size if isinstance(axis, int) else 1)) % size
            if axis not in plane:
                view.append(at)
                words.append(str(at))
                continue
            most = columns if axis == plane[-1] else ROWS
            first = max(0, min(at - most // 2, size - most))
            last = min(size, first + most)
            view.append(slice(first, last))
            words.append(":" if last - first == size else f"{first}:{last}")
        return tuple(view), f"[{', '.join(words)}]" if words else ""


class Order(NamedTuple):
    """How a function has the axes of its arrays: channels first or last, and those of weights."""

    is_first: bool
    weights: str

    def name_axes(self, case: Case, name: str, rank: int) -> Axes:
        if rank < 3:
            return [*range(rank)]
        if case.op == "conv_single_step":
            return [*range(rank - 1), "C"]
        if name in WEIGHTS:
            ends = {"C": "K", "K": "C"} if case.op == "conv_transpose" else {}
            kernel = range(rank - len(self.weights) + 1)
            axes = [axis for one in self.weights for axis in (kernel if one == "*" else one)]
            return [ends.get(str(axis), axis) for axis in axes]
        is_single = case.op != "unfold" and bool(case.kernel) and rank == len(case.space) + 1
        channel = "K" if case.w else "taps" if case.op == "unfold" else "C"
        channel = "C" if name in INPUTS else channel
        space: list[str | int] = [*range(rank - 2 + is_single)]
        axes = ["N", channel, *space] if self.is_first else ["N", *space, channel]
        return axes[is_single:]

    def turn(self, case: Case, name: str, array: Array) -> Array:
        """One of the oracle's arrays with its axes in this order."""
        own = [*PLAIN.name_axes(case, name, array.ndim)]
        if {"C", "K"} <= {*own} and "C" not in self.weights:  # weights of a plane
            array, own = array[..., 0, :], [axis for axis in own if axis != "C"]
        return array.transpose([own.index(axis) for axis in self.name_axes(case, name, array.ndim)])


PLAIN = Order(False, "*CK")
"""The oracle's."""


class View(NamedTuple):
    """What there is to draw: what went in, and the answers.

    Of a `wrong` one they are yours and, if it may be shown, the oracle's.
    """

    inputs: list[Plane]
    answers: list[Plane]
    wrong: Comparison | None = None
    digits: int = 6


def draw(run: Run, outcome: Outcome) -> list[str]:
    """What went in, and below it the answer; a wrong one beside the oracle's, with # where."""
    if not (seen := look(run, outcome)):
        return []
    answer = _draw_wrong(seen, seen.wrong) if seen.wrong else _draw_each(seen.answers)
    return [*_draw_each(seen.inputs), "", *answer] if answer else []


def look(run: Run, outcome: Outcome) -> View | None:
    """The arrays of a question, and their planes through the worst place.

    In an exam the answer alone, and no place of it rather than another.
    """
    case, is_first = outcome.question, outcome.function in run.channels_first
    order = Order(is_first, run.weights.get(outcome.function) or ("KC*" if is_first else "*CK"))
    is_light = any(compared.worst and compared.got is None for compared in outcome.comparisons)
    if not isinstance(case, Case) or not outcome.comparisons or is_light:
        return None
    worst = (compared for compared in outcome.comparisons if compared.worst)
    wrong = None if run.settings.exam else next(worst, None)
    place, answers, digits = Place(), list[Plane](), 6
    if wrong and wrong.worst:
        got, want = np.asarray(wrong.got), np.asarray(wrong.want)
        axes = order.name_axes(case, wrong.name, want.ndim)
        place = _find_place(case, axes, want.shape, wrong.worst.index)
        answers = [Plane("yours", axes, got, place), Plane("oracle", axes, want, place)]
        answers = answers if run.settings.show == "all" else answers[:1]
        pairs = zip(got[wrong.where], want[wrong.where], strict=True)
        if any(f"{a:.6g}" == f"{b:.6g}" for a, b in pairs):  # as many as tell them apart
            digits = 17
    else:
        for compared, array in zip(outcome.comparisons, outcome.answers.values(), strict=False):
            if type(array) is np.ndarray and not (compared.is_right and outcome.is_failing):
                axes = order.name_axes(case, compared.name, array.ndim)
                answers.append(Plane(f"your {compared.name}", axes, array, place))
    known = {axis for one in answers for axis in one.axes}
    planes = [
        Plane(name, axes, array, at)
        for name, array in _list_inputs(run, order, case, outcome.op)
        for axes in [order.name_axes(case, name, array.ndim)]
        for at in _spread(case, dict(zip(axes, array.shape, strict=True)), place, known)
    ]
    return View(planes, answers, wrong, digits)


def _list_inputs(run: Run, order: Order, case: Case, op: str) -> Iterator[tuple[str, Array]]:
    """In the function's order of axes."""
    given = truth.answer(case, run.seed, run.settings.dtype).arrays
    is_gradient = op.endswith("_backward") or op == "distribute_value"
    names = ["dy", "x", "w"] if is_gradient else ["x", "w", "b"]
    names += ["index", *["mean", "var"] * (not (is_gradient and case.training))]
    yield from ((name, order.turn(case, name, given[name])) for name in names if name in given)


def _spread(
    case: Case, sizes: Mapping[str | int, int], place: Place, known: Container[str | int]
) -> list[Place]:
    """The place; once for each index of an axis that the answer has not, as it is summed over."""
    free = {a: size for a, size in sizes.items() if isinstance(a, str) and a not in known}
    if case.groups > 1 or math.prod(free.values()) > FEW:
        return [place]
    return [{**place, **dict(zip(free, index))} for index in np.ndindex(*free.values())]


def _find_place(case: Case, axes: Axes, shape: Ints, worst: Ints) -> Place:
    """The worst place of an output, and what belongs to it of other arrays."""
    place = Place()
    for axis, size, index in zip(axes, shape, worst, strict=True):
        place[axis] = index if isinstance(axis, str) else (index + 0.5) / size
    if case.op == "conv":
        channels, filters = case.x[-1], case.w[-1]
        if "C" in place and "K" in place:  # of a weight, whose channels are its group's
            group = place["K"] * case.groups // filters
            place["C"] += group * (channels // case.groups)
        elif "C" in place:
            place["K"] = place["C"] * filters // channels
        elif "K" in place:
            place["C"] = place["K"] * channels // filters
    return place


def _draw_wrong(seen: View, wrong: Comparison) -> list[str]:
    def write(columns: int) -> list[str]:
        at, words = seen.answers[0].cut(columns)
        marks = np.where(np.atleast_2d(np.asarray(wrong.where)[at]), "#", ".")
        blocks = [[one.name, *write_numbers(one.array[at], seen.digits)] for one in seen.answers]
        return [f"{wrong.name}{words}", *_lay_beside([*blocks, ["wrong", *map(" ".join, marks)]])]

    return _fit(write)


def _draw_each(planes: Iterable[Plane]) -> list[str]:
    """Planes of arrays, as many beside each other as fit."""
    rows: list[list[list[str]]] = []
    for one in planes:
        if one.is_empty:
            continue
        block = _fit(partial(_write_plane, one))
        if rows and max(map(len, _lay_beside([*rows[-1], block]))) <= WIDTH:
            rows[-1].append(block)
        else:
            rows.append([block])
    return [line for row in rows for line in _lay_beside(row)]


def _write_plane(one: Plane, columns: int) -> list[str]:
    at, words = one.cut(columns)
    return [f"{one.name}{words}", *write_numbers(one.array[at])]


def _fit(write: Callable[[int], list[str]]) -> list[str]:
    """With as many columns as the width allows."""
    drawn = map(write, range(COLUMNS, 0, -1))
    return next(lines for lines in drawn if max(map(len, lines)) <= WIDTH)


def write_numbers(plane: Array, digits: int = 6) -> list[str]:
    """Whole numbers in full, as they differ in their last digits; others rounded."""
    rows = np.atleast_2d(plane).astype(float)
    if np.all((rows == np.rint(rows)) | ~np.isfinite(rows)):
        digits = 17
    cells = [[f"{number:.{digits}g}" for number in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def _lay_beside(blocks: Sequence[list[str]]) -> list[str]:
    widths = [max(map(len, block)) for block in blocks]
    rows = [*zip_longest(*blocks, fillvalue="")]
    return ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
