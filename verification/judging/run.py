"""What a run came to: a finding for each function, what was drawn, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from verification.judging.settings import Settings
from verification.judging.trial import Outcome
from verification.mistakes import Diagnosis, Mistake


@dataclass(frozen=True)
class Base:
    """A function and its forward pass, by our names."""

    name: str = ""
    forward: str = ""


@dataclass(frozen=True)
class Block:
    """A failing outcome to show, with the mistake that it shows, or what the error looks like.

    `call` is how the contract asks the question, `of` how many fail so that no mistake explains.
    """

    outcome: Outcome
    mistake: Mistake | None = None
    looks: tuple[str, ...] = ()
    call: str = ""
    of: int = 0


@dataclass(frozen=True)
class Finding:
    """One function: its outcomes, the questions outside its contract, and what is wrong with it.

    `reasons` say why questions are outside, where the candidate is the reason; `age` is the error
    of age that was mended; `is_cut` says that not all known mistakes could be tried;
    `blocks` are what to show, one for each mistake; `more` is what small
    questions came to that were asked for a reason alone.  `raw` is what came, before outcomes are
    seen together, and `base` what it is called here.
    """

    function: str
    op: str
    outcomes: tuple[Outcome, ...] = ()
    outside: int = 0
    reasons: tuple[str, ...] = ()
    age: Mistake | None = None
    diagnosis: Diagnosis | None = None
    is_cut: bool = False
    blocks: tuple[Block, ...] = ()
    more: tuple[Outcome, ...] = ()
    raw: tuple[Outcome, ...] = ()
    base: Base = field(default_factory=Base)

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]

    @property
    def deviations(self) -> list[str]:
        """The conventions that it follows, by name."""
        return sorted({name for outcome in self.outcomes for name in outcome.deviations})

    @property
    def status(self) -> str:
        """differs, not judged, deviates, ok, known, not attempted or outside."""
        statuses = {outcome.status for outcome in self.outcomes}
        if self.failing:
            return "differs"
        for status in ("not judged", "DEVIATES", "ok", "known", "not attempted"):
            if status in statuses:
                return status.lower()
        return "outside"


@dataclass(frozen=True)
class Drawn:
    """What questions came to that nobody has seen: they fail a run, and are counted apart."""

    seed: int
    outcomes: tuple[Outcome, ...] = ()
    raw: tuple[Outcome, ...] = ()

    @property
    def failing(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_failing]


@dataclass(frozen=True)
class Run:
    """Who was judged, against what, and what came of it.

    `fault` is unloadable, interrupted, fault or nothing where the run did not come to its end, and
    `error` says why; `wanted` are the functions that were asked for by name, and `longest` is the
    length of the longest name that is asked.
    """

    settings: Settings
    candidate: str
    contract: str = ""
    sha256: str = ""
    oracle: str = "torch"
    numpy: str = ""
    python: str = ""
    channels_first: bool = False
    notes: Sequence[str] = ()
    wanted: frozenset[str] = frozenset()
    longest: int = 0
    findings: tuple[Finding, ...] = ()
    drawn: Drawn | None = None
    misfit: str = ""
    seconds: float = 0.0
    fault: str = ""
    error: str = ""

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for finding in self.findings for outcome in finding.outcomes]

    @property
    def asked(self) -> list[Outcome]:
        """The outcomes of functions that exist."""
        return [outcome for outcome in self.outcomes if outcome.status != "not attempted"]

    @property
    def missing(self) -> list[Finding]:
        """The functions that are not there, or not written."""
        return [finding for finding in self.findings if finding.status == "not attempted"]

    @property
    def differing(self) -> list[Finding]:
        """The functions that fail; strictly, those too that had to be mended."""
        return [f for f in self.findings if f.failing or (self.settings.strict and f.age)]

    @property
    def stale(self) -> list[str]:
        """The ids that are known to fail, and do not; in a whole run those too that nothing has."""
        statuses, settings = {o.id: o.status for o in self.outcomes}, self.settings
        is_whole = not (settings.is_narrowed or settings.first or settings.shard[1] > 1)
        is_whole &= not (settings.only or self.fault)
        right = ("ok", "DEVIATES", "") if is_whole else ("ok", "DEVIATES")
        return sorted(one for one in settings.known if statuses.get(one, "") in right)

    @property
    def remarks(self) -> list[str]:
        """Its notes, and what is known to fail and does not."""
        return [*self.notes, *(f"{one} is known to fail, and does not" for one in self.stale)]

    @property
    def verdict(self) -> str:
        """match, differs, nothing; or unloadable, interrupted, fault.

        What is asked for must be there: functions that are wanted, and strictly every one.
        """
        if self.fault:
            return self.fault
        if any(f.function in self.wanted for f in self.missing):
            return "differs"
        if not self.asked:
            return "nothing"
        is_right = not (self.differing or self.stale or (self.drawn and self.drawn.failing))
        return "match" if is_right and not (self.settings.strict and self.missing) else "differs"

    @property
    def seed(self) -> int:
        """Of the arrays."""
        return self.settings.seed or 0


def lighten(run: Run) -> Run:
    """Without arrays but for what is shown, so that it can be kept, and sent by another process."""
    findings = []
    for found in run.findings:
        outcomes, raw = _strip(found.outcomes), _strip(found.raw)
        findings.append(replace(found, outcomes=outcomes, raw=raw))
    drawn = run.drawn
    drawn = drawn and replace(drawn, outcomes=_strip(drawn.outcomes), raw=_strip(drawn.raw))
    return replace(run, findings=tuple(findings), drawn=drawn)


def _strip(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple(
        replace(
            outcome,
            answers={},
            mended=next(iter(_strip([outcome.mended] if outcome.mended else [])), None),
            comparisons=tuple(
                replace(c, got=None, want=None, where=None) for c in outcome.comparisons
            ),
        )
        for outcome in outcomes
    )
