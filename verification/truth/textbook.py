"""The passes as a textbook writes them: one window after another, over any number of axes.

It is three things: the definition that torch must agree with before anybody is judged, the text
whose lines the catalogue of mistakes writes wrongly, and something to read.  The arrays may hold
Python's own integers, of which no sum is ever rounded.

    x (N, *space, C)    w (*kernel, C/groups, K)    b (K,)    y, dy (N, *out, K)
    o                   the place of a window in the output, one number for each axis
    case                stride, dilation and pads of each axis, groups, the pools' options
"""

import itertools
import math

import numpy as np


def out_size(case):
    """How many windows there are along each axis."""
    sizes = []
    axes = zip(case.space, case.kernel, case.stride, case.dilation, case.pad)
    for size, k, step, gap, (before, after) in axes:
        room = before + size + after - gap * (k - 1) - 1
        if case.ceil_mode:  # the last window may hang over the end, but starts before the end pad
            room = min(-(-room // step), (before + size - 1) // step) * step
        sizes.append(room // step + 1)
    return sizes


def places(size):
    """The place of every window, row by row."""
    return itertools.product(*map(range, size))


def corner(o, case):
    """Where a window begins in the padded input."""
    return [at * step for at, step in zip(o, case.stride)]


def window(o, case):
    """The cells under a window: a slice along each axis."""
    start = corner(o, case)
    stop = [first + gap * (k - 1) + 1 for first, gap, k in zip(start, case.dilation, case.kernel)]
    return (slice(None), *map(slice, start, stop, case.dilation))


def over(cells):
    """The axes of a window (N, *kernel, C)."""
    return tuple(range(1, cells.ndim - 1))


def pad(x, case, value=0):
    """The input with its pads in place, and room for a window that hangs over the end."""
    more = max(case.stride) - 1 if case.ceil_mode else 0
    sides = [(before, after + more) for before, after in case.pad]
    return np.pad(x, [(0, 0), *sides, (0, 0)], constant_values=value)


def crop(dxp, case):
    """The part of a padded gradient that is the input's."""
    inner = [slice(before, before + size) for (before, _), size in zip(case.pad, case.space)]
    return dxp[(slice(None), *inner)]


def blocks(case):
    """The channels and the filters of each group."""
    channels, filters = case.w[-2], case.w[-1] // case.groups
    for group in range(case.groups):
        yield (
            slice(group * channels, (group + 1) * channels),
            slice(group * filters, (group + 1) * filters),
        )


def product(cells, w, b):
    """(N, K): each filter's sum of products over a window, and its bias once."""
    products = cells[..., None] * w
    return products.sum(axis=over(products)) + b


def conv_forward(case, x, w, b):
    xp, size = pad(x, case), out_size(case)
    y = np.zeros((len(xp), *size, w.shape[-1]), x.dtype)
    for o in places(size):
        cells = xp[window(o, case)]
        for channels, filters in blocks(case):
            y[:, *o, filters] = product(cells[..., channels], w[..., filters], b[filters])
    return y


def conv_backward(case, dy, x, w):
    xp = pad(x, case)
    dxp, dw, db = np.zeros_like(xp), np.zeros_like(w), np.zeros(w.shape[-1], w.dtype)
    for o in places(dy.shape[1:-1]):
        at = window(o, case)
        cells, above = xp[at], dy[:, *o]
        db += above.sum(axis=0)
        for channels, filters in blocks(case):
            up = above[:, *[None] * (x.ndim - 1), filters]
            dxp[(*at, channels)] += (w[..., filters] * up).sum(axis=-1)
            dw[..., filters] += (cells[..., channels, None] * up).sum(axis=0)
    dx = crop(dxp, case)
    return dx, dw, db


def mask(cells, inside):
    """True at each channel's first highest cell in row order, or its last NaN; never in a pad."""
    flat, inside = (
        a.reshape(len(a), math.prod(a.shape[1:-1]), a.shape[-1]) for a in (cells, inside)
    )
    nan = flat != flat
    highest = inside & (flat == flat.max(axis=1, keepdims=True))
    first = highest.argmax(axis=1)
    last = flat.shape[1] - 1 - nan[:, ::-1].argmax(axis=1)
    best = np.where(nan.any(axis=1), last, first)
    return (np.arange(flat.shape[1])[:, None] == best[:, None]).reshape(cells.shape)


def max_forward(case, x):
    xp, size = pad(x, case, -math.inf), out_size(case)
    y = np.zeros((len(xp), *size, x.shape[-1]), x.dtype)
    for o in places(size):
        cells = xp[window(o, case)]
        y[:, *o] = cells.max(axis=over(cells))
    return y


def max_index(case, x):
    """The place of each maximum in the unpadded plane, counted row by row."""
    xp, inside = pad(x, case, -math.inf), pad(np.ones(x.shape, bool), case, False)
    plane = np.arange(math.prod(x.shape[1:-1])).reshape(1, *x.shape[1:-1], 1)
    numbers = pad(np.broadcast_to(plane, x.shape), case, -1)
    index = np.zeros((len(x), *out_size(case), x.shape[-1]), int)
    for o in places(out_size(case)):
        at = window(o, case)
        index[:, *o] = np.where(mask(xp[at], inside[at]), numbers[at], 0).sum(axis=over(xp[at]))
    return index


def max_backward(case, dy, x):
    xp, inside = pad(x, case, -math.inf), pad(np.ones(x.shape, bool), case, False)
    dxp = np.zeros_like(xp)
    for o in places(dy.shape[1:-1]):
        at = window(o, case)
        cells, above = xp[at], dy[:, *o][:, *[None] * (x.ndim - 2)]
        winner = mask(cells, inside[at])
        dxp[at] += np.where(winner, above, 0)
    return crop(dxp, case)


def divisor(at, case):
    """What the sum of a window is divided by: its cells, those of pads included or not."""
    if case.divisor_override:
        return case.divisor_override
    cells = 1
    for part, size, (before, after) in zip(at[1:], case.space, case.pad):
        first, stop = part.start - before, min(part.stop - before, size + after)
        if not case.count_include_pad:
            first, stop = max(first, 0), min(stop, size)
        cells *= len(range(first, stop))
    return cells


def avg_forward(case, x):
    xp, size = pad(x, case), out_size(case)
    y = np.zeros((len(xp), *size, x.shape[-1]), x.dtype)
    for o in places(size):
        at = window(o, case)
        cells = xp[at]
        y[:, *o] = cells.sum(axis=over(cells)) / divisor(at, case)
    return y


def avg_backward(case, dy, x):
    xp = pad(x, case)
    dxp = np.zeros_like(xp)
    for o in places(dy.shape[1:-1]):
        at = window(o, case)
        above = dy[:, *o][:, *[None] * (x.ndim - 2)]
        dxp[at] += np.ones((1, *case.kernel, 1), dy.dtype) * (above / divisor(at, case))
    return crop(dxp, case)


def pool_forward(case, x):
    return max_forward(case, x) if case.op == "max_pool" else avg_forward(case, x)


def pool_backward(case, dy, x):
    return max_backward(case, dy, x) if case.op == "max_pool" else avg_backward(case, dy, x)


def zero_pad(case, x):
    return pad(x, case)


def conv_single_step(x, w, b):
    return product(x[None], w[..., None], b.reshape(-1))[0, ..., 0]


def create_mask_from_window(x):
    return mask(x[None, ..., None], np.ones((1, *x.shape, 1), bool))[0, ..., 0]


def distribute_value(dz, kernel):
    return np.ones(kernel, dz.dtype) * (dz / math.prod(kernel))
