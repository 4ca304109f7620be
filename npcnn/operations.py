"""The further operations of the general face: transposed, adaptive, undone, unfolded, normalised.

Arrays, sizes, dtypes and errors are functional's, which shows these operations as its own.  Where
numbers are added up, they are in row order, as torch adds them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from npcnn import arguments as arg
from npcnn import conv, geometry, pool, windows
from npcnn.arguments import Pad, Size
from npcnn.geometry import Axis, Border, Box, ShapeError
from npcnn.windows import Array, DType


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
    x, w = arg.array("x", x), arg.array("w", w)
    axes, n_groups = _transposed(x, w, stride, padding, output_padding, groups, dilation)
    bias = [] if b is None else [arg.fitting("b", arg.array("b", b), (w.shape[-2] * n_groups,))]
    dtype = arg.result_dtype(x, w, *bias)
    x, w, *bias = arg.working(dtype, x, w, *bias)
    y = conv.input_grad(windows.pad(x, _unmet(x, axes)), w, axes, n_groups)
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
    dy, x, w = arg.array("dy", dy), arg.array("x", x), arg.array("w", w)
    axes, n_groups = _transposed(x, w, stride, padding, output_padding, groups, dilation)
    arg.fitting("dy", dy, (len(x), *(axis.size for axis in axes), w.shape[-2] * n_groups))
    dtype = arg.result_dtype(dy, x, w)
    dy, x, w = arg.working(dtype, dy, x, w)
    dx = windows.crop(conv.forward(dy, w, None, axes, n_groups), _unmet(x, axes))
    dw = conv.weight_grad(windows.pad(x, _unmet(x, axes)), dy, axes, n_groups)
    db = conv.bias_grad(dy).astype(dtype, copy=False)
    return np.ascontiguousarray(dx, dtype), dw.astype(dtype, copy=False), db


def _transposed(
    x: Array, w: Array, stride: object, pad: object, extra: object, groups: object, dilation: object
) -> tuple[list[Axis], int]:
    """The axes of the convolution from y to x, and its groups."""
    space, n_groups = arg.spatial("x", x), arg.count("groups", groups)
    sound = w.ndim == x.ndim and n_groups > 0 and 0 not in w.shape and w.shape[-1] == x.shape[-1]
    if not sound or w.shape[-1] % n_groups:
        raise ShapeError(
            f"w must be (*kernel, K/groups, C), nothing of it 0, and groups divide C, "
            f"got w.shape={w.shape}, x.shape={x.shape}, groups={n_groups}"
        )
    words = {"stride": stride, "dilation": dilation, "output_padding": extra}
    sizes = [arg.sizes(name, word, len(space)) for name, word in words.items()]
    axes = []
    for n, k, s, d, more, border in zip(
        space, w.shape, *sizes, arg.pads("padding", pad, len(space))
    ):
        if not 0 <= more < max(s, d):
            raise ShapeError(
                f"output_padding must be at least 0 and below stride or dilation, "
                f"got output_padding={more}, stride={s}, dilation={d}"
            )
        axes.append(Axis((n - 1) * s - sum(border) + d * (k - 1) + 1 + more, k, s, d, *border))
    arg.affordable((len(x), *(axis.size for axis in axes), w.shape[-2] * n_groups))
    return axes, n_groups


def _unmet(x: Array, axes: Sequence[Axis]) -> list[Border]:
    """Windows of output_padding alone, for which x has no number."""
    return [(0, axis.out - size) for size, axis in zip(x.shape[1:], axes)]


def adaptive_max_pool(x: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    """y (N, *output_size, C), each window's largest cell; index and ties as max_pool's.

    Of `out` windows along an axis the o-th holds the cells from floor(o * size / out) up to
    ceil((o + 1) * size / out); None is an out of size.  ShapeError: an out below 1.
    """
    x = arg.array("x", x)
    index = _winners(x, output_size)
    y = _read(x, index)
    return (y, index) if arg.switch("return_indices", return_indices) else y


def adaptive_max_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): each dy goes to the cell that won; dtypes are max_pool_backward's."""
    dy, x = arg.array("dy", dy), arg.array("x", x)
    index = _winners(x, output_size)
    dtype = routed_dtype(arg.fitting("dy", dy, index.shape), x)
    (dy,) = arg.working(dtype, dy)
    dx, (n, _, c) = _planes(np.zeros(x.shape, dy.dtype)), np.ogrid[: len(x), :1, : x.shape[-1]]
    np.add.at(dx, (n, _planes(index), c), _planes(dy))
    return dx.reshape(x.shape).astype(dtype, copy=False)


def adaptive_avg_pool(x: ArrayLike, output_size: Any) -> Array:
    """y (N, *output_size, C), the means of adaptive_max_pool's windows.  ShapeError as there."""
    x = arg.array("x", x)
    shape, cells = _adaptive(x, output_size)
    dtype = arg.result_dtype(x)
    (x,) = arg.working(dtype, x)
    y = np.zeros(shape, x.dtype)
    for out, box in cells:
        y[:, *out] += np.cumsum(_planes(x[:, *box]), axis=1)[:, -1]  # sum() would go in pairs
        for line in box:
            y[:, *out] /= line.stop - line.start
    return y.astype(dtype, copy=False)


def adaptive_avg_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): dy shared out equally.  Of x only the shape and dtype count."""
    dy, x = arg.array("dy", dy), arg.array("x", x)
    shape, cells = _adaptive(x, output_size)
    dtype = arg.result_dtype(arg.fitting("dy", dy, shape), x)
    (dy,) = arg.working(dtype, dy)
    dx = np.zeros(x.shape, dy.dtype)
    for out, box in cells:
        share = dy[:, *(slice(o, o + 1) for o in out)]
        for line in box:
            share = share / (line.stop - line.start)
        dx[:, *box] += share
    return dx.astype(dtype, copy=False)


def _adaptive(x: Array, output_size: Any) -> tuple[tuple[int, ...], list[tuple[Any, Box]]]:
    """The shape of an adaptive pool's result, and of each of its windows the place and cells."""
    space = arg.spatial("x", x)
    outs = space if output_size is None else output_size
    if isinstance(outs, list | tuple) and len(outs) == len(space):
        outs = [size if out is None else out for size, out in zip(space, outs)]
    outs = arg.lengths("output_size", arg.sizes("output_size", outs, len(space)))
    shape = len(x), *outs, x.shape[-1]
    arg.affordable(shape)
    lines = [
        [slice(o * axis.size // out, -(-(o + 1) * axis.size // out)) for o in range(out)]
        for axis, out in zip((Axis(size, kernel=1) for size in space), outs)
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


def _read(x: Array, index: Array) -> Array:
    return np.take_along_axis(_planes(x), _planes(index), axis=1).reshape(index.shape)


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
    x, index = arg.array("x", x), arg.array("indices", indices)
    y = np.zeros(_unpooled(x, index, kernel_size, stride, padding, output_size), x.dtype)
    planes = _planes(y)  # a view
    np.put_along_axis(planes, _planes(index), _planes(x), axis=1)
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
    """dx (N, *space, C): dy at the indices, whole at each of equal ones, as torch has it.

    Of x only the shape and dtype count; dtypes are max_pool_backward's.
    """
    dy, x, index = arg.array("dy", dy), arg.array("x", x), arg.array("indices", indices)
    arg.fitting("dy", dy, _unpooled(x, index, kernel_size, stride, padding, output_size))
    return _read(dy, index).astype(routed_dtype(dy, x), copy=False)


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
    off = [abs(size - other) - s for size, other, s in zip(sizes, usual, strides)]
    if min(kernels + strides + sizes) < 1 or max(off) >= 0:
        raise ShapeError(
            f"output_size must be less than stride from (size - 1) * stride - pads + kernel, and "
            f"none of them below 1, got output_size={sizes}, size={space}, stride={strides}, "
            f"pads={pads}, kernel={kernels}"
        )
    shape, cells = (len(x), *sizes, x.shape[-1]), math.prod(sizes)
    arg.affordable(shape)
    if arg.fitting("indices", index, x.shape).dtype.kind not in "iu":
        raise TypeError(f"indices must hold integers, got dtype={index.dtype}")
    if index.size and not 0 <= index.min() <= index.max() < cells:
        found = f"min={index.min()}, max={index.max()}"
        raise ShapeError(f"indices must be cells of a plane of {cells}, got {found}")
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
    dtype = arg.result_dtype(x)
    (x,) = arg.working(dtype, x)
    if math.isinf(p):
        sign = math.copysign(1, p)
        y = sign * pool.max_forward(sign * np.abs(x), axes)
    else:
        y = _powers(x, p, axes) ** (1 / p)
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
    dtype = arg.result_dtype(dy, x)
    dy, x = arg.working(dtype, dy, x)
    if math.isinf(p):
        dx = pool.max_backward(dy, math.copysign(1, p) * np.abs(x), axes) * np.sign(x)
        return np.ascontiguousarray(dx, dtype)
    with np.errstate(divide="ignore", invalid="ignore"):  # roots of 0 have no slope
        powers = _powers(x, p, axes)
        share = np.where(powers == 0, 0, dy * powers ** (1 / p - 1)) * _taps(axes)
        dx = pool.avg_backward(share, axes, arg.divisor(axes, True, None)) * x ** (p - 1)
    return np.ascontiguousarray(dx, dtype)


def _powers(x: Array, p: float, axes: Sequence[Axis]) -> Array:
    if p == 0:
        raise ShapeError("norm_type must not be 0, got norm_type=0")
    return pool.avg_forward(x**p, axes, arg.divisor(axes, True, None)) * _taps(axes)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {name}={value!r}")
    return float(value)


def unfold(
    x: ArrayLike, kernel_size: Size, dilation: Size = 1, padding: Pad = 0, stride: Size = 1
) -> Array:
    """(N, windows, taps * C): the cells of x (N, H, W, C) under each window; fold's gradient."""
    x = arg.array("x", x)
    axes = _unfolded(arg.spatial("x", x, [2]), kernel_size, dilation, padding, stride)
    shape = len(x), math.prod(geometry.outs(axes)), _taps(axes) * x.shape[-1]
    arg.affordable(shape)
    xp = windows.pad(x.astype(arg.result_dtype(x)), _borders(axes))
    cells = windows.windowed(xp, axes)[0].transpose(3, 4, 5, 0, 1, 2)
    return np.ascontiguousarray(cells).reshape(shape)


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
    axes = _unfolded(space, kernel_size, dilation, padding, stride)
    outs, kernel, taps = geometry.outs(axes), [axis.kernel for axis in axes], _taps(axes)
    arg.spatial("cells", a, [1])
    channels = a.shape[-1] // taps
    arg.fitting("cells", a, (len(a), math.prod(outs), taps * channels))
    arg.affordable((len(a), *space, channels))
    (added,) = arg.working(arg.result_dtype(a), a)
    added = added.reshape(len(a), *outs, *kernel, channels).transpose(3, 4, 5, 0, 1, 2)
    yp = windows.pad(np.zeros((len(a), *space, channels), added.dtype), _borders(axes))
    spread = windows.windowed(yp, axes)[0]
    for tap in np.ndindex(*kernel):
        spread[tap] += added[tap]
    return np.ascontiguousarray(windows.crop(yp, _borders(axes)), arg.result_dtype(a))


def _unfolded(
    space: Sequence[int], kernel_size: object, dilation: object, padding: object, stride: object
) -> list[Axis]:
    words = {"kernel_size": kernel_size, "stride": stride, "dilation": dilation}
    sizes = [arg.sizes(name, word, 2) for name, word in words.items()]
    fields = zip(space, *sizes, arg.pads("padding", padding, 2))
    return [Axis(n, k, s, d, *border) for n, k, s, d, border in fields]


def _borders(axes: Sequence[Axis]) -> list[Border]:
    return [(axis.before, axis.after) for axis in axes]


def _taps(axes: Sequence[Axis]) -> int:
    return math.prod(axis.kernel for axis in axes)


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
    """y = z * w + b where z = (x - mean) / sqrt(var + eps), of x (N, ..., C); all others are (C,).

    In evaluation mean and var are the running ones.  In training they are x's own, var the biased
    one, of more than one number a channel; and where running ones are given, the result is y and
    both moved by momentum: 1 - momentum of the old, momentum of x's mean and unbiased variance.
    ShapeError: one of them alone, none in evaluation; an eps below 0, or in training of 0.
    """
    x, is_training, eps = arg.array("x", x), arg.switch("training", training), _number("eps", eps)
    rate = _number("momentum", momentum)
    given = _given(x, is_training, eps, {"mean": running_mean, "var": running_var, "w": w, "b": b})
    dtype = arg.result_dtype(x, *given.values())
    (x,) = arg.working(dtype, x)
    old = [given[name] for name in ("mean", "var") if name in given]
    mean, var = _statistics(x) if is_training else old
    y = _normalise(x, mean, var, eps)
    y *= given.get("w", 1)
    y += given.get("b", 0)
    if not (is_training and old):
        return y.astype(dtype, copy=False)
    n = math.prod(x.shape[:-1])
    now = (mean, var * n / (n - 1)) if n else old
    moved = ((1 - rate) * was + rate * a for was, a in zip(old, now))
    return y.astype(dtype, copy=False), *(a.astype(dtype) for a in moved)


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
    given = _given(x, is_training, eps, {"mean": mean, "var": var, "w": w})
    dtype = arg.result_dtype(arg.fitting("dy", dy, x.shape), x, *given.values())
    dy, x = arg.working(dtype, dy, x)
    centre, spread = _statistics(x) if is_training else (given["mean"], given["var"])
    z = _normalise(x, centre, spread, eps)
    dw, db, dx = _sum(dy * z), _sum(dy), np.array(dy, order="C")
    if is_training:
        n = max(1, math.prod(x.shape[:-1]))
        dx -= (db / n).astype(x.dtype)
        dx -= z * (dw / n).astype(x.dtype)
    dx *= (given.get("w", 1) / np.sqrt(spread + eps)).astype(x.dtype)
    return dx.astype(dtype, copy=False), dw.astype(dtype), db.astype(dtype)


def _given(x: Array, is_training: bool, eps: float, arrays: dict[str, Any]) -> dict[str, Array]:
    """Those of the arrays (C,) that are given, if x can be normalised with them."""
    given = {name: arg.array(name, a) for name, a in arrays.items() if a is not None}
    if x.ndim < 2 or (is_training and math.prod(x.shape[:-1]) == 1):
        rule = "x must be (N, ..., C), and have more than one number a channel in training"
        raise ShapeError(f"{rule}, got shape={x.shape}")
    if not eps >= 0 or (is_training and eps == 0):
        raise ShapeError(f"eps must be above 0, or 0 in evaluation, got eps={eps}")
    if ("mean" in given) != ("var" in given) or not (is_training or "mean" in given):
        rule = "mean and var must be given together, and in evaluation both"
        raise ShapeError(f"{rule}, got {sorted(given)}")
    return {name: arg.fitting(name, a, x.shape[-1:]) for name, a in given.items()}


def _statistics(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each channel, in float64."""
    n = max(1, math.prod(x.shape[:-1]))
    mean = _sum(x) / n
    return mean, _sum(np.square(x - mean)) / n


def _normalise(x: Array, mean: Array, var: Array, eps: float) -> Array:
    z: Array = np.subtract(x, mean.astype(x.dtype), order="C")
    z *= (1 / np.sqrt(var + eps)).astype(x.dtype)
    return z


def _sum(x: Array) -> Array:
    total: Array = np.ascontiguousarray(x).sum(axis=tuple(range(x.ndim - 1)), dtype=np.float64)
    return total


def routed_dtype(dy: Array, x: Array) -> DType:
    """Of a gradient that hands numbers of dy on: x has no say if it holds integers."""
    return dy.dtype if x.dtype.kind in "iu" else arg.result_dtype(dy, x)
