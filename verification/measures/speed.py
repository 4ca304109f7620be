"""How fast npcnn's passes are beside torch's kernels and NumPy's bare products.

    ratio     torch's time / npcnn's, with the better of torch's two memory formats
    cores     npcnn's time on one core / its time on all that this process may use
    product   NumPy's matrix products of the layer, of numbers that lie ready in the caches: passes
              that take these products, each multiplication once, cannot be faster
    peer      the fastest of other implementations in NumPy, with --peers

The sides have the machine in turn, each with as many threads as it takes.  Every call is timed: the
median of a block's calls counts, and of several blocks the fastest.  A backward pass is all
gradients from what a caller has kept.
"""

from __future__ import annotations

import argparse
import ctypes
import html
import importlib
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import groupby, product
from operator import itemgetter
from pathlib import Path
from statistics import geometric_mean, median
from string import Template
from typing import Any

import numpy as np

from verification.measures import read_table
from verification.measures.peers import Calls, prepare_peers
from verification.questions import Arrays, Case, arrays, parse

Line = Mapping[str, Any]
"""A layer: dtype, batch, group, name, and by pass the sides' seconds and torch's / npcnn's."""
Sides = dict[str, Calls]
"""A layer's passes forward and backward, by whose they are."""

LAYERS, PASSES = read_table("layers.toml"), ("forward", "backward")
FORMATS = {"torch": "contiguous_format", "torch, channels last": "channels_last"}
ALONE = "npcnn, one core"
OURS = {"npcnn", ALONE, "product", *FORMATS}
"""The sides that are no peers."""
FORCING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
PAUSE = 0.2
"""Seconds after which no other side's thread still spins: OpenBLAS's wait 0.1 s for a call."""
WARM, BLOCK = 0.1, 0.03
"""Seconds of calls that are not counted, until no core sleeps, and of those that are."""
CELLS = 4 * 2**20
"""Bytes of gathered cells in one bare product."""
WIDTH, COLUMN = 34, 9
BAR, ROW = 400, 15
"""Of a plot: the width of the longest bar, and the height of a row."""
MOST = 2.0
"""The longest bar's ratio: of larger ones there is the number."""


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], Iterator[str], int]:
    """Time every layer that is chosen."""
    layers = list(choose(options))
    if not layers:
        raise argparse.ArgumentError(None, f"no layer's or group's name contains {options.only!r}")
    if options.plot:
        Path(options.plot).open("a").close()  # what cannot be written is said before the run
    machine = {
        "cpus": os.cpu_count(),
        "numpy": np.__version__,
        "kernel": find_kernel(),
        "forced": [f"{name}={os.environ[name]}" for name in FORCING if name in os.environ],
        "torch": importlib.import_module("torch").__version__,
        "turns": options.turns,
    }
    lines = [time_layer(group, layer, options.turns, options.peers) for group, layer in layers]
    document = {**machine, "lines": lines, "means": average(lines)}
    if options.plot:
        Path(options.plot).write_text(draw_plot(lines), encoding="utf-8")
    return document, write_table(document), 0


def choose(options: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    """The layers to be timed, with their groups."""
    most = 1 if options.quick else None
    for dtype, batch in product(options.dtype[:most], options.batch[:most]):
        for group, rows in LAYERS.items():
            names = [name for name in rows if options.only in group or options.only in name]
            for name in names[:most]:
                (case,) = parse(f"{rows[name].format(batch)} fill=dense")
                yield group, replace(case, name=name, dtype=dtype)


def find_kernel() -> str:
    """The kernels that NumPy's own OpenBLAS chose for this processor, where it says so."""
    library = ctypes.CDLL(importlib.import_module("numpy._core._multiarray_umath").__file__)
    for name in ("scipy_openblas_get_corename64_", "openblas_get_corename"):
        if function := getattr(library, name, None):
            function.restype = ctypes.c_char_p
            return str(function().decode())
    return "unknown"


def time_layer(group: str, layer: Case, turns: int, has_peers: bool) -> Line:
    """The fastest block of every pass of every side."""
    given = arrays(layer, 0, layer.dtype)
    sides = {"npcnn": prepare_npcnn(layer, given), **prepare_torch(layer, given)}
    sides |= prepare_products(layer, given) | (prepare_peers(layer, given) if has_peers else {})
    if hasattr(os, "sched_setaffinity"):
        sides[ALONE] = sides["npcnn"]
    seconds: dict[str, dict[str, float]] = {way: {} for way in PASSES}
    for _ in range(turns):
        for name, calls in sides.items():
            with hold_one_core() if name == ALONE else nullcontext():
                for way, call in zip(PASSES, calls):
                    spent = time_block(call)
                    seconds[way][name] = min(seconds[way].get(name, spent), spent)
    about = {"dtype": layer.dtype, "batch": layer.x[0], "group": group, "layer": layer.name}
    ratio = {way: list_numbers(seconds[way])["ratio"] for way in PASSES}
    return {**about, "seconds": seconds, "ratio": ratio}


@contextmanager
def hold_one_core() -> Iterator[None]:
    """This thread on one core, and no other at work with it."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with importlib.import_module("npcnn.workers").single_blas():
            yield
    finally:
        os.sched_setaffinity(0, cores)


def time_block(call: Callable[[], Any]) -> float:
    """The median of the seconds of calls that follow each other, warm."""
    time.sleep(PAUSE)
    spent, counted = 0.0, list[float]()
    while spent < WARM + BLOCK or not counted:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        counted += [seconds] * (spent >= WARM)
        spent += seconds
    return median(counted)


def prepare_npcnn(case: Case, given: Arrays) -> Calls:
    """Its functions, which check what they are given."""
    npcnn = importlib.import_module("npcnn.functional")
    forward, backward = (getattr(npcnn, f"{case.op}2d{end}") for end in ("", "_backward"))
    words: dict[str, Any] = {"stride": case.stride, "padding": case.pad}
    words |= {"groups": case.groups} if case.op == "conv" else {"kernel_size": case.kernel}
    own = [given[name] for name in ("x", "w", "b") if name in given]
    return partial(forward, *own, **words), partial(backward, given["dy"], *own[:2], **words)


def prepare_torch(case: Case, given: Arrays) -> Sides:
    """torch's function, and its backward kernel without autograd, in two memory formats."""
    torch = importlib.import_module("torch")
    pad = [before for before, _ in case.pad]
    plain = [np.moveaxis(given[name], -1, 1) for name in ("dy", "x")]
    words: list[Any] = [case.kernel, case.stride, pad]
    if case.op == "conv":
        plain += [np.moveaxis(given["w"], (-1, -2), (0, 1)), given["b"]]
        words = [case.stride, pad, case.dilation, case.groups]
    function = getattr(torch.nn.functional, f"{case.op}2d")
    sides: Sides = {}
    for name, form in FORMATS.items():
        forms = [getattr(torch, form if a.ndim == 4 else "contiguous_format") for a in plain]
        dy, *own = (torch.from_numpy(a).clone(memory_format=f) for a, f in zip(plain, forms))
        y = function(*(leaf.detach().requires_grad_() for leaf in own), *words)
        sides[name] = partial(function, *own, *words), torch.no_grad()(partial(y.grad_fn, dy))
    return sides


def prepare_products(case: Case, given: Arrays) -> Sides:
    """The products of y, and those of dx and dw; none of pools and of groups of one channel."""
    if case.op != "conv" or given["w"].shape[-2] == 1 < case.groups:
        return {}
    w, filters = given["w"], given["w"].shape[-1] // case.groups
    depth, windows = w.size // w.shape[-1], given["dy"].size // w.shape[-1]
    parts = -(-windows // max(1, CELLS // (depth * case.groups * w.itemsize)))
    rows = -(-windows // parts)
    cells, dcells = np.ones((2, case.groups, rows, depth), w.dtype)
    weights, dw = np.ones((2, case.groups, depth, filters), w.dtype)
    y, dy = np.ones((2, case.groups, rows, filters), w.dtype)

    def forward() -> None:
        for _ in range(parts):
            np.matmul(cells, weights, out=y)

    def backward() -> None:
        for _ in range(parts):
            np.matmul(dy, weights.mT, out=dcells)
            np.matmul(cells.mT, dy, out=dw)

    return {"product": (forward, backward)}


def name_part(line: Line) -> str:
    return "{dtype}, batch {batch}".format_map(line)


def average(lines: Sequence[Line]) -> dict[str, dict[str, dict[str, float]]]:
    """The geometric means of the ratios, by dtype and batch, by group and by pass."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    for (part, group), those in groupby(lines, lambda line: (name_part(line), line["group"])):
        ratios = [line["ratio"] for line in those]
        mean = {way: geometric_mean(ratio[way] for ratio in ratios) for way in PASSES}
        means.setdefault(part, {})[group] = mean
    return means


def list_numbers(seconds: Mapping[str, float]) -> dict[str, float]:
    """What the sides' seconds of a pass come to: two ratios, and milliseconds."""
    ours, torch = seconds["npcnn"], min(seconds[name] for name in FORMATS)
    peer = min((seconds[name] for name in seconds.keys() - OURS), default=math.nan)
    ratios = {"ratio": torch / ours, "cores": seconds.get(ALONE, math.nan) / ours}
    bare = seconds.get("product", math.nan)
    times = {"npcnn": ours, "product": bare, "torch": torch, "peer": peer}
    return ratios | {name: 1e3 * spent for name, spent in times.items()}


def write_table(document: Mapping[str, Any]) -> Iterator[str]:
    yield "{cpus} CPUs, NumPy {numpy} with {kernel} kernels, torch {torch}".format_map(document)
    for forced in document["forced"]:
        yield f"warning: {forced} chooses NumPy's kernels, which may be faster without it"
    lines, titles = document["lines"], ["ratio", "cores", "npcnn", "product", "torch"]
    passes = [(line, way, line["seconds"][way]) for line, way in product(lines, PASSES)]
    titles += ["peer"] * any(seconds.keys() - OURS for _, _, seconds in passes)
    width = COLUMN * len(titles)
    for part, groups in groupby(lines, name_part):
        yield from ("", f"{f'{part}, ms':{WIDTH}}" + "".join(f"{way:>{width}}" for way in PASSES))
        for group, those in groupby(groups, itemgetter("group")):
            yield f"{group:{WIDTH}}" + write_cells(titles) * len(PASSES)
            rows: list[tuple[str, list[dict[str, float]]]] = [
                (line["layer"], [list_numbers(line["seconds"][way]) for way in PASSES])
                for line in those
            ]
            means = [
                {title: geometric_mean(one[title] for one in column) for title in titles[:2]}
                for column in zip(*(numbers for _, numbers in rows))
            ]
            for name, numbers in (*rows, ("geometric mean", means)):
                cells = (write_cells(one.get(title, "") for title in titles) for one in numbers)
                yield f"{f'  {name}':{WIDTH}}{''.join(cells)}".rstrip()
    least, way, name = min((line["ratio"][way], way, line["layer"]) for line, way, _ in passes)
    yield f"{len(lines)} layers; the smallest ratio is {least:.3g}, {way} of {name}"
    for line, way, seconds in passes:
        for name in sorted(seconds.keys() - OURS, key=seconds.__getitem__)[:1]:
            if (times := seconds["npcnn"] / seconds[name]) > 1:
                layer = f"{way} of {line['layer']}, {name_part(line)}"
                yield f"{name} is faster, {times:.3g} times: {layer}"


def write_cells(cells: Iterable[object]) -> str:
    """Words, or numbers of three digits, a column each; a dash where there is none."""
    texts = (cell if isinstance(cell, str) else f"{cell:.3g}".replace("nan", "-") for cell in cells)
    return "".join(f"{text:>{COLUMN}}" for text in texts)


def draw_plot(lines: Sequence[Line]) -> str:
    """The ratios as SVG: a bar and a number each, and a line where torch is."""
    ratios = [(line, way, line["ratio"][way]) for line, way in product(lines, PASSES)]
    scale, bars = BAR / min(MOST, max(1.0, *(ratio for _, _, ratio in ratios))), ""
    for row, (line, way, ratio) in enumerate(ratios):
        name = html.escape(f"{line['layer']}, {name_part(line)}, {way}")
        width = scale * min(ratio, MOST)
        bars += f'<g transform="translate(0 {ROW * row})"><text x="-340" y="11">{name}</text>'
        bars += f'<rect class="{way}" y="2" width="{width:.1f}" height="11"/>'
        bars += f'<text x="{width + 4:.1f}" y="11">{ratio:.2g}</text></g>\n'
    bottom = ROW * len(ratios)
    about = {"bars": bars, "torch": f"{scale:.1f}", "bottom": bottom, "height": bottom + 2 * ROW}
    template = Template(Path(__file__).with_name("plot.svg").read_text(encoding="utf-8"))
    return template.substitute(about)
