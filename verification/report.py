"""A run as text for people: a pure function of its outcomes."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verification import planes, row
from verification.judge import Outcome

GOOD = ("ok", "not attempted")
_COLOURS = {"ok": "32", "WRONG": "31;1", "CRASH": "31;1", "not attempted": "33"}


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it."""

    candidate: str
    contract: str
    sha256: str
    oracle: str
    numpy: str
    python: str
    seed: int
    dtype: str
    seconds: float
    functions: Sequence[str]
    outcomes: Sequence[Outcome]

    @property
    def asked(self) -> list[Outcome]:
        """The outcomes of functions that exist."""
        return [outcome for outcome in self.outcomes if outcome.status != "not attempted"]

    @property
    def verdict(self) -> str:
        if not self.asked:
            return "nothing"
        return "match" if all(o.status in GOOD for o in self.outcomes) else "differs"


def as_text(run: Run, colour: bool = False, full: bool = False) -> str:
    """The report; `full` tells every outcome at length, as for a single case."""
    header = [run.candidate, f"{run.contract} contract", f"oracle {run.oracle}"]
    header += [f"numpy {run.numpy}", run.dtype, f"seed {run.seed}"]
    lines = ["   ".join(header), ""]
    for name, outcomes in by_function(run).items():
        lines.append(_counts(name, outcomes, colour))
        failed = [outcome for outcome in outcomes if outcome.status not in GOOD]
        if full:
            for outcome in outcomes:
                lines += _block(run, outcome, "case")
        elif failed:
            lines += _block(run, min(failed, key=_size), "smallest failing case")
    return "\n".join([*lines, "", _summary(run)])


def repeat(run: Run, outcome: Outcome) -> str:
    """The command that asks this question again."""
    words = ["python", "-m", "verification", run.candidate, "--case"]
    if outcome.question.name == row.ON_THE_LINE:
        words += [outcome.question.row, "--only", outcome.function]
    else:
        words.append(outcome.id)
    words += ["--seed", str(run.seed)] if run.seed else []
    words += ["--dtype", run.dtype] if run.dtype != "float64" else []
    return shlex.join(words)


def by_function(run: Run) -> dict[str, list[Outcome]]:
    """The outcomes of every function that was asked, in the contract's order."""
    found: dict[str, list[Outcome]] = {name: [] for name in run.functions}
    for outcome in run.outcomes:
        found[outcome.function].append(outcome)
    return {name: outcomes for name, outcomes in found.items() if outcomes}


def _counts(name: str, outcomes: Sequence[Outcome], colour: bool) -> str:
    counts = Counter(outcome.status for outcome in outcomes)
    cells = {status: f"{counts[status]:5} {status}" for status in _COLOURS if counts[status]}
    if colour:
        cells = {status: f"\033[{_COLOURS[status]}m{cell}\033[0m" for status, cell in cells.items()}
    return f"  {name:32}" + "  ".join(cells.values())


def _size(outcome: Outcome) -> tuple[int, bool, int, str]:
    """The order in which failures are told: small questions first, exact ones before others."""
    question = outcome.question
    return question.work, outcome.evidence != "exact", len(question.row), outcome.id


def _block(run: Run, outcome: Outcome, title: str) -> list[str]:
    question = outcome.question
    lines = [(title, outcome.id), ("", question.row)]
    if question.why:
        lines.append(("why", question.why))
    lines += [("", part) for part in _findings(outcome)]
    if outcome.stdout:
        lines.append(("printed", outcome.stdout.rstrip()))
    lines = [(label, part) for label, words in lines for part in _printable(words)]
    pictures = [planes.side_by_side(v) for v in outcome.verdicts if v.worst]
    return [
        *(f"      {label:23} {words}".rstrip() for label, words in lines),
        *(f"          {line}" for picture in pictures[:1] for line in picture),
        f"      {'again':23} {repeat(run, outcome)}",
    ]


def _printable(words: str) -> list[str]:
    """Line by line, with the control characters that a terminal would obey made visible."""
    lines = words.split("\n")
    return ["".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in lines]


def _findings(outcome: Outcome) -> Iterator[str]:
    if outcome.message:
        yield outcome.message
    wrong = [v for v in outcome.verdicts if not v.ok]
    yield from (f"{v.name} {v.message}" for v in wrong if v.message)
    places = [f"{v.name} is wrong at {v.wrong} of {v.of} places" for v in wrong if v.worst]
    right = [v.name for v in outcome.verdicts if v.ok]
    if right:
        places.append(f"{' and '.join(right)} {'match' if len(right) > 1 else 'matches'}")
    if places:
        yield "; ".join(places)


def _summary(run: Run) -> str:
    functions = by_function(run).values()
    differing = sum(any(o.status not in GOOD for o in outcomes) for outcomes in functions)
    if not run.asked:
        return "Nothing was attempted."
    attempted = len({outcome.function for outcome in run.asked})
    verdict = f"{differing} of {_many(attempted, 'function')} differ" + "s" * (differing == 1)
    if not differing:
        verdict = f"{_many(attempted, 'function')}, and all match"
    if attempted < len(functions):
        verdict += f".   {len(functions) - attempted} not attempted"
    questions = len({outcome.question.row for outcome in run.asked})
    asked = f"{_many(questions, 'question')}, {_many(len(run.asked), 'check')}"
    evidence = Counter(outcome.evidence for outcome in run.asked)
    kinds = ", ".join(f"{count} {kind}" for kind, count in evidence.most_common())
    return f"{verdict}.   {asked}: {kinds}.   {run.seconds:.1f} s"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1)
