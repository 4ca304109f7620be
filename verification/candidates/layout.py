"""The layout of torch's functions as a candidate has written them: that in which it answers.

Every layout is tried, with every shape of b and both orders of the weights, on questions whose
answer tells it by its shape.  What answers in none is unfit, and the reason is told.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from verification.candidates.contracts import (
    NUMBERS,
    PROBES,
    RANKS,
    fill,
    get,
    wants_other_axes,
)
from verification.candidates.contracts.function import BIASES, LAYOUTS, Function, Signature
from verification.candidates.process import LOST, Other

if TYPE_CHECKING:
    from verification.candidates.candidate import Candidate
    from verification.questions import Case

SAME = "its answers are as large as x, and it takes no padding"
BEHIND = f"its forward pass's{SAME.removeprefix('its')}"
"""What is said of filters of images, whose borders are everybody's own, and of their gradients."""
STRANGE = -2.0
"""The rate of a function that is not for such arrays."""
UNBOUND = ("NameError", "UnboundLocalError", "AttributeError: 'int' object")
"""What is raised whatever the arrays are."""
Rates = dict[str, float]
Errors = dict[str, str]


def _rate_answers(
    tried: Candidate, names: Set[str], probes: Sequence[Case]
) -> tuple[Rates, Errors]:
    """How well the best answer of each function has the contract's form, or what it raises.

    1 where the shape is right, less where only the number of axes is, 0 where neither is; -1 where
    it raises, STRANGE where that is of arrays of other axes, or it cannot be asked; -inf where it
    gives no answer in time, and no other is asked.
    """
    rates, errors = Rates(), Errors()
    for function in (one for one in tried.contract.functions if one.name in names):
        rate, error, theirs = STRANGE, "", tried.read(function)
        for case in (one for one in probes if one.space and tried.expresses(function, one)):
            if NUMBERS.search(error) and "c" in function.layout and case.x[-1] == 1:
                continue  # it takes cells for numbers: its arrays have no channels
            reply = tried.ask(function, case, fill(case))
            if reply.kind in LOST:
                return {**rates, function.name: -math.inf}, errors
            if reply.values and not reply.missing:
                name, got = next(iter(reply.values.items()))
                want = function.find_shape(case, name)
                shape = () if isinstance(got, Other) else got.shape
                same = sum(map(operator.eq, shape, want))
                rate = max(rate, (len(shape) == len(want)) * (1 + same) / (1 + len(want)))
                error = SAME if _is_same(function, theirs, case, shape) else ""
                if rate == 1 or error:
                    break
            else:
                is_strange = not reply.missing and wants_other_axes(reply)
                rate = max(rate, STRANGE if is_strange else -1.0)
                missing = "".join(
                    f"it calls {name}, which is missing" for name in reply.missing[:1]
                )
                error = error or missing or reply.error
        rates[function.name], errors[function.name] = rate, error
    return rates, errors


def _is_same(function: Function, theirs: Signature, case: Case, shape: tuple[int, ...]) -> bool:
    """Whether a convolution that takes no padding gives an image as large as its input."""
    if function.op != "conv_forward" or "padding" in theirs.spelled:
        return False
    same = replace(case, pad=tuple((size // 2, size // 2) for size in case.kernel))
    return shape == function.find_shape(same, "y")


def _list_shapes(known: Candidate, has_bias: bool) -> Iterator[tuple[Candidate, str]]:
    """The candidate as its weights and b may be shaped; each with what is to be noted."""
    for is_led, sizes in product((False, True), BIASES if has_bias else BIASES[:1]):
        contract = known.contract.lead_filters() if is_led else known.contract
        words = [f"its b is of shape {sizes}".replace("-1", "filters")] * (sizes != BIASES[0])
        words += ["its weights are (filters, *kernel, channels)"] * is_led
        yield replace(known, contract=contract.shape_bias(sizes)), ", and ".join(words)


def _rate_layouts(
    tried: Sequence[Candidate], names: Set[str]
) -> tuple[dict[str, Rates], dict[str, Errors]]:
    """How well answers fit each layout, until one fits all, or comes to no end."""
    rates, raised = dict[str, Rates](), dict[str, Errors]()
    for layout, candidate in zip(LAYOUTS, tried):
        rates[layout], errors = _rate_answers(candidate, names, PROBES)
        values = {*rates[layout].values()}
        if layout != "nhw":  # what a batch of planes raises is no hint of another layout
            raised[layout] = errors
        elif not values & {1, -math.inf}:  # as its batch has any answer's size
            del rates[layout]
        if values == {1} or -math.inf in values:
            break
    return rates, raised


def _may_age(errors: Errors) -> bool:
    """Whether one of them is such as an older NumPy would not have raised."""
    return any(map(NUMBERS.search, errors.values()))


def _list_values(rates: Mapping[str, Rates]) -> set[float]:
    return {value for one in rates.values() for value in one.values()}


def _rate_shapes(
    tried: Mapping[str, Candidate], names: Set[str], has_bias: bool
) -> tuple[dict[str, Rates], dict[str, Errors], bool]:
    """How well answers fit each layout with the first shapes of weights and b with which some do;
    where none do, with the usual ones, and whether an older NumPy may have given some.
    """
    tries = list[tuple[dict[str, Rates], dict[str, Errors]]]()
    for ones in zip(*(_list_shapes(one, has_bias) for one in tried.values())):
        tries.append(_rate_layouts([one for one, _ in ones], names))
        if {1, -math.inf} & _list_values(tries[-1][0]):
            return *tries[-1], False
    return *tries[0], any(_may_age(errors) for _, raised in tries for errors in raised.values())


def find_layout(known: Candidate, wished: Mapping[str, str]) -> Candidate:
    """The candidate in the layout that an answer of its functions fits best, the first of these."""
    there = [one for one in known.contract.functions if known.has(one) and known.understands(one)]
    names = {function.name for function in there}
    tried: dict[str, Candidate] = {}
    for layout in LAYOUTS:
        contract = get("functional", layout)
        contract, *_ = contract.adapt(known.hello, known.names, known.process.ask)
        tried[layout] = replace(known, contract=contract, notes=[*known.notes])
    rates, raised, may_age = _rate_shapes(tried, names, _has_bias(known, there))
    if may_age and known.mend():
        return find_layout(known, wished)
    if -math.inf in _list_values(rates):
        return known

    def rank(layout: str) -> tuple[bool, float, float]:
        """By sums, as of a gradient the shape alone tells little; then by what is strange."""
        all_rates = rates[layout].values()
        return 1 in all_rates, sum(max(rate, -1) for rate in all_rates), sum(all_rates)

    best = max(rates, key=rank)
    known = tried[best]
    unfit = {n: SAME for n in names if SAME in (errors[n] for errors in raised.values())}
    unfit = {n: why for n, why in unfit.items() if rates[best][n] < 1}
    forwards = {f.name: known.contract.forward_of(f).name for f in there if f.is_gradient}
    bare = [f.name for f in there if "padding" not in known.read(f).spelled]
    unfit |= {n: BEHIND for n in bare if n in forwards and forwards[n] in unfit}
    if 1 in rates[best].values():
        strange = {n for n in names if all(one.get(n) == STRANGE for one in rates.values())}
        unfit |= {n: why for n in strange if (why := raised[best][n])}
        known.notes += [f"its arrays are {best}, as its answers show"] * (best != "nchw")
        return _find_shapes(replace(_mix_layouts(tried, rates, best), unfit=unfit))
    guessed = (f for f in there if f.is_guessed(known.name_of(f)))
    loose = {function.name for function in guessed} - wished.keys()
    loose -= {name for name in names if raised[best][name].startswith(UNBOUND)}
    loose -= {name for name in names if _takes_one(rates, best, name)}
    unfit |= {
        name: raised[best][name] or "its answers have another shape"
        for name in names
        if name in loose or rates[best][name] == STRANGE
    }
    note = f"its answers show no layout: its arrays are taken to be {best}"
    known.notes += [f"{note} (--layout {'|'.join(LAYOUTS)})"] * (names > unfit.keys())
    return replace(known, unfit=unfit, is_guessed=True)


def _takes_one(rates: Mapping[str, Rates], best: str, name: str) -> bool:
    """Whether it answers in this layout, with so many axes, and is not for arrays of any other."""
    others = (rates[layout].get(name, STRANGE) for layout in rates if layout != best)
    return rates[best][name] > 0 and all(rate == STRANGE for rate in others)


def _mix_layouts(
    tried: Mapping[str, Candidate], rates: Mapping[str, Rates], best: str
) -> Candidate:
    """The best one, with what gives no answer of the right shape there as it does in others."""
    known, functions = tried[best], list[Function]()
    for function in known.contract.functions:
        fitting = [one for one in rates if rates[one].get(function.name) == 1]
        if rates[best].get(function.name, 1) < 1 and fitting:
            others = tried[fitting[0]].contract.functions
            function = next(one for one in others if one.name == function.name)
            known.notes.append(f"{known.name_of(function)} takes {fitting[0]}")
        functions.append(function)
    return replace(known, contract=replace(known.contract, functions=(*functions,)))


def _find_shapes(known: Candidate) -> Candidate:
    """The candidate with its weights and b in the first shapes with which most of its convolutions
    answer in the right one; or else the first whose axes they want.
    """
    there = [f for f in known.contract.functions if f.op in ("conv_forward", "conv_backward")]
    there = [f for f in there if known.has(f) and (f.name in known.unfit or known.understands(f))]
    has_bias = _has_bias(known, there)
    probes = [case for case in PROBES if case.bias == has_bias and case.y[-1] > 1]
    best, note, most, may_age = known, "", (-1, False), False
    unfit = {**known.unfit}
    for tried, words in _list_shapes(replace(known, unfit={}), has_bias):
        rates, errors = _rate_answers(tried, {f.name for f in there}, probes)
        right = [*rates.values()].count(1)
        may_age |= _may_age(errors)
        rank = right, not any(map(RANKS.search, errors.values()))
        if rank > most:
            best, note, most = tried, words, rank
            strange = {n for n, rate in rates.items() if rate == STRANGE or not right}
            left = {n for n, why in known.unfit.items() if n in strange or why in (SAME, BEHIND)}
            unfit = {n: known.unfit[n] for n in left}
        if right == len(there):
            break
    if most[0] < len(there) and may_age and known.mend():
        return _find_shapes(known)
    known.notes += [f"{note}, as its answers show"] * bool(note)
    return replace(known, contract=best.contract, unfit=unfit)


def _has_bias(known: Candidate, functions: Sequence[Function]) -> bool:
    return any("b" in known.read(function).spelled for function in functions)
