"""Contracts: which one functions are written for, what each can express, and how it asks."""

import math
import operator
import re

import numpy as np
import parametrize_from_file

import npcnn
from verification.candidates import contracts
from verification.candidates.contracts import NAMES
from verification.candidates.contracts.function import CANONICAL, SPELLINGS
from verification.candidates.process import IDENTITY
from verification.questions import arrays, parse, shapes

CODE = 100_000
"""Numbers of the second array begin here, those of the third at twice that."""
ARRAYS = ("x", "w", "b", "dy", "index", "mean", "var")


def get(contract):
    room, _, layout = contract.partition("-")
    return contracts.get(room, layout)


def find(contract, function):
    return next(f for f in get(contract).functions if f.name == function)


def read_names(text):
    """Names with their parameters, None where there are no brackets."""
    found = (re.fullmatch(r"([\w.]+)(?:\((.*)\))?", word) for word in text.split())
    return {name: inside and inside.split(",") for name, inside in (f.groups() for f in found)}


@parametrize_from_file
def test_a_contract_is_recognised(names, contract):
    """By names, and where they are shared by parameters."""
    assert [*contracts.recognise(read_names(names)), ""][0] == contract


def test_contracts_are_found_by_their_names():
    """Of no contract does a function come twice."""
    assert [get(name).name for name in NAMES] == list(NAMES)
    for name in NAMES:
        functions = [f.name for f in get(name).functions]
        assert len(functions) == len(set(functions)) >= 4
    assert [name for name in NAMES if get(name).is_bitwise] == ["npcnn"]


@parametrize_from_file
def test_what_a_contract_expresses(row, contracts):
    """Windows, strides, pads, options and sizes; forward and backward alike, if both are there."""
    case = parse(row)[0]
    expressed = {
        name: [f for f in get(name).functions if f.expresses(case)]
        for name in (*NAMES, "functional-nhwc")
    }
    assert {name for name in NAMES if expressed[name]} == set(contracts.split())
    assert bool(expressed["functional"]) == bool(expressed["functional-nhwc"])
    for functions in expressed.values():
        ways = [
            f.op.rpartition("_")[2]
            for f in functions
            if case.kernel and "images" not in f.signature
        ]
        assert ways.count("forward") == ways.count("backward")
        general = [f.name for f in functions if re.search(r"\dd(_|$)", f.name)]
        assert all(f"{case.op}{len(case.space)}d" in name for name in general)


@parametrize_from_file(schema=parametrize_from_file.defaults(backward=None))
def test_what_a_function_without_the_parameter_is_not_asked(row, parameters, expressed, backward):
    """It is no failure; under the other contracts it is.  A gradient gets dy, and no bias."""
    case = parse(row)[0]
    theirs = ["dy", *(name for name in parameters if name != "b")]
    for name in ("functional", "functional-nhwc"):
        forward, back = (f for f in get(name).functions if f.expresses(case))
        assert forward.read(parameters).expresses(case) == expressed
        assert back.read(theirs).expresses(case) == (expressed if backward is None else backward)
    for name in ("npcnn", "assignment", "holberton"):
        able = [f for f in get(name).functions if f.expresses(case)]
        assert all(f.read(parameters).expresses(case) for f in able)


@parametrize_from_file(schema=parametrize_from_file.defaults(renames={}))
def test_functions_are_found_by_their_names(contract, names, renames, resolved):
    """A wish comes first and is no guess; other names count in the contract's order."""
    assert get(contract).resolve(read_names(names), renames) == resolved


class Coded(np.ndarray):
    """An array that shows itself by its name and shape."""

    def __repr__(self):
        return f"{ARRAYS[int(self.min()) // CODE]}{list(self.shape)}"


@parametrize_from_file(schema=parametrize_from_file.defaults(cache="own", parameters={}))
def test_a_question_is_put_by_calls(contract, function, row, cache, parameters, calls):
    """Arrays and settings as the contract and the functions have them, forward before backward."""
    case = parse(row)[0]
    given = {}
    for name, shape in shapes(case).items():
        start = CODE * ARRAYS.index(name)
        given[name] = np.arange(start, start + math.prod(shape)).reshape(shape).view(Coded)
    plan = [
        find(contract, call.function).read(parameters.get(call.function)).fit(case, call)
        for call in find(contract, function).plan(case, given, cache)
    ]
    lines = [f"{c.function}{c.arguments} {c.words} -> {c.outputs} {c.returns}" for c in plan]
    assert [line.replace(repr(IDENTITY), "identity") for line in lines] == list(calls)


def test_four_contracts_have_a_cache_of_their_own():
    """The others give a gradient all that it needs, whatever cache is wished for."""
    case = parse("conv x=[1,4,4,1] w=[2,2,1,1] fill=integers")[0]
    cached = {name for name in NAMES for f in get(name).functions if f.forward}
    assert cached == {"npcnn", "cs231n", "assignment"}
    for name, function in (("holberton", "conv_backward"), ("functional", "conv2d_backward")):
        (call,) = find(name, function).plan(case, arrays(case, 0, "float64"), CANONICAL)
        assert call.function == function


@parametrize_from_file
def test_outputs_have_the_contracts_form(contract, function, shapes, places):
    """The oracle's element lies where the contract has it."""
    (case,) = parse("conv x=[2,5,6,2] w=[3,3,2,4] fill=integers")
    form = find(contract, function).form
    for name, shape in shapes.items():
        oracles = np.arange(np.prod(case.outputs[name])).reshape(case.outputs[name])
        theirs = form(case, name, oracles)
        assert theirs.shape == shape
        if name in places:
            assert theirs[places[name]] == oracles[0, 1, 0, 1]


def test_channels_lead_where_a_function_says_so():
    """As its form has them: reports write places and repairs by it."""
    case = parse("conv x=[2,3,4,5] w=[1,1,5,6]")[0]
    places = (*NAMES[:-1], "functional-nhwc")
    for one in (f for name in places for f in get(name).functions if f.is_pass):
        shape = np.shape(one.form(case, "x", np.zeros(case.x)))
        assert one.channels_first == (shape == (2, 5, 3, 4)), one.name


def test_a_gradient_belongs_to_its_forward_pass():
    """Of the same rank; any other function belongs to itself."""
    pairs = {"conv2d_backward": "conv2d", "max_pool3d_backward": "max_pool3d", "conv1d": "conv1d"}
    contract = get("functional")
    assert {n: contract.forward_of(find("functional", n)).name for n in pairs} == pairs
    assert get("assignment").forward_of(find("assignment", "pool_backward")).name == "pool_forward"


def test_npcnn_has_every_function_of_its_contract():
    """For those that are optional would not be missed."""
    for function in get("npcnn").functions:
        assert callable(operator.attrgetter(function.name)(npcnn))


def test_what_a_dictionary_may_say_a_parameter_may():
    """Of strides and pads."""
    for key, setting in (("stride", "stride"), ("pad", "padding")):
        assert {*contracts.KEYS[key]} <= {*SPELLINGS[setting]}
