"""The command for usage over a mock of the client."""

import json
from typing import Any

import pytest

from bedrock_endpoints.errors import EndpointError
from dev.tools import usage


class FakeClient:
    """Records requests, and answers with `answer` or raises `error`."""

    sent: list[tuple[Any, ...]] = []
    answer: Any = {"items": []}
    error: EndpointError | None = None

    def __init__(self, _stage: Any) -> None:
        pass

    def __enter__(self) -> "FakeClient":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def request(self, *request: Any, query: Any = None) -> Any:
        self.sent.append((*request, query))
        if self.error:
            raise self.error
        return self.answer


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[FakeClient]:
    monkeypatch.setattr(FakeClient, "sent", [])
    monkeypatch.setattr(usage, "Client", FakeClient)
    monkeypatch.setattr(usage, "open_stage", lambda name: name)
    return FakeClient


def test_a_report_sends_what_is_given(client: type[FakeClient], capsys: pytest.CaptureFixture[str]) -> None:
    assert usage.main(["dev", "report", "--from", "2026-11-01", "--by", "day,caller", "--use-case", "chatbot"]) == 0
    query = {"from": "2026-11-01", "groupBy": "day,caller", "useCase": "chatbot"}
    assert client.sent == [("usage", "GET", "/admin/usage", query)]
    assert json.loads(capsys.readouterr().out) == {"items": []}


def test_csv_is_printed_as_it_is(
    client: type[FakeClient], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "answer", "day,calls\r\n")
    assert usage.main(["dev", "report", "--own", "--csv"]) == 0
    assert client.sent == [("usage", "GET", "/usage", {"format": "csv"})]
    assert capsys.readouterr().out == "day,calls\r\n"


def test_limits_are_set_listed_and_restored(client: type[FakeClient]) -> None:
    budget = ["--per", "caller", "--of", "requests", "--every", "day"]
    assert usage.main(["dev", "limit", "500", *budget, "--owner", "owner:billing", "--reason", "month end"]) == 0
    assert usage.main(["dev", "budgets"]) == 0
    assert usage.main(["dev", "restore", "o-1"]) == 0
    body = {"per": "caller", "of": "requests", "every": "day", "owner": "owner:billing", "limit": 500.0}
    assert client.sent == [
        ("usage", "POST", "/admin/budget-overrides", {**body, "reason": "month end"}, None),
        ("usage", "GET", "/admin/budgets", None),
        ("usage", "DELETE", "/admin/budget-overrides/o-1", None),
    ]


def test_an_error_of_the_stage_is_a_message(
    client: type[FakeClient], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "error", EndpointError("not yours"))
    assert usage.main(["dev", "budgets"]) == 1
    assert "error: not yours" in capsys.readouterr().err
