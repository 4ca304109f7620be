"""How answers travel: a frame is a header of plain words, and the bytes of the arrays.

    b"npv1", length of the header, length of the arrays      4 bytes, uint32, uint64, little endian
    {"header": {...}, "values": [[name, dtype, shape] or [name, kind], ...]}       UTF-8, JSON
    the arrays' bytes one after another, each in C order

Frames come from a process in which a stranger's code runs: nothing in them is ever executed or
unpickled, and whatever is not exactly as described is a FrameError.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Read = Callable[[int], bytes]

MAGIC, PREFIX = b"npv1", struct.Struct("<4sIQ")
HEADER = 2**20
"""Bytes of a header at most."""
KINDS = "biuf"
NUMBERS = re.compile(f"[<>|][{KINDS}][0-9]{{1,2}}")
AXES = 32
CHUNK = 2**20


class FrameError(ValueError):
    """What arrived is no frame."""


@dataclass(frozen=True)
class Other:
    """A value that is no array of numbers: of its type the name is known, of itself nothing."""

    kind: str


Value = Array | Other
Frame = tuple[dict[str, Any], dict[str, Value]]


def encode(header: Mapping[str, Any], values: Mapping[str, Value]) -> bytes:
    """A frame."""
    described: list[list[Any]] = []
    bodies: list[bytes] = []
    for name, value in values.items():
        if isinstance(value, Other):
            described.append([name, value.kind])
        else:
            described.append([name, value.dtype.str, list(value.shape)])
            bodies.append(value.tobytes())
    words = dumps({"header": header, "values": described}).encode()
    size = sum(map(len, bodies))
    return b"".join([PREFIX.pack(MAGIC, len(words), size), words, *bodies])


def read(source: Read, most: int) -> Frame | None:
    """The next frame, of `most` bytes of arrays at most; None where the source ends before one.

    source(n) gives up to n bytes, and none at its end.
    """
    prefix = _exactly(source, PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise FrameError("it ends within a frame")
    magic, length, size = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise FrameError("it does not begin as a frame does")
    if length > HEADER or size > most:
        raise FrameError(f"it is too large: header={length} arrays={size} most={most}")
    words, body = _exactly(source, length), _exactly(source, size)
    if len(words) + len(body) < length + size:
        raise FrameError("it ends within a frame")
    header, described = _parsed(words)
    return header, _values(described, memoryview(body))


def _exactly(source: Read, size: int) -> bytes:
    """So many bytes, fewer at the source's end; memory is taken as they arrive."""
    pieces, left = [], size
    while left and (piece := source(min(left, CHUNK))):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _parsed(words: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        document = loads(words.decode(), parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise FrameError("its header cannot be read") from error
    if not isinstance(document, dict) or document.keys() != {"header", "values"}:
        raise FrameError("its header is none")
    header, described = document["header"], document["values"]
    if not isinstance(header, dict) or not isinstance(described, list):
        raise FrameError("its header is none")
    return header, described


def _refused(constant: str) -> NoReturn:
    raise FrameError(f"{constant} in its header")


def _values(described: list[Any], body: memoryview) -> dict[str, Value]:
    values: dict[str, Value] = {}
    start = 0
    for one in described:
        if not isinstance(one, list) or not all(isinstance(word, str) for word in one[:2]):
            raise FrameError("a value is not described")
        if len(one) == 2:
            values[one[0]] = Other(one[1])
        elif len(one) == 3:
            dtype, shape = _dtype(one[1]), _shape(one[2])
            end = start + dtype.itemsize * math.prod(shape)
            if end > len(body):
                raise FrameError("an array is larger than what was sent")
            values[one[0]] = _array(body[start:end], dtype, shape)
            start = end
        else:
            raise FrameError("a value is not described")
    if start != len(body) or len(values) != len(described):
        raise FrameError("its arrays are not those described")
    return values


def _dtype(word: str) -> np.dtype[Any]:
    if NUMBERS.fullmatch(word):
        try:
            return np.dtype(word)
        except TypeError:
            pass
    raise FrameError("a dtype is not one of numbers")


def _shape(sizes: Any) -> tuple[int, ...]:
    if not isinstance(sizes, list) or len(sizes) > AXES:
        raise FrameError("a shape is none")
    if not all(type(size) is int and 0 <= size < 2**48 for size in sizes):
        raise FrameError("a shape is none")
    return tuple(sizes)


def _array(raw: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """An array of its own; of a bool only zero is False, as no other byte may stand in one."""
    try:
        array: Array = np.ndarray(shape, np.uint8 if dtype.kind == "b" else dtype, raw)
    except ValueError as error:  # sizes beyond all bounds, and a zero among them
        raise FrameError("a shape is none") from error
    return np.array(array != 0) if dtype.kind == "b" else array.copy()
