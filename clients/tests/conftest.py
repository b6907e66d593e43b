"""The fake APIs, and settings that keep LangChain offline."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from clients.tests.fake import FakeApis, running


@pytest.fixture(scope="session", autouse=True)
def _no_tracing() -> None:
    """LangChain must not send traces to its own service."""
    os.environ["LANGSMITH_TRACING"] = "false"


@pytest.fixture
def apis() -> Iterator[FakeApis]:
    yield from running()


@pytest.fixture
def options(apis: FakeApis) -> Any:
    """`options(use_case)`: the arguments of a LangChain class that lead to the fake API."""
    return lambda use_case: {"base_url": apis.url(use_case), "region_name": "us-west-2", "timeout": 5}
