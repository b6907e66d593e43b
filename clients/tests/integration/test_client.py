"""The client on a deployed stage: BEDROCK_ENDPOINTS_STAGE and the caller's credentials."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from bedrock_endpoints import AsyncClient, Client, errors

PROMPT = {"prompt": "What does a pump do?", "parameters": {"maxTokens": 20}}
DOCUMENT = b"%PDF-1.7\nbroken"


@pytest.fixture
def client() -> Iterator[Client]:
    with Client() as client:
        yield client


@pytest.fixture
async def async_client() -> AsyncIterator[AsyncClient]:
    async with AsyncClient() as client:
        yield client


def test_requests_and_their_replays(client: Client) -> None:
    key = uuid.uuid4().hex

    first, second = [
        client.request("playground", "POST", "/completions", PROMPT, idempotency_key=key) for _ in range(2)
    ]

    assert first["text"]
    assert second == first


async def test_streams(async_client: AsyncClient) -> None:
    *deltas, last = [event async for event in async_client.stream("playground", "/completions/stream", PROMPT)]

    assert "".join(delta.data["text"] for delta in deltas) == last.data["text"]


async def test_pages(client: Client, async_client: AsyncClient) -> None:
    conversations = [client.request("chatbot", "POST", "/conversations", {})["id"] for _ in range(3)]

    # Other tests of the same caller may start conversations at the same time.
    listed: list[str] = []
    for page in client.pages("chatbot", "/conversations", limit=2):
        listed += [item["id"] for item in page["items"] if item["id"] in conversations]
        if len(listed) == len(conversations):
            break
    assert listed == conversations[::-1]
    listed = []
    async for page in async_client.pages("chatbot", "/conversations", limit=2):
        assert len(page["items"]) <= 2
        listed += [item["id"] for item in page["items"] if item["id"] in conversations]
        if len(listed) == len(conversations):
            break
    assert listed == conversations[::-1]
    for conversation in conversations:
        client.request("chatbot", "DELETE", f"/conversations/{conversation}")
    with pytest.raises(errors.NotFound):
        client.request("chatbot", "GET", f"/conversations/{conversations[0]}")


def test_uploads(client: Client) -> None:
    body = {"name": "Client test", "contentType": "application/pdf", "bytes": len(DOCUMENT)}
    document = client.request("hr-qa", "POST", "/documents", body)
    try:
        with pytest.raises(errors.UnexpectedResponse) as raised:
            client.upload(document["upload"], DOCUMENT + b" and more than announced")
        assert raised.value.status == 400
        client.upload(document["upload"], DOCUMENT)
    finally:
        client.request("hr-qa", "DELETE", f"/documents/{document['id']}")


def test_downloads(client: Client) -> None:
    body = {"prompt": "A lighthouse", "aspectRatio": "1:1"}
    (image,) = client.request("image-generation", "POST", "/images", body)["items"]

    assert client.download(image["url"]).startswith(b"\x89PNG")

    client.request("image-generation", "DELETE", f"/images/{image['id']}")
    with pytest.raises(errors.UnexpectedResponse) as raised:
        client.download(image["url"])
    assert raised.value.status in (403, 404)


def test_errors_have_their_details(client: Client) -> None:
    with pytest.raises(errors.InvalidRequest) as raised:
        client.request("playground", "POST", "/completions", {**PROMPT, "color": "red"})
    assert raised.value.request_id
    assert raised.value.status == 400
