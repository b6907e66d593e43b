"""Answers are fetched from a local server that responds like Bedrock and the price list."""

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from dev.tools.catalog import __main__ as command
from dev.tools.catalog.answers import InvalidAnswer, read_folder
from dev.tools.catalog.fetch import fetch
from tests.dev.tools.catalog.conftest import HERE, TODAY, Case

REGIONS = ("us-east-1", "eu-west-1", "me-south-1")
ANSWERS = HERE / "answers"


class Aws(BaseHTTPRequestHandler):
    """Bedrock and price lists. Bahrain refuses, and Ireland has no profiles and no price lists."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        scope = re.search(r"Credential=\w+/\d+/([\w-]+)/bedrock/", self.headers.get("Authorization", ""))
        if offer := re.fullmatch(r"/offers/(\w+)/current/([\w-]+)/index\.json", url.path):
            assert scope is None
            self._send(*_offer(*offer.groups()))
        elif scope is None or scope[1] == "me-south-1":
            self._send(403, {"message": "The security token included in the request is invalid"})
        elif url.path == "/foundation-models":
            self._send(200, json.loads((ANSWERS / f"models-{scope[1]}.json").read_text("utf-8")))
        else:
            assert url.path == "/inference-profiles"
            self._send(200, _profiles(scope[1], parse_qs(url.query)))

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""

    def _send(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if status == 403:
            self.send_header("x-amzn-ErrorType", "UnrecognizedClientException")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _offer(code: str, region: str) -> tuple[int, Any]:
    path = ANSWERS / {"AmazonBedrock": "prices-bedrock", "AmazonBedrockFoundationModels": "prices-marketplace"}.get(
        code, "none"
    )
    path = path.with_name(f"{path.name}-{region}.json")
    return (200, json.loads(path.read_text("utf-8"))) if path.exists() else (404, {})


def _profiles(region: str, query: dict[str, list[str]]) -> Any:
    assert query["type"] == ["SYSTEM_DEFINED"]
    if region != "us-east-1":
        return {"inferenceProfileSummaries": []}
    page = 2 if query.get("nextToken") == ["next"] else 1
    return json.loads((ANSWERS / f"profiles-{region}-{page}.json").read_text("utf-8"))


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's URL, which boto3's clients call too."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Aws) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield url
        server.shutdown()
        thread.join()


def test_answers_are_saved_with_their_day_and_refusals_reported(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    problems = fetch(folder, TODAY, boto3.Session(), f"{url}/offers", REGIONS)

    assert sorted(path.name for path in folder.iterdir()) == [
        "models-eu-west-1.json",
        "models-us-east-1.json",
        "prices-AmazonBedrock-us-east-1.json",
        "prices-AmazonBedrockFoundationModels-us-east-1.json",
        "profiles-eu-west-1.json",
        "profiles-us-east-1.json",
    ]
    answers = read_folder(folder, None)
    assert {*answers.days.values()} == {TODAY}
    assert answers.models.keys() == {"us-east-1", "eu-west-1"}
    assert [len(answers.profiles[region]) for region in ("us-east-1", "eu-west-1")] == [4, 0]
    assert answers.quotes.offers == {"AmazonBedrock", "AmazonBedrockFoundationModels"}
    models, profiles, not_found = problems
    assert re.fullmatch(r"not fetched: models-me-south-1: .*UnrecognizedClientException.*", models)
    assert re.fullmatch(r"not fetched: profiles-me-south-1: .*UnrecognizedClientException.*", profiles)
    assert re.fullmatch(r"not fetched: prices-AmazonBedrock-eu-west-1, .*: HTTP Error 404: Not Found", not_found)
    assert not_found.count("prices-") == 7


def test_settings_of_the_shell_that_boto3_refuses_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    assert command.main([str(tmp_path), "--fetch"], TODAY) == 2
    assert "no-such-profile" in capsys.readouterr().err


def test_dates_survive(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = {"status": "LEGACY", "endOfLifeTime": "2027-05-01T00:00:00Z"}
    model = {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/x.y", "modelId": "x.y", "modelLifecycle": life}
    monkeypatch.setattr(Aws, "do_GET", lambda self: self._send(200, {"modelSummaries": [model]}))
    fetch(tmp_path, TODAY, boto3.Session(), f"{url}/offers", ("us-east-1",))

    saved = json.loads((tmp_path / "models-us-east-1.json").read_text("utf-8"))
    assert saved["modelSummaries"][0]["modelLifecycle"]["endOfLifeTime"] == "2027-05-01T00:00:00+00:00"


def test_an_answer_that_breaks_off_is_not_saved(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def send_half(self: Aws) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"offerCode": "AmazonBedrock"')

    monkeypatch.setattr(Aws, "do_GET", send_half)
    problems = fetch(tmp_path, TODAY, boto3.Session(), f"{url}/offers", ("us-east-1",))

    assert sum(problem.count("us-east-1") for problem in problems) == 5
    assert not [*tmp_path.iterdir()]


def test_old_answers_are_not_taken_for_new_ones(case: Case) -> None:
    with pytest.raises(InvalidAnswer, match="has JSON files already"):
        fetch(case.answers, TODAY, boto3.Session(), "http://127.0.0.1:9", ("us-east-1",))


def test_the_command_fetches_then_compares(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def save(folder: Path, today: Any) -> list[str]:
        folder.mkdir()
        case.only("models-eu-west-1.json")
        (case.answers / "models-eu-west-1.json").rename(folder / "models.json")
        return ["models-me-south-1: refused"]

    monkeypatch.setattr(command, "fetch", save)

    assert command.main([str(tmp_path / "new"), "--fetch"], TODAY, case.file) == 0
    assert capsys.readouterr().err == "models-me-south-1: refused\n"
