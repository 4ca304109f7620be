"""The accuracy figure: how exact a candidate's sums of K products are, and how exact torch's.

    python -m verification.accuracy [CANDIDATE] [--dtype float32|float64] [--json FILE]

    error = max |got - sum x w| / (u sum |x||w|)    over some 300 numbers of an output

A right sum, in whatever order, stays below K.  The truth is exact: the factors have 26 bits at
most, so float64 holds every product, and math.fsum adds up any number of them without a rounding.
Each of y, dx and dw has a layer of its own, all of whose numbers are sums of exactly K products:

    y     no pads                  K = kernel cells * channels
    dx    pads of kernel - 1       K = kernel cells * filters
    dw    no pads                  K = windows

Every gradient is a convolution again: dx of dy with w flipped, dw of x with dy.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from verification import asking, candidate, fills, options, oracle, row
from verification.apart.process import UnloadableError
from verification.candidate import Candidate
from verification.case import Case
from verification.contracts import OWN

Array = NDArray[Any]
Arrays = Mapping[str, Array]

LAYERS = ((3, 1), (3, 3), (1, 64), (7, 3), (1, 256), (3, 64), (1, 1024), (3, 256), (3, 512))
"""Kernels and depths, as real networks have them."""
OUTPUTS = {"y": "conv_forward", "dx": "conv_backward", "dw": "conv_backward"}
BITS = 26
"""Of a factor: twice as many fit float64."""
OK, FAILED = 0, 2


@dataclass(frozen=True)
class Line:
    """Of layers with so many products a sum: the largest errors, by output and by whose they are.

    None where there is no answer, or one with a number in it that is not finite.
    """

    products: int
    layer: str
    errors: Mapping[str, Mapping[str, float | None]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        with contextlib.closing(candidate.load(given.candidate)) as judged:
            about = {name: vars(given)[name] for name in ("candidate", "dtype", "seed")}
            about["oracle"] = oracle.prepare()
            lines = list(measured(judged, given.seed, given.dtype))
        print("\n".join(table(about, lines)))
        if given.json:
            Path(given.json).write_text(as_json(about, lines) + "\n", encoding="utf-8")
    except (UnloadableError, OSError) as failure:
        print(failure, file=sys.stderr)
        return FAILED
    return OK


def measured(
    judged: Candidate, seed: int, dtype: str, sizes: Sequence[tuple[int, int]] = LAYERS
) -> Iterator[Line]:
    """The errors for every kernel and depth, one after the other."""
    for kernel, depth in sizes:
        layers = {name: layer(name, kernel, depth) for name in OUTPUTS}
        errors = {name: _errors(judged, name, case, seed, dtype) for name, case in layers.items()}
        yield Line(kernel**2 * depth, f"{kernel}x{kernel}x{depth}", errors)


def layer(output: str, kernel: int, depth: int) -> Case:
    """A layer in which every number of this output is a sum of kernel^2 * depth products."""
    if output == "y":
        words = f"x=[2,{kernel + 3},{kernel + 4},{depth}] w=[{kernel},{kernel},{depth},8]"
    elif output == "dx":
        words = f"x=[1,1,4,80] w=[{kernel},{kernel},80,{depth}] pad={kernel - 1}"
    else:
        high, wide = (size + kernel - 1 for size in _sides(kernel**2 * depth))
        channels = 150 // kernel**2
        words = f"x=[1,{high},{wide},{channels}] w=[{kernel},{kernel},{channels},2]"
    (case,) = row.parse(f"conv {words} fill=dense")
    return case


def _sides(windows: int) -> tuple[int, int]:
    """A rectangle of so many windows, the nearest to a square that is none."""
    tall = (size for size in range(math.isqrt(windows - 1), 0, -1) if windows % size == 0)
    high = next(tall)
    return high, windows // high


def arrays(case: Case, seed: int, dtype: str) -> dict[str, Array]:
    """N(0, 1), in so few bits that float64 holds every product; b is zero and rounds nothing."""
    given = fills.arrays(case, seed, dtype)
    parts = {name: np.frexp(a) for name, a in given.items()}
    short = {name: np.ldexp(np.rint(np.ldexp(m, BITS)), e - BITS) for name, (m, e) in parts.items()}
    return short | {"b": np.zeros_like(given["b"])}


def products(given: Arrays, output: str) -> Array:
    """(*the output's shape, K): the products that each of its numbers sums up, exactly."""
    x, w, dy = (given[name].astype(np.float64) for name in ("x", "w", "dy"))
    if output == "y":
        return _products(x, w)
    if output == "dx":
        return _products(dy, w[::-1, ::-1].swapaxes(2, 3))
    return np.moveaxis(_products(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)), 0, 2)


def _products(x: Array, w: Array) -> Array:
    """Of a convolution without pads: (N, P, Q, filters, K)."""
    windows = sliding_window_view(x, w.shape[:2], axis=(1, 2))
    terms: Array = windows[:, :, :, None] * w.transpose(3, 2, 0, 1)
    return terms.reshape(*terms.shape[:4], -1)


def error(products: Array, got: Array, unit: float) -> float | None:
    """The largest error of `got`, in units of unit * sum |x||w|; None where there is none."""
    if not np.isfinite(got).all():
        return None
    sums = zip(products.reshape(got.size, -1).tolist(), got.ravel().tolist(), strict=True)
    return max(
        abs(math.fsum([*terms, -value])) / (unit * math.fsum(map(abs, terms)))
        for terms, value in sums
    )


def _errors(
    judged: Candidate, output: str, case: Case, seed: int, dtype: str
) -> dict[str, float | None]:
    given = arrays(case, seed, dtype)
    terms, unit = products(given, output), float(np.finfo(dtype).eps) / 2
    theirs = _answer(judged, output, case, given)
    return {
        "candidate": None if theirs is None else error(terms, theirs, unit),
        "oracle": error(terms, oracle.answers(case, given)[output], unit),
    }


def _answer(judged: Candidate, output: str, case: Case, given: Arrays) -> Array | None:
    """The candidate's, shaped as the oracle's; None where it cannot be asked or has none."""
    named = (f for f in judged.contract.functions if f.op == OUTPUTS[output])
    function = next((f for f in named if judged.expresses(f, case)), None)
    if function is None:
        return None
    value = judged.ask(function, case, given, OWN).values.get(output)
    with contextlib.suppress(asking.UnansweredError):
        return asking.unformed(function.form, case, output, value, asking.shapes(case)[output])
    return None


def table(about: Mapping[str, Any], lines: Sequence[Line]) -> Iterator[str]:
    """As text, a line each."""
    unit = round(math.log2(float(np.finfo(about["dtype"]).eps))) - 1
    yield "{candidate} beside {oracle}, {dtype}, seed {seed}".format_map(about)
    yield "the largest error of some 300 sums of K products of N(0, 1) numbers, against exact sums,"
    yield f"in units of u sum |x||w|, u = 2^{unit}; a right sum, in whatever order, stays below K"
    yield ""
    yield " " * 16 + "".join(f"{name:>12}{'':8}" for name in OUTPUTS).rstrip()
    yield f"{'K':>6}  {'layer':8}" + f"{'candidate':>12}{'torch':>8}" * len(OUTPUTS)
    for line in lines:
        pairs = (line.errors[name] for name in OUTPUTS)
        told = (f"{_text(pair['candidate']):>12}{_text(pair['oracle']):>8}" for pair in pairs)
        yield f"{line.products:>6}  {line.layer:8}" + "".join(told)


def _text(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}" if number < 1000 else f"{number:.1e}"


def as_json(about: Mapping[str, Any], lines: Sequence[Line]) -> str:
    return json.dumps(
        {**about, "lines": [asdict(line) for line in lines]}, indent=1, sort_keys=True
    )


def _parser() -> argparse.ArgumentParser:
    built = options.Parser(
        prog="python -m verification.accuracy",
        description="How exact sums of K products are, a candidate's and PyTorch's.",
    )
    what = "my_cnn.py, notebook.ipynb or package.module (npcnn)"
    built.add_argument("candidate", nargs="?", default="npcnn", help=what)
    built.add_argument(
        "--dtype", choices=("float32", "float64"), default="float32", help="(float32)"
    )
    built.add_argument("--seed", type=int, default=0, help="another seed, other numbers (0)")
    built.add_argument("--json", metavar="FILE", default="", help="write it as JSON too")
    return built


if __name__ == "__main__":
    sys.exit(main())
