"""The benchmark's peers compute what npcnn does, where they are installed: mygrad and onnx here."""

import numpy as np

from verification.measures.peers import prepare_peers
from verification.measures.speed import prepare_npcnn
from verification.questions import arrays, parse

LINES = {
    "conv x=[2,9,8,3] w=[3,2,3,4] stride=2 pad=1": ["im2col", "mygrad", "onnx.reference"],
    "conv x=[2,9,8,4] w=[3,2,2,6] stride=[1,2] pad=[1,0] groups=2": ["im2col", "onnx.reference"],
    "max_pool x=[2,9,8,3] kernel=3 stride=2 pad=1": ["im2col", "onnx.reference"],
    "max_pool x=[2,9,8,3] kernel=[3,2] stride=2": ["im2col", "mygrad", "onnx.reference"],
    "avg_pool x=[2,9,8,3] kernel=3 stride=2 pad=1": ["im2col", "onnx.reference"],
}
LAST = {"dw": ((0, 1), (-1, -2)), "db": (0, 0)}


def read(answer):
    """The arrays of an answer, in whatever it is wrapped."""
    several = answer if isinstance(answer, tuple | list) else [answer]
    return [np.asarray(getattr(one, "data", one)) for one in several]


for line, names in LINES.items():
    (case,) = parse(f"{line} fill=dense")
    given = arrays(case, 0, "float64")
    forward, backward = prepare_npcnn(case, given)
    right = forward(), *read(backward())
    peers = prepare_peers(case, given)
    assert [*peers] == names, (line, [*peers])
    for name, calls in peers.items():
        found = [a for call in calls for a in read(call())]
        for what, a, b in zip(("y", "dx", "dw", "db"), found, right):
            if name != "im2col":
                a = np.moveaxis(a, *LAST.get(what, (1, -1)))
            np.testing.assert_allclose(a.reshape(b.shape), b, 1e-9, 1e-9, err_msg=f"{name} {line}")
print(f"peers: {len(LINES)} layers, all as npcnn")
