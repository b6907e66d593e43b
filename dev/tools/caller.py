"""Signed HTTPS calls to a deployed stage's APIs: the local one, or one on AWS with the caller's own credentials."""

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambda_src import registry

ROOT = Path(__file__).parents[2]
USE_CASES = tuple(use_case.id for use_case in registry.USE_CASES)
SECONDS = 40


class StageMissing(Exception):
    """The stage is not deployed where it was looked for; the message says what to do."""


class UnknownCaller(LookupError):
    """The stage has no credentials under that name."""


class Answer(msgspec.Struct):
    """An API's answer."""

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
        """A call of a use case's API; `body` goes as JSON unless it is bytes."""
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

    def upload(self, upload: Mapping[str, Any], content: bytes) -> Answer:
        """Posts a file by the form that `POST /documents` answers with."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in upload["fields"].items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.fetch("POST", upload["url"], body, headers)

    def fetch(self, method: str, url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """A request as it is, such as one to a presigned URL."""
        if not url.startswith("https://"):
            raise ValueError(f"not an HTTPS address: {url}")
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS, context=self._trust) as answer:  # noqa: S310
                return Answer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read())


class Target:
    """Where a stage's APIs are, and who may call them. Raises `StageMissing`."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.local = stage == "local"
        self.urls: dict[str, str] = {}
        self.keys: dict[str, dict[str, str]] = {}
        if self.local:
            self._read_local(ROOT / ".local")
        else:
            self._ask_aws()

    def _read_local(self, home: Path) -> None:
        try:
            outputs = json.loads((home / "outputs.json").read_text())
            self.keys = json.loads((home / "callers.json").read_text())
        except FileNotFoundError as error:
            raise StageMissing(f"the local stage is not there ({error.filename}): make local") from error
        self.urls = {name: outputs[f"bedrock-endpoints-local-{name}"]["Url"] for name in USE_CASES}
        self.region = "us-west-2"
        self.trust = ssl.create_default_context(cafile=str(next((home / "tls").glob("ca*.pem"))))

    def _ask_aws(self) -> None:
        import boto3

        session = boto3.Session()
        parameters = session.client("ssm")
        self.region = session.region_name
        for name in USE_CASES:
            path = f"/bedrock-endpoints/{self.stage}/{name}/url"
            try:
                self.urls[name] = parameters.get_parameter(Name=path)["Parameter"]["Value"]
            except parameters.exceptions.ParameterNotFound as error:
                raise StageMissing(f"there is no parameter {path}: make deploy STAGE={self.stage}") from error
        found = session.get_credentials().get_frozen_credentials()
        self.keys = {
            "caller": {"accessKeyId": found.access_key, "secretAccessKey": found.secret_key, "token": found.token}
        }
        self.trust = ssl.create_default_context()

    def caller(self, name: str | None) -> Caller:
        """One of the stage's callers; None signs nothing. Raises `UnknownCaller`."""
        if name is None:
            return Caller(self.urls, self.region, None, self.trust)
        if name not in self.keys:
            raise UnknownCaller(f"the stage {self.stage} has no {name}")
        keys = self.keys[name]
        credentials = Credentials(keys["accessKeyId"], keys["secretAccessKey"], keys.get("token"))
        return Caller(self.urls, self.region, credentials, self.trust)
