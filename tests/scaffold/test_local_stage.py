"""New use cases and a restored table on the running local stage. `make test` runs this once, at its end."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from dev.tools.stages import open_stage
from tests.e2e.caller import Caller, Response
from tests.local_stores import client
from tests.scaffold.conftest import NEW, ROOT, Copy

RESTORED = "embeddings-restored"
KEY = uuid.uuid4().hex
STACKS = [f"bedrock-endpoints-local-{name.replace('_', '-')}" for name in NEW]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not os.environ.get("LOCAL_STAGE_TEST"), reason="run by `make test-use-case`"),
]


@pytest.fixture
def stage(copy: Copy) -> Iterator[Copy]:
    """The copy, deployed to the running local stage. Its additional stacks are deleted afterwards."""
    state = ROOT / ".local"
    files = {name: (state / name).read_bytes() for name in ("outputs.json", "cdk-outputs.json", "deployed.json", "env")}
    (copy.root / ".local").symlink_to(state)
    settings = copy.root / "cdk.json"
    before = settings.read_text("utf-8")
    _copy_table(RESTORED)
    content = json.loads(before)
    content["context"]["stages"]["local"]["existingData"] = {"embeddings": {"table": RESTORED}}
    settings.write_text(json.dumps(content), "utf-8")
    copy.python("-m", "dev.local", "up")
    yield copy
    settings.write_text(before, "utf-8")
    copy.python("-m", "dev.local", "up")
    client("dynamodb").delete_table(TableName=RESTORED)
    _delete_stacks()
    for name, content in files.items():
        (state / name).write_bytes(content)


@pytest.fixture(scope="module")
def kept() -> Response:
    """A response that the embeddings' table keeps for its idempotency key."""
    return _embed()


def _embed() -> Response:
    with closing(Caller(open_stage("local"))) as caller:
        body = {"texts": ["a restored pump"], "dimensions": 256}
        return caller.call("POST", "embeddings", "/embeddings", body, headers={"Idempotency-Key": KEY})


def _copy_table(name: str) -> None:
    """What a restore does, for an emulator without backups."""
    dynamodb = client("dynamodb")
    resources = client("cloudformation").describe_stack_resources(StackName="bedrock-endpoints-local-embeddings")
    (source,) = [
        resource["PhysicalResourceId"]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == "AWS::DynamoDB::Table"
    ]
    table = dynamodb.describe_table(TableName=source)["Table"]
    definition = {name: table[name] for name in ("AttributeDefinitions", "KeySchema")}
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **definition)
    for page in dynamodb.get_paginator("scan").paginate(TableName=source):
        for item in page["Items"]:
            dynamodb.put_item(TableName=name, Item=item)


def _delete_stacks() -> None:
    cloudformation = client("cloudformation")
    for stack in STACKS:
        cloudformation.delete_stack(StackName=stack)
    for stack in STACKS:
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


def test_new_use_cases_and_a_restored_table(kept: Response, stage: Copy) -> None:
    # Its own table, which is deleted, does not answer.
    assert _embed().headers["Idempotency-Replayed"] == "true"
    assert _embed().body == kept.body
    outputs = json.loads((ROOT / ".local" / "outputs.json").read_text("utf-8"))
    assert set(STACKS) <= set(outputs)

    stage.python("-m", "pytest", *(f"tests/e2e/test_{name}.py" for name in NEW))
