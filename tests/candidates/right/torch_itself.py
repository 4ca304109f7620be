"""torch.nn.functional and autograd as a candidate, under the functional contract."""

import itertools

import torch
import torch.nn.functional as F

torch.set_num_threads(1)  # two wait for each other where arrays are small

CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MAXES = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
SUMS = {2: F.avg_pool2d, 3: F.avg_pool3d}


def tensor(a):
    return torch.from_numpy(a.astype(a.dtype.newbyteorder("="), order="C")).requires_grad_()


def each(size, rank):
    return tuple(size) if isinstance(size, tuple) else (size,) * rank


def conv(x, w, b, stride, padding, dilation, groups):
    rank = x.ndim - 2
    if padding not in ("same", "valid"):
        pad = each(padding, rank)
        x, padding = F.pad(x, [p for size in reversed(pad) for p in (size, size)]), 0
    return CONVS[rank](x, w, b, stride, padding, dilation, groups)


def windows(n, k, s, p, d, ceil):
    count = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
    return count - 1 if ceil and (count - 1) * s >= n + p else count


def room(x, kernel, stride, padding, dilation, ceil):
    """How many windows there are, and the cells that they reach beyond the padding."""
    settings = list(zip(x.shape[2:], kernel, stride, padding, dilation))
    out = [windows(n, k, s, p, d, ceil) for n, k, s, p, d in settings]
    over = [
        max(0, (o - 1) * s + d * (k - 1) + 1 - n - 2 * p)
        for o, (n, k, s, p, d) in zip(out, settings)
    ]
    return out, over


def padded(x, before, after, value):
    return F.pad(x, list(itertools.chain(*reversed(list(zip(before, after))))), value=value)


def max_pool(x, kernel_size, stride, padding, dilation, ceil_mode):
    rank = x.ndim - 2
    kernel = each(kernel_size, rank)
    stride, padding = each(stride or kernel, rank), each(padding, rank)
    dilation = each(dilation, rank)
    if all(2 * p <= k for p, k in zip(padding, kernel)):
        return MAXES[rank](x, kernel, stride, padding, dilation, ceil_mode)
    out, over = room(x, kernel, stride, padding, dilation, ceil_mode)
    x = padded(x, padding, [p + o for p, o in zip(padding, over)], -torch.inf)
    y = MAXES[rank](x, kernel, stride, 0, dilation)
    return y[(..., *map(slice, out))]


def avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    rank = x.ndim - 2
    kernel = each(kernel_size, rank)
    stride, padding = each(stride or kernel, rank), each(padding, rank)
    out, over = room(x, kernel, stride, padding, (1,) * rank, ceil_mode)
    if rank == 1:  # torch's avg_pool1d has no divisor of its own
        plane = avg_pool(
            x.unsqueeze(2),
            (1, *kernel),
            (1, *stride),
            (0, *padding),
            ceil_mode,
            count_include_pad,
            divisor_override,
        )
        return plane.squeeze(2)
    cells = padded(torch.ones_like(x), padding, padding, float(count_include_pad))
    none = [0] * rank
    sums, counts = (
        SUMS[rank](a, kernel, stride, divisor_override=1)
        for a in (
            padded(x, padding, [p + o for p, o in zip(padding, over)], 0.0),
            padded(cells, none, over, 0.0),
        )
    )
    y = sums / (divisor_override or counts.detach())
    return y[(..., *map(slice, out))]


def gradients(y, dy, *leaves):
    return [g.numpy() for g in torch.autograd.grad(y, leaves, tensor(dy).detach())]


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    b = None if b is None else tensor(b)
    return conv(tensor(x), tensor(w), b, stride, padding, dilation, groups).detach().numpy()


def conv2d_backward(dy, x, w, stride=1, padding=0, dilation=1, groups=1):
    x, w = tensor(x), tensor(w)
    b = torch.zeros(w.shape[0], dtype=w.dtype)
    b.requires_grad_()
    return gradients(conv(x, w, b, stride, padding, dilation, groups), dy, x, w, b)


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    return max_pool(tensor(x), kernel_size, stride, padding, dilation, ceil_mode).detach().numpy()


def max_pool2d_backward(dy, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    x = tensor(x)
    return gradients(max_pool(x, kernel_size, stride, padding, dilation, ceil_mode), dy, x)[0]


def avg_pool2d(
    x,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    x = tensor(x)
    y = avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return y.detach().numpy()


def avg_pool2d_backward(
    dy,
    x,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    x = tensor(x)
    y = avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return gradients(y, dy, x)[0]


conv1d = conv3d = conv2d
conv1d_backward = conv3d_backward = conv2d_backward
max_pool1d = max_pool3d = max_pool2d
max_pool1d_backward = max_pool3d_backward = max_pool2d_backward
avg_pool1d = avg_pool3d = avg_pool2d
avg_pool1d_backward = avg_pool3d_backward = avg_pool2d_backward
