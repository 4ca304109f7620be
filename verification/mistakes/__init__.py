"""Why it is wrong: the catalogue of mistakes, and which of them an answer shows."""

from verification.mistakes.catalogue import Form, Mistake, quote, read, write_wrongly
from verification.mistakes.diagnosis import (
    Diagnosis,
    Inquiry,
    Sighting,
    Suspect,
    diagnose,
    find_convention,
    is_convention,
)
from verification.mistakes.symptoms import describe

__all__ = ["Diagnosis", "Form", "Inquiry", "Mistake", "Sighting", "Suspect", "describe"]
__all__ += ["diagnose", "find_convention", "is_convention", "quote", "read", "write_wrongly"]
