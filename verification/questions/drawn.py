"""Questions that nobody has seen: geometries drawn at judging time, from a seed.

Code that knows the published cases by heart fails here.  Half of the draws are as every course
has them: two axes, square windows, one stride, one pad, none in pools; and some convolutions are as
interviews have them: one image of one channel, and no bias.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from verification.questions.case import Case, CaseError
from verification.questions.rows import SCHEMA, expand

DRAWN = {op: about["drawn"] for op, about in SCHEMA.items() if "drawn" in about}
STREAM = 6_000
"""Draws at most: who finds too few among them can be asked hardly any."""
OPS = [op for op, about in DRAWN.items() for _ in range(about["times"])]
AXES = (2, 2, 2, 1, 3)
IMAGES = 0.2
"""The share of convolutions that every layout can express."""
MATTERS = 0.5
"""The least share of an axis's cells that windows read, and of a window's taps that meet some."""


def draw(seed: int) -> Iterator[Case]:
    """One question after another: `drawn-1`, `drawn-2`, ..."""
    rng, count = random.Random(seed), 1
    while count <= STREAM:
        op = rng.choice(OPS)
        row = {"id": f"drawn-{count}", "fill": rng.choice(DRAWN[op]["fills"])}
        settings = _draw_settings(op, rng)
        with suppress(CaseError):
            (case,) = expand(op, row | settings)
            if _matters(case):
                count += 1
                yield case


def _draw_settings(op: str, rng: random.Random) -> dict[str, Any]:
    """Shapes and settings, which need not fit."""
    is_plain = op == "create_mask_from_window" or rng.random() < 0.5
    axes = 2 if is_plain else rng.choice(AXES)

    def size(least: int, most: int) -> list[int]:
        return [rng.randint(least, most)] * axes if is_plain else _draw(rng, axes, least, most)

    space = _draw(rng, axes, 2, 12 - 2 * axes)
    if op == "create_mask_from_window":
        return {"x": space}
    takes = {*SCHEMA[op]["needs"], *SCHEMA[op]["takes"]}
    groups = rng.randint(1, 2) if "groups" in takes and not is_plain else 1
    channels, filters = _draw(rng, 2, 1, 3)
    settings: dict[str, Any] = {"x": [rng.randint(1, 3), *space, channels * groups]}
    if op == "zero_pad":
        return {**settings, "pad": size(0, 3)}
    kernel = size(1, 4)
    if op == "conv" and rng.random() < IMAGES:
        settings |= {"x": [1, *space, 1], "w": [*kernel, 1, 1], "bias": False}
    elif "w" in takes:
        depth = [channels, filters * groups] if op == "conv" else [filters, channels * groups]
        settings |= {"w": [*kernel, *depth], "groups": groups}
    elif "kernel" in takes:
        settings["kernel"] = kernel
    if "pad" in takes and ("w" in takes or not is_plain):
        settings["pad"] = size(0, 2)
    if "stride" in takes:
        settings["stride"] = size(1, 3)
    if "output_size" in SCHEMA[op]["needs"]:
        settings["output_size"] = size(1, 5)
    more = DRAWN[op].get("among", {})
    return settings | {key: rng.choice(values) for key, values in more.items()}


def _draw(rng: random.Random, count: int, least: int, most: int) -> list[int]:
    return [rng.randint(least, most) for _ in range(count)]


def _matters(case: Case) -> bool:
    """Whether enough of the input is read, by enough of the window."""
    if not case.kernel:
        return True
    for windows, size in zip(case.windows, case.space, strict=True):
        read = {cell for window in windows for cell in window if 0 <= cell < size}
        met = [tap for tap in zip(*windows, strict=True) if any(0 <= cell < size for cell in tap)]
        if len(read) < MATTERS * size or len(met) < MATTERS * len(windows[0]):
            return False
    return True
