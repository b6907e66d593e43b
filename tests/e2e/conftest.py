"""Signed HTTPS calls to a deployed stage: STAGE=local (default), or one on AWS with the caller's own credentials."""

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

STAGE = os.environ.get("STAGE", "local")
ROOT = Path(__file__).parents[2]
USE_CASES = ("image-generation", "summarization", "embeddings")
SECONDS = 40


class Answer(msgspec.Struct):
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Caller:
    """Someone who signs requests; with no credentials, someone who does not."""

    def __init__(
        self, urls: dict[str, str], region: str, credentials: Credentials | None, trust: ssl.SSLContext
    ) -> None:
        self._urls = urls
        self._region = region
        self._credentials = credentials
        self._trust = trust

    def call(
        self,
        method: str,
        use_case: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        tamper: bool = False,
    ) -> Answer:
        url = self._urls[use_case].rstrip("/") + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {**({"Content-Type": "application/json"} if data is not None else {}), **(headers or {})}
        if self._credentials:
            request = AWSRequest(method=method, url=url, data=data, headers=sent)
            SigV4Auth(self._credentials, "execute-api", self._region).add_auth(request)
            sent = dict(request.headers.items())
            if tamper:
                sent["Authorization"] = sent["Authorization"][:-4] + "0000"
        return self.fetch(method, url, data, sent)

    def fetch(self, method: str, url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        assert url.startswith("https://"), url
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._trust) as answer:  # noqa: S310
                return Answer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read())


class Target:
    """Where the stage's APIs are, and who may call them."""

    def __init__(self) -> None:
        self.local = STAGE == "local"
        if self.local:
            home = ROOT / ".local"
            outputs = json.loads((home / "outputs.json").read_text())
            self.urls = {name: outputs[f"bedrock-endpoints-local-{name}"]["Url"] for name in USE_CASES}
            self.keys = json.loads((home / "callers.json").read_text())
            self.region = "us-west-2"
            self.trust = ssl.create_default_context(cafile=str(next((home / "tls").glob("ca*.pem"))))
        else:
            import boto3

            session = boto3.Session()
            parameters = session.client("ssm")
            self.region = session.region_name
            self.urls = {
                name: parameters.get_parameter(Name=f"/bedrock-endpoints/{STAGE}/{name}/url")["Parameter"]["Value"]
                for name in USE_CASES
            }
            found = session.get_credentials().get_frozen_credentials()
            self.keys = {
                "caller": {"accessKeyId": found.access_key, "secretAccessKey": found.secret_key, "token": found.token}
            }
            self.trust = ssl.create_default_context()

    def caller(self, name: str | None) -> Caller:
        if name is None:
            return Caller(self.urls, self.region, None, self.trust)
        if name not in self.keys:
            pytest.skip(f"the stage {STAGE} has no {name}")
        keys = self.keys[name]
        credentials = Credentials(keys["accessKeyId"], keys["secretAccessKey"], keys.get("token"))
        return Caller(self.urls, self.region, credentials, self.trust)


@pytest.fixture(scope="session")
def target() -> Target:
    try:
        return Target()
    except FileNotFoundError as error:
        pytest.fail(f"the local stage is not there ({error.filename}): make local")


@pytest.fixture(scope="session")
def caller(target: Target) -> Caller:
    return target.caller("caller")


@pytest.fixture(scope="session")
def neighbour(target: Target) -> Caller:
    return target.caller("neighbour")


@pytest.fixture(scope="session")
def stranger(target: Target) -> Caller:
    return target.caller("stranger")


@pytest.fixture(scope="session")
def nobody(target: Target) -> Caller:
    return target.caller(None)


@pytest.fixture
def local_only(target: Target) -> None:
    """For what only the local models do on request."""
    if not target.local:
        pytest.skip("needs the local models, which fail on request")
