"""What all tests share: how their tables are read, and torch as the judge sets it."""

import tomllib
from pathlib import Path

import parametrize_from_file
import pytest

from verification.truth import oracle


def _frozen(value):
    """Rows are shared between tests, so their lists are tuples."""
    if isinstance(value, dict):
        return {key: _frozen(part) for key, part in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _load(path):
    """A table of rows for each test; the library's own reader refuses lists such as [1, [2, 1]]."""
    return _frozen(tomllib.loads(Path(path).read_text(encoding="utf-8")))


parametrize_from_file.add_loader(".toml", _load)


@pytest.fixture(scope="session", autouse=True)
def _prepared_oracle():
    oracle.prepare()
