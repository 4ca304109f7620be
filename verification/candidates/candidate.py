"""A candidate: somebody's functions under a contract, found by name, each call in their process."""

from __future__ import annotations

import hashlib
import math
import operator
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import permutations, product, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from verification.candidates import contracts
from verification.candidates.contracts import PROBES, Contract, give
from verification.candidates.contracts.function import (
    BIASES,
    CANONICAL,
    LAYOUTS,
    OWN,
    Function,
    Signature,
    list_wide,
    read_names,
)
from verification.candidates.helpers import HELPERS
from verification.candidates.loading import FILES
from verification.candidates.process import (
    IDENTITY,
    LOST,
    Call,
    Hello,
    Here,
    Other,
    Process,
    Reply,
    Result,
    UnloadableError,
)
from verification.questions import ADAPTIVE, Arrays, Case, Question, Refusal, shapes

_STRANGE = re.compile(r"unexpected keyword argument '(\w+)'")
"""What is raised where keywords are passed on to who does not take them."""
SESSION = "live session"
"""What a live namespace is called where a file would have its name."""
AVERAGE = "average"
"""The mode of a pool, in the assignment's word."""
OPEN, UNBIASED, AXES = "None in output_size", "None as b", "array of {} axes"
"""What may not be taken: an adaptive pool's axis that keeps its size, no bias, so many axes."""
SAME = "its answers are as large as x, and it takes no padding"
BEHIND = f"its forward pass's{SAME.removeprefix('its')}"
"""What is said of filters of images, whose borders are everybody's own, and of their gradients."""
BARE = ", cache), it returned a ndarray"
"""How the words end that are said of a forward pass without a cache."""
FEWER = {
    "(dx, dw, db), it returned a tuple": (("dx", "dw"), ("dw", "db"), ("dw", "dx"), ("db", "dw")),
    "(dx, dw, db), it returned a ndarray": (("dx",), ("dw",)),
    "(y, mean, var), it returned a ndarray": (("y",),),
    BARE: (("y",),),
}
"""What may be returned in place of what should be, of which shapes tell."""
_PASS = re.compile(
    r"\w*(conv|pool|batch_?norm)\w*(fo\w*[ao]rd|fwd|back|bwd|fast|naive|im2col|[12]d|grad)\w*"
    r"|conv|convolve|convolution|(max|avg|average|mean)_?pool(ing)?|(?-i:pool|pooling)"
    r"|(forward|backward)_?(conv|(max|avg)?_?pool)\w*",
    re.IGNORECASE,
)
"""What passes are called."""


@dataclass(frozen=True)
class Terms:
    """How a candidate is asked; `timeout` in seconds for a call, `memory` in MiB.

    An empty contract is found from names and parameters, an empty layout from what is answered;
    `names` are theirs for ours.  A session that is asked `here` is called in this very process,
    without limits.
    """

    contract: str = ""
    layout: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    memory: int = 4096
    here: bool = False


@dataclass(frozen=True)
class Dialect:
    """How a candidate speaks otherwise than its contract, as its answers show.

    The sizes as which functions take tuples alone, those whose pads are `numbers`, whatever their
    default, the `keys` of its dictionaries by ours and by the kind of function, what functions
    return, by our names, the word for averages, and whether it knows the word "same".
    """

    wide: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    keys: Mapping[tuple[str, str], str] = field(default_factory=dict)
    returns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    average: str = AVERAGE
    knows_same: bool = True


@dataclass
class Candidate:
    """A stranger's functions; `names` are theirs for ours, `notes` what is to be said of it all.

    Where no contract fits, `misfit` says what is there and how to go on, and nothing is asked;
    `unfit` says of functions why no layout fits them; `is_guessed` is said of the layout.
    """

    name: str
    contract: Contract
    names: Mapping[str, str]
    process: Process | Here
    sha256: str
    notes: list[str]
    timeout: float = math.inf
    misfit: str = ""
    unfit: Mapping[str, str] = field(default_factory=dict)
    is_guessed: bool = False
    _signatures: dict[tuple[str, bool], Signature] = field(default_factory=dict, init=False)
    _narrow: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _dialect: Dialect = field(default=Dialect(), init=False)

    @property
    def hello(self) -> Hello:
        return self.process.hello

    @property
    def can_be_asked(self) -> bool:
        """Whether anything that is there takes a plain question."""
        there = (one for one in self.contract.functions if one.name in self.names)
        return any(self.read(one).expresses(case) for one in there for case in PROBES)

    def name_of(self, function: Function) -> str:
        """The candidate's own name for it."""
        return self.names.get(function.name, function.name)

    def has(self, function: Function) -> bool:
        """Whether it is there, and written."""
        return function.name in self.names and self.name_of(function) not in self.hello.stubs

    def gives_cache(self, function: Function) -> bool:
        """Whether it is there, and has not returned its numbers alone."""
        return self.has(function) and self._dialect.returns.get(function.name) != ("y",)

    def wants_another_cache(self, function: Function, reply: Reply) -> bool:
        """Whether it has raised where it opens the contract's cache."""
        caches = self.read(function).names[1:2]
        line = "".join(reply.where[-1:]).partition(": ")[2]
        is_there = any(re.search(rf"\b{cache}\b", line) for cache in caches)
        is_opened = is_there and contracts.CACHE.search(reply.error)
        return bool(is_opened) or "'tuple' object has no attribute" in reply.error

    def understands(self, function: Function) -> bool:
        """Whether all that it must be given is known."""
        return not self._explain_unfit(function)

    def _explain_unfit(self, function: Function) -> str:
        if function.name in self.unfit:
            forward = self.contract.forward_of(function)
            if function.is_chained and forward.name in self.unfit:
                return f"its cache is that of {self.name_of(forward)}, which is not judged"
            return f"no layout fits it: {self.unfit[function.name]}"
        foreign = self.read(function).foreign
        return f"nobody knows what it takes as {', '.join(foreign)}" if foreign else ""

    def expresses(self, function: Function, question: Question) -> bool:
        """Whether the question can be put to it under the contract."""
        if isinstance(question, Refusal):
            return True
        if not (self.read(function).expresses(question) and self.understands(function)):
            return False
        if (function.kind, "f") in self._dialect.keys and len({*question.kernel}) > 1:
            return False  # one number is for square windows
        if self.read(function).wants_word and question.is_padded and not self._dialect.knows_same:
            return False
        if function.is_chained and (forward := self.contract.forward_of(function)) is not function:
            return self.expresses(forward, question)
        if not (narrow := self._find_narrow(function)):
            return True
        words = self.read(function).choose_words(question, function.keywords(question)).items()
        tuples = {f"tuple as {name}": word for name, word in words if isinstance(word, tuple)}
        wanted = {*tuples, *[OPEN for word in tuples.values() if None in word]}
        wanted |= {AXES.format(len(question.x)), *[UNBIASED] * (not question.bias)}
        return wanted.isdisjoint(narrow)

    def lacks(self, function: Function) -> str:
        """What cannot be put to it and why, in a sentence; "" where all can."""
        theirs = self.read(function)
        parts = [word for word in function.spellings if word not in theirs.spelled]
        parts += self._find_narrow(function)
        parts += ["number as padding"] * theirs.wants_word
        name = self.name_of(function)
        if why := self._explain_unfit(function):
            return f"{name} is not judged: {why}"
        # beyond them the pads of the word are everybody's own
        only = "; 'same' is asked of odd kernels and stride 1 alone"
        also = only * (theirs.wants_word and self._dialect.knows_same)
        return f"{name} takes no {', '.join(parts)}: such questions are outside{also}" * bool(parts)

    def learn_words(self, source: str) -> None:
        """Take the word for averages that stands in its text, where ours does not, and see whether
        "same" does.
        """
        texts = re.findall(r"(['\"])(\w+)\\?\1", source)
        spoken = [text.lower() for _, text in texts]
        words = [word for word in (AVERAGE, "avg", "mean") if word in spoken]
        self._dialect = replace(self._dialect, knows_same=not source or "same" in spoken)
        if any(function.has_mode and self.has(function) for function in self.contract.functions):
            self._dialect = replace(self._dialect, average=[*words, AVERAGE][0])
            if words and words[0] != AVERAGE:
                self._note(f"its mode for averages is {words[0]!r}")

    def watch(self, function: Function, case: Case, given: Arrays, cache: str) -> Reply:
        """Its answer where right helpers stand in for its own, and what it comes through.

        That is the contract's other functions, by our names.
        """
        if not self.hello.calls.get(self.name_of(function), ["where nobody knows, perhaps"]):
            return Reply("outside")
        others = {their: our for our, their in self.names.items() if our != function.name}
        helpers = {their: our for their, our in others.items() if our in HELPERS}
        reply = self.process.ask(self._plan(function, case, given, cache), case.layout, helpers)
        entered = sorted(our for their, our in others.items() if their in reply.entered)
        return replace(reply, entered=tuple(entered))

    def ask(self, function: Function, case: Case, given: Arrays, cache: str = OWN) -> Reply:
        """Put a question to a function, in its own dialect.

        Where what it answers is of another one, it is asked again in that, which is kept if that
        changes its answer.
        """
        reply = self._call(self._plan(function, case, given, cache), case.layout)
        known, meant = self._dialect, list[tuple[tuple[int, int], Dialect, str, Reply]]()
        for dialect, note in self._list_dialects(function, case, reply):
            self._dialect = dialect
            again = self.ask(function, case, given, cache)
            is_returned = dialect.returns != known.returns
            strange = _count_strange(function, case, again) if is_returned else 0
            is_other = again.error != reply.error and dialect.numbers == known.numbers
            if again.status == "ok" or is_other:
                rank = strange or bool(contracts.TUPLES.search(again.error))
                order = len(meant) if strange else -len(meant)
                meant.append(((rank, order), self._dialect, note, again))
            if again.status == "ok" and not strange:
                break
        self._dialect = known
        if meant:  # of what is returned the first that fits best, of tuples the last that will do
            _, self._dialect, note, again = min(meant, key=operator.itemgetter(0))
            self._note(note)
            return again
        if function.is_chained and reply.error.endswith(BARE):  # its forward pass does
            forward = self.contract.forward_of(function)
            self._dialect = replace(known, returns={**known.returns, forward.name: ("y",)})
        if why := self._find_lack(self.read(function), reply):
            return Reply("outside", error=f"{self.name_of(function)} takes {why}")
        if not (case.training and self._dialect.returns.get(function.name) == ("y",)):
            return reply
        # running statistics that are not returned may change in their place, as torch's do
        own = self.read(function).named_arrays.values()
        if reply.error.endswith("read-only"):
            return Reply("outside", error="it moves the running statistics in their place")
        return replace(reply, changed=tuple(one for one in reply.changed if one not in own))

    def _find_lack(self, theirs: Signature, reply: Reply) -> str:
        """What its answer shows that it does not take: a keyword that it passes on, or a size for
        each axis as padding, where it opens that for more.
        """
        strange = _STRANGE.search(reply.error)
        if strange and theirs.is_open and strange[1] in theirs.spelled.values():
            return f"no {strange[1]}"
        pads, line = theirs.spelled.get("padding"), "".join(reply.where[-1:])
        is_opened = pads and re.search(rf"= *{pads}$|\b{pads}\[\d", line)
        is_long = is_opened and re.search("values to unpack|index out of range", reply.error)
        return f"more than a size for each axis as {pads}" if is_long else ""

    def _list_dialects(
        self, function: Function, case: Case, reply: Reply
    ) -> Iterator[tuple[Dialect, str]]:
        """Those that may be meant where such a reply comes, each with what is to be noted."""
        known, name, their = self._dialect, function.name, self.name_of(function)
        if reply.status == "CRASH" and self.read(function).wants_word and not case.is_padded:
            note = f"{their} takes numbers as {self.read(function).spelled['padding']}, too"
            yield replace(known, numbers=known.numbers | {name}), note
        if function.settings and name not in known.wide and contracts.TUPLES.search(reply.error):
            theirs = self.read(function)
            defaults = {our: theirs.defaults.get(one, "") for our, one in theirs.spelled.items()}
            for sizes in list_wide(defaults):
                note = f"{their} takes tuples as {', '.join(sizes)}, no numbers"
                yield replace(known, wide={**known.wide, name: sizes}), note
        key = reply.error.removeprefix("KeyError: ").strip("'")
        for our, others in contracts.KEYS.items():
            at = function.kind, our
            is_new = at not in known.keys and (our != "f" or len({*case.kernel}) == 1)
            is_new &= our != "mode" or self.read(function).lacks_mode
            if reply.kind == "KeyError" and key.lower() in others and is_new:
                keys = {**known.keys, at: key}
                more = ": of maxima alone is it asked" if our == "mode" else ""
                yield replace(known, keys=keys), f"{our!r} is {key!r} in its dictionaries{more}"
        if name not in known.returns and (function.may_differ or "" in function.words):
            for outputs, note in self._list_returns(function, case, reply):
                yield replace(known, returns={**known.returns, name: outputs}), f"{their} {note}"

    def _list_returns(
        self, function: Function, case: Case, reply: Reply
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """What it may return in place of what it should, by our names; each with a note."""
        words = function.words
        if [getattr(one, "kind", "") for one in reply.values.values()] == ["tuple"]:
            yield (*reply.values, "..."), "returns a tuple: the first is judged"
        got = [getattr(one, "shape", None) for one in reply.values.values()]
        is_whole = {*reply.values} == {*words} <= {*case.outputs}
        for order in permutations(words) if function.is_gradient and is_whole else ():
            if got == [function.find_shape(case, our) for our in order]:
                if order != (*words,):
                    yield order, f"returns {', '.join(words[our] for our in order)}"
                break
        for end, ways in FEWER.items():
            for outputs in ways if reply.error.endswith(end) else ():
                if not words.keys() >= {*outputs}:  # its forward pass returns less
                    continue
                given = " and ".join(words[our] for our in outputs) + " alone" * (len(outputs) == 1)
                left = [word for our, word in words.items() if our and our not in outputs]
                what = f": {' and '.join(left)} {'are' if left[1:] else 'is'} not judged"
                yield outputs, f"returns {given}{what if left else ', and no cache'}"

    def _note(self, note: str) -> None:
        self.notes += [note] * (note not in self.notes)

    def write_call(self, function: Function, case: Case, cache: str = OWN) -> str:
        """The calls that put a question, a line each, with names for arrays."""
        given = {name: np.zeros(shape) for name, shape in shapes(case).items()}
        if told := function.tell(case, given):
            return told
        ours = {self.name_of(one): one for one in self.contract.functions}
        cache = cache if self.gives_cache(self.contract.forward_of(function)) else CANONICAL
        calls = []
        for call in self._plan(function, case, given, cache):
            called = ours[call.function]
            parameters = self.read(called).parameters or called.signature.split(", ")
            names = [name for name in read_names(parameters) if name != "*"]
            named = zip_longest(call.arguments, names[: len(call.arguments)], fillvalue="...")
            inner = called.forward.signature.split(", ") if called.forward else []
            words = [_write(value, name, inner) for value, name in named]
            words += [f"{name}={_write(value, name)}" for name, value in call.words.items()]
            calls.append(f"{call.function}({', '.join(words)})")
        return "\n".join(calls)

    def _plan(self, function: Function, case: Case, given: Arrays, cache: str) -> list[Call]:
        """The calls that put a question, as the candidate's functions take them."""
        ours, calls = {one.name: one for one in self.contract.functions}, []
        for call in function.plan(case, given, cache):
            called = ours.get(call.function, function)
            theirs = self.read(called)
            call = theirs.fit(case, call, self._dialect.wide.get(called.name, ()))
            if theirs.bias:
                value = called.form(
                    case, "b", given.get("b", np.zeros(case.y[-1], given["dy"].dtype))
                )
                call = replace(call, words={**call.words, theirs.bias: value})
            outputs = self._dialect.returns.get(called.name, call.outputs)
            if "" in call.outputs and self.gives_cache(called):  # it is asked for its cache
                outputs = call.outputs
            name = self.name_of(called) if call.function in ours else call.function
            arguments = (*(self._translate(one, called.kind) for one in call.arguments),)
            calls.append(replace(call, function=name, arguments=arguments, outputs=outputs))
        return calls

    def _translate(self, value: Any, kind: str) -> Any:
        """An argument, or a part of one, with its dictionaries' keys and modes in its own words."""
        keys = self._dialect.keys
        if isinstance(value, dict):
            value = {**value, "mode": "max"} if (kind, "mode") in keys else value
            value = {"f": value.get("pool_height"), **value} if (kind, "f") in keys else value
            return {keys.get((kind, key), key): one for key, one in value.items()}
        if isinstance(value, str) and value == AVERAGE:
            return self._dialect.average
        is_several = isinstance(value, tuple)
        return tuple(self._translate(one, kind) for one in value) if is_several else value

    def read(self, function: Function) -> Signature:
        """The function as it is written here."""
        key = function.name, function.name in self._dialect.numbers
        if key not in self._signatures:
            theirs = function.read(self.hello.names.get(self.name_of(function)))
            self._signatures[key] = replace(theirs, takes_numbers=key[1])
        return self._signatures[key]

    def _find_narrow(self, function: Function) -> tuple[str, ...]:
        """What it does not take: a tuple, or None, or so many axes."""
        if function.name not in self._narrow:
            theirs = self.read(function)
            can_try = function.settings and theirs.parameters and self.has(function)
            lacks = [*(self._try_settings(function) if can_try else ())]
            forward = self.contract.forward_of(function)
            if forward is not function and self.has(forward):  # whose sizes it is given
                lacks += [lack for lack in self._find_narrow(forward) if "tuple" in lack]
            self._narrow[function.name] = (*dict.fromkeys(lacks),)
        return self._narrow[function.name]

    def _try_settings(self, function: Function) -> Iterator[str]:
        """A tuple stands in place of the same size, or None of a bias, in a question that it
        answers: then it raises, and has no default that promises it.  Where it raises anyway, it
        must then be said of a tuple.  Arrays of so many axes are not taken where others are
        answered in the right shape.
        """
        asked = {len(case.x): case for case in reversed(PROBES) if function.takes(case)}
        replies = {n: self.ask(function, asked[n], give(asked[n])) for n in sorted(asked)}
        shown = {n for n in asked if contracts.shows_form(function.form, asked[n], replies[n])}
        yield from (AXES.format(n) for n in replies if shown and n not in shown)
        first = min(shown or asked)
        theirs = self.read(function)  # as its answers may have shown by now
        case, spelled = asked[first], theirs.spelled
        given, axes = give(case), len(case.space)
        defaults = theirs.defaults
        bias = defaults.get(spelled.get("b", ""), "")
        if replies[first].status == "outside":
            return
        is_answered = replies[first].status == "ok"
        if not is_answered and "b" in spelled and not bias:
            yield UNBIASED  # which nobody has promised
        sizes: dict[str, Any] = {"kernel_size": case.kernel, "stride": case.stride}
        sizes |= {"padding": (0,) * axes, "dilation": (1,) * axes, "output_padding": (0,) * axes}
        sizes |= {"output_size": case.output_size} if case.output_size else {}
        if theirs.wants_word:
            del sizes["padding"]
        tries = [
            (f"tuple as {word}", name, sizes[word])
            for word, name in spelled.items()
            if axes > 1 and word in sizes and word not in theirs.pairs
            if not defaults.get(name, "").startswith(("(", "["))
        ]
        if "b" in spelled and not bias.startswith("None"):
            tries.insert(0, (UNBIASED, spelled["b"], None))
        if case.op in ADAPTIVE:
            tries.append((OPEN, spelled["output_size"], (None, *case.output_size[1:])))
        (call,) = self._plan(function, case, given, OWN)
        for lack, name, value in tries:
            words = {**call.words, name: value}
            reply = self.process.ask([replace(call, words=words)])
            if reply.status == "CRASH":
                if is_answered or "tuple" in reply.error:
                    yield lack
            elif lack == "tuple as padding" and axes == 2:
                words[name] = (0, 1)
                got = self.process.ask([replace(call, words=words)]).values.get("y")
                sides = replace(case, pad=(words[name],) * axes)
                if isinstance(got, np.ndarray) and got.shape == function.find_shape(sides, "y"):
                    yield lack  # np.pad takes it for the sides of every axis

    def refuse(self, function: Function, refusal: Refusal) -> Reply:
        """Make a call that must be refused."""
        words = {name: _build_argument(value) for name, value in refusal.arguments.items()}
        return self._call([Call(self.name_of(function), words=words)], "C")

    def mend(self) -> bool:
        """From now on errors of age are mended in flight, and recorded; False if they were."""
        self._narrow.clear()  # it may answer now, and show what it takes
        return self.process.mend()

    def close(self) -> None:
        self.process.close()

    def _call(self, calls: list[Call], layout: str) -> Reply:
        reply = self.process.ask(calls, layout)
        for note in reply.notes:
            self._note(note)
        return reply


def _count_strange(function: Function, case: Case, reply: Reply) -> int:
    """How many of its answers have another shape than they should."""
    count = 0
    for name, got in reply.values.items():
        count += isinstance(got, Other) or got.shape != function.find_shape(case, name)
    return count


def _resolve(hello: Hello, contract: Contract, terms: Terms) -> dict[str, str]:
    """Their names by ours; of several the one that needs nothing that is missing."""
    lame = {""}
    while new := {name for name, called in hello.calls.items() if lame & {*called}} - lame:
        lame |= new | {name for name in hello.names if name.partition(".")[0] in new}
    whole = {name: hello.names[name] for name in hello.names if name not in lame}
    usual, better = (contract.resolve(names, terms.names) for names in (hello.names, whole))
    kinds = {our.partition(".")[0] for our in better}  # no class has another's methods
    return {our: usual[our] for our in usual if our.partition(".")[0] not in kinds} | better


def load(candidate: str | Mapping[str, Any], terms: Terms) -> Candidate:
    """A file, a notebook, a module by its dotted name; or the names of a live session.

    UnloadableError where there is no such thing or its code does not run.
    """
    name, namespace = (candidate, None) if isinstance(candidate, str) else (SESSION, candidate)
    if namespace is None and (hint := _find_hint(Path(name))):
        raise UnloadableError(hint)
    process = _start(name, namespace, terms)
    hello, known = process.hello, {**process.hello.names}
    for ours, theirs in terms.names.items():
        known[ours] = hello.names.get(theirs)
        inner = [name for name in hello.names if name.startswith(f"{theirs}.")]
        known |= {name.replace(theirs, ours, 1): hello.names[name] for name in inner}
    wished = {**hello.names, **dict.fromkeys(terms.names)}  # a wish is no guess
    found = [terms.contract] * bool(terms.contract) or (
        contracts.recognise(known, terms.names)
        or contracts.recognise(wished, terms.names)
        or contracts.recognise(known)
    )
    source = b"".join(file.read_bytes() for file in _find_files(name))
    sha256 = hashlib.sha256(source).hexdigest()
    contract = contracts.get(found[0]) if found else contracts.find_nearest(known)
    timeout = math.inf if terms.here else terms.timeout
    judged = Candidate(name, contract, {}, process, sha256, [*hello.notes], timeout)
    if not found:
        return replace(judged, misfit=contracts.explain_misfit(hello.names, contract))
    tried = list[Candidate]()
    for one in found:
        tried.append(_fit(judged, contracts.get(one, terms.layout), terms))
        if tried[-1].can_be_asked:
            break
    best = tried[-1] if tried[-1].can_be_asked else tried[0]
    hidden = _list_hidden(hello, best.contract, best.names)
    for note in [note for one in tried for note in one.notes] + hidden:
        best._note(note)
    best.learn_words(source.decode("utf-8", "replace"))
    return best


def _fit(blank: Candidate, contract: Contract, terms: Terms) -> Candidate:
    """The candidate under a contract, as its functions are found to be."""
    hello, known = blank.hello, contract.name
    names = _resolve(hello, contract, terms)
    contract, names, notes = contract.adapt(hello, names, blank.process.ask)
    contract = replace(contract, functions=(*_order_by_calls(hello, contract, names),))
    there = ((function, names.get(function.name, "")) for function in contract.functions)
    moded = (their for one, their in there if one.has_no_mode(their) and not one.is_chained)
    notes += [f"{their} is judged in the mode of its default alone" for their in moded]
    fitted = replace(blank, contract=contract, names=names, notes=[*blank.notes, *notes])
    is_laid = terms.layout or known != "functional"
    return fitted if is_laid else _find_layout(fitted, terms.names)


def _start(name: str, namespace: Mapping[str, Any] | None, terms: Terms) -> Process | Here:
    """The candidate's process; the error of one that cannot be loaded says how it can."""
    try:
        if terms.here and namespace is not None:
            return Here(namespace)
        return Process(name, terms.timeout, terms.memory, namespace)
    except UnloadableError as error:
        hint = ""
        if "relative import" in str(error):
            dotted = f"{Path(name).resolve().parent.name}.{Path(name).stem}"
            hint = f"; it belongs to a package: name {dotted}, from the folder above that"
        raise UnloadableError(f"{name} cannot be loaded: {error}{hint}") from error


def _order_by_calls(
    hello: Hello, contract: Contract, names: Mapping[str, str]
) -> Iterator[Function]:
    """The functions, each behind those that it calls: it may fail for theirs."""
    left = [*contract.functions]

    def take(function: Function) -> Iterator[Function]:
        if function in left:
            left.remove(function)
            called = hello.calls.get(names.get(function.name, ""), ())
            for other in [one for one in left if names.get(one.name) in called]:
                yield from take(other)
            yield function

    for function in contract.functions:
        yield from take(function)


def _list_hidden(hello: Hello, contract: Contract, names: Mapping[str, str]) -> list[str]:
    """A note of what seems to be a pass, and is neither judged nor called by what is."""
    reached = {*names.values()}
    while new := {one for name in reached for one in hello.calls.get(name, ())} - reached:
        reached |= new
    classes = {name.partition(".")[0] for name in hello.names if "." in name}
    hidden = [
        name
        for name in hello.names
        if _PASS.fullmatch(name) and name not in {*reached, *classes, *hello.stubs}
    ]
    left = [function for function in contract.functions if function.name not in names]
    strange = [name for name in hidden if any(one.is_called(name) for one in left)]
    ways = {
        "they, or their forward passes, have other parameters": strange,
        "no such functions are in its contract, or others are judged in their place": [
            name for name in hidden if name not in strange
        ],
    }
    return [f"not judged: {', '.join(ones)}; {words}" for words, ones in ways.items() if ones]


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
            if contracts.NUMBERS.search(error) and "c" in function.layout and case.x[-1] == 1:
                continue  # it takes cells for numbers: its arrays have no channels
            reply = tried.ask(function, case, give(case))
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
                is_strange = not reply.missing and contracts.wants_other_axes(reply)
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
    return any(map(contracts.NUMBERS.search, errors.values()))


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


def _find_layout(known: Candidate, wished: Mapping[str, str]) -> Candidate:
    """The candidate in the layout that an answer of its functions fits best, the first of these."""
    there = [one for one in known.contract.functions if known.has(one) and known.understands(one)]
    names = {function.name for function in there}
    tried: dict[str, Candidate] = {}
    for layout in LAYOUTS:
        contract = contracts.get("functional", layout)
        contract, *_ = contract.adapt(known.hello, known.names, known.process.ask)
        tried[layout] = replace(known, contract=contract, notes=[*known.notes])
    rates, raised, may_age = _rate_shapes(tried, names, _has_bias(known, there))
    if may_age and known.mend():
        return _find_layout(known, wished)
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
        rank = right, not any(map(contracts.RANKS.search, errors.values()))
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


def _find_hint(path: Path) -> str:
    """What to name instead of what is no candidate; "" where it may be one."""
    is_package = path.name == str(path) and (path / "__init__.py").is_file()
    if path.is_dir() and not is_package:
        return f"{path} is a folder: name a file in it, or a package by its dotted name from above"
    if path.is_file() == path.name.endswith(FILES):
        return ""
    what = "name a .py file, a notebook, or a module by its dotted name"
    return f"{path} is no candidate: {what}" if path.is_file() else f"there is no file {path}"


def _find_files(name: str) -> list[Path]:
    """The file, or all of a module or a package: without importing it, which would run it."""
    if name.endswith(FILES):
        return [Path(name)]
    for folder in sys.path:
        path = Path(folder, *name.split("."))
        if (path / "__init__.py").is_file():
            return sorted(path.rglob("*.py"))
        if path.with_suffix(".py").is_file():
            return [path.with_suffix(".py")]
    return []


def _write(value: Any, name: str, inner: Sequence[str] = ()) -> str:
    """An argument as one would write it: of an array the name, of a cache its `inner` ones."""
    match value:
        case np.ndarray() | float():
            return name
        case Result():
            return "cache"
        case dict():
            return f"{{{', '.join(f'{key!r}: {_write(one, key)}' for key, one in value.items())}}}"
        case (np.ndarray(), *rest):
            return f"({', '.join(map(_write, value, inner))}{',' * (not rest)})"
    return "lambda Z: Z" if value is IDENTITY else repr(value)


def _build_argument(value: Any) -> Any:
    """A refusal's argument: {array = shape, dtype = ...}, {tuple = [...]} or plain."""
    if isinstance(value, dict):
        if "array" in value:
            shape = tuple(value["array"])
            return np.arange(math.prod(shape)).reshape(shape).astype(value.get("dtype", "float64"))
        if "tuple" in value:
            return tuple(map(_build_argument, value["tuple"]))
        return {name: _build_argument(inner) for name, inner in value.items()}
    return list(map(_build_argument, value)) if isinstance(value, list) else value
