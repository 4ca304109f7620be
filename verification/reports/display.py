"""A run in a live session: the answer shows itself, in a notebook as HTML."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from verification.judging import Run, Session, Settings
from verification.reports.document import write_json
from verification.reports.page import write_fragment
from verification.reports.text import write_text

Given = str | Callable[..., Any] | Sequence[Callable[..., Any]] | Mapping[str, Any]
"""A file or module by its name, a function, several, or the names of a session."""


@dataclass(frozen=True, repr=False)
class Judgement:
    """What a run came to; it shows itself as text, and in a notebook as HTML."""

    run: Run

    @property
    def verdict(self) -> str:
        """match, differs or nothing."""
        return self.run.verdict

    @property
    def functions(self) -> dict[str, str]:
        """The status of each function, by the candidate's own names."""
        return {finding.function: finding.status for finding in self.run.findings}

    @property
    def mistakes(self) -> dict[str, tuple[str, ...]]:
        """The mistakes that are known by name, of each function that has some."""
        known = {f.function: f.diagnosis for f in self.run.findings if f.diagnosis}
        shown = known if self.run.settings.is_naming else {}
        return {name: tuple(one.id for one in d.mistakes) for name, d in shown.items()}

    def raise_for_failure(self) -> None:
        """AssertionError, with the report, unless everything matches."""
        if self.verdict != "match":
            raise AssertionError(f"{self.verdict}\n{self!r}")

    @property
    def json(self) -> str:
        """The document, schema 1."""
        return write_json(self.run)

    def __repr__(self) -> str:
        return write_text(self.run)

    def _repr_html_(self) -> str:
        return write_fragment(self.run)


def judge(candidate: Given, **options: Any) -> Judgement:
    """Judge, as `verification.judge` says; functions that are not there are no news."""
    named = candidate if isinstance(candidate, str) else _name(candidate)
    only, names = options.pop("only", ()), options.pop("names", None)
    if options.pop("exam", False):
        options["show"] = "status"
    only = (only,) if isinstance(only, str) else tuple(only)
    settings = Settings(candidate=named, only=only, names=dict(names or {}), **options)
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
