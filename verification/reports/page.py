"""A run as HTML: one file that a browser shows without a network, and its part in a notebook.

What a colour says is said by a word or a line, too: a number's size is the number, wrong ones are
underlined, and the taps that meet at the worst place have a dashed edge.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from string import Template

import numpy as np

from verification import mistakes
from verification.judging import Block, Comparison, Finding, Outcome, Run
from verification.questions import Array, Case, level, rung
from verification.reports import text
from verification.reports.planes import INPUTS, WEIGHTS, Plane, View, look, write_numbers

STYLE, PAGE = (
    Path(__file__).with_name(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "html")
)
DEEPEST = 0.45
"""Of a colour behind a number that is to be read."""
READING = frozenset({"conv", "max_pool", "avg_pool", "lp_pool"})
"""Operations whose windows read the input, tap by tap."""
MEETING = ("dy", "w", "x")
Meeting = dict[str, int]
"""Along one axis: a window of `dy`, a tap of `w`, and the cell of `x` that it meets."""


def write_page(run: Run) -> str:
    """A whole document: the report, every check, and filters by function and status."""
    title = _escape(f"{run.candidate}: {run.verdict}")
    return Template(PAGE).substitute(title=title, report=write_fragment(run, True))


def write_fragment(run: Run, is_whole: bool = False) -> str:
    """The report as a part of somebody's page; of a whole one with a row for every check."""
    told = [finding for finding in run.findings if finding.status != "not attempted"]
    counts = {f.function: Counter(outcome.status for outcome in f.outcomes) for f in told}
    statuses = sorted(set(chain.from_iterable(counts.values())))
    rows = [(name, *(count[one] or "" for one in statuses)) for name, count in counts.items()]
    caption = "Checks of each function, by what they came to"
    table = _write_table("counts", caption, ("function", *statuses), rows)
    shown = [f for f in told if is_whole or f.status != "ok" or f.age]
    sections = "".join(_write_finding(run, finding, is_whole) for finding in shown)
    head = _escape("\n".join(text.write_header(run)).strip())
    end = _escape(run.error or "\n".join(text.write_summary(run)).strip())
    style = f'<div class="nv"><style>{STYLE}</style>'
    return f"{style}\n<pre>{head}</pre>\n{table}{sections}<pre>{end}</pre></div>"


def _write_finding(run: Run, finding: Finding, is_whole: bool) -> str:
    name = _escape(finding.function)
    parts = [f'<section data-function="{name}"><h2>{name} ']
    parts += [f'<span class="status">{finding.status}</span></h2>\n']
    for block in text.list_blocks(run, finding):
        parts += _write_block(run, finding, block)
    if rest := [*text.label_rest(run, finding)]:
        parts += [_write_table("words", "What is no mistake of this function", (), rest)]
    if is_whole:
        heads = ("check", "level", "rung", "evidence", "status")
        asked = [(one.question, one.evidence, one.status) for one in finding.outcomes]
        rows = [(one.id, level(one), rung(one), *came) for one, *came in asked]
        table = _write_table("cases", f"Every check of {finding.function}", heads, rows)
        parts += [f"<details><summary>{len(rows)} checks</summary>{table}</details>"]
    return "".join([*parts, "</section>\n"])


def _write_block(run: Run, finding: Finding, block: Block) -> Iterator[str]:
    """What a block says, the mistake's lines, and the numbers."""
    rows = [*text.label_case(run, finding, block, "case")]
    rows += [*text.label_mistake(run, finding, block), text.label_command(run, block.outcome)]
    yield _write_table("words", "Smallest case that fails", (), rows)
    parts = finding.diagnosis.parts if finding.diagnosis and run.settings.is_naming else ()
    for mistake, suspect in parts:
        form = dict(suspect.parts)[mistake]
        if mistake == block.mistake and form:
            right, wrong = map(_escape, mistakes.quote(form))
            yield "<p>Such code, in a textbook's words:</p>"
            yield f"<pre><del>wrong  {wrong}</del><ins>right  {right}</ins></pre>"
    yield from _draw(run, block.outcome)


def _draw(run: Run, outcome: Outcome) -> Iterator[str]:
    """What went in, with the window that belongs to the worst place; the answer, and the right."""
    if not (seen := look(run, outcome)):
        return
    case, met = outcome.case, list[list[Meeting]]()
    yield "<h3>What went in</h3>"
    if seen.wrong and seen.wrong.worst and case.op in READING and seen.answers[0].array.ndim > 1:
        met = _meet(case, seen.wrong.name, seen.answers[0])
        worst = f"{seen.wrong.name}{[*seen.wrong.worst.index]}, the worst place"
        taps = math.prod(map(len, met))
        met = [[m for m in axis if 0 <= m["x"] < size] for axis, size in zip(met, case.space)]
        outside = taps - math.prod(map(len, met))
        rest = f"; {outside} of {taps} taps lie in padding" * bool(outside)
        words = f"A dashed edge: what meets at {worst}{rest}"
        yield f"<p>{_escape(words if taps else f'No window reads {worst}')}.</p>\n"
    grids = []
    for one in seen.inputs:
        marks = [{meeting[one.name] for meeting in axis} for axis in met if one.name in MEETING]
        for axis, places in enumerate(marks if all(marks) else ()):
            size = one.array.shape[one.axes.index(axis)]
            middle = (sorted(places)[len(places) // 2] + 0.5) / size
            one = one._replace(place={**one.place, axis: middle})
        grids.append(_write_grid(one, marks))
    yield f'<div class="grids">{"".join(grids)}</div>\n'
    grids = [*(_compare(seen, seen.wrong) if seen.wrong else map(_write_grid, seen.answers))]
    if any(grids):
        yield f'<h3>What came out</h3><div class="grids">{"".join(grids)}</div>\n'


def _compare(seen: View, wrong: Comparison) -> Iterator[str]:
    """Yours, the oracle's and the difference, as far as they are to be seen."""
    planes = [*seen.answers]
    if len(planes) > 1:
        with np.errstate(all="ignore"):
            difference = planes[0].array.astype(float) - planes[1].array
        planes.append(planes[0]._replace(name="difference", array=difference))
    for one in planes:
        where = None if one.name == "oracle" else wrong.where
        yield _write_grid(one._replace(name=f"{one.name}: {wrong.name}"), (), where, seen.digits)


def _meet(case: Case, name: str, one: Plane) -> list[list[Meeting]]:
    """For each axis what meets at a place of y, of dw, or of dx."""
    key = "x" if name in INPUTS else "w" if name in WEIGHTS else "dy"
    met = []
    for axis, windows in enumerate(case.windows):
        at = int(one.place[axis] * one.array.shape[one.axes.index(axis)])
        cells = ((o, t, cell) for o, taps in enumerate(windows) for t, cell in enumerate(taps))
        meetings = (dict(zip(MEETING, three)) for three in cells)
        met.append([meeting for meeting in meetings if meeting[key] == at])
    return met


def _write_grid(
    one: Plane, marks: Sequence[Container[int]] = (), wrong: Array | None = None, digits: int = 6
) -> str:
    """A plane as a table of numbers, with a colour for their sizes."""
    if one.is_empty:
        return ""
    at, words = one.cut()
    plane = np.atleast_2d(one.array[at].astype(float))
    is_wrong = np.zeros(plane.shape, bool) if wrong is None else np.atleast_2d(wrong[at])
    top, left = [0, 0, *(part.start for part in at if isinstance(part, slice))][-2:]
    rows, columns = [[0], [0], *marks][-2:] if marks else ((), ())
    most = float(np.abs(plane[np.isfinite(plane)]).max(initial=0)) or 1.0
    body = ""
    for i, line in enumerate(write_numbers(plane, digits)):
        body += f'<tr><th scope="row">{top + i}</th>'
        for j, number in enumerate(line.split()):
            is_tap = top + i in rows and left + j in columns
            kinds = ["tap"] * is_tap + ["wrong"] * bool(is_wrong[i, j])
            said = f'<span class="unseen"> {", ".join(kinds)}</span>' if kinds else ""
            share = np.nan_to_num(plane[i, j] / most, posinf=1, neginf=-1)
            hue = "214,120,0" if share > 0 else "20,110,230"
            style = f"background: rgba({hue},{DEEPEST * abs(share):.2f})" if share else ""
            body += f'<td class="{" ".join(kinds)}" style="{style}">{number}{said}</td>'
        body += "</tr>\n"
    heads = range(left, left + plane.shape[1])
    return _frame("grid", f"{one.name}{words}", heads, body, "<td></td>")


def _write_table(
    kind: str, caption: str, heads: Sequence[object], rows: Iterable[Sequence[object]]
) -> str:
    """A table whose rows begin with their names; in `cases` they end with a status."""
    body = ""
    for first, *others in rows:
        data = f' data-status="{_escape(others[-1])}"' if kind == "cases" else ""
        cells = "".join(f"<td>{_escape(cell)}</td>" for cell in others)
        body += f'<tr{data}><th scope="row">{_escape(first)}</th>{cells}</tr>\n'
    return _frame(kind, caption, heads, body)


def _frame(kind: str, caption: str, heads: Sequence[object], body: str, corner: str = "") -> str:
    """A table that scrolls by itself where it is wide, by the keyboard too."""
    caption = _escape(caption)
    head = "".join(f'<th scope="col">{_escape(word)}</th>' for word in heads)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f'<table class="{kind}"><caption>{caption}</caption>'
        f"<thead><tr>{corner}{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def _escape(words: object) -> str:
    return html.escape(text.make_visible(str(words)))
