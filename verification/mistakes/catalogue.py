"""The catalogue of mistakes that people really make, as edits of the textbook's text.

A mistake is the right text with a line or a few written wrongly, so its answer to any question can
be computed, and compared with what somebody's code gave.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from verification.truth import textbook

ROWS = Path(__file__).with_name("catalogue.toml")
TEXT = inspect.getsource(textbook)

Form = tuple[tuple[str, str], ...]
"""One way to write a mistake: texts of the textbook, and what stands there instead."""


@dataclass(frozen=True)
class Mistake:
    """One mistake, with the forms that it is seen in.

    `does` says what the wrong code does, `hint` asks without giving it away, `change` is the line
    that is right.  `ops` are the functions that it can stand in, `seen` how many public files had
    it.  `error` is the pattern of a message that tells it.  `kind` is "mistake", "age" (newer
    NumPys refuse what older ones took) or "convention" (the field leaves it open).  `sign` names
    how else it is recognised.
    """

    id: str
    seen: int
    ops: tuple[str, ...]
    title: str
    does: str
    hint: str
    change: str
    kind: str = "mistake"
    error: str = ""
    sign: str = ""
    forms: tuple[Form, ...] = ()

    def matches(self, message: str) -> bool:
        """Whether this is what such a message comes from."""
        return bool(self.error and re.search(self.error, message))

    def tell(self, channels_first: bool, contract: str, op: str = "") -> tuple[str, str]:
        """`does` and `change`, in a contract's own layout and names, for its pools apart."""
        # whatever the layout; layers speak torch's words as its functions do
        contract = contract.partition("-")[0].replace("layers", "functional")
        first = (f"{contract}-pool",) if op.startswith("pool") else ()
        layout = ("channels-first",) if channels_first else ()
        does, change = self.does, self.change
        for words in (_load()["words"].get(key, {}) for key in (*first, *layout, contract)):
            does, change = (_translate(text, words) for text in (does, change))
        return does, change


@functools.cache
def read() -> list[Mistake]:
    """The catalogue, the most seen first."""
    shared, mistakes = _load()["edits"], []
    for name, row in _load().items():
        if name in ("edits", "words"):
            continue
        forms = []
        for way in row.get("form", ()):
            edits = itertools.chain(way["edits"], *(shared[key] for key in way.get("with", ())))
            forms.append(tuple((old, new) for old, new in edits))
        about = row | {"ops": tuple(row["ops"]), "forms": tuple(forms)}
        about.pop("form", None)
        mistakes.append(Mistake(name, **about))
    return sorted(mistakes, key=lambda mistake: -mistake.seen)


@functools.cache
def _load() -> dict[str, Any]:
    return tomllib.loads(ROWS.read_text(encoding="utf-8"))


def _translate(text: str, words: Mapping[str, str]) -> str:
    """With other words, the longest phrases first, and each place once."""
    if not words:
        return text
    phrases = (re.escape(phrase) for phrase in sorted(words, key=len, reverse=True))
    ends = (re.sub(r"(?<=\w)$", r"\\b", one) for one in phrases)
    whole = (re.sub(r"^(?=\w)", r"(?<!np\.)\\b", one) for one in ends)  # np.pad is nobody's word
    return re.sub("|".join(whole), lambda found: words[found[0]], text)


def quote(form: Form) -> tuple[str, str]:
    """The textbook's lines where a form begins, and what stands there instead."""
    old, new = form[0]
    at = TEXT.index(old)
    start, end = TEXT.rfind("\n", 0, at) + 1, TEXT.find("\n", at + len(old))
    right = textwrap.dedent(TEXT[start:end])
    return right, right.replace(old, new)


@functools.lru_cache(maxsize=2048)
def write_wrongly(*forms: Form) -> Mapping[str, Any] | None:
    """The textbook's names with these edits made; None where two of them meet in the same text."""
    edits = set(itertools.chain(*forms))
    places = [
        (*place.span(), new) for old, new in edits for place in re.finditer(re.escape(old), TEXT)
    ]
    text, end = "", 0
    for start, stop, new in sorted(places):
        if start < end:
            return None
        text, end = text + TEXT[end:start] + new, stop
    book: dict[str, Any] = {}
    for function in (text + TEXT[end:]).split("\n\n\n"):
        exec(_compile(function), book)
    return book


@functools.cache
def _compile(function: str) -> CodeType:
    return compile(function, "textbook", "exec")
