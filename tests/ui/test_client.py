"""API calls and their failures."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from bedrock_endpoints import Event
from bedrock_endpoints.errors import (
    ConfigurationError,
    ConnectionFailed,
    CredentialsError,
    EndpointError,
    NotDeployed,
    StreamInterrupted,
    Throttled,
    TimedOut,
    UnexpectedResponse,
)
from tests.ui.fake_api import ConnectionCut, ErrorResponse, FakeApi
from ui.client import Client, Failure, _failures
from ui.stage import read

IMAGES = "image-generation"


@pytest.fixture
def client(api: FakeApi, tmp_path: Path) -> Iterator[Client]:
    with closing(Client(read({"UI_STAGE_FOLDER": str(api.write_stage(tmp_path))}))) as client:
        yield client


def test_an_api_error_becomes_a_failure(client: Client, api: FakeApi) -> None:
    api.errors.append(ErrorResponse(429, "throttled", "Slow down.", retry_after=70))
    with pytest.raises(Failure) as raised:
        client.post(IMAGES, "/images", {"prompt": "A lighthouse"})
    failure = raised.value
    assert (failure.code, failure.message, failure.status) == ("throttled", "Slow down.", 429)
    assert failure.request_id
    assert 10 < (failure.retry_at or 0) - time.monotonic() <= 70


def test_validation_details_name_the_field(client: Client) -> None:
    with pytest.raises(Failure) as raised:
        client.post(IMAGES, "/images", {"prompt": "A lighthouse", "count": 9})
    assert [detail["path"] for detail in raised.value.details] == ["body.count"]


def test_a_request_in_progress_is_polled(client: Client, api: FakeApi) -> None:
    api.errors += [ErrorResponse(409, "in_progress", retry_after=0), ErrorResponse(409, "in_progress", retry_after=0)]
    assert client.post(IMAGES, "/images", {"prompt": "A lighthouse"}, "key")["items"]
    assert [call.key for call in api.posts("/images")] == ["key"] * 3


def test_a_use_case_that_is_not_deployed(client: Client) -> None:
    with pytest.raises(Failure, match="not_deployed"):
        client.get("weather", "/forecasts")


def test_an_unreachable_api(tmp_path: Path, api: FakeApi) -> None:
    api.write_stage(tmp_path)
    outputs = tmp_path / "outputs.json"
    outputs.write_text(outputs.read_text().replace(api.url, "http://127.0.0.1:9"))
    with (
        closing(Client(read({"UI_STAGE_FOLDER": str(tmp_path)}))) as client,
        pytest.raises(Failure, match="unreachable"),
    ):
        client.get(IMAGES, "/images")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (NotDeployed("no parameter"), "not_deployed", "no parameter"),
        (CredentialsError("expired"), "no_credentials", "expired"),
        (ConfigurationError("no region"), "unexpected", "no region"),
        (TimedOut("wrapped"), "deadline", "the cause"),
        (ConnectionFailed("wrapped"), "unreachable", "the cause"),
        (StreamInterrupted("cut"), "cut", ""),
        (UnexpectedResponse("not the API's", status=403), "unexpected", ""),
        (UnexpectedResponse("not the API's", status=502), "internal", ""),
        (Throttled("Slow down.", status=429, code="throttled"), "throttled", "Slow down."),
        (EndpointError("New.", status=418, code="teapot"), "teapot", "New."),
    ],
)
def test_every_error_has_a_code_and_a_message_for_the_user(error: Exception, code: str, message: str) -> None:
    error.__cause__ = OSError("the cause")
    with pytest.raises(Failure) as raised, _failures():
        raise error
    assert (raised.value.code, raised.value.message) == (code, message)


def test_an_unknown_path_responds_to_a_probe(client: Client) -> None:
    assert client.probe("embeddings", "/embeddings") < 5


def test_a_bearer_token_replaces_the_signature(api: FakeApi, tmp_path: Path) -> None:
    settings = {"UI_STAGE_FOLDER": str(api.write_stage(tmp_path)), "UI_BEARER_TOKEN": "token"}
    request = httpx.Request("GET", api.url)
    next(read(settings).auth.sync_auth_flow(request))
    assert request.headers["Authorization"] == "Bearer token"


def _events(client: Client, api: FakeApi, key: str | None = None) -> list[Event]:
    path = f"/conversations/{api.services['chatbot'].add()}/messages/stream"
    return list(client.events("chatbot", path, {"text": "Hello"}, key))


def test_a_stream_ends_with_the_complete_message(client: Client, api: FakeApi) -> None:
    *deltas, last = _events(client, api)
    assert [delta.data["text"] for delta in deltas] == ["Echo: ", "Hello"]
    assert (last.name, last.data["message"]["text"]) == ("message", "Echo: Hello")


@pytest.mark.parametrize("end", [None, ConnectionCut()])
def test_a_stream_without_its_last_event_is_cut(client: Client, api: FakeApi, end: ConnectionCut | None) -> None:
    api.services["chatbot"].streams.append(["You ", end])
    with pytest.raises(Failure, match="cut"):
        _events(client, api)


def test_an_error_within_a_stream_is_raised(client: Client, api: FakeApi) -> None:
    api.services["chatbot"].streams.append(["You ", ErrorResponse(502, "model_error", "It stopped.")])
    with pytest.raises(Failure) as raised:
        _events(client, api)
    assert (raised.value.code, raised.value.message) == ("model_error", "It stopped.")


def test_a_stream_in_progress_is_polled(client: Client, api: FakeApi) -> None:
    api.errors.append(ErrorResponse(409, "in_progress", retry_after=0))
    assert _events(client, api, "key")[-1].name == "message"
    assert [call.key for call in api.calls if call.method == "POST"] == ["key", "key"]
