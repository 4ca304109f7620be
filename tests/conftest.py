import pytest

from verification import oracle


@pytest.fixture(scope="session", autouse=True)
def _prepared_oracle():
    oracle.prepare()
