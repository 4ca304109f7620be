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
    part,
)
from verification.mistakes.symptoms import describe, keep_common

__all__ = ["Diagnosis", "Form", "Inquiry", "Mistake", "Sighting", "Suspect", "describe"]
__all__ += ["diagnose", "find_convention", "is_convention", "keep_common", "part", "quote"]
__all__ += ["read", "write_wrongly"]
