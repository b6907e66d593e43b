"""What has been deleted does not come back with the idempotency key of the request that made it."""

import uuid

import pytest

from tests.e2e.caller import Caller
from tests.e2e.test_hr_qa import PARKING, announce, wait_for_status
from tests.pdfs import text_pdf

pytestmark = pytest.mark.e2e


def post(caller: Caller, use_case: str, path: str, body: object, key: str) -> tuple[int, dict[str, object]]:
    response = caller.call("POST", use_case, path, body, headers={"Idempotency-Key": key})
    return response.status, response.body


@pytest.mark.parametrize(
    ("use_case", "path", "body"),
    [
        ("summarization", "/summaries", {"text": "Pump 7 leaks at the seal. Replaced it."}),
        ("image-generation", "/images", {"prompt": "a lighthouse"}),
        ("chatbot", "/conversations", {"title": "Pumps"}),
    ],
)
def test_a_deleted_resource_is_not_replayed(caller: Caller, use_case: str, path: str, body: object) -> None:
    key = uuid.uuid4().hex
    status, created = post(caller, use_case, path, body, key)
    assert status in (200, 201)
    assert post(caller, use_case, path, body, key) == (status, created)
    items = created.get("items", [created])

    for item in items:  # type: ignore[attr-defined]
        assert caller.call("DELETE", use_case, f"{path}/{item['id']}").status == 204

    status, answer = post(caller, use_case, path, body, key)
    assert (status, answer["error"]["code"]) == (422, "idempotency_key_reused")  # type: ignore[index]


def test_an_answer_of_a_deleted_conversation_is_not_replayed(caller: Caller) -> None:
    conversation = caller.call("POST", "chatbot", "/conversations", {}).body["id"]
    path, key = f"/conversations/{conversation}/messages", uuid.uuid4().hex
    status, _ = post(caller, "chatbot", path, {"text": "Hello"}, key)
    assert status == 200

    caller.call("DELETE", "chatbot", f"/conversations/{conversation}")

    assert post(caller, "chatbot", path, {"text": "Hello"}, key)[0] in (404, 422)


def test_an_answer_that_used_a_deleted_document_is_not_replayed(caller: Caller) -> None:
    content = text_pdf([PARKING])
    document = announce(caller, content, name="Deleted later")
    caller.upload(document["upload"], content)
    wait_for_status(caller, document["id"], "ready")
    body, key = {"question": "How much does parking cost?", "documents": [document["id"]]}, uuid.uuid4().hex
    status, answer = post(caller, "hr-qa", "/questions", body, key)
    assert status == 200

    caller.call("DELETE", "hr-qa", f"/documents/{document['id']}")

    status, _ = post(caller, "hr-qa", "/questions", body, key)
    assert status == 422 if answer["answered"] else status in (404, 422)
