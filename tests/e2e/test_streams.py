"""The deployed streams under a plain ASGI server, as the web adapter runs them: deltas arrive as they are generated.

The emulator's gateway buffers responses. So these tests run the application of the streaming function themselves, with
the environment and the role of the deployed function, against the emulated AWS.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from botocore.config import Config

from dev.local.paths import ROOT
from dev.local.ports import choose, is_free
from tests.e2e.caller import Caller, Target
from tests.e2e.streams import read_events
from tests.e2e.test_chatbot import create_conversation, list_messages

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

# Several sentences: the guardrail releases one complete sentence at a time.
LONG = {"maxTokens": 150}


class Adapter:
    """Sends what AWS Lambda Web Adapter sends: the gateway's and Lambda's context in headers."""

    def __init__(self, port: int, caller: str) -> None:
        self._port = port
        self._caller = caller

    @contextmanager
    def ask(self, resource: str, path: str, body: Any, **headers: str) -> Iterator[Any]:
        context = {"requestId": str(uuid.uuid4()), "resourcePath": resource, "identity": {"user": self._caller}}
        adapter_headers = {
            "Content-Type": "application/json",
            "x-amzn-request-context": json.dumps(context),
            "x-amzn-lambda-context": json.dumps({"deadline": round((time.time() + 300) * 1000)}),
        }
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", f"/v1{path}", json.dumps(body), {**adapter_headers, **headers})
            with closing(connection.getresponse()) as response:
                yield response


def emulator_clients(target: Target) -> Any:
    """Creates clients of the emulator with its root key."""
    home = ROOT / ".local"
    port = json.loads((home / "ports.json").read_text())["emulator"]
    verify = str(next((home / "tls").glob("ca*.pem")))

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"https://127.0.0.1:{port}",
            verify=verify,
            region_name=target.stage.default_region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}),
        )

    return client, f"https://127.0.0.1:{port}", verify


def start(target: Target, use_case: str) -> tuple[subprocess.Popen[bytes], int]:
    client, endpoint, bundle = emulator_clients(target)
    (function,) = [
        function
        for function in client("lambda").list_functions()["Functions"]
        if function["Handler"] == f"lambda_src.{use_case}.handler.handler"
    ]
    role = client("sts").assume_role(RoleArn=function["Role"], RoleSessionName="streams")["Credentials"]
    port = choose()
    environment = {
        **function["Environment"]["Variables"],
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "AWS_LWA_PORT": str(port),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": bundle,
        "AWS_REGION": target.stage.default_region,
        "AWS_DEFAULT_REGION": target.stage.default_region,
        "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["SessionToken"],
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "NO_PROXY": "127.0.0.1",
    }
    server = subprocess.Popen([sys.executable, "-m", f"lambda_src.{use_case}.stream"], env=environment, cwd="/")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not is_free(port):
            return server, port
        time.sleep(0.05)
    server.kill()
    raise AssertionError("the server did not start")


@pytest.fixture(scope="module", params=["chatbot", "playground"])
def use_case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def adapter(target: Target, use_case: str) -> Iterator[Adapter]:
    client, *_ = emulator_clients(target)
    # The conversations belong to the local stage's caller.
    user_id = client("iam").get_user(UserName="caller")["User"]["UserId"]
    server, port = start(target, use_case)
    yield Adapter(port, user_id)
    server.terminate()
    server.wait(10)


@contextmanager
def ask(adapter: Adapter, use_case: str, caller: Caller, text: str) -> Iterator[tuple[Any, str]]:
    """The stream's response, and the conversation's id if there is one."""
    resource, path, conversation = "/completions/stream", "/completions/stream", ""
    body: dict[str, Any] = {"prompt": text, "parameters": LONG}
    if use_case == "chatbot":
        conversation, body = create_conversation(caller, parameters=LONG), {"text": text}
        resource = "/conversations/{id}/messages/stream"
        path = f"/conversations/{conversation}/messages/stream"
    with adapter.ask(resource, path, body) as response:
        yield response, conversation


def test_deltas_arrive_while_the_model_generates(adapter: Adapter, use_case: str, caller: Caller) -> None:
    text = "Tell me about pumps and seals. [[simulate:slow-stream:0.5]]"
    with ask(adapter, use_case, caller, text) as (response, conversation):
        assert response.status == 200, response.read()
        arrivals = [(time.monotonic(), *event) for event in read_events(iter(response.readline, b""))]
    (first, *_), *_, (last, name, answer) = arrivals
    assert name == ("message" if conversation else "completion")
    assert len(arrivals) > 2
    assert last - first > 0.3, [(round(at - first, 2), data) for at, _, data in arrivals]
    assert "".join(data["text"] for _, event_name, data in arrivals if event_name == "delta") == (
        answer["message"]["text"] if conversation else answer["text"]
    )
    if conversation:
        assert [message["id"] for message in list_messages(caller, conversation)][1] == answer["message"]["id"]


def test_closing_the_connection_saves_nothing(adapter: Adapter, use_case: str, caller: Caller) -> None:
    text = "Tell me a long story. [[simulate:slow-stream:0.5]]"
    with ask(adapter, use_case, caller, text) as (response, conversation):
        next(read_events(iter(response.readline, b"")))
    time.sleep(4)
    if conversation:
        assert list_messages(caller, conversation) == []
    # The server still answers others.
    with ask(adapter, use_case, caller, "What does a pump do?") as (response, _):
        assert [name for name, _ in read_events(iter(response.readline, b""))][-1] in ("message", "completion")


def test_a_request_without_a_caller_is_unauthorized(adapter: Adapter) -> None:
    no_caller = {"x-amzn-request-context": "{}"}
    with adapter.ask("/completions/stream", "/completions/stream", {}, **no_caller) as response:
        assert response.status == 401
