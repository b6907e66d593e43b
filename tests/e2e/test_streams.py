"""The deployed stage's streams under a plain ASGI server, as the web adapter finds them: pieces come as they are made.

The emulator's gateway passes whole answers only. So the application of the function that streams on AWS is run here,
with the environment and the role of the deployed function, against the emulated AWS.
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

from dev.local.ports import choose, is_free
from dev.tools.caller import ROOT, Caller, Target
from tests.e2e.streams import read
from tests.e2e.test_chatbot import begin, messages

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

# Several sentences: the guardrail lets a whole one through at a time.
LONG = {"temperature": 0, "maxTokens": 150}


class Adapter:
    """What AWS Lambda Web Adapter sends: the gateway's context and Lambda's in headers."""

    def __init__(self, port: int, caller: str) -> None:
        self._port = port
        self._caller = caller

    @contextmanager
    def ask(self, resource: str, path: str, body: Any, **headers: str) -> Iterator[Any]:
        context = {"requestId": str(uuid.uuid4()), "resourcePath": resource, "identity": {"userArn": self._caller}}
        told = {
            "Content-Type": "application/json",
            "x-amzn-request-context": json.dumps(context),
            "x-amzn-lambda-context": json.dumps({"deadline": round((time.time() + 300) * 1000)}),
        }
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("POST", f"/v1{path}", json.dumps(body), {**told, **headers})
            with closing(connection.getresponse()) as response:
                yield response


def clients(target: Target) -> Any:
    """Makes clients of the emulator, by its root key."""
    home = ROOT / ".local"
    port = json.loads((home / "ports.json").read_text())["emulator"]
    verify = str(next((home / "tls").glob("ca*.pem")))

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"https://127.0.0.1:{port}",
            verify=verify,
            region_name=target.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}),
        )

    return client, f"https://127.0.0.1:{port}", verify


def start(target: Target, use_case: str) -> tuple[subprocess.Popen[bytes], int]:
    client, endpoint, bundle = clients(target)
    (function,) = [
        one for one in client("lambda").list_functions()["Functions"] if one["Handler"] == f"{use_case}.handler.handler"
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
        "AWS_REGION": target.region,
        "AWS_DEFAULT_REGION": target.region,
        "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["SessionToken"],
        "AWS_LAMBDA_FUNCTION_NAME": function["FunctionName"],
        "NO_PROXY": "127.0.0.1",
    }
    server = subprocess.Popen([sys.executable, "-m", f"lambda_src.{use_case}.stream"], env=environment, cwd="/")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not is_free(port):
            return server, port
        time.sleep(0.05)
    server.kill()
    raise AssertionError("the server did not come up")


@pytest.fixture(scope="module", params=["chatbot", "playground"])
def use_case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def adapter(target: Target, use_case: str) -> Iterator[Adapter]:
    client, *_ = clients(target)
    # Whose conversations are asked for: the local stage's caller.
    key = target.keys["caller"]["accessKeyId"]
    user = client("iam").get_access_key_last_used(AccessKeyId=key)["UserName"]
    arn = client("iam").get_user(UserName=user)["User"]["Arn"]
    server, port = start(target, use_case)
    yield Adapter(port, arn)
    server.terminate()
    server.wait(10)


@contextmanager
def ask(adapter: Adapter, use_case: str, caller: Caller, text: str) -> Iterator[tuple[Any, str]]:
    """The stream's response, and the conversation if there is one."""
    resource, path, conversation = "/completions/stream", "/completions/stream", ""
    body: dict[str, Any] = {"prompt": text, "parameters": LONG}
    if use_case == "chatbot":
        conversation, body = begin(caller, parameters=LONG), {"text": text}
        resource = "/conversations/{id}/messages/stream"
        path = f"/conversations/{conversation}/messages/stream"
    with adapter.ask(resource, path, body) as response:
        yield response, conversation


def test_pieces_arrive_while_the_model_still_writes(adapter: Adapter, use_case: str, caller: Caller) -> None:
    words = "Tell me about pumps and seals. [[simulate:slow-stream:0.5]]"
    with ask(adapter, use_case, caller, words) as (response, conversation):
        assert response.status == 200, response.read()
        came = [(time.monotonic(), name, data) for name, data in read(iter(response.readline, b""))]
    (first, *_), *_, (last, name, answer) = came
    assert name == ("message" if conversation else "completion")
    assert len(came) > 2
    assert last - first > 0.3, [(round(at - first, 2), data) for at, _, data in came]
    assert "".join(data["text"] for _, kind, data in came if kind == "delta") == (
        answer["message"]["text"] if conversation else answer["text"]
    )
    if conversation:
        assert [one["id"] for one in messages(caller, conversation)][1] == answer["message"]["id"]


def test_who_hangs_up_leaves_nothing(adapter: Adapter, use_case: str, caller: Caller) -> None:
    words = "Tell me a long story. [[simulate:slow-stream:0.5]]"
    with ask(adapter, use_case, caller, words) as (response, conversation):
        next(read(iter(response.readline, b"")))
    time.sleep(4)
    if conversation:
        assert messages(caller, conversation) == []
    # And it goes on answering others.
    with ask(adapter, use_case, caller, "What does a pump do?") as (response, _):
        assert [name for name, _ in read(iter(response.readline, b""))][-1] in ("message", "completion")


def test_who_is_nobody_is_not_answered(adapter: Adapter) -> None:
    nobody = {"x-amzn-request-context": "{}"}
    with adapter.ask("/completions/stream", "/completions/stream", {}, **nobody) as response:
        assert response.status == 401
