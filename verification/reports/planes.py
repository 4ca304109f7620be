"""The numbers of a question: planes of what goes in, and of the answer beside the right one."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from verification import truth
from verification.judging import Comparison, Outcome, Run
from verification.questions import Array, Case, Ints

ROWS, COLUMNS = 6, 8
"""Of a plane, as many are shown."""
FEW = 4
"""Planes of one array, where an answer is a sum over them."""
WIDTH = 69
"""Characters of a line of numbers."""
Axes = Sequence[str | int]
"""An array's axes: N, C, K, and the spatial ones by number."""
Place = Mapping[str | int, float]
"""An index by axis; along spatial ones as a share of the size, so that it fits other arrays."""


class Named(NamedTuple):
    """An array with its name, and those of its axes."""

    name: str
    axes: Axes
    array: Array


class View(NamedTuple):
    """What there is to draw: what went in, and the answers; a wrong one beside the right."""

    inputs: list[tuple[Named, Place]]
    answers: list[Named]
    place: Place
    wrong: Comparison | None


def draw(run: Run, outcome: Outcome) -> list[str]:
    """What went in, and below it the answer; a wrong one beside the oracle's, with # where."""
    if not (seen := look(run, outcome)):
        return []
    if seen.wrong:
        answer = _draw_wrong(
            seen.wrong, seen.answers[0].axes, seen.place, run.settings.show == "all"
        )
    else:
        answer = _draw_each((one, seen.place) for one in seen.answers)
    return [*_draw_each(seen.inputs), "", *answer] if answer else []


def look(run: Run, outcome: Outcome) -> View | None:
    """The arrays of a question, and their planes through the worst place.

    In an exam the answer alone, and no place of it rather than another.
    """
    case = outcome.question
    is_light = any(compared.worst and compared.got is None for compared in outcome.comparisons)
    if not isinstance(case, Case) or not outcome.comparisons or is_light:
        return None
    wrong = next((compared for compared in outcome.comparisons if compared.worst), None)
    place: Place = {}
    if wrong and wrong.worst and not run.settings.exam:
        shown = [_name(run, case, wrong.name, np.asarray(wrong.want))]
        place = _find_place(case, shown[0], wrong.worst.index)
    else:
        wrong = None
        answers = zip(outcome.comparisons, outcome.answers.values(), strict=False)
        told = [(c, a) for c, a in answers if not (c.is_right and outcome.is_failing)]
        shown = [_name(run, case, c.name, a) for c, a in told if type(a) is np.ndarray]
        shown = [one._replace(name=f"your {one.name}") for one in shown]
    known = {axis for one in shown for axis in one.axes}
    inputs = _list_inputs(run, case, outcome.op)
    summed = [(one, at) for one in inputs for at in _spread(case, one, place, known)]
    return View(summed, shown, place, wrong)


def _list_inputs(run: Run, case: Case, op: str) -> list[Named]:
    """In the contract's order of axes."""
    given = truth.answer(case, run.seed, run.settings.dtype).arrays
    is_gradient = op.endswith("_backward") or op == "distribute_value"
    names = ["dy", "x", "w"] if is_gradient else ["x", "w", "b"]
    names += ["index", *["mean", "var"] * (not (is_gradient and case.training))]
    inputs = {name: given[name] for name in names if name in given}
    if run.channels_first:
        ends = {"w": ((-1, -2), (0, 1))}
        inputs = {
            name: np.moveaxis(a, *ends.get(name, (-1, 1))) if a.ndim > 1 else a
            for name, a in inputs.items()
        }
    return [_name(run, case, name, a) for name, a in inputs.items()]


def _spread(case: Case, one: Named, place: Place, known: Container[str | int]) -> list[Place]:
    """The place; once for each index of an axis that the answer has not, as it is summed over."""
    free = [axis for axis in one.axes if isinstance(axis, str) and axis not in known]
    sizes = [one.array.shape[one.axes.index(axis)] for axis in free]
    if case.groups > 1 or math.prod(sizes) > FEW:
        return [place]
    return [{**place, **dict(zip(free, index, strict=True))} for index in np.ndindex(*sizes)]


def _name(run: Run, case: Case, name: str, array: Array) -> Named:
    return Named(name, _name_axes(run, case, name, array.ndim), array)


def _name_axes(run: Run, case: Case, name: str, rank: int) -> Axes:
    if rank < 3:
        return [*range(rank)]
    is_single = case.op != "unfold" and bool(case.kernel) and rank == len(case.space) + 1
    space: list[str | int] = [*range(rank - 2 + is_single)]
    if case.op == "conv_single_step":
        return [*range(rank - 1), "C"]
    if name.lower() in ("w", "dw"):
        ends = ["C", "K"] if case.op == "conv_transpose" else ["K", "C"]
        return [*ends, *space] if run.channels_first else [*space, *ends[::-1]]
    is_output = name not in ("x", "dx", "A_prev", "dA_prev")
    channel = "K" if case.w and is_output else "C"
    if case.op == "unfold" and is_output:
        channel = "taps"
    axes = ["N", channel, *space] if run.channels_first else ["N", *space, channel]
    return axes[is_single:]


def _find_place(case: Case, one: Named, worst: Ints) -> Place:
    """The worst place of an output, and what belongs to it of other arrays."""
    place: dict[str | int, float] = {}
    for axis, size, index in zip(one.axes, one.array.shape, worst, strict=True):
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


def _draw_wrong(compared: Comparison, axes: Axes, place: Place, shows_right: bool) -> list[str]:
    got, want, where = map(np.asarray, (compared.got, compared.want, compared.where))

    def write(columns: int) -> list[str]:
        at, words = cut(axes, want.shape, place, columns)
        yours, right, wrong = map(np.atleast_2d, (got[at], want[at], where[at]))
        digits = choose_digits(yours[wrong], right[wrong])
        blocks = [
            ["yours", *write_numbers(yours, digits)],
            ["oracle", *write_numbers(right, digits)],
            ["wrong", *map(" ".join, np.where(wrong, "#", "."))],
        ]
        blocks = blocks if shows_right else blocks[::2]
        return [f"{compared.name}{words}", *_lay_beside(blocks)]

    return _fit(write)


def choose_digits(yours: Array, right: Array) -> int:
    """As many as tell wrong numbers from right ones."""
    return 17 if any(f"{a:.6g}" == f"{b:.6g}" for a, b in zip(yours, right, strict=True)) else 6


def _draw_each(planes: Iterable[tuple[Named, Place]]) -> list[str]:
    """Planes of arrays, as many beside each other as fit."""
    rows: list[list[list[str]]] = []
    for one, place in planes:
        if not one.array.size or one.array.dtype.kind not in "biuf":
            continue

        def write(columns: int, one: Named = one, place: Place = place) -> list[str]:
            at, words = cut(one.axes, one.array.shape, place, columns)
            return [f"{one.name}{words}", *write_numbers(np.atleast_2d(one.array[at]))]

        block = _fit(write)
        if rows and max(map(len, _lay_beside([*rows[-1], block]))) <= WIDTH:
            rows[-1].append(block)
        else:
            rows.append([block])
    return [line for row in rows for line in _lay_beside(row)]


def _fit(write: Callable[[int], list[str]]) -> list[str]:
    """With as many columns as the width allows."""
    drawn = map(write, range(COLUMNS, 0, -1))
    return next(lines for lines in drawn if max(map(len, lines)) <= WIDTH)


def cut(
    axes: Axes, shape: Sequence[int], place: Place, columns: int
) -> tuple[tuple[int | slice, ...], str]:
    """The plane through a place, and its indices in words."""
    plane = [axis for axis in axes if isinstance(axis, int)][-2:]
    view: list[int | slice] = []
    words = []
    for axis, size in zip(axes, shape, strict=True):
        at = int(place.get(axis, 0) * (size if isinstance(axis, int) else 1)) % size
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


def write_numbers(plane: Array, digits: int = 6) -> list[str]:
    """Whole numbers in full, as they differ in their last digits; others rounded."""
    rows = plane.astype(float)
    if np.all((rows == np.rint(rows)) | ~np.isfinite(rows)):
        digits = 17
    cells = [[f"{number:.{digits}g}" for number in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def _lay_beside(blocks: Sequence[list[str]]) -> list[str]:
    widths = [max(map(len, block)) for block in blocks]
    rows = [*zip_longest(*blocks, fillvalue="")]
    return ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
