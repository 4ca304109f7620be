"""npcnn inside torch's networks, each of its layers beside torch's on the same numbers.

A network's convolutions, transposed ones, pools and batch norms are npcnn's; the graph and all else
are torch's.  Each of these layers is a question whose x and dy are the network's: torch is asked it
in float64, and every number of y, dx, dw and db must be within the bound of any right answer in
float32 (verification/truth/bounds.py); maxima and their places must be equal.
"""

from __future__ import annotations

import argparse
import math
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from verification import truth
from verification.candidates import get_contract
from verification.measures import read_table
from verification.measures.accuracy import DTYPE, find_share
from verification.questions import Array, Case, parse, shapes

NETWORKS = read_table("networks.toml")
OPERATIONS: dict[str, str] = NETWORKS.pop("operations")
"""The steps that are npcnn's, as questions."""
QUICK = "DCGAN"
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "tanh": torch.tanh,
    "lrn": lambda x: F.local_response_norm(x, 5),
}


@dataclass
class Line:
    """What came of a network."""

    network: str
    layers: int = 0
    numbers: int = 0
    worst: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Layer:
    """A question with a network's numbers, and what npcnn answers."""

    def __init__(self, line: Line, step: str, case: Case, weights: dict[str, Array]) -> None:
        line.layers += 1
        self.line, self.name = line, f"layer {line.layers}, {step}"
        self.case, self.given, self.answers = case, weights, dict[str, Array]()

    def ask(self, way: str) -> None:
        """Put it to npcnn, forward or backward."""
        functions = get_contract("npcnn").functions
        passes = [f for f in functions if f.name.startswith("functional.") and f.op.endswith(way)]
        function = next(f for f in passes if f.expresses(self.case))
        (call,) = function.plan(self.case, self.given)
        run = pkgutil.resolve_name(f"npcnn.{call.function}")
        found = run(*call.arguments, **call.words)
        self.answers |= zip(call.outputs, found if isinstance(found, tuple) else (found,))

    def compare(self) -> None:
        """Every number with torch's."""
        asked = truth.Truth(self.case, self.given, DTYPE)
        for name in asked.values:
            share = find_share(self.answers[name], asked, name)
            self.line.numbers += self.answers[name].size
            self.line.worst = max(self.line.worst, share)
            if share > 1:
                self.line.wrong.append(f"{self.name}: {name} is {share:.3g} bounds off")


class Pass(torch.autograd.Function):
    """A layer of npcnn's as a step of torch's graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Layer) -> Tensor:
        ctx.layer = layer
        layer.given["x"] = x.detach().movedim(1, -1).numpy()
        layer.ask("forward")
        return torch.from_numpy(layer.answers["y"]).movedim(-1, 1)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        layer = ctx.layer
        layer.given["dy"] = dy.movedim(1, -1).numpy()
        layer.ask("backward")
        with torch.enable_grad():  # the oracle's own
            layer.compare()
        return torch.from_numpy(layer.answers["dx"]).movedim(-1, 1), None


@dataclass
class Network:
    """Steps as networks.toml has them; the weights are drawn where they are wanted."""

    blocks: dict[str, list[Any]]
    random: np.random.Generator
    line: Line

    def take(self, step: Any, x: Tensor) -> Tensor:
        """A step, a list of them, or branches that meet again."""
        if isinstance(step, list):
            for one in step:
                x = self.take(one, x)
            return x
        if isinstance(step, dict):
            ((how, branches),) = step.items()
            ys = [self.take(branch, x) for branch in branches]
            return torch.cat(ys, 1) if how == "cat" else torch.stack(ys).sum(0)
        name, *words = step.split()
        if name in self.blocks:
            return self.take(fill(self.blocks[name], words), x)
        if name in OTHERS:
            return OTHERS[name](x)
        examples, channels, *space = x.shape
        row = f"{OPERATIONS[name].format(*words, c=channels)} x={[examples, *space, channels]}"
        (case,) = parse(f"{row.replace(', ', ',')} fill=dense")
        layer = Layer(self.line, step, case, self.draw_weights(case))
        y: Tensor = Pass.apply(x, layer)  # type: ignore[no-untyped-call]
        return y

    def draw_weights(self, case: Case) -> dict[str, Array]:
        """Every array but x and dy; sums over a filter keep their size."""
        sizes = {name: size for name, size in shapes(case).items() if name not in ("x", "dy")}
        scale = math.sqrt(2 * case.y[-1] / math.prod(case.w)) if case.w else 0.1
        weights = {name: self.draw(scale if name == "w" else 0.1, sizes[name]) for name in sizes}
        if case.op == "batch_norm":
            one = np.ones(case.x[-1], DTYPE)
            weights |= {"w": one + weights["w"], "mean": 0 * one, "var": one}
        return weights

    def draw(self, scale: float, shape: Sequence[int]) -> Array:
        return (scale * self.random.standard_normal(shape)).astype(DTYPE)


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], Iterator[str], int]:
    """Every network that is chosen, forward and backward once."""
    text = QUICK if options.quick else options.only
    chosen = [name for name in NETWORKS if text in name]
    if not chosen:
        raise argparse.ArgumentError(None, f"no network's name contains {text!r}")
    oracle = truth.prepare()
    lines = [asdict(run(name, options.seed)) for name in chosen]
    document = {"oracle": oracle, "seed": options.seed, "lines": lines}
    return document, write_table(document), int(any(line["wrong"] for line in lines))


def run(name: str, seed: int) -> Line:
    """One network: its layers compared on the way forward, and on the way back."""
    start, line, rows = time.perf_counter(), Line(name), NETWORKS[name]
    network = Network(rows.get("blocks", {}), np.random.default_rng(seed), line)
    y = network.take(rows["steps"], torch.from_numpy(network.draw(1, rows["x"])).requires_grad_())
    torch.autograd.backward(y, torch.from_numpy(network.draw(1, y.shape)))
    line.seconds = round(time.perf_counter() - start, 1)
    return line


def write_table(document: dict[str, Any]) -> Iterator[str]:
    yield "npcnn within networks of {oracle}, float32, seed {seed}".format_map(document)
    yield f"{'network':20}{'layers':>8}{'numbers':>12}{'worst share':>13}{'seconds':>9}"
    for line in document["lines"]:
        yield "{network:20}{layers:8}{numbers:12,}{worst:13.2g}{seconds:9.1f}".format_map(line)
        yield from (f"  {wrong}" for wrong in line["wrong"])


def fill(steps: Any, words: Sequence[str]) -> Any:
    """The steps of a block with these words."""
    if isinstance(steps, dict):
        return {how: fill(branches, words) for how, branches in steps.items()}
    return [fill(one, words) for one in steps] if isinstance(steps, list) else steps.format(*words)
