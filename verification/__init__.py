"""The judge: anyone's convolution and pooling against torch's, number by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

if TYPE_CHECKING:
    from verification.reports import Given, Judgement, Options

__all__ = ["judge"]


def judge(candidate: Given, **options: Unpack[Options]) -> Judgement:
    """Judge live functions, or a file or module by its name, and show what came of it.

    `candidate` is a function, several in a list, a module, a namespace such as globals(), or a
    name as the command line takes it.  Options: only (names), case (an id or a row), where (an
    expression), level, rung, contract, layout, names ({ours: theirs}), seed, draw, dtype, timeout,
    memory, strict, exam, show, hint, oracle ("textbook" needs no torch).  The answer has functions,
    mistakes, raise_for_failure(), and shows itself in a notebook.  TypeError for what is no
    candidate, UsageError (a ValueError) for an option that fits nothing, UnloadableError for a
    file that does not run.

        from verification import judge
        judge(globals())
    """
    from verification.reports import judge  # torch and all that, not at every import

    return judge(candidate, **options)
