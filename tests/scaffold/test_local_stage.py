"""New use cases on the running local stage. `make test` runs this once, after the end-to-end tests."""

import json
import os
from collections.abc import Iterator

import boto3
import pytest

from tests.scaffold.conftest import NEW, ROOT, Copy

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
    copy.python("-m", "dev.local", "up")
    yield copy
    _delete_stacks()
    for name, content in files.items():
        (state / name).write_bytes(content)


def _delete_stacks() -> None:
    exports = dict(
        line.removeprefix("export ").split("=", 1) for line in _env_lines() if line.startswith("export AWS_")
    )
    values = {name: value.strip("'") for name, value in exports.items()}
    client = boto3.client(
        "cloudformation",
        endpoint_url=values["AWS_ENDPOINT_URL"],
        region_name=values["AWS_REGION"],
        verify=values["AWS_CA_BUNDLE"],
        # The emulator's administrator.
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for stack in STACKS:
        client.delete_stack(StackName=stack)
    for stack in STACKS:
        client.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _env_lines() -> list[str]:
    return (ROOT / ".local" / "env").read_text("utf-8").splitlines()


def test_their_end_to_end_tests_pass(stage: Copy) -> None:
    outputs = json.loads((ROOT / ".local" / "outputs.json").read_text("utf-8"))
    assert set(STACKS) <= set(outputs)

    stage.python("-m", "pytest", *(f"tests/e2e/test_{name}.py" for name in NEW))
