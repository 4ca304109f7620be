"""Loading a candidate: a file, a notebook, a module, or the live functions of a session.

NumPy is not needed here; whatever the candidate imports is its own affair, and noted.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import linecache
import os
import re
import site
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dis import get_instructions
from functools import cache, reduce
from importlib import import_module
from traceback import walk_tb
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any
from warnings import catch_warnings, simplefilter

from verification.candidates import notebook

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, int]

FOREIGN = ("torch", "tensorflow", "jax", "scipy.signal", "npcnn")
OURS, LIBRARY = os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__)
FOLDERS = (OURS, LIBRARY, *site.getsitepackages(), site.getusersitepackages())
OTHERS = (*(os.path.join(folder, "") for folder in FOLDERS), "<frozen", "<__array_function__")
CELL = re.compile(r"<ipython-input-(\d+)-\w+>")
MARKS = re.compile(
    r"#(?=.*\bCODE\b).*\bSTARTS?\b.*\n(?:[ \t]*(?:#.*)?\n)*?[ \t]*#(?=.*\bCODE\b).*\bENDS?\b"
)
"""Where a course says that one's own code begins and ends, and nothing but comments between."""
GIVEN = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Tuple,
    ast.Constant,
    ast.expr_context,
)
SPARED = "only definitions are taken, as from a notebook"
WORDS = 2000
"""Characters of an exception's words that are kept."""


def is_path(name: str) -> bool:
    """Whether it is a file's or a notebook's, no module's."""
    return os.path.splitext(name)[1] in (".py", ".ipynb")


class Program:
    """A candidate's names; `root` is the folder that is its own, where it has one."""

    def __init__(self, name: str, namespace: Mapping[str, Any] | None) -> None:
        self.name, self.namespace, self._is_live = name, namespace or {}, namespace is not None
        self.root, self.notes = "", tuple[str, ...]()
        self._before = frozenset(sys.modules)

    def load(self, reason: str = "") -> None:
        """Run its code, in its folder, which is the first on the path; or, for a `reason` not to,
        its definitions alone.
        """
        if self._is_live:
            return
        if not is_path(self.name):
            module = import_module(self.name)
            self.namespace, file = vars(module), getattr(module, "__file__", None)
            self.root = os.path.join(os.path.dirname(os.path.realpath(file)), "") if file else ""
            return
        folder, sys.argv = os.path.dirname(self.name), [self.name]
        os.chdir(folder)
        sys.path.insert(0, folder)
        namespace = vars(_make_module(self.name))
        self.namespace, self.root = namespace, os.path.join(folder, "")
        with open(self.name, "rb") as code, catch_warnings(record=True) as warned:
            simplefilter("always", SyntaxWarning)
            notes = [*self._run(code.read(), namespace, reason)]
        for one in warned:
            if one.category is SyntaxWarning and one.filename.startswith((self.name, "cell ")):
                cell = one.filename.removeprefix(self.name)
                notes.append(f"{cell} line {one.lineno}: SyntaxWarning: {one.message}".strip())
        self.notes = tuple(dict.fromkeys(notes))

    def _run(self, text: bytes, namespace: dict[str, Any], reason: str) -> Iterator[str]:
        """Run it as Python does, but for packages that are missing; the rest of what fails, and
        notebooks, definition by definition.
        """
        failed: BaseException | None = None
        if self.name.endswith(".ipynb"):
            statements, notes, failed = notebook.read(text)
            yield from notes
        else:
            code = compile(text, self.name, "exec", dont_inherit=True)
            flags = code.co_flags & __future__.annotations.compiler_flag
            statements = [(self.name, one) for one in ast.parse(text, self.name).body]
            while statements and not (failed or reason):
                file, statement = statements.pop(0)
                try:
                    yield from notebook.execute(statement, file, namespace, flags, is_whole=True)
                except BaseException as error:
                    failed = error
                    if isinstance(error, MemoryError) or "relative import" in describe(error):
                        raise
                    yield f"line {statement.lineno}: {describe(error)}: below it {SPARED}"
            if reason:
                yield f"{reason}: {SPARED}"
        yield from notebook.define(statements, namespace, reason)
        if (failed or reason) and not self.functions():
            raise failed or TimeoutError(reason)

    def find(self, name: str) -> Any:
        """The function of this name, dots included."""
        first, *rest = name.split(".")
        if first not in self.namespace:
            raise AttributeError(f"there is no {name}")
        return reduce(getattr, rest, self.namespace[first])

    def functions(self) -> dict[str, Any]:
        """What can be called by name, also in the modules of the candidate's own package."""
        functions = dict(_own_callables(self.namespace))
        for name, value in [*self.namespace.items()]:
            if isinstance(value, ModuleType) and value.__name__.startswith(f"{self.name}."):
                inner = _own_callables(vars(value))
                functions |= {f"{name}.{one}": f for one, f in inner if not one.startswith("_")}
            elif isinstance(value, type) and name in functions:
                statics = (one for one, way in vars(value).items() if type(way) is staticmethod)
                functions |= {f"{name}.{one}": getattr(value, one) for one in statics}
        return functions

    def calls(self, functions: Mapping[str, Any]) -> dict[str, list[str]]:
        """Whom of them each calls, itself or by other helpers; of those whose code can be read."""
        names: dict[int, list[str]] = {}
        for name, function in functions.items():
            names.setdefault(id(function), []).append(name)
        calls = dict[str, list[str]]()
        for name, function in functions.items():
            with suppress(Exception):  # a stranger's __wrapped__
                seen, todo = dict[int, Any](), [*_references(function)]
                while todo:
                    one = todo.pop()
                    if id(one) not in seen:
                        seen[id(one)] = one
                        if id(one) not in names and self._is_own(one):
                            todo += _references(one)
                calls[name] = [other for key in seen for other in names.get(key, ())]
        return calls

    def _is_own(self, function: Any) -> bool:
        return type(function) is FunctionType and self._owns(function.__code__.co_filename)

    def _owns(self, file: str) -> bool:
        """Whether a file is the candidate's, no library's nor ours."""
        is_inner = bool(self.root) and file.startswith(self.root)
        inner = tuple(folder for folder in OTHERS if folder.startswith(self.root))
        return not file.startswith(inner if is_inner else OTHERS)

    def foreign(self) -> tuple[str, ...]:
        """Notes about what was imported that does the work itself."""
        used = {name for name in FOREIGN if name in sys.modules} - self._before
        if self._is_live:  # a session may have torch for other purposes
            used = {name for value in self.namespace.values() for name in _modules_of(value)}
        own = self.name.partition(".")[0]
        names = (name for name in FOREIGN if name in used and name != own)
        return tuple(f"imports {name}: not a NumPy implementation" for name in names)

    def own_lines(self, places: Iterable[Place]) -> tuple[str, ...]:
        """The places in its own code; each once, as its owner knows it."""
        lines = (self._show(file, number) for file, number in places if self._owns(file))
        return tuple(dict.fromkeys(lines))

    def _show(self, file: str, number: int) -> str:
        name = os.path.basename(file)
        if file.startswith("cell "):
            name = file
        elif cell := CELL.fullmatch(file):
            name = f"cell {cell[1]}"
        elif "ipykernel" in file:
            name = "cell"
        elif self.root and file.startswith(self.root):
            name = file.removeprefix(self.root)
        return f"{name} line {number}: {linecache.getline(file, number).strip()}"[:WORDS]


def _make_module(path: str) -> ModuleType:
    """An empty one named after the file, unless a module of that name is in use.

    Its builtins are a copy: what a candidate repaints there is its own alone.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules or name in sys.stdlib_module_names:
        name += "_candidate"
    sys.modules["builtins"] = copy = ModuleType("builtins")
    vars(copy).update(vars(builtins))
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(__file__=path, __builtins__=copy)
    return module


def _own_callables(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in [*namespace.items()]:
        is_named = isinstance(name, str) and not name.startswith("__")
        if is_named and callable(value) and not _is_borrowed(value):
            yield name, value


def _is_borrowed(value: Any) -> bool:
    """Whether it comes from the standard library or NumPy, by `from numpy import *` perhaps."""
    if not isinstance(value, FunctionType | BuiltinFunctionType | type):
        return type(value) is notebook.Missing or type(value).__module__ in ("typing", "types")
    home = str(getattr(value, "__module__", None) or "").partition(".")[0]
    return home in sys.stdlib_module_names or home in ("numpy", "IPython")


def _modules_of(function: Any) -> Iterator[str]:
    """The modules that a live function speaks of."""
    if isinstance(function, FunctionType):
        for name in function.__code__.co_names:
            module = function.__globals__.get(name)
            if isinstance(module, ModuleType):
                yield from (module.__name__, module.__name__.partition(".")[0])


def _references(function: Any) -> Iterator[Any]:
    """What its code speaks of: globals, what is in those that are modules or classes, closures."""
    functions = (
        vars(function).values() if isinstance(function, type) else [inspect.unwrap(function)]
    )
    for one in functions:
        one = _plain(one)
        if type(one) is not FunctionType:
            if isinstance(function, type):
                continue
            one = type(one).__call__
        space, codes = one.__globals__, [*_walk_code(one.__code__)]
        names = {name for code in codes for name in _find_globals(code)}
        parts = {name for code in codes for name in code.co_names}
        owners = (space.get(name) for name in (*names, one.__qualname__.partition(".")[0]))
        yield from (space[name] for name in names & space.keys())
        for inner in (vars(owner) for owner in owners if isinstance(owner, ModuleType | type)):
            yield from (_plain(inner[name]) for name in parts & inner.keys())
        yield from (cell.cell_contents for cell in one.__closure__ or ())


def _walk_code(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of its inner ones."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _walk_code(inner)


def _find_globals(code: CodeType) -> Iterator[str]:
    return (one.argval for one in get_instructions(code) if one.opname == "LOAD_GLOBAL")


def _plain(value: Any) -> Any:
    return value.__func__ if type(value) in (staticmethod, classmethod) else value


def parameters(function: Any) -> list[str] | None:
    """Its parameters as a signature writes them (x, b=None, *, **q); None where nobody knows."""
    words: list[str] = []
    try:
        for name, one in inspect.signature(function).parameters.items():
            is_first = not any(word.startswith("*") for word in words)
            words += ["*"] * (one.kind is one.KEYWORD_ONLY and is_first)
            stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(one.kind.name, "")
            words.append(
                stars + name + ("" if one.default is one.empty else f"={_show(one.default)}")
            )
    except Exception:  # a stranger's __signature__, or a function of C
        return None
    return words


def _show(value: Any) -> str:
    """A default, without asking a stranger's object."""
    parts = value if type(value) is tuple else (value,)
    is_plain = all(type(one) in (NoneType, bool, int, float, str) for one in parts)
    return repr(value)[:WORDS] if is_plain else "..."


_name: Callable[[type], str] = vars(type)["__name__"].__get__


def kind(value: Any) -> str:
    """The name of its type, whatever the type says itself."""
    return _name(type(value))[:200]


def describe(error: BaseException) -> str:
    """The exception's type and words, if it has any that can be had."""
    try:
        words = f"{kind(error)}: {error.msg if isinstance(error, SyntaxError) else error}"
        return words[:WORDS].removesuffix(": ")
    except BaseException:  # a stranger's __str__ raises what it likes
        return f"{kind(error)}, whose words cannot be read"


def trace(error: BaseException) -> Iterator[Place]:
    """The lines that led there, and the one that is no Python."""
    for frame, number in walk_tb(error.__traceback__):
        yield frame.f_code.co_filename, number
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        yield error.filename, error.lineno


def is_stub(function: Any) -> bool:
    """Whether nobody has written it yet, as far as its source can be read."""
    try:
        function = inspect.unwrap(function)
    except Exception:  # a stranger's __wrapped__
        return False
    if type(function) is not FunctionType:
        return False
    code = function.__code__
    definition = _definitions(code.co_filename).get(code.co_firstlineno)
    if definition is None or definition.name != code.co_name:
        return False
    lines = linecache.getlines(code.co_filename)[definition.lineno - 1 : definition.end_lineno]
    return is_blank(definition, "".join(lines))


@cache
def _definitions(file: str) -> dict[int, Definition]:
    """By the line where they begin, decorators included."""
    try:
        nodes = [*ast.walk(ast.parse("".join(linecache.getlines(file))))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    functions = (node for node in nodes if isinstance(node, Definition))
    return {min([f.lineno, *(one.lineno for one in f.decorator_list)]): f for f in functions}


def is_blank(definition: Definition, text: str) -> bool:
    """Whether it does no work of its own.

    Either every line is idle, and what it returns is nothing, None, or bound nowhere; or there is
    a template's blank (`range(None)`, `Z[i, h] = None`, only comments between its marks), and what
    it returns is as the template gives it: an argument, None, zeros, a tuple of them.
    """
    given = {node.arg for node in ast.walk(definition.args) if isinstance(node, ast.arg)}
    blank, worked, results = set[str](), set[str](), list[ast.expr]()
    has_blank = MARKS.search(text) is not None
    for node in _walk_own(definition):
        match node:
            case ast.Return(ast.expr() as value) if not _is_none(value):
                results.append(value)
            case ast.Call():
                has_blank |= _is_none(node)
            case ast.Assign([target, *_], value) | ast.AnnAssign(target, value=ast.expr() as value):
                if _is_none(value):
                    has_blank |= isinstance(target, ast.Tuple | ast.List | ast.Subscript)
                    has_blank &= not isinstance(value, ast.Tuple)
                    blank |= _names(target)
                elif isinstance(target, ast.Subscript) or not (
                    _is_given(value) or _is_fresh(value)
                ):
                    worked |= _names(target)
                else:
                    given |= _names(target)
            case ast.AugAssign(target, value=value) if _is_none(value):
                has_blank = True
            case ast.AugAssign(target):
                worked |= _names(target)
            case ast.For(target):
                given |= _names(target)
    returned = set[str]().union(*map(_names, results))
    if all(map(_is_idle, definition.body)) and (not results or returned - given - worked):
        return True
    is_untouched = bool(results) and all(map(_is_given, results)) and not returned & worked
    straight = (one for one in definition.body if not isinstance(one, ast.Assign | ast.AnnAssign))
    return has_blank and is_untouched and returned <= given | blank and all(map(_is_idle, straight))


def _walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of inner functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Definition | ast.Lambda | ast.ClassDef):
            yield from _walk_own(child)


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_idle(statement: ast.stmt) -> bool:
    """Whether it computes nothing."""
    match statement:
        case ast.Pass() | ast.Assert() | ast.Expr(ast.Constant()) | ast.Return(None):
            return True
        case ast.Return(ast.expr() as value):
            return _is_given(value)
        case ast.Raise(ast.Call(ast.Name(name)) | ast.Name(name)):
            return name == "NotImplementedError"
        case ast.Assign([ast.Name() | ast.Tuple(), *_], value):
            return _is_none(value) or _is_given(value)
        case ast.Assign(_, value) | ast.AnnAssign(value=value) | ast.AugAssign(value=value):
            return value is None or _is_none(value)
        case ast.For(body=body, orelse=orelse) | ast.If(body=body, orelse=orelse):
            return all(map(_is_idle, [*body, *orelse]))
    return False


def _is_none(value: ast.expr) -> bool:
    """None, a tuple of it, or a call with nothing else."""
    match value:
        case ast.Tuple([_, *_] as parts) | ast.Call(args=[_, *_] as parts, keywords=[]):
            return all(map(_is_none, parts))
    return isinstance(value, ast.Constant) and value.value is None


def _is_given(value: ast.expr) -> bool:
    """Whether it is made of names, their parts and constants alone."""
    return all(isinstance(node, GIVEN) for node in ast.walk(value))


def _is_fresh(value: ast.expr) -> bool:
    """Whether it is an array that is still to be filled."""
    match value:
        case ast.Call(ast.Attribute(attr=name) | ast.Name(name)):
            return name in ("zeros", "zeros_like", "empty", "empty_like")
    return False
