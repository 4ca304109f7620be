"""A file to start from: a contract's functions with shapes and formulas, and nothing done yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from textwrap import indent

import numpy as np

from verification.candidates.contracts import LAYOUTS, Contract, Function, get, layers
from verification.questions import parse, shapes

HEAD = '''"""The {} contract.

N examples, H by W in, P by Q out, windows of R by S, C channels in, K out.  Outside of an image
all is 0, and is no maximum.  What is not written is not judged.
"""

import numpy as np
'''
RAISE = "    raise NotImplementedError\n"
CASES = {
    "conv": "conv x=[2,19,29,3] w=[5,7,3,11]",
    "pool": "max_pool x=[2,19,29,3] kernel=[5,7] stride=1",
    "hw": "conv x=[1,19,29,1] w=[5,7,1,1]",
}
"""Sizes that are all different, so that a shape tells its axes."""
LETTERS = {2: "N", 19: "H", 29: "W", 3: "C", 11: "K", 5: "R", 7: "S", 15: "P", 23: "Q"}
INDEX = {"H": "p*stride + r - pad", "W": "q*stride + s - pad", "1": "0"}
FORMULAS = {
    "conv_forward": "{y} = {b} + the sum over r, s, c of\n    {x} * {w}",
    "conv_backward": "{dx} += {w} * {dy}\n{dw} += {x} * {dy}\n{db} += {dy}",
    "max_forward": "{y} = the maximum over r, s of {x}",
    "max_backward": "{dx} += {dy}\n    at the first r, s in row order that have the maximum",
    "avg_forward": "{y} = the mean over r, s of {x}",
    "avg_backward": "{dx} += {dy} / (R * S)",
    "zero_pad": "X with pad rows and columns of zeros on each side of every image",
    "conv_single_step": "the sum of a_slice_prev * W, and b once",
    "create_mask_from_window": "x's shape: True at the first maximum in row order, else False",
    "distribute_value": "this shape, and in each cell dz / (number of cells)",
}
USUAL = {"forward": ["x"], "backward": ["dy"]}
HELD = {"w": "W", "b": "b", "dw": "dW", "db": "db"}
RARE = re.compile(r", (b|dilation|groups|ceil_mode|count_include_pad|divisor_override)=\w+")
"""What nobody asks of a single image."""


def write_template(name: str) -> str:
    """The file for a contract, or for a layout of functional's."""
    contract = get("functional", name) if name in LAYOUTS else get(name)
    text, owner = HEAD.format(contract.name), ""
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
    is_image, signature, names = name in LAYOUTS and name[0] != "n", "", {**function.words}
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
    doc = "\n".join(_describe(function, names, "hw" if name == "hw" else function.kind))
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
        letters = [LETTERS.get(size, "1") for size in shape]
        (gives if our in function.words else takes).append(f"{their} ({', '.join(letters)})")
        index = ", ".join(INDEX.get(letter, letter.lower()) for letter in letters)
        places[our] = f"{their}[{index}]" if letters else their
    gives += [their for our, their in names.items() if not our]
    yield f"{'   '.join(gives)}\nof {'   '.join(takes)}\n"
    has_mode = "mode" in function.parameters
    for op in ("conv", "max", "avg"):
        if not (op in function.name.lower() or (has_mode and op != "conv")):
            continue
        for line in FORMULAS[f"{op}_{way}"].splitlines():
            line = line.replace(", c of", " of") if kind == "hw" else line
            line = line if "b" in places else line.replace("{b} + ", "")
            if way == "forward" or "db" in places or "{db}" not in line:
                yield line.format(**places)
