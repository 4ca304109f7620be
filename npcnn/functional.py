"""The general face, in torch.nn.functional's words, channels last.

Each operation stands beside its gradient.  `conv`, `max_pool`, `adaptive_max_pool` and their like
take the number of spatial axes from their arrays; `conv1d`, `conv2d` and theirs insist on it.

    x   (N, *space, C)            batch, one to three spatial axes, channels
    w   (*kernel, C/groups, K)    output channels ordered group by group
    b   (K,) or None
    y   (N, *out, K)              of pools (N, *out, C)

Sizes are ints, or one int for each spatial axis.  `padding` may also be (before, after) for each
axis and, in convolutions, "same" (of an odd total the extra cell comes after) or "valid".
Arrays hold float16 (accumulated in float32), float32, float64 or integers.  Results have NumPy's
result type of the arrays that enter, float64 if all of them are integers (but max pooling keeps
integers), and memory of their own.  What does not fit raises ShapeError, what has a wrong type
TypeError.  Every rule is that of torch 2.13.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, Literal, SupportsIndex, TypeVar, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npcnn import arguments as arg
from npcnn import conv as _conv
from npcnn import geometry, windows
from npcnn import pool as _pool
from npcnn.arguments import Pad, Size
from npcnn.geometry import Axes, Box, ShapeError
from npcnn.windows import Array, DType

Operation = TypeVar("Operation", bound=Callable[..., Any])


def conv(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    stride: Size = 1,
    padding: Pad | str = 0,
    dilation: Size = 1,
    groups: SupportsIndex = 1,
) -> Array:
    """y (N, *out, K): the cross-correlation of x (N, *space, C) with w, plus b (K,).

    w is (*kernel, C/groups, K), and on each axis
    out = floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1.
    ShapeError: channels, groups or windows that do not fit, "same" with a stride.
    """
    x, w = arg.arrays(x=x, w=w)
    axes, n_groups = arg.conv_axes(x, w, stride, padding, dilation, groups)
    bias = [] if b is None else [arg.fitting("bias", arg.array("b", b), w.shape[-1:])]
    dtype, (x, w, *bias) = arg.common(x, w, *bias)
    y = _conv.forward(x, w, bias[0] if bias else None, axes, n_groups)
    return y.astype(dtype, copy=False)


def conv_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    stride: Size = 1,
    padding: Pad | str = 0,
    dilation: Size = 1,
    groups: SupportsIndex = 1,
) -> tuple[Array, Array, Array]:
    """dx, dw and db (K,): the gradients of a loss by conv's x, w and b.

    dy (N, *out, K) is the gradient by y; ShapeError if it has another shape, or as conv.
    """
    dy, x, w = arg.arrays(dy=dy, x=x, w=w)
    axes, n_groups = arg.conv_axes(x, w, stride, padding, dilation, groups)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), w.shape[-1]))
    dtype, (dy, x, w) = arg.common(dy, x, w)
    dx = _conv.input_grad(dy, w, axes, n_groups)
    dw = _conv.weight_grad(dy, x, axes, n_groups)
    db = _conv.bias_grad(dy)
    return dx.astype(dtype, copy=False), dw.astype(dtype, copy=False), db.astype(dtype, copy=False)


@overload
def max_pool(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Array: ...
@overload
def max_pool(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Array, NDArray[np.int64]]: ...
def max_pool(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | tuple[Array, NDArray[np.int64]]:
    """y (N, *out, C), each window's largest cell; with return_indices (y, index), index int64.

    An index numbers the cells of an unpadded plane in row order.  Of equal cells the first wins,
    of NaNs the last.  No `stride` is the kernel's size.  ShapeError: a window that does not fit, or
    lies wholly in padding, where torch reads and writes beyond its arrays.
    """
    x = arg.array("x", x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, dilation, ceil_mode)
    y = _pool.max_forward(x, axes)
    wanted = arg.switch("return_indices", return_indices)
    return (y, _pool.max_index(x, y, axes)) if wanted else y


def max_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """dx (N, *space, C): each window's dy goes to the cell that max_pool chose.

    dy (N, *out, C) may be of integers if x is: dx then has its dtype.  ShapeError as max_pool.
    """
    dy, x = arg.arrays(dy=dy, x=x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, dilation, ceil_mode)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    dtype = dy.dtype if x.dtype.kind in "iu" else arg.result_dtype(dy, x)
    (dy,) = arg.working(dtype, dy)
    return _pool.max_backward(dy, x, axes).astype(dtype, copy=False)


def avg_pool(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None,
) -> Array:
    """y (N, *out, C): each window's sum over the number of its cells, or divisor_override.

    Pads count as cells with count_include_pad; what overhangs them (ceil_mode) never does.
    ShapeError: a window that does not fit or lies wholly in padding, a divisor of 0.
    """
    x = arg.array("x", x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, 1, ceil_mode)
    divisor = arg.divisor(axes, count_include_pad, divisor_override)
    dtype, (x,) = arg.common(x)
    return _pool.avg_forward(x, axes, divisor).astype(dtype, copy=False)


def avg_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None,
) -> Array:
    """dx (N, *space, C): each window's dy, over avg_pool's divisor, goes to all its cells.

    Of x only the shape and dtype count.  ShapeError if dy is not (N, *out, C), or as avg_pool.
    """
    dy, x = arg.arrays(dy=dy, x=x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, 1, ceil_mode)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    divisor = arg.divisor(axes, count_include_pad, divisor_override)
    dtype, (dy, _) = arg.common(dy, x)
    return _pool.avg_backward(dy, axes, divisor).astype(dtype, copy=False)


def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    stride: Size = 1,
    padding: Pad = 0,
    output_padding: Size = 0,
    groups: SupportsIndex = 1,
    dilation: Size = 1,
) -> Array:
    """y (N, *out, K): the gradient of a convolution by its input, as a pass of its own, plus b.

    w is (*kernel, K/groups, C), as of that convolution, from y to x (N, *space, C), and
    out = (size - 1) * stride - pads + dilation * (kernel - 1) + 1 + output_padding.  ShapeError:
    channels or groups that do not fit, an output_padding that is not below stride or dilation.
    """
    x, w = arg.arrays(x=x, w=w)
    x, axes, n_groups = _transposed(x, w, stride, padding, output_padding, groups, dilation)
    bias = [] if b is None else [arg.fitting("b", arg.array("b", b), (w.shape[-2] * n_groups,))]
    dtype, (x, w, *bias) = arg.common(x, w, *bias)
    y = _conv.input_grad(x, w, axes, n_groups)
    for row in bias:
        y += row
    return y.astype(dtype, copy=False)


def conv_transpose_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    stride: Size = 1,
    padding: Pad = 0,
    output_padding: Size = 0,
    groups: SupportsIndex = 1,
    dilation: Size = 1,
) -> tuple[Array, Array, Array]:
    """dx, dw and db (K,) from dy (N, *out, K).  ShapeError as conv_transpose."""
    dy, x, w = arg.arrays(dy=dy, x=x, w=w)
    space = x.shape[1:-1]
    x, axes, n_groups = _transposed(x, w, stride, padding, output_padding, groups, dilation)
    arg.fitting("dy", dy, (len(x), *(axis.size for axis in axes), w.shape[-2] * n_groups))
    dtype, (dy, x, w) = arg.common(dy, x, w)
    dx = _conv.forward(dy, w, None, axes, n_groups)[:, *map(slice, space)]
    dw = _conv.weight_grad(x, dy, axes, n_groups)
    db = _conv.bias_grad(dy).astype(dtype, copy=False)
    return np.ascontiguousarray(dx, dtype), dw.astype(dtype, copy=False), db


def _transposed(
    x: Array, w: Array, stride: object, pad: object, extra: object, groups: object, dilation: object
) -> tuple[Array, Axes, int]:
    """x, with zeros for windows of output_padding alone; the axes from y to x, and the groups."""
    space, n_groups = arg.spatial("x", x), arg.count("groups", groups)
    fits = w.ndim == x.ndim and w.shape[-1] == x.shape[-1] and 0 not in w.shape and n_groups > 0
    rule = "w must be (*kernel, K/groups, C), nothing of it 0, and groups divide C"
    _check(fits and x.shape[-1] % n_groups == 0, rule, w=w.shape, x=x.shape, groups=n_groups)
    words = {"stride": stride, "dilation": dilation, "output_padding": extra}
    sizes = [arg.sizes(name, word, len(space)) for name, word in words.items()]
    borders, outs = arg.pads("padding", pad, len(space)), []
    for n, k, s, d, more, border in zip(space, w.shape, *sizes, borders):
        rule = "output_padding must be at least 0 and below stride or dilation"
        _check(0 <= more < max(s, d), rule, output_padding=more, stride=s, dilation=d)
        outs.append((n - 1) * s - sum(border) + d * (k - 1) + 1 + more)
    axes = arg.axes(outs, w.shape[: len(space)], stride, borders, dilation)
    arg.affordable((len(x), *outs, w.shape[-2] * n_groups))
    beyond = [(0, axis.out - n) for n, axis in zip(space, axes)]
    return np.pad(x, [(0, 0), *beyond, (0, 0)]) if any(map(any, beyond)) else x, axes, n_groups


def adaptive_max_pool(x: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    """y (N, *output_size, C), each window's largest cell; index and ties as max_pool's.

    Of `out` windows along an axis the o-th holds the cells from floor(o * size / out) up to
    ceil((o + 1) * size / out); None is an out of size.  ShapeError: an out below 1.
    """
    x = arg.array("x", x)
    index = _winners(x, output_size)
    y = np.take_along_axis(_planes(x), _planes(index), axis=1).reshape(index.shape)
    return (y, index) if arg.switch("return_indices", return_indices) else y


def adaptive_max_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): each dy goes to the cell that adaptive_max_pool chose."""
    dy, x = arg.arrays(dy=dy, x=x)
    index = _winners(x, output_size)
    dtype, (dy, _) = arg.common(arg.fitting("dy", dy, index.shape), x)
    dx, (n, _, c) = _planes(np.zeros(x.shape, dy.dtype)), np.ogrid[: len(x), :1, : x.shape[-1]]
    np.add.at(dx, (n, _planes(index), c), _planes(dy))  # in row order, as torch
    return dx.reshape(x.shape).astype(dtype, copy=False)


def adaptive_avg_pool(x: ArrayLike, output_size: Any) -> Array:
    """y (N, *output_size, C), the means of adaptive_max_pool's windows."""
    x = arg.array("x", x)
    shape, cells = _adaptive(x, output_size)
    dtype, (x,) = arg.common(x)
    y = np.zeros(shape, x.dtype)
    for out, box in cells:
        y[:, *out] += np.cumsum(_planes(x[:, *box]), axis=1)[:, -1]  # in row order, as torch
        for line in box:
            y[:, *out] /= line.stop - line.start
    return y.astype(dtype, copy=False)


def adaptive_avg_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): dy shared out equally.  Of x only the shape and dtype count."""
    dy, x = arg.arrays(dy=dy, x=x)
    shape, cells = _adaptive(x, output_size)
    dtype, (dy, _) = arg.common(arg.fitting("dy", dy, shape), x)
    dx = np.zeros(x.shape, dy.dtype)
    for out, box in cells:
        share = dy[:, *(slice(o, o + 1) for o in out)]
        for line in box:
            share = share / (line.stop - line.start)
        dx[:, *box] += share
    return dx.astype(dtype, copy=False)


def _adaptive(x: Array, output_size: Any) -> tuple[tuple[int, ...], list[tuple[Any, Box]]]:
    """The shape of an adaptive pool's y; each window's place in it, and the cells under it."""
    space = arg.spatial("x", x)
    outs = space if output_size is None else output_size
    if isinstance(outs, list | tuple) and len(outs) == len(space):
        outs = [size if out is None else out for size, out in zip(space, outs)]
    outs = arg.lengths("output_size", arg.sizes("output_size", outs, len(space)))
    shape = len(x), *outs, x.shape[-1]
    arg.affordable(shape)
    lines = [
        [slice(o * axis.size // out, -(-(o + 1) * axis.size // out)) for o in range(out)]
        for axis, out in zip(arg.axes(space, 1), outs)
    ]
    return shape, list(zip(np.ndindex(*outs), itertools.product(*lines)))


def _winners(x: Array, output_size: Any) -> Array:
    """The cell of the plane that each window chooses: the first maximum, or the last NaN."""
    shape, cells = _adaptive(x, output_size)
    index, plane = np.empty(shape, np.int64), np.arange(math.prod(x.shape[1:-1]))
    for out, box in cells:
        block, numbers = _planes(x[:, *box]), plane.reshape(x.shape[1:-1])[box].ravel()
        lost = np.isnan(block[:, ::-1])
        last = len(numbers) - 1 - lost.argmax(axis=1)
        index[:, *out] = numbers[np.where(lost.any(axis=1), last, block.argmax(axis=1))]
    return index


def _planes(a: Array) -> Array:
    """(N, *space, C) as (N, cells, C)."""
    return np.ascontiguousarray(a).reshape(len(a), math.prod(a.shape[1:-1]), a.shape[-1])


def max_unpool(
    x: ArrayLike,
    indices: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    output_size: Size | None = None,
) -> Array:
    """y (N, *out, C): zeros, and x at the cells of max_pool's indices, of equal ones the last.

    out = (size - 1) * stride - pads + kernel_size, or an output_size less than a stride from that.
    ShapeError: another output_size, an index that is no cell of y.
    """
    x, index = arg.arrays(x=x, indices=indices)
    y = np.zeros(_unpooled(x, index, kernel_size, stride, padding, output_size), x.dtype)
    np.put_along_axis(_planes(y), _planes(index), _planes(x), axis=1)
    return y


def max_unpool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    indices: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    output_size: Size | None = None,
) -> Array:
    """dx (N, *space, C): dy at the indices, also where they are equal.  Of x the shape counts."""
    dy, x, index = arg.arrays(dy=dy, x=x, indices=indices)
    arg.fitting("dy", dy, _unpooled(x, index, kernel_size, stride, padding, output_size))
    dx = np.take_along_axis(_planes(dy), _planes(index), axis=1).reshape(x.shape)
    return dx.astype(arg.result_dtype(dy, x), copy=False)


def _unpooled(
    x: Array, index: Array, kernel: object, stride: object, padding: object, wanted: object
) -> tuple[int, ...]:
    """The shape that was pooled to x, if the index may be of it."""
    space = arg.spatial("x", x)
    rank = len(space)
    kernels, pads = arg.sizes("kernel_size", kernel, rank), arg.pads("padding", padding, rank)
    strides = kernels if stride is None else arg.sizes("stride", stride, rank)
    fields = zip(space, kernels, strides, pads)
    usual = tuple((n - 1) * s - sum(border) + k for n, k, s, border in fields)
    sizes = usual if wanted is None else arg.sizes("output_size", wanted, rank)
    is_near = all(abs(size - other) < s for size, other, s in zip(sizes, usual, strides))
    rule = "output_size must be above 0, nearer than stride to (size - 1) * stride - pads + kernel"
    numbers = {"size": space, "stride": strides, "pads": pads, "kernel": kernels}
    _check(is_near and min(sizes) > 0 < min(kernels), rule, output_size=sizes, **numbers)
    shape = len(x), *sizes, x.shape[-1]
    arg.affordable(shape)
    if arg.fitting("indices", index, x.shape).dtype.kind not in "iu":
        raise TypeError(f"indices must hold integers, got dtype={index.dtype}")
    least, most = (index.min(), index.max()) if index.size else (0, 0)
    rule = "indices must be cells of a plane of output_size"
    _check(least >= 0 and most < math.prod(sizes), rule, output_size=sizes, min=least, max=most)
    return shape


def lp_pool(
    x: ArrayLike,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """y (N, *out, C): (the mean of each window's x^p, times the kernel's cells)^(1/p).

    p is norm_type; x keeps its signs, as in torch.  An infinite p is the largest |x|, or the
    smallest.  ShapeError: a p of 0, a window that does not fit.
    """
    x, p = arg.array("x", x), _number("norm_type", norm_type)
    axes = arg.pool_axes(x, kernel_size, stride, 0, 1, ceil_mode)
    dtype, (x,) = arg.common(x)
    if math.isinf(p):
        y = math.copysign(1, p) * _pool.max_forward(math.copysign(1, p) * np.abs(x), axes)
    else:
        y = _powers(x, p, axes)[0] ** (1 / p)
    return y.astype(dtype, copy=False)


def lp_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """dx (N, *space, C) by lp_pool's x: 0 from a window whose powers add up to 0."""
    dy, x, p = arg.array("dy", dy), arg.array("x", x), _number("norm_type", norm_type)
    axes = arg.pool_axes(x, kernel_size, stride, 0, 1, ceil_mode)
    arg.fitting("dy", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    dtype, (dy, x) = arg.common(dy, x)
    if math.isinf(p):
        dx = _pool.max_backward(dy, math.copysign(1, p) * np.abs(x), axes) * np.sign(x)
        return np.ascontiguousarray(dx, dtype)
    with np.errstate(divide="ignore", invalid="ignore"):  # roots of 0 have no slope
        powers, taps, divisor = _powers(x, p, axes)
        share = np.where(powers == 0, 0, dy * powers ** (1 / p - 1)) * taps
        dx = _pool.avg_backward(share, axes, divisor) * x ** (p - 1)
    return np.ascontiguousarray(dx, dtype)


def _powers(x: Array, p: float, axes: Axes) -> tuple[Array, int, Array]:
    """Each window's mean of x^p, times the kernel's cells; these; and what the mean divides by."""
    _check(p != 0, "norm_type must not be 0", norm_type=p)
    taps, divisor = math.prod(axis.kernel for axis in axes), arg.divisor(axes, True, None)
    return _pool.avg_forward(x**p, axes, divisor) * taps, taps, divisor


def unfold(
    x: ArrayLike, kernel_size: Size, dilation: Size = 1, padding: Pad = 0, stride: Size = 1
) -> Array:
    """(N, windows, taps * C): the cells of x (N, H, W, C) under each window; fold's gradient."""
    x = arg.array("x", x)
    axes = arg.axes(arg.spatial("x", x, [2]), kernel_size, stride, padding, dilation)
    taps = math.prod(axis.kernel for axis in axes)
    shape = len(x), math.prod(geometry.outs(axes)), taps * x.shape[-1]
    arg.affordable(shape)
    cells = windows.gather(x.astype(arg.result_dtype(x)), axes, groups=1)
    return np.array(cells, order="C").reshape(shape)


def fold(
    cells: ArrayLike,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Pad = 0,
    stride: Size = 1,
) -> Array:
    """y (N, *output_size, C): cells added up where unfold reads them; unfold's gradient."""
    a, space = arg.array("cells", cells), arg.sizes("output_size", output_size, 2)
    axes = arg.axes(space, kernel_size, stride, padding, dilation)
    arg.spatial("cells", a, [1])
    kernel, outs = [axis.kernel for axis in axes], geometry.outs(axes)
    channels = a.shape[-1] // math.prod(kernel)
    arg.fitting("cells", a, (len(a), math.prod(outs), math.prod(kernel) * channels))
    arg.affordable((len(a), *space, channels))
    dtype, (added,) = arg.common(a)
    y = np.zeros((len(a), *space, channels), added.dtype)
    by_window = added.reshape(1, len(a), *outs, *kernel, channels)
    windows.scatter(by_window.transpose(0, 4, 5, 6, 1, 2, 3), axes, y)
    return y.astype(dtype, copy=False)


def batch_norm(
    x: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    w: ArrayLike | None = None,
    b: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """y = z * w + b with z = (x - mean) / sqrt(var + eps), of x (N, ..., C); all others are (C,).

    In evaluation mean and var are the running ones.  In training they are x's own, var the biased
    one, of more than one number a channel; and where running ones are given, the result is y and
    both moved by momentum: 1 - momentum of the old, momentum of x's mean and unbiased variance.
    ShapeError: one of them alone, none in evaluation; an eps below 0, or in training of 0.
    """
    x, is_training = arg.array("x", x), arg.switch("training", training)
    rate, eps = _number("momentum", momentum), _number("eps", eps)
    given, old = _given(x, is_training, eps, mean=running_mean, var=running_var, w=w, b=b)
    dtype = arg.result_dtype(x, *given.values())
    z, _, now = _normalise(x, dtype, eps, [] if is_training else old)
    y = (z * given.get("w", 1) + given.get("b", 0)).reshape(x.shape).astype(dtype, copy=False)
    if not (is_training and old):
        return y
    n = len(z)
    now = [now[0], now[1] * n / (n - 1)] if n else old
    return y, *(((1 - rate) * was + rate * a).astype(dtype) for was, a in zip(old, now))


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """dx (N, ..., C), dw and db (C,): of training, or of evaluation with this mean and var.

    db = sum dy, dw = sum dy * z and dx = w / sqrt(var + eps) * (dy - (db + z * dw) / n), of n
    numbers a channel, which have moved mean and var; in evaluation without the last term.
    """
    dy, x, eps = arg.array("dy", dy), arg.array("x", x), _number("eps", eps)
    is_training = mean is None and var is None
    given, seen = _given(x, is_training, eps, mean=mean, var=var, w=w)
    dtype = arg.result_dtype(arg.fitting("dy", dy, x.shape), x, *given.values())
    z, slope, _ = _normalise(x, dtype, eps, seen)
    dx = _rows(dy, dtype)
    dw, db = (a.sum(axis=0, dtype=np.float64) for a in (dx * z, dx))
    if is_training:
        n = max(1, len(z))
        dx = dx - (db / n).astype(z.dtype) - z * (dw / n).astype(z.dtype)
    dx = dx * (slope * given.get("w", 1)).astype(z.dtype)
    return dx.reshape(x.shape).astype(dtype, copy=False), dw.astype(dtype), db.astype(dtype)


def _given(
    x: Array, is_training: bool, eps: float, **arrays: ArrayLike | None
) -> tuple[dict[str, Array], list[Array]]:
    """Those arrays (C,) that are given, if x can be normalised with them; mean and variance."""
    given = {name: arg.array(name, a) for name, a in arrays.items() if a is not None}
    is_one = is_training and math.prod(x.shape[:-1]) == 1
    rule = "x must be (N, ..., C), and have more than one number a channel in training"
    _check(x.ndim > 1 and not is_one, rule, shape=x.shape)
    is_eps = eps > 0 or (eps == 0 and not is_training)
    _check(is_eps, "eps must be above 0, or 0 in evaluation", eps=eps)
    are_both = ("mean" in given) + ("var" in given) in ((0, 2) if is_training else (2,))
    _check(are_both, "mean and var must be given together, in evaluation always", given=[*given])
    for name, a in given.items():
        arg.fitting(name, a, x.shape[-1:])
    return given, [given[name].astype(np.float64) for name in ("mean", "var") if name in given]


def _rows(a: Array, dtype: DType) -> Array:
    """(n, C), in the dtype to work in: sums must not depend on the order in memory."""
    (wide,) = arg.working(dtype, np.ascontiguousarray(a))
    return wide.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def _normalise(
    x: Array, dtype: DType, eps: float, statistics: list[Array]
) -> tuple[Array, Array, list[Array]]:
    """z by rows, its slope, and mean and biased var in float64: those given, or x's own."""
    rows = _rows(x, dtype)
    if not statistics:
        n = max(1, len(rows))
        mean = rows.sum(axis=0, dtype=np.float64) / n
        statistics = [mean, np.square(rows - mean).sum(axis=0) / n]
    mean, var = statistics
    slope = 1 / np.sqrt(var + eps)
    return (rows - mean.astype(rows.dtype)) * slope.astype(rows.dtype), slope, statistics


def _check(is_so: bool, rule: str, **numbers: object) -> None:
    if not is_so:
        got = ", ".join(f"{name}={value}" for name, value in numbers.items())
        raise ShapeError(f"{rule}, got {got}")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {name}={value!r}")
    return float(value)


def _by_rank(operation: Operation) -> tuple[Operation, Operation, Operation]:
    """`operation` for arrays with exactly one spatial axis, two and three."""
    kind, backward, _ = operation.__name__.partition("_backward")
    leading = "dy" if backward else "x"

    def insist(rank: int) -> Operation:
        @functools.wraps(operation)
        def insisting(*args: Any, **kwargs: Any) -> Any:
            if args or leading in kwargs:
                array = arg.array(leading, args[0] if args else kwargs[leading])
                arg.spatial(leading, array, ranks=[rank])
            return operation(*args, **kwargs)

        insisting.__name__ = insisting.__qualname__ = f"{kind}{rank}d{backward}"
        return cast(Operation, insisting)

    return insist(1), insist(2), insist(3)


conv1d, conv2d, conv3d = _by_rank(conv)
conv1d_backward, conv2d_backward, conv3d_backward = _by_rank(conv_backward)
max_pool1d, max_pool2d, max_pool3d = _by_rank(max_pool)
max_pool1d_backward, max_pool2d_backward, max_pool3d_backward = _by_rank(max_pool_backward)
avg_pool1d, avg_pool2d, avg_pool3d = _by_rank(avg_pool)
avg_pool1d_backward, avg_pool2d_backward, avg_pool3d_backward = _by_rank(avg_pool_backward)
conv_transpose1d, conv_transpose2d, conv_transpose3d = _by_rank(conv_transpose)
conv_transpose1d_backward, conv_transpose2d_backward, conv_transpose3d_backward = _by_rank(
    conv_transpose_backward
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = _by_rank(adaptive_max_pool)
adaptive_max_pool1d_backward, adaptive_max_pool2d_backward, adaptive_max_pool3d_backward = _by_rank(
    adaptive_max_pool_backward
)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = _by_rank(adaptive_avg_pool)
adaptive_avg_pool1d_backward, adaptive_avg_pool2d_backward, adaptive_avg_pool3d_backward = _by_rank(
    adaptive_avg_pool_backward
)
max_unpool1d, max_unpool2d, max_unpool3d = _by_rank(max_unpool)
max_unpool1d_backward, max_unpool2d_backward, max_unpool3d_backward = _by_rank(max_unpool_backward)
lp_pool1d, lp_pool2d, lp_pool3d = _by_rank(lp_pool)
lp_pool1d_backward, lp_pool2d_backward, lp_pool3d_backward = _by_rank(lp_pool_backward)
