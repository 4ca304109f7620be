"""Loading a candidate: a file, a notebook, a module, or the live functions of a session.

NumPy is not needed here; whatever the candidate imports is its own affair, and noted.
"""

from __future__ import annotations

import importlib
import inspect
import linecache
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from verification.apart import notebook

WORDS, LINES = 2000, 8
"""Characters of an exception's words, and lines of its traceback, that are kept."""
FOREIGN = ("torch", "tensorflow", "jax", "scipy.signal", "npcnn")
OURS = str(Path(__file__).parent.parent) + os.sep
LIBRARIES = tuple(
    {sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
)
CELL = re.compile(r"<ipython-input-(\d+)-\w+>")


@dataclass(frozen=True)
class Source:
    """Where a candidate is: kind is "file", "notebook", "module" or "live"."""

    kind: str
    name: str


@dataclass(frozen=True)
class Loaded:
    """A candidate's names; `root` is the folder that is its own."""

    source: Source
    namespace: Mapping[str, Any]
    root: str = ""
    notes: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()

    def find(self, name: str) -> Any:
        """The function of this name, dots included."""
        first, *rest = name.split(".")
        if first not in self.namespace:
            raise AttributeError(f"there is no {name}")
        found = self.namespace[first]
        for part in rest:
            found = getattr(found, part)
        return found

    def foreign(self) -> tuple[str, ...]:
        """Notes about what was imported that does the work itself."""
        if self.source.kind == "live":
            found = {name for value in self.namespace.values() for name in _uses(value)}
        else:
            found = {name for name in FOREIGN if name in sys.modules} - self.before
        own = self.source.name.partition(".")[0]
        names = (name for name in FOREIGN if name in found and name != own)
        return tuple(f"imports {name}: not a NumPy implementation" for name in names)


def load(source: Source, namespace: Mapping[str, Any] | None = None) -> Loaded:
    """The candidate, its code run as far as it must be."""
    before = frozenset(sys.modules)
    if source.kind == "live":
        return Loaded(source, namespace or {})
    if source.kind == "module":
        module = importlib.import_module(source.name)
        file = getattr(module, "__file__", None)
        return Loaded(source, vars(module), _folder(file) if file else "", before=before)
    path = Path(source.name).resolve()
    os.chdir(path.parent)
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    sys.dont_write_bytecode = True
    module = _module(path)
    notes: tuple[str, ...] = ()
    if source.kind == "notebook":
        notes = notebook.run(path.read_bytes(), vars(module))
    else:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), vars(module))
    return Loaded(source, vars(module), str(path.parent) + os.sep, notes, before)


def _folder(file: str) -> str:
    return str(Path(file).resolve().parent) + os.sep


def _module(path: Path) -> ModuleType:
    """An empty one named after the file, unless a module of that name is in use."""
    name = path.stem
    if name in sys.modules or name in sys.stdlib_module_names:
        name += "_candidate"
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    return module


def functions(loaded: Loaded) -> dict[str, Any]:
    """What can be called by name, also in the modules of the candidate's own package."""
    found = dict(_callables(loaded.namespace))
    for name, value in list(loaded.namespace.items()):
        package = f"{loaded.source.name}."
        if isinstance(value, ModuleType) and value.__name__.startswith(package):
            inner = _callables(vars(value))
            found |= {f"{name}.{one}": call for one, call in inner if not one.startswith("_")}
    return found


def _callables(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(namespace.items()):
        if not isinstance(name, str) or name.startswith("__") or type(value) is notebook.Missing:
            continue
        if callable(value) and not _is_borrowed(value):
            yield name, value


def _is_borrowed(value: Any) -> bool:
    """Whether it comes from the standard library or NumPy, by `from numpy import *` perhaps."""
    if type(value).__module__ in ("typing", "types"):
        return True
    if not isinstance(value, FunctionType | BuiltinFunctionType | type):
        return False
    home = str(getattr(value, "__module__", None) or "").partition(".")[0]
    return home in sys.stdlib_module_names or home in ("numpy", "IPython")


def parameters(function: Any) -> list[str] | None:
    """The names of a function's parameters, stars included; None where nobody knows."""
    try:
        return [
            {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(one.kind.name, "") + name
            for name, one in inspect.signature(function).parameters.items()
        ]
    except Exception:  # a stranger's __signature__, or a function of C
        return None


def _uses(value: Any) -> Iterator[str]:
    """The modules that a live function speaks of."""
    if not isinstance(value, FunctionType):
        return
    for name in value.__code__.co_names:
        module = value.__globals__.get(name)
        if isinstance(module, ModuleType):
            yield module.__name__
            yield module.__name__.partition(".")[0]


kind_of: Callable[[type], str] = vars(type)["__name__"].__get__


def kind(value: Any) -> str:
    """The name of its type, whatever the type says itself."""
    return kind_of(type(value))[:200]


def told(error: BaseException) -> str:
    """The exception's type and words, if it has any that can be had."""
    try:
        words = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"{kind(error)}: {words[:WORDS]}" if words else kind(error)
    except BaseException:  # a stranger's __str__ raises what it likes
        return f"{kind(error)}, whose words cannot be read"


def own_lines(error: BaseException, root: str) -> tuple[str, ...]:
    """The candidate's own lines that led to the exception, the last ones, each once."""
    lines: dict[str, None] = {}
    for frame, number in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if _is_own(file, root):
            text = linecache.getline(file, number).strip()
            lines[f"{_called(file, root)} line {number}: {text}"[:WORDS]] = None
    if isinstance(error, SyntaxError) and error.filename and _is_own(error.filename, root):
        text = (error.text or "").strip()
        lines[f"{_called(error.filename, root)} line {error.lineno}: {text}"[:WORDS]] = None
    return tuple(lines)[-LINES:]


def _is_own(file: str, root: str) -> bool:
    if root and file.startswith(root):
        return not any(one.startswith(root) and file.startswith(one) for one in LIBRARIES) and (
            not file.startswith(OURS)
        )
    return not file.startswith((OURS, *LIBRARIES, "<frozen", "<__array_function__"))


def _called(file: str, root: str) -> str:
    """A file as its owner knows it."""
    if file.startswith("cell "):
        return file
    if cell := CELL.fullmatch(file):
        return f"cell {cell[1]}"
    if "ipykernel" in file:
        return "cell"
    return os.path.relpath(file, root) if root and file.startswith(root) else Path(file).name
