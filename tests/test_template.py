"""Files to start from: every contract's, with nothing in them that is judged."""

import ast

import parametrize_from_file
import pytest

from verification.candidates import LAYOUTS, NAMES, write_template
from verification.judging import Session, Settings


@pytest.mark.parametrize("name", [*NAMES, *LAYOUTS])
def test_a_template_is_recognised_and_not_attempted(tmp_path, name):
    """By its names and parameters alone; and its lines are no longer than a screen."""
    path = tmp_path / "start.py"
    path.write_text(text := write_template(name), encoding="utf-8")
    assert not [line for line in text.splitlines() if len(line) > 132]
    (options,) = (line.split() for line in text.splitlines() if "-m verification" in line)
    found = {"npcnn": "assignment"}.get(name, "functional" if name in LAYOUTS else name)
    told = f"functional-{name}".removesuffix("-nchw") if name in LAYOUTS else name
    contract, layout = (
        options[options.index(one) + 1] if one in options else ""
        for one in ("--contract", "--layout")
    )
    for words, expected in (({}, found), ({"contract": contract, "layout": layout}, told)):
        with Session(Settings(candidate=str(path), level=1, draw=0, **words)) as session:
            run = session.run()
        assert (run.contract, run.verdict) == (expected, "nothing")
        assert {finding.status for finding in run.findings} == {"not attempted"}


@parametrize_from_file
def test_a_function_is_described(name, function, lines):
    """Its signature, shapes in the contract's layout, and formulas in its names."""
    owner, _, method = function.rpartition(".")
    (tree,) = (
        one
        for scope in ast.walk(ast.parse(write_template(name)))
        if isinstance(scope, ast.ClassDef if owner else ast.Module)
        and getattr(scope, "name", "") == owner
        for one in scope.body
        if getattr(one, "name", "") == method
    )
    words = [ast.unparse(tree).partition("\n")[0], *ast.get_docstring(tree).splitlines()]
    assert tuple(filter(None, words)) == lines
