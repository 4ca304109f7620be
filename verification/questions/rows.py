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

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification.questions.case import POOLS, Case, CaseError, Ints, Pairs

LINE = "row"
"""The name of a question that came as a line."""
DTYPES = ("float16", "float32", "float64")
LAYOUTS = ("C", "F", "strided", "reversed", "readonly", "broadcast", "swapped")

_CONV, _MAX, _AVG = {"conv"}, {"max_pool"}, {"avg_pool"}
_SLIDING = _CONV | _MAX | _AVG
_STEP, _MASK, _SHARE = {"conv_single_step"}, {"create_mask_from_window"}, {"distribute_value"}
OPS = (*sorted(_SLIDING), "zero_pad", *_STEP, *_MASK, *_SHARE)
_ALL = set(OPS)

_KEYS: dict[str, tuple[set[str], type | None]] = {
    "x": (_ALL, list),
    "w": (_CONV, list),
    "b": (_STEP, list),
    "kernel": (_MAX | _AVG, None),
    "stride": (_SLIDING, None),
    "pad": (_SLIDING | {"zero_pad"}, None),
    "dilation": (_CONV | _MAX, None),
    "groups": (_CONV, int),
    "bias": (_CONV, bool),
    "ceil_mode": (_MAX | _AVG, bool),
    "count_include_pad": (_AVG, bool),
    "divisor_override": (_AVG, int),
    "fill": (_ALL, None),
    "layout": (_ALL, str),
    "dtype": (_ALL, str),
    "check": (_SLIDING, str),
    "live": (_SLIDING, float),
    "id": (_ALL, str),
    "why": (_ALL, str),
}
"""What a row may hold: of which operations, and of what type."""
_NEEDED = {"x", "w", "b", "kernel"}

_FILLS: dict[str, set[str]] = {
    "integers": _ALL - _MAX - _MASK,
    "sparse": _CONV | _STEP,
    "dense": _ALL - _STEP,
    "ties": _MAX | _MASK,
    "permutation": _MAX | _MASK,
    "special": _CONV | _MAX | _MASK | {"zero_pad"},
    "wide": _CONV,
    "digits": _CONV | _AVG | _STEP,
    "units": _CONV | _AVG | _STEP,
}
"""The operations that a fill is for."""
_ON_REQUEST = {"conv": {"dense", "special", "wide"}, "max_pool": {"special"}}

CHECKS = {
    "linear": _CONV | _AVG,
    "monotone": _MAX,
    **dict.fromkeys(("batch", "channels", "transpose", "flip", "adjoint", "proof"), _SLIDING),
}
"""Ways to judge answers without an oracle's, and the operations of which each says something."""
_CHECKED = {"conv": ("digits", "units"), "max_pool": ("permutation",), "avg_pool": ("digits",)}
"""Fills for which what a check says holds exactly, the usual one first."""

FOLDER = next(
    folder
    for folder in (Path(__file__).parents[1] / "cases", Path(__file__).parents[2] / "cases")
    if folder.is_dir()
)
"""The case files, in a wheel and in a checkout."""


@dataclass(frozen=True)
class Refusal:
    """A call that must be refused: with this error, and these words in its message."""

    name: str
    function: str
    arguments: Mapping[str, Any]
    error: str
    words: tuple[str, ...]
    why: str = ""
    op: str = "refuse"
    work: int = 0

    @property
    def id(self) -> str:
        return self.name

    @property
    def row(self) -> str:
        """The call as a line."""
        words = (f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.function}({', '.join(words)})"


Question = Case | Refusal


def read(folder: Path = FOLDER, within: str = "") -> list[Question]:
    """Every question of every file; or those alone whose name may begin the text `within`."""
    questions = [q for path in sorted(folder.glob("*.toml")) for q in _read_file(path, within)]
    if not questions and not within:
        raise CaseError(f"no cases in {folder}")
    seen = set()
    for question in questions:
        kind = "pool" if question.op in POOLS else question.op  # pool_forward takes both
        if (kind, question.id) in seen:
            raise CaseError(f"the id {question.id!r} is used twice for {kind}")
        seen.add((kind, question.id))
    return questions


def parse(line: str) -> list[Case]:
    """The questions of a line: `conv x=[1,4,4,1] w=[2,2,1,1] stride=2 fill=integers`."""
    op, *words = line.split() or [""]
    quoted = [re.sub(r"=(?!true$|false$)([A-Za-z][\w-]*)$", r'="\1"', word) for word in words]
    try:
        table = tomllib.loads("\n".join(quoted))
        if table.keys() & {"id", "each", "why"}:
            raise CaseError("a line has no id, no grid and no reason")
        return _cases(op, {"id": LINE, **table})
    except (KeyError, TypeError, ValueError) as error:
        raise CaseError(f"{line!r} is no question: {error}") from error


def _read_file(path: Path, within: str) -> Iterator[Question]:
    source = path.read_text(encoding="utf-8")
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"{path.name}: {error}") from error
    for key, rows in tables.items():
        if not isinstance(rows, list) or not rows or not all(type(row) is dict for row in rows):
            raise CaseError(f"{path.name}: {key} must be a list of rows, and not an empty one")
        for row in rows:
            if within and str(row.get("id")) not in within:
                continue
            try:
                yield from [_refusal(row)] if key == "refuse" else _cases(key, row)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise CaseError(f"{_locate(path, source, key, row)}: {error}") from error


def _locate(path: Path, source: str, key: str, row: Mapping[str, Any]) -> str:
    """The file and line of a row, found by its id."""
    if "id" not in row:
        return f"{path.name}: a row of {key} without an id"
    start = max(0, source.find(f"\n{key}"))
    match = re.compile(rf'id\s*=\s*"{re.escape(str(row["id"]))}"').search(source, start)
    line = source.count("\n", 0, match.start()) + 1 if match else "?"
    return f"{path.name}:{line}: {row['id']}"


def _refusal(row: Mapping[str, Any]) -> Refusal:
    unknown = row.keys() - {"id", "function", "arguments", "error", "words", "why"}
    if unknown or not (isinstance(row["words"], list) and row["words"]):
        raise CaseError(f"unknown keys {sorted(unknown)}, or no words to look for")
    if row["error"] not in ("ShapeError", "TypeError"):
        raise CaseError(f"unknown error {row['error']!r}, known are ShapeError, TypeError")
    words, why = tuple(row["words"]), row.get("why", "")
    return Refusal(row["id"], row["function"], row["arguments"], row["error"], words, why)


def _cases(op: str, row: Mapping[str, Any]) -> list[Case]:
    """The questions of a row."""
    if op not in OPS:
        raise CaseError(f"unknown operation {op!r}, known are {', '.join(OPS)}")
    return [
        _checked(_case(op, fill, single)) for single in _grid(row) for fill in _fills(op, single)
    ]


def _grid(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "each" not in row:
        yield row
        return
    grid = row["each"]
    if not (isinstance(grid, dict) and grid and all(grid.values())):
        raise CaseError(f"each must hold lists, and none of them empty, got {grid}")
    if grid.keys() & row.keys() or "id" in grid:
        raise CaseError(f"each must not hold what the row holds too, got {sorted(grid)}")
    plain = {key: value for key, value in row.items() if key != "each"}
    for number, values in enumerate(itertools.product(*grid.values())):
        yield plain | dict(zip(grid, values, strict=True)) | {"id": f"{row['id']}-{number}"}


def _fills(op: str, row: Mapping[str, Any]) -> Sequence[str]:
    known = [fill for fill, ops in _FILLS.items() if op in ops]
    simple = {"digits", "units", *_ON_REQUEST.get(op, ())}
    usual = [fill for fill in known if fill not in simple]
    fills = row.get("fill", _CHECKED[op][:1] if row.get("check") else usual)
    fills = [fills] if isinstance(fills, str) else fills
    if not fills or not set(fills) <= set(known):
        raise CaseError(f"{op} has no fill {fills}, known are {', '.join(known)}")
    return fills


def _case(op: str, fill: str, row: Mapping[str, Any]) -> Case:
    allowed = {key for key, (ops, _) in _KEYS.items() if op in ops}
    needed = allowed & (_NEEDED | ({"pad"} if op == "zero_pad" else set()))
    if unknown := row.keys() - allowed:
        raise CaseError(f"unknown keys {sorted(unknown)}")
    if missing := needed - row.keys():
        raise CaseError(f"missing keys {sorted(missing)}")
    for key in row:
        kind = _KEYS[key][1]
        if kind is not None and type(row[key]) is not kind:
            raise CaseError(f"{key} must be of type {kind.__name__}, got {row[key]!r}")
    x, w, b = (tuple(row.get(name, ())) for name in ("x", "w", "b"))
    axes = len(x) - 2
    if "pad" in allowed and (axes not in (1, 2, 3) or len(w) not in (0, len(x))):
        raise CaseError(f"x={x} and w={w} must have one to three spatial axes, both as many")
    as_it_is = row.keys() - {"id", "fill", "x", "w", "b", "kernel", "stride", "dilation", "pad"}
    case = {"name": row["id"], "op": op, "fill": fill, "x": x, "w": w, "b": b}
    case |= {key: row[key] for key in as_it_is}
    if op in _SLIDING:
        kernel = w[:-2] if op == "conv" else _sizes(row["kernel"], axes)
        dilation = _sizes(row.get("dilation", 1), axes)
        stride = _sizes(row.get("stride", 1 if op == "conv" else list(kernel)), axes)
        case |= {"kernel": kernel, "dilation": dilation, "stride": stride}
    pad = row.get("pad", 0)
    if isinstance(pad, str) and op in _CONV:
        case |= {"word": pad, "pad": _pads_of_word(pad, case["kernel"], case["dilation"])}
    elif "pad" in allowed:
        case["pad"] = _pairs(pad, axes)
    return Case(**case)


def _sizes(value: Any, axes: int) -> Ints:
    sizes = tuple(value) if isinstance(value, list) else (value,) * axes
    if len(sizes) != axes or not all(type(size) is int for size in sizes):
        raise CaseError(f"{value!r} is not an int, nor one for each of {axes} axes")
    return sizes


def _pairs(pad: Any, axes: int) -> Pairs:
    if isinstance(pad, list) and any(isinstance(pair, list) for pair in pad):
        pairs = tuple((before, after) for before, after in pad)
        if len(pairs) != axes:
            raise CaseError(f"{pad!r} is not a pair for each of {axes} axes")
        return pairs
    return tuple((size, size) for size in _sizes(pad, axes))


def _pads_of_word(word: str, kernel: Ints, dilation: Ints) -> Pairs:
    """The pads that a word stands for: of an odd total, the extra cell comes after."""
    if word not in ("same", "valid"):
        raise CaseError(f"unknown pad {word!r}")
    totals = [step * (size - 1) * (word == "same") for size, step in zip(kernel, dilation)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _checked(case: Case) -> Case:
    """The case, if it is one that an oracle may be asked."""
    _check_sizes(case)
    _check_words(case)
    if case.word == "same" and set(case.stride) != {1}:
        raise CaseError(f'pad "same" asks for stride 1, got {case.stride}')
    if case.w and (case.w[-2] * case.groups != case.x[-1] or case.w[-1] % case.groups):
        raise CaseError(f"groups={case.groups} do not fit x={case.x} and w={case.w}")
    if case.kernel and min(case.out) < 1:
        raise CaseError(f"no window fits: kernel={case.kernel}, x={case.x}, pad={case.pad}")
    if case.op in POOLS:
        for size, windows in zip(case.space, case.windows, strict=True):
            if not all(any(0 <= cell < size for cell in window) for window in windows):
                raise CaseError(f"a window lies wholly in padding: pad={case.pad}")
        if case.fill == "special" and case.needs_padding:
            raise CaseError("torch cannot tell a -inf of the input from one that we pad with")
    return case


def _check_sizes(case: Case) -> None:
    sizes = case.x[1:] + case.w + case.b + case.kernel + case.stride + case.dilation
    least = 0 if case.pad and not case.check else 1  # a batch may be empty
    if not all(type(size) is int for size in case.x + sizes) or min(*sizes, case.groups, 1) < 1:
        raise CaseError(f"sizes must be ints of at least 1, got {case.row}")
    if case.x[0] < least or any(size < 0 for pair in case.pad for size in pair):
        raise CaseError(f"a batch must be at least {least} and a pad at least 0, got {case.row}")
    if case.divisor_override == 0:
        raise CaseError("divisor_override must not be 0")


def _check_words(case: Case) -> None:
    if case.layout not in LAYOUTS:
        raise CaseError(f"unknown layout {case.layout!r}, known are {', '.join(LAYOUTS)}")
    if case.dtype and case.dtype not in DTYPES:
        raise CaseError(f"unknown dtype {case.dtype!r}, known are {', '.join(DTYPES)}")
    if case.dtype == "float16" and not case.is_exact:
        raise CaseError(f"float16 is asked with whole numbers alone, not with {case.fill}")
    if not case.check:
        return
    known = [check for check, ops in CHECKS.items() if case.op in ops]
    if case.check not in known:
        raise CaseError(f"{case.op} has no check {case.check!r}, known are {', '.join(known)}")
    fills = _CHECKED[case.op] + (("special",) if case.check == "proof" and case.op in _MAX else ())
    if case.fill not in fills:
        raise CaseError(f"the check {case.check!r} holds of {', '.join(fills)}, not of {case.fill}")
    if (case.op, case.dtype) == ("conv", "float16"):
        raise CaseError("the checks of a convolution need sums that float16 would round")
