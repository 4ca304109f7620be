"""What stands under a function's counts: the smallest failing case, the mistake, conventions."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from verification import planes, row
from verification.candidate import Candidate
from verification.diagnosis import Diagnosis
from verification.mistakes import Mistake
from verification.outcomes import Outcome
from verification.session import FAILING, Finding, Rules

LABEL = 23
"""Width of what stands before the words."""


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it.

    `catalogue` explains the names of conventions; `words` are the options that a repetition needs;
    an `exam` shows no expected numbers and names no mistake.
    """

    candidate: str
    contract: str
    sha256: str
    oracle: str
    numpy: str
    python: str
    seed: int
    dtype: str
    seconds: float
    findings: Sequence[Finding]
    catalogue: Sequence[Mistake] = ()
    notes: Sequence[str] = ()
    words: Sequence[str] = ()
    exam: bool = False
    live: bool = False

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for finding in self.findings for outcome in finding.outcomes]

    @property
    def asked(self) -> list[Outcome]:
        """The outcomes of functions that exist."""
        return [outcome for outcome in self.outcomes if outcome.status != "not attempted"]

    @property
    def verdict(self) -> str:
        if not self.asked:
            return "nothing"
        if any(finding.failing for finding in self.findings):
            return "differs"
        return "vacuous" if any(o.status == "VACUOUS" for o in self.asked) else "match"


def begun(judged: Candidate, oracle: str, rules: Rules, **more: Any) -> Run:
    """A run of which nothing is known yet but who is judged, and how."""
    return Run(
        candidate=judged.name,
        contract=judged.label,
        sha256=judged.sha256,
        oracle=oracle,
        numpy=judged.hello.numpy,
        python=judged.hello.python,
        seed=rules.seed,
        dtype=rules.dtype,
        seconds=0.0,
        findings=(),
        catalogue=rules.catalogue,
        notes=judged.notes,
        live=judged.live,
        **more,
    )


def repeat(run: Run, outcome: Outcome) -> str:
    """The command that asks this question again; in a live session, the call."""
    if run.live:
        return f"judge(globals(), case={outcome.question.row!r}, only=[{outcome.function!r}])"
    words = ["python", "-m", "verification", run.candidate, "--case"]
    if outcome.question.name == row.ON_THE_LINE:
        words += [outcome.question.row, "--only", outcome.function]
    else:
        words.append(outcome.id)
    words += run.words
    words += ["--seed", str(run.seed)] if run.seed else []
    words += ["--dtype", run.dtype] if run.dtype != "float64" else []
    return shlex.join(words)


def of(run: Run, finding: Finding, outcome: Outcome, title: str) -> list[str]:
    question = outcome.question
    named = question.row if question.name == row.ON_THE_LINE else outcome.id
    told = [(title, named)]
    if named != question.row:
        told.append(("", question.row))
    if question.why:
        told.append(("why", question.why))
    told += [("", part) for part in _findings(finding, outcome)]
    if outcome.stdout:
        told.append(("printed", outcome.stdout.rstrip()))
    pictures = [planes.side_by_side(v, finding.channels_first) for v in outcome.verdicts if v.worst]
    shown = lines(told)
    if not run.exam:
        shown += [f"          {line}" for picture in pictures[:1] for line in picture]
    if title != "case":
        shown += lines(_mistake(run, finding))
    return [*shown, *lines([("again", repeat(run, outcome))])]


def lines(labelled: Iterable[tuple[str, str]]) -> list[str]:
    """One under the other, with the control characters that a terminal would obey made visible."""
    return [
        f"      {label if first else '':{LABEL}} {words}".rstrip()
        for label, text in labelled
        for first, words in zip([True] + [False] * len(text), _printable(text))
    ]


def _printable(words: str) -> list[str]:
    return [
        "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
        for line in words.split("\n")
    ]


def _findings(finding: Finding, outcome: Outcome) -> Iterator[str]:
    if outcome.message:
        yield outcome.message
    yield from outcome.where
    if outcome.status == "TIMEOUT":
        answered = [o for o in finding.outcomes if o.status not in (*FAILING, "not judged")]
        slowest = max((o.seconds for o in answered), default=0.0)
        yield f"{many(len(answered), 'other question')} answered, the slowest in {slowest:.3f} s"
    wrong = [v for v in outcome.verdicts if not v.ok]
    yield from (f"{v.name} {v.message}" for v in wrong if v.message)
    places = [f"{v.name} is wrong at {v.wrong} of {v.of} places" for v in wrong if v.worst]
    right = [v.name for v in outcome.verdicts if v.ok]
    if right:
        places.append(f"{' and '.join(right)} {'match' if len(right) > 1 else 'matches'}")
    if places:
        yield "; ".join(places)


def _mistake(run: Run, finding: Finding) -> Iterator[tuple[str, str]]:
    found = finding.diagnosis
    if found is None:
        if any(outcome.verdicts for outcome in finding.failing):
            yield "mistake", "no known mistake fits"
            if not run.exam:
                yield from (("", look) for look in finding.looks)
        return
    for number, mistake in enumerate(found.mistakes):
        if run.exam:
            yield "hint", mistake.hint
            continue
        yield "mistake" if not number else "and", mistake.title
        yield "", mistake.does
        yield "instead", mistake.change
    if not run.exam:
        yield "", _claim(finding, found)


def _claim(finding: Finding, found: Diagnosis) -> str:
    if not found.is_whole:
        return f"explains {found.explains} of {found.of} failing cases"
    if all(outcome.final.status == "CRASH" for outcome in finding.failing):
        return f"such code raises in all {found.of} failing cases, and in no other"
    whose = (
        "that of code with this mistake" if len(found.mistakes) == 1 else "that of code with both"
    )
    exactly = "bit for bit" if found.exactly else "but for roundings"
    if found.of == 1:
        return f"your answer is, {exactly}, {whose}"
    return f"your answer is, {exactly}, {whose}, in all {found.of} failing cases"


def age(run: Run, finding: Finding, error: Mistake) -> Iterator[tuple[str, str]]:
    """An error of age: no mistake of mathematics, and everything else is judged without it."""
    aged = [outcome for outcome in finding.outcomes if outcome.mended]
    yield "age", aged[0].message
    yield from (("", line) for line in aged[0].where)
    if not run.exam:
        yield "", error.does
        yield "instead", error.change
    after = Counter(outcome.final.status for outcome in aged)
    told = ", ".join(f"{count} {status}" for status, count in after.items())
    yield "mended in flight", told


def inherited(finding: Finding) -> Iterator[tuple[str, str]]:
    for outcome in finding.outcomes:
        if outcome.status == "not judged":
            yield "not judged", outcome.message
            return


def deviations(run: Run, finding: Finding) -> Iterator[tuple[str, str]]:
    """Conventions, each by name; they do not fail."""
    for name in finding.deviations:
        count = sum(name in outcome.deviations for outcome in finding.outcomes)
        said = next((m for m in run.catalogue if m.id == name), None)
        if said is not None:
            yield "convention", f"{said.title} ({many(count, 'case')})"
            yield "", said.does


def many(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1)
