"""Frames: what is sent arrives bit for bit, and nothing else is taken for a frame."""

import io
import json
import os
import random

import numpy as np
import pytest

from verification.apart import frames
from verification.apart.frames import FrameError, Other

MOST = 2**20


def read(raw, most=MOST):
    return frames.read(io.BytesIO(raw).read, most)


def raw(document, body=b"", magic=b"npv1"):
    words = document if isinstance(document, bytes) else json.dumps(document).encode()
    return frames.PREFIX.pack(magic, len(words), len(body)) + words + body


def described(*value, body=b""):
    return raw({"header": {}, "values": [list(value)]}, body)


@pytest.mark.parametrize("code", "?bBhHiIlLqQefdg")
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
def test_arrays_arrive_bit_for_bit(code, shape):
    """Of every kind of number and any shape, empty ones and those without axes too."""
    sent = np.random.default_rng(0).integers(0, 2, shape).astype(code)
    _, values = read(frames.encode({}, {"y": sent}))
    assert values["y"].dtype == sent.dtype
    assert values["y"].shape == shape
    assert values["y"].tobytes() == sent.tobytes()


def test_layouts_and_special_numbers():
    """Any way through memory, foreign byte order, NaN with its bits, the sign of zero."""
    odd = np.array([np.nan, -np.nan, -0.0, np.inf])
    sent = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "odd": odd}
    sent |= {"swapped": np.arange(3, dtype=">i4"), "strided": np.arange(9)[::-2]}
    _, values = read(frames.encode({}, sent))
    assert {n: v.tobytes() for n, v in values.items()} == {n: v.tobytes() for n, v in sent.items()}
    assert values["swapped"].dtype.str == ">i4"
    assert values["f"].flags.writeable


def test_words_and_what_is_no_array():
    """The header as it was; of other values the type's name."""
    header = {"text": "Ärger\n\0", "list": [1, 2.5, None, True], "none": None}
    assert read(frames.encode(header, {"y": Other("list")})) == (header, {"y": Other("list")})


def test_frames_follow_one_another():
    """And the source may end between two of them."""
    source = io.BytesIO(frames.encode({"n": 1}, {"y": np.ones(3)}) + frames.encode({"n": 2}, {}))
    assert [frames.read(source.read, MOST)[0]["n"] for _ in range(2)] == [1, 2]
    assert frames.read(source.read, MOST) is None


def test_a_slow_source():
    """Byte by byte."""
    source = io.BytesIO(frames.encode({}, {"y": np.arange(5)}))
    _, values = frames.read(lambda n: source.read(min(n, 1)), MOST)
    assert values["y"].tolist() == [0, 1, 2, 3, 4]


def test_no_part_of_a_frame_is_a_frame():
    """Wherever it is cut."""
    whole = frames.encode({"a": "b"}, {"y": np.ones(2)})
    for length in range(1, len(whole)):
        with pytest.raises(FrameError, match="within a frame"):
            read(whole[:length])


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (raw({"header": {}, "values": []}, magic=b"npv2"), "does not begin"),
        (raw(b"{"), "cannot be read"),
        (raw(b"\xff"), "cannot be read"),
        (raw(b"[" * 100_000), "cannot be read"),
        (raw(b'{"header": {"a": NaN}, "values": []}'), "cannot be read"),
        (raw([]), "is none"),
        (raw({"header": {}}), "is none"),
        (raw({"header": [], "values": []}), "is none"),
        (raw({"header": {}, "values": {}}), "is none"),
        (raw({"header": {}, "values": [], "more": 1}), "is none"),
        (raw({"header": {}, "values": [3]}), "not described"),
        (described("y"), "not described"),
        (described(1, "list"), "not described"),
        (described("y", ["<f8"], [1]), "not described"),
        (described("y", "<f8", [1], 0, body=bytes(8)), "not described"),
        (described("y", "|O", [1], body=bytes(8)), "dtype"),
        (described("y", "<c16", [1], body=bytes(16)), "dtype"),
        (described("y", "<f3", [1], body=bytes(3)), "dtype"),
        (described("y", "f8,f8", [1], body=bytes(16)), "dtype"),
        (described("y", "(2,)f8", [1], body=bytes(16)), "dtype"),
        (described("y", "<f8\n", [1], body=bytes(8)), "dtype"),
        (described("y", "<f8", 1, body=bytes(8)), "shape"),
        (described("y", "<f8", [1.0], body=bytes(8)), "shape"),
        (described("y", "<f8", [True], body=bytes(8)), "shape"),
        (described("y", "<f8", [-1], body=bytes(8)), "shape"),
        (described("y", "<f8", [2**60], body=bytes(8)), "shape"),
        (described("y", "<f8", [1] * 40, body=bytes(8)), "shape"),
        (described("y", "<f8", [2**40, 2**40, 0, 1], body=bytes(8)), "shape"),
        (described("y", "<f8", [2], body=bytes(8)), "larger than what was sent"),
        (described("y", "<f8", [1], body=bytes(9)), "not those described"),
        (raw({"header": {}, "values": [["y", "list"], ["y", "list"]]}), "not those described"),
    ],
    ids=range(31),
)
def test_what_is_no_frame_is_refused(sent, message):
    """With what is wrong about it."""
    with pytest.raises(FrameError, match=message):
        read(sent)


def test_what_is_too_large_is_refused_before_it_is_read():
    """Nothing is read beyond the prefix."""
    for length, size in ((frames.HEADER + 1, 0), (2, MOST + 1), (2**32 - 1, 2**64 - 1)):
        source = io.BytesIO(frames.PREFIX.pack(b"npv1", length, size) + bytes(100))
        with pytest.raises(FrameError, match="too large"):
            frames.read(source.read, MOST)
        assert source.tell() == frames.PREFIX.size
    assert read(frames.encode({}, {"y": np.zeros(MOST, bool)}))


def test_a_bool_is_true_or_false():
    """Whatever the byte is."""
    _, values = read(described("y", "|b1", [3], body=b"\x00\x01\x07"))
    assert values["y"].tobytes() == b"\x00\x01\x01"


def test_noise_is_no_frame():
    """Nor a frame with a byte changed, unless it still is one."""
    rng, whole = random.Random(0), frames.encode({"a": "b"}, {"y": np.ones(2), "z": Other("list")})
    refused = 0
    for _ in range(2000):
        spoiled = bytearray(whole)
        spoiled[rng.randrange(len(whole))] = rng.randrange(256)
        try:
            read(bytes(spoiled))
        except FrameError:
            refused += 1
        with pytest.raises(FrameError):
            read(os.urandom(64))
    assert refused > 500
