"""The worker's rooms: what is watched in a call, what is printed, what is on stage."""

import builtins
import io
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from verification import row
from verification.apart import call, kept, loading, supervisor
from verification.apart.call import Stranger
from verification.apart.frames import Other
from verification.apart.loading import Loaded, Source
from verification.apart.mending import Mended
from verification.apart.prints import Prints
from verification.apart.requests import Refused, Request
from verification.apart.stage import Stage

CONV = row.parse("conv x=[1,3,3,1] w=[2,2,1,1] fill=integers")[0]
GIVEN = {"x": np.arange(9.0).reshape(1, 3, 3, 1), "w": np.ones((2, 2, 1, 1)), "b": np.ones(1)}
GIVEN["dy"] = np.ones((1, 2, 2, 1))


@pytest.fixture
def ask(monkeypatch):
    """Put a question to functions given here, as a worker does."""
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(call.warnings, "simplefilter", lambda action: None)

    def asked(function="conv_forward", cache="own", mend=False, **functions):
        loaded = Loaded(Source("live", "here"), functions)
        stranger = Stranger(loaded, Stage(types.ModuleType("empty")), Prints(), mend)
        return stranger.ask(Request("assignment", function, {}, CONV, GIVEN, cache))

    return asked


def forward(A_prev, W, b, hparameters):
    return A_prev[:, 1:, 1:] + 1, (A_prev, W, b, hparameters)


def test_a_call_and_what_came_of_it(ask):
    """Its values, what it printed, and how long it took."""

    def loud(A_prev, W, b, hparameters):
        print("hello")
        print("there", file=sys.stderr)
        return forward(A_prev, W, b, hparameters)

    answer = ask(conv_forward=loud)
    assert (answer.status, answer.error, answer.stdout) == ("ok", "", "hello\nthere\n")
    assert answer.values["y"].ravel().tolist() == [5, 6, 8, 9]
    assert (answer.changed, answer.shared) == ((), ())
    assert 0 < answer.seconds < 1


def test_an_exception_is_an_answer(ask):
    """Its type, its words, and the candidate's own line."""

    def failing(A_prev, W, b, hparameters):
        np.reshape(A_prev, (5, 7))

    answer = ask(conv_forward=failing)
    assert (answer.status, answer.kind) == ("CRASH", "ValueError")
    assert answer.error.startswith("ValueError: cannot reshape")
    assert answer.where == (
        f"test_worker.py line {failing.__code__.co_firstlineno + 1}: np.reshape(A_prev, (5, 7))",
    )
    assert ask().error == "AttributeError: there is no conv_forward"


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda A_prev, W, b, hp: A_prev.__setitem__((0, 0, 0, 0), -0.0), ("A_prev",)),
        (lambda A_prev, W, b, hp: setattr(A_prev, "shape", (3, 3)), ("A_prev",)),
        (lambda A_prev, W, b, hp: b.fill(np.nan), ("b",)),
        (lambda A_prev, W, b, hp: hp.update(stride=2), ("hp",)),
        (lambda A_prev, W, b, hp: hp.update(stride=True), ("hp",)),
        (lambda A_prev, W, b, hp: hp.update(more=A_prev), ("hp",)),
        (lambda A_prev, W, b, hp: hp.update(stride=1), ()),
        (lambda A_prev, W, *rest: rest[1].clear(), ("number 4",)),
        (lambda A_prev, W, b, hp: (A_prev.fill(1), W.fill(2)), ("A_prev", "W")),
    ],
    ids=range(9),
)
def test_changed_arguments_are_named(ask, change, changed):
    """By the candidate's own names, bit for bit, settings too."""
    assert ask(conv_forward=change).changed == changed


def test_a_cache_is_its_owners_affair(ask):
    """But for the arrays of the question in it; the contract's own cache is to be left alone."""

    def with_own(A_prev, W, b, hparameters):
        return A_prev + 1, {"mine": A_prev + 1, "theirs": A_prev}

    def spoils(name):
        def backward(dZ, cache):
            cache[name].fill(3)
            return dZ, dZ, dZ

        return backward

    words = {"function": "conv_backward", "conv_forward": with_own}
    assert ask(conv_backward=spoils("mine"), **words).changed == ()
    assert ask(conv_backward=spoils("theirs"), **words).changed == ("x",)
    assert ask(conv_backward=spoils(0), cache="canonical", **words).changed == ("cache",)


def test_shared_memory_is_named(ask):
    """Views of what was given."""
    answer = ask(conv_forward=lambda A_prev, W, b, hparameters: (A_prev[:, 1:], None))
    assert answer.shared == ("y with x",)


def test_equal_answers_have_equal_bits(ask):
    """NaN is NaN, and minus zero is not zero."""

    def bits(value):
        return ask(conv_forward=lambda *all_: (value, None)).bits

    assert bits(np.array([np.nan, 1])) == bits(np.array([np.nan, 1]))
    assert bits(np.array([0.0])) != bits(np.array([-0.0]))
    assert bits(np.zeros(2)) != bits(np.zeros((2, 1)))
    assert bits(np.zeros(2)) != bits(np.zeros(2, int))
    assert bits([1]) == bits([2]) != bits(None)


def test_a_refusal_is_asked_with_arguments_of_its_own():
    """Made anew for the call."""
    seen = []
    loaded = Loaded(Source("live", "here"), {"f": lambda a, n: seen.append((a.shape, n))})
    stranger = Stranger(loaded, Stage(), Prints(), False)
    stdout = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    try:
        answer = stranger.ask(Refused("f", {"a": {"array": [2, 3]}, "n": {"tuple": [1, 2]}}))
    finally:
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = stdout
    assert (seen, answer.values) == ([((2, 3), (1, 2))], {"y": Other("NoneType")})


class Odd(np.ndarray):
    pass


class Liar:
    __class__ = np.ndarray


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (3, np.array(3)),
        (2.5, np.array(2.5)),
        (True, np.array(True)),
        (np.float32(2), np.array(2, np.float32)),
        (np.ones(2, np.int8), np.ones(2, np.int8)),
        (10**30, Other("ndarray of object")),
        (None, Other("NoneType")),
        ([1.0], Other("list")),
        ("word", Other("str")),
        (1j, Other("complex")),
        (np.complex128(1), Other("complex128")),
        (np.ones(2) * 1j, Other("ndarray of complex128")),
        (np.array([None]), Other("ndarray of object")),
        (np.ones(2).view(Odd), Other("Odd")),
        (np.ones(2).view(Mended), Other("Mended")),
        (Liar(), Other("Liar")),
    ],
    ids=range(16),
)
def test_what_travels(value, sent):
    """Numbers as arrays; of all else the type's name."""
    got = call.taken(value, mend=False)
    assert type(got) is type(sent)
    assert repr(got) == repr(sent)


def test_mended_arrays_travel_as_plain_ones():
    """Where mending was asked for, and of no other subclass."""
    assert type(call.taken(np.ones(2).view(Mended), mend=True)) is np.ndarray
    assert call.taken(np.ones(2).view(Odd), mend=True) == Other("Odd")


def test_mending_reaches_the_arguments(ask):
    """float(b) of the course's template."""

    def old(A_prev, W, b, hparameters):
        return A_prev + float(b), None

    assert ask(conv_forward=old).kind == "TypeError"
    assert ask(conv_forward=old, mend=True).values["y"].ravel().tolist() == list(range(1, 10))


def test_copies_are_compared_without_a_strangers_methods():
    """Containers within containers."""

    class Rude:
        def __eq__(self, other):
            raise ValueError

        __hash__ = None

    rude = Rude()
    value = {"a": [1, (np.ones(2), rude)], "b": float("nan")}
    copy = kept.copied(value)
    assert kept.same(value, copy)
    value["a"][1][0][0] = 2
    assert not kept.same(value, copy)
    assert not kept.same({"a": Rude()}, {"a": rude})
    assert not kept.same({"b": 1, "a": 1}, {"a": 1, "b": 1})
    assert not kept.same([1, 2], [1])
    assert not kept.same(1.0, 1)


def test_prints_are_cut_with_a_note():
    """At 500 characters, and nothing that is done to the printer does harm."""
    prints = Prints()
    for _ in range(1000):
        print("x" * 1000, file=prints)
    prints.close()
    assert prints.take() == "x" * 500 + " ... (cut after 500 characters)"
    prints.reconfigure(encoding="latin-1")
    io.TextIOWrapper(prints.buffer, encoding="utf-8").write("wörd")
    prints.buffer.write(b"\xff")
    print("end", file=prints, flush=True)
    assert prints.take() == "wörd\ufffdend\n"
    prints.buffer.write(bytes(10**6))
    assert "cut" in prints.take()
    assert prints.take() == ""
    with pytest.raises(TypeError):
        prints.write(b"bytes")


def test_a_stage_is_repainted_and_cleared():
    """Theirs while they play, ours else; names that they add stay."""
    module = types.ModuleType("module")
    module.a, module.b = 1, 2
    stage = Stage(module)
    with stage:
        module.a, module.c = 10, 30
        del module.b
    assert vars(module).items() >= {"a": 1, "b": 2, "c": 30}.items()
    with pytest.raises(ZeroDivisionError), stage:
        module.b = 1 / (module.a - 10)
    assert (module.a, module.b) == (1, 2)


def test_a_stage_sees_a_name_that_takes_anothers_place():
    """Deleted, and added under another name with the very same value."""
    module = types.ModuleType("module")
    module.last = value = object()
    stage = Stage(module)
    with stage:
        del module.last
        module.other = value
    assert module.last is value
    del module.other
    with stage:
        assert module.other is value


def test_a_stage_is_cleared_of_repainted_builtins():
    """Without any of them."""
    stage, ours, space = Stage(builtins), dict(vars(builtins)), vars(builtins)
    functions = [name for name in ours if not name.startswith("__")]
    try:
        with stage:
            for name in functions:
                space[name] = None
        left = dict(space)
    finally:
        space.update(ours)
    assert left == ours


def test_own_lines_are_the_candidates(tmp_path):
    """Not those of libraries or of ours; a recursion says its line once."""
    file = tmp_path / "deep.py"
    file.write_text(
        "import numpy as np\ndef f(n):\n    return f(n - 1) if n else np.reshape(n, 7)\n"
    )
    space = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    with pytest.raises(ValueError, match="reshape") as raised:
        space["f"](50)
    root = str(tmp_path) + os.sep
    line = "deep.py line 3: return f(n - 1) if n else np.reshape(n, 7)"
    assert loading.own_lines(raised.value, root)[1:] == (line,)


def test_names_of_live_cells():
    """As IPython has them."""
    for file, name in (("<ipython-input-12-ab>", "cell 12"), ("/tmp/ipykernel_1/2.py", "cell")):
        space = {}
        exec(compile("def f(): 1 / 0", file, "exec"), space)
        with pytest.raises(ZeroDivisionError) as raised:
            space["f"]()
        assert loading.own_lines(raised.value, "")[-1].startswith(f"{name} line 1:")


def test_descendants_are_found():
    """Children of children, and nobody else's."""
    script = "import subprocess; subprocess.run(['sleep', '30'])"
    with subprocess.Popen([sys.executable, "-c", script]) as child:
        while len(found := supervisor.descendants(os.getpid())) < 2:
            assert child.poll() is None
        assert child.pid in found
        assert os.getpid() not in found
        below = supervisor.descendants(child.pid)
        assert len(below) == 1
        for pid in (child.pid, *below):
            os.kill(pid, 9)
