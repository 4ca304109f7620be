"""Candidates judged whatever happens to them: what ends a run early is in it, too."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import active_children, get_context

from verification.candidates import UnloadableError
from verification.judging.run import Run, lighten
from verification.judging.session import Session
from verification.judging.settings import Settings, UsageError


def judge(settings: Settings, ask: Callable[[Session], Run] = Session.run) -> Run:
    """The run that `ask` makes of a session; UsageError where the settings fit nothing."""
    run = Run(settings, str(settings.candidate))
    try:
        with Session(settings) as session:
            try:
                if session.checks:
                    return ask(session)
                fault, words = "nothing", "no case fits these options"
            finally:
                run = session.known
    except UsageError:
        raise
    except BrokenPipeError:
        fault, words = "interrupted", "nobody reads standard output"
    except KeyboardInterrupt:
        fault, words = "interrupted", "interrupted"
    except UnloadableError as error:
        fault, words = "unloadable", str(error)
    except ModuleNotFoundError as error:
        fault, words = "fault", str(error)
    except Exception as error:  # not the candidate's fault, and never to be reported as its
        fault, words = "fault", f"fault of the harness: {type(error).__name__}: {error}"
    return replace(run, fault=fault, error=words)


def judge_in_turn(every: Sequence[Settings], jobs: int) -> Iterator[Run]:
    """A light run of each, one after the other, or several at a time in processes."""
    if jobs == 1:
        yield from map(_judge_one, every)
        return
    spawn, dying = get_context("spawn"), (signal.SIGINT, signal.SIG_DFL)  # without a traceback
    with ProcessPoolExecutor(jobs, spawn, signal.signal, dying) as pool:
        try:
            for one, coming in [(one, pool.submit(_judge_one, one)) for one in every]:
                try:
                    yield coming.result()
                except BrokenExecutor as error:
                    words = f"fault of the harness: {error}"
                    yield Run(one, str(one.candidate), fault="fault", error=words)
        finally:
            for process in active_children():  # nobody waits for what they judge any more
                process.terminate()
            pool.shutdown(cancel_futures=True)


def _judge_one(settings: Settings) -> Run:
    """What fits the other candidates, and not this one, is its own affair."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return lighten(judge(settings))
    except UsageError as error:
        return Run(settings, str(settings.candidate), fault="unloadable", error=str(error))
