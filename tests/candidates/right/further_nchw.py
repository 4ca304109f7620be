"""What torch has beyond convolutions and pools, channels first: tap by tap, any number of axes."""

import itertools
import math

import numpy as np


def _each(value, rank):
    return (value,) * rank if np.ndim(value) == 0 else tuple(value)


def _taps(kernel, stride, dilation, out):
    """Every place in a window, and where it lies on the padded plane, window after window."""
    for tap in itertools.product(*map(range, kernel)):
        lines = zip(tap, stride, dilation, out)
        yield tap, (..., *(slice(t * d, t * d + (n - 1) * s + 1, s) for t, s, d, n in lines))


def _inner(pad, plane):
    return (..., *(slice(p, n - p) for p, n in zip(pad, plane)))


def _plane(space, kernel, stride, dilation, more):
    axes = zip(space, kernel, stride, dilation, more)
    return [(n - 1) * s + d * (k - 1) + 1 + m for n, k, s, d, m in axes]


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    space, kernel, n = x.shape[2:], w.shape[2:], len(x)
    words = (_each(v, len(space)) for v in (stride, dilation, padding, output_padding))
    stride, dilation, padding, more = words
    plane = _plane(space, kernel, stride, dilation, more)
    y = np.zeros((n, groups, w.shape[1], *plane), np.result_type(x, w))
    cells = x.reshape(n, groups, x.shape[1] // groups, math.prod(space))
    weights = w.reshape(groups, -1, *w.shape[1:])
    for tap, at in _taps(kernel, stride, dilation, space):
        part = np.einsum("ngcp,gck->ngkp", cells, weights[(..., *tap)])
        y[at] += part.reshape(*part.shape[:3], *space)
    y = y.reshape(n, groups * w.shape[1], *plane)[_inner(padding, plane)]
    return y.copy() if b is None else y + b.reshape(-1, *[1] * len(space))


def conv_transpose2d_backward(
    dy, x, w, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    space, kernel, n = x.shape[2:], w.shape[2:], len(x)
    words = (_each(v, len(space)) for v in (stride, dilation, padding, output_padding))
    stride, dilation, padding, more = words
    plane = _plane(space, kernel, stride, dilation, more)
    above = np.zeros((*dy.shape[:2], *plane), dy.dtype)
    above[_inner(padding, plane)] = dy
    above = above.reshape(n, groups, w.shape[1], *plane)
    cells = x.reshape(n, groups, x.shape[1] // groups, math.prod(space))
    weights = w.reshape(groups, -1, *w.shape[1:])
    dx, dw = np.zeros(cells.shape, x.dtype), np.zeros(weights.shape, w.dtype)
    for tap, at in _taps(kernel, stride, dilation, space):
        up = above[at].reshape(n, groups, w.shape[1], math.prod(space))
        dx += np.einsum("ngkp,gck->ngcp", up, weights[(..., *tap)])
        dw[(..., *tap)] = np.einsum("ngcp,ngkp->gck", cells, up)
    return dx.reshape(x.shape), dw.reshape(w.shape), dy.sum(axis=(0, *range(2, dy.ndim)))


def _windows(size, out):
    """Where the windows of an adaptive pool begin and end along one axis."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _blocks(x, output_size):
    """Each window of an adaptive pool: its place, and its slices of x."""
    sizes = [o or n for o, n in zip(_each(output_size, x.ndim - 2), x.shape[2:])]
    for place in itertools.product(*map(range, sizes)):
        ends = (_windows(n, o)[i] for n, o, i in zip(x.shape[2:], sizes, place))
        yield (..., *place), (..., *(slice(*pair) for pair in ends))


def _winner(cells):
    """For each plane the flat place of the first maximum, or of the last NaN."""
    flat = cells.reshape(*cells.shape[:2], math.prod(cells.shape[2:]))
    backwards = np.isnan(flat)[..., ::-1]
    last = flat.shape[-1] - 1 - backwards.argmax(axis=-1)
    return np.where(backwards.any(axis=-1), last, flat.argmax(axis=-1))


def _shape(x, output_size):
    sizes = [o or n for o, n in zip(_each(output_size, x.ndim - 2), x.shape[2:])]
    return (*x.shape[:2], *sizes)


def adaptive_max_pool2d(x, output_size):
    y = np.empty(_shape(x, output_size), x.dtype)
    for place, block in _blocks(x, output_size):
        y[place] = x[block].max(axis=tuple(range(2, x.ndim)))
    return y


def adaptive_max_pool2d_backward(dy, x, output_size):
    dx = np.zeros_like(x)
    for place, block in _blocks(x, output_size):
        cells = x[block]
        is_winner = np.arange(math.prod(cells.shape[2:])) == _winner(cells)[..., None]
        dx[block] += is_winner.reshape(cells.shape) * dy[place].reshape(*dy.shape[:2], *[1] * (x.ndim - 2))
    return dx


def adaptive_avg_pool2d(x, output_size):
    y = np.empty(_shape(x, output_size), x.dtype)
    for place, block in _blocks(x, output_size):
        y[place] = x[block].mean(axis=tuple(range(2, x.ndim)))
    return y


def adaptive_avg_pool2d_backward(dy, x, output_size):
    dx = np.zeros_like(x)
    for place, block in _blocks(x, output_size):
        share = dy[place] / math.prod(x[block].shape[2:])
        dx[block] += share.reshape(*dy.shape[:2], *[1] * (x.ndim - 2))
    return dx


def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    rank = x.ndim - 2
    kernel = _each(kernel_size, rank)
    stride = kernel if stride is None else _each(stride, rank)
    axes = zip(x.shape[2:], stride, kernel, _each(padding, rank))
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in axes]
    sizes = usual if output_size is None else _each(output_size, rank)
    y = np.zeros((*x.shape[:2], math.prod(sizes)), x.dtype)
    images, channels = np.ogrid[: x.shape[0], : x.shape[1]]
    for place in itertools.product(*map(range, x.shape[2:])):
        y[images, channels, indices[(..., *place)]] = x[(..., *place)]
    return y.reshape(*x.shape[:2], *sizes)


def max_unpool2d_backward(dy, x, indices, kernel_size, stride=None, padding=0, output_size=None):
    flat = dy.reshape(*dy.shape[:2], math.prod(dy.shape[2:]))
    places = indices.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    return np.take_along_axis(flat, places, axis=-1).reshape(x.shape)


def _lp(x, p, kernel_size, stride, ceil_mode):
    """Of each window its place, its slices of x, its sum of powers and how much that is scaled."""
    kernel = _each(kernel_size, x.ndim - 2)
    stride = kernel if stride is None else _each(stride, x.ndim - 2)
    out = []
    for n, k, s in zip(x.shape[2:], kernel, stride):
        count = (n - k) // s + 1
        out.append(count + (ceil_mode and (n - k) % s > 0 and count * s < n))
    for place in itertools.product(*map(range, out)):
        block = (..., *(slice(o * s, o * s + k) for o, s, k in zip(place, stride, kernel)))
        cells = x[block]
        scale = math.prod(kernel) / math.prod(cells.shape[2:])
        total = (cells**p).sum(axis=tuple(range(2, x.ndim))) * x.dtype.type(scale)
        yield (..., *place), block, total, x.dtype.type(scale), out


def lp_pool2d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    y = None
    for place, _, total, _, out in _lp(x, norm_type, kernel_size, stride, ceil_mode):
        y = np.empty((*x.shape[:2], *out), x.dtype) if y is None else y
        y[place] = total ** (1 / norm_type)
    return y


def lp_pool2d_backward(dy, x, norm_type, kernel_size, stride=None, ceil_mode=False):
    dx, p = np.zeros_like(x), norm_type
    for place, block, total, scale, _ in _lp(x, p, kernel_size, stride, ceil_mode):
        safe = np.where(total == 0, 1, total)
        share = np.where(total == 0, 0, dy[place] * scale * safe ** (1 / p - 1))
        dx[block] += share.reshape(*share.shape, *[1] * (x.ndim - 2)) * x[block] ** (p - 1)
    return dx


def _slide(space, kernel_size, dilation, padding, stride):
    words = (_each(v, 2) for v in (kernel_size, dilation, padding, stride))
    kernel, dilation, padding, stride = words
    axes = zip(space, kernel, dilation, padding, stride)
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in axes]
    return kernel, padding, out, _taps(kernel, stride, dilation, out)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    kernel, padding, out, taps = _slide(x.shape[2:], kernel_size, dilation, padding, stride)
    xp = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    columns = np.stack([xp[at] for _, at in taps], axis=2)
    return columns.reshape(len(x), x.shape[1] * math.prod(kernel), math.prod(out))


def fold(cells, output_size, kernel_size, dilation=1, padding=0, stride=1):
    kernel, padding, out, taps = _slide(output_size, kernel_size, dilation, padding, stride)
    plane = [n + 2 * p for n, p in zip(output_size, padding)]
    columns = cells.reshape(len(cells), cells.shape[1] // math.prod(kernel), math.prod(kernel), *out)
    y = np.zeros((*columns.shape[:2], *plane), cells.dtype)
    for k, (_, at) in enumerate(taps):
        y[at] += columns[:, :, k]
    return y[_inner(padding, plane)].copy()


def _spread(a, x):
    """A number for each channel, along the channels of x."""
    return a.reshape(1, -1, *[1] * (x.ndim - 2))


def batch_norm(
    x, running_mean=None, running_var=None, w=None, b=None, training=False, momentum=0.1, eps=1e-5
):
    axes = (0, *range(2, x.ndim))
    mean, var = (x.mean(axis=axes), x.var(axis=axes)) if training else (running_mean, running_var)
    y = (x - _spread(mean, x)) / np.sqrt(_spread(var, x) + x.dtype.type(eps))
    y = y if w is None else y * _spread(w, x)
    y = y if b is None else y + _spread(b, x)
    if not training or running_mean is None:
        return y
    n = x.size // x.shape[1]
    moved = running_var * (1 - momentum) + momentum * var * (n / (n - 1))
    return y, running_mean * (1 - momentum) + momentum * mean, moved


def batch_norm_backward(dy, x, w=None, mean=None, var=None, eps=1e-5):
    axes, training = (0, *range(2, x.ndim)), mean is None
    mean, var = (x.mean(axis=axes), x.var(axis=axes)) if training else (mean, var)
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    d = x - _spread(mean, x)
    dn = dy if w is None else dy * _spread(w, x)
    dx = dn * _spread(scale, x)
    if training:
        n = x.size // x.shape[1]
        dvar = (dn * d).sum(axis=axes) * -0.5 * scale**3
        dmean = (dn * -_spread(scale, x)).sum(axis=axes) + dvar * (-2 * d).mean(axis=axes)
        dx = dx + _spread(dvar, x) * 2 * d / n + _spread(dmean, x) / n
    return dx, (dy * d * _spread(scale, x)).sum(axis=axes), dy.sum(axis=axes)
