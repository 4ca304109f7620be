"""A run as text for people: a line for each function, and a block where something is wrong.

No line is longer than a terminal's, but for rows and commands, which are to be copied.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import TextWrapper

from verification import mistakes
from verification.candidates import LOST
from verification.judging import Block, Comparison, Drawn, Finding, Outcome, Run, Settings
from verification.mistakes import Diagnosis
from verification.questions import LINE, RUNGS, Case, read_where, rung
from verification.reports.planes import draw

_TABLE = tomllib.loads(Path(__file__).with_name("kinds.toml").read_text(encoding="utf-8"))
KINDS = {words: read_where(where) for words, where in _TABLE.items()}
MOST = 2
"""Of these, so many are told."""
WIDTH = 79
INDENT, LABEL = 6, 16
"""Widths of what stands before the words of a block."""
ANSWER = "answer"
"""The label of what happened, which lines of text do without."""
_USUAL = Settings()
_REPEATED = (
    *("contract", "layout", "timeout", "memory", "strict", "show", "hint", "names", "seed"),
    *("dtype", "oracle"),
)
"""Settings without which a question is another one, or its answer."""
_DRAWN = re.compile(r"drawn-\d+$")
"""The name of a question that is in no file."""
_EXPLAIN = {1: "it explains", 2: "both explain"}
_COLOURS = {"ok": "32", "DEVIATES": "33"}
_COLOURS |= dict.fromkeys(("WRONG", "CRASH", "TIMEOUT", "MEMORY"), "31;1")
_COLOURS |= dict.fromkeys(("known", "not judged", "not attempted"), "33") | {"outside": "2"}


class Whole(str):
    """A row, a call or a command, which is to be copied and never broken."""


@dataclass(frozen=True)
class Style:
    """How much is told: `full` is every outcome at length, `verbose` the statistics too."""

    colour: bool = False
    full: bool = False
    verbose: bool = False


def write_text(run: Run, style: Style = Style()) -> str:
    """The whole report."""
    lines = [line for finding in run.findings for line in write_finding(run, finding, style)]
    return "\n".join([*write_header(run), *lines, *write_summary(run, style)])


def write_header(run: Run) -> list[str]:
    """Who is judged, and by what."""
    limit = " (up to level 3, no large layers)" * (run.oracle == "textbook")
    words = [f"oracle {run.oracle}{limit}", f"numpy {run.numpy}"]
    words += [run.settings.dtype, f"seed {run.seed}"]
    lines = [f"{run.candidate}   {run.contract} contract", *_flow(words, "   ")]
    return [*map(make_visible, lines), ""]


def write_finding(run: Run, finding: Finding, style: Style = Style()) -> list[str]:
    """A line of counts, and a block for each thing that is wrong."""
    if finding.status == "not attempted" or (run.settings.first and not finding.outcomes):
        return []
    lines = _write_counts(run, finding, style)
    blocks = list_blocks(run, finding)
    title = "case" if style.full else "smallest case"
    for block in map(Block, finding.outcomes) if style.full else blocks:
        lines += _lay_out(label_case(run, finding, block, title))
        lines += [f"{'':10}{line}".rstrip() for line in draw(run, block.outcome)]
        lines += [] if style.full else _lay_out(label_mistake(run, finding, block))
        lines += _lay_out([label_command(run, block.outcome)])
    for block in blocks if style.full else ():
        lines += _lay_out(label_mistake(run, finding, block))
    return lines + _lay_out(label_rest(run, finding))


def list_blocks(run: Run, finding: Finding) -> Sequence[Block]:
    """In an exam one, as how many there are would tell."""
    return finding.blocks[: 1 if run.settings.exam else None]


def write_summary(run: Run, style: Style = Style()) -> list[str]:
    """What is to be said of the whole run, and the last line."""
    lines = [line for note in run.remarks for line in _wrap(f"  note: {note}", "    ")]
    if run.drawn and run.drawn.outcomes:
        lines += _write_drawn(run, run.drawn)
    if style.verbose and run.asked:
        rungs = Counter(rung(outcome.question) for outcome in run.asked)
        evidence = Counter(outcome.evidence for outcome in run.asked).most_common()
        told = [f"{rungs[name]} {name}" for name in RUNGS if rungs[name]]
        lines += ["", *_flow(told, ", ", "  ", "  ")]
        lines += _flow((f"{count} {kind}" for kind, count in evidence), ", ", "  ", "  ")
    ends = _flow(_conclude(run), "   ")
    if run.misfit and not run.asked:
        ends = [run.misfit, *(ends if run.verdict == "differs" else ())]
    return [*lines, "", *(line for end in ends for line in _wrap(end))]


def write_command(run: Run, outcome: Outcome) -> str:
    """The command that asks this question again; in a live session, the call."""
    settings, case = run.settings, _name_case(outcome)
    on_line = case == outcome.question.row
    kept = {name: getattr(settings, name) for name in _REPEATED}
    kept = {n: value for n, value in kept.items() if value not in (0, getattr(_USUAL, n))}
    if settings.here:
        more = f", dtype={settings.dtype!r}, layout={settings.layout!r}, seed={run.seed}"
        return f"parity.Question({outcome.function!r}, {outcome.question.row!r}{more})"
    if not isinstance(settings.candidate, str):
        more = "".join(f", {name}={value!r}" for name, value in kept.items())
        return f"judge(globals(), case={case!r}, only=[{outcome.function!r}]{more})"
    words = ["python", "-m", "verification", settings.candidate, "--case", case]
    words += ["--only", outcome.function] if on_line else []
    pairs = kept.pop("names", {}).items()
    words += [word for pair in pairs for word in ("--name", "=".join(pair))]
    for name, value in kept.items():
        words += [f"--{name}"] if value is True else [f"--{name}", f"{value}"]
    return shlex.join(words)


def write_message(run: Run, outcome: Outcome) -> str:
    """What is to be said of it; without right numbers the candidate's own exceptions alone."""
    is_ours = outcome.status in ("WRONG", "DEVIATES", "known") and not outcome.kind
    return "" if run.settings.show != "all" and is_ours else outcome.message


def write_form(run: Run, compared: Comparison) -> str:
    """What is wrong with an answer's form, and what is right if that is shown."""
    message = compared.message
    return message if run.settings.show == "all" else message.partition(", it should")[0]


def make_visible(text: str) -> str:
    """With the control characters that a terminal would obey written out."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _write_counts(run: Run, finding: Finding, style: Style) -> list[str]:
    counts = Counter(outcome.status for outcome in finding.outcomes)
    counts["outside"] = finding.outside if style.verbose else 0
    cells = {status: f"{counts[status]:5} {status}" for status in _COLOURS if counts[status]}
    if finding.age and "ok" in cells and run.settings.is_naming:
        cells["ok"] += " (age)"
    cells = cells or {"outside": "      outside"}
    name = f"  {make_visible(finding.function):{max(32, run.longest)}}"
    lines = _flow(cells.values(), "  ", name, " " * len(name))
    for status, cell in cells.items() if style.colour else ():
        lines = [line.replace(cell, f"\033[{_COLOURS[status]}m{cell}\033[0m") for line in lines]
    return lines


def label_case(run: Run, finding: Finding, block: Block, title: str) -> Iterator[tuple[str, str]]:
    """A question and what it came to, as labels and words."""
    question, name = block.outcome.question, _name_case(block.outcome)
    yield title, Whole(name)
    if name != question.row:
        yield "", Whole(question.row)
    for number, line in enumerate(block.call.splitlines()):
        yield "" if number else "call", Whole(line)
    if question.why and run.settings.is_naming:
        yield "why", question.why
    yield from ((ANSWER, line) for line in describe(run, finding, block.outcome))
    if block.outcome.stdout:
        yield "printed", block.outcome.stdout.rstrip()


def label_command(run: Run, outcome: Outcome) -> tuple[str, str]:
    return "again", Whole(write_command(run, outcome))


def _name_case(outcome: Outcome) -> str:
    """The id under which the case files have it, or its row."""
    question = outcome.question
    return question.row if question.name == LINE or _DRAWN.match(question.name) else outcome.id


def describe(run: Run, finding: Finding, outcome: Outcome) -> Iterator[str]:
    """What happened, in words."""
    exam = run.settings.exam
    yield from filter(None, (write_message(run, outcome), "" if exam else outcome.note))
    yield from outcome.where
    if outcome.status == "TIMEOUT":
        answered = [o for o in finding.outcomes if o.status in ("ok", "DEVIATES", "WRONG")]
        if answered:
            slowest = max(outcome.seconds for outcome in answered)
            yield f"{_count(len(answered), 'other')} answered, the slowest in {slowest:.3f} s"
    wrong = [compared for compared in outcome.comparisons if not compared.is_right]
    if exam:
        places = [f"{compared.name} is wrong" for compared in wrong]
        places += ["wrong"] if outcome.status == "WRONG" and not wrong else []
    else:
        yield from (f"{c.name} {write_form(run, c)}" for c in wrong if c.message)
        places = [f"{c.name} is wrong at {c.wrong} of {c.of} places" for c in wrong if c.worst]
    right = [compared.name for compared in outcome.comparisons if compared.is_right]
    if right:
        places.append(f"{' and '.join(right)} {'match' if len(right) > 1 else 'matches'}")
    if places:
        yield "; ".join(places)


def _describe_mistake(run: Run, finding: Finding, mistake: mistakes.Mistake) -> tuple[str, str]:
    """What it does, and what to write in its place, as the function has its arrays."""
    return mistake.tell(finding.function in run.channels_first, run.contract, finding.op)


def label_mistake(run: Run, finding: Finding, block: Block) -> Iterator[tuple[str, str]]:
    """What a block shows; behind the last mistake, how sure it is."""
    diagnosis = finding.diagnosis
    hint = run.settings.hint
    if hint and block is finding.blocks[0]:
        yield "hint", describe_kind(finding)
    if hint > 1 and block.mistake:
        yield "look at", block.mistake.hint
    if not run.settings.is_naming or block.outcome.kind in LOST:  # nothing is there to compare
        return
    if block.mistake:
        does, change = _describe_mistake(run, finding, block.mistake)
        yield from (("mistake", block.mistake.title), ("", does), ("instead", change))
        if diagnosis and block is [one for one in finding.blocks if one.mistake][-1]:
            conventions = " and ".join(mistake.title for mistake in diagnosis.conventions)
            beside = f", beside a convention: {conventions}" if conventions else ""
            yield "", _count_explained(finding, diagnosis) + beside
            for other in diagnosis.others:
                yield "or", f"{other.title}, by the same evidence"
    elif finding.is_cut and block.outcome.comparisons:
        yield "mistake", "not all known mistakes could be tried: the search is cut off"
    elif diagnosis:
        left = diagnosis.of - diagnosis.explains
        rest = f"the other {left if left > 1 else 'one'}"
        if sum(not (one.mistake or one.outcome.kind in LOST) for one in finding.blocks) > 1:
            rest = f"{block.of} of the others"
        yield "mistake", f"no known mistake fits {rest}"
    elif block.outcome.comparisons or len(finding.blocks) > 1:
        yield "mistake", "no known mistake fits"
    yield from (("", look) for look in block.looks if run.settings.show == "all")


def describe_kind(finding: Finding) -> str:
    """Where it fails: at a kind that has all failures, or else at the one that fails most."""
    left = [
        (outcome.question, outcome.is_failing)
        for outcome in finding.more or finding.outcomes
        if isinstance(outcome.question, Case) and outcome.status != "not judged"
    ]
    told, count = list[str](), sum(fails for _, fails in left)
    if count == len(left):
        return "every case fails"
    while count and len(told) < MOST:
        kinds = {words: [f for case, f in left if holds(case)] for words, holds in KINDS.items()}
        # all failures, or else the largest part that fails, of as many as there are
        weights = {
            words: (sum(kind) == count, sum(kind) / len(kind), len(kind))
            for words, kind in kinds.items()
            if any(kind)
        }
        if not weights:
            break
        words = max(weights, key=weights.__getitem__)
        told.append(f"{sum(kinds[words])} of {len(kinds[words])} where {words}")
        left = [(case, fails) for case, fails in left if not KINDS[words](case)]
        count -= sum(kinds[words])
    if not told:
        return f"{count} of {len(left)} cases fail, of no kind alone"
    rest = f", and {count} more" if count else ", and no other"
    return f"it fails {'; of the rest '.join(told)}{rest}"


def _count_explained(finding: Finding, diagnosis: Diagnosis) -> str:
    """How much the mistakes explain, counted as the line of counts does."""
    failing = [outcome for outcome in finding.failing if outcome.has_numbers]
    total, count = len(finding.failing), len(diagnosis.mistakes)
    cases = _count(diagnosis.of, "failing case")
    if diagnosis.of != total:
        cases += f" that can be recomputed (of {total})"
    if not diagnosis.is_whole:
        return f"{_EXPLAIN.get(count, 'they explain')} {diagnosis.explains} of {cases}"
    everywhere = f"in {'all ' * (diagnosis.of > 1)}{cases}" if total > 1 else ""
    if all(outcome.status != "WRONG" for outcome in finding.failing):
        return f"such code raises {everywhere or 'here'}"
    named = {*diagnosis.mistakes}
    coded = [one for one in diagnosis.suspects if one.forms and named.intersection(one.mistakes)]
    if not coded:
        return f"it shows {everywhere or 'here'}"
    who = "this mistake" if count == 1 else "both" if len(coded) == 1 else "one of them"
    exactly = "bit for bit" if diagnosis.exactly else "but for roundings"
    exactly += " where no number rounds" * (diagnosis.exactly and diagnosis.rounds)
    raised = ", or both raise" * any(outcome.status == "CRASH" for outcome in failing)
    claim = f"your answer is, {exactly}, that of code with {who}{raised}"
    return f"{claim}, {everywhere}" if everywhere else claim


def label_rest(run: Run, finding: Finding) -> Iterator[tuple[str, str]]:
    """What is no mistake of this function: an age, a function below it, conventions."""
    aged = [outcome for outcome in finding.outcomes if outcome.age]
    if not run.settings.is_naming:
        excused = [o for o in finding.outcomes if (o.age or o.deviations) and not o.is_failing]
        word = "wrong" if run.settings.strict else "right"
        if excused:
            yield f"counted as {word}", _count(len(excused), "case")
    elif finding.age:
        does, change = _describe_mistake(run, finding, finding.age)
        yield from (("age", finding.age.title), ("", does))
        yield from (("", line) for line in aged[0].age[1:])
        yield from (("instead", change), ("mended in flight", _count(len(aged), "case")))
    for name in finding.deviations if run.settings.is_naming else ():
        count = sum(name in outcome.deviations for outcome in finding.outcomes)
        mistake = next(m for m in mistakes.read() if m.id == name)
        label = "integers" if name == "integer-accumulator" else "convention"
        yield label, f"{mistake.title} ({_count(count, 'case')})"
        yield "", _describe_mistake(run, finding, mistake)[0]
    if helped := [outcome for outcome in finding.outcomes if outcome.helpers]:
        names = " and ".join(sorted({name for o in helped for name in o.helpers}))
        yield "judged with", f"a right {names} in place of yours ({_count(len(helped), 'case')})"
    unjudged = [outcome for outcome in finding.outcomes if outcome.status == "not judged"]
    yield from (("not judged", outcome.message) for outcome in unjudged[:1])
    yield from (("outside", reason) for reason in finding.reasons)


def list_due(run: Run) -> list[str]:
    """The functions that are missing, and must be there."""
    return [f.function for f in run.missing if run.settings.strict or f.function in run.wanted]


def find_drawn_failures(run: Run) -> dict[str, Outcome]:
    """Of each function that is right otherwise the first drawn question that it fails."""
    known = {finding.function for finding in run.differing}
    first: dict[str, Outcome] = {}
    for outcome in run.drawn.failing if run.drawn else ():
        if outcome.function not in known:
            first.setdefault(outcome.function, outcome)
    return first


def _write_drawn(run: Run, drawn: Drawn) -> list[str]:
    """How many are wrong; of each function that is right otherwise the first one, by its row."""
    unjudged = {o.question.row for o in drawn.outcomes if o.status == "not judged"}
    counts = {"wrong": len(drawn.wrong_rows), "not judged": len(unjudged - drawn.wrong_rows)}
    words = [f"{count} {status}" for status, count in counts.items() if count] or ["all right"]
    questions = _count(len(drawn.rows), "more question")
    lines = _wrap(f"  {questions} drawn from seed {drawn.seed}: {', '.join(words)}", "    ")
    for name, outcome in find_drawn_failures(run).items():
        finding = Finding(name, outcome.op, drawn.outcomes)
        told = [("", line) for line in describe(run, finding, outcome)]
        row = name, Whole(outcome.question.row)
        lines += _lay_out([row, *told, label_command(run, outcome)])
    return lines


def _conclude(run: Run) -> Iterator[str]:
    """The verdict with its reasons, and how much was asked."""
    functions, differing = _count(len(run.judged), "function"), len(run.differing)
    if run.fault == "interrupted":
        yield f"interrupted: {functions} judged, {differing} wrong."
    elif not run.judged:
        is_there = any(finding.status != "not attempted" for finding in run.findings)
        yield f"Nothing was {'judged' if is_there else 'attempted'}."
    elif differing:
        yield f"{differing} of {functions} {'differs' if differing == 1 else 'differ'}."
    elif run.drawn and run.drawn.failing:
        yield f"{functions}, and all match but for drawn questions."
    elif known := sum(outcome.status == "known" for outcome in run.outcomes):
        yield f"{functions}, and all match but for {_count(known, 'case')} that may fail."
    else:
        yield f"{functions}, and all match."
    if run.stale:
        yield f"{_count(len(run.stale), 'case')} may fail and would not, which fails the run."
    if run.missing:
        missing = [finding.function for finding in run.missing]
        words = f"{len(missing)} not attempted: {', '.join(missing)}"
        yield f"{words}, which fails the run." if list_due(run) else f"{words}."
    if run.asked:
        questions = len({outcome.question.row for outcome in run.asked})
        yield f"{_count(questions, 'question')}, {_count(len(run.asked), 'check')}."
        yield f"{run.seconds:.1f} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _lay_out(labelled: Iterable[tuple[str, str]]) -> list[str]:
    """Labels and words, one under the other; what is too long to keep whole on its own line."""
    lines = []
    for label, text in labelled:
        label = "" if label == ANSWER else make_visible(label)
        head = f"{'':{INDENT}}{label:{LABEL}} "
        if not isinstance(text, Whole):
            lines += _wrap(text, " " * len(head), head)
        elif len(head + (text := make_visible(text))) <= WIDTH:
            lines.append(head + text)
        else:
            lines += [f"{'':{INDENT}}{label}"] if label else []
            lines.append(f"{'':10}{text}")
    return lines


def _wrap(text: str, rest: str = "", first: str = "") -> list[str]:
    """Lines that break between words alone; `rest` stands before every one but the first."""
    lines: list[str] = []
    wrap = TextWrapper(WIDTH, first, rest, break_long_words=False, break_on_hyphens=False)
    for line in make_visible(text).split("\n"):
        lines += wrap.wrap(line) or [wrap.initial_indent.rstrip()]
        wrap.initial_indent = rest
    return lines


def _flow(pieces: Iterable[str], gap: str, first: str = "", rest: str = "") -> list[str]:
    """Pieces one after the other, on as many lines as that takes, none of them broken."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1] + gap + piece) <= WIDTH:
            lines[-1] += gap + piece
        else:
            lines.append((rest if lines else first) + piece)
    return lines
