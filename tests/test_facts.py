"""What torch, the textbook and npcnn answer alike: three witnesses of every rule."""

import itertools
import operator
import sys
from dataclasses import replace

import numpy as np
import parametrize_from_file
import pytest
import torch
from parametrize_from_file import Namespace, defaults

import npcnn
from npcnn import ShapeError
from verification.candidates import get_contract
from verification.questions import CaseError, arrays, divisors, parse, shapes
from verification.truth import oracle
from verification.truth.answers import ask_textbook

NAMES = Namespace(
    "import torch, numpy as np, torch.nn.functional as F", "from npcnn import functional"
)
DTYPES = ("float32", "float64")
BITWISE = {"adaptive_max_pool", "adaptive_avg_pool", "max_unpool", "unfold"}
"""What of the further operations is torch's to the last bit, whatever the numbers."""


def ask_npcnn(case, given):
    """By its contract's calls, but for gradients that take a cache."""
    answers = {}
    for function in get_contract("npcnn").functions:
        plan = function.plan(case, given) if function.expresses(case) else []
        if len(plan) == 1:
            ask = operator.attrgetter(function.name)(npcnn)
            got = ask(*plan[0].arguments, **plan[0].words)
            results = got if isinstance(got, tuple) else (got,)
            answers |= dict(zip(plan[0].outputs, results, strict=True))
    return {name: answers[name] for name in case.outputs}


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


def loop_over_averages(case, given):
    """A sum in row order, divided; every cell of the window receives its part."""
    x, dy = given["x"], given["dy"]
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
    is_mean = case.op == "avg_pool"
    fills = {"dense"} if is_mean else {"ties", "dense", "special"}
    for fill in fills - ({"special"} if case.needs_padding else set()):
        given = arrays(replace(case, fill=fill), 0, dtype)
        with np.errstate(all="ignore"):
            right = oracle.answers(case, given)
            loop = loop_over_averages if is_mean else ask_textbook
            assert_same(right, loop(case, given), loop, signs=is_mean)
            for ask in [*TORCH[1:], ask_npcnn]:
                assert_same(right, ask(case, given), ask)


@parametrize_from_file
@pytest.mark.parametrize("dtype", DTYPES)
def test_convolutions(line, dtype):
    """Of integers, whose sums stay below 2^24 or 2^53: exact, whatever code torch runs."""
    case = parse(line)[0]
    given = arrays(case, 0, dtype)
    right = ask_textbook(case, given)
    for ask in [*TORCH, ask_npcnn]:
        assert_same(right, ask(case, given), ask, signs=False)


@parametrize_from_file(schema=defaults(fills=["integers"], but={}))
@pytest.mark.parametrize("dtype", DTYPES)
def test_further(line, but, fills, dtype):
    """Torch's bits where sums are exact, or its rules say so; else near its float64."""
    for fill in fills:
        case = replace(parse(line)[0], fill=fill, **but)
        given = arrays(case, 0, dtype)
        is_root = case.norm_type not in (0, 1, np.inf, -np.inf)
        is_exact = case.op in BITWISE or (fill == "integers" and not is_root)
        wide = given if is_exact else {name: a.astype(float) for name, a in given.items()}
        with np.errstate(all="ignore"):
            right, found = oracle.answers(case, wide), ask_npcnn(case, given)
        if is_exact:
            assert_same(right, found, ask_npcnn, signs=case.op in BITWISE)
        else:
            room = 100 * np.finfo(dtype).eps
            for name, a in right.items():
                assert found[name].dtype == dtype
                np.testing.assert_allclose(found[name], a, room, room * np.abs(a).max(initial=1))


@parametrize_from_file(schema=defaults(refuse=()))
def test_small_sizes(line, refuse, values):
    """All of them, so far as an oracle may be asked; the others npcnn and torch refuse."""
    asked = 0
    for words in itertools.product(*values):
        try:
            case = parse(line.format(*words).lower())[0]
        except CaseError:
            for call in refuse:
                with pytest.raises((ShapeError, RuntimeError, ValueError)):
                    NAMES.eval(call.format(*words))
            continue
        given = arrays(case, 0, "float64")
        right = oracle.answers(case, given)
        for ask in [ask_npcnn, *([ask_textbook] if case.is_exact else [])]:
            assert_same(right, ask(case, given), ask, signs=False)
        asked += 1
    assert asked > 50


def fill(line, fills=("integers",), but=()):
    """A question and its arrays: pools of reals, of NaNs and of both zeros."""
    case = replace(parse(line)[0], **dict(but))
    case = replace(case, fill={"max_pool": "special", "avg_pool": "dense"}.get(case.op, fills[0]))
    return case, arrays(case, 0, "float64")


EVERY = parametrize_from_file(
    path="test_facts.toml",
    key=["test_pools", "test_convolutions", "test_further"],
    schema=lambda row: {"question": fill(**{k: v for k, v in row.items() if k != "id"})},
)


@EVERY
@pytest.mark.parametrize("work", [1, 500, 2000])
def test_pieces_change_no_bit(monkeypatch, question, work):
    """Windows one by one, or a few at a time."""
    rooms = [room for name, room in sys.modules.items() if name.startswith("npcnn.")]
    rooms = [room for room in rooms if hasattr(room, "WORK")]
    assert rooms
    with np.errstate(all="ignore"):
        whole = ask_npcnn(*question)
        for room in rooms:
            monkeypatch.setattr(room, "WORK", work)
        assert_same(whole, ask_npcnn(*question), ask_npcnn)


LAYOUTS = {
    "plain": np.copy,
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "broadcast": lambda a: np.broadcast_to(a[..., :1], a.shape),
}


@EVERY
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_changes_nothing(question, layout):
    """Whatever way through memory: the same, in memory of their own, and nothing is written to."""
    case, given = question
    given = {name: LAYOUTS[layout](a) for name, a in given.items()}
    plain = {name: np.array(a, a.dtype.newbyteorder("="), order="C") for name, a in given.items()}
    for a in given.values():
        a.flags.writeable = False
    with np.errstate(all="ignore"):
        found = ask_npcnn(case, given)
        assert_same(ask_npcnn(case, plain), found, ask_npcnn)
    assert all(a.flags.c_contiguous for a in found.values())
    assert not any(
        np.shares_memory(*pair) for pair in itertools.product(found.values(), given.values())
    )
