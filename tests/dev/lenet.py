"""LeNet-5, trained from scratch on handwritten digits by npcnn and NumPy alone.

    32x32 -> convolution, 6 filters 5x5 -> ReLU -> average 2x2 -> convolution, 16 filters 5x5
    -> ReLU -> average 2x2 -> flatten -> 120 -> ReLU -> 84 -> ReLU -> 10 -> softmax

A layer's forward pass keeps what its backward pass needs; a backward pass takes the gradient by the
layer's output, keeps those by its parameters, and returns the one by its input.
"""

import numpy as np

import npcnn


class Layer:
    """Without parameters, until a layer has some: W and b, and in dW and db their gradients."""

    names = ()

    def draw(self, rng, shape, inputs):
        """Weights that keep the spread of their inputs, through a ReLU."""
        self.W = rng.normal(size=shape) * np.sqrt(2 / inputs)
        self.b, self.names = np.zeros(shape[-1]), ("W", "b")


class Convolution(Layer):
    def __init__(self, rng, size, channels, filters):
        self.draw(rng, (size, size, channels, filters), size * size * channels)

    def forward(self, A):
        Z, self.cache = npcnn.conv_forward(A, self.W, self.b, {"stride": 1, "pad": 0})
        return Z

    def backward(self, dZ):
        dA, self.dW, self.db = npcnn.conv_backward(dZ, self.cache)
        return dA


class AveragePool(Layer):
    def forward(self, A):
        pooled, self.cache = npcnn.pool_forward(A, {"f": 2, "stride": 2}, "average")
        return pooled

    def backward(self, dA):
        return npcnn.pool_backward(dA, self.cache, "average")


class ReLU(Layer):
    def forward(self, Z):
        self.is_live = Z > 0
        return np.where(self.is_live, Z, 0)

    def backward(self, dA):
        return np.where(self.is_live, dA, 0)


class Flatten(Layer):
    def forward(self, A):
        self.shape = A.shape
        return A.reshape(len(A), -1)

    def backward(self, dA):
        return dA.reshape(self.shape)


class Linear(Layer):
    def __init__(self, rng, inputs, outputs):
        self.draw(rng, (inputs, outputs), inputs)

    def forward(self, A):
        self.A = A
        return A @ self.W + self.b

    def backward(self, dZ):
        self.dW, self.db = self.A.T @ dZ, dZ.sum(axis=0)
        return dZ @ self.W.T


class LeNet:
    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [
            *(Convolution(rng, 5, 1, 6), ReLU(), AveragePool()),
            *(Convolution(rng, 5, 6, 16), ReLU(), AveragePool(), Flatten()),
            *(Linear(rng, 400, 120), ReLU(), Linear(rng, 120, 84), ReLU(), Linear(rng, 84, 10)),
        ]

    def forward(self, A):
        for layer in self.layers:
            A = layer.forward(A)
        return A

    def backward(self, dA):
        for layer in reversed(self.layers):
            dA = layer.backward(dA)
        return dA

    def learn(self, images, labels, rate):
        """A step of gradient descent; the loss before it."""
        loss, dZ = cross_entropy(self.forward(images), labels)
        self.backward(dZ)
        for layer in self.layers:
            for name in layer.names:
                parameter = getattr(layer, name)
                parameter -= rate * getattr(layer, f"d{name}")
        return loss

    def accuracy(self, images, labels):
        return float((self.forward(images).argmax(axis=1) == labels).mean())


def cross_entropy(Z, labels):
    """The mean over the batch of -log softmax(Z) at the labels, and its gradient by Z."""
    rows = np.arange(len(Z))
    Z = Z - Z.max(axis=1, keepdims=True)
    dZ = np.exp(Z)
    total = dZ.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - Z[rows, labels]).mean())
    dZ /= total
    dZ[rows, labels] -= 1
    dZ /= len(Z)
    return loss, dZ


def load():
    """Images (N, 32, 32, 1) of numbers from 0 to 1 and labels: to learn from, and 297 to test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images / 16).repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], digits.target[order]
    return images[:1500], labels[:1500], images[1500:], labels[1500:]


def plan(count, epochs=6, size=50, rate=0.1, seed=0):
    """The places of every batch, in another order each epoch, and a rate that falls to zero."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(count).reshape(-1, size) for _ in range(epochs)]
    places = np.concatenate(orders)
    return zip(places, np.linspace(rate, 0, len(places), endpoint=False))


if __name__ == "__main__":
    images, labels, unseen, right = load()
    network = LeNet()
    for batch, rate in plan(len(images)):
        loss = network.learn(images[batch], labels[batch], rate)
    print(
        f"loss {loss:.4f}, accuracy on digits not seen before {network.accuracy(unseen, right):.2%}"
    )
