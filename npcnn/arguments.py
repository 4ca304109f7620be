"""What callers hand over, parsed: arrays, sizes, pads and switches; and the axes made of them.

A size is an int, or one int for each spatial axis; a pad is that, or (before, after) for each
axis.  Nothing below this room checks anything again.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from npcnn import geometry
from npcnn.geometry import Axes, Axis, Border, ShapeError
from npcnn.windows import Array, DType

Size: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Pad: TypeAlias = Size | Sequence[Sequence[SupportsIndex]]

MOST = 2**40
"""Numbers of a result."""


def array(name: str, value: ArrayLike) -> Array:
    """`value` as an array of integers, float16, float32 or float64, in native byte order."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, got a masked one, whose mask would be lost")
    try:
        a = np.asarray(value)
    except Exception as error:  # whatever a stranger's __array__ raises
        raise TypeError(f"{name} must be a numeric array: {error}") from error
    if not (a.dtype.kind in "iu" or (a.dtype.kind == "f" and a.itemsize <= 8)):
        raise TypeError(
            f"{name} must hold integers, float16, float32 or float64, got dtype={a.dtype}"
        )
    return a if a.dtype.isnative else a.astype(a.dtype.newbyteorder("="))


def arrays(**values: ArrayLike) -> list[Array]:
    """`array` of each."""
    return [array(name, value) for name, value in values.items()]


def result_dtype(*arrays: Array) -> DType:
    """NumPy's result type; float64 where that is an integer."""
    dtype = np.result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def working(dtype: DType, *arrays: Array) -> list[Array]:
    """The arrays in the dtype to accumulate in: float16 would lose bits with every sum."""
    wide = np.promote_types(dtype, np.float32) if dtype == np.float16 else dtype
    return [a.astype(wide, copy=False) for a in arrays]


def common(*arrays: Array) -> tuple[DType, list[Array]]:
    """The result's dtype, and the arrays in the one to accumulate in."""
    dtype = result_dtype(*arrays)
    return dtype, working(dtype, *arrays)


def fitting(name: str, a: Array, shape: Sequence[int]) -> Array:
    """`a`, if it has this shape."""
    if a.shape != tuple(shape):
        raise ShapeError(f"{name} must have shape={tuple(shape)}, got shape={a.shape}")
    return a


def affordable(shape: Sequence[int]) -> None:
    """Refuse a result that no machine can hold, before anything is allocated."""
    if math.prod(shape) > MOST:
        raise ShapeError(f"a result must have at most {MOST} numbers, got shape={tuple(shape)}")


def spatial(name: str, a: Array, ranks: Sequence[int] = (1, 2, 3)) -> tuple[int, ...]:
    """The spatial sizes of an array (N, *space, C) with as many spatial axes."""
    if a.ndim - 2 not in ranks:
        axes = " or ".join(str(rank + 2) for rank in ranks)
        raise ShapeError(
            f"{name} must have {axes} axes (batch, *space, channels), got shape={a.shape}"
        )
    return a.shape[1:-1]


def count(name: str, value: object) -> int:
    """An int, NumPy's too; not a bool, not a float, and none beyond 32 bits."""
    try:
        is_bool = isinstance(value, bool | np.bool_)
        number = operator.index(None if is_bool else value)  # type: ignore  # it raises
    except TypeError:
        raise TypeError(f"{name} must be an int, got {name}={value!r}") from None
    if not -(2**31) <= number < 2**31:
        raise ShapeError(f"{name} must be an int of 32 bits, got one of {number.bit_length()}")
    return number


def sizes(name: str, value: object, rank: int) -> tuple[int, ...]:
    """One int for each of `rank` axes; a single one serves them all."""
    if not _is_sequence(value):
        return (count(name, value),) * rank
    given = [count(name, item) for item in value]
    if len(given) not in (1, rank):
        raise ShapeError(
            f"{name} must be an int or one int for each spatial axis, "
            f"got {name}={value!r} for axes={rank}"
        )
    return tuple(given * rank)[:rank]


def pads(name: str, value: object, rank: int) -> tuple[Border, ...]:
    """(before, after) for each of `rank` axes."""
    if isinstance(value, str):
        raise ShapeError(
            f'{name} may be a size, and in convolutions "same" or "valid", got {name}={value!r}'
        )
    if not (_is_sequence(value) and any(map(_is_sequence, value))):
        return tuple((size, size) for size in sizes(name, value, rank))
    if len(value) != rank or not all(_is_sequence(pair) and len(pair) == 2 for pair in value):
        raise ShapeError(
            f"{name} must be an int, one int or one (before, after) pair for each spatial axis, "
            f"got {name}={value!r} for axes={rank}"
        )
    return tuple((count(name, before), count(name, after)) for before, after in value)


def lengths(name: str, value: object) -> tuple[int, ...]:
    """The lengths of a shape, each at least 1."""
    shape = sizes(name, value, len(value) if _is_sequence(value) else 1)
    if any(length < 1 for length in shape):
        raise ShapeError(f"{name} must have lengths of at least 1, got {name}={shape}")
    return shape


def switch(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {name}={value!r}")
    return bool(value)


def axes(
    space: Sequence[int],
    kernel: object,
    stride: object = 1,
    pad: object = 0,
    dilation: object = 1,
    ceil: bool = False,
) -> Axes:
    """An axis for each spatial size."""
    rank = len(space)
    kernels, strides = sizes("kernel_size", kernel, rank), sizes("stride", stride, rank)
    dilations, pairs = sizes("dilation", dilation, rank), pads("padding", pad, rank)
    fields = zip(space, kernels, strides, dilations, pairs)
    return tuple(Axis(n, k, s, d, *pair, ceil).validated() for n, k, s, d, pair in fields)


def conv_axes(
    x: Array, w: Array, stride: object, padding: object, dilation: object, groups: object
) -> tuple[Axes, int]:
    """The axes under a convolution of x with w, and its groups."""
    space = spatial("input", x)
    if w.ndim == x.ndim + 1:
        raise ShapeError(
            f"input misses its batch axis: weights.shape={w.shape} are for {w.ndim} axes "
            f"(batch, *space, channels), got input.shape={x.shape}"
        )
    if w.ndim != x.ndim:
        raise ShapeError(
            f"weights must have {x.ndim} axes, {len(space)} of the kernel, C/groups and K, "
            f"got weights.shape={w.shape}"
        )
    *kernel, depth, outputs = w.shape
    groups = count("groups", groups)
    if min(groups, depth, outputs) < 1 or depth * groups != x.shape[-1] or outputs % groups:
        raise ShapeError(
            f"weights must have C/groups and K channels, groups dividing both and none below 1, "
            f"got C={x.shape[-1]}, groups={groups}, weights.shape={w.shape}"
        )
    if isinstance(padding, str) and padding in ("same", "valid"):
        padding = _same(kernel, stride, dilation) if padding == "same" else 0
    layer = axes(space, kernel, stride, padding, dilation)
    affordable((len(x), *geometry.outs(layer), outputs))
    return layer, groups


def pool_axes(
    x: Array, kernel: object, stride: object, pad: object, dilation: object, ceil: object
) -> Axes:
    """The axes under a pooling of x; every window meets the input."""
    space, strides = spatial("input", x), kernel if stride is None else stride
    layer = axes(space, kernel, strides, pad, dilation, switch("ceil_mode", ceil))
    for axis in layer:
        axis.check_windows()
    affordable((len(x), *geometry.outs(layer), x.shape[-1]))
    return layer


def divisor(axes: Axes, count_include_pad: object, override: object) -> Array:
    """(*out): what an average divides each window's sum by; what overhangs the pad never counts."""
    include = switch("count_include_pad", count_include_pad)
    if override is None:
        lines = [axis.count_cells(include) for axis in axes]
        return functools.reduce(np.multiply.outer, lines)
    number = count("divisor_override", override)
    if number == 0:
        raise ShapeError("divisor_override must not be 0, got divisor_override=0")
    return np.full(geometry.outs(axes), number)


def _same(kernel: Sequence[int], stride: object, dilation: object) -> tuple[Border, ...]:
    """The pads with which there are as many windows as cells."""
    strides = sizes("stride", stride, len(kernel))
    if set(strides) != {1}:
        raise ShapeError(f'padding="same" asks for stride=1, got stride={strides}')
    totals = [d * (k - 1) for k, d in zip(kernel, sizes("dilation", dilation, len(kernel)))]
    return tuple((total // 2, total - total // 2) for total in totals)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
