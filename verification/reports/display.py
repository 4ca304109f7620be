"""A run in a live session: the answer shows itself, in a notebook as HTML."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from os import PathLike, fspath
from types import ModuleType
from typing import Any, TypedDict

from verification.judging import Run, Session, Settings, Watch, choose_show
from verification.reports.document import write_json
from verification.reports.page import write_fragment
from verification.reports.text import write_text

Functions = Callable[..., Any] | Sequence[Callable[..., Any]]
Given = str | PathLike[str] | Functions | Mapping[str, Any] | ModuleType
"""A file or module by its name, a function, several, the names of a session, or a module."""
PAUSE = 0.2
"""Seconds between two lines of progress."""


class Options(TypedDict, total=False):
    """What `judge` takes beside a candidate."""

    only: str | Sequence[str]
    names: Mapping[str, str] | None
    case: str
    text: str
    where: str
    oracle: str
    level: int
    rung: str
    contract: str
    layout: str
    seed: int | None
    draw: int
    dtype: str
    timeout: float
    memory: int
    first: bool
    strict: bool
    exam: bool
    show: str
    hint: int


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
    named = fspath(candidate) if isinstance(candidate, str | PathLike) else _name(candidate)
    only, names = options.pop("only", ()), dict(options.pop("names", None) or {})
    options["only"] = (only,) if isinstance(only, str) else tuple(only)
    options["show"] = choose_show(options.pop("exam", False), options.get("show", ""))
    settings = Settings(candidate=named, names=names, **options)
    with warnings.catch_warnings(action="ignore"), Session(settings) as session:
        run = session.run(_watch())
    present = (f for f in run.findings if f.status != "not attempted" or f.function in run.wanted)
    return Judgement(replace(run, findings=tuple(present) or run.findings))


def _watch() -> Watch:
    """In a notebook a line that counts, in its place, and is gone in the end."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        return Watch()
    show = partial(import_module("IPython.display").display, raw=True)
    line, last = show({"text/plain": ""}, display_id=True), 0.0

    def count(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() > last + PAUSE:
            last, words = time.monotonic(), f"{done} of {total} checks" * (done < total)
            line.update({"text/plain": words}, raw=True)

    return Watch(count=count)


def _name(candidate: Given) -> Mapping[str, Any]:
    if isinstance(candidate, Mapping | ModuleType):
        return candidate if isinstance(candidate, Mapping) else vars(candidate)
    functions: Any = candidate if isinstance(candidate, list | tuple) else [candidate]
    if not functions or not all(hasattr(function, "__name__") for function in functions):
        kind = type(candidate).__name__
        words = "functions with names of their own, a namespace ({name: function}) or a file's name"
        raise TypeError(f"judge takes {words}, got {kind}")
    return {function.__name__: function for function in functions}
