"""A run in a live session: the answer shows itself, in a notebook as HTML."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from verification.judging import Run, Session, Settings
from verification.reports.document import write_json
from verification.reports.text import write_text

Given = str | Callable[..., Any] | Sequence[Callable[..., Any]] | Mapping[str, Any]
"""A file or module by its name, a function, several, or the names of a session."""
_COLOURS = {"match": "#1a7f37", "differs": "#cf222e", "nothing": "#9a6700"}
_PLAIN = "color: inherit; background: none; border: none; padding: 0"
"""On a notebook's own paper, dark or light."""


@dataclass(frozen=True, repr=False)
class Judgement:
    """What a run came to; it shows itself as text, and in a notebook as HTML."""

    run: Run

    @property
    def verdict(self) -> str:
        """match, differs or nothing."""
        return self.run.verdict

    @property
    def json(self) -> str:
        """The document, schema 1."""
        return write_json(self.run)

    def __repr__(self) -> str:
        return write_text(self.run)

    def _repr_html_(self) -> str:
        edge = f"border-left: 4px solid {_COLOURS[self.verdict]}; padding-left: 1em"
        font = "margin: 0; font-family: monospace; line-height: 1.2; white-space: pre"
        return (
            f'<div style="{edge}; overflow-x: auto">'
            f'<pre style="{font}; {_PLAIN}">{html.escape(repr(self))}</pre></div>'
        )


def judge(
    candidate: Given,
    only: str | Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    exam: bool = False,
    **options: Any,
) -> Judgement:
    """Judge, as `verification.judge` says; functions that are not there are no news."""
    named = candidate if isinstance(candidate, str) else _name(candidate)
    wanted = (only,) if isinstance(only, str) else tuple(only)
    options |= {"show": "status"} if exam else {}
    settings = Settings(candidate=named, only=wanted, names=dict(names or {}), **options)
    with warnings.catch_warnings(action="ignore"), Session(settings) as session:
        run = session.run()
    present = (f for f in run.findings if f.status != "not attempted" or f.function in run.wanted)
    return Judgement(replace(run, findings=tuple(present) or run.findings))


def _name(candidate: Given) -> Mapping[str, Any]:
    if isinstance(candidate, Mapping):
        return candidate
    functions: Any = candidate if isinstance(candidate, list | tuple) else [candidate]
    if not functions or not all(map(callable, functions)):
        kind = type(candidate).__name__
        raise TypeError(f"judge takes functions, a namespace or a name, got {kind}")
    return {function.__name__: function for function in functions}
