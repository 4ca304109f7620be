"""The contracts, one room each; a new one is a table of functions, and a name here."""

from verification.candidates.contracts.contract import (
    CANONICAL,
    NAMES,
    OWN,
    Contract,
    Function,
    Names,
    get,
    recognise,
)

__all__ = ["CANONICAL", "NAMES", "OWN", "Contract", "Function", "Names", "get", "recognise"]
