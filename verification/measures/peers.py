"""Other implementations in NumPy, as sides of the benchmark.

    im2col            windows copied side by side and one product, as is usually written; its own
                      gradients by x add tap by tap
    mygrad            its operations, and their gradients without its graph
    onnx.reference    the evaluator of ONNX's operators; it has no gradients

Keras's NumPy backend is none of them: its convolutions are JAX's.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
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


def _forward(case: Case, given: Arrays) -> Array:
    cells = _look(case, given["x"])[1]
    if case.op != "conv":
        y: Array = cells.max((-2, -1)) if case.op == "max_pool" else cells.mean((-2, -1))
        return y
    parts = (
        np.tensordot(part, w, ((4, 5, 3), (0, 1, 2)))
        for part, w, _ in _by_group(case, cells, given)
    )
    return np.concatenate([*parts], axis=-1) + given["b"]


def _backward(case: Case, given: Arrays) -> tuple[Array, ...]:
    dy, (xp, cells) = given["dy"], _look(case, given["x"])
    dxp, (down, right), (rows, columns) = np.zeros_like(xp), case.stride, dy.shape[1:3]
    if case.op == "max_pool":
        won = cells == cells.max((-2, -1), keepdims=True)
    for r, s in np.ndindex(*case.kernel):
        reached = dxp[:, r : r + rows * down : down, s : s + columns * right : right]
        if case.op == "conv":
            parts = (part @ w[r, s].T for _, w, part in _by_group(case, cells, given))
            reached += np.concatenate([*parts], axis=-1)
        else:
            reached += dy * won[..., r, s] if case.op == "max_pool" else dy / np.prod(case.kernel)
    inner = (slice(before, before + n) for n, (before, _) in zip(case.space, case.pad))
    dx = dxp[:, *inner]
    if case.op != "conv":
        return (dx,)
    dws = (
        np.tensordot(part, d, ((0, 1, 2), (0, 1, 2)))
        for part, _, d in _by_group(case, cells, given)
    )
    return dx, np.concatenate([*dws], axis=-1).transpose(1, 2, 0, 3), dy.sum((0, 1, 2))


def _by_group(case: Case, cells: Array, given: Arrays) -> Iterator[tuple[Array, Array, Array]]:
    """Of each group the cells, the weights and dy."""
    split = np.split(cells, case.groups, axis=3)
    yield from zip(split, *(np.split(given[name], case.groups, axis=-1) for name in ("w", "dy")))


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
