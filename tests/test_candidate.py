"""A candidate: found to be written for a contract, asked what it takes, and nothing else."""

import textwrap
from contextlib import closing

import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.candidates import CANONICAL, HELPERS, OWN, Other, Terms, UnloadableError, load
from verification.judging import Session, Settings
from verification.questions import arrays, parse

CONV = "conv x=[1,2,2,1] w=[1,1,1,1] pad=1 fill=digits"


@pytest.fixture
def write(tmp_path):
    """A candidate of these files, of which the last is loaded."""

    def candidate(text, **terms):
        path = tmp_path / "my_cnn.py"
        path.write_text(textwrap.dedent(text))
        return closing(load(str(path), Terms(timeout=5.0, **terms)))

    return candidate


def find(candidate, name):
    return next(f for f in candidate.contract.functions if candidate.name_of(f) == name)


@parametrize_from_file(schema=defaults(terms={}, misfit=(), names=None, notes=None))
def test_a_contract_is_found_or_the_reader_helped(
    write, text, terms, contract, misfit, names, notes
):
    """What is asked for is obeyed; where nothing fits, nothing is asked, and why is said."""
    with write(text, **terms) as candidate:
        assert candidate.contract.name == contract
        assert candidate.misfit.splitlines() == list(misfit)
        assert names is None or candidate.names == names
        has = [function for function in candidate.contract.functions if candidate.has(function)]
        assert bool(has) == (not misfit)
        assert notes is None or (*candidate.notes,) == notes


@parametrize_from_file(schema=defaults(function="conv2d", terms={}, lacks="", outside=(), asked=()))
def test_questions_are_those_that_it_takes(write, text, function, terms, lacks, asked, outside):
    """Its parameters say so, and what it does with a tuple or None; it is asked in its words."""
    with write(text, **terms) as candidate:
        ours = find(candidate, function)
        assert candidate.lacks(ours) == lacks
        for row in outside:
            assert not candidate.expresses(ours, parse(row)[0]), row
        for row in asked:
            case = parse(row)[0]
            assert candidate.expresses(ours, case), row
            reply = candidate.ask(ours, case, arrays(case, 0, "float64"), OWN)
            assert (reply.error, reply.kind) == ("", ""), row
            assert not any(isinstance(value, Other) for value in reply.values.values())


@parametrize_from_file
def test_what_it_reads_or_gives_otherwise_is_noted(write, text, asked, notes):
    """It is asked again, in its own way; where that does not help, its first answer stands."""
    with write(text) as candidate:
        for name, row, told in asked:
            (case,) = parse(row)
            reply = candidate.ask(find(candidate, name), case, arrays(case, 0, "float64"), OWN)
            assert (reply.error or " ".join(reply.values)) == told
        assert candidate.notes == [*notes]


@parametrize_from_file
def test_another_cache_is_known_by_the_line_that_opens_it(write, text, is_another):
    """Whatever that raises; not by the lines behind it."""
    with write(text) as candidate:
        function, (case,) = (
            find(candidate, "conv_backward"),
            parse("conv x=[1,2,2,1] w=[1,1,1,1] fill=digits"),
        )
        reply = candidate.ask(function, case, arrays(case, 0, "float64"), CANONICAL)
        assert reply.status == "CRASH"
        assert candidate.wants_another_cache(function, reply) is is_another


@parametrize_from_file
def test_what_it_comes_through_is_what_it_calls(write, text, function, below):
    """By our names, over helpers, in this question, and in the last of its calls."""
    with write(text) as candidate:
        for row, names in below.items():
            (case,) = parse(row)
            given = arrays(case, 0, "float64")
            assert candidate.watch(find(candidate, function), case, given, OWN).entered == names


def test_right_helpers_stand_in_for_its_own(write):
    """By whatever name, for this once; its own is asked as it is."""
    text = """
    def my_pad(X, pad): return "mine"
    def conv_forward(A_prev, W, b, hparameters):
        padded = my_pad(A_prev, hparameters["pad"])
        return "mine" if type(padded) is str else padded.sum() + my_pad(A_prev, 0).shape[1], 7
    """
    with write(text, names={"zero_pad": "my_pad"}) as candidate:
        function, (case,) = find(candidate, "conv_forward"), parse(CONV)
        given = arrays(case, 0, "float64")
        for _ in range(2):
            assert candidate.ask(function, case, given).values["y"].kind == "str"
            reply = candidate.watch(function, case, given, OWN)
            assert reply.values["y"] == given["x"].sum() + 2
        pads = parse("zero_pad x=[1,2,2,1] pad=1 fill=dense")[0]
        own = candidate.watch(find(candidate, "my_pad"), pads, arrays(pads, 0, "float64"), OWN)
        assert own.values == {}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_helpers_are_right(dtype):
    """In either dtype, as the judge finds them; shares of a number are float64."""
    with Session(Settings(candidate=dict(HELPERS), dtype=dtype, draw=0)) as session:
        found = {finding.function: finding for finding in session.run().findings}
    for name in HELPERS:
        assert found[name].outcomes
        assert not found[name].failing
        assert found[name].deviations in ([], ["wider-result"] * (name == "distribute_value"))


@parametrize_from_file
def test_the_shape_of_b_shows_in_answers(write, text, notes):
    """In those that have one; where several fit alike, it is the usual one."""
    with write(text) as candidate:
        assert candidate.notes == [*notes]


@parametrize_from_file
def test_what_is_no_candidate_says_what_helps(tmp_path, monkeypatch, files, name, error):
    """A folder, a text, a part of a package, nothing."""
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnloadableError) as raised:
        load(name, Terms(timeout=5.0))
    assert str(raised.value) == error


@parametrize_from_file(schema=defaults(missing=()))
def test_write_call(fake, contract, function, missing, row, calls):
    """In the contract's own words and arguments; a cache is written out where nobody made it."""
    judged = fake((), contract, missing)
    (asked,) = (one for one in judged.contract.functions if one.name == function)
    assert judged.write_call(asked, *parse(row)).split("\n") == list(calls)


def test_a_cache_of_one_array_is_written_as_a_tuple(write):
    """As it is handed over, where torch's functions have a cache that none of them makes."""
    text = """
    def max_pool2d(x, k): return x[:, :, ::k, ::k]
    def max_pool2d_backward(dy, cache): return cache[0]
    """
    with write(text) as candidate:
        (case,) = parse("max_pool x=[1,2,2,1] kernel=2 fill=ties")
        call = candidate.write_call(find(candidate, "max_pool2d_backward"), case, CANONICAL)
        assert call == "max_pool2d_backward(dy, (x,))"
