"""Holberton School: channels last, settings as arguments, no cache, pads in words.

    conv_forward(A_prev, W, b, activation, padding="same", stride=(1, 1))    activation(Z)
    conv_backward(dZ, A_prev, W, b, padding="same", stride=(1, 1))           dA_prev, dW, db
    pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max")            A      ("max", "avg")
    pool_backward(dA, A_prev, kernel_shape, stride=(1, 1), mode="max")       dA_prev

and, not missed where they are not there, those of the project before it, without a bias:

    convolve_grayscale_valid(images, kernel)                                 images (m, h, w)
    convolve_grayscale_same(images, kernel)
    convolve_grayscale_padding(images, kernel, padding)                      (ph, pw)
    convolve_grayscale(images, kernel, padding="same", stride=(1, 1))        or in words
    convolve_channels(images, kernel, padding="same", stride=(1, 1))         images (m, h, w, c)
    convolve(images, kernels, padding="same", stride=(1, 1))                 kernels (kh, kw, c, nc)
    pool(images, kernel_shape, stride, mode="max")

The activation asked with is the identity, which remembers what it returned.  "same" is asked with
odd kernels and stride 1 alone: beyond them its pads are everybody's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from verification.candidates.contracts import (
    Course,
    Form,
    Function,
    assignment,
    is_plain,
    keep_form,
    name_pad,
)
from verification.candidates.process import IDENTITY
from verification.questions import Array, Case


def _takes(case: Case) -> bool:
    return is_plain(case) and bool(name_pad(case))


def _words(case: Case) -> dict[str, Any]:
    if case.w:
        return {"padding": name_pad(case), "stride": case.stride}
    return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}


_TABLE: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "conv_forward": ("x w b", "A_prev, W, b, activation, padding, stride", {"y": "Z"}),
    "conv_backward": ("dy x w b", "dZ, A_prev, W, b, padding, stride", assignment.GRADIENTS),
    "pool_forward": ("x", "A_prev, kernel_shape, stride, mode", {"y": "A"}),
    "pool_backward": ("dy x", "dA, A_prev, kernel_shape, stride, mode", {"dx": "dA_prev"}),
}
_LOOSE = {
    "conv_forward": ("forward_prop",),
    "conv_backward": ("backward_prop",),
    "pool_forward": ("pool",),
}
_REST: Mapping[str, Callable[[Case], tuple[Any, ...]]] = {
    "conv_forward": lambda case: (IDENTITY,),
    "conv_backward": lambda case: (),
    "pool_forward": lambda case: (case.kernel,),
    "pool_backward": lambda case: (case.kernel,),
}


def _keep_channels(case: Case, name: str, value: Array) -> Array:
    """Of one filter: images with their channels, and outputs without."""
    return value if name == "x" else value[..., 0]


def _keep_planes(case: Case, name: str, value: Array) -> Array:
    """Of one filter and one channel."""
    return value[..., 0, 0] if name == "w" else value[..., 0]


def _pads(case: Case) -> Any:
    return tuple(before for before, _ in case.pad)


def _settings(case: Case) -> dict[str, Any]:
    return {"padding": name_pad(case) or _pads(case), "stride": case.stride}


_IMAGES: Sequence[tuple[str, str, Callable[[Case], Mapping[str, Any]], Form]] = (
    ("convolve_grayscale_valid", "images, kernel", lambda case: {}, _keep_planes),
    ("convolve_grayscale_same", "images, kernel", lambda case: {}, _keep_planes),
    (
        "convolve_grayscale_padding",
        "images, kernel, padding",
        lambda case: {"padding": _pads(case)},
        _keep_planes,
    ),
    ("convolve_grayscale", "images, kernel, padding, stride", _settings, _keep_planes),
    ("convolve_channels", "images, kernel, padding, stride", _settings, _keep_channels),
    ("convolve", "images, kernels, padding, stride", _settings, keep_form),
)
"""The convolutions of images: their signatures, settings and forms."""


def _takes_images(name: str, form: Form, case: Case) -> bool:
    is_one = case.y[-1] == 1 or form is keep_form
    is_one &= case.x[-1] == 1 or form is not _keep_planes
    if case.bias or not (is_plain(replace(case, bias=True)) and is_one):
        return False
    is_still = set(case.stride) == {1}
    ending = name.rpartition("_")[2]
    fits = {"valid": not case.is_padded, "same": name_pad(case) == "same", "padding": True}
    return (is_still and fits[ending]) if ending in fits else True


_FUNCTIONS = (
    *(
        Function(
            *(name, name, _takes, *row, _REST[name], _words, assignment.shape_bias),
            loose=_LOOSE.get(name, ()),
        )
        for name, row in _TABLE.items()
    ),
    *(
        Function(
            *(name, "conv_forward", partial(_takes_images, name, form), "x w", signature),
            keywords=keywords,
            form=form,
            optional=True,
        )
        for name, signature, keywords, form in _IMAGES
    ),
)
CONTRACT = Course("holberton", _FUNCTIONS, "nhwc")
