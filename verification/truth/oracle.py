"""The oracle: torch.nn.functional and autograd.

Arrays go in and come out channels last, as NumPy's.  What torch cannot be asked in its own words
is put to it in padded arrays: pads that differ before and after or exceed half a pooling kernel,
1-D convolutions (torch's own padding of them has crashed on channels-last memory), and 3-D
averages of inputs smaller than their kernel.  Windows wholly in padding never get here: torch's
max pooling writes out of bounds for them.
"""

from __future__ import annotations

import importlib.util
import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

if importlib.util.find_spec("torch"):  # a textbook is asked without it
    import torch
    import torch.nn.functional as F

from verification.questions import Array, Arrays, Case, simplify

Answers = dict[str, Array]
Tensors = tuple["torch.Tensor", ...]
"""What a pool answers: y, of maxima their places too."""

_LOCK = threading.Lock()
"""One asks at a time: the filter of warnings is everybody's."""
THREADS = 1
"""One, whatever the machine: a second one spins between calls, against NumPy's own; and of equal
places in an unpooling two threads leave now the one number, now the other.
"""

substitute: Callable[[Case, Arrays], Answers] | None = None
"""Who is asked in torch's place, if anybody is."""


def prepare() -> str:
    """Fix what torch's answers may depend on; its name and version."""
    if "torch" not in globals():
        how = "pip install -e '.[verify]', or choose the oracle textbook"
        raise ModuleNotFoundError(f"the judge needs torch: {how}")
    torch.set_num_threads(THREADS)
    torch.backends.nnpack.set_flags(False)  # type: ignore[no-untyped-call]
    precision = torch.get_float32_matmul_precision()
    if precision != "highest":
        raise RuntimeError(f"the oracle needs full float32 precision, torch is set to {precision}")
    return f"torch {torch.__version__.partition('+')[0]}"


def answers(case: Case, given: Arrays) -> Answers:
    """Every output of the question: y, index, mean, var, dx, dw, db, as far as it has them."""
    if substitute:
        return substitute(case, given)
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
        return _ANSWER[case.op](case, given)


def _conv(case: Case, given: Arrays) -> Answers:
    x, w = _leaf(_first(given["x"])), _leaf(np.moveaxis(given["w"], (-1, -2), (0, 1)))
    b = _leaf(given["b"]) if case.bias else None
    pad: Any = case.word or [before for before, _ in case.pad]
    if case.op == "conv_transpose":
        more = case.output_padding or 0
        y = _ask(case)(x, w, b, case.stride, pad, more, case.groups, case.dilation)
    else:
        seen, pad = (_padded(case, x), 0) if case.needs_padding else (x, pad)
        y = _ask(case)(seen, w, b, case.stride, pad, case.dilation, case.groups)
    gradients = _gradients(y, given["dy"], dx=x, dw=w, db=b)
    gradients["dw"] = np.moveaxis(gradients["dw"], (0, 1), (-1, -2))
    return {"y": _last(y), **gradients}


def _pool(case: Case, given: Arrays) -> Answers:
    """y, of maxima their places, and dx: of whatever has no weights."""
    x = _leaf(_first(given["x"]))
    y, *index = _POOLS[case.op](case, x, given)
    places = {"index": _last(index[0])} if index else {}
    return {"y": _last(y), **places, **_gradients(y, given["dy"], dx=x)}


def _max_pool(case: Case, x: torch.Tensor, _: Arrays) -> Tensors:
    pad: Any = [before for before, _ in case.pad]
    seen, pad = (_padded(case, x, -float("inf")), 0) if case.needs_padding else (x, pad)
    words = case.kernel, case.stride, pad, case.dilation, case.ceil_mode
    y, index = _ask(case)(seen, *words, return_indices=True)
    y, index = _windows_of(case, y), _windows_of(case, index)
    if case.needs_padding:
        plane = np.arange(math.prod(case.space)).reshape(case.space)
        numbers = np.pad(plane, case.pad, constant_values=-1)
        index = torch.from_numpy(numbers.ravel()[index.numpy()])
    return y, index


def _avg_pool(case: Case, x: torch.Tensor, _: Arrays) -> Tensors:
    return (_windows_of(case, _averages(case, x)),)


def _averages(case: Case, x: torch.Tensor) -> Any:
    if len(case.space) == 1:  # torch's avg_pool1d has no divisor of its own
        ones: dict[str, Any] = {n: (1, *getattr(case, n)) for n in ("kernel", "stride", "dilation")}
        plane = replace(case, x=(case.x[0], 1, *case.x[1:]), pad=((0, 0), *case.pad), **ones)
        return _averages(plane, x.unsqueeze(2)).squeeze(2)
    ask, counted = _ask(case), case.count_include_pad
    if not case.needs_padding:
        words = [before for before, _ in case.pad], case.ceil_mode, counted
        return ask(x, case.kernel, case.stride, *words, case.divisor_override)
    divisor = case.divisor_override or 1
    seen = _overhung(case, _padded(case, x))
    total = ask(seen, case.kernel, case.stride, 0, False, True, divisor)
    if case.divisor_override is not None:
        return total
    cells = _overhung(case, _padded(case, torch.ones_like(x), fill=float(counted)))
    return total / ask(cells, case.kernel, case.stride, 0, False, True, 1)


def _adaptive_pool(case: Case, x: torch.Tensor, _: Arrays) -> Tensors:
    if case.op == "adaptive_avg_pool":
        return (_ask(case)(x, case.out),)
    y, index = _ask(case)(x, case.out, return_indices=True)
    return y, index


def _max_unpool(case: Case, x: torch.Tensor, given: Arrays) -> Tensors:
    index = torch.from_numpy(np.array(_first(given["index"]), "int64", order="C"))
    pad = [before for before, _ in case.pad]
    return (_ask(case)(x, index, case.kernel, case.stride, pad, case.out),)


def _lp_pool(case: Case, x: torch.Tensor, _: Arrays) -> Tensors:
    kernel, stride = map(simplify, (case.kernel, case.stride))
    return (_ask(case)(x, case.norm_type, kernel, stride, case.ceil_mode),)


def _unfold(case: Case, x: torch.Tensor, _: Arrays) -> Tensors:
    pad = tuple(before for before, _ in case.pad)
    y = F.unfold(x, case.kernel, case.dilation, pad, case.stride)
    taps = y.reshape(len(x), case.x[-1], math.prod(case.kernel), y.shape[-1])
    return (taps.swapaxes(1, 2).reshape(y.shape),)  # channels last


def _batch_norm(case: Case, given: Arrays) -> Answers:
    x = _leaf(_first(given["x"]))
    w, b = (_leaf(given[name]) if name in given else None for name in ("w", "b"))
    # torch moves them in place
    moved = {name: _leaf(given[name]).detach() for name in ("mean", "var") if name in given}
    words = case.training, case.momentum, case.eps
    y = F.batch_norm(x, moved.get("mean"), moved.get("var"), w, b, *words)
    answers = {name: t.numpy() for name, t in moved.items() if case.training}
    return {"y": _last(y), **answers, **_gradients(y, given["dy"], dx=x, dw=w, db=b)}


def _zero_pad(case: Case, given: Arrays) -> Answers:
    return {"y": _last(_padded(case, _leaf(_first(given["x"]))))}


def _conv_single_step(case: Case, given: Arrays) -> Answers:
    x, w, b = (_leaf(given[name].reshape(1, -1, 1)) for name in ("x", "w", "b"))
    return {"y": F.conv1d(x, w, b.reshape(1)).detach().numpy().reshape(())}


def _create_mask(case: Case, given: Arrays) -> Answers:
    x = _leaf(given["x"].reshape(1, 1, -1))
    _, index = F.max_pool1d(x, x.shape[-1], return_indices=True)
    return {"y": (np.arange(x.shape[-1]) == index.item()).reshape(case.x)}


def _distribute(case: Case, given: Arrays) -> Answers:
    dy = given["dy"].reshape(1, 1, 1)
    cells = _leaf(np.zeros((1, 1, math.prod(case.x)), dy.dtype))
    gradients = _gradients(F.avg_pool1d(cells, cells.shape[-1]), dy, dx=cells)
    return {"y": gradients["dx"].reshape(case.x)}


_POOLS: dict[str, Callable[[Case, torch.Tensor, Arrays], Tensors]] = {
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_max_pool": _adaptive_pool,
    "adaptive_avg_pool": _adaptive_pool,
    "max_unpool": _max_unpool,
    "lp_pool": _lp_pool,
    "unfold": _unfold,
}
_ANSWER = {
    "conv": _conv,
    "conv_transpose": _conv,
    **dict.fromkeys(_POOLS, _pool),
    "batch_norm": _batch_norm,
    "zero_pad": _zero_pad,
    "conv_single_step": _conv_single_step,
    "create_mask_from_window": _create_mask,
    "distribute_value": _distribute,
}


def _ask(case: Case) -> Any:
    """torch's function for so many axes."""
    return getattr(F, f"{case.op}{len(case.space)}d")


def _leaf(a: Array) -> torch.Tensor:
    """A tensor with memory of its own, contiguous: torch's answers may depend on strides."""
    own = np.array(a, dtype=a.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(own).requires_grad_()


def _first(a: Array) -> Array:
    return np.moveaxis(a, -1, 1)


def _last(t: torch.Tensor) -> Array:
    return np.moveaxis(t.detach().numpy(), 1, -1)


def _gradients(y: torch.Tensor, dy: Array, **leaves: torch.Tensor | None) -> Answers:
    """Of y under dy: those of sum(y dy), for which torch does not import half a second of sympy."""
    above = _leaf(_first(dy)).detach()
    there = {name: leaf for name, leaf in leaves.items() if leaf is not None}
    found = torch.autograd.grad((y * above).sum(), [*there.values()])
    gradients = {name: a.numpy() for name, a in zip(there, found, strict=True)}
    return gradients | {"dx": np.moveaxis(gradients["dx"], 1, -1)}


def _padded(case: Case, x: torch.Tensor, fill: float = 0.0) -> torch.Tensor:
    """x with its pads in place; torch.nn.functional.pad starts at the last axis."""
    return F.pad(x, [size for pair in reversed(case.pad) for size in pair], value=fill)


def _overhung(case: Case, x: torch.Tensor) -> torch.Tensor:
    """A padded x with zeros below windows that overhang it: torch refuses some, rounding up."""
    sizes = zip(case.out, case.stride, case.kernel, x.shape[2:], strict=True)
    over = [max(0, (out - 1) * step + kernel - size) for out, step, kernel, size in sizes]
    return F.pad(x, [size for reach in reversed(over) for size in (0, reach)])


def _windows_of(case: Case, y: torch.Tensor) -> torch.Tensor:
    """Without windows that start in the end pad: where torch cannot see the pad it keeps them."""
    return y[(slice(None), slice(None), *map(slice, case.out))]
