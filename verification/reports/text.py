"""A run as text for people: a line for each function, and a block where something is wrong."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator

from verification import mistakes
from verification.judging import Finding, Outcome, Run, Settings
from verification.mistakes import Diagnosis
from verification.questions import LINE, RUNGS, Case, rung
from verification.reports.planes import draw

LABEL = 23
"""Width of what stands before the words of a block."""
_USUAL = Settings()
_REPEATED = ("contract", "layout", "timeout", "memory", "strict", "exam", "names", "seed", "dtype")
"""Settings without which a question is another one, or its answer."""
_COLOURS = {
    "ok": "32",
    "DEVIATES": "33",
    "WRONG": "31;1",
    "CRASH": "31;1",
    "TIMEOUT": "31;1",
    "MEMORY": "31;1",
    "not judged": "33",
    "not attempted": "33",
    "outside": "2",
}


def write_text(run: Run, full: bool = False) -> str:
    """The report; `full` tells every outcome at length, as for a single case."""
    lines = [line for each in run.findings for line in write_finding(run, each, full=full)]
    return "\n".join([*write_header(run), *lines, *write_summary(run)])


def write_header(run: Run) -> list[str]:
    """Who is judged, and what is to be said about that."""
    words = [run.candidate, f"{run.contract} contract", f"oracle {run.oracle}"]
    words += [f"numpy {run.numpy}", run.settings.dtype, f"seed {run.seed}"]
    lines = ["   ".join(words), *(f"  note: {note}" for note in run.notes), ""]
    return [make_visible(line) for line in lines]


def write_finding(
    run: Run, finding: Finding, colour: bool = False, full: bool = False
) -> list[str]:
    """A line of counts, and a block where something is wrong."""
    if finding.status == "not attempted":
        return []
    lines = [_write_counts(finding, colour)]
    if full:
        for outcome in finding.outcomes:
            lines += _write_case(run, finding, outcome, "case")
    for block in () if full else finding.blocks:
        lines += _write_case(run, finding, block.outcome, "smallest failing case")
    return lines + _lay_out(_excuse(run, finding))


def write_summary(run: Run) -> list[str]:
    """The last lines."""
    missing = [finding.function for finding in run.findings if finding.status == "not attempted"]
    absent = [make_visible(f"  not attempted: {', '.join(missing)}")] if missing else []
    if not run.asked:
        return [*absent, "", "Nothing was attempted."]
    attempted = [f for f in run.findings if f.status not in ("not attempted", "outside")]
    functions, differing = _count(len(attempted), "function"), len(run.differing)
    verdict = f"{functions}, and all match"
    if differing:
        verdict = f"{differing} of {functions} {'differs' if differing == 1 else 'differ'}"
    if missing:
        verdict += f".   {len(missing)} not attempted"
    questions = len({outcome.question.row for outcome in run.asked})
    evidence = Counter(outcome.evidence for outcome in run.asked).most_common()
    kinds = ", ".join(f"{count} {kind}" for kind, count in evidence)
    checks = f"{_count(questions, 'question')}, {_count(len(run.asked), 'check')}: {kinds}"
    rungs = Counter(rung(outcome.question) for outcome in run.asked)
    ladder = ", ".join(f"{rungs[name]} {name}" for name in RUNGS if rungs[name])
    steps = ["", f"  {ladder}"] if len(rungs) > 1 else []
    return [*absent, *steps, "", f"{verdict}.   {checks}.   {run.seconds:.1f} s"]


def write_command(run: Run, outcome: Outcome) -> str:
    """The command that asks this question again; in a live session, the call."""
    settings, question = run.settings, outcome.question
    on_line = question.name == LINE
    case = question.row if on_line else outcome.id
    kept = {name: getattr(settings, name) for name in _REPEATED}
    kept = {name: value for name, value in kept.items() if value != getattr(_USUAL, name)}
    if not isinstance(settings.candidate, str):
        more = "".join(f", {name}={value!r}" for name, value in kept.items())
        return f"judge(globals(), case={case!r}, only=[{outcome.function!r}]{more})"
    words = ["python", "-m", "verification", settings.candidate, "--case", case]
    words += ["--only", outcome.function] if on_line else []
    for name, value in kept.items():
        if name == "names":
            words += [word for pair in value.items() for word in ("--name", "=".join(pair))]
        else:
            words += [f"--{name}"] if value is True else [f"--{name}", f"{value}"]
    return shlex.join(words)


def write_message(run: Run, outcome: Outcome) -> str:
    """What is to be said of it; in an exam without the numbers that a check is broken by."""
    question = outcome.question
    if run.settings.exam and isinstance(question, Case) and question.check:
        return f"fails the check {question.check!r}" if outcome.status == "WRONG" else ""
    return outcome.message


def make_visible(text: str) -> str:
    """With the control characters that a terminal would obey written out."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _write_counts(finding: Finding, colour: bool) -> str:
    counts = Counter(outcome.status for outcome in finding.outcomes)
    counts["outside"] = finding.outside
    cells = {status: f"{counts[status]:5} {status}" for status in _COLOURS if counts[status]}
    if finding.age and "ok" in cells:
        cells["ok"] += " (age)"
    if colour:
        cells = {status: f"\033[{_COLOURS[status]}m{cell}\033[0m" for status, cell in cells.items()}
    return f"  {make_visible(finding.function):32}" + "  ".join(cells.values())


def _write_case(run: Run, finding: Finding, outcome: Outcome, title: str) -> list[str]:
    question = outcome.question
    name = question.row if question.name == LINE else outcome.id
    rows = [(title, name)]
    rows += [("", question.row)] if name != question.row else []
    rows += [("why", question.why)] if question.why else []
    rows += [("", line) for line in _describe(run, finding, outcome)]
    rows += [("printed", outcome.stdout.rstrip())] if outcome.stdout else []
    lines = _lay_out(rows)
    wrong = [compared for compared in outcome.comparisons if compared.worst]
    if wrong and not run.settings.exam:
        lines += [f"          {line}" for line in draw(wrong[0], run.channels_first)]
    if title != "case":
        lines += _lay_out(_name_mistake(finding, run.settings.exam))
    return [*lines, *_lay_out([("again", write_command(run, outcome))])]


def _lay_out(labelled: Iterable[tuple[str, str]]) -> list[str]:
    """Labels and words, one under the other."""
    return [
        f"      {label if not number else '':{LABEL}} {line}".rstrip()
        for label, text in labelled
        for number, line in enumerate(make_visible(text).split("\n"))
    ]


def _describe(run: Run, finding: Finding, outcome: Outcome) -> Iterator[str]:
    """What happened, in words."""
    yield from filter(None, (write_message(run, outcome), outcome.note))
    yield from outcome.where
    if outcome.status == "TIMEOUT":
        answered = [o for o in finding.outcomes if not o.is_failing and o.status != "not judged"]
        slowest = max((o.seconds for o in answered), default=0.0)
        yield f"{_count(len(answered), 'other question')} answered, the slowest in {slowest:.3f} s"
    wrong = [compared for compared in outcome.comparisons if not compared.is_right]
    yield from (f"{compared.name} {compared.message}" for compared in wrong if compared.message)
    places = [f"{c.name} is wrong at {c.wrong} of {c.of} places" for c in wrong if c.worst]
    right = [compared.name for compared in outcome.comparisons if compared.is_right]
    if right:
        places.append(f"{' and '.join(right)} {'match' if len(right) > 1 else 'matches'}")
    if places:
        yield "; ".join(places)


def _name_mistake(finding: Finding, exam: bool) -> Iterator[tuple[str, str]]:
    diagnosis = finding.diagnosis
    if diagnosis and exam:
        yield from (("hint", mistake.hint) for mistake in diagnosis.mistakes)
    elif diagnosis:
        for number, mistake in enumerate(diagnosis.mistakes):
            yield "and" if number else "mistake", mistake.title
            yield "", mistake.does
            yield "instead", mistake.change
        yield "", _claim(finding, diagnosis)
    elif any(outcome.comparisons for outcome in finding.failing):
        yield "mistake", "no known mistake fits"
        yield from (("", look) for look in finding.blocks[-1].looks if not exam)


def _claim(finding: Finding, diagnosis: Diagnosis) -> str:
    count = diagnosis.of
    if not diagnosis.is_whole:
        return f"explains {diagnosis.explains} of {count} failing cases"
    if all(outcome.status == "CRASH" for outcome in finding.failing):
        return f"such code raises in all {count} failing cases, and in no other"
    whose = "code with this mistake" if len(diagnosis.mistakes) == 1 else "code with both"
    exactly = "bit for bit" if diagnosis.exactly else "but for roundings"
    cases = f", in all {count} failing cases" if count > 1 else ""
    return f"your answer is, {exactly}, that of {whose}{cases}"


def _excuse(run: Run, finding: Finding) -> Iterator[tuple[str, str]]:
    """What is no mistake of this function: an age, a function below it, conventions."""
    exam, age = run.settings.exam, finding.age
    aged = [outcome for outcome in finding.outcomes if outcome.age]
    if age and not exam:
        yield "age", age.title
        yield "", age.does
        yield from (("", line) for line in aged[0].age[1:])
        yield "instead", age.change
    if age:
        yield "mended in flight", _count(len(aged), "case")
    unjudged = [outcome for outcome in finding.outcomes if outcome.status == "not judged"]
    yield from (("not judged", outcome.message) for outcome in unjudged[:1])
    for name in finding.deviations if not exam else ():
        count = sum(name in outcome.deviations for outcome in finding.outcomes)
        mistake = next(m for m in mistakes.read() if m.id == name)
        yield "convention", f"{mistake.title} ({_count(count, 'case')})"
        yield "", mistake.does


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
