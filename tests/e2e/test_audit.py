"""The audit trail's records are there when the answer is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.caller import Caller, Target
from tests.e2e.conftest import With, emulated

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

Records = Callable[[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def records(target: Target) -> Records:
    """`records(use_case, text)`: those that contain the text, in order."""
    logs = emulated(target, "logs")

    def find(use_case: str, text: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            page = logs.get_log_events(
                logGroupName="/bedrock-endpoints/local/audit",
                logStreamName=use_case,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            found += [json.loads(event["message"]) for event in page["events"] if text in event["message"]]
            if page["nextForwardToken"] == token:
                return found
            token = page["nextForwardToken"]

    return find


def test_a_call_of_a_model_is_recorded_before_and_after(
    using: With, new_key: Callable[..., Any], records: Records
) -> None:
    key = new_key(team="audit")
    response = using(key["key"]).call("POST", "playground", "/completions", {"prompt": "Name a color."})
    assert response.status == 200

    asked, answered = records("playground", response.body["requestId"])

    assert asked["record"] == "asked"
    expected = {"caller": f"owner:{key['owner']}", "source": "key", "key_id": key["id"], "team": "audit"}
    assert answered.items() >= {**expected, "record": "answered", "status": 200, "route": "/completions"}.items()
    (model,) = answered["models"]
    assert model["model"] == response.body["model"]
    assert model["output_tokens"] == response.body["usage"]["outputTokens"]
    assert "Name a color." not in json.dumps([asked, answered])


def test_a_stream_is_recorded(caller: Caller, records: Records) -> None:
    response = caller.call("POST", "playground", "/completions/stream", {"prompt": "Name a color."})
    text = response.raw.decode()
    request_id = json.loads(text.rpartition("data: ")[2])["requestId"]
    assert [record["record"] for record in records("playground", request_id)] == ["asked", "answered"]


def test_a_refusal_and_a_new_key_are_recorded(caller: Caller, new_key: Callable[..., Any], records: Records) -> None:
    refused = caller.call("POST", "embeddings", "/embeddings", {"no": 1})
    (record,) = records("embeddings", refused.body["error"]["requestId"])
    assert (record["status"], record["error"]) == (400, "invalid_request")

    key = new_key()
    assert [record["status"] for record in records("access", key["requestId"])[1:]] == [201]
    assert records("access", key["key"]) == []
