"""A whole run: what is asked, who is blamed and for what, which question is shown."""

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import parametrize_from_file
import pytest
from parametrize_from_file import defaults

from verification.judging import Finding, Run, Session, Settings, UsageError, Watch, session
from verification.judging.trial import Outcome
from verification.questions import parse
from verification.reports.text import label_mistake

LINES = {
    "pool": "max_pool x=[2,5,6,2] kernel=2 stride=1 fill=ties",
    "plain": "conv x=[3,6,7,2] w=[3,3,2,4] fill=integers",
    "padded": "conv x=[2,5,6,2] w=[2,2,2,3] stride=2 pad=1 fill=integers",
    "flat": "zero_pad x=[2,3,4,2] pad=1 fill=integers",
    "step": "conv_single_step x=[3,3,2] b=[1,1,1] fill=digits",
    "mask": "create_mask_from_window x=[3,3] fill=ties",
    "share": "distribute_value x=[2,2] fill=integers",
    "law": "conv x=[2,5,5,2] w=[2,2,2,3] fill=digits check=adjoint",
}
ORDER = ["zero_pad", "conv_single_step", "conv_forward", "conv_backward"]
ORDER += ["create_mask_from_window", "distribute_value", "pool_forward", "pool_backward"]


@pytest.fixture
def opened(monkeypatch, fake):
    """A session of a candidate of our own with a few questions, or with more."""

    def open_session(bends=(), more=(), contract="assignment", missing=(), base=LINES, **settings):
        open_session.judged = judged = fake(bends, contract, missing)
        lines = {**base, **dict(enumerate(more))}
        asked = [replace(q, name=str(name)) for name, line in lines.items() for q in parse(line)]
        monkeypatch.setattr(session, "load", lambda candidate, terms: judged)
        monkeypatch.setattr(session, "read", lambda within="": asked)
        return Session(Settings(candidate="fake.py", **settings))

    return open_session


def judge(opened, *arguments, **settings):
    """The run, and its findings by function; the candidate is closed."""
    with opened(*arguments, **settings) as held:
        run = held.run()
    assert held.judged.is_closed
    return run, {finding.function: finding for finding in run.findings}


def test_a_right_candidate_has_nothing_to_explain(opened):
    """Its functions come in the contract's order; who was judged is said."""
    run, found = judge(opened)
    assert (run.verdict, run.candidate, run.contract) == ("match", "fake.py", "assignment")
    assert run.oracle.startswith("torch 2")
    assert (run.python, run.numpy) == (sys.version.split()[0], np.__version__)
    assert list(found) == ORDER
    for finding in run.findings:
        assert (finding.status, finding.failing, finding.deviations) == ("ok", [], [])
        assert (finding.diagnosis, finding.age, finding.blocks) == (None, None, ())


@parametrize_from_file(schema=defaults(contract="assignment", missing=(), more=(), strict=False))
def test_blame(opened, contract, missing, more, strict, bends, verdict, expected):
    """Every function that is not simply right, and what is said of it first."""
    run, found = judge(opened, bends, more, contract, missing, strict=strict)
    assert run.verdict == verdict
    said = {}
    for name, finding in found.items():
        messages = [o.message for o in finding.outcomes if o.status == "not judged"]
        age = [finding.age.id] if finding.age else []
        words = finding.status, *age, *finding.deviations, *messages[:1]
        said |= {name: words} if words != ("ok",) else {}
    assert said == {name: tuple(words) for name, words in expected.items()}


@pytest.mark.parametrize("doubt", ["", "a layout that is guessed", "a package that is missing"])
def test_what_raises_perhaps_for_another_reason_has_no_name(opened, doubt):
    """Of a layout that was guessed, or of a package that is missing, in whatever question."""
    more = [f"conv x=[2,{n},4,1] w=[2,2,1,{k}] fill=digits" for n in (3, 5) for k in (1, 2)]
    bend = "wrong('batch-not-summed') if len(case.x) == 4 else give()"
    if "package" in doubt:
        bend = f"give(says={{'missing': ('cv2.blur',)}}) if case.y[-1] == 2 else {bend}"
    with opened({"conv_backward": bend}, more) as held:
        held.judged.is_guessed = "layout" in doubt
        found = {finding.function: finding for finding in held.run().findings}["conv_backward"]
    assert {outcome.status for outcome in found.failing if outcome.has_numbers} == {"CRASH"}
    assert (found.diagnosis is None) == bool(doubt)


@parametrize_from_file(schema=defaults(more=(), mistakes=(), looks=()))
def test_shown(opened, function, bend, more, mistakes, row, wrong, looks):
    """The smallest question that fails in the same way, and why or what it looks like."""
    finding = judge(opened, {function: bend}, more)[1][function]
    found, block = finding.diagnosis, finding.blocks[0]
    shown = block.outcome
    assert shown.question.row == row
    assert [c.name for c in shown.comparisons if not c.is_right] == list(wrong)
    assert (tuple(m.id for m in found.mistakes) if found else ()) == mistakes
    assert block.looks == looks


def test_a_gradient_on_the_contracts_cache_is_shown_by_a_small_case(opened):
    """Though its forward pass fails there, too: nothing is inherited from it."""
    zeros = "wrong('zeros-returned')"
    bends = {"conv_forward": zeros, "conv_backward": zeros}
    _, found = judge(opened, bends, ["conv x=[2,4,4,2] w=[3,3,2,2] fill=integers"])
    (block,) = found["conv_backward"].blocks
    assert block.outcome.question.row == "conv x=[1,1,1,1] w=[1,1,1,1] fill=digits"


def test_what_no_mistake_explains_is_shown_by_a_case_of_its_own(opened):
    """Made smaller it would be one that the mistake explains."""
    row = "conv x=[2,4,4,2] w=[3,3,2,2] fill=digits"
    bend = "wrong('bias-twice') if case.name != '0' else give(y=y + 1)"
    _, found = judge(opened, {"conv_forward": bend}, [row])
    named, other = found["conv_forward"].blocks
    assert (named.mistake.id, other.mistake, other.outcome.question.row) == (
        "bias-twice",
        None,
        row,
    )


def test_what_comes_too_late_is_not_to_be_explained(opened):
    """The mistake explains all that came; the other case is shown, and nothing is said of it."""
    bend = "crash('late', 'TIMEOUT') if case.name == 'padded' else wrong('bias-twice')"
    run, found = judge(opened, {"conv_forward": bend})
    finding = found["conv_forward"]
    assert (finding.diagnosis.mistakes[0].id, finding.diagnosis.is_whole) == ("bias-twice", True)
    named, late = finding.blocks
    assert (named.mistake.id, late.outcome.status, late.of) == ("bias-twice", "TIMEOUT", 1)
    assert dict(label_mistake(run, finding, late)) == {}


def test_what_raises_hides_no_wrong_numbers(opened):
    """Each has a mistake of its own, or none, and a case of its own."""
    raising = "crash('ValueError: 7') if case.name == 'padded' else "
    for bend, names in (("wrong('bias-twice')", ["bias-twice"]), ("give(y=1.75 * y)", [])):
        run, found = judge(opened, {"conv_forward": raising + bend})
        finding = found["conv_forward"]
        assert [m.id for m in (finding.diagnosis.mistakes if names else ())] == names
        shown = [(b.mistake.id if b.mistake else "", b.outcome.status) for b in finding.blocks]
        assert shown == [(names[0] if names else "", "WRONG"), ("", "CRASH")]
        assert dict(label_mistake(run, finding, finding.blocks[1]))["mistake"] == (
            "no known mistake fits the other one" if names else "no known mistake fits"
        )


def test_a_search_that_is_cut_is_told(opened, monkeypatch):
    """Not that no mistake fits, where not all could be tried."""
    for effort, words in ((0, "not all known mistakes could be tried"), (20_000, "")):
        monkeypatch.setattr("verification.mistakes.diagnosis.EFFORT", effort)
        run, found = judge(opened, {"conv_forward": "give(y=y + y * np.sin(y))"})
        finding = found["conv_forward"]
        said = dict(label_mistake(run, finding, finding.blocks[0]))["mistake"]
        assert said.startswith(words or "no known mistake fits")


@parametrize_from_file(schema=defaults(contract="assignment"))
def test_asked(opened, contract, settings, expected):
    """What the filters leave, function by function; then nothing outside is counted."""
    with opened(contract=contract, **settings) as held:
        asked = [f"{f.name}/{c.question.name}" for c in held.checks for f in c.functions]
        assert sorted(asked) == sorted(expected)
        outside = {finding.function: finding.outside for finding in held.run().findings}
    assert set(outside.values()) <= {0}


@parametrize_from_file
def test_usage(opened, settings, message):
    """A setting that fits nothing is told with what is known, and nothing is left running."""
    with pytest.raises(UsageError) as error:
        opened(**settings)
    assert str(error.value) == message
    assert opened.judged.is_closed or "timeout" in settings


@parametrize_from_file
def test_what_no_setting_may_be(settings, message):
    """By whichever door it comes, with what it may be."""
    with pytest.raises(UsageError) as error:
        Settings(**settings)
    assert str(error.value) == message


def test_what_lies_outside_is_counted(opened):
    """A function that nothing could be asked of has a finding, unless questions are chosen."""
    law = "conv x=[2,6,6,2] w=[3,3,2,3] stride=2 pad=1 fill=digits check=flip"
    more = ["zero_pad x=[2,3,4,1] pad=[1,2]", law]
    _, found = judge(opened, more=more, base={})
    counts = {name: (finding.status, finding.outside) for name, finding in found.items()}
    layers = dict.fromkeys(("conv_forward", "conv_backward"), ("outside", 1))
    assert counts == {"zero_pad": ("outside", 3), **layers}
    assert list(judge(opened, more=more, base={}, only=["conv_forward"])[1]) == ["conv_forward"]


@parametrize_from_file(schema=defaults(only=(), strict=False))
def test_missing(opened, missing, only, strict, verdict):
    """What is asked for by name must be there, and strictly everything."""
    run, _ = judge(opened, missing=missing, only=only, strict=strict)
    assert run.verdict == verdict
    assert [finding.function for finding in run.missing] == [n for n in ORDER if n in missing]


def test_of_whom_nothing_is_asked_it_is_said(opened):
    """A function that is named, but has no question that fits."""
    run, found = judge(opened, only=["zero_pad", "pool_forward"], text="flat")
    assert run.notes == ["nothing is asked of pool_forward under these options"]
    assert list(found) == ["zero_pad"]


def test_questions_are_drawn(opened):
    """From the seed, or the clock's; for functions that are there; they are counted apart."""
    run, _ = judge(opened, seed=7, missing=["conv_forward", "conv_backward"])
    drawn = run.drawn
    assert (drawn.seed, len(drawn.outcomes) >= 20, drawn.failing) == (7, True, [])
    assert {o.question.name[:6] for o in drawn.outcomes} == {"drawn-"}
    assert not {o.function for o in drawn.outcomes} & {"conv_forward", "conv_backward"}
    assert not any(o.question.name.startswith("drawn") for o in run.outcomes)
    again, _ = judge(opened, seed=7, missing=["conv_forward", "conv_backward"])
    assert [o.id for o in again.drawn.outcomes] == [o.id for o in drawn.outcomes]
    seeds = [judge(opened, only=["zero_pad"])[0].drawn.seed for _ in range(2)]
    assert seeds[0] != seeds[1]
    assert judge(opened, draw=0)[0].drawn is judge(opened, rung="exact")[0].drawn is None


def test_who_knows_the_published_questions_fails(opened):
    """Right there alone."""
    known = "give() if not case.name.startswith('drawn') else give(y=y + 1)"
    run, found = judge(opened, {"pool_forward": known}, seed=7)
    assert run.verdict == "differs"
    assert {finding.status for finding in found.values()} == {"ok"}
    assert {outcome.function for outcome in run.drawn.failing} == {"pool_forward"}


@pytest.mark.parametrize("narrowed", [{"text": "padded"}, {"first": True}, {"rung": "exact"}])
def test_the_same_mistake_whatever_is_asked(opened, narrowed):
    """More is asked of who fails until one mistake is told from the others."""
    bend = {"conv_backward": "wrong('stride-ignored-backward', form=1)"}
    more = ["conv x=[1,5,4,1] w=[2,2,1,1] stride=2 fill=digits"]
    whole = judge(opened, bend, more)[1]["conv_backward"].diagnosis
    found = judge(opened, bend, more, **narrowed)[1]["conv_backward"]
    assert [m.id for m in found.diagnosis.mistakes] == [m.id for m in whole.mistakes]
    assert found.diagnosis.of == len([o for o in found.failing if o.has_numbers])


def test_what_explains_other_questions_alone_is_not_told(opened, monkeypatch):
    """Those that were asked besides, of which no block is shown."""
    bend = {"conv_backward": "wrong('stride-ignored-backward', form=1)"}
    more = ["conv x=[1,5,4,1] w=[2,2,1,1] stride=2 fill=digits"]
    monkeypatch.setattr("verification.mistakes.Inquiry.covers", lambda *_: False)
    assert judge(opened, bend, more, text="padded")[1]["conv_backward"].diagnosis is None


def test_a_finding_comes_as_soon_as_it_is_complete(opened):
    """The questions to later functions are not asked yet; what was judged so far is known."""
    events = []

    def show(run, finding):
        events.append(finding.function)
        if finding.function == "conv_single_step":
            raise KeyboardInterrupt

    watch = Watch(lambda run: events.append(run.oracle[:5]), lambda *at: events.append(at), show)
    with pytest.raises(KeyboardInterrupt), opened() as held:
        held.run(watch)
    assert events == ["torch", (1, 11), "zero_pad", (2, 11), "conv_single_step"]
    assert [finding.function for finding in held.known.findings] == ORDER[:2]
    assert held.judged.is_closed


def test_the_first_failure_stops_it(opened):
    """No convention does; after a failure nothing is asked."""
    ties, wrong = "give(y=given['x'] == given['x'].max())", "give(y=-y)"
    bends = {"create_mask_from_window": ties, "distribute_value": wrong, "pool_forward": wrong}
    run, found = judge(opened, bends, first=True)
    assert list(found) == ORDER[:6]
    assert [o.status for o in run.outcomes] == ["ok"] * 7 + ["DEVIATES", "WRONG"]
    assert [name for name, _, _ in opened.judged.asked].count("pool_forward") == 0


@parametrize_from_file(schema=defaults(fault="", strict=False, age=False))
def test_verdict(statuses, fault, strict, age, status, verdict):
    """Failures first, then what could not be judged, then conventions."""
    (case,) = parse(LINES["step"])
    outcomes = tuple(Outcome("f", "conv_forward", case, one) for one in statuses)
    finding = Finding("f", "conv_forward", outcomes, age=object() if age else None)
    assert finding.status == status
    run = Run(
        Settings(candidate="fake.py", strict=strict), "fake.py", findings=(finding,), fault=fault
    )
    assert run.verdict == verdict


def test_what_is_optional_is_not_missed(opened, fake):
    """Not even strictly; but what is asked for by name must be there."""
    names = [f.name for f in fake((), "functional").contract.functions if f.optional]
    base = {
        "plain": LINES["plain"],
        "further": "conv_transpose x=[1,2,2,1] w=[2,2,1,1] fill=digits",
    }
    for strict in (False, True):
        run, found = judge(opened, contract="functional", missing=names, base=base, strict=strict)
        assert (run.verdict, list(found)) == ("match", ["conv2d", "conv2d_backward"])
    run, found = judge(opened, contract="functional", missing=names, base=base, only=names[2:3])
    assert (run.verdict, list(found)) == ("differs", ["conv_transpose2d"])
    assert found["conv_transpose2d"].status == "not attempted"


JOB = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from verification.judging.session import attend_parent
pool = ProcessPoolExecutor(1, get_context("spawn"), attend_parent)
print(pool.submit(os.getpid).result(), flush=True)
time.sleep(60)
"""


def test_a_judge_that_is_killed_leaves_no_job_behind():
    """Its processes wait for it, and end with it."""
    with subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True) as judge:
        job = Path("/proc", judge.stdout.readline().strip())
        assert (job / "cmdline").read_bytes()
        judge.kill()
    with suppress(FileNotFoundError):
        for _ in range(200):
            if not (job / "cmdline").read_bytes():  # a zombie's
                break
            time.sleep(0.05)
        else:
            pytest.fail("it is still there after 10 s")
