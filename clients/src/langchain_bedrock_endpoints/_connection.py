"""Where an API is and who calls it: what all classes of this package have in common."""

import asyncio
import json
import os
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from langchain_core.utils import from_env, secret_from_env
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from langchain_bedrock_endpoints._version import __version__
from langchain_bedrock_endpoints.errors import ConfigurationError

UseCase = Literal["playground", "embeddings", "hr-qa", "chatbot"]
Token = SecretStr | Callable[[], str]

STAGE = "BEDROCK_ENDPOINTS_STAGE"
TOKEN = "BEDROCK_ENDPOINTS_TOKEN"  # noqa: S105 (a name)
CONNECT_SECONDS = 10
# The gateway's own host names; a domain of one's own says nothing of the region.
GATEWAY_HOST = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")


class EndpointOptions(TypedDict, total=False):
    """`Endpoint`'s fields as keyword arguments."""

    base_url: str | None
    stage: str | None
    token: Token | str | None
    api_key: Token | str | None
    region_name: str | None
    credentials_profile_name: str | None
    timeout: float
    max_retries: int


class Endpoint(BaseModel):
    """Where a use case's API is, who calls it, and how patiently."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    base_url: str | None = None
    """The API's address, as the stack's output `Url` has it. Without it the address is found by `stage`."""

    stage: str | None = Field(default_factory=from_env(STAGE, default=None))
    """A deployed stage: `local` is looked up in `.local/outputs.json` of the working folder or one above it, any other
    in the SSM parameter `/bedrock-endpoints/<stage>/<use-case>/url`. Environment: `BEDROCK_ENDPOINTS_STAGE`."""

    token: Token | None = Field(alias="api_key", default_factory=secret_from_env(TOKEN, default=None))
    """A Cognito token for stages with that kind of `auth`, or what gives one: it is asked before each request, so it
    can renew what has run out. Without a token requests are signed (SigV4) with the credentials that AWS's own tools
    would find. Environment: `BEDROCK_ENDPOINTS_TOKEN`."""

    region_name: str | None = None
    """The API's region. Default: the one in the address, or that of the AWS configuration."""

    credentials_profile_name: str | None = None
    """The profile of the AWS configuration to sign with. Default: as AWS's own tools choose."""

    timeout: float = Field(default=60, gt=0)
    """Seconds to wait for an answer, or for the next piece of a stream."""

    max_retries: int = Field(default=2, ge=0)
    """How often a request is sent again when it was throttled, the API was unavailable, or the connection failed."""


class Signature(httpx.Auth):
    """SigV4 with credentials that renew themselves."""

    requires_request_body = True

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        self._sign(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        # Credentials that have run out are renewed over the network.
        await asyncio.to_thread(self._sign, request)
        yield request

    def _sign(self, request: httpx.Request) -> None:
        named = ("Content-Type", "Idempotency-Key")
        headers = {name: request.headers[name] for name in named if name in request.headers}
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=headers)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))


class Bearer(httpx.Auth):
    """A Cognito token."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        self._show(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await asyncio.to_thread(self._show, request)
        yield request

    def _show(self, request: httpx.Request) -> None:
        token = self._token.get_secret_value() if isinstance(self._token, SecretStr) else self._token()
        request.headers["Authorization"] = f"Bearer {token}"


@dataclass(frozen=True)
class Line:
    """A connection that is ready to be made."""

    url: str
    auth: httpx.Auth
    trust: ssl.SSLContext
    timeout: float

    def client(self) -> httpx.Client:
        return httpx.Client(**self._options())

    def async_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(**self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "auth": self.auth,
            "verify": self.trust,
            "timeout": httpx.Timeout(self.timeout, connect=min(self.timeout, CONNECT_SECONDS)),
            "headers": {"User-Agent": f"langchain-bedrock-endpoints/{__version__}"},
        }


def connect(endpoint: Endpoint, use_case: UseCase) -> Line:
    """Looks up what is not given. Raises `ConfigurationError` for what cannot be found."""
    try:
        session = Session(profile=endpoint.credentials_profile_name)
        region = endpoint.region_name or os.environ.get("AWS_REGION") or session.get_config_variable("region")
        url = (endpoint.base_url or _url(endpoint.stage, use_case, session, region)).rstrip("/")
        _check(url)
        return Line(url, _auth(endpoint, url, session, region), _trust(session), endpoint.timeout)
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(f"AWS's configuration or answer is of no use here: {error}") from error


def _url(stage: str | None, use_case: UseCase, session: Session, region: str | None) -> str:
    if stage is None:
        raise ConfigurationError(f"where is the API? Give base_url or stage, or set {STAGE}.")
    if stage == "local":
        return _local_url(use_case)
    name = f"/bedrock-endpoints/{stage}/{use_case}/url"
    parameters = session.create_client("ssm", region_name=region)
    try:
        return str(parameters.get_parameter(Name=name)["Parameter"]["Value"])
    except parameters.exceptions.ParameterNotFound as error:
        raise ConfigurationError(f"there is no parameter {name}: is that stage deployed in {region}?") from error


def _local_url(use_case: UseCase) -> str:
    here = Path.cwd()
    path = next((path for folder in (here, *here.parents) if (path := folder / ".local/outputs.json").exists()), None)
    if path is None:
        raise ConfigurationError(
            f"there is no .local/outputs.json in {here} or above: has 'make local' been run there?"
        )
    try:
        return str(json.loads(path.read_text("utf-8"))[f"bedrock-endpoints-local-{use_case}"]["Url"])
    except KeyError as error:
        raise ConfigurationError(f"{path} has no {error}: is {use_case} deployed?") from error


def _check(url: str) -> None:
    parts = httpx.URL(url)
    # What is sent is somebody's, and a token in clear text is everybody's.
    if parts.scheme != "https" and parts.host not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigurationError(f"not an HTTPS address: {url}")


def _auth(endpoint: Endpoint, url: str, session: Session, region: str | None) -> httpx.Auth:
    if endpoint.token:
        return Bearer(endpoint.token)
    credentials = session.get_credentials()
    if credentials is None:
        raise ConfigurationError(
            f"who calls? There are no AWS credentials; for a stage with Cognito give token, or {TOKEN}."
        )
    told = GATEWAY_HOST.search(httpx.URL(url).host)
    signed_for = endpoint.region_name or (told[1] if told else region)
    if signed_for is None:
        raise ConfigurationError("in which region is the API? Give region_name, or set AWS_REGION.")
    return Signature(credentials, signed_for)


def _trust(session: Session) -> ssl.SSLContext:
    bundle = session.get_config_variable("ca_bundle")
    try:
        return ssl.create_default_context(cafile=bundle) if bundle else httpx.create_ssl_context()
    except OSError as error:
        raise ConfigurationError(f"the bundle of authorities (AWS_CA_BUNDLE) cannot be read: {error}") from error
