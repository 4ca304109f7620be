"""npcnn's own contract: the assignment's eight names with every option, and the general face.

`functional.conv2d` and its like are torch's functions and arguments, channels last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from verification.candidates.contracts import Contract, assignment, functional
from verification.candidates.contracts.function import Function, drop_usual
from verification.candidates.contracts.functional import write_settings
from verification.questions import Case, rung, simplify_pad


def _takes(case: Case) -> bool:
    """Large layers and proofs are put to the general face alone, which the passes stand on."""
    return rung(case) not in ("scale", "proof")


def _conv(case: Case) -> dict[str, Any]:
    words = write_settings(case)
    return {"pad": words.pop("padding"), **words}


def _pool(case: Case) -> dict[str, Any]:
    words = _conv(case)
    if case.stride == case.kernel:
        del words["stride"]
    return {"f": words.pop("kernel_size"), **words}


def _general(case: Case) -> dict[str, Any]:
    return drop_usual(case, write_settings(case))


def _name(function: Function) -> Function:
    """As it is called here; of a max pool the places of the maxima are asked for too."""
    function = replace(
        function, name=f"functional.{function.name}", settings=None, also=(), loose=()
    )
    if function.op not in ("pool_forward", "adaptive_pool_forward") or "max" not in function.name:
        return function
    asked = function.keywords
    return replace(
        function,
        words={"y": "y", "index": "index"},
        keywords=lambda case: {**asked(case), "return_indices": True},
    )


_PASSES = assignment.build_functions(_takes, lambda case: simplify_pad(case.pad), _conv, _pool)
_FACE = map(_name, functional.build_functions(lambda case: True, _general))
CONTRACT = Contract("npcnn", (*_PASSES, *_FACE), is_bitwise=True)
