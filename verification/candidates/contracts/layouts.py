"""functional's arrays in every layout, and the names that torch's functions go by elsewhere.

nchw    x (N, C, *space), w (K, C/groups, *kernel)
nhwc    x (N, *space, C), w (*kernel, C/groups, K)
chw     one image: nchw without N
hwc     one image: nhwc without N
hw      one image of one channel, x (*space), w (*kernel), b a number: conv2d(image, kernel)
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from verification.candidates.contracts import Contract, Form, Function, functional
from verification.questions import Array, Case

_STEMS = {
    "max_pool": ("max_pool", "maxpool", "max_pooling", "maxpooling"),
    "avg_pool": ("avg_pool", "avgpool", "avg_pooling", "average_pool"),
}
_WAYS = {"": ("{}", "{}_forward"), "_backward": ("{}_backward", "{}_grad", "{}_gradient", "d{}")}


def drop_batch(form: Form) -> Form:
    """The form without the axis of the only image."""

    def drop(case: Case, name: str, value: Array) -> Any:
        formed = form(case, name, value)
        return formed if name in ("w", "b", "dw", "db") else formed[0]

    return drop


def keep_space(case: Case, name: str, value: Array) -> Any:
    """The spatial axes alone; the only bias is a number."""
    if name in ("b", "db"):
        return value.item() if name == "b" else value
    return value[..., 0, 0] if name in ("w", "dw") else value[0, ..., 0]


def list_names(name: str) -> tuple[str, ...]:
    """Other names of torch's function: dconv2d, conv2d_grad, maxpool2d."""
    if not (parts := re.fullmatch(r"(\w+?)(\dd)(_backward)?", name)):
        return ()
    op, axes, way = parts.groups(default="")
    stems = [f"{stem}{gap}{axes}" for stem in _STEMS.get(op, (op,)) for gap in ("", "_")]
    return tuple(way.format(stem) for way in _WAYS[way] for stem in stems)


def _lay_out(function: Function, layout: str) -> Function:
    def takes(case: Case) -> bool:
        is_single = "n" in layout or case.x[0] == 1
        is_plane = "c" in layout or case.x[-1] == 1 == case.y[-1]
        return is_single and is_plane and function.takes(case)

    form = function.form if "n" in layout else drop_batch(function.form)
    form = form if "c" in layout else keep_space
    return replace(function, takes=takes, form=form, also=list_names(function.name))


def build_contract(layout: str) -> Contract:
    """Of functions in this layout; nchw is the usual one."""
    usual = functional.CONTRACT if layout in ("nchw", "chw") else functional.NHWC
    name = "functional" if layout == "nchw" else f"functional-{layout}"
    there = (one for one in usual.functions if "n" in layout or not one.optional)
    functions = tuple(_lay_out(function, layout) for function in there)
    return replace(usual, name=name, functions=functions)
