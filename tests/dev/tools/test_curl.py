"""Printed calls run in bash and contain no secrets."""

import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bedrock_endpoints import Stage
from bedrock_endpoints.auth import SigV4
from bedrock_endpoints.errors import ConfigurationError
from dev.local.paths import ROOT
from dev.tools import curl as module
from dev.tools import stages
from dev.tools.curl import curl
from dev.tools.openapi import body_of
from lambda_src import registry
from lambda_src.registry import UseCase
from lambda_src.shared.routes import Route

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "sEcReT/+key"}
REGION = "us-west-2"
SHELLS = {"PATH": "/usr/bin:/bin", "NO_PROXY": "*", **KEYS}
CREATE = Route(method="POST", path="/things", operation="create", summary="Make one")


class ReceivedRequest:
    """A request received by the server."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.method, self.path = handler.command, handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(int(handler.headers.get("content-length", 0)))


@pytest.fixture
def server() -> Iterator[tuple[str, list[ReceivedRequest]]]:
    received: list[ReceivedRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            received.append(ReceivedRequest(self))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/v1/", received
        listening.shutdown()
        thread.join()


def run(command: str, **more: str) -> None:
    completed = subprocess.run(
        ["bash", "-c", command], env={**SHELLS, **more}, capture_output=True, text=True, timeout=20, check=False
    )
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "{}", "")


def signature(base: str, received: ReceivedRequest, token: str | None = None) -> str:
    """botocore's signature for the received request, with the same time."""
    names = received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {
        name: received.headers[name] for name in names if name not in ("x-amz-date", "host", "x-amz-security-token")
    }
    url = f"http://{urlsplit(base).netloc}{received.path}"
    request = AWSRequest(method=received.method, url=url, data=received.body, headers=headers)
    request.context["timestamp"] = received.headers["x-amz-date"]
    request.headers["X-Amz-Date"] = received.headers["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    keys = Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4Auth(keys, "execute-api", REGION)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(text, request))


@pytest.mark.parametrize("use_case", registry.USE_CASES, ids=lambda use_case: use_case.id)
def test_every_routes_call_sends_a_valid_request(use_case: UseCase, server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server
    printed = list(module.calls(use_case, base, REGION))

    for route, command in zip(use_case.routes, printed, strict=True):
        run(command)
        request = received.pop()
        assert request.method == route.method
        assert re.fullmatch("/v1" + re.sub(r"\{\w+\}", "[^/{}]+", route.path), request.path.partition("?")[0])
        assert (json.loads(request.body) if request.body else None) == body_of(use_case, route)
        if request.body:
            assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"].endswith("Signature=" + signature(base, request))
        assert f"{REGION}/execute-api/aws4_request" in request.headers["authorization"]
        assert "x-amz-security-token" not in request.headers


def test_a_session_token_is_sent_if_set(server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server

    run(curl(CREATE, base, {"a": 1}, region=REGION), AWS_SESSION_TOKEN="to ken/==")

    assert received[0].headers["x-amz-security-token"] == "to ken/=="
    assert received[0].headers["authorization"].endswith(signature(base, received[0], "to ken/=="))


def test_shell_metacharacters_arrive_unchanged(server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server
    body = {"text": 'it\'s $HOME, `id` \\ "quoted"\n@file ação !!'}
    read = Route(method="GET", path="/things/{id}", operation="read", summary="Read one")

    run(curl(CREATE, base, body, region=REGION))
    run(curl(read, base, path={"id": "a b/[1]"}, query={"z": "1 & 2", "a": "{x}"}, headers={"X-Note": "it's"}))

    assert json.loads(received[0].body) == body
    assert received[1].path == "/v1/things/a%20b%2F%5B1%5D?a=%7Bx%7D&z=1%20%26%202"
    assert received[1].headers["x-note"] == "it's"


def test_methods_other_than_get_and_post_are_explicit(server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server
    change = Route(method="PATCH", path="/things", operation="change", summary="Change one")
    empty = Route(method="POST", path="/things", operation="start", summary="Start one")

    run(curl(change, base, {"a": 1}, region=REGION))
    run(curl(empty, base, region=REGION))

    assert [(request.method, request.body) for request in received] == [("PATCH", b'{"a": 1}'), ("POST", b"")]


def test_a_user_of_the_pool_sends_a_token_instead_of_a_signature(server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server

    run(curl(CREATE, base, {"a": 1}, bearer=True), ID_TOKEN="eyJ.x.y")

    assert received[0].headers["authorization"] == "Bearer eyJ.x.y"


def test_a_call_has_the_expected_arguments_and_no_secret() -> None:
    command = curl(CREATE, "https://api.test/v1/", {"text": "it's"}, region=REGION)

    words = shlex.split(command)
    assert words[0] == "curl"
    assert words[words.index("--data-raw") + 1] == '{"text": "it\'s"}'
    assert words[words.index("--aws-sigv4") + 1] == f"aws:amz:{REGION}:execute-api"
    assert words[words.index("--user") + 1] == "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"
    assert words[-1] == "https://api.test/v1/things"


def test_the_default_region_is_the_shells(server: tuple[str, list[ReceivedRequest]]) -> None:
    base, received = server

    run(curl(CREATE, base, {}), AWS_REGION="eu-west-1")

    assert "/eu-west-1/execute-api/" in received[0].headers["authorization"]


def test_a_stream_is_not_buffered() -> None:
    class Streaming(Route, frozen=True, kw_only=True):
        stream: str | None = None

    route = Streaming(method="POST", path="/notes", operation="write", summary="Write", stream="message")

    assert "-N" in shlex.split(curl(route, "https://api.test/v1/", {}))
    assert "-N" not in shlex.split(curl(CREATE, "https://api.test/v1/", {}))


def test_one_route_is_chosen_by_method_and_path() -> None:
    use_case = registry.find("embeddings")

    assert len(list(module.calls(use_case, "https://api.test/v1/", REGION, only="POST /similarities"))) == 1
    with pytest.raises(LookupError, match='"POST /embeddings", "POST /similarities"'):
        list(module.calls(use_case, "https://api.test/v1/", REGION, only="GET /nothing"))


def test_the_command_prints_a_stages_calls(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage("dev", {"embeddings": "https://api.test/v1/"}.__getitem__, SigV4(lambda: None), REGION)
    monkeypatch.setattr(stages, "open_stage", lambda name: stage)

    assert module.main(["embeddings", "--route", "POST /embeddings"]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith("# Embed 1 to 96 texts\ncurl -sS ")
    assert shown.rstrip().endswith("https://api.test/v1/embeddings")


def test_a_use_case_may_be_named_as_its_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage("dev", {"image-generation": "https://api.test/v1/"}.__getitem__, SigV4(lambda: None), REGION)
    monkeypatch.setattr(stages, "open_stage", lambda name: stage)

    assert module.main(["image_generation", "--route", "GET /images"]) == 0
    assert "https://api.test/v1/images" in capsys.readouterr().out


def test_the_command_reports_a_missing_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(stage: str) -> None:
        raise ConfigurationError("the local stage is not running: make local")

    monkeypatch.setattr(stages, "open_stage", missing)

    assert module.main(["embeddings"]) == 1
    assert "make local" in capsys.readouterr().err


def test_importing_needs_the_standard_library_only() -> None:
    code = "import sys; import dev.tools.curl; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert not {"botocore", "msgspec", "aws_cdk", "boto3"} & set(loaded.split())


def test_make_passes_the_options() -> None:
    command = ["make", "-n", "curl", "USE_CASE=embeddings", "ROUTE=POST /embeddings"]

    printed = subprocess.run(command, cwd=Path(ROOT), capture_output=True, text=True, check=True).stdout

    assert 'python -m dev.tools.curl "embeddings" --stage local --route "POST /embeddings"' in printed
