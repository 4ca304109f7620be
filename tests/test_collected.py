"""A table that no test reads is silently never run."""

import ast
import tomllib
from pathlib import Path

import pytest

TABLES = sorted(Path(__file__).parent.glob("test_*.toml"))


def readers(path):
    """The tests of a file that have a table of their own name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if any(d.startswith("parametrize_from_file") and "key=" not in d for d in decorators):
                yield node.name


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_key_is_the_name_of_a_test_that_reads_it(path):
    """And no two of its rows have one name."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    assert table.keys() == set(readers(path.with_suffix(".py")))
    for rows in table.values():
        names = [row["id"] for row in rows if "id" in row]
        assert len(set(names)) == len(names)
