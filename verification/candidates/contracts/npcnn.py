"""npcnn's own contract: the assignment's eight names with every option, and the general face.

`functional.conv2d` and its like are torch's functions and arguments, channels last.
"""

from __future__ import annotations

from typing import Any

from verification.candidates.contracts import assignment
from verification.candidates.contracts.contract import (
    Contract,
    Names,
    conv_words,
    drop_defaults,
    pool_words,
)
from verification.candidates.contracts.functional import Face
from verification.questions import Case, rung, simplify_pad


def _words(case: Case) -> dict[str, Any]:
    if case.w:
        return drop_defaults(conv_words(case, "padding"))
    return drop_defaults(pool_words(case, "kernel_size", "padding"))


def _takes_pass(case: Case) -> bool:
    """Large layers and proofs are put to the general face alone, which the passes stand on."""
    return rung(case) not in ("scale", "proof")


def _recognises(names: Names) -> bool:
    return "functional.conv2d" in names


_PASSES = assignment.build_functions(
    _takes_pass,
    lambda case: simplify_pad(case.pad),
    lambda case: conv_words(case, "pad"),
    lambda case: pool_words(case, "f", "pad"),
)
_GENERAL = Face(_words, lambda case: True, "functional.", with_indices=True).build_functions()
CONTRACT = Contract("npcnn", (*_PASSES, *_GENERAL), _recognises, is_bitwise=True)
