"""A run as text for people: pure functions of what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from verification import block, features
from verification.block import Run
from verification.features import RUNGS
from verification.session import Finding

_COLOURS = {
    "ok": "32",
    "VACUOUS": "35;1",
    "DEVIATES": "33",
    "WRONG": "31;1",
    "CRASH": "31;1",
    "TIMEOUT": "31;1",
    "MEMORY": "31;1",
    "not judged": "33",
    "not attempted": "33",
    "outside": "2",
}


def as_text(run: Run, colour: bool = False, full: bool = False) -> str:
    """The report; `full` tells every outcome at length, as for a single case."""
    told = [line for finding in run.findings for line in function(run, finding, colour, full)]
    return "\n".join([*header(run), *told, *summary(run)])


def header(run: Run) -> list[str]:
    """Who is judged, and what is to be said about that."""
    words = [run.candidate, f"{run.contract} contract", f"oracle {run.oracle}"]
    words += [f"numpy {run.numpy}", run.dtype, f"seed {run.seed}"]
    return ["   ".join(words), *(f"  note: {part}" for part in run.notes), ""]


def function(run: Run, finding: Finding, colour: bool = False, full: bool = False) -> list[str]:
    """A line of counts, and a block where something is wrong."""
    if finding.status == "not attempted":
        return []
    lines = [_counts(finding, colour)]
    if full:
        for outcome in finding.outcomes:
            lines += block.of(run, finding, outcome.final, "case")
    elif finding.age:
        lines += block.lines(block.age(run, finding, finding.age))
    if finding.smallest is not None and not full:
        lines += block.of(run, finding, finding.smallest, "smallest failing case")
    if not full:
        lines += block.lines(block.inherited(finding))
        lines += block.lines(_vacuous(finding))
    return lines + block.lines(block.deviations(run, finding))


def summary(run: Run) -> list[str]:
    """The last lines."""
    differing = sum(bool(finding.failing) for finding in run.findings)
    missing = [finding.function for finding in run.findings if finding.status == "not attempted"]
    absent = [f"  not attempted: {', '.join(missing)}"] if missing else []
    if not run.asked:
        return [*absent, "", "Nothing was attempted."]
    attempted = [f for f in run.findings if f.status not in ("not attempted", "outside")]
    verdict = f"{differing} of {block.many(len(attempted), 'function')} differ" + "s" * (
        differing == 1
    )
    vacuous = sum(outcome.status == "VACUOUS" for outcome in run.asked)
    if not differing:
        said = "none differs" if vacuous else "all match"
        verdict = f"{block.many(len(attempted), 'function')}, and {said}"
    if missing:
        verdict += f".   {len(missing)} not attempted"
    questions = len({outcome.question.row for outcome in run.asked})
    asked = f"{block.many(questions, 'question')}, {block.many(len(run.asked), 'check')}"
    evidence = Counter(outcome.evidence for outcome in run.asked)
    kinds = ", ".join(f"{count} {kind}" for kind, count in evidence.most_common())
    told = f"{verdict}.   {asked}: {kinds}; {vacuous} vacuous.   {run.seconds:.1f} s"
    return [*absent, *_ladder(run), "", told]


def _vacuous(finding: Finding) -> Iterator[tuple[str, str]]:
    """The first pass that proves nothing, and why."""
    for outcome in finding.outcomes:
        if outcome.status == "VACUOUS":
            yield "vacuous", outcome.question.row
            yield "", outcome.message
            return


def _ladder(run: Run) -> list[str]:
    """How many checks on which rung, and what could have hidden from them."""
    rungs = Counter(features.rung(outcome.question) for outcome in run.asked)
    if len(rungs) < 2:
        return []
    lines = ["", "  " + ", ".join(f"{rungs[rung]} {rung}" for rung in RUNGS if rungs[rung])]
    chances = sorted(outcome.chance for outcome in run.asked if outcome.chance)
    missed = sorted(outcome.missed for outcome in run.asked if outcome.missed)
    if chances:
        lines.append(
            f"  a wrong coefficient hides from an output's exact check once in "
            f"{1 / chances[len(chances) // 2]:.2g} times, at worst once in {1 / chances[-1]:.2g}"
        )
    if missed:
        lines.append(
            f"  an error hides in a bound of {missed[len(missed) // 2]:.1g} of the output's root "
            f"mean square, at worst of {missed[-1]:.1g}"
        )
    return lines


def _counts(finding: Finding, colour: bool) -> str:
    counts = Counter(outcome.status for outcome in finding.outcomes)
    counts["outside"] = finding.outside
    cells = {status: f"{counts[status]:5} {status}" for status in _COLOURS if counts[status]}
    if colour:
        cells = {status: f"\033[{_COLOURS[status]}m{cell}\033[0m" for status, cell in cells.items()}
    return f"  {finding.function:32}" + "  ".join(cells.values())
