"""Signed HTTPS calls to a deployed stage: STAGE=local (default), or one on AWS with the user's own credentials."""

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config

from bedrock_endpoints import local_stage
from bedrock_endpoints.errors import ConfigurationError
from dev.local.paths import ROOT, Paths
from tests.e2e.caller import Caller, Target, UnknownCaller

STAGE = os.environ.get("STAGE", "local")
With = Callable[[str], Caller]


def _caller(target: Target, name: str) -> Iterator[Caller]:
    try:
        caller = target.caller(name)
    except UnknownCaller as error:
        pytest.skip(str(error))
    with closing(caller):
        yield caller


def emulated(target: Target, service: str) -> Any:
    """A client of the emulator with its root key, for what callers have no permission for."""
    home = ROOT / ".local"
    port = json.loads((home / "ports.json").read_text())["emulator"]
    return boto3.client(
        service,
        endpoint_url=f"https://127.0.0.1:{port}",
        verify=str(next((home / "tls").glob("ca*.pem"))),
        region_name=target.stage.default_region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}),
    )


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


@pytest.fixture(scope="module")
def using() -> Iterator[With]:
    """`using(token)` is a caller who sends a token or a key."""
    with ExitStack() as callers:
        yield lambda token: callers.enter_context(closing(Caller(local_stage(Paths().home, token=token))))


@pytest.fixture
def new_key(caller: Caller) -> Iterator[Callable[..., Any]]:
    """`new_key(**fields)` makes a key, which is revoked at the end."""
    ids = []

    def make(**fields: Any) -> Any:
        body = {"name": "End-to-end test", "owner": f"test-{uuid.uuid4().hex[:8]}", "expiresInDays": 1, **fields}
        response = caller.call("POST", "access", "/admin/keys", body)
        assert response.status == 201, response.raw
        ids.append(response.body["id"])
        return response.body

    yield make
    for key_id in ids:
        assert caller.call("DELETE", "access", f"/admin/keys/{key_id}").status == 204
