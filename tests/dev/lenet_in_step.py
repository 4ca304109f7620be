"""Does it train?  LeNet-5 in NumPy with torch beside it, step by step.

Every step starts from the same parameters on both sides: the loss and all gradients must be within
an a-priori bound, in float64.  The bound goes through the network as the numbers do.  A layer that
is linear in its input a, its W and its b, off by e, returns y off by at most

    (1 + gamma(n)) |f|(|a| + e) - |f|(|a|)      n roundings, |f| with the magnitudes of W and b

and its gradients alike; a ReLU whose input may have either sign passes its whole gradient or none.
Both sides are within it, so that they are two bounds apart at most.  How far apart a free run ends,
each side with its own parameters, is printed.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
from lenet import AveragePool, Convolution, Flatten, LeNet, Linear, ReLU, load, plan


def gamma(n):
    return n * 2.0**-53 / (1 - n * 2.0**-53)


def convolve(A, W, b):
    return F.conv2d(A.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b).permute(0, 2, 3, 1)


def average(A):
    return F.avg_pool2d(A.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


FUNCTIONS = {
    Convolution: convolve,
    AveragePool: average,
    ReLU: F.relu,
    Flatten: lambda A: A.flatten(1),
    Linear: lambda A, W, b: A @ W + b,
}
"""The layers in torch, channels last."""


class Trace:
    """A layer in torch: its leaves and its output."""

    def __init__(self, layer, A, parameters):
        self.leaves = [t.detach().clone().requires_grad_() for t in (A, *parameters)]
        self.out = FUNCTIONS[type(layer)](*self.leaves)

    def gradients(self, above):
        return torch.autograd.grad(self.out, self.leaves, above)


def count(layer, A, out):
    """The roundings of a number of a layer's output, and of its gradients by A, W and b."""
    windows = out[..., 0].numel()
    if layer.names:
        return layer.W[..., 0].size + 1, layer.W.size // A.shape[-1], windows, windows
    return 5, 5


def find_truth(network, images, labels):
    """The loss and its bound, and for each layer its gradients with theirs."""
    A, off, traces = torch.from_numpy(images), torch.zeros(images.shape), []
    for layer in network.layers:
        parameters = [torch.from_numpy(getattr(layer, name)) for name in layer.names]
        true = Trace(layer, A, parameters)
        if isinstance(layer, ReLU | Flatten):
            traces.append((layer, true, off))
            off = off.reshape(true.out.shape)
        else:
            sizes = [t.abs() for t in parameters]
            low, high = Trace(layer, A.abs(), sizes), Trace(layer, A.abs() + off, sizes)
            n, *counts = count(layer, A, true.out)
            off = ((1 + gamma(n + 2)) * high.out - low.out).detach()
            traces.append((layer, true, low, high, counts))
        A = true.out.detach()
    loss, limit, dA, off = end(A, off, torch.from_numpy(labels))
    found = {}
    for layer, true, *bounds in reversed(traces):
        gradients = true.gradients(dA)
        if isinstance(layer, ReLU):
            Z, (unsure,) = true.leaves[0].detach(), bounds
            either = (Z.abs() <= unsure) & (unsure > 0)
            off = torch.where(either, dA.abs() + off, off * (Z > 0))
        elif isinstance(layer, Flatten):
            off = off.reshape(gradients[0].shape)
        else:
            low, high, counts = bounds
            ends = zip(counts, low.gradients(dA.abs()), high.gradients(dA.abs() + off))
            off, *limits = [(1 + gamma(n + 2)) * most - least for n, least, most in ends]
            found[layer] = [(t.numpy(), e.numpy()) for t, e in zip(gradients[1:], limits)]
        dA = gradients[0]
    return loss, limit, found


def end(Z, off, labels):
    """The loss and its bound, its gradient by Z and the bound of that."""
    Z.requires_grad_()
    loss = F.cross_entropy(Z, labels)
    (dZ,) = torch.autograd.grad(loss, Z)
    batch, classes = Z.shape
    Z, most = Z.detach(), off.amax(1, keepdim=True)
    spread = float(Z.amax() - Z.amin())
    roundings = gamma(2 * int(spread) + batch + classes + 16)
    limit = float(2 * most.mean() + roundings * (2 * Z.abs().max() + 4))
    shares = Z.softmax(1) * (torch.expm1(2 * most) + roundings) + roundings * dZ.abs() * batch
    return loss.item(), limit, dZ, shares / batch


def main():
    torch.set_num_threads(1)
    images, labels, unseen, right = load()
    network, worst, widths = LeNet(), 0.0, []
    free = [
        [torch.tensor(getattr(layer, name), requires_grad=True) for name in layer.names]
        for layer in network.layers
    ]
    for batch, rate in plan(len(images)):
        loss, limit, true = find_truth(network, images[batch], labels[batch])
        mine = network.learn(images[batch], labels[batch], rate)
        worst = max(worst, abs(mine - loss) / (2 * limit))
        for layer, gradients in true.items():
            for name, (gradient, off) in zip(layer.names, gradients, strict=True):
                errors = np.abs(getattr(layer, f"d{name}") - gradient)
                assert (errors <= 2 * off).all(), f"d{name} of {layer} is beyond its bound"
                worst = max(worst, float((errors / np.where(off, 2 * off, 1)).max()))
                widths.append(float(2 * off.max() / np.abs(gradient).max()))
        learn(free, network, images[batch], labels[batch], rate)
    apart = max(
        float(np.abs(getattr(layer, name) - t.detach().numpy()).max())
        for layer, parameters in zip(network.layers, free)
        for name, t in zip(layer.names, parameters)
    )
    accuracy = network.accuracy(unseen, right)
    print(
        f"every step within {worst:.2g} of two bounds, which are {np.median(widths):.2g} of a "
        f"gradient's largest number in the median, and at most {max(widths):.2g}"
    )
    print(f"a free run ends {apart:.2g} apart")
    print(f"loss {mine:.4f}, accuracy on digits not seen before {accuracy:.2%}")
    return int(worst > 1 or accuracy <= 0.97)


def learn(free, network, images, labels, rate):
    """A step of torch's own."""
    A = torch.from_numpy(images)
    for layer, parameters in zip(network.layers, free):
        A = FUNCTIONS[type(layer)](A, *parameters)
    leaves = [t for parameters in free for t in parameters]
    gradients = torch.autograd.grad(F.cross_entropy(A, torch.from_numpy(labels)), leaves)
    with torch.no_grad():
        for t, gradient in zip(leaves, gradients):
            t -= rate * gradient


if __name__ == "__main__":
    sys.exit(main())
