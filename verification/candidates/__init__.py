"""Who is asked, and how: candidates under a contract, each in a process of its own."""

from verification.candidates.candidate import Candidate, Terms, load
from verification.candidates.contracts import NAMES, Contract
from verification.candidates.contracts import get as get_contract
from verification.candidates.contracts.function import CANONICAL, LAYOUTS, OWN, Function
from verification.candidates.helpers import HELPERS
from verification.candidates.loading import FILES
from verification.candidates.process import LOST, Other, Reply, UnloadableError
from verification.candidates.template import write_template

__all__ = [
    "CANONICAL",
    "FILES",
    "HELPERS",
    "LAYOUTS",
    "LOST",
    "NAMES",
    "OWN",
    "Candidate",
    "Contract",
    "Function",
    "Other",
    "Reply",
]
__all__ += ["Terms", "UnloadableError", "get_contract", "load", "write_template"]
