"""Contracts: which one functions are written for, what each can express, and how it asks."""

import contextlib
from pathlib import Path

import pytest

from npcnn import functional
from verification import candidate, contracts, outcomes, row, trial, truth
from verification.contracts import CANONICAL, NAMES, TURNS

RIGHT = Path(__file__).parent / "candidates" / "right"
ALL = "npcnn cs231n holberton functional assignment"

PASSES = {
    "conv_forward": ["A_prev", "W", "b", "hparameters"],
    "conv_backward": ["dZ", "cache"],
    "pool_forward": ["A_prev", "hparameters", "mode"],
    "pool_backward": ["dA", "cache", "mode"],
}
SETTINGS = {
    "conv_forward": ["A_prev", "W", "b", "activation", "padding", "stride"],
    "conv_backward": ["dZ", "A_prev", "W", "b", "padding", "stride"],
    "pool_forward": ["A_prev", "kernel_shape", "stride", "mode"],
    "pool_backward": ["dA", "A_prev", "kernel_shape", "stride", "mode"],
}
NAIVE = {
    "conv_forward_naive": ["x", "w", "b", "conv_param"],
    "max_pool_backward_naive": ["dout", "cache"],
}
GENERAL = {"conv2d": ["x", "w", "b", "stride"], "max_pool2d_backward": ["dy", "x", "kernel_size"]}


def question(line):
    """The line's question; of the operation's first fill where it names none."""
    return row.parse(line)[0]


def unknown(names):
    """The same functions, of whose parameters nobody knows."""
    return dict.fromkeys(names)


def one(names, name, *parameters):
    """One function alone, with other parameters perhaps."""
    return {name: list(parameters) or names[name]}


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (PASSES, "assignment"),
        (unknown(PASSES), "assignment"),
        ({"zero_pad": ["X", "pad"]}, "assignment"),
        ({"create_mask_from_window": ["x"]}, "assignment"),
        (one(PASSES, "conv_backward", "dZ", "cache", "lambd"), "assignment"),
        (one(PASSES, "pool_forward", "A_prev", "hparameters", "mode"), "assignment"),
        ({**SETTINGS, "zero_pad": ["X", "pad"]}, "assignment"),
        (SETTINGS, "holberton"),
        *((one(SETTINGS, name), "holberton") for name in SETTINGS),
        (one(SETTINGS, "conv_forward", "A", "W", "b", "activation"), "holberton"),
        (one(SETTINGS, "pool_forward", "x", "k", "s", "mode"), "holberton"),
        (NAIVE, "cs231n"),
        (unknown(NAIVE), "cs231n"),
        (one(NAIVE, "conv_forward", "x", "w", "b", "conv_param"), "cs231n"),
        ({"max_pool_forward": ["x", "pool_param"]}, "cs231n"),
        ({"max_pool_forward": None}, "cs231n"),
        *(({f"conv_forward_{end}": None}, "cs231n") for end in ("fast", "im2col", "strides")),
        (GENERAL, "functional"),
        (unknown(GENERAL), "functional"),
        ({"conv1d": ["x", "w"]}, "functional"),
        ({"avg_pool3d_backward": None}, "functional"),
        ({**GENERAL, **PASSES}, "functional"),
        ({**GENERAL, "conv_backward": None, "max_pool_backward": None}, "functional"),
        ({**PASSES, "functional.conv2d": ["x", "w", "b"]}, "npcnn"),
        ({"functional.conv2d": None}, "npcnn"),
        ({}, None),
        ({"forward": ["x"], "backward": ["dy"], "Conv2d": ["x"]}, None),
        ({"relu_forward_naive": ["x"]}, None),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_a_contract_is_recognised(names, label):
    """By names, and where they are shared by parameters."""
    assert contracts.recognised(names) == label


@pytest.mark.parametrize("name", NAMES[:-1])
def test_no_contract_is_recognised_in_anothers_functions(name):
    """Each of the particular ones in its own alone; the assignment's is what is left."""
    own = {
        "npcnn": {"functional.conv2d": None},
        "cs231n": NAIVE,
        "holberton": SETTINGS,
        "functional": GENERAL,
        "assignment": {**PASSES, "zero_pad": ["X", "pad"]},
    }
    assert [label for label in own if contracts.get(name).recognises(own[label])] == [name]


def test_contracts_are_found_by_their_names():
    """The functional one in two layouts; of no contract does a function come twice."""
    assert [contracts.get(name).name for name in NAMES] == list(NAMES)
    first, last = contracts.get("functional"), contracts.get("functional-nhwc")
    assert (first.name, first.channels_first) == ("functional", True)
    assert (last.name, last.channels_first) == ("functional", False)
    assert [f.name for f in first.functions] == [f.name for f in last.functions]
    for name in NAMES:
        functions = [f.name for f in contracts.get(name).functions]
        assert len(functions) == len(set(functions)) >= 4
    assert [name for name in NAMES if contracts.get(name).bitwise] == ["npcnn"]


EXPRESSED = [
    # convolutions
    ("conv x=[2,5,6,2] w=[2,2,2,3]", ALL),
    ("conv x=[2,5,6,2] w=[2,2,2,3] stride=2", ALL),
    ("conv x=[2,5,6,2] w=[3,2,2,3]", "npcnn cs231n holberton functional"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] stride=[1,2]", "npcnn holberton functional"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=1", ALL),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=2", "npcnn cs231n functional assignment"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] pad=1", "npcnn cs231n functional assignment"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=1 stride=2", "npcnn cs231n functional assignment"),
    ("conv x=[2,5,6,2] w=[3,1,2,3] pad=[1,0]", "npcnn holberton functional"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=[1,0]", "npcnn functional"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=[[0,1],[1,0]]", "npcnn"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=[[1,2],[1,2]]", "npcnn"),
    ("conv x=[2,5,6,2] w=[3,3,2,3] pad=same", ALL),
    ("conv x=[2,5,6,2] w=[2,2,2,3] pad=same", "npcnn"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] pad=valid", ALL),
    ("conv x=[2,5,6,2] w=[2,2,2,3] dilation=2", "npcnn functional"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] dilation=[1,2]", "npcnn functional"),
    ("conv x=[2,5,6,4] w=[2,2,2,6] groups=2", "npcnn functional"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] bias=false", "npcnn functional"),
    ("conv x=[0,5,6,2] w=[2,2,2,3]", "npcnn functional"),
    ("conv x=[2,6,2] w=[2,2,3]", "npcnn functional"),
    ("conv x=[2,3,4,5,2] w=[2,2,2,2,3]", "npcnn functional"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] fill=special", "npcnn functional"),
    ("conv x=[2,5,6,2] w=[2,2,2,3] layout=F", ALL),
    (f"conv x=[1,100,{TURNS // 100},1] w=[1,1,1,1]", ALL),
    (f"conv x=[1,100,{TURNS // 100 + 1},1] w=[1,1,1,1]", "npcnn"),
    # pools
    ("max_pool x=[2,5,6,2] kernel=2", ALL),
    ("max_pool x=[2,5,6,2] kernel=3 stride=1", ALL),
    ("max_pool x=[2,5,6,2] kernel=[3,2] stride=1", "npcnn cs231n holberton functional"),
    ("max_pool x=[2,5,6,2] kernel=2 stride=[1,2]", "npcnn holberton functional"),
    ("max_pool x=[2,5,6,2] kernel=2 pad=1", "npcnn functional"),
    ("max_pool x=[2,5,6,2] kernel=3 pad=[[0,1],[1,0]]", "npcnn"),
    ("max_pool x=[2,5,6,2] kernel=2 dilation=2", "npcnn functional"),
    ("max_pool x=[2,5,6,2] kernel=2 ceil_mode=true", "npcnn functional"),
    ("max_pool x=[0,5,6,2] kernel=2", "npcnn functional"),
    ("max_pool x=[2,6,2] kernel=2", "npcnn functional"),
    ("max_pool x=[2,3,4,5,2] kernel=2", "npcnn functional"),
    ("max_pool x=[2,5,6,2] kernel=2 fill=special", "npcnn functional"),
    (f"max_pool x=[1,100,{TURNS // 100 + 1},1] kernel=1", "npcnn"),
    ("avg_pool x=[2,5,6,2] kernel=2", "npcnn holberton functional assignment"),
    ("avg_pool x=[2,5,6,2] kernel=[3,2] stride=1", "npcnn holberton functional"),
    ("avg_pool x=[2,5,6,2] kernel=2 pad=1", "npcnn functional"),
    ("avg_pool x=[2,5,6,2] kernel=2 pad=1 count_include_pad=false", "npcnn functional"),
    ("avg_pool x=[2,5,6,2] kernel=2 divisor_override=3", "npcnn functional"),
    ("avg_pool x=[2,5,6,2] kernel=2 ceil_mode=true", "npcnn functional"),
    # helpers
    ("zero_pad x=[2,3,4,1] pad=1", "npcnn assignment"),
    ("zero_pad x=[2,3,4,1] pad=0", "npcnn assignment"),
    ("zero_pad x=[2,3,4,1] pad=[1,2]", "npcnn"),
    ("zero_pad x=[2,3,4,1] pad=[[0,1],[0,1]]", "npcnn"),
    ("zero_pad x=[2,3,4,1] pad=1 fill=special", "npcnn"),
    ("zero_pad x=[0,3,4,1] pad=1", "npcnn"),
    ("zero_pad x=[2,3,1] pad=1", "npcnn"),
    ("zero_pad x=[2,2,3,4,1] pad=1", "npcnn"),
    ("conv_single_step x=[3,3,2] b=[1,1,1]", "npcnn assignment"),
    ("conv_single_step x=[3,2,2] b=[1,1,1]", "npcnn"),
    ("conv_single_step x=[3,3,2] b=[1]", "npcnn"),
    ("conv_single_step x=[3,2] b=[1,1]", "npcnn"),
    ("create_mask_from_window x=[2,3] fill=ties", "npcnn assignment"),
    ("create_mask_from_window x=[2,3] fill=special", "npcnn"),
    ("create_mask_from_window x=[6] fill=ties", "npcnn"),
    ("distribute_value x=[2,3]", "npcnn assignment"),
    ("distribute_value x=[2,3,4]", "npcnn"),
]


@pytest.mark.parametrize(("line", "names"), EXPRESSED, ids=[line for line, _ in EXPRESSED])
def test_what_a_contract_expresses(line, names):
    """Windows, strides, pads, options and sizes: what lies outside is not asked."""
    case = question(line)
    found = {
        name
        for name in NAMES
        if any(function.expresses(case, None) for function in contracts.get(name).functions)
    }
    assert found == set(names.split())


@pytest.mark.parametrize("name", [*NAMES, "functional-nhwc"])
def test_forward_and_backward_express_the_same(name):
    """And of the functions of one kind those of the question's own rank alone."""
    for line, _ in EXPRESSED:
        case = question(line)
        taking = [f for f in contracts.get(name).functions if f.expresses(case, None)]
        ways = [f.op.rpartition("_")[2] for f in taking if case.kernel]
        assert ways.count("forward") == ways.count("backward") <= (2 if name == "npcnn" else 1)
        dotted = [f.name for f in taking if f.name.rpartition(".")[2].startswith(f"{case.op}")]
        if "functional" in name:
            assert all(f"{case.op}{len(case.space)}d" in function for function in dotted)
            assert len(dotted) == len(taking)


@pytest.mark.parametrize(
    ("line", "parameters", "expressed"),
    [
        ("conv x=[1,3,4,1] w=[2,2,1,1]", ["x", "w", "b", "stride", "padding"], True),
        ("conv x=[1,3,4,1] w=[2,2,1,1]", ["x", "w", "b", "stride"], False),
        ("conv x=[1,3,4,1] w=[2,2,1,1]", ["x", "w", "b", "**kwargs"], True),
        ("conv x=[1,3,4,1] w=[2,2,1,1]", ["x", "w", "b", "*kwargs"], False),
        ("conv x=[1,3,4,1] w=[2,2,1,1] dilation=2", ["x", "w", "b", "stride", "padding"], False),
        ("conv x=[1,3,4,2] w=[2,2,1,2] groups=2", ["x", "w", "stride", "padding"], False),
        ("conv x=[1,3,4,2] w=[2,2,1,2] groups=2", ["x", "stride", "padding", "groups"], True),
        ("max_pool x=[1,3,4,1] kernel=2", ["x", "kernel_size", "padding"], True),
        ("max_pool x=[1,3,4,1] kernel=2 stride=1", ["x", "kernel_size", "padding"], False),
        ("max_pool x=[1,3,4,1] kernel=2 ceil_mode=true", ["x", "kernel_size", "padding"], False),
        ("avg_pool x=[1,3,4,1] kernel=2 divisor_override=3", ["x", "**words"], True),
    ],
    ids=range(11),
)
def test_what_a_function_without_the_parameter_is_not_asked(line, parameters, expressed):
    """Under torch's contract settings go by keyword; others take them in one argument."""
    case = question(line)
    (forward, _) = [f for f in contracts.get("functional").functions if f.expresses(case, None)]
    assert forward.expresses(case, parameters) == expressed
    for name in ("npcnn", "assignment"):
        taking = [f for f in contracts.get(name).functions if f.expresses(case, None)]
        assert all(f.expresses(case, parameters) for f in taking)


@pytest.mark.parametrize(
    ("contract", "names", "renames", "resolved"),
    [
        ("assignment", PASSES, {}, {name: name for name in PASSES}),
        ("assignment", {"pad": None}, {"zero_pad": "pad"}, {"zero_pad": "pad"}),
        ("assignment", {"zero_pad": None}, {"zero_pad": "pad"}, {}),
        ("assignment", {"zero_pad": None, "pad": None}, {"zero_pad": "pad"}, {"zero_pad": "pad"}),
        ("assignment", {"conv_forward_naive": None}, {}, {}),
        ("cs231n", {"conv_forward_fast": None}, {}, {"conv_forward_naive": "conv_forward_fast"}),
        ("cs231n", {"conv_forward": None}, {}, {"conv_forward_naive": "conv_forward"}),
        (
            "cs231n",
            dict.fromkeys(f"max_pool_backward{end}" for end in ("", "_fast", "_strides", "_naive")),
            {},
            {"max_pool_backward_naive": "max_pool_backward_naive"},
        ),
        (
            "cs231n",
            dict.fromkeys(f"max_pool_backward{end}" for end in ("", "_fast", "_im2col")),
            {},
            {"max_pool_backward_naive": "max_pool_backward_im2col"},
        ),
        (
            "cs231n",
            dict.fromkeys(f"conv_backward_{end}" for end in ("naive", "fast")),
            {"conv_backward_naive": "conv_backward_fast"},
            {"conv_backward_naive": "conv_backward_fast"},
        ),
        ("functional", {"f": None}, {"conv2d": "f", "conv1d": "f"}, {"conv2d": "f", "conv1d": "f"}),
        ("npcnn", {"conv2d": None}, {}, {}),
        ("npcnn", {"functional.conv2d": None}, {}, {"functional.conv2d": "functional.conv2d"}),
        ("holberton", {"pool_forward": None}, {"unheard_of": "pool_forward"}, None),
    ],
    ids=range(14),
)
def test_functions_are_found_by_their_names(contract, names, renames, resolved):
    """A wish comes first and is no guess; other names count in the contract's order."""
    wanted = {"pool_forward": "pool_forward"} if resolved is None else resolved
    assert contracts.get(contract).resolve(names, renames) == wanted


ASKED = [
    "conv x=[2,5,6,2] w=[3,2,2,3] stride=[1,2] dilation=[2,1] pad=[1,0] fill=integers",
    "conv x=[2,5,6,4] w=[3,2,2,6] stride=[1,2] groups=2 bias=false fill=integers",
    "conv x=[2,5,6,2] w=[3,2,2,3] pad=[[0,1],[2,1]] fill=integers",
    "conv x=[2,5,6,2] w=[3,2,2,3] stride=2 fill=integers",
    "conv x=[2,5,6,2] w=[3,2,2,3] stride=2 pad=1 fill=integers",
    "conv x=[2,5,6,2] w=[3,5,2,3] pad=same fill=integers",
    "conv x=[2,7,6,2] w=[2,2,2,3] stride=2 pad=1 fill=integers",
    "conv x=[2,9,2] w=[3,2,4] stride=2 pad=1 fill=integers",
    "conv x=[2,4,5,6,2] w=[1,2,3,2,4] stride=[1,2,1] pad=[0,1,1] fill=integers",
    "max_pool x=[2,5,6,2] kernel=[3,2] stride=[1,2] pad=1 fill=ties",
    "max_pool x=[2,5,6,2] kernel=[3,2] ceil_mode=true dilation=[1,2] fill=permutation",
    "max_pool x=[2,5,6,2] kernel=[3,2] stride=2 fill=permutation",
    "max_pool x=[2,5,6,2] kernel=2 stride=1 fill=permutation",
    "max_pool x=[2,9,3] kernel=3 stride=2 pad=1 fill=permutation",
    "max_pool x=[2,4,5,6,2] kernel=[1,2,3] stride=[2,1,2] fill=permutation",
    "avg_pool x=[2,5,6,2] kernel=[3,2] stride=[1,2] pad=1 count_include_pad=false fill=integers",
    "avg_pool x=[2,5,6,2] kernel=[3,2] divisor_override=5 ceil_mode=true fill=integers",
    "avg_pool x=[2,5,6,2] kernel=[4,2] stride=[1,2] fill=integers",
    "avg_pool x=[2,5,6,2] kernel=2 stride=1 fill=integers",
    "avg_pool x=[2,9,3] kernel=3 stride=2 pad=1 fill=integers",
    "avg_pool x=[2,4,5,6,2] kernel=[1,2,3] stride=[2,1,2] fill=integers",
    "zero_pad x=[2,3,4,2] pad=1 fill=integers",
    "zero_pad x=[2,3,4,2] pad=[[0,1],[2,1]] fill=special",
    "conv_single_step x=[3,3,2] b=[1,1,1] fill=integers",
    "create_mask_from_window x=[2,3] fill=permutation",
    "distribute_value x=[2,4] fill=integers",
]
CHANNELS_FIRST = """
import functools
import numpy as np
from npcnn import functional

def last(a):
    return a if a is None or a.ndim == 1 else np.moveaxis(a, 1, -1)

def turned(function, weights):
    @functools.wraps(function)
    def call(*arrays, **words):
        arrays = list(arrays)
        if weights:
            arrays[weights] = np.moveaxis(arrays[weights], (0, 1), (-1, -2))
        given = [a if i == weights else last(a) for i, a in enumerate(arrays)]
        found = function(*given, **words) if weights else function(*map(last, arrays), **words)
        if not isinstance(found, tuple):
            return np.moveaxis(found, -1, 1)
        dx, dw, db = found
        return np.moveaxis(dx, -1, 1), np.moveaxis(dw, (-1, -2), (0, 1)), db
    return call

for op, weights in (("conv", 1), ("max_pool", 0), ("avg_pool", 0)):
    for name in (f"{op}{rank}d" for rank in (1, 2, 3)):
        globals()[name] = turned(getattr(functional, name), weights)
        name += "_backward"
        globals()[name] = turned(getattr(functional, name), 2 * weights)
"""
"""npcnn's general face, channels first."""

CANDIDATES = {
    "npcnn": "npcnn",
    "cs231n": RIGHT / "cs231n_naive.py",
    "cs231n fast": RIGHT / "cs231n_im2col.py",
    "holberton": RIGHT / "holberton.py",
    "functional": RIGHT / "functional_nchw.py",
    "functional-nhwc": RIGHT / "functional_nhwc.py",
    "functional of every rank": "first.py",
    "functional-nhwc of every rank": "npcnn.functional",
    "assignment": RIGHT / "loops.py",
}
FUNCTIONS = [
    (label, function.name)
    for label in CANDIDATES
    for function in contracts.get(label.partition(" ")[0]).functions
    if "2d" in function.name or label not in ("functional", "functional-nhwc")
]


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """A right implementation of each contract, loaded when it is first asked for."""
    folder, loaded = tmp_path_factory.mktemp("right"), {}
    (folder / "first.py").write_text(CHANNELS_FIRST, encoding="utf-8")
    with contextlib.ExitStack() as stack:

        def load(label):
            if label not in loaded:
                contract, _, layout = label.partition(" ")[0].partition("-")
                name = str(folder / CANDIDATES[label])  # an absolute path stays what it is
                name = name if name.endswith(".py") else str(CANDIDATES[label])
                loaded[label] = candidate.load(name, contract=contract, layout=layout)
                stack.callback(loaded[label].close)
            return loaded[label]

        yield load


def put(judged, name):
    """The function of the contract, and the questions that can be put to it."""
    function = next(f for f in judged.contract.functions if f.name == name)
    asked = [question(line) for line in ASKED]
    return function, [case for case in asked if judged.expresses(function, case)]


def outputs(function, case):
    """What a function of this kind has to answer, in the contract's words."""
    names = ("dx",) if function.op.startswith("pool") else ("dx", "dw", "db")[: 2 + case.bias]
    if not function.op.endswith("_backward"):
        names = ("y", "index") if "functional.max" in function.name else ("y",)
    return [function.words.get(name, name) for name in names]


@pytest.mark.parametrize(("label", "name"), FUNCTIONS, ids=lambda value: value.replace(" ", "-"))
def test_every_ask_gets_the_oracles_answer(right, label, name):
    """Arrays turned as the contract has them, settings under its names, outputs turned back."""
    judged = right(label)
    assert judged.label == label.partition(" ")[0]
    function, cases = put(judged, name)
    assert judged.has(function)
    assert cases, "no question can be put to it"
    for case in cases:
        (outcome,) = trial.answered(judged, [function], case, 0, "float64", set())
        assert (outcome.status, outcome.message) == ("ok", ""), case.row
        assert outcome.evidence == "exact"
        assert outcome.deviations == ()
        assert [v.name for v in outcome.verdicts] == outputs(function, case)


BACKWARD = [
    (label, name)
    for label, name in FUNCTIONS
    if any(
        CANONICAL in function.caches
        for function in contracts.get(label.partition(" ")[0]).functions
        if function.name == name
    )
]


@pytest.mark.parametrize(("label", "name"), BACKWARD, ids=lambda value: value.replace(" ", "-"))
def test_a_backward_pass_can_be_asked_alone(right, label, name):
    """With the contract's own cache, where it is known: then no forward pass is called."""
    judged = right(label)
    function, cases = put(judged, name)
    for case in cases:
        asked = truth.of(case, 0, "float64", judged.contract.bitwise)
        reply = judged.ask(function, case, asked.given, CANONICAL)
        outcome = outcomes.of(judged, function, asked, reply)
        assert (outcome.status, outcome.message) == ("ok", ""), case.row
        assert [v.name for v in outcome.verdicts] == outputs(function, case)


def test_every_contract_with_a_cache_has_one_of_its_own():
    """Four of them; the other contracts give a backward function all that it needs."""
    assert {label for label, _ in BACKWARD} == {"npcnn", "cs231n", "cs231n fast", "assignment"}
    assert len(BACKWARD) == 8


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_missing_gradient_is_not_right(kept):
    """None is no gradient, however right the ones beside it are."""

    def conv2d_backward(dy, x, w, stride=1, padding=0):
        gradients = functional.conv2d_backward(dy, x, w, stride, padding)
        return tuple(g if i < kept else None for i, g in enumerate(gradients))

    case = question("conv x=[2,5,6,2] w=[3,2,2,3] stride=2 fill=integers")
    live = {"conv2d_backward": conv2d_backward}
    with contextlib.closing(candidate.live(live, layout="nhwc")) as judged:
        function = next(f for f in judged.contract.functions if f.name == "conv2d_backward")
        (outcome,) = trial.answered(judged, [function], case, 0, "float64", set())
    assert (outcome.status == "ok") == (kept == 3)
