"""The deployed ingestion queue: a poison message goes to the dead-letter queue, and the other nine are processed."""

import json
import time
from typing import Any

import pytest

from tests.e2e.caller import Caller, Target
from tests.e2e.conftest import emulated
from tests.e2e.test_hr_qa import PARKING, announce, wait_for_status
from tests.pdfs import text_pdf

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

SECONDS = 120


@pytest.fixture(scope="module")
def sqs(target: Target) -> Any:
    return emulated(target, "sqs")


def queues(sqs: Any) -> tuple[str, str]:
    """The work queue and its dead-letter queue."""
    urls = {}
    for url in sqs.list_queues(QueueNamePrefix="bedrock-endpoints-local-hr-qa")["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        urls["RedrivePolicy" in attributes] = url
    return urls[True], urls[False]


def test_only_the_poison_message_goes_to_the_dead_letter_queue(caller: Caller, sqs: Any) -> None:
    work, dead = queues(sqs)
    poison = json.dumps({"step": "poison", "at": time.time_ns()})
    documents = [announce(caller, text_pdf([PARKING]), name=f"One of nine: {number}") for number in range(9)]
    entries = [{"Id": "0", "MessageBody": poison}]
    for number, document in enumerate(documents, 1):
        # The events that S3 would send, in one batch with the poison message.
        caller.upload(document["upload"], text_pdf([PARKING]))
        event = {"detail": {"object": {"key": document["upload"]["fields"]["key"]}}}
        entries.append({"Id": str(number), "MessageBody": json.dumps(event)})
    sqs.send_message_batch(QueueUrl=work, Entries=entries)

    states = [wait_for_status(caller, document["id"], "ready", "failed")["status"] for document in documents]

    assert states == ["ready"] * 9
    for document in documents:
        caller.call("DELETE", "hr-qa", f"/documents/{document['id']}")
    deadline = time.monotonic() + SECONDS
    dead_letters: list[str] = []
    while poison not in dead_letters:
        assert time.monotonic() < deadline, f"the dead-letter queue has {dead_letters}"
        for message in sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=2).get("Messages", []):
            dead_letters.append(message["Body"])
            sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
    assert not [body for body in dead_letters for document in documents if document["id"] in body]
