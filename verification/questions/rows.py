"""Rows: questions as tables of cases/*.toml or as lines of text, read and checked.

A case file's top-level keys are operations, each a list of rows; a row is a table on a line or two:

    conv = [
      {id="stride-2", x=[2,5,7,3], w=[3,2,3,4], stride=2, why="..."},
      {id="pads", x=[1,6,4,2], w=[3,3,2,3], each={stride=[1,[2,1]], pad=[0,1,[[0,2],[1,0]]]}},
    ]

A row names the shapes, and the settings that are not the usual ones.  `each` makes a grid, the
product of its lists; `fill` names one fill or several, each a question of its own, or else the
operation's usual ones are asked.  The key `refuse` holds calls that must be refused.  What nothing
reads is an error, and so is a question that no oracle may be asked.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from typing import Any, ClassVar

from verification.questions.case import ADAPTIVE, GROWING, POOLS, REAL, SUMMED, Case, CaseError

SCHEMA = tomllib.loads(Path(__file__).with_name("schema.toml").read_text(encoding="utf-8"))
"""What a row of an operation may hold."""
_REFUSAL, _KINDS = SCHEMA.pop("refuse"), SCHEMA.pop("kinds")
LAYOUTS = ("C", "F", "strided", "reversed", "readonly", "broadcast", "swapped")
SIZED = ("kernel", "stride", "dilation", "output_padding", "output_size")
"""Keys that hold one size, or one for each axis."""
LINE = "row"
"""The name of a question that came as a line."""
FOLDERS = Path(__file__).parents[1] / "cases", Path(__file__).parents[2] / "cases"
FOLDER = next(folder for folder in FOLDERS if folder.is_dir())
"""The case files, in a wheel and in a checkout."""


@dataclass(frozen=True)
class Refusal:
    """A call that must be refused: with this error, and these words in its message."""

    id: str
    function: str
    arguments: Mapping[str, Any]
    error: str
    words: tuple[str, ...]
    why: str = ""
    op: ClassVar[str] = "refuse"
    kind: ClassVar[str] = "refuse"
    work: ClassVar[int] = 0

    @property
    def name(self) -> str:
        return self.id

    @property
    def row(self) -> str:
        """The call as a line."""
        words = (f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.function}({', '.join(words)})"


Question = Case | Refusal


def read(folder: Path = FOLDER, within: str = "") -> tuple[Question, ...]:
    """Every question of every file; or of those rows alone whose id stands in the text `within`.

    CaseError, with file and line, where a row is no question, and where an id is used twice.
    """
    files = sorted(folder.glob("*.toml"))
    questions = tuple(chain.from_iterable(_read_file(path, within) for path in files))
    if not questions and not within:
        raise CaseError(f"no cases in {folder}")
    counts = Counter((one.kind, one.id) for one in questions)
    for (kind, name), count in counts.most_common(1):
        if count > 1:
            raise CaseError(f"the id {name!r} is used twice for {kind}")
    return questions


def parse(line: str) -> list[Case]:
    """The questions of a line: `conv x=[1,4,4,1] w=[2,2,1,1] stride=2 fill=integers`."""
    op, *words = line.split() or [""]
    quoted = [re.sub(r"=(?!true$|false$)([A-Za-z][\w-]*)$", r'="\1"', word) for word in words]
    try:
        table = tomllib.loads("\n".join(quoted))
        if table.keys() & {"id", "each", "why"}:
            raise CaseError("a line has no id, no grid and no reason")
        return expand(op, {"id": LINE, **table})
    except ValueError as error:
        raise CaseError(f"{line!r} is no question: {error}") from error


@functools.cache
def _read_file(path: Path, within: str) -> list[Question]:
    source, questions = path.read_text(encoding="utf-8"), list[Question]()
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{path.name}: {error}") from error
    for key, rows in tables.items():
        if not isinstance(rows, list) or not rows or not all(type(row) is dict for row in rows):
            raise CaseError(f"{path.name}: {key} must be a list of rows, and not an empty one")
        for row in rows:
            name = row.get("id", "a row without an id")
            if within and str(name) not in within:
                continue
            try:
                questions += [read_refusal(row)] if key == "refuse" else expand(key, row)
            except CaseError as error:
                line = _locate(source, key, name)
                raise CaseError(f"{path.name}:{line}: {name}: {error}") from error
    return questions


def _locate(source: str, key: str, name: str) -> int:
    """The line of a row, found by its id; the table's line where it has none."""
    start = f"\n{source}".find(f"\n{key}")
    return source.count("\n", 0, max(start, source.find(f'"{name}"', start))) + 1


def read_refusal(row: Mapping[str, Any]) -> Refusal:
    """The call of a row under the key `refuse`."""
    _check_keys(_REFUSAL, row)
    _expect("error", row["error"], ("ShapeError", "TypeError"))
    if not row["words"]:
        raise CaseError("a refusal must have words to look for")
    return Refusal(**{**row, "words": tuple(row["words"])})


def expand(op: str, row: Mapping[str, Any]) -> list[Case]:
    """The questions of an operation's row: one for each place of its grid and each fill."""
    _expect("operation", op, SCHEMA)
    cases = []
    for single in _expand_grid(row):
        _check_keys(SCHEMA[op], single)
        for fill in _choose_fills(op, single):
            cases.append(_build(op, fill, single))
            _check(cases[-1])
    return cases


def _check_keys(schema: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    needed = {"id", *schema["needs"]}
    if missing := needed - row.keys():
        raise CaseError(f"missing keys {sorted(missing)}")
    if unknown := row.keys() - needed - {"why", *schema["takes"]}:
        raise CaseError(f"unknown keys {sorted(unknown)}")
    for key in row.keys() & _KINDS.keys():
        if type(row[key]).__name__ != _KINDS[key]:
            raise CaseError(f"{key} must be of type {_KINDS[key]}, got {row[key]!r}")


def _expand_grid(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "each" not in row:
        yield row
        return
    grid = row["each"]
    if not (type(grid) is dict and grid and all(type(v) is list and v for v in grid.values())):
        raise CaseError(f"each must hold lists, and none of them empty, got {grid}")
    if grid.keys() & {*row, "id"}:
        raise CaseError(f"each must not hold what the row holds too, got {sorted(grid)}")
    plain = {key: value for key, value in row.items() if key != "each"}
    for number, values in enumerate(product(*grid.values())):
        single = plain | dict(zip(grid, values, strict=True))
        yield single | ({"id": f"{row['id']}-{number}"} if "id" in row else {})


def _choose_fills(op: str, row: Mapping[str, Any]) -> list[str]:
    usual, known = SCHEMA[op]["fills"], SCHEMA[op]["fills"] + SCHEMA[op]["more"]
    if "check" in row:
        _expect("check", row["check"], SCHEMA[op]["checks"])
        known = SCHEMA[op]["checks"][row["check"]]
        usual = known[:1]
    fills = row.get("fill", usual)
    fills = fills if isinstance(fills, list) else [fills]
    if not fills:
        raise CaseError("fill=[] names none")
    for fill in fills:
        _expect("fill", fill, known)
    return fills


def _expect(name: str, value: Any, known: Collection[str]) -> None:
    if value not in known:
        raise CaseError(f"{name}={value} is none of {', '.join(known)}")


def _build(op: str, fill: str, row: Mapping[str, Any]) -> Case:
    plain = {key: row[key] for key in row.keys() - {"id", "fill", "pad", *SIZED}}
    shapes = {key: tuple(plain[key]) for key in plain.keys() & {"x", "w", "b"}}
    case = Case(row["id"], op, fill, **plain | shapes)
    if not row.keys() & {"w", "kernel", "pad", "output_size"}:
        return case
    axes = len(case.space)
    if axes not in (1, 2, 3) or (case.w and len(case.w) != len(case.x)):
        raise CaseError(
            f"x={case.x} and w={case.w} must have one to three spatial axes, both as many"
        )
    sizes: dict[str, Any] = {"kernel": case.w[:-2]}
    sizes |= {name: _read_sizes(row[name], axes) for name in SIZED if name in row}
    if not any(sizes.get("output_padding", ())):
        sizes["output_padding"] = ()
    case = replace(case, **sizes)
    if op in ADAPTIVE:
        return case
    if case.kernel:
        stride, dilation = case.stride or case.usual_stride, case.dilation or (1,) * axes
        case = replace(case, stride=stride, dilation=dilation)
    pad = row.get("pad", 0)
    if op != "conv" or not isinstance(pad, str):
        return replace(case, pad=_read_pairs(pad, axes))
    _expect("pad", pad, ("same", "valid"))
    totals = [(span - 1) * (pad == "same") for span in case.spans]
    halves = tuple((total // 2, total - total // 2) for total in totals)
    return replace(case, word=pad, pad=halves)


def _read_sizes(value: Any, axes: int) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, list) else (value,) * axes
    if len(sizes) != axes or not all(type(size) is int for size in sizes):
        raise CaseError(f"{value!r} is not an int, nor one for each of {axes} axes")
    return sizes


def _read_pairs(pad: Any, axes: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(pad, list) or not all(isinstance(pair, list) for pair in pad):
        return tuple((size, size) for size in _read_sizes(pad, axes))
    if [len(pair) for pair in pad] != [2] * axes:
        raise CaseError(f"{pad!r} is not a pair for each of {axes} axes")
    return tuple((before, after) for before, after in pad)


def _check(case: Case) -> None:
    """Raise CaseError unless an oracle may be asked this."""
    _expect("layout", case.layout, LAYOUTS)
    _expect("dtype", case.dtype or "float64", ("float16", "float32", "float64"))
    # each stands on what comes before it
    for fault in chain(_find_bad_sizes(case), _find_misfits(case), _find_limits(case)):
        raise CaseError(fault)


def _find_bad_sizes(case: Case) -> Iterator[str]:
    """What no array can be."""
    sizes = case.x + case.w + case.b + case.kernel + case.stride + case.dilation
    pads = tuple(chain(*case.pad))
    if not case.x or not all(type(size) is int for size in sizes + pads):
        yield f"sizes must be ints, got {case.row}"
    if min(*sizes[1:], case.groups, 1) < 1:
        yield f"sizes must be at least 1, got {case.row}"
    least = 0 if (case.is_pass or case.pad) and not case.check else 1
    if case.x[0] < least or min(pads, default=0) < 0:
        yield f"a batch must be at least {least} and a pad at least 0, got {case.row}"
    if min((*case.output_padding, *case.output_size), default=0) < 0:
        yield f"output sizes and pads must be 0 or more, got {case.row}"
    if math.prod(case.b) != 1:
        yield f"b must hold one number, got b={case.b}"
    if case.divisor_override == 0:
        yield "divisor_override must not be 0"
    if case.op == "lp_pool" and not case.norm_type > 0:
        yield f"norm_type must be above 0, got {case.norm_type}"


def _find_misfits(case: Case) -> Iterator[str]:
    """What does not go together."""
    fits = case.op != "conv" or case.w[-2] * case.groups == case.x[-1]
    if not fits or (case.w and case.w[-1] % case.groups):
        yield f"groups={case.groups} do not fit x={case.x} and w={case.w}"
    if case.op == "conv_transpose" and case.w[-1] != case.x[-1]:
        yield f"w={case.w} must end with the channels of x={case.x}"
    if case.word == "same" and set(case.stride) != {1}:
        yield f'pad "same" asks for stride 1, got {case.stride}'
    if case.kernel and min(case.out) < 1:
        yield f"no window fits: kernel={case.kernel}, x={case.x}, pad={case.pad}"
    for size, windows in zip(case.space, case.windows) if case.op in POOLS else ():
        if not all(any(0 <= cell < size for cell in window) for window in windows):
            yield f"a window lies wholly in padding: pad={case.pad}"
    pairs = zip(case.output_padding, case.stride, case.dilation)
    if any(more >= max(step, gap) for more, step, gap in pairs):
        yield f"output_padding must be below stride or dilation, got {case.row}"
    ends = zip(case.out, case.reach, case.stride) if case.op == "max_unpool" else ()
    if any(abs(size - usual) >= step for size, usual, step in ends):
        yield f"output_size must be within a stride of {case.reach}, got {case.out}"


def _find_limits(case: Case) -> Iterator[str]:
    """What some operations, fills or checks cannot be asked."""
    if case.op in GROWING | {"unfold"} and any(before != after for before, after in case.pad):
        yield f"{case.op} has one pad for both sides of an axis, got {case.pad}"
    if case.op == "unfold" and len(case.space) != 2:
        yield f"unfold is for two axes, got x={case.x}"
    is_solid = case.op == "lp_pool" and len(case.space) == 3
    if is_solid and any(map(int.__lt__, case.space, case.spans)):
        yield f"torch refuses norms of three axes under windows beyond them, got {case.row}"
    if case.op == "batch_norm" and case.training and math.prod(case.x[:-1]) < 2:
        yield f"training needs two numbers a channel, got x={case.x}"
    if case.dtype == "float16" and not case.is_exact:
        yield f"float16 is asked with whole numbers alone, not with {case.fill}"
    if case.op in POOLS and case.fill == "special" and case.needs_padding:
        yield "torch cannot tell a -inf of the input from one that we pad with"
    if case.op in REAL and case.fill in SUMMED and case.norm_type != 1:
        yield f"sums are exact for norm_type=1 alone, not for {case.row}"
    if case.check and (case.op, case.dtype) == ("conv", "float16"):
        yield "the checks of a convolution need sums that float16 would round"
    if case.check == "flip" and case.op == "avg_pool" and case.ceil_mode:
        yield "flipped, a window that hangs over the end may have another divisor"
