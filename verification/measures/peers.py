"""Other implementations in NumPy, as sides of the benchmark.

    im2col            windows copied side by side and one product, as is usually written; its own
                      gradients by x add tap by tap
    mygrad            its operations, and their gradients without its graph
    onnx.reference    the evaluator of ONNX's operators; it has no gradients

Keras's NumPy backend is none of them: its convolutions are JAX's.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from verification.questions import Array, Arrays, Case

Calls = tuple[Callable[[], Any], ...]
"""A forward pass, and all gradients where there are any."""


def prepare_peers(case: Case, given: Arrays) -> dict[str, Calls]:
    """The sides of those that are installed, and have the operation with its settings."""
    ways = partial(_forward, case, given), partial(_backward, case, given)
    sides: dict[str, Calls] = {"im2col": ways}
    orders = {"x": (0, -1, 1, 2), "dy": (0, -1, 1, 2), "w": (-1, -2, 0, 1), "b": (0,)}
    first = {name: a.transpose(orders[name]).copy() for name, a in given.items()}
    for name, prepare in (("mygrad", _prepare_mygrad), ("onnx.reference", _prepare_onnx)):
        with suppress(ImportError, NotImplementedError):
            sides[name] = prepare(case, first)
    return sides


def _look(case: Case, x: Array) -> tuple[Array, Array]:
    """x within its pads, and a view of its windows (N, P, Q, C, R, S)."""
    least = -np.inf if case.op == "max_pool" else 0
    xp = np.pad(x, ((0, 0), *case.pad, (0, 0)), constant_values=least)
    cells = np.lib.stride_tricks.sliding_window_view(xp, case.kernel, axis=(1, 2))
    down, right = case.stride
    return xp, cells[:, ::down, ::right]


def _flatten(case: Case, cells: Array, w: Array) -> tuple[Array, Array]:
    """Windows side by side (G, NPQ, CRS), and weights (G, CRS, K)."""
    rows = cells.reshape(math.prod(cells.shape[:3]), case.groups, -1).swapaxes(0, 1)
    columns = w.transpose(2, 0, 1, 3).reshape(rows.shape[-1], case.groups, -1).swapaxes(0, 1)
    return rows, columns


def _forward(case: Case, given: Arrays) -> Array:
    cells = _look(case, given["x"])[1]
    if case.op != "conv":
        y: Array = cells.max((-2, -1)) if case.op == "max_pool" else cells.mean((-2, -1))
        return y
    rows, columns = _flatten(case, cells, given["w"])
    return (rows @ columns).swapaxes(0, 1).reshape(case.y) + given["b"]


def _backward(case: Case, given: Arrays) -> tuple[Array, ...]:
    dy, (xp, cells) = given["dy"], _look(case, given["x"])
    others: tuple[Array, ...] = ()
    if case.op == "max_pool":
        dcells = dy[..., None, None] * (cells == cells.max((-2, -1), keepdims=True))
    elif case.op == "avg_pool":
        dcells = np.broadcast_to(dy[..., None, None] / math.prod(case.kernel), cells.shape)
    else:
        rows, columns = _flatten(case, cells, given["w"])
        dys = dy.reshape(rows.shape[1], case.groups, -1).swapaxes(0, 1)
        dcells = (dys @ columns.mT).swapaxes(0, 1).reshape(cells.shape)
        dw = (rows.mT @ dys).swapaxes(0, 1).reshape(-1, *case.kernel, case.w[-1])
        others = dw.transpose(1, 2, 0, 3), dy.sum((0, 1, 2))
    dxp, (down, right), (height, width) = np.zeros_like(xp), case.stride, dy.shape[1:3]
    for r, s in np.ndindex(*case.kernel):
        dxp[:, r : r + height * down : down, s : s + width * right : right] += dcells[..., r, s]
    inner = (slice(before, before + n) for n, (before, _) in zip(case.space, case.pad))
    return dxp[:, *inner], *others


def _prepare_mygrad(case: Case, given: Arrays) -> Calls:
    """Pools of maxima without pads, convolutions of one group; and windows that leave no rest."""
    layers = importlib.import_module("mygrad.nnet.layers")
    tensor = importlib.import_module("mygrad").tensor
    is_padded_pool = case.op == "max_pool" and case.is_padded
    if case.op == "avg_pool" or case.groups > 1 or is_padded_pool or case.has_rest:
        raise NotImplementedError
    x, dy = tensor(given["x"]), given["dy"]
    if case.op == "max_pool":
        forward = partial(layers.max_pool, x, case.kernel, case.stride)
        operation = forward().creator
        return forward, partial(operation.backward_var, dy, 0)
    pads = tuple(before for before, _ in case.pad)
    leaves = x, tensor(given["w"])
    convolve = partial(layers.conv_nd, *leaves, stride=case.stride, padding=pads)
    operation, b = convolve().creator, given["b"].reshape(-1, 1, 1)
    return (
        lambda: convolve().data + b,
        lambda: [operation.backward_var(dy, 0), operation.backward_var(dy, 1), dy.sum((0, 2, 3))],
    )


def _prepare_onnx(case: Case, given: Arrays) -> Calls:
    onnx = importlib.import_module("onnx")
    evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator
    names = ["x", "w", "b"] if case.op == "conv" else ["x"]
    kind = {"conv": "Conv", "max_pool": "MaxPool", "avg_pool": "AveragePool"}[case.op]
    words: dict[str, Any] = {"kernel_shape": case.kernel, "strides": case.stride}
    words["pads"] = [pair[end] for end in (0, 1) for pair in case.pad]
    words |= {"group": case.groups} if case.op == "conv" else {}
    words |= {"count_include_pad": 1} if case.op == "avg_pool" else {}
    node = onnx.helper.make_node(kind, names, ["y"], **words)
    run = evaluator(node).run
    feed = {name: given[name] for name in names}
    return (lambda: run(None, feed),)
