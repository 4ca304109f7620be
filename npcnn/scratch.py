"""Memory for the time being, used again: fresh memory costs more than small passes compute."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOM = 4 * 2**20
"""Bytes of a room that is kept for the next pass; larger ones are made and let go."""

_rooms = threading.local()


def lend(role: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array that holds anything, this thread's until it asks for the same role again."""
    size = math.prod(shape) * dtype.itemsize
    room: NDArray[Any] | None = getattr(_rooms, role, None)
    if room is None or room.nbytes < size:
        room = np.empty(size, np.uint8)
        if size <= ROOM:
            setattr(_rooms, role, room)
    return room[:size].view(dtype).reshape(shape)
