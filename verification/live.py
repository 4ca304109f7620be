"""The judge in a live session: functions instead of a file, a report that shows itself."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from verification import (
    block,
    candidate,
    document,
    features,
    mistakes,
    questions,
    report,
    row,
    session,
    trial,
)
from verification.block import Run
from verification.questions import Question
from verification.session import Rules


@dataclass(frozen=True, repr=False)
class Judgement:
    """What a run came to; it shows itself as text, and in a notebook as HTML."""

    run: Run

    @property
    def verdict(self) -> str:
        """match, differs, vacuous or nothing."""
        return self.run.verdict

    @property
    def json(self) -> str:
        """The document, schema 1."""
        return document.as_json(self.run)

    def __repr__(self) -> str:
        return report.as_text(self.run)

    def _repr_html_(self) -> str:
        colour = {
            "match": "#1a7f37",
            "differs": "#cf222e",
            "nothing": "#9a6700",
            "vacuous": "#9a6700",
        }[self.verdict]
        return (
            f'<div style="border-left: 4px solid {colour}; padding-left: 1em; overflow-x: auto">'
            f'<pre style="margin: 0">{html.escape(repr(self))}</pre></div>'
        )


def judge(
    given: str | Callable[..., Any] | Sequence[Callable[..., Any]] | Mapping[str, Any],
    only: Sequence[str] = (),
    case: str = "",
    level: int = 4,
    rung: str = "",
    contract: str = "",
    layout: str = "nchw",
    names: Mapping[str, str] | None = None,
    seed: int = 0,
    dtype: str = "float64",
    timeout: float = 10.0,
    memory: int = 4096,
    strict: bool = False,
    exam: bool = False,
) -> Judgement:
    """Judge, as `verification.judge` says."""
    start, catalogue = time.perf_counter(), mistakes.read()
    ages = tuple(mistake for mistake in catalogue if mistake.kind == mistakes.AGE)
    settings = (contract, layout, names, timeout, memory, ages)
    if isinstance(given, str):
        judged = candidate.load(given, *settings)
    else:
        judged = candidate.live(_namespace(given), "this session", *settings)
    with contextlib.closing(judged):
        oracle = trial.prepare()

        def chosen(name: str, question: Question) -> bool:
            fits = not rung or features.rung(question) == rung
            return fits and features.level(question) <= level and (not only or name in only)

        asked: Sequence[Question] = row.parse(case) if case else questions.every()
        checks, outside = trial.plan(judged, asked, chosen)
        rules = Rules(seed, dtype, catalogue, strict=strict)
        narrowed = only or case or rung or level < 4
        found = list(session.hold(judged, checks, {} if narrowed else outside, rules))
        seconds = time.perf_counter() - start
        present = [finding for finding in found if finding.status != "not attempted"]
        run = block.begun(judged, oracle, rules, exam=exam)
        return Judgement(replace(run, findings=present or found, seconds=seconds))


def _namespace(given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    functions = given if isinstance(given, list | tuple) else [given]
    if not functions or not all(callable(function) for function in functions):
        kind = type(given).__name__
        raise TypeError(f"judge takes functions, a namespace or a name, got {kind}")
    return {function.__name__: function for function in functions}
