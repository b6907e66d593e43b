"""The operator's command against the emulated AWS: a deployed stack's stores, and principals of IAM."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dev.local import environment
from dev.tools.callers.__main__ import find_data, run
from dev.tools.callers.plan import Decisions
from dev.tools.callers.principals import Principals
from dev.tools.findings import Target
from lambda_src.chatbot.conversations import ConversationHeader, ConversationItem, Conversations
from lambda_src.chatbot.message_item import MessageItem
from lambda_src.hr_qa.documents import DocumentItem, Documents
from lambda_src.shared.callers import caller_namespace
from lambda_src.shared.ids import new_id
from tests.dev.local.conftest import LOCAL_PYTHON
from tests.dev.local.search.conftest import REGION, Emulator, role_arn

ANA = f"arn:aws:sts::{environment.ACCOUNT}:assumed-role/team/ana"
TEMPLATE = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": role_arn("team"),
                "Code": {"ZipFile": "def handler(event, context): pass"},
                "Environment": {"Variables": {"TABLE_NAME": {"Ref": "Table"}, "BUCKET_NAME": {"Ref": "Bucket"}}},
            },
        },
    }
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not LOCAL_PYTHON.exists():
        pytest.skip("needs `make setup-local`")
    # Without the search engine: nothing listens on this port.
    running = Emulator(tmp_path_factory.mktemp("emulator"), search_port=1)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(10)


@pytest.fixture(scope="module")
def target(emulator: Emulator) -> Target:
    keys = {"aws_access_key_id": environment.ROOT_KEY, "aws_secret_access_key": environment.ROOT_KEY}
    endpoint = emulator.client("sts").meta.endpoint_url
    options = {"endpoint_url": endpoint, "verify": emulator.authority, "config": Config(proxies={})}
    target = Target("dev", boto3.Session(**keys), REGION, emulated=True, options=options)
    emulator.role("team", None)
    cloudformation = target.client("cloudformation")
    for use_case in ("chatbot", "hr-qa"):
        name = f"bedrock-endpoints-dev-{use_case}"
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(TEMPLATE))
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return target


def resource(target: Target, use_case: str, logical_id: str) -> str:
    stack = f"bedrock-endpoints-dev-{use_case}"
    answer = target.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def test_a_deployed_stages_data_moves_to_the_role_of_its_sessions(target: Target) -> None:
    dynamodb, s3, iam = (target.client(service) for service in ("dynamodb", "s3", "iam"))
    role = iam.get_role(RoleName="team")["Role"]["RoleId"]
    conversations = Conversations(resource(target, "chatbot", "Table"), dynamodb)
    header = ConversationHeader(created_at="2026-01-01T00:00:00.000Z")
    conversation = ConversationItem(id=new_id(), header=header, model="model", updated_at="t", title="Pumps")
    conversations.create(ANA, conversation, [])
    turn = tuple(
        MessageItem(id=new_id(), role=role, text=role, created_at="t")  # type: ignore[arg-type]
        for role in ("user", "assistant")
    )
    conversations.add_turn(ANA, conversation, turn, preview="", extra_writes=[])  # type: ignore[arg-type]
    documents, bucket = Documents(resource(target, "hr-qa", "Table"), dynamodb), resource(target, "hr-qa", "Bucket")
    old, new = caller_namespace(ANA), caller_namespace(role)
    document = new_id()
    old_key, new_key = (f"documents/{namespace}/{document}.pdf" for namespace in (old, new))
    s3.put_object(Bucket=bucket, Key=old_key, Body=b"older")
    etag = s3.put_object(Bucket=bucket, Key=old_key, Body=b"newer", ContentType="application/pdf")["ETag"]
    item = DocumentItem(
        id=document,
        name="Handbook",
        owner=ANA,
        status="awaitingUpload",
        created_at="2026-01-01T00:00:00.000Z",
        updated_at="t",
        live_generation="g",
        live_source=etag,
    )
    documents.create(old, item)
    documents._change(old, document, {"status": "ready"}, remove=["expiresAt"], condition="attribute_exists(pk)")
    found = {name: find_data(target, name) for name in ("chatbot", "hr-qa", "playground")}
    stores = {name: data for name, data in found.items() if data}
    assert set(stores) == {"chatbot", "hr-qa"}
    principals = Principals(iam, environment.ACCOUNT)

    undecided = list(run(stores, principals, Decisions(), apply=True))
    assert [(finding.level, finding.check) for finding in undecided] == [("fail", ANA)]
    assert conversations.find(ANA, conversation.id)
    moved = list(run(stores, principals, Decisions(roles=frozenset({"team"})), apply=True))
    assert [finding.level for finding in moved] == ["ok", "ok"], moved
    assert list(run(stores, principals, Decisions(), apply=True)) == []

    assert [message.text for message in conversations.messages(role, conversation).values()] == ["user", "assistant"]
    assert conversations.get(role, conversation.id).title == "Pumps"
    assert not conversations.messages(ANA, conversation)
    assert documents.get(old, document) is None
    stored = documents.get(new, document)
    assert stored
    assert (stored.owner, stored.status, stored.live_source) == (role, "ready", etag)
    copy = s3.get_object(Bucket=bucket, Key=new_key)
    assert (copy["Body"].read(), copy["ETag"], copy["ContentType"]) == (b"newer", etag, "application/pdf")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key=old_key)
    versions: list[Any] = s3.list_object_versions(Bucket=bucket).get("Versions", [])
    assert [version["Key"] for version in versions] == [new_key]
