"""Loading a candidate: a file, a notebook, a module, or the live functions of a session.

NumPy is not needed here; whatever the candidate imports is its own affair, and noted.
"""

from __future__ import annotations

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
from difflib import get_close_matches
from functools import reduce
from importlib import import_module
from itertools import chain
from opcode import opmap
from textwrap import dedent
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any
from warnings import catch_warnings, simplefilter

from verification.candidates import notebook
from verification.candidates.notebook import find_names

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, int]

FILES = (".py", ".ipynb")
"""The ends of what is a file's or a notebook's name, no module's."""
FOREIGN = ("torch", "tensorflow", "jax", "scipy.signal", "npcnn")
OURS, LIBRARY = os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__)
FOLDERS = (OURS, LIBRARY, *site.getsitepackages(), site.getusersitepackages())
OTHERS = (*(os.path.join(folder, "") for folder in FOLDERS), "<frozen", "<__array_function__")
CELL = re.compile(r"<ipython-input-(\d+)-\w+>")
MARKS = re.compile(
    r"#(?=.*\bCODE\b).*\bSTARTS?\b.*\n(?:[ \t]*(?:#.*)?\n)*?[ \t]*#(?=.*\bCODE\b).*\bENDS?\b"
)
"""Where a course says that one's own code begins and ends, and nothing but comments between."""
NOTHING, GIVEN, FRESH, WORK = "None, or a call or tuple of it", "given", "to be filled", "work"
"""What a value may be worth in a function that is perhaps not written."""
PARTS = ast.Name | ast.Attribute | ast.Subscript | ast.Slice | ast.Tuple | ast.Constant
PARTS |= ast.expr_context
"""What is given is made of these alone."""
FRESH_ARRAYS = ("zeros", "zeros_like", "empty", "empty_like")
METHODS: dict[str, tuple[str, ...]] = {
    "forward": ("forward", "compute", "forward_pass", "forward_prop", "forward_propagation"),
    "backward": ("backward", "gradient", "backward_pass", "backward_prop", "backward_propagation"),
}
METHODS["forward"] += ("fwd", "__call__")
METHODS["backward"] += ("backprop", "back_prop", "back_propagation", "bprop")
METHODS["backward"] += ("bwd", "back", "backwards")
"""What a class is looked into for, beside what is static."""
PLAIN = (NoneType, bool, int, float, str)
STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
SPARED = "only definitions are taken, as from a notebook"
ALIKE = 0.75
"""How alike a misspelt name is to the one that is meant."""
WORDS = 2000
"""Characters of an exception's words that are kept."""


class Program:
    """A candidate's names; `root` is the folder that is its own, where it has one."""

    def __init__(self, name: str, namespace: Mapping[str, Any] | None) -> None:
        self.name, self._is_live = name, namespace is not None
        self.namespace = dict(namespace or {})
        self.root, self.notes = "", tuple[str, ...]()
        self._before = frozenset(sys.modules)

    def load(self, reason: str = "") -> None:
        """Run its code, in its folder, which is the first on the path; or, for a `reason` not to,
        its definitions alone.
        """
        if self._is_live:
            return
        if not self.name.endswith(FILES):
            module = import_module(self.name)
            self.namespace, file = vars(module), getattr(module, "__file__", None)
            self.root = os.path.join(os.path.dirname(os.path.realpath(file)), "") if file else ""
            return
        folder, sys.argv = os.path.dirname(self.name), [self.name]
        os.chdir(folder)
        sys.path.insert(0, folder)
        self.namespace, self.root = vars(_make_module(self.name)), os.path.join(folder, "")
        with open(self.name, "rb") as code, catch_warnings(record=True) as warned:
            simplefilter("always", SyntaxWarning)
            notes = [*self._run(code.read(), reason)]
        for one in warned:
            if one.category is SyntaxWarning and one.filename.startswith((self.name, "cell ")):
                cell = one.filename.removeprefix(self.name)
                notes.append(f"{cell} line {one.lineno}: SyntaxWarning: {one.message}".strip())
        self.notes = tuple(dict.fromkeys(notes))

    def _run(self, text: bytes, reason: str) -> Iterator[str]:
        """Run a file until something fails, but for packages that are missing; from there on, as in
        a notebook, what only names things and, unless there is a reason not to, what that needs.
        """
        failed: BaseException | None = None
        is_whole = not reason and not self.name.endswith(".ipynb")
        if self.name.endswith(".ipynb"):
            statements, notes, failed = notebook.read(text)
            yield from notes
        else:
            statements = notebook.parse(notebook.spare_magics(text, self.name), self.name)
            if reason:
                yield f"{reason}: {SPARED}"
        needed = notebook.find_needed(statements)
        for file, statement in statements:
            where = f"{file.removeprefix(self.name)} line {statement.lineno}".strip()
            words, is_needed = reason, statement in needed
            if is_whole or notebook.is_harmless(statement) or (is_needed and not reason):
                try:
                    yield from notebook.execute(statement, file, self.namespace, is_whole)
                    continue
                except BaseException as error:
                    words = describe(error)
                    if isinstance(error, MemoryError) or (is_whole and "relative import" in words):
                        raise
                    failed = error if is_whole else failed
            if is_whole:
                is_whole = False
                yield f"{where}: {words}: below it {SPARED}"
            elif is_needed:
                what = getattr(statement, "name", "") or ast.unparse(statement)
                yield f"{where}: {what} is passed over: {words}"
        if brought := self.namespace.pop("*", None):  # what a star may have brought, but for slips
            known = self.namespace.keys() | vars(builtins).keys()
            for name in notebook.find_called(statements) - known:
                if not get_close_matches(name, known, cutoff=ALIKE):
                    self.namespace[name] = getattr(brought, name)
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
        functions = _find_own(self.namespace)
        for name, value in [*self.namespace.items()]:
            if isinstance(value, ModuleType) and value.__name__.startswith(f"{self.name}."):
                inner = _find_own(vars(value)).items()
                functions |= {f"{name}.{one}": f for one, f in inner if not one.startswith("_")}
            elif isinstance(value, type) and name in functions:
                known = [one for one, way in vars(value).items() if type(way) is staticmethod]
                for one in chain(*METHODS.values()):
                    is_method = type(inspect.getattr_static(value, one, 0)) is FunctionType
                    known += [one] * is_method
                functions |= {f"{name}.{one}": getattr(value, one) for one in known}
        return functions

    def calls(self, functions: Mapping[str, Any]) -> dict[str, list[str]]:
        """Whom of them each calls, itself or by other helpers, "" where that is of a package that
        is missing; of those whose code can be read.
        """
        known, calls = {*map(id, functions.values())}, dict[str, list[str]]()
        for name, function in functions.items():
            with suppress(Exception):  # a stranger's __wrapped__, or a function of C
                seen, reached = set[int](), [*_references(function)]
                for one in reached:
                    is_helper = type(one) is FunctionType and id(one) not in seen | known
                    seen.add(id(one))
                    if is_helper and self._owns(one.__code__.co_filename):
                        reached += _references(one)
                calls[name] = [other for other, one in functions.items() if id(one) in seen]
                calls[name] += [""] * any(map(notebook.is_needed_but_missing, reached))
        return calls

    def _owns(self, file: str) -> bool:
        """Whether a file is the candidate's, no library's nor ours, nor the source of a binary."""
        if file.endswith(".pyx"):
            return False
        inner = tuple(folder for folder in OTHERS if folder.startswith(self.root))
        return not file.startswith(inner if file.startswith(self.root) else OTHERS)

    def foreign(self) -> tuple[str, ...]:
        """Notes about what was imported that does the work itself."""
        used = {name for name in FOREIGN if name in sys.modules} - self._before
        if self._is_live:  # a session may have torch for other purposes
            spoken = set[str]()
            for function in (one for one in self.namespace.values() if type(one) is FunctionType):
                with suppress(Exception):  # a stranger's __wrapped__, or an empty cell
                    found = [one for one in _references(function) if isinstance(one, ModuleType)]
                    spoken.update(f"{one.__name__}." for one in found)
            used = {n for n in FOREIGN if any(name.startswith(f"{n}.") for name in spoken)}
        names = (name for name in FOREIGN if name in used and name != self.name.partition(".")[0])
        return tuple(f"imports {name}: what that computes is not NumPy's" for name in names)

    def own_lines(self, places: Iterable[Place]) -> tuple[str, ...]:
        """The places in its own code; each once, as its owner knows it."""
        lines = (self._write_line(file, number) for file, number in places if self._owns(file))
        return tuple(dict.fromkeys(lines))

    def _write_line(self, file: str, number: int) -> str:
        is_inside = self.root and file.startswith(self.root)
        name = file.removeprefix(self.root) if is_inside else os.path.basename(file)
        if cell := CELL.fullmatch(file):
            name = f"cell {cell[1]}"
        elif "ipykernel" in file:
            name = "cell"
        line = ""
        with suppress(Exception):  # Python's own modules, which a candidate may have emptied
            line = linecache.getline(file, number).strip()
        return f"{name} line {number}: {line}"[:WORDS]


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


def _find_own(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What is named there and can be called, but for what is borrowed."""
    return {
        name: value
        for name, value in [*namespace.items()]
        if isinstance(name, str) and not name.startswith("__")
        if callable(value) and not _is_borrowed(value)
    }


def _is_borrowed(value: Any) -> bool:
    """Whether it comes from the standard library or NumPy, by `from numpy import *` perhaps."""
    if not isinstance(value, FunctionType | BuiltinFunctionType | type):
        is_numpys = kind(value) == "_ArrayFunctionDispatcher"  # as np.pad is
        is_typing = type(value).__module__ in ("typing", "types")
        return type(value) is notebook.Missing or is_typing or is_numpys
    home = str(getattr(value, "__module__", None) or "").partition(".")[0]
    return home in sys.stdlib_module_names or home in ("numpy", "scipy", "IPython")


def _references(function: Any) -> Iterator[Any]:
    """What its code speaks of: globals, what is in those that are modules or classes, closures."""
    if isinstance(function, type):
        for part in map(_plain, [*vars(function).values()]):
            if type(part) is FunctionType:
                yield from _references(part)
        return
    function = inspect.unwrap(function)
    function = function if type(function) is FunctionType else type(function).__call__
    names, space = {*_names_in(function.__code__)}, function.__globals__
    owners = (space.get(name) for name in (*names, function.__qualname__.partition(".")[0]))
    spaces = [space, *(vars(one) for one in owners if isinstance(one, ModuleType | type))]
    yield from (_plain(inner[name]) for inner in spaces for name in names & inner.keys())
    yield from (cell.cell_contents for cell in function.__closure__ or ())


def _names_in(code: CodeType) -> Iterator[str]:
    """The names that are not its own, inner functions included."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)


def _plain(value: Any) -> Any:
    return value.__func__ if type(value) in (staticmethod, classmethod) else value


def parameters(function: Any) -> list[str] | None:
    """Its parameters as a signature writes them (x, b=None, *, **q); None where nobody knows."""
    words: list[str] = []
    try:
        for one in inspect.signature(function).parameters.values():
            keys = _read_keys(function, one.name) if one.kind is one.VAR_KEYWORD else None
            is_alone = keys or one.kind is one.KEYWORD_ONLY
            if is_alone and not any(word[0] == "*" for word in words):
                words.append("*")
            if keys is not None:
                words += [f"{key}=..." for key in keys]
                continue
            word = STARS.get(one.kind.name, "") + one.name
            parts = one.default if type(one.default) in (tuple, list) else (one.default,)
            is_plain = all(type(part) in PLAIN for part in parts)
            default = repr(one.default)[:WORDS] if is_plain else "..."  # no stranger's repr
            words.append(word if one.default is one.empty else f"{word}={default}")
    except Exception:  # a stranger's __signature__, or a function of C
        return None
    return words


def _read_keys(function: Any, name: str) -> list[str] | None:
    """The keywords that it takes out of all that it is given; None where it may take any."""
    try:
        tree = ast.parse(dedent(inspect.getsource(inspect.unwrap(function))))
    except Exception:  # a stranger's __wrapped__, or no source
        return None
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
    keys = list[str]()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Subscript(ast.Name(owner), ast.Constant(str(key)))
                | ast.Call(
                    ast.Attribute(ast.Name(owner), "get" | "pop"), [ast.Constant(str(key)), *_]
                )
                | ast.Compare(ast.Constant(str(key)), [ast.In()], [ast.Name(owner)])
            ) if owner == name:
                keys.append(key)
    return [*dict.fromkeys(keys)] if len(keys) == len(uses) else None


def place(function: Any, arguments: list[Any], words: dict[str, Any]) -> list[Any]:
    """The arguments, with those of the words that the function takes by their places alone."""
    try:
        left = [*inspect.signature(function).parameters.values()][len(arguments) :] if words else []
    except Exception:  # as above
        left = []
    alone = [one for one in left if one.kind is one.POSITIONAL_ONLY]
    while alone and alone[-1].name not in words:
        alone.pop()
    return [*arguments, *(words.pop(one.name, one.default) for one in alone)]


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


def find_code(function: Any) -> Iterator[int]:
    """The id of its code, by which it is known when it is entered; of a function of C none."""
    with suppress(Exception):  # a stranger's __wrapped__
        inner = inspect.unwrap(function)
        yield id(inner.__code__ if type(inner) is FunctionType else type(inner).__call__.__code__)


def trace(error: BaseException) -> Iterator[Place]:
    """The lines that led there, and the one that is no Python."""
    step = error.__traceback__
    while step:
        code, number = step.tb_frame.f_code, step.tb_lineno
        at = step.tb_lasti // 2
        if isinstance(error, UnboundLocalError) and code.co_code[2 * at] == opmap["STORE_FAST"]:
            # of two instructions that CPython 3.11 runs as one it tells the first
            number = [*code.co_positions()][at + 1][0] or number
        yield code.co_filename, number
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        yield error.filename, error.lineno


def is_stub(function: Any) -> bool:
    """Whether nobody has written it yet, as far as its source can be read."""
    with suppress(Exception):  # a stranger's __wrapped__, or no source
        text = dedent(inspect.getsource(function))
        (definition,) = ast.parse(text).body
        return isinstance(definition, Definition) and is_blank(definition, text)
    return False


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
            case ast.Return(ast.expr() as value) if _weigh(value) != NOTHING:
                results.append(value)
            case ast.Call():
                has_blank |= _weigh(node) == NOTHING
            case ast.For(target):
                given |= find_names(target)
            case (
                ast.Assign([target, *_], value)
                | ast.AnnAssign(target, value=ast.expr() as value)
                | ast.AugAssign(target, value=value)
            ):
                weight, is_part = _weigh(value), isinstance(target, ast.Subscript)
                if weight == NOTHING:
                    is_row = isinstance(target, ast.Tuple) and not isinstance(value, ast.Tuple)
                    has_blank |= is_part or is_row
                    blank |= find_names(target)
                elif weight == WORK or is_part or isinstance(node, ast.AugAssign):
                    worked |= find_names(target)
                else:
                    given |= find_names(target)
    returned = set[str]().union(*map(find_names, results))
    if all(map(_is_idle, definition.body)) and (not results or returned - given):
        return True
    is_given = bool(results) and all(_weigh(result) == GIVEN for result in results)
    is_untouched = is_given and not returned & worked and returned <= given | blank
    straight = (one for one in definition.body if not isinstance(one, ast.Assign | ast.AnnAssign))
    return has_blank and is_untouched and all(map(_is_idle, straight))


def _walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of inner functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Definition | ast.Lambda | ast.ClassDef):
            yield from _walk_own(child)


def _is_idle(statement: ast.stmt) -> bool:
    """Whether it computes nothing."""
    match statement:
        case ast.Pass() | ast.Assert() | ast.Expr(ast.Constant()) | ast.Return(None):
            return True
        case ast.Return(ast.expr() as value) | ast.Assign([ast.Name() | ast.Tuple(), *_], value):
            return _weigh(value) in (NOTHING, GIVEN)
        case ast.Assign(_, value) | ast.AnnAssign(value=value) | ast.AugAssign(value=value):
            return value is None or _weigh(value) == NOTHING
        case ast.Raise(ast.Call(ast.Name(name)) | ast.Name(name)):
            return name == "NotImplementedError"
        case ast.For(body=body, orelse=orelse) | ast.If(body=body, orelse=orelse):
            return all(map(_is_idle, [*body, *orelse]))
    return False


def _weigh(value: ast.expr) -> str:
    match value:
        case ast.Constant(None):
            return NOTHING
        case ast.Tuple([_, *_] as parts) | ast.Call(args=[_, *_] as parts, keywords=[]):
            if all(_weigh(part) == NOTHING for part in parts):
                return NOTHING
    if all(isinstance(node, PARTS) for node in ast.walk(value)):
        return GIVEN
    match value:
        case ast.Call(ast.Attribute(attr=name) | ast.Name(name)) if name in FRESH_ARRAYS:
            return FRESH
    return WORK
