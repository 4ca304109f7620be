"""A file to start from: a contract's functions with shapes and formulas, and nothing done yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from textwrap import indent

import numpy as np

from verification.candidates.contracts import Contract, get, layers
from verification.candidates.contracts.function import LAYOUTS, Function, read_table
from verification.questions import parse, shapes

TEXTS = read_table("template")
FORMULAS, CASES = TEXTS["formulas"], TEXTS["cases"]
RAISE = "    raise NotImplementedError\n"
USUAL = {"forward": ["x"], "backward": ["dy"]}
HELD = {"w": "W", "b": "b", "dw": "dW", "db": "db"}
RARE = re.compile(r", (b|dilation|groups|ceil_mode|count_include_pad|divisor_override)=\w+")
"""What nobody asks of images alone."""
IMAGES = [layout for layout in LAYOUTS if layout not in ("nchw", "nhwc")]
"""The layouts of a single image, or a single channel."""


def write_template(name: str) -> str:
    """The file for a contract, or for a layout of functional's."""
    is_layout = name in LAYOUTS
    contract = get("functional", name) if is_layout else get(name)
    way = f"--contract functional --layout {name}" if is_layout else f"--contract {name}"
    text: str = TEXTS["head"].format(contract.name, way)
    owner = ""
    for function in contract.functions:
        first, _, last = function.name.rpartition(".")
        if first == "functional" or function.optional or re.search("[13]d", last):
            continue
        if first != owner:
            row = layers.CLASSES[first]
            text += f"\n\nclass {first}:\n    def __init__({row['constructor']}):\n"
            text += indent(f'    """{row["doc"]}"""\n{RAISE}', "    ")
        margin, owner = "    " * bool(first), first
        text += ("\n" if first else "\n\n") + indent(_write(contract, function, name), margin)
    return text


def _write(contract: Contract, function: Function, name: str) -> str:
    """A function that is not written, in the words of its signature."""
    is_image, signature, names = name in IMAGES, "", {**function.words}
    if function.is_chained:
        names |= {our: f"self.{their}" for our, their in HELD.items() if function.kind == "conv"}
    for one in (contract.forward_of(function), function):
        signature = one.signature
        if is_image:
            signature = RARE.sub("", signature.replace("x, w", "image, kernel"))
        words = re.findall(r"(\w+)(?:=\S+)?(?:, |$)", signature.removeprefix("self, "))
        names |= dict(zip(one.arrays.split() or USUAL[one.op.rpartition("_")[2]], words))
    if is_image:
        names = {our: their for our, their in names.items() if our not in ("b", "db")}
    doc = "\n".join(_describe(function, names, name if name in CASES else function.kind))
    head = f"def {function.name.rpartition('.')[2]}({signature}):\n"
    end = "\n    " if "\n" in doc else ""
    return f'{head}    """{indent(doc, "    ").strip()}{end}"""\n{RAISE}'


def _describe(function: Function, names: Mapping[str, str], kind: str) -> Iterator[str]:
    """The shapes of what it gives and takes, and the formulas."""
    if function.kind not in CASES:
        yield FORMULAS[function.kind]
        return
    case, way, places = parse(CASES[kind])[0], function.op.rpartition("_")[2], dict[str, str]()
    sizes, gives, takes = {**shapes(case), **case.outputs}, list[str](), list[str]()
    for our, their in names.items():
        if our not in sizes or (way == "forward" and our[0] == "d"):
            continue
        shape = np.shape(function.form(case, our, np.zeros(sizes[our])))
        letters = [TEXTS["letters"].get(str(size), "1") for size in shape]
        (gives if our in function.words else takes).append(f"{their} ({', '.join(letters)})")
        index = ", ".join(TEXTS["indices"].get(letter, letter.lower()) for letter in letters)
        places[our] = f"{their}[{index}]" if letters else their
    gives += [their for our, their in names.items() if not our]
    yield f"{'   '.join(gives)}\nof {'   '.join(takes)}\n"
    has_mode = "mode" in function.parameters
    for op in ("conv", "max", "avg"):
        if not (op in function.name.lower() or (has_mode and op != "conv")):
            continue
        for line in FORMULAS[f"{op}_{way}"].splitlines():
            line = line.replace(", c of", " of") if kind in IMAGES else line
            line = line if "b" in places else line.replace("{b} + ", "")
            if way == "forward" or "db" in places or "{db}" not in line:
                yield line.format(**places)
