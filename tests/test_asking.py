"""A candidate's function as a plain one: outputs in the oracle's shapes, whatever the contract."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from verification import asking, contracts, fills, layouts, oracle, row
from verification.apart.process import Other, Reply
from verification.apart.replies import Hello
from verification.asking import Asker, InexpressibleError, UnansweredError
from verification.candidate import Candidate

CONV = "conv x=[2,6,5,3] w=[3,2,3,4] stride=2 fill=digits"
SQUARE = "conv x=[2,6,5,3] w=[2,2,3,4] stride=2 fill=digits"
POOL = "max_pool x=[2,6,5,3] kernel=2 fill=permutation"


@dataclass
class Told:
    """A candidate that answers what it is told to; what was asked of it is kept."""

    reply: Reply
    asked: list = field(default_factory=list)
    expected: list = field(default_factory=list)
    hello: Hello = field(default_factory=lambda: Hello({}))

    def expect(self, request):
        self.expected.append((request, len(self.asked)))

    def ask(self, request):
        self.asked.append(request)
        return self.reply

    def close(self):
        """Nothing is open."""


def one(line):
    (case,) = row.parse(line)
    return case


def candidate(told, label, without=()):
    contract = contracts.get(label)
    names = {f.name: f.name for f in contract.functions if f.name not in without}
    return Candidate("told", contract, label, names, told, lambda: told)


def function(label, name):
    return next(f for f in contracts.get(label).functions if f.name == name)


def asked(label, name, line, without=(), dtype="float64", **values):
    """What the asker makes of these values; and what it was that the candidate was asked."""
    case, told = one(line), Told(Reply("ok", values))
    judged = candidate(told, label, without)
    asker = Asker(judged, function(label, name), judged.ask)
    return asker(case, fills.arrays(case, 0, dtype)), told.asked


def right(line):
    case = one(line)
    return oracle.answers(case, fills.arrays(case, 0, "float64"))


@pytest.mark.parametrize(
    ("line", "op", "names"),
    [
        (CONV, "conv_forward", ["y"]),
        (CONV, "conv_backward", ["dx", "dw", "db"]),
        (f"{CONV} bias=false", "conv_backward", ["dx", "dw"]),
        (POOL, "pool_forward", ["y"]),
        (POOL, "pool_backward", ["dx"]),
    ],
)
def test_what_a_function_must_give(line, op, names):
    """A gradient of the bias where there is one; an index is a gift."""
    assert asking.expected(op, one(line)) == names


def test_shapes_are_the_oracles():
    """Of every output that a question has."""
    for line in (CONV, f"{CONV} bias=false", POOL, POOL.replace("max", "avg").split(" fill")[0]):
        for case in row.parse(line):
            answers = oracle.answers(case, fills.arrays(case, 0, "float64"))
            shapes = asking.shapes(case)
            assert {name: a.shape for name, a in answers.items()} == {
                name: shapes[name] for name in answers
            }


def test_answers_in_the_contracts_form_come_in_the_oracles():
    """Channels first, filters first, one axis for each of a bias; no number is changed."""
    truth = right(SQUARE)
    moved = {
        "dx": np.moveaxis(truth["dx"], -1, 1),
        "dw": np.moveaxis(truth["dw"], (-1, -2), (0, 1)),
        "db": truth["db"],
    }
    got, _ = asked("cs231n", "conv_backward_naive", SQUARE, **moved)
    other, _ = asked(
        "assignment",
        "conv_backward",
        SQUARE,
        dx=truth["dx"],
        dw=truth["dw"],
        db=truth["db"].reshape(1, 1, 1, 4),
    )
    for name in ("dx", "dw", "db"):
        np.testing.assert_array_equal(got[name], truth[name])
        np.testing.assert_array_equal(other[name], truth[name])


def test_a_memory_order_changes_nothing():
    """Fortran's, or one that runs backwards."""
    truth = right(CONV)
    for layout in ("F", "reversed", "strided", "swapped"):
        got, _ = asked("npcnn", "conv_forward", CONV, y=layouts.laid_out(truth["y"], layout))
        np.testing.assert_array_equal(got["y"], truth["y"])


@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 4), (1, 1, 4, 1)])
def test_a_db_of_another_shape_is_taken_from_courses(shape):
    """As the convention that it is; npcnn's own contract has none."""
    truth = right(SQUARE)
    values = {"dx": truth["dx"], "dw": truth["dw"], "db": truth["db"].reshape(shape)}
    got, _ = asked("assignment", "conv_backward", SQUARE, **values)
    np.testing.assert_array_equal(got["db"], truth["db"])
    with pytest.raises(UnansweredError, match=r"db should have shape \(1, 1, 1, 4\), it has"):
        asked("npcnn", "conv_backward", SQUARE, **values)


def test_other_shapes_are_no_answers():
    """Another number of numbers, of db as of the others."""
    truth = right(SQUARE)
    good = {"dx": truth["dx"], "dw": truth["dw"], "db": truth["db"].reshape(1, 1, 1, 4)}
    for name, bad in (("dx", truth["dx"][:, :-1]), ("db", np.ones((1, 1, 1, 5)))):
        with pytest.raises(UnansweredError, match=f"{name} should have shape"):
            asked("assignment", "conv_backward", SQUARE, **{**good, name: bad})
    swapped = np.moveaxis(truth["dx"], 1, 2)
    with pytest.raises(UnansweredError, match=r"\(2, 6, 5, 3\), it has \(2, 5, 6, 3\)"):
        asked("assignment", "conv_backward", SQUARE, **{**good, "dx": swapped})


def test_rounding_is_taken_off_where_a_contract_leaves_room():
    """Whole numbers are meant; npcnn's own must be whole, and NaN stays."""
    truth = right(SQUARE)["y"]

    def told(label, y):
        return asked(label, "conv_forward", SQUARE, y=y)[0]["y"]

    np.testing.assert_array_equal(told("assignment", truth + 0.3), truth)
    np.testing.assert_array_equal(told("assignment", truth + 0.7), truth + 1)
    np.testing.assert_array_equal(told("npcnn", truth + 0.3), truth + 0.3)
    assert np.isnan(told("assignment", truth * np.nan)).all()


@pytest.mark.parametrize("label", ["npcnn", "assignment"])
@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
def test_whole_numbers_and_truths_become_numbers_that_subtract(label, dtype):
    """True - True is an error, and 1 - 2 is 255 of small unsigned numbers."""
    y = (np.arange(2 * 3 * 2 * 4).reshape(2, 3, 2, 4) % 2).astype(dtype)
    got = asked(label, "conv_forward", SQUARE, y=y)[0]["y"]
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got - 2, y.astype(float) - 2)


def test_an_index_comes_with_what_must_be_given():
    """Where the function gives one; a name that is none is passed over."""
    truth = right(POOL)
    values = {"y": truth["y"], "index": truth["index"], "nonsense": np.ones(3)}
    got, _ = asked("npcnn", "functional.max_pool2d", POOL, **values)
    assert list(got) == ["y", "index"]
    got, _ = asked("npcnn", "functional.max_pool2d", POOL, y=truth["y"])
    assert list(got) == ["y"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "y is a NoneType, not an array"),
        ({"y": Other("list")}, "y is a list, not an array"),
        ({"y": Other("ndarray of object")}, "y is a ndarray of object, not an array"),
        ({"y": np.float64(3)}, r"y should have shape \(2, 2, 2, 4\), it has \(\)"),
    ],
)
def test_what_is_no_array_is_no_answer(values, said):
    """With its kind."""
    with pytest.raises(UnansweredError, match=said) as raised:
        asked("npcnn", "conv_forward", CONV, **values)
    assert raised.value.reply is None


@pytest.mark.parametrize("status", ["CRASH", "TIMEOUT", "MEMORY"])
def test_a_call_that_fails_keeps_its_reply(status):
    """For whoever tells of it."""
    case = one(CONV)
    reply = Reply(status, error="ValueError: no", kind="ValueError")
    judged = candidate(Told(reply), "npcnn")
    asker = Asker(judged, function("npcnn", "conv_forward"), judged.ask)
    with pytest.raises(UnansweredError, match="ValueError: no") as raised:
        asker(case, fills.arrays(case, 0, "float64"))
    assert raised.value.reply is reply


@pytest.mark.parametrize(
    ("line", "without"),
    [(SQUARE.replace("stride=2", "dilation=2"), ()), (SQUARE, ("conv_forward",))],
    ids=["outside the contract", "not there"],
)
def test_what_cannot_be_put_is_not_asked(line, without):
    """The assignment knows no dilation; a function that is missing cannot be wrong."""
    case, told = one(line), Told(Reply("ok"))
    judged = candidate(told, "assignment", without)
    asker = Asker(judged, function("assignment", "conv_forward"), judged.ask)
    with pytest.raises(InexpressibleError, match="conv x="):
        asker(case, fills.arrays(case, 0, "float64"))
    assert told.asked == []


@pytest.mark.parametrize(
    ("without", "cache"), [((), contracts.OWN), (("conv_forward",), contracts.CANONICAL)]
)
def test_a_backward_pass_alone_gets_the_contracts_cache(without, cache):
    """There is no other: it is judged by its own work."""
    truth = right(SQUARE)
    values = {name: truth[name] for name in ("dx", "dw", "db")}
    _, requests = asked("assignment", "conv_backward", SQUARE, without, **values)
    assert [request.cache for request in requests] == [cache]


def test_an_unwritten_forward_pass_is_none():
    """A stub has no cache either."""
    case, told = one(POOL), Told(Reply("ok", {"dx": right(POOL)["dx"]}))
    told = replace(told, hello=Hello({}, stubs=frozenset({"pool_forward"})))
    judged = candidate(told, "assignment")
    asker = Asker(judged, function("assignment", "pool_backward"), judged.ask)
    asker(case, fills.arrays(case, 0, "float64"))
    assert [request.cache for request in told.asked] == [contracts.CANONICAL]


FORWARDS = {
    "npcnn": {
        "conv_backward": "conv_forward",
        "pool_backward": "pool_forward",
        "functional.conv3d_backward": "functional.conv3d",
        "functional.avg_pool1d_backward": "functional.avg_pool1d",
    },
    "assignment": {"conv_backward": "conv_forward", "pool_backward": "pool_forward"},
    "holberton": {"conv_backward": "conv_forward", "pool_backward": "pool_forward"},
    "cs231n": {
        "conv_backward_naive": "conv_forward_naive",
        "max_pool_backward_naive": "max_pool_forward_naive",
    },
    "functional": {"conv2d_backward": "conv2d", "max_pool1d_backward": "max_pool1d"},
    "functional-nhwc": {"avg_pool3d_backward": "avg_pool3d"},
}


@pytest.mark.parametrize("label", FORWARDS)
def test_a_gradient_has_its_forward_pass(label):
    """By its name; no backward function of any contract is without one."""
    contract = contracts.get(label)
    found = {f.name: contract.forward_of(f) for f in contract.functions}
    backward = {name for name in found if "_backward" in name}
    assert FORWARDS[label].items() <= {name: found[name].name for name in backward}.items()
    for name in backward:
        kind = function(label, name).op.removesuffix("_backward")
        assert found[name].op == f"{kind}_forward"


@pytest.mark.parametrize("label", FORWARDS)
def test_any_other_function_is_its_own(label):
    """Forward passes and helpers."""
    contract = contracts.get(label)
    others = [f for f in contract.functions if "_backward" not in f.name]
    assert [contract.forward_of(f) for f in others] == others


def test_in_turn_the_next_is_announced_when_one_is_answered():
    """Not before, and never one that cannot be put; a plain function is told nothing."""
    case, told = one(SQUARE), Told(Reply("ok", right(SQUARE)))
    judged = candidate(told, "npcnn")
    asker = asking.Asker(judged, function("npcnn", "conv_forward"), judged.ask)
    given = [fills.arrays(case, seed, "float64") for seed in range(3)]
    answers = asking.in_turn(asker, ((case, arrays) for arrays in given))
    for count in (1, 2, 3):
        assert "y" in next(answers)
        assert len(told.asked) == count
        assert [at for _, at in told.expected] == [1, 2][:count]
    assert next(answers, None) is None
    assert all(e.is_same(a) for (e, _), a in zip(told.expected, told.asked[1:], strict=True))
    plain = asking.in_turn(lambda case, arrays: arrays, ((case, arrays) for arrays in given))
    assert [id(arrays) for arrays in plain] == list(map(id, given))


def test_only_what_will_be_asked_is_announced():
    """Nothing that is mended on the way, nothing of a function that cannot be asked."""
    case, told = one(SQUARE), Told(Reply("ok", right(SQUARE)))
    given = fills.arrays(case, 0, "float64")
    for put, without in (("ask_mended", ()), ("ask", ("conv_forward",))):
        judged = candidate(told, "assignment", without)
        forward = function("assignment", "conv_forward")
        asking.Asker(judged, forward, getattr(judged, put)).expect(case, given)
    assert told.expected == []
