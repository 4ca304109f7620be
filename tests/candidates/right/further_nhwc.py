"""What torch has beyond convolutions and pools, channels last, in two axes: whole arrays at once."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def _two(v):
    return (v, v) if np.ndim(v) == 0 else tuple(v)


def _turned(w):
    """A transposed convolution's weights (kh, kw, K, C) for one over spread cells: (kh, kw, C, K)."""
    return w[::-1, ::-1].swapaxes(2, 3)


def _correlate(x, w, dilation):
    """Every window of x (N, H, W, C) with w (kh, kw, C, K)."""
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape)]
    windows = sliding_window_view(x, spans, axis=(1, 2))[..., :: dilation[0], :: dilation[1]]
    return np.einsum("nhwcrs,rsck->nhwk", windows, w, optimize=True)


def _spread(x, stride, before, after):
    """x with stride - 1 zeros between cells, padded or cropped on each side."""
    n, h, width, c = x.shape
    y = np.zeros((n, (h - 1) * stride[0] + 1, (width - 1) * stride[1] + 1, c), x.dtype)
    y[:, :: stride[0], :: stride[1]] = x
    grow = [(max(0, b), max(0, a)) for b, a in zip(before, after)]
    y = np.pad(y, [(0, 0), *grow, (0, 0)])
    ends = [(max(0, -b), size - max(0, -a)) for b, a, size in zip(before, after, y.shape[1:3])]
    return y[:, slice(*ends[0]), slice(*ends[1])]


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    stride, padding, more, dilation = map(_two, (stride, padding, output_padding, dilation))
    before = [d * (k - 1) - p for d, k, p in zip(dilation, w.shape, padding)]
    after = [start + m for start, m in zip(before, more)]
    parts = zip(np.split(x, groups, axis=-1), np.split(w, groups, axis=-1))
    y = [_correlate(_spread(part, stride, before, after), _turned(v), dilation) for part, v in parts]
    y = np.concatenate(y, axis=-1)
    return y if b is None else y + b


def adaptive_max_pool2d(x, output_size):
    for axis, out in enumerate(_two(output_size), start=1):
        size = x.shape[axis]
        ends = [(k * size // (out or size), -(-(k + 1) * size // (out or size))) for k in range(out or size)]
        x = np.stack([x.take(range(*pair), axis).max(axis) for pair in ends], axis)
    return x


def adaptive_avg_pool2d(x, output_size):
    for axis, out in enumerate(_two(output_size), start=1):
        size = x.shape[axis]
        ends = [(k * size // (out or size), -(-(k + 1) * size // (out or size))) for k in range(out or size)]
        x = np.stack([x.take(range(*pair), axis).mean(axis) for pair in ends], axis)
    return x


def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    kernel, padding = _two(kernel_size), _two(padding)
    stride = kernel if stride is None else _two(stride)
    axes = zip(x.shape[1:3], stride, kernel, padding)
    height, width = output_size or [(n - 1) * s + k - 2 * p for n, s, k, p in axes]
    n, *_, c = x.shape
    y = np.zeros((n, height * width, c), x.dtype)
    rows = np.prod(x.shape[1:3])
    np.put_along_axis(y, indices.reshape(n, rows, c), x.reshape(n, rows, c), axis=1)
    return y.reshape(n, height, width, c)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    kernel, dilation, padding, stride = map(_two, (kernel_size, dilation, padding, stride))
    x = np.pad(x, [(0, 0), *((p, p) for p in padding), (0, 0)])
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    windows = sliding_window_view(x, spans, axis=(1, 2))[:, :: stride[0], :: stride[1]]
    windows = windows[..., :: dilation[0], :: dilation[1]].transpose(0, 1, 2, 4, 5, 3)
    count = windows.shape[1] * windows.shape[2]
    return windows.reshape(len(x), count, kernel[0] * kernel[1] * x.shape[-1])


def batch_norm(x, running_mean, running_var, w, b, training=False, momentum=0.1, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    if not training:
        scale = w / np.sqrt(running_var + x.dtype.type(eps))
        return x * scale + (b - running_mean * scale)
    mean = x.mean(axes)
    var = np.square(x - mean).mean(axes)
    y = (x - mean) * (w / np.sqrt(var + x.dtype.type(eps))) + b
    n = x.size // x.shape[-1]
    new_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)
    return y, (1 - momentum) * running_mean + momentum * mean, new_var


def batch_norm_backward(dy, x, w, mean=None, var=None, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    training, n = mean is None, x.size // x.shape[-1]
    if training:
        mean, var = x.mean(axes), x.var(axes)
    h = (x - mean) / np.sqrt(var + x.dtype.type(eps))
    dw, db = (dy * h).sum(axes), dy.sum(axes)
    dx = (n * dy - db - h * dw) / n if training else dy
    return dx * w / np.sqrt(var + x.dtype.type(eps)), dw, db
