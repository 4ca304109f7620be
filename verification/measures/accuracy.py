"""How much of the error that is allowed a candidate's convolutions take, and torch's.

    share = max |got - true| / bound    over every number of y, dx, dw and db, in float32

The truth is torch's in float64.  The bound is the one of any right sum of K products, in whatever
order (verification/truth/bounds.py): what is above 1 is wrong.  Layers have as many filters as
channels, so that y and dx both are sums of K = kernel cells * channels.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from verification import truth
from verification.candidates import Terms, load
from verification.judging import Trial
from verification.questions import Array, parse

LAYERS = ((3, 1), (3, 3), (1, 64), (7, 3), (1, 256), (3, 64), (1, 1024), (3, 256), (3, 512))
"""Kernels and depths, as real networks have them."""
QUICK = 6
OUTPUTS = {"y": "conv_forward", "dx": "conv_backward", "dw": "conv_backward", "db": "conv_backward"}
DTYPE = "float32"


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], Iterator[str], int]:
    """The shares of every layer, the candidate's and the oracle's."""
    about = {"candidate": options.candidate, "seed": options.seed, "oracle": truth.prepare()}
    layers = LAYERS[:QUICK] if options.quick else LAYERS
    with closing(load(options.candidate, Terms())) as judged:
        trial = Trial(judged, options.seed, DTYPE)
        lines = [measure_layer(trial, *sizes) for sizes in layers]
    return {**about, "lines": lines}, write_table(about, lines), 0


def measure_layer(trial: Trial, kernel: int, depth: int) -> dict[str, Any]:
    """By output, the candidate's share, None where it gives no finite answer, and the oracle's."""
    line = f"conv x=[2,{kernel + 3},{kernel + 4},{depth}] w=[{kernel},{kernel},{depth},{depth}]"
    (case,) = parse(f"{line} fill=dense")
    asked, judged = truth.answer(case, trial.seed, DTYPE), trial.judged
    oracle = truth.oracle.answers(case, asked.arrays)
    shares: dict[str, Any] = {}
    for name, op in OUTPUTS.items():
        able = (f for f in judged.contract.functions if f.op == op and judged.expresses(f, case))
        function, share = next(able, None), None
        if function:
            got = judged.ask(function, case, asked.arrays).values.get(name)
            if isinstance(got, np.ndarray) and got.size == math.prod(case.outputs[name]):
                share = find_share(trial.restore(function, case, name, got), asked, name)
                share = share if math.isfinite(share) else None
        shares[name] = {"candidate": share, "oracle": find_share(oracle[name], asked, name)}
    return {"products": kernel**2 * depth, "layer": f"{kernel}x{kernel}x{depth}", **shares}


def find_share(got: Array, asked: truth.Truth, name: str) -> float:
    """The largest part of its bound that an error takes, infinite where there is no number."""
    error = np.abs(got - asked.values[name])
    with np.errstate(all="ignore"):  # maxima have no bound: they are equal, or infinitely far off
        share = np.max(np.where(error == 0, 0.0, error / asked.limits.get(name, 0.0)))
    return math.inf if np.isnan(share) else float(share)


def write_table(about: dict[str, Any], lines: list[dict[str, Any]]) -> Iterator[str]:
    yield "{candidate} beside {oracle}, float32, seed {seed}".format_map(about)
    yield f"{'K':>6}  {'layer':9}" + "".join(f"{name:>10}{'torch':>9}" for name in OUTPUTS)
    worst = 0.0
    for line in lines:
        shares = [line[name][whose] for name in OUTPUTS for whose in ("candidate", "oracle")]
        cells = ("-" if share is None else f"{share:.2g}" for share in shares)
        text = "".join(f"{cell:>{10 - place % 2}}" for place, cell in enumerate(cells))
        yield f"{line['products']:>6}  {line['layer']:9}{text}"
        worst = max(worst, *(share or 0.0 for share in shares[::2]))
    yield f"{about['candidate']} takes at most {worst:.2g} of what any right sum of K products may"
