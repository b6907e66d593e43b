"""Signed HTTPS calls to a deployed stage: STAGE=local (default), or one on AWS with the user's own credentials."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from bedrock_endpoints.errors import ConfigurationError
from tests.e2e.caller import Caller, Target, UnknownCaller

STAGE = os.environ.get("STAGE", "local")


def _caller(target: Target, name: str) -> Iterator[Caller]:
    try:
        caller = target.caller(name)
    except UnknownCaller as error:
        pytest.skip(str(error))
    with closing(caller):
        yield caller


@pytest.fixture(scope="session")
def target() -> Target:
    try:
        return Target(STAGE)
    except ConfigurationError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def caller(target: Target) -> Iterator[Caller]:
    yield from _caller(target, "caller")


@pytest.fixture(scope="session")
def other_caller(target: Target) -> Iterator[Caller]:
    """Another caller with the same permissions."""
    yield from _caller(target, "neighbour")


@pytest.fixture(scope="session")
def forbidden_caller(target: Target) -> Iterator[Caller]:
    """A caller without permissions."""
    yield from _caller(target, "stranger")


@pytest.fixture(scope="session")
def unsigned_caller(target: Target) -> Iterator[Caller]:
    with closing(target.unsigned_caller()) as caller:
        yield caller


@pytest.fixture
def local_only(target: Target) -> None:
    """For failures that only the local models simulate."""
    if not target.local:
        pytest.skip("needs the local models, which fail on request")
