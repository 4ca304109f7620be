"""A run in a live session: the answer shows itself, in a notebook as HTML."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verification.judging import Run, Session, Settings
from verification.reports.document import write_json
from verification.reports.text import write_text

_COLOURS = {"match": "#1a7f37", "differs": "#cf222e", "nothing": "#9a6700"}


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
        style = f"border-left: 4px solid {_COLOURS[self.verdict]}; padding-left: 1em"
        font = "margin: 0; font-family: monospace; line-height: 1.2"
        return (
            f'<div style="{style}; overflow-x: auto">'
            f'<pre style="{font}">{html.escape(repr(self))}</pre></div>'
        )


def judge(
    candidate: str | Callable[..., Any] | Sequence[Callable[..., Any]] | Mapping[str, Any],
    only: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    **options: Any,
) -> Judgement:
    """Judge, as `verification.judge` says."""
    named = candidate if isinstance(candidate, str) else _name(candidate)
    settings = Settings(candidate=named, only=tuple(only), names=dict(names or {}), **options)
    with Session(settings) as session:
        return Judgement(session.run())


def _name(
    candidate: Callable[..., Any] | Sequence[Callable[..., Any]] | Mapping[str, Any],
) -> Mapping[str, Any]:
    if isinstance(candidate, Mapping):
        return candidate
    functions = candidate if isinstance(candidate, list | tuple) else [candidate]
    if not functions or not all(map(callable, functions)):
        kind = type(candidate).__name__
        raise TypeError(f"judge takes functions, a namespace or a name, got {kind}")
    return {function.__name__: function for function in functions}
