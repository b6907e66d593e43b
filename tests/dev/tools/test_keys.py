"""The command for API keys over a mock of the client."""

import json
from typing import Any

import pytest

from bedrock_endpoints.errors import EndpointError
from dev.tools import keys


class FakeClient:
    """Records requests. `error` is raised instead of an answer."""

    sent: list[tuple[Any, ...]] = []
    error: EndpointError | None = None

    def __init__(self, _stage: Any, *, max_retries: int) -> None:
        assert max_retries == 0

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def request(self, *request: Any) -> Any:
        self.sent.append(request)
        if self.error:
            raise self.error
        return {"id": "k-1", "key": "be_x"} if request[1] == "POST" else None

    def pages(self, *request: Any) -> Any:
        self.sent.append(request)
        yield {"items": [{"id": "k-1"}]}
        yield {"items": [{"id": "k-2"}]}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    monkeypatch.setattr(FakeClient, "sent", [])
    monkeypatch.setattr(keys, "Client", FakeClient)
    monkeypatch.setattr(keys, "open_stage", lambda name: name)
    return FakeClient


def test_create_sends_what_is_given(client: type[FakeClient], capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--name", "Job", "--owner", "billing", "--group", "hr", "--use-case", "hr-qa", "--days", "7"]

    assert keys.main(["dev", "create", *options]) == 0

    body = {"name": "Job", "owner": "billing", "groups": ["hr"], "useCases": ["hr-qa"], "expiresInDays": 7}
    assert client.sent == [("access", "POST", "/admin/keys", body)]
    output = capsys.readouterr()
    assert json.loads(output.out)["key"] == "be_x"
    assert "shown this once" in output.err


def test_rotate_revoke_and_list(client: type[FakeClient], capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main(["dev", "rotate", "k-1", "--overlap", "0"]) == 0
    assert keys.main(["dev", "revoke", "k-1"]) == 0
    assert keys.main(["dev", "list"]) == 0

    assert client.sent == [
        ("access", "POST", "/admin/keys/k-1/rotations", {"overlapSeconds": 0}),
        ("access", "DELETE", "/admin/keys/k-1"),
        ("access", "/admin/keys"),
    ]
    assert capsys.readouterr().out.endswith(json.dumps([{"id": "k-1"}, {"id": "k-2"}], indent=2) + "\n")


def test_an_error_is_one_line(
    client: type[FakeClient], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "error", EndpointError("body.owner: is wrong"))

    assert keys.main(["dev", "revoke", "k-1"]) == 1
    assert "error: body.owner: is wrong" in capsys.readouterr().err
