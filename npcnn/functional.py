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
from collections.abc import Callable
from typing import Any, SupportsIndex, TypeVar, cast

from numpy.typing import ArrayLike

from npcnn import arguments as arg
from npcnn import conv as _conv
from npcnn import geometry
from npcnn import pool as _pool
from npcnn.arguments import Pad, Size
from npcnn.operations import adaptive_avg_pool as adaptive_avg_pool
from npcnn.operations import adaptive_avg_pool_backward as adaptive_avg_pool_backward
from npcnn.operations import adaptive_max_pool as adaptive_max_pool
from npcnn.operations import adaptive_max_pool_backward as adaptive_max_pool_backward
from npcnn.operations import batch_norm as batch_norm
from npcnn.operations import batch_norm_backward as batch_norm_backward
from npcnn.operations import conv_transpose as conv_transpose
from npcnn.operations import conv_transpose_backward as conv_transpose_backward
from npcnn.operations import fold as fold
from npcnn.operations import lp_pool as lp_pool
from npcnn.operations import lp_pool_backward as lp_pool_backward
from npcnn.operations import max_unpool as max_unpool
from npcnn.operations import max_unpool_backward as max_unpool_backward
from npcnn.operations import routed_dtype
from npcnn.operations import unfold as unfold
from npcnn.windows import Array

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
    dtype = routed_dtype(dy, x)
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
