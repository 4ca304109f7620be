"""npcnn inside torch's networks, each of its layers beside torch's on the same numbers.

A network's convolutions, transposed ones, pools and batch norms are npcnn's; the graph and all else
are torch's.  At each of these layers torch is asked in float64, with the same inputs and the same
upstream gradient, and every number of y, dx, dw and db must be within its bound of that:

    conv, up     gamma(n + 1) times the same of magnitudes, for sums of n products
    avg, global  gamma(n + 1) times the same of magnitudes, for windows of n cells
    max          y is equal; dx as of avg, for a cell is the largest of n windows at most
    norm         npcnn's sums are in float64, so that its numbers err by a few roundings of their
                 terms: gamma(8) times their magnitudes, gamma(20) for dx, which goes through more

gamma(n) = n u / (1 - n u) with float32's u; one rounding more pays for those of the bound itself.
"""

from __future__ import annotations

import argparse
import math
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from verification import truth
from verification.questions import Array

NETWORKS = tomllib.loads(Path(__file__).with_name("networks.toml").read_text(encoding="utf-8"))
QUICK = "DCGAN"
OPERATIONS = {
    "conv": "conv2d",
    "depth": "conv2d",
    "up": "conv_transpose2d",
    "max": "max_pool2d",
    "avg": "avg_pool2d",
    "global": "adaptive_avg_pool2d",
}
"""The steps that are npcnn's, besides norm, under the names that it shares with torch."""
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

    def add(self, step: str) -> str:
        """Another layer, by its name."""
        self.layers += 1
        return f"layer {self.layers}, {step}"

    def compare(self, layer: str, names: str, *results: Sequence[Tensor]) -> None:
        """What a layer found, what is true, and the bounds, by these names."""
        for name, got, right, limit in zip(names.split(), *results):
            error = (got - right).abs()
            share = torch.where(error == 0, 0.0, error / limit).max().item()
            self.numbers += got.numel()
            self.worst = max(self.worst, math.inf if math.isnan(share) else share)
            if not share <= 1:
                self.wrong.append(f"{layer}: {name} is {share:.3g} bounds off")


class Windows:
    """A convolution or a pool."""

    def __init__(self, line: Line, step: str, words: dict[str, Any]) -> None:
        self.line, self.about, self.words = line, line.add(step), words
        self.name = OPERATIONS[step.split()[0]]
        self.is_max = self.name == "max_pool2d"

    def forward(self, functional: Any, *tensors: Tensor) -> Tensor:
        self.tensors, self.true = tensors, self.trace(tensors)
        self.size = self.trace([t if self.is_max else t.abs() for t in tensors])
        (y,) = to_torch(getattr(functional, self.name)(*to_numpy(*tensors), **self.words))
        count, *self.counts = self.count(y)
        limit = gamma(0 if self.is_max else count) * self.size[-1].abs()
        self.line.compare(self.about, "y", [y], [self.true[-1]], [limit])
        return y

    def backward(self, functional: Any, dy: Tensor) -> list[Tensor]:
        backward = getattr(functional, f"{self.name}_backward")
        found = backward(*to_numpy(dy), *to_numpy(*self.tensors[:2]), **self.words)
        gradients = to_torch(*found) if isinstance(found, tuple) else to_torch(found)
        above = dy.double()
        true = torch.autograd.grad(self.true[-1], self.true[:-1], above)
        size = torch.autograd.grad(self.size[-1], self.size[:-1], above.abs())
        limits = [gamma(count) * a for count, a in zip(self.counts, size)]
        self.line.compare(self.about, "dx dw db", gradients, true, limits)
        return gradients[: len(self.tensors)]

    def trace(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The leaves of torch's own graph, in float64, and its y."""
        with torch.enable_grad():
            leaves = [t.detach().double().requires_grad_() for t in tensors]
            return [*leaves, getattr(F, self.name)(*leaves, **self.words)]

    def count(self, y: Tensor) -> list[int]:
        """The most terms of a number of y, dx, dw and db, and one more."""
        x, *weights = self.tensors
        if not weights:
            return [self.words.get("kernel_size", x.shape[-1]) ** 2 + 1] * 2
        products, cells, outs = weights[0].numel(), x[:, 0].numel(), y[:, 0].numel()
        return [products // y.shape[1] + 2, products // x.shape[1] + 1, min(cells, outs) + 1, outs]


class Norm:
    """A batch norm, in training."""

    def __init__(self, line: Line) -> None:
        self.line, self.about = line, line.add("norm")

    def forward(self, functional: Any, *tensors: Tensor) -> Tensor:
        self.tensors, (x, w, b) = tensors, to_numpy(*tensors)
        running = np.zeros_like(w), np.ones_like(w)
        found = functional.batch_norm(x, *running, w, b, training=True)
        centre, spread = moved = [torch.from_numpy(a).double() for a in running]
        with torch.enable_grad():
            self.leaves = [t.detach().double().requires_grad_() for t in tensors]
            leading, scale, shift = self.leaves
            self.true = F.batch_norm(leading, centre, spread, scale, shift, training=True)
        size, weight, bias = (by_channel(t.detach().abs()) for t in self.leaves)
        var, mean = torch.var_mean(leading.detach(), (0, 2, 3), correction=0, keepdim=True)
        self.slope = (var + 1e-5).rsqrt()
        self.size = self.slope * (size + mean.abs())
        limits = [gamma(8) * a for a in (weight * self.size + bias, centre.abs(), spread)]
        y, *statistics = to_torch(*found)
        self.line.compare(self.about, "y mean var", [y, *statistics], [self.true, *moved], limits)
        return y

    def backward(self, functional: Any, dy: Tensor) -> list[Tensor]:
        found = functional.batch_norm_backward(*to_numpy(dy), *to_numpy(*self.tensors[:2]))
        gradients = to_torch(*found)
        true, above = torch.autograd.grad(self.true, self.leaves, dy.double()), dy.double().abs()
        dw, db = ((above * a).sum((0, 2, 3)) for a in (self.size, torch.ones_like(above)))
        means = (by_channel(db) + self.size * by_channel(dw)) / dy[:, 0].numel()
        dx = by_channel(self.leaves[1].detach().abs()) * self.slope * (above + means)
        self.line.compare(
            self.about, "dx dw db", gradients, true, [gamma(20) * dx, gamma(8) * dw, gamma(8) * db]
        )
        return gradients


class Pass(torch.autograd.Function):
    """A layer of npcnn's as a step of torch's graph."""

    @staticmethod
    def forward(ctx: Any, layer: Windows | Norm, *tensors: Tensor) -> Tensor:
        from npcnn import functional

        ctx.layer = layer
        return layer.forward(functional, *tensors)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        from npcnn import functional

        return None, *ctx.layer.backward(functional, dy)


def follow(layer: Windows | Norm, *tensors: Tensor) -> Tensor:
    y: Tensor = Pass.apply(layer, *tensors)  # type: ignore[no-untyped-call]
    return y


@dataclass
class Network:
    """Steps as networks.toml has them; the weights are drawn where they are wanted."""

    blocks: dict[str, list[Any]]
    random: torch.Generator
    line: Line

    def run(self, steps: Sequence[Any], x: Tensor) -> Tensor:
        for step in steps:
            x = self.take(step, x)
        return x

    def take(self, step: Any, x: Tensor) -> Tensor:
        if isinstance(step, dict):
            ((how, branches),) = step.items()
            ys = [self.run(branch, x) for branch in branches]
            return torch.cat(ys, 1) if how == "cat" else torch.stack(ys).sum(0)
        name, *words = step.split()
        if name in self.blocks:
            return self.run(fill(self.blocks[name], words), x)
        if name in OTHERS:
            return OTHERS[name](x)
        if name == "norm":
            w, b = 1 + self.draw(0.1, x.shape[1]), self.draw(0.1, x.shape[1])
            return follow(Norm(self.line), x, w, b)
        return self.slide(step, name, words, x)

    def slide(self, step: str, name: str, words: Sequence[str], x: Tensor) -> Tensor:
        """A window along the planes."""
        sizes = [read_size(word) for word in words if word[0].isdigit()]
        tensors, settings = [x], dict(zip(("padding", "stride", "kernel_size"), sizes[::-1]))
        if name == "global":
            settings = {"output_size": 1}
        elif name in ("max", "avg"):
            settings["ceil_mode"] = "ceil" in words
        else:
            channels = x.shape[1]
            groups, filters = (channels, channels) if name == "depth" else (1, sizes[0])
            kernel = np.broadcast_to(settings.pop("kernel_size"), 2).tolist()
            shape = (channels, filters) if name == "up" else (filters, channels // groups)
            scale = math.sqrt(2 * groups / channels / math.prod(kernel))
            tensors.append(self.draw(scale, *shape, *kernel))
            tensors += [self.draw(0.1, filters)] if "bias" in words else []
            settings["groups"] = groups
        return follow(Windows(self.line, step, settings), *tensors)

    def draw(self, scale: float, *shape: int) -> Tensor:
        return (scale * torch.randn(shape, generator=self.random)).requires_grad_()


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--only", default="", metavar="TEXT", help="networks whose name contains TEXT")
    add("--seed", type=int, default=0, help="another seed, other weights and numbers (0)")
    add("--quick", action="store_true", help="DCGAN's generator alone")


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], Iterator[str], int]:
    """Every network that is chosen, forward and backward once."""
    text = QUICK if options.quick else options.only
    chosen = [name for name in NETWORKS if text in name]
    if not chosen:
        raise argparse.ArgumentError(None, f"no network's name contains {text!r}")
    about = {"oracle": truth.prepare(), "seed": options.seed}
    lines = [run(name, options.seed) for name in chosen]
    document = {**about, "lines": [asdict(line) for line in lines]}
    return document, write_table(about, lines), int(any(line.wrong for line in lines))


def run(name: str, seed: int) -> Line:
    """One network: its layers compared on the way forward, and on the way back."""
    start, line, rows = time.perf_counter(), Line(name), NETWORKS[name]
    network = Network(rows.get("blocks", {}), torch.Generator().manual_seed(seed), line)
    y = network.run(rows["steps"], network.draw(1, *rows["x"]))
    torch.autograd.backward(y, network.draw(1, *y.shape).detach())
    line.seconds = round(time.perf_counter() - start, 1)
    return line


def write_table(about: dict[str, Any], lines: Sequence[Line]) -> Iterator[str]:
    yield "npcnn within networks of {oracle}, float32, seed {seed}".format_map(about)
    yield f"{'network':20}{'layers':>8}{'numbers':>12}{'worst share':>13}{'seconds':>9}"
    for line in lines:
        numbers = f"{line.layers:8}{line.numbers:12,}{line.worst:13.2g}{line.seconds:9.1f}"
        yield f"{line.network:20}{numbers}"
        yield from (f"  {wrong}" for wrong in line.wrong)


def fill(steps: Any, words: Sequence[str]) -> Any:
    """The steps of a block with these words."""
    if isinstance(steps, dict):
        return {how: fill(branches, words) for how, branches in steps.items()}
    return [fill(one, words) for one in steps] if isinstance(steps, list) else steps.format(*words)


def read_size(word: str) -> Any:
    """7, or 1x7 as (1, 7)."""
    sizes = tuple(map(int, word.split("x")))
    return sizes if len(sizes) > 1 else sizes[0]


def gamma(n: int) -> float:
    nu = n * float(np.finfo(np.float32).eps) / 2
    return nu / (1 - nu)


def by_channel(a: Tensor) -> Tensor:
    """One number a channel beside planes."""
    return a.view(1, -1, 1, 1) if a.ndim == 1 else a


def to_numpy(*tensors: Tensor) -> list[Array]:
    """x, w and b of a layer, or the first ones of these, channels last."""
    arrays = [t.detach().numpy() for t in tensors]
    return [np.moveaxis(a, *_axes(place)) if a.ndim == 4 else a for place, a in enumerate(arrays)]


def to_torch(*arrays: Array) -> list[Tensor]:
    """The same back."""
    ways = [_axes(place)[::-1] for place in range(len(arrays))]
    moved = [np.moveaxis(a, *way) if a.ndim == 4 else a for a, way in zip(arrays, ways)]
    return [torch.from_numpy(a) for a in moved]


def _axes(place: int) -> tuple[Any, Any]:
    return ((0, 1), (-1, -2)) if place == 1 else (1, -1)
