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

from dataclasses import replace
from functools import partial
from typing import Any

from verification.candidates.contracts import Course, build_course, is_plain
from verification.candidates.contracts.assignment import PASSES, shape_bias
from verification.candidates.contracts.function import FORMS, Form, keep_form, name_pad
from verification.candidates.process import IDENTITY
from verification.questions import Array, Case


def _keep_channels(case: Case, name: str, value: Array) -> Array:
    """Of one filter: images with their channels, and outputs without."""
    return value if name == "x" else value[..., 0]


def _takes(name: str, case: Case) -> bool:
    """By its name: grayscale is of one channel, and all but `convolve` have one filter."""
    if name in PASSES:
        return is_plain(case) and bool(name_pad(case))
    is_one = case.y[-1] == 1 or name == "convolve"
    is_one &= case.x[-1] == 1 or "grayscale" not in name
    if case.bias or not (is_plain(replace(case, bias=True)) and is_one):
        return False
    is_still = set(case.stride) == {1}
    ending = name.rpartition("_")[2]
    fits = {"valid": not case.is_padded, "same": name_pad(case) == "same", "padding": True}
    return (is_still and fits[ending]) if ending in fits else True


def _write_settings(name: str, case: Case) -> dict[str, Any]:
    """What goes by keyword, as far as the signature has it."""
    if not case.w:
        return {"stride": case.stride, "mode": "max" if case.op == "max_pool" else "avg"}
    pads = tuple(before for before, _ in case.pad)
    words = {"padding": name_pad(case) or pads, "stride": case.stride}
    if name == "convolve_grayscale_padding":
        return {"padding": pads}
    return {} if name.endswith(("_valid", "_same")) else words


_REST = {
    "conv_forward": lambda case: (IDENTITY,),
    "pool_forward": lambda case: (case.kernel,),
    "pool_backward": lambda case: (case.kernel,),
}
_FORMS: dict[str, Form] = dict.fromkeys(PASSES, shape_bias)
_FORMS |= {"": FORMS["nhw"], "convolve_channels": _keep_channels, "convolve": keep_form}
_FUNCTIONS = (
    replace(one, keywords=partial(_write_settings, one.name))
    for one in build_course("holberton", _takes, _REST, _FORMS)
)
CONTRACT = Course("holberton", (*_FUNCTIONS,), "nhwc")
