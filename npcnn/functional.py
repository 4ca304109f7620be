"""The general face, in torch.nn.functional's words, channels last.

Each operation stands beside its gradient.  `conv`, `max_pool` and `avg_pool` take the number of
spatial axes from their arrays; `conv1d`, `conv2d`, `conv3d` and their like insist on it.

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
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from npcnn import arguments as arg
from npcnn import conv as _conv
from npcnn import geometry, norm, pools, windows
from npcnn import pool as _pool
from npcnn.arguments import Pad, Size
from npcnn.geometry import Axis, Border, ShapeError
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
    x, w = arg.array("x", x), arg.array("w", w)
    axes, n_groups = arg.conv_axes(x, w, stride, padding, dilation, groups)
    bias = [] if b is None else [arg.fitting("bias", arg.array("b", b), w.shape[-1:])]
    dtype = arg.result_dtype(x, w, *bias)
    x, w, *bias = arg.working(dtype, x, w, *bias)
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
    dy, x, w = arg.array("dy", dy), arg.array("x", x), arg.array("w", w)
    axes, n_groups = arg.conv_axes(x, w, stride, padding, dilation, groups)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), w.shape[-1]))
    dtype = arg.result_dtype(dy, x, w)
    dy, x, w = arg.working(dtype, dy, x, w)
    dx = _conv.input_grad(dy, w, axes, n_groups)
    dw = _conv.weight_grad(dy, x, axes, n_groups)
    db = _conv.bias_grad(dy)
    return dx.astype(dtype, copy=False), dw.astype(dtype, copy=False), db.astype(dtype, copy=False)


def max_pool(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
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
    dy, x = arg.array("dy", dy), arg.array("x", x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, dilation, ceil_mode)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    dtype = _routed_dtype(dy, x)
    (dy,) = arg.working(dtype, dy)
    dx = _pool.max_backward(dy, x, axes)
    return dx.astype(dtype, copy=False)


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
    dtype = arg.result_dtype(x)
    (x,) = arg.working(dtype, x)
    y = _pool.avg_forward(x, axes, divisor)
    return y.astype(dtype, copy=False)


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
    dy, x = arg.array("dy", dy), arg.array("x", x)
    axes = arg.pool_axes(x, kernel_size, stride, padding, 1, ceil_mode)
    arg.fitting("upstream gradient", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    divisor = arg.divisor(axes, count_include_pad, divisor_override)
    dtype = arg.result_dtype(dy, x)
    (dy,) = arg.working(dtype, dy)
    dx = _pool.avg_backward(dy, axes, divisor)
    return dx.astype(dtype, copy=False)


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

    w (*kernel, K/groups, C) is that of the convolution, which leads from y to x (N, *space, C);
    out = (size - 1) * stride - pads + dilation * (kernel - 1) + 1 + output_padding.  ShapeError:
    channels or groups that do not fit, an out below 1, an output_padding that is not below stride
    or dilation.
    """
    x, w = arg.array("x", x), arg.array("w", w)
    axes, n_groups = _transposed_axes(x, w, stride, padding, output_padding, groups, dilation)
    bias = [] if b is None else [arg.array("b", b)]
    dtype = arg.result_dtype(x, w, *bias)
    x, w, *bias = arg.working(dtype, x, w, *bias)
    y = _conv.input_grad(windows.pad(x, _unseen(x, axes)), w, axes, n_groups)
    for numbers in bias:
        y += arg.fitting("b", numbers, y.shape[-1:])
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
    """dx, dw and db (K,): the gradients of a loss by conv_transpose's x, w and b.

    dy (N, *out, K) is the gradient by y; ShapeError if it has another shape, or as conv_transpose.
    """
    dy, x, w = arg.array("dy", dy), arg.array("x", x), arg.array("w", w)
    axes, n_groups = _transposed_axes(x, w, stride, padding, output_padding, groups, dilation)
    sizes, unseen = [axis.size for axis in axes], _unseen(x, axes)
    arg.fitting("dy", dy, (len(x), *sizes, w.shape[-2] * n_groups))
    dtype = arg.result_dtype(dy, x, w)
    dy, x, w = arg.working(dtype, dy, x, w)
    dx = windows.crop(_conv.forward(dy, w, None, axes, n_groups), unseen)
    dw = _conv.weight_grad(windows.pad(x, unseen), dy, axes, n_groups)
    db = _conv.bias_grad(dy)
    return (
        np.ascontiguousarray(dx, dtype),
        dw.astype(dtype, copy=False),
        db.astype(dtype, copy=False),
    )


def adaptive_max_pool(x: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    """y (N, *output_size, C): the largest cells; with return_indices (y, index), as max_pool's.

    Window o of an axis holds its cells from floor(o * size / out) up to ceil((o + 1) * size / out);
    they may overlap.  `output_size` is an int, or for each axis an int or None, which keeps its
    size.  ShapeError: one below 1.
    """
    x = arg.array("x", x)
    y, index = pools.adaptive_max(x, _adaptive_spans(x, output_size))
    return (y, index) if arg.switch("return_indices", return_indices) else y


def adaptive_max_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): each window's dy goes to the cell that adaptive_max_pool chose.

    Dtypes are max_pool_backward's.  ShapeError if dy is not (N, *output_size, C), or as
    adaptive_max_pool.
    """
    dy, x = arg.array("dy", dy), arg.array("x", x)
    y, index = pools.adaptive_max(x, _adaptive_spans(x, output_size))
    dtype = _routed_dtype(arg.fitting("dy", dy, y.shape), x)
    (dy,) = arg.working(dtype, dy)
    dx = pools.adaptive_max_backward(dy, index, x.shape[1:-1])
    return dx.astype(dtype, copy=False)


def adaptive_avg_pool(x: ArrayLike, output_size: Any) -> Array:
    """y (N, *output_size, C): the means of adaptive_max_pool's windows.

    ShapeError as adaptive_max_pool.
    """
    x = arg.array("x", x)
    spans, dtype = _adaptive_spans(x, output_size), arg.result_dtype(x)
    (x,) = arg.working(dtype, x)
    return pools.adaptive_avg(x, spans).astype(dtype, copy=False)


def adaptive_avg_pool_backward(dy: ArrayLike, x: ArrayLike, output_size: Any) -> Array:
    """dx (N, *space, C): each window's dy is shared out equally among its cells.

    Of x only the shape and dtype count.  ShapeError as adaptive_max_pool_backward.
    """
    dy, x = arg.array("dy", dy), arg.array("x", x)
    spans, dtype = _adaptive_spans(x, output_size), arg.result_dtype(dy, x)
    arg.fitting("dy", dy, (len(x), *(len(starts) for starts, _ in spans), x.shape[-1]))
    (dy,) = arg.working(dtype, dy)
    dx = pools.adaptive_avg_backward(dy, spans, x.shape[1:-1])
    return dx.astype(dtype, copy=False)


def max_unpool(
    x: ArrayLike,
    indices: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    output_size: Size | None = None,
) -> Array:
    """y (N, *out, C): x's numbers at the cells that max_pool's indices name, zeros elsewhere.

    Without output_size out = (size - 1) * stride - pads + kernel_size; output_size must be less
    than a stride off.  Of equal indices the last number stays.  ShapeError: sizes that do not fit,
    an index that is no cell of y.
    """
    x, indices = arg.array("x", x), arg.array("indices", indices)
    space = _unpooled_space(x, indices, kernel_size, stride, padding, output_size)
    return pools.unpool(x, indices, space)


def max_unpool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    indices: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Pad = 0,
    output_size: Size | None = None,
) -> Array:
    """dx (N, *space, C): dy (N, *out, C) at the indices; all of equal ones receive it, as in torch.

    Of x only the shape and dtype count, which makes dx's as max_pool_backward's.  ShapeError as
    max_unpool.
    """
    dy, x, indices = arg.array("dy", dy), arg.array("x", x), arg.array("indices", indices)
    space = _unpooled_space(x, indices, kernel_size, stride, padding, output_size)
    arg.fitting("dy", dy, (len(x), *space, x.shape[-1]))
    return pools.unpool_backward(dy, indices).astype(_routed_dtype(dy, x), copy=False)


def lp_pool(
    x: ArrayLike,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """y (N, *out, C): (the sum of each window's x^p)^(1/p), p being norm_type.

    As in torch x keeps its signs, so that p = 1 is a sum, and NaN is the root of a negative sum;
    a window that overhangs the input (ceil_mode) counts as many cells of its average as it has
    taps.  ShapeError: a window that does not fit, a p of 0.
    """
    x, p = arg.array("x", x), _norm_type(norm_type)
    axes = arg.pool_axes(x, kernel_size, stride, 0, 1, ceil_mode)
    dtype = arg.result_dtype(x)
    (x,) = arg.working(dtype, x)
    y = pools.norm_forward(x, p, axes, arg.divisor(axes, True, None))
    return y.astype(dtype, copy=False)


def lp_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Array:
    """dx (N, *space, C): the gradient by lp_pool's x, 0 from windows whose sum is 0.

    ShapeError if dy is not (N, *out, C), or as lp_pool.
    """
    dy, x, p = arg.array("dy", dy), arg.array("x", x), _norm_type(norm_type)
    axes = arg.pool_axes(x, kernel_size, stride, 0, 1, ceil_mode)
    arg.fitting("dy", dy, (len(x), *geometry.outs(axes), x.shape[-1]))
    dtype = arg.result_dtype(dy, x)
    dy, x = arg.working(dtype, dy, x)
    with np.errstate(divide="ignore", invalid="ignore"):  # the root's slope at a sum of 0
        dx = pools.norm_backward(dy, x, p, axes, arg.divisor(axes, True, None))
    return dx.astype(dtype, copy=False)


def unfold(
    x: ArrayLike, kernel_size: Size, dilation: Size = 1, padding: Pad = 0, stride: Size = 1
) -> Array:
    """(N, windows, taps * C): the cells under each window of x (N, H, W, C), in row order.

    It is the gradient of fold.  ShapeError: windows that do not fit.
    """
    x = arg.array("x", x)
    axes = _unfolded_axes(arg.spatial("x", x, [2]), kernel_size, dilation, padding, stride)
    outs, taps = geometry.outs(axes), math.prod(axis.kernel for axis in axes)
    shape = len(x), math.prod(outs), taps * x.shape[-1]
    arg.affordable(shape)
    xp = windows.pad(x.astype(arg.result_dtype(x)), [(axis.before, axis.after) for axis in axes])
    cells = windows.windowed(xp, axes)[0]  # (*kernel, C, N, *out)
    return np.ascontiguousarray(cells.transpose(3, 4, 5, 0, 1, 2)).reshape(shape)


def fold(
    cells: ArrayLike,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Pad = 0,
    stride: Size = 1,
) -> Array:
    """y (N, *output_size, C): the cells (N, windows, taps * C) added up where unfold reads them.

    It is the gradient of unfold.  ShapeError: cells that unfold would not have made.
    """
    cells = arg.array("cells", cells)
    space = arg.lengths("output_size", arg.sizes("output_size", output_size, 2))
    axes = _unfolded_axes(space, kernel_size, dilation, padding, stride)
    outs, kernel = geometry.outs(axes), [axis.kernel for axis in axes]
    channels = cells.shape[-1] // math.prod(kernel) if cells.ndim else 0
    shape = *cells.shape[:1], math.prod(outs), math.prod(kernel) * channels
    arg.fitting("cells (N, windows, taps * C)", cells, shape)
    dtype = arg.result_dtype(cells)
    (cells,) = arg.working(dtype, cells)
    spread = cells.reshape(len(cells), *outs, *kernel, channels).transpose(3, 4, 5, 0, 1, 2)
    borders = [(axis.before, axis.after) for axis in axes]
    yp = windows.pad(np.zeros((len(cells), *space, channels), cells.dtype), borders)
    windows.scatter(spread[None], axes, yp)
    return np.ascontiguousarray(windows.crop(yp, borders), dtype)


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
    """y = (x - mean) / sqrt(var + eps) * w + b, of x (N, ..., C), the others (C,).

    In training mean and var are those of x, var the biased one, of more than one value a channel;
    if running statistics are given, then (y, mean, var) with new ones: (1 - momentum) of the old
    and momentum of x's mean and unbiased variance.  In evaluation they are the running ones.
    ShapeError: one of them alone, none in evaluation, eps below 0, in training 0.
    """
    x, is_training = arg.array("x", x), arg.switch("training", training)
    momentum, eps = _number("momentum", momentum), _number("eps", eps)
    given = _channels(x, running_mean=running_mean, running_var=running_var, w=w, b=b)
    is_tracked = _are_together(given, "running_mean", "running_var")
    if not is_training and not is_tracked:
        raise ShapeError("running_mean and running_var must be given unless training=True")
    _check_norm(x, is_training, eps)
    dtype = arg.result_dtype(x, *given.values())
    (x,) = arg.working(dtype, x)
    exact = {name: a.astype(np.float64) for name, a in given.items()}
    old = [exact["running_mean"], exact["running_var"]] if is_tracked else []
    mean, var = norm.statistics(x) if is_training else old
    y = norm.forward(x, mean, var, exact.get("w"), exact.get("b"), eps).astype(dtype, copy=False)
    if not (is_training and is_tracked):
        return y
    return (y, *(a.astype(dtype) for a in norm.track(old, mean, var, norm.count(x), momentum)))


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """dx (N, ..., C), dw and db (C,): the gradients by batch_norm's x, w and b.

    Of evaluation if mean and var (C,) are given, the running ones; else of training.  ShapeError
    if dy has not x's shape, or as batch_norm.
    """
    dy, x, eps = arg.array("dy", dy), arg.array("x", x), _number("eps", eps)
    given = _channels(x, w=w, mean=mean, var=var)
    is_training = not _are_together(given, "mean", "var")
    _check_norm(x, is_training, eps)
    arg.fitting("dy", dy, x.shape)
    dtype = arg.result_dtype(dy, x, *given.values())
    dy, x = arg.working(dtype, dy, x)
    exact = {name: a.astype(np.float64) for name, a in given.items()}
    seen = norm.statistics(x) if is_training else (exact["mean"], exact["var"])
    mean, var = seen
    dx, dw, db = norm.backward(dy, x, mean, var, exact.get("w"), eps, is_training)
    return dx.astype(dtype, copy=False), dw.astype(dtype), db.astype(dtype)


def _transposed_axes(
    x: Array,
    w: Array,
    stride: object,
    padding: object,
    output_padding: object,
    groups: object,
    dilation: object,
) -> tuple[list[Axis], int]:
    """The axes under the convolution from y to x, and its groups."""
    space = arg.spatial("x", x)
    if w.ndim != x.ndim:
        raise ShapeError(
            f"w must have {x.ndim} axes, {len(space)} of the kernel, K/groups and C, "
            f"got w.shape={w.shape}"
        )
    *kernel, outputs, channels = w.shape
    n_groups = arg.count("groups", groups)
    if min(n_groups, outputs, channels) < 1 or channels != x.shape[-1] or channels % n_groups:
        raise ShapeError(
            f"w must have K/groups and C channels, groups dividing C and none below 1, "
            f"got C={x.shape[-1]}, groups={n_groups}, w.shape={w.shape}"
        )
    strides, dilations, extras = (
        arg.sizes(name, value, len(space))
        for name, value in {
            "stride": stride,
            "dilation": dilation,
            "output_padding": output_padding,
        }.items()
    )
    pads = arg.pads("padding", padding, len(space))
    axes = []
    for size, k, step, gap, (before, after), extra in zip(
        space, kernel, strides, dilations, pads, extras, strict=True
    ):
        out = (size - 1) * step - before - after + gap * (k - 1) + 1 + extra
        numbers = (
            f"size={size}, kernel={k}, stride={step}, dilation={gap}, pad=({before}, {after}), "
            f"output_padding={extra}"
        )
        if not 0 <= extra < max(step, gap):
            raise ShapeError(
                f"output_padding must be at least 0 and below stride or dilation, got {numbers}"
            )
        if out < 1:
            raise ShapeError(f"out must be at least 1, got out={out} ({numbers})")
        axes.append(Axis(out, k, step, gap, before, after))
    arg.affordable((len(x), *(axis.size for axis in axes), outputs * n_groups))
    return axes, n_groups


def _unseen(x: Array, axes: Sequence[Axis]) -> list[Border]:
    """How many windows of output_padding alone each axis has after those that x is from."""
    return [(0, axis.out - size) for size, axis in zip(x.shape[1:], axes)]


def _adaptive_spans(x: Array, output_size: Any) -> pools.Spans:
    space = arg.spatial("x", x)
    wanted = [output_size] * len(space) if output_size is None else output_size
    if isinstance(wanted, list | tuple) and len(wanted) == len(space):
        wanted = [size if out is None else out for out, size in zip(wanted, space)]
    outs = arg.lengths("output_size", arg.sizes("output_size", wanted, len(space)))
    arg.affordable((len(x), *outs, x.shape[-1]))
    for size in space:
        Axis(size, kernel=1)  # none is empty
    return pools.find_spans(space, outs)


def _unpooled_space(
    x: Array, indices: Array, kernel_size: object, stride: object, padding: object, wanted: object
) -> tuple[int, ...]:
    """The spatial sizes that were pooled to x, if the indices are cells of such a plane."""
    space = arg.spatial("x", x)
    rank = len(space)
    kernel, pads = arg.sizes("kernel_size", kernel_size, rank), arg.pads("padding", padding, rank)
    strides = kernel if stride is None else arg.sizes("stride", stride, rank)
    usual = tuple(
        (size - 1) * step - before - after + k
        for size, k, step, (before, after) in zip(space, kernel, strides, pads, strict=True)
    )
    sizes = usual if wanted is None else arg.sizes("output_size", wanted, rank)
    if min(kernel + strides + sizes) < 1 or any(
        abs(size - other) >= step for size, other, step in zip(sizes, usual, strides, strict=True)
    ):
        raise ShapeError(
            f"output_size must be at least 1 and less than a stride from "
            f"(size - 1) * stride - pads + kernel, got output_size={sizes}, size={space}, "
            f"stride={strides}, pads={pads}, kernel={kernel}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must hold integers, got dtype={indices.dtype}")
    arg.fitting("indices", indices, x.shape)
    cells = math.prod(sizes)
    if indices.size and not 0 <= indices.min() <= indices.max() < cells:
        raise ShapeError(
            f"indices must be cells of a plane of {cells}, got {indices.min()} to {indices.max()}"
        )
    arg.affordable((len(x), *sizes, x.shape[-1]))
    return sizes


def _unfolded_axes(
    space: Sequence[int], kernel_size: object, dilation: object, padding: object, stride: object
) -> list[Axis]:
    kernel, strides, dilations = (
        arg.sizes(name, value, 2)
        for name, value in (
            ("kernel_size", kernel_size),
            ("stride", stride),
            ("dilation", dilation),
        )
    )
    pads = arg.pads("padding", padding, 2)
    fields = zip(space, kernel, strides, dilations, pads, strict=True)
    return [Axis(n, k, s, d, before, after) for n, k, s, d, (before, after) in fields]


def _routed_dtype(dy: Array, x: Array) -> DType:
    """Of what hands dy's numbers on: x of integers has no say."""
    return dy.dtype if x.dtype.kind in "iu" else arg.result_dtype(dy, x)


def _norm_type(value: object) -> float:
    p = _number("norm_type", value)
    if p == 0:
        raise ShapeError("norm_type must not be 0, got norm_type=0")
    return p


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int | np.floating | np.integer):
        raise TypeError(f"{name} must be a number, got {name}={value!r}")
    return float(value)


def _channels(x: Array, **given: ArrayLike | None) -> dict[str, Array]:
    """Those arrays (C,) that are given."""
    if x.ndim < 2:
        raise ShapeError(f"x must have 2 axes or more (batch, ..., channels), got shape={x.shape}")
    arrays = {name: arg.array(name, a) for name, a in given.items() if a is not None}
    return {name: arg.fitting(name, a, x.shape[-1:]) for name, a in arrays.items()}


def _are_together(given: Mapping[str, Array], one: str, other: str) -> bool:
    if (one in given) != (other in given):
        raise ShapeError(f"{one} and {other} must be given together, or none of them")
    return one in given


def _check_norm(x: Array, is_training: bool, eps: float) -> None:
    if is_training and norm.count(x) == 1:
        raise ShapeError(f"training must have more than one value a channel, got shape={x.shape}")
    if not eps >= 0 or (is_training and not eps):
        raise ShapeError(f"eps must be above 0, and 0 in evaluation alone, got eps={eps}")


def _insisting(rank: int, operation: Operation) -> Operation:
    """`operation` for arrays with exactly this many spatial axes."""
    leading = next(iter(inspect.signature(operation).parameters))

    @functools.wraps(operation)
    def insisting(*args: Any, **kwargs: Any) -> Any:
        if args or leading in kwargs:
            array = arg.array(leading, args[0] if args else kwargs[leading])
            arg.spatial(leading, array, ranks=[rank])
        return operation(*args, **kwargs)

    kind, backward, _ = operation.__name__.partition("_backward")
    insisting.__name__ = insisting.__qualname__ = f"{kind}{rank}d{backward}"
    return cast(Operation, insisting)


conv1d, conv2d, conv3d = (_insisting(rank, conv) for rank in (1, 2, 3))
conv1d_backward, conv2d_backward, conv3d_backward = (
    _insisting(rank, conv_backward) for rank in (1, 2, 3)
)
max_pool1d, max_pool2d, max_pool3d = (_insisting(rank, max_pool) for rank in (1, 2, 3))
max_pool1d_backward, max_pool2d_backward, max_pool3d_backward = (
    _insisting(rank, max_pool_backward) for rank in (1, 2, 3)
)
avg_pool1d, avg_pool2d, avg_pool3d = (_insisting(rank, avg_pool) for rank in (1, 2, 3))
avg_pool1d_backward, avg_pool2d_backward, avg_pool3d_backward = (
    _insisting(rank, avg_pool_backward) for rank in (1, 2, 3)
)
conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    _insisting(rank, conv_transpose) for rank in (1, 2, 3)
)
conv_transpose1d_backward, conv_transpose2d_backward, conv_transpose3d_backward = (
    _insisting(rank, conv_transpose_backward) for rank in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _insisting(rank, adaptive_max_pool) for rank in (1, 2, 3)
)
adaptive_max_pool1d_backward, adaptive_max_pool2d_backward, adaptive_max_pool3d_backward = (
    _insisting(rank, adaptive_max_pool_backward) for rank in (1, 2, 3)
)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _insisting(rank, adaptive_avg_pool) for rank in (1, 2, 3)
)
adaptive_avg_pool1d_backward, adaptive_avg_pool2d_backward, adaptive_avg_pool3d_backward = (
    _insisting(rank, adaptive_avg_pool_backward) for rank in (1, 2, 3)
)
max_unpool1d, max_unpool2d, max_unpool3d = (_insisting(rank, max_unpool) for rank in (1, 2, 3))
max_unpool1d_backward, max_unpool2d_backward, max_unpool3d_backward = (
    _insisting(rank, max_unpool_backward) for rank in (1, 2, 3)
)
lp_pool1d, lp_pool2d, lp_pool3d = (_insisting(rank, lp_pool) for rank in (1, 2, 3))
lp_pool1d_backward, lp_pool2d_backward, lp_pool3d_backward = (
    _insisting(rank, lp_pool_backward) for rank in (1, 2, 3)
)
