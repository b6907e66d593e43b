"""Tokens of the local issuer and API keys: what they open, and what they do not."""

import base64
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bedrock_endpoints import local_stage
from bedrock_endpoints.discovery import parse_exports
from dev.local import ports
from dev.local.paths import Paths
from dev.local.stage import AUDIENCE, issuer_command, issuer_url
from lambda_src.registry import USE_CASES
from tests.e2e.caller import Caller, Response
from tests.e2e.conftest import With
from tests.e2e.test_contract import check_error

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("local_only")]

EMBED = ("POST", "/embeddings", {"texts": ["pump"], "dimensions": 256})
# A request to each use case that needs no preparation.
CALLS = {
    "chatbot": ("GET", "/conversations", None),
    "credit-risk": ("GET", "/scores", None),
    "embeddings": EMBED,
    "hr-qa": ("GET", "/documents", None),
    "image-generation": ("GET", "/images", None),
    "playground": ("GET", "/models", None),
    "summarization": ("GET", "/summaries", None),
}
START_SECONDS = 30
REDIRECT = "http://localhost/callback"


def sign_in(issuer: str, subject: str, client: str = AUDIENCE) -> str:
    """An ID token by the authorization code flow."""
    query = {"client_id": client, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid email"}
    with httpx.Client(trust_env=False) as http:
        response = http.post(f"{issuer}/oauth2/authorize", params=query, data={"sub": subject})
        (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        tokens = http.post(f"{issuer}/oauth2/token", data={**form, "client_id": client, "client_secret": "any"})
    return str(tokens.json()["id_token"])


@contextmanager
def another_issuer() -> Iterator[str]:
    """An issuer that the stage does not know."""
    port = ports.choose()
    with subprocess.Popen(issuer_command(Path(sys.executable), port), stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + START_SECONDS
            while ports.is_free(port) and process.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            yield issuer_url(port)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def issuer() -> str:
    return parse_exports((Paths().home / "env").read_text("utf-8"))["ISSUER_URL"]


@pytest.fixture(scope="module")
def ana(issuer: str) -> str:
    return sign_in(issuer, f"ana-{uuid.uuid4().hex[:8]}")


def send(caller: Caller, use_case: str) -> Response:
    method, path, body = CALLS[use_case]
    return caller.call(method, use_case, path, body)


def test_every_use_case_is_called() -> None:
    assert CALLS.keys() == {use_case.id for use_case in USE_CASES}


@pytest.mark.parametrize("use_case", CALLS)
def test_a_token_and_a_key_call_every_use_case(
    use_case: str, ana: str, using: With, new_key: Callable[..., Any]
) -> None:
    for credentials in (ana, new_key()["key"]):
        response = send(using(credentials), use_case)
        assert response.status == 200, response.raw


def test_what_a_person_stores_is_theirs(issuer: str, ana: str, using: With, new_key: Callable[..., Any]) -> None:
    created = using(ana).call("POST", "chatbot", "/conversations", {"title": "Mine"})
    path = f"/conversations/{created.body['id']}"
    subject = json.loads(base64.urlsafe_b64decode(ana.split(".")[1] + "=="))["sub"]

    # The same person with another token.
    assert using(sign_in(issuer, subject)).call("GET", "chatbot", path).status == 200
    for other in (sign_in(issuer, "rui"), new_key(owner=subject)["key"]):
        check_error(using(other).call("GET", "chatbot", path), 404, "not_found")
    assert using(ana).call("DELETE", "chatbot", path).status == 204


def test_keys_of_one_owner_share_what_is_stored(using: With, new_key: Callable[..., Any]) -> None:
    first = new_key()
    second = new_key(owner=first["owner"])
    created = using(first["key"]).call("POST", "chatbot", "/conversations", {})

    path = f"/conversations/{created.body['id']}"
    assert using(second["key"]).call("DELETE", "chatbot", path).status == 204


def test_another_issuer_another_audience_and_no_signature(issuer: str, ana: str, using: With) -> None:
    header, content, signature = ana.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    with another_issuer() as url:
        foreign = sign_in(url, "ana")
    wrong = {
        "another issuer": foreign,
        "another audience": sign_in(issuer, "ana", client="another-api"),
        "no signature": f"{none}.{content}.",
        "another signature": f"{header}.{content}.{signature[::-1]}",
    }
    for name, token in wrong.items():
        response = using(token).call("GET", "summarization", "/summaries")
        assert (name, response.status, response.code) == (name, 401, "unauthorized")


def test_a_signature_of_iam_is_not_for_the_second_api(caller: Caller, using: With, ana: str) -> None:
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-west-2/execute-api/aws4_request"}
    response = using(ana)
    stage = Caller(local_stage(Paths().home, token=ana), signed=False)
    with closing(stage):
        check_error(stage.call("GET", "summarization", "/summaries", headers=headers), 401, "unauthorized")
    assert response.call("GET", "summarization", "/summaries").status == 200


def test_a_rotated_and_a_revoked_key_end(caller: Caller, using: With, new_key: Callable[..., Any]) -> None:
    old = new_key()
    path = f"/admin/keys/{old['id']}"
    new = caller.call("POST", "access", f"{path}/rotations", {"overlapSeconds": 0}).body

    # The gateway keeps the answer for a key for half a minute, for each API separately.
    check_error(send(using(old["key"]), "embeddings"), 401, "unauthorized")
    assert send(using(new["key"]), "embeddings").status == 200
    assert caller.call("DELETE", "access", path).status == 204
    check_error(send(using(new["key"]), "playground"), 401, "unauthorized")
    assert caller.call("GET", "access", path).body["status"] == "revoked"


def test_a_key_is_for_its_use_cases_and_models_only(using: With, new_key: Callable[..., Any]) -> None:
    limited = using(new_key(useCases=["playground"], models=["amazon.nova-micro-v1:0"])["key"])

    check_error(send(limited, "chatbot"), 403, "forbidden")
    prompt = {"prompt": "Name a color.", "parameters": {"maxTokens": 10}}
    own = limited.call("POST", "playground", "/completions", prompt)
    assert (own.status, own.body["model"].rpartition("amazon.")[2]) == (200, "nova-micro-v1:0")
    models = [each["id"] for each in limited.call("GET", "playground", "/models").body["items"]]
    other = next(model for model in models if "nova-micro" not in model)
    check_error(limited.call("POST", "playground", "/completions", {**prompt, "model": other}), 403, "forbidden")
    comparison = {"prompt": "Name a color.", "models": [own.body["model"], other]}
    check_error(limited.call("POST", "playground", "/comparisons", comparison), 403, "forbidden")


def test_neither_tokens_nor_keys_manage_keys(using: With, ana: str, new_key: Callable[..., Any]) -> None:
    for credentials in (ana, new_key()["key"]):
        response = using(credentials).call("GET", "access", "/admin/keys")
        assert response.status in (401, 403), response.raw


def test_a_stream_with_a_key(using: With, new_key: Callable[..., Any]) -> None:
    caller = using(new_key()["key"])
    created = caller.call("POST", "chatbot", "/conversations", {})
    path = f"/conversations/{created.body['id']}"

    response = caller.call("POST", "chatbot", f"{path}/messages/stream", {"text": "Hello."})

    assert response.status == 200
    assert b"event: message" in response.raw
    assert caller.call("DELETE", "chatbot", path).status == 204
