"""The benchmark: how fast npcnn's passes are beside torch's kernels, and what memory they take.

    python -m verification.benchmark [--only TEXT] [--dtype float32|float64] [--batch N]

    ratio   = torch's time / npcnn's, with the better of torch's two memory formats
    product = NumPy's bare matrix products of the layer, which npcnn's passes are made of

The sides have the machine in turn, in processes of their own and with as many threads; of several
blocks of calls, warm from those before, the fastest counts.  A backward pass is all gradients from
what a caller has kept; of a convolution it counts as twice the operations.  Working memory is
npcnn's beyond inputs and outputs, in the pass that takes more, and with what it keeps for the next.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from verification import options, row, timing
from verification.timing import PASSES, EndedError, Side

LAYERS = {
    "dense": {
        "5x5, 1 -> 6 @28": "conv x=[{},28,28,1] w=[5,5,1,6] pad=2",
        "5x5, 6 -> 16 @14": "conv x=[{},14,14,6] w=[5,5,6,16]",
        "7x7 s2, 3 -> 64 @224": "conv x=[{},224,224,3] w=[7,7,3,64] stride=2 pad=3",
        "3x3, 64 -> 64 @56": "conv x=[{},56,56,64] w=[3,3,64,64] pad=1",
        "3x3 s2, 64 -> 128 @56": "conv x=[{},56,56,64] w=[3,3,64,128] stride=2 pad=1",
        "3x3, 128 -> 128 @28": "conv x=[{},28,28,128] w=[3,3,128,128] pad=1",
        "3x3, 256 -> 256 @14": "conv x=[{},14,14,256] w=[3,3,256,256] pad=1",
        "3x3, 512 -> 512 @7": "conv x=[{},7,7,512] w=[3,3,512,512] pad=1",
        "1x1, 64 -> 256 @56": "conv x=[{},56,56,64] w=[1,1,64,256]",
        "1x1, 512 -> 128 @28": "conv x=[{},28,28,512] w=[1,1,512,128]",
        "3x3, 64 -> 128 @112": "conv x=[{},112,112,64] w=[3,3,64,128] pad=1",
    },
    "grouped": {
        "3x3, 128 -> 128, 32 groups @56": "conv x=[{},56,56,128] w=[3,3,4,128] pad=1 groups=32",
    },
    "depthwise": {
        "3x3, 64 @112": "conv x=[{},112,112,64] w=[3,3,1,64] pad=1 groups=64",
        "3x3 s2, 128 @56": "conv x=[{},56,56,128] w=[3,3,1,128] stride=2 pad=1 groups=128",
        "3x3, 512 @14": "conv x=[{},14,14,512] w=[3,3,1,512] pad=1 groups=512",
        "5x5 s2, 96 @56": "conv x=[{},56,56,96] w=[5,5,1,96] stride=2 pad=2 groups=96",
    },
    "pool": {
        "max 3x3 s2, 64 @112": "max_pool x=[{},112,112,64] kernel=3 stride=2 pad=1",
        "max 2x2 s2, 64 @112": "max_pool x=[{},112,112,64] kernel=2",
        "max 2x2 s2, 6 @28": "max_pool x=[{},28,28,6] kernel=2",
        "average 3x3 s1, 64 @28": "avg_pool x=[{},28,28,64] kernel=3 stride=1 pad=1",
        "average 2x2 s2, 128 @56": "avg_pool x=[{},56,56,128] kernel=2",
        "global average, 512 @7": "avg_pool x=[{},7,7,512] kernel=7",
    },
}
"""The layers of real networks, by group and name; @ is before the side of the input."""
DTYPES, BATCHES = ("float32", "float64"), (8, 1)
WIDTH = 34
OK, FAILED, NO_TORCH = 0, 2, 3


@dataclass(frozen=True)
class Line:
    """A layer: a convolution's forward operations; by pass the seconds, ratio and bytes of work."""

    dtype: str
    batch: int
    group: str
    layer: str
    flops: int | None
    seconds: Mapping[str, Mapping[str, float]]
    ratio: Mapping[str, float]
    work: Mapping[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    layers = list(chosen(given.only, given.dtype, given.batch))
    if not layers:
        parser.error(f"no layer's or group's name contains {given.only!r}")
    if importlib.util.find_spec("torch") is None:
        print("the benchmark needs torch, which is not installed", file=sys.stderr)
        return NO_TORCH
    try:
        file = Path(given.json) if given.json not in ("", "-") else None
        if file:
            file.open("a").close()  # said before the run, not after it
        about = {**timing.machine(), "blocks": given.blocks}
        lines = list(measured(layers, given.blocks))
        text = as_json(about, lines)
        print(text if given.json == "-" else "\n".join(table(about, lines)))
        if file:
            file.write_text(text + "\n", encoding="utf-8")
    except (EndedError, OSError, KeyboardInterrupt) as failure:
        print(str(failure) or "interrupted", file=sys.stderr)
        return FAILED
    return OK


def chosen(text: str, dtype: str, batch: int) -> Iterator[tuple[str, int, str, str]]:
    """dtype, batch, group and name of the layers to be measured; "" and 0 choose all."""
    for kind in [dtype] if dtype else DTYPES:
        for size in [batch] if batch else BATCHES:
            for group, rows in LAYERS.items():
                named = (name for name in rows if text in group or text in name)
                yield from ((kind, size, group, name) for name in named)


def measured(layers: Sequence[tuple[str, int, str, str]], blocks: int) -> Iterator[Line]:
    """One layer after the other."""
    with ExitStack() as stack:
        stack.callback(_progress, "")
        sides = [stack.enter_context(Side(name)) for name in timing.SIDES]
        for done, (dtype, batch, group, name) in enumerate(layers):
            _progress(f"{done} of {len(layers)} layers")
            line = f"{LAYERS[group][name].format(batch)} fill=dense"
            for side in sides:
                side.ask("begin", line, dtype)
            (case,) = row.parse(line)
            flops = 2 * case.work if case.op == "conv" else None
            seconds = timing.fastest(sides, blocks)
            pairs = {which: timing.pair(each) for which, each in seconds.items()}
            ratio = {which: theirs / ours for which, (ours, theirs) in pairs.items()}
            with Side("npcnn") as fresh:
                work = fresh.ask("work", line, dtype)
            yield Line(dtype, batch, group, name, flops, seconds, ratio, work)


def _progress(text: str) -> None:
    """A line that replaces itself, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)


def table(about: Mapping[str, Any], lines: Sequence[Line]) -> Iterator[str]:
    """As text, a line each."""
    yield "{cpus} CPUs, {processor}; Python {python}, NumPy {numpy} with {blas},".format_map(about)
    yield "torch {torch}; {threads} threads each, the fastest of {blocks} blocks".format_map(about)
    yield "ratio = torch's time / npcnn's: above 1 npcnn is faster; product = NumPy's bare products"
    for part, those in parts(lines).items():
        yield ""
        yield f"{part:{WIDTH}}" + "".join(f"{which:>35}" for which in PASSES) + f"{'work':>8}"
        for group, its in groupby(those, attrgetter("group")):
            unit = "ms" if group == "pool" else "GFLOP/s"
            titles = f"{'ratio':>8}{'npcnn':>9}{'product':>9}{'torch':>9}" * len(PASSES)
            yield f"{f'{group}, {unit}':{WIDTH}}{titles}{'MiB':>8}"
            yield from map(_text, its)
        for group, means in summary(those).items():
            told = "".join(f"{means[which]:>8.3g}{'':27}" for which in PASSES)
            yield f"{f'geometric mean, {group}':{WIDTH}}{told}".rstrip()
        slowest, which, name = min((i.ratio[w], w, i.layer) for i in those for w in PASSES)
        yield f"the smallest ratio is {slowest:.3g}, {which} of {name}"


def _text(line: Line) -> str:
    told = f"{f'  {line.layer}':{WIDTH}}"
    for times, which in enumerate(PASSES, start=1):
        work = 1e-9 * times * line.flops if line.flops else None
        ours, theirs = timing.pair(line.seconds[which])
        told += f"{line.ratio[which]:>8.3g}"
        for each in (ours, line.seconds[which].get("product", 0), theirs):
            told += f"{work / each if work else 1e3 * each:>9.3g}" if each else f"{'-':>9}"
    return f"{told}{max(line.work.values()) / 2**20:>8.1f}"


def parts(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines of each dtype and batch."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(f"{line.dtype}, batch {line.batch}", []).append(line)
    return found


def summary(lines: Sequence[Line]) -> dict[str, dict[str, float]]:
    """The geometric means of the ratios by pass, of every group and of all."""
    named = {group: [line for line in lines if line.group == group] for group in LAYERS}
    return {
        group: {which: geometric_mean(line.ratio[which] for line in those) for which in PASSES}
        for group, those in {**named, "all": lines}.items()
        if those
    }


def as_json(about: Mapping[str, Any], lines: Sequence[Line]) -> str:
    means = {part: summary(those) for part, those in parts(lines).items()}
    told = {**about, "lines": list(map(asdict, lines)), "means": means}
    return json.dumps(told, indent=1, sort_keys=True)


def _parser() -> options.Parser:
    codes = "exit codes: 0 measured, 2 failed or interrupted, 3 no torch, 4 bad usage"
    said = "How fast npcnn's passes are beside PyTorch's kernels."
    built = options.Parser("python -m verification.benchmark", description=said, epilog=codes)
    add = built.add_argument
    add("--only", default="", metavar="TEXT", help="layers or groups whose name contains TEXT")
    add("--dtype", choices=DTYPES, default="", help="(both)")
    add("--batch", type=_count, default=0, metavar="N", help="(8, and then 1)")
    add("--blocks", type=_count, default=4, metavar="N", help="of calls, the fastest counts (4)")
    add("--json", metavar="FILE", default="", help="write it as JSON too; - is standard output")
    return built


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


if __name__ == "__main__":
    sys.exit(main())
