"""What torch does, and what its room makes of it; the rules themselves are in test_facts."""

import itertools

import numpy as np
import parametrize_from_file
import pytest
import torch
import torch.nn.functional as F
from parametrize_from_file import Namespace, cast

from verification.questions import arrays, parse
from verification.truth import oracle

X, W = torch.zeros(2, 4, 7, 8), torch.zeros(6, 2, 3, 3)
NAMES = Namespace(
    np=np,
    torch=torch,
    F=F,
    x=X,
    conv=lambda **words: F.conv2d(**{"input": X, "weight": W, "groups": 2} | words),
    max_pool=lambda **words: F.max_pool2d(**{"input": X, "kernel_size": (2, 3)} | words),
    avg_pool=lambda **words: F.avg_pool2d(**{"input": X, "kernel_size": (2, 3)} | words),
)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True)))
def test_torch(call, expected):
    """Which npcnn or its judge rely on."""
    assert np.array_equal(call(), expected)


@parametrize_from_file(schema=cast(call=NAMES.eval(defer=True)))
def test_torch_refuses(call, error):
    """Mostly RuntimeErrors for values, TypeErrors for types."""
    with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)) as raised:
        call()
    assert raised.typename == error


def test_its_settings_are_fixed():
    """Threads, full precision, and no NNPACK, which is not exact on integers."""
    assert oracle.prepare() == f"torch {torch.__version__.split('+')[0]}"
    assert torch.get_num_threads() == oracle.THREADS
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.nnpack.set_flags(False)[0]


def test_reduced_precision_is_refused(monkeypatch):
    """A judge whose float32 is tf32 is no judge."""
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    with pytest.raises(RuntimeError, match="full float32 precision, torch is set to high"):
        oracle.prepare()


def test_no_warning_of_torch_gets_out():
    """Of "same" with even kernels, though torch be told to warn always."""
    (case,) = parse("conv x=[1,4,5,1] w=[2,4,1,1] pad=same bias=false fill=integers")
    was = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        assert oracle.answers(case, arrays(case, 0, "float64"))["y"].shape == case.y
    finally:
        torch.set_warn_always(was)


LAYOUTS = [
    lambda a: np.array(a, order="F"),
    lambda a: np.repeat(a[..., None], 2, axis=-1)[..., 0],
    lambda a: np.flip(np.array(np.flip(a))),
    lambda a: np.array(a, a.dtype.newbyteorder()),
]


@parametrize_from_file
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_callers(line, dtype):
    """Their arrays, in whatever layout, are neither touched nor shared, and change no bit."""
    (case,) = parse(line)
    given = arrays(case, 0, dtype)
    right = oracle.answers(case, given)
    kinds = {"index": "int64"} | dict.fromkeys(["y"] * line.startswith("create"), "bool")
    assert {name: (a.dtype, a.shape) for name, a in right.items()} == {
        name: (kinds.get(name, dtype), shape) for name, shape in case.outputs.items()
    }
    for arrange in LAYOUTS:
        laid = {name: arrange(a) for name, a in given.items()}
        for a in laid.values():
            a.setflags(write=False)
        answers = oracle.answers(case, laid)
        assert [a.tobytes() for a in answers.values()] == [a.tobytes() for a in right.values()]
        assert all(np.array_equal(laid[name], a) for name, a in given.items())
        pairs = itertools.product(answers.values(), laid.values())
        assert not any(np.shares_memory(*pair) for pair in pairs)


@parametrize_from_file
def test_convolutions_see_contiguous_memory_alone(monkeypatch, function, line, padding):
    """And no pads on a line."""
    seen = []

    def watch(*settings):
        seen.extend(settings)
        raise InterruptedError

    monkeypatch.setattr(F, function, watch)
    (case,) = parse(line)
    given = arrays(case, 0, "float32")
    with pytest.raises(InterruptedError):
        oracle.answers(case, {name: np.asfortranarray(a) for name, a in given.items()})
    tensors = [setting for setting in seen if isinstance(setting, torch.Tensor)]
    assert [t.stride() for t in tensors] == [torch.empty(t.shape).stride() for t in tensors]
    assert np.array_equal(seen[4], padding)


def test_weights_and_upstream_gradients_are_finite():
    """Over padding torch's answers to others differ from code to code."""
    (case,) = parse("conv x=[2,6,7,4] w=[3,3,4,5] pad=1 fill=special")
    given = arrays(case, 0, "float64")
    assert [name for name, a in given.items() if not np.isfinite(a).all()] == ["x"]


@pytest.mark.parametrize("images", [1, 2, 17])
def test_the_same_question_twice_has_the_same_bits(images):
    """On reals, with every gradient; torch runs different code for few images and for many."""
    (case,) = parse(f"conv x=[{images},8,7,5] w=[3,2,5,6] stride=[1,2] pad=[1,0] fill=dense")
    for dtype in "float32", "float64":
        given = arrays(case, 0, dtype)
        once, again = (oracle.answers(case, given) for _ in range(2))
        assert [a.tobytes() for a in once.values()] == [a.tobytes() for a in again.values()]
