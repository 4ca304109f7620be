"""Rooms of memory: used again, and never by two at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from npcnn import scratch
from npcnn.scratch import ROOM, Scratch

DTYPE = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def none_idle(monkeypatch):
    monkeypatch.setattr(scratch, "_idle", [])


def test_a_room_is_used_again():
    """After its end, by whoever comes next, whatever the shape and dtype."""
    with Scratch() as first:
        a = first.take((3, 5), DTYPE)
        assert (a.shape, a.dtype) == ((3, 5), DTYPE)
    with Scratch() as second:
        b = second.take((2, 2, 2), np.dtype(np.float64))
        assert np.shares_memory(a, b)
        assert b.flags.c_contiguous


def test_two_at_once_have_rooms_of_their_own():
    """Within one pass, nested, and in another thread."""
    with Scratch() as outer, ThreadPoolExecutor(1) as thread:
        a, b = outer.take((9,), DTYPE), outer.take((9,), DTYPE)
        with Scratch() as inner:
            c = inner.take((9,), DTYPE)
            d = thread.submit(Scratch().__enter__().take, (9,), DTYPE).result()
            rooms = [a, b, c, d]
            for at, room in enumerate(rooms):
                assert not any(np.shares_memory(room, other) for other in rooms[:at])


def test_large_rooms_are_not_kept():
    """And small ones are, however a pass ends."""

    def failing():
        with Scratch() as rooms:
            assert rooms.take((ROOM + 1,), np.dtype(np.uint8)).nbytes == ROOM + 1
            rooms.take((ROOM,), np.dtype(np.uint8))
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert [room.nbytes for room in scratch._idle] == [ROOM]
