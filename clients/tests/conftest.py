"""Where the tests' machine must not be seen: its AWS settings, and its idea of a stage."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fake import FakeApis, running


@pytest.fixture(scope="session", autouse=True)
def unattended() -> None:
    """LangChain would send traces to its own service."""
    os.environ["LANGSMITH_TRACING"] = "false"


@pytest.fixture
def apis() -> Iterator[FakeApis]:
    yield from running()


@pytest.fixture
def options(apis: FakeApis) -> Any:
    """A use case -> the arguments that lead to the fake of it."""
    return lambda use_case: {"base_url": apis.url(use_case), "region_name": "us-west-2", "timeout": 5}
