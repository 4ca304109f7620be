"""npcnn's own contract: the assignment's eight names with every option, and the general face.

`functional.conv2d` and its like are torch's functions and arguments, channels last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from verification.candidates.contracts.assignment import Assignment
from verification.candidates.contracts.contract import Contract, Function
from verification.candidates.contracts.functional import Face, drop_usual, write_settings
from verification.questions import Case, rung, simplify_pad


class _Passes(Assignment):
    def expresses(self, case: Case) -> bool:
        """Large layers and proofs are put to the general face alone, which the passes stand on."""
        return rung(case) not in ("scale", "proof") and case.fill != "whole"

    def pad(self, case: Case) -> Any:
        return simplify_pad(case.pad)

    def conv(self, case: Case) -> Mapping[str, Any]:
        words = write_settings(case)
        return {"pad": words.pop("padding"), **words}

    def pool(self, case: Case) -> Mapping[str, Any]:
        words = write_settings(case)
        if case.stride == case.kernel:
            del words["stride"]
        return {"f": words.pop("kernel_size"), "pad": words.pop("padding"), **words}


class _General(Face):
    prefix = "functional."
    optional = False

    def expresses(self, case: Case) -> bool:
        """Not integers among floats, of which npcnn's maxima stay integers."""
        return case.fill != "whole"

    def words(self, case: Case) -> dict[str, Any]:
        return drop_usual(write_settings(case))

    def build_pair(self, op: str, axes: int) -> tuple[Function, Function]:
        """Of a max pool the places of the maxima are asked for too."""
        forward, backward = super().build_pair(op, axes)
        if op == "max_pool":
            words = {"y": "y", "index": "index"}
            forward = replace(forward, words=words, keywords=self._words_with_places)
        return forward, backward

    def _words_with_places(self, case: Case) -> dict[str, Any]:
        return {**self.words(case), "return_indices": True}


_FUNCTIONS = (*_Passes().build_functions(), *_General().build_functions())
CONTRACT = Contract("npcnn", _FUNCTIONS, {"functional.conv2d"}, is_bitwise=True)
