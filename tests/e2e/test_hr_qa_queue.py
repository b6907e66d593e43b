"""The ingestion's queue as deployed: of ten messages nine are done and the poisoned one is put aside."""

import json
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config

from dev.tools.caller import ROOT, Caller, Target
from tests.e2e.test_hr_qa import PARKING, announce, until
from tests.pdfs import text_pdf

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

SECONDS = 120


@pytest.fixture(scope="module")
def sqs(target: Target) -> Any:
    """The emulator's queues, by its root key: no caller may touch them."""
    home = ROOT / ".local"
    port = json.loads((home / "ports.json").read_text())["emulator"]
    return boto3.client(
        "sqs",
        endpoint_url=f"https://127.0.0.1:{port}",
        verify=str(next((home / "tls").glob("ca*.pem"))),
        region_name=target.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}),
    )


def queues(sqs: Any) -> tuple[str, str]:
    """The work queue and its dead-letter queue."""
    found = {}
    for url in sqs.list_queues(QueueNamePrefix="bedrock-endpoints-local-hr-qa")["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found["RedrivePolicy" in attributes] = url
    return found[True], found[False]


def test_one_poisoned_message_of_ten_is_put_aside_alone(caller: Caller, sqs: Any) -> None:
    work, dead = queues(sqs)
    poison = json.dumps({"step": "poison", "at": time.time_ns()})
    made = [announce(caller, text_pdf([PARKING]), name=f"One of nine: {number}") for number in range(9)]
    entries = [{"Id": "0", "MessageBody": poison}]
    for number, one in enumerate(made, 1):
        # The file is put in place with the event that S3 would send, all in one batch with the poison.
        caller.upload(one["upload"], text_pdf([PARKING]))
        event = {"detail": {"object": {"key": one["upload"]["fields"]["key"]}}}
        entries.append({"Id": str(number), "MessageBody": json.dumps(event)})
    sqs.send_message_batch(QueueUrl=work, Entries=entries)

    states = [until(caller, one["id"], "ready", "failed")["status"] for one in made]

    assert states == ["ready"] * 9
    for one in made:
        caller.call("DELETE", "hr-qa", f"/documents/{one['id']}")
    end = time.monotonic() + SECONDS
    found: list[str] = []
    while poison not in found:
        assert time.monotonic() < end, f"the dead-letter queue has {found}"
        for message in sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=2).get("Messages", []):
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    assert not [body for body in found for one in made if one["id"] in body]
