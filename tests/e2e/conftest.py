"""Signed HTTPS calls to a deployed stage: STAGE=local (default), or one on AWS with the caller's own credentials."""

import os

import pytest

from dev.tools.caller import Caller, StageMissing, Target, UnknownCaller

STAGE = os.environ.get("STAGE", "local")


def _caller(target: Target, name: str | None) -> Caller:
    try:
        return target.caller(name)
    except UnknownCaller as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def target() -> Target:
    try:
        return Target(STAGE)
    except StageMissing as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def caller(target: Target) -> Caller:
    return _caller(target, "caller")


@pytest.fixture(scope="session")
def neighbour(target: Target) -> Caller:
    return _caller(target, "neighbour")


@pytest.fixture(scope="session")
def stranger(target: Target) -> Caller:
    return _caller(target, "stranger")


@pytest.fixture(scope="session")
def nobody(target: Target) -> Caller:
    return _caller(target, None)


@pytest.fixture
def local_only(target: Target) -> None:
    """For what only the local models do on request."""
    if not target.local:
        pytest.skip("needs the local models, which fail on request")
