"""What torch, the textbook and npcnn answer alike: three witnesses of every rule."""

import itertools
import sys
from dataclasses import replace

import numpy as np
import parametrize_from_file
import pytest
import torch
from parametrize_from_file import defaults

import npcnn
from npcnn import functional
from verification.candidates import get_contract
from verification.questions import FURTHER, CaseError, arrays, divisors, parse, shapes
from verification.truth import oracle
from verification.truth.answers import ask_textbook

DTYPES = ("float32", "float64")


def ask_further(case, given):
    """npcnn by its contract's calls."""
    answers = {}
    for function in get_contract("npcnn").functions:
        if function.expresses(case):
            (call,) = function.plan(case, given)
            ask = getattr(functional, function.name.removeprefix("functional."))
            got = ask(*call.arguments, **call.words)
            results = got if isinstance(got, tuple) else (got,)
            answers |= dict(zip(call.outputs, results, strict=True))
    return {name: answers[name] for name in case.outputs}


def ask_npcnn(case, given):
    if case.op in FURTHER:
        return ask_further(case, given)
    x, w, b, dy = (given.get(name) for name in ("x", "w", "b", "dy"))
    window = {"kernel_size": case.kernel, "stride": case.stride, "padding": case.pad}
    window["ceil_mode"] = case.ceil_mode
    match case.op:
        case "conv":
            words = {"stride": case.stride, "padding": case.word or case.pad}
            words |= {"dilation": case.dilation, "groups": case.groups}
            dx, dw, db = functional.conv_backward(dy, x, w, **words)
            answers = {"y": functional.conv(x, w, b, **words), "dx": dx, "dw": dw}
            return answers | ({"db": db} if case.bias else {})
        case "max_pool":
            window["dilation"] = case.dilation
            y, index = functional.max_pool(x, **window, return_indices=True)
            return {"y": y, "index": index, "dx": functional.max_pool_backward(dy, x, **window)}
        case "avg_pool":
            window["count_include_pad"] = case.count_include_pad
            window["divisor_override"] = case.divisor_override
            y, dx = functional.avg_pool(x, **window), functional.avg_pool_backward(dy, x, **window)
            return {"y": y, "dx": dx}
        case "zero_pad":
            return {"y": npcnn.zero_pad(x, case.pad)}
        case "conv_single_step":
            return {"y": npcnn.conv_single_step(x, w, b)}
        case "create_mask_from_window":
            return {"y": npcnn.create_mask_from_window(x)}
    return {"y": npcnn.distribute_value(dy, case.x)}


def ask_native(case, given):
    """Torch without oneDNN; NNPACK stays off."""
    torch.backends.mkldnn.set_flags(False)
    try:
        return oracle.answers(case, given)
    finally:
        torch.backends.mkldnn.set_flags(True)


def ask_two_threads(case, given):
    torch.set_num_threads(2)
    try:
        return oracle.answers(case, given)
    finally:
        oracle.prepare()


TORCH = [oracle.answers, ask_native, ask_two_threads]


def assert_same(expected, actual, ask, signs=True):
    """Shapes, dtypes, numbers and signs of zeros; one NaN is as good as another."""
    for name, a in expected.items():
        about = f"{name} by {ask.__name__}"
        np.testing.assert_array_equal(actual[name], a, about, strict=True)
        if signs and a.dtype.kind == "f":
            same = np.signbit(actual[name]) == np.signbit(a)
            assert (same | np.isnan(a)).all(), about


@parametrize_from_file(schema=defaults(dtypes=DTYPES))
@pytest.mark.parametrize("ask", [*TORCH, ask_textbook, ask_npcnn])
def test_facts(ask, line, dtypes, given, expected):
    """Worked out by hand."""
    case = parse(line)[0]
    for dtype in dtypes:
        filled = {name: np.ones(shape, dtype) for name, shape in shapes(case).items()}
        filled |= {
            name: np.array(a, "int64" if name == "index" else dtype).reshape(filled[name].shape)
            for name, a in given.items()
        }
        kinds = {"index": "int64", "y": bool if case.op == "create_mask_from_window" else dtype}
        right = {
            name: np.array(numbers).astype(kinds.get(name, dtype)).reshape(case.outputs[name])
            for name, numbers in expected.items()
        }
        with np.errstate(all="ignore"):
            assert_same(right, ask(case, filled), ask, signs=ask is not ask_textbook)


def windows(case):
    """Every window, in row order: its place, and the cells of the input under it, in row order."""
    for out in np.ndindex(*case.out):
        cells = itertools.product(*(axis[o] for axis, o in zip(case.windows, out)))
        yield out, [cell for cell in cells if all(0 <= i < n for i, n in zip(cell, case.space))]


def loop_over_maxima(case, x, dy):
    """The first of ties wins, the last of NaNs; padding never."""
    y, index, dx = np.empty_like(dy), np.empty(dy.shape, np.int64), np.zeros_like(x)
    for (out, cells), n, c in itertools.product(windows(case), range(len(x)), range(x.shape[-1])):
        winner = cells[0]
        for cell in cells[1:]:
            if x[n, *cell, c] > x[n, *winner, c] or np.isnan(x[n, *cell, c]):
                winner = cell
        y[n, *out, c] = x[n, *winner, c]
        index[n, *out, c] = np.ravel_multi_index(winner, case.space)
        dx[n, *winner, c] += dy[n, *out, c]
    return {"y": y, "index": index, "dx": dx}


def loop_over_averages(case, x, dy):
    """A sum in row order, divided; every cell of the window receives its part."""
    y, dx, over = np.zeros_like(dy), np.zeros_like(x), divisors(case).astype(x.dtype)
    for out, cells in windows(case):
        for cell in cells:
            y[:, *out] += x[:, *cell]
            dx[:, *cell] += dy[:, *out] / over[out]
        y[:, *out] /= over[out]
    return {"y": y, "dx": dx}


@parametrize_from_file
@pytest.mark.parametrize("dtype", DTYPES)
def test_pools(line, dtype):
    """To the last bit those of a loop, so that no tolerance is needed where a pool is judged."""
    case = parse(line)[0]
    loop = loop_over_maxima if case.op == "max_pool" else loop_over_averages
    fills = {"dense"} if case.op == "avg_pool" else {"ties", "dense", "special"}
    for fill in fills - ({"special"} if case.needs_padding else set()):
        given = arrays(replace(case, fill=fill), 0, dtype)
        with np.errstate(all="ignore"):
            right = loop(case, given["x"], given["dy"])
            for ask in [*TORCH, ask_npcnn]:
                assert_same(right, ask(case, given), ask)
            fortran = {name: np.asfortranarray(a) for name, a in given.items()}
            assert_same(right, ask_npcnn(case, fortran), ask_npcnn)


@parametrize_from_file
@pytest.mark.parametrize("dtype", DTYPES)
def test_convolutions(line, dtype):
    """Of integers, whose sums stay below 2^24 or 2^53: exact, whatever code torch runs."""
    case = parse(line)[0]
    given = arrays(case, 0, dtype)
    right = ask_textbook(case, given)
    for ask in [*TORCH, ask_npcnn]:
        assert_same(right, ask(case, given), ask, signs=False)


@parametrize_from_file
def test_small_sizes(line, values):
    """All of them, so far as an oracle may be asked: torch has the textbook's numbers."""
    asked = 0
    for words in itertools.product(*values):
        try:
            case = parse(line.format(*words))[0]
        except CaseError:
            continue
        given = arrays(case, 0, "float64")
        right, found = ask_textbook(case, given), oracle.answers(case, given)
        assert_same(right, found, oracle.answers, signs=False)
        asked += 1
    assert asked > 50


@parametrize_from_file(path="test_facts.toml", key=["test_pools", "test_convolutions"])
@pytest.mark.parametrize("work", [1, 500, 2000])
def test_pieces_change_no_bit(monkeypatch, line, work):
    """Windows one by one, or a few at a time: of pools on reals, on NaNs and on both zeros."""
    case = parse(line)[0]
    fill = {"max_pool": "special", "avg_pool": "dense"}.get(case.op, "integers")
    given = arrays(replace(case, fill=fill), 0, "float64")
    rooms = [room for name, room in sys.modules.items() if name.startswith("npcnn.")]
    rooms = [room for room in rooms if hasattr(room, "WORK")]
    assert rooms
    with np.errstate(all="ignore"):
        whole = ask_npcnn(case, given)
        for room in rooms:
            monkeypatch.setattr(room, "WORK", work)
        assert_same(whole, ask_npcnn(case, given), ask_npcnn)
