"""How a run is told, from findings made by hand: text, planes, JSON, an answer in a session."""

import html
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import parametrize_from_file
import pytest

from verification import mistakes
from verification.judging import Block, Drawn, Finding, Outcome, Run, Settings
from verification.judging.compare import compare
from verification.mistakes import Diagnosis, Mistake, Suspect
from verification.questions import Refusal, parse
from verification.reports import display, document, page, planes, text

(SMALL,) = parse("conv x=[1,2,2,1] w=[2,2,1,1] fill=integers")
QUESTIONS = {
    "row": SMALL,
    "named": replace(SMALL, name="plain", why="the plainest there is"),
    "drawn": replace(SMALL, name="drawn-3"),
    "sparse": replace(SMALL, fill="sparse"),
    "large": parse("conv x=[1,5,6,1] w=[2,2,1,1] pad=1 fill=integers")[0],
    "long": parse("conv x=[12,345,678,9] w=[11,12,9,34] stride=[5,6] pad=7 fill=units")[0],
    "proof": parse("conv x=[1,5,6,1] w=[2,2,1,1] check=proof")[0],
    "refusal": Refusal("r", "zero_pad", {"pad": -1}, "ShapeError", ("pad",), "no pad"),
}
ANSWERS = {
    "right": ("dW", np.ones(3), np.ones(3)),
    "wrong": ("dA_prev", np.array([1.0, 5.0]), np.array([1.0, 27182818.0])),
    "misshapen": ("db", np.ones(2), np.ones(3)),
    "odd": ("y", np.array([np.nan]), np.array([-np.inf])),
}
CROP = Mistake(
    "crop", 3, ("conv_backward",), "the crop is empty", "cuts 0:-0", "What is x[0:-0]?", "x[0:n]"
)
FLIP = replace(CROP, id="flip", title="the kernel is flipped", change="W as it is")
WORDS = {"dx": "dA_prev", "dw": "dW"}.items()
SHARE = replace(CROP, id="share", title="ties share", kind="convention")
CODE = {one.id: Suspect(((one, (("right", "wrong"),)),)) for one in (CROP, SHARE)}
AGE = replace(CROP, id="float", title="float of an array", does="took float(b)", change="b.item()")


def make_outcome(status, question="row", function="conv_backward", compared=(), **more):
    compared = [ANSWERS[name] for name in compared]
    about = {"answers": {name: got for name, got, _ in compared}, **more}
    comparisons = tuple(compare(*answer, "float64") for answer in compared)
    question = QUESTIONS[question]
    return Outcome(function, function, question, status, comparisons=comparisons, **about)


def make_finding(outcomes, mistakes=0, diagnosis=None, age=False, looks=None, **more):
    """The last failing outcome is shown, for each mistake; and with its `looks`, if any are given.

    An outcome is a status, or a table.
    """
    rows = ({"status": row} if isinstance(row, str) else row for row in outcomes)
    made, named = [make_outcome(**row) for row in rows], (CROP, FLIP)[:mistakes]
    known = None
    if diagnosis:
        suspects = tuple(CODE[name] for name in diagnosis.get("suspects", ["crop"]))
        known = Diagnosis(named, **{**diagnosis, "suspects": suspects})
    shown = [outcome for outcome in made if outcome.is_failing][-1:]
    blocks = [Block(outcome, mistake) for outcome in shown for mistake in named]
    if not named or looks:
        blocks += [Block(outcome, None, tuple(looks or ())) for outcome in shown]
    function = made[0].function if made else "conv_backward"
    about = {"age": AGE if age else None, "diagnosis": known, "blocks": tuple(blocks), **more}
    return Finding(function, function, tuple(made), **about)


def make_drawn(outcomes):
    rows = ({"status": row} if isinstance(row, str) else row for row in outcomes)
    return Drawn(1 << 60, tuple(make_outcome(**row) for row in rows))


def make_run(findings, notes=(), **settings):
    """Findings are made already, or tables of how to make them."""
    made = [make_finding(**row) if isinstance(row, dict) else row for row in findings]
    known = {"sha256": "ab12", "oracle": "torch 2.13.0", "numpy": "2.4.6", "python": "3.11.7"}
    settings = Settings(**{"candidate": "my_cnn.py", **settings})
    return Run(settings, "my_cnn.py", "npcnn", **known, notes=notes, findings=made, seconds=1.2)


@parametrize_from_file(schema=parametrize_from_file.defaults(notes=(), full=False, verbose=False))
def test_a_report_to_the_letter(findings, notes, full, verbose, lines):
    """A line a function in the contract's order, a block for the smallest failure or for each."""
    assert (
        text.write_text(make_run(findings, notes), text.Style(full=full, verbose=verbose)) == lines
    )


@parametrize_from_file(schema=parametrize_from_file.defaults(settings={}))
def test_a_block(finding, settings, lines):
    """What stands under a function's counts, but for the command to ask again."""
    told = "\n".join(text.write_finding(make_run([], **settings), make_finding(**finding))[1:])
    assert re.sub(r"^ +again\s+python .*\n?", "", told, flags=re.MULTILINE).rstrip() == lines


@parametrize_from_file
def test_a_question_can_be_asked_again(settings, question, command):
    """The same question, with the same numbers."""
    assert text.write_command(make_run([], **settings), make_outcome("WRONG", question)) == command


@parametrize_from_file(schema=parametrize_from_file.defaults(verbose=False))
def test_a_line_of_counts(statuses, outside, verbose, line):
    """Whatever came first; colour changes nothing but colour."""
    found = replace(make_finding(statuses, outside=outside), blocks=())
    plain, coloured = (
        "\n".join(text.write_finding(make_run([]), found, text.Style(colour, False, verbose)))
        for colour in (False, True)
    )
    assert plain.partition("\n      not judged")[0] == line
    assert "\033[" in coloured
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == plain


def test_a_column_as_wide_as_the_longest_name():
    """Counts stand one under the other, however long a function's name is."""
    names = ["conv2d", "functional.conv_transpose2d_backward"]
    run = replace(make_run([]), longest=len(names[1]))
    lines = [
        text.write_finding(run, Finding(name, name, (make_outcome("ok"),)))[0] for name in names
    ]
    assert len({line.index("1 ok") for line in lines}) == 1


@parametrize_from_file(
    schema=parametrize_from_file.defaults(
        age=False, strict=False, verdict="", wanted=(), drawn=(), fault="", misfit=""
    )
)
def test_the_last_line(functions, age, strict, verdict, wanted, drawn, fault, misfit, line):
    """Zero checks are not green, nor is what was asked for and is not there."""
    found = [make_finding(row, outside=1, age=age) for row in functions]
    more = {"wanted": frozenset(wanted), "fault": fault, "misfit": misfit}
    run = replace(make_run(found, strict=strict), drawn=make_drawn(drawn), **more)
    told = text.write_summary(run)
    assert "\n".join(told[told.index("") + 1 :]) == line
    assert run.verdict == verdict


@parametrize_from_file
def test_questions_that_were_drawn(outcomes, lines):
    """A line, and the first wrong one of each function, to be asked again by its row."""
    run = replace(make_run([{"outcomes": ["ok"]}]), drawn=make_drawn(outcomes))
    assert "\n".join(text.write_summary(run)[:-2]) == lines


def test_what_a_terminal_would_obey_is_shown_instead():
    """Wherever a stranger's words stand."""
    words = dict.fromkeys(("message", "stdout", "function"), "\x1b[2J")
    crash = make_finding([{"status": "CRASH", "where": ("\x1b[2J",), **words}])
    gone = make_finding([{"status": "not attempted", "function": "\x1b[2J"}])
    run = replace(make_run([crash, gone], ["\x1b[2J"]), candidate="\x1b[2J")
    told = text.write_text(run)
    assert ("\x1b" in told, told.count(r"\x1b[2J")) == (False, 8)


@parametrize_from_file
def test_a_run_with_something_of_everything(findings, secrets, shown):
    """JSON has every key of schema 1, sorted, and no NaN; an exam hides numbers and names."""
    run = replace(make_run(findings, ["h5py is missing"]), drawn=make_drawn(["WRONG"]))
    written = document.write_json(run)
    json.loads(written, parse_constant=pytest.fail)
    assert written + "\n" == Path(__file__).with_name("schema_1.json").read_text(encoding="utf-8")
    assert [secret for secret in secrets if secret not in collect(run)] == []
    told = collect(replace(run, settings=replace(run.settings, show="status")))
    known = {word for m in mistakes.read() for word in (m.id, m.title, m.does, m.hint, m.change)}
    assert [secret for secret in (*secrets, *known, CROP.hint) if secret in told] == []
    assert [word for word in shown if word not in told] == []
    for hint in (1, 2):  # which hold a name no more than an exam does
        told = collect(replace(run, settings=replace(run.settings, hint=hint)))
        names = {word for m in mistakes.read() for word in (m.id, m.title, m.does, m.change)}
        assert [name for name in names if name in told] == []


def collect(run):
    """Every string and number that anybody is shown."""
    wrong = [compared for outcome in run.outcomes for compared in outcome.comparisons]
    assert any(compared.worst for compared in wrong)
    told = display.Judgement(run)
    full = text.Style(full=True, verbose=True)
    pages = [repr(told), told.json, told._repr_html_(), page.write_page(run)]
    pages += [text.write_text(run, full)]
    return html.unescape("\n".join(pages))


def test_a_page():
    """Whole, for every reader, and with nothing from elsewhere; a session shows its part."""
    hostile = {"status": "CRASH", "message": "<script>alert(1)</script> & more"}
    told = display.Judgement(make_run([make_finding(["WRONG", "ok", hostile])]))
    assert repr(told) == text.write_text(told.run)
    whole = page.write_page(told.run)
    for part in (told._repr_html_(), page.write_fragment(told.run, True)):
        tree = ElementTree.fromstring(part)  # every tag is closed, every word escaped
        assert all(table.find("caption").text for table in tree.iter("table"))
        assert all("scope" in head.attrib for head in tree.iter("th"))
        assert "<script>alert(1)</script> & more" in "".join(tree.itertext())
        assert "script" not in {one.tag for one in tree.iter()}
        rows = [one.get("data-status") for one in tree.iter("tr") if one.get("data-status")]
    assert (rows, part in whole) == (["WRONG", "ok", "CRASH"], True)
    assert not re.search(r"https?:|src=|href=|url\(|@import", whole)


@parametrize_from_file(schema=parametrize_from_file.defaults(words=""))
def test_what_meets_is_drawn(row, op, name, shape, at, taps, words):
    """Of x, of w, of dy: the cells that meet at the worst place; how many lie in padding."""
    want = np.zeros(shape)
    got = want.copy()
    got[tuple(at)] = 7
    outcome = Outcome(
        op, op, *parse(row), "WRONG", comparisons=(compare(name, got, want, "float64"),)
    )
    run = make_run([Finding(op, op, (outcome,), blocks=(Block(outcome),))])
    written = page.write_page(run)
    found = {}
    for grid in re.findall(r'<table class="grid">.*?</table>', written, re.DOTALL):
        title = re.search(r"<caption>(.*?)\[", grid)[1]
        found[title] = max(found.get(title, 0), len(re.findall(r"> tap</span>", grid)))
    assert {title: found[title] for title in taps} == dict(taps)
    assert words in html.unescape(written)
    assert len(re.findall(r">7<span class=\"unseen\"> wrong</span>", written)) == 2


def test_the_mistake_in_a_textbook():
    """The line, wrong and right, of this mistake of two; in an exam neither."""
    other, form = (("w[place]", "w[t]"),), (("corner(o, case)", "list(o)"),)
    pair = Suspect(((replace(CROP, id="another"), other), (CROP, form)))
    known = {"explains": 1, "of": 1, "parts": ((CROP, pair),)}
    run = make_run([{"outcomes": ["WRONG"], "mistakes": 1, "diagnosis": known}])
    shown, hidden = (
        html.unescape(page.write_page(replace(run, settings=Settings(show=show))))
        for show in ("all", "status")
    )
    (wrong,), (right,) = (re.findall(f"<{tag}>(.*?)</{tag}>", shown) for tag in ("del", "ins"))
    assert wrong.replace("list(o)", "corner(o, case)") == right.replace("right", "wrong")
    assert "list(o)" in wrong
    assert "<del>" not in hidden


def test_a_session_tells_programs():
    """Function by function, and by an exception; in an exam no mistakes."""
    known = {"explains": 1, "of": 1}
    run = make_run([{"outcomes": ["WRONG"], "mistakes": 1, "diagnosis": known}])
    told = display.Judgement(run)
    assert (told.functions, told.mistakes) == (
        {"conv_backward": "differs"},
        {"conv_backward": ("crop",)},
    )
    with pytest.raises(AssertionError, match="1 of 1 function differs"):
        told.raise_for_failure()
    assert display.Judgement(replace(run, settings=Settings(show="status"))).mistakes == {}
    display.Judgement(make_run([{"outcomes": ["ok"]}])).raise_for_failure()


@pytest.mark.parametrize("candidate", [3, [], [3], partial(len), [partial(len)]])
def test_what_cannot_be_judged_is_refused(candidate):
    """At once, by its type."""
    with pytest.raises(TypeError, match="judge takes functions with names of their own"):
        display.judge(candidate)


@parametrize_from_file(schema=parametrize_from_file.defaults(first=False, weights=""))
def test_planes(row, op, name, shape, at, first, weights, heads):
    """Of what went in, and of the answer: around the worst place, and what belongs to it."""
    want = np.zeros(shape)
    got = want.copy()
    got[tuple(at)] = 1
    first = {"channels_first": {op} if first else {"another"}, "weights": {op: weights}}
    shown = draw(row, op, compare(name, got, want, "float64"), **first)
    assert [line for line in shown if "[" in line] == list(heads)
    assert sum(line.count("#") for line in shown) == 1


@parametrize_from_file
def test_numbers_of_a_plane(got, want, line):
    """Large sums differ in their last digits, others in as many as tell them apart."""
    row = f"conv x=[1,1,1,1] w=[1,1,1,{len(got)}] fill=units"
    shown = draw(row, "conv_backward", compare("db", np.array(got), np.array(want), "float64"))
    assert shown[-1] == line


def draw(row, op, compared, **about):
    """The lines of numbers, none of them too long."""
    outcome = Outcome(op, op, *parse(row), "WRONG", comparisons=(compared,))
    shown = planes.draw(replace(make_run([]), **about), outcome)
    assert max(map(len, shown)) <= planes.WIDTH
    return shown


def test_the_numbers_of_a_right_answer():
    """One plane of each output, below what went in."""
    answers = {"dx": np.full((1, 2, 2, 1), 3.5), "dw": np.ones((2, 2, 1, 1))}
    right = [compare(word, answers[name], answers[name], "float64") for name, word in WORDS]
    outcome = Outcome("f", "conv_backward", SMALL, "ok", comparisons=tuple(right), answers=answers)
    shown = planes.draw(make_run([]), outcome)
    assert shown[0] == "dy[0, :, :, 0]   x[0, :, :, 0]         w[:, :, 0, 0]"
    assert shown[-3:] == [
        "your dA_prev[0, :, :, 0]   your dW[:, :, 0, 0]",
        "3.5 3.5                    1 1",
        "3.5 3.5                    1 1",
    ]


def test_what_is_asked_for_must_be_there():
    """In a session, too; what else is missing there is no news."""

    def zero_pad(X, pad):
        return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    for only, verdict in (("zero_pad", "match"), (["zero_pad", "conv_forward"], "differs")):
        told = display.judge(zero_pad, only=only, level=1, strict=True)
        assert told.verdict == verdict
        assert ("conv_forward, which fails the run" in repr(told)) == (verdict == "differs")
