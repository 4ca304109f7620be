"""What a learner does in an empty folder: a template, three mistakes, mended one by one by hints.

python tests/dev/learner.py [LEVEL]
"""

import re
import sys
import warnings
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from verification import __main__ as command

FORWARD = """
    stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
    X = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    n_H, n_W = ((size - f) // stride + 1 for size in X.shape[1:3])
    Z = np.zeros((len(A_prev), n_H, n_W, W.shape[3]))
    for h in range(n_H):
        for w in range(n_W):
            part = X[:, h : h + f, w : w + f]
            Z[:, h, w] = np.tensordot(part, W, 3) + b[0, 0, 0]
    return Z, (A_prev, W, b, hparameters)
"""
BACKWARD = """
    A_prev, W, b, hparameters = cache
    stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
    X = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    dX, dW = np.zeros(X.shape), np.zeros(W.shape)
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            at = np.s_[:, h * stride : h * stride + f, w * stride : w * stride + f]
            dX[at] = np.tensordot(dZ[:, h, w], W, (1, 3))
            dW += np.tensordot(X[at], dZ[:, h, w], (0, 0))
    return dX[:, pad:-pad, pad:-pad], dW, dZ.sum((0, 1, 2), keepdims=True)
"""
STEPS = [
    ("conv_forward", "1", "where the stride is above 1, and no other"),
    ("conv_forward", "2", "Where does the second window start"),
    ("X[:, h : h + f, w : w + f]", "X[:, h * stride :, w * stride :][:, :f, :f]"),
    ("conv_backward", "2", "What is x[0:-0]?"),
    ("pad:-pad, pad:-pad]", "pad : pad + A_prev.shape[1], pad : pad + A_prev.shape[2]]"),
    ("conv_backward", "3", "dx[...] = where windows overlap loses the other windows'"),
    ("dX[at] =", "dX[at] +="),
]
"""A function, a degree of hint, and what it says; or a text, and what mends it."""


def run(*words: str) -> tuple[int, str]:
    """The exit code of a command, and what it tells."""
    with redirect_stdout(StringIO()) as told:
        code = command.main([*words, "--draw", "2"])
    return code, told.getvalue()


def main(level: str = "4") -> None:
    """Every step, from the template to a match."""
    path, (code, text) = Path("my_cnn.py"), run("--template")
    path.write_text(text, encoding="utf-8")
    code, told = run("my_cnn.py", "--level", level)
    assert (code, "Nothing was attempted." in told) == (5, True), told
    for name, body in ("conv_forward", FORWARD), ("conv_backward", BACKWARD):
        blank = rf"(def {name}\(.*?)\n    raise NotImplementedError\n"
        text = re.sub(blank, lambda found, body=body: found[1] + body, text, count=1, flags=re.S)
    path.write_text(text, encoding="utf-8")
    for step in STEPS:
        if len(step) == 3:
            name, degree, says = step
            code, told = run("my_cnn.py", "--only", name, "--level", level, "--hint", degree)
            assert (code, says in " ".join(told.split())) == (1, True), told
            assert ("mistake  " in told) == (degree == "3"), told
        else:
            assert text.count(step[0]) == 1
            text = text.replace(*step)
            path.write_text(text, encoding="utf-8")
    code, told = run("my_cnn.py", "--level", level)
    assert (code, "2 functions, and all match." in told) == (0, True), told


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as folder, chdir(folder):
        main(*sys.argv[1:])
