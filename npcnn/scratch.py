"""Memory for the time being, used again: fresh memory costs more than small passes compute."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

ROOM = 4 * 2**20
"""Bytes of a room that is kept for the next pass; larger ones are made and let go."""

_idle: list[NDArray[Any]] = []


class Scratch:
    """`with Scratch() as scratch:` arrays taken from it hold anything, and are free at its end.

    Whoever runs meanwhile, in another thread or in this one, has other rooms.
    """

    def __enter__(self) -> Self:
        self._rooms: list[NDArray[Any]] = []
        return self

    def take(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        size = math.prod(shape) * dtype.itemsize
        try:
            room = _idle.pop() if size <= ROOM else np.empty(size, np.uint8)
        except IndexError:
            room = np.empty(ROOM, np.uint8)
        self._rooms.append(room)
        return room[:size].view(dtype).reshape(shape)

    def __exit__(self, *raised: object) -> None:
        _idle.extend(room for room in self._rooms if room.nbytes == ROOM)
