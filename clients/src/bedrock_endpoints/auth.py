"""Authentication of requests: SigV4 signatures and bearer tokens."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from bedrock_endpoints.errors import ConfigurationError, CredentialsError

# The gateway's own host names; a custom domain does not contain the region.
_GATEWAY_HOST = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
_SIGNED_HEADERS = ("Content-Type", "Idempotency-Key")


def gateway_region(url: str) -> str | None:
    """The region in the host name of an API Gateway URL."""
    match = _GATEWAY_HOST.search(httpx.URL(url).host)
    return match[1] if match else None


class SigV4(httpx.Auth):
    """Signs each request with the credentials that are current at that moment.

    `credentials` returns botocore credentials, or None if there are none. Without `region`, the region is the one in
    the request's host name, else `default_region`.
    """

    requires_request_body = True

    def __init__(
        self, credentials: Callable[[], Any], *, region: str | None = None, default_region: str | None = None
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._default_region = default_region

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.read()
        self._sign(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await request.aread()
        # Finding or refreshing credentials may use the network.
        await asyncio.to_thread(self._sign, request)
        yield request

    def _sign(self, request: httpx.Request) -> None:
        headers = {name: request.headers[name] for name in _SIGNED_HEADERS if name in request.headers}
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=headers)
        region = self._region or gateway_region(str(request.url)) or self._default_region
        if region is None:
            raise ConfigurationError("The API's region is unknown: pass a region, or set AWS_REGION.")
        SigV4Auth(self._frozen_credentials(), "execute-api", region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))

    def _frozen_credentials(self) -> Any:
        try:
            credentials = self._credentials()
            if credentials is not None:
                return credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise CredentialsError(f"The AWS credentials could not be loaded or refreshed: {error}") from error
        raise CredentialsError(
            "There are no AWS credentials. If the stage takes tokens or API keys, pass one as the token, or set "
            "BEDROCK_ENDPOINTS_TOKEN."
        )


class Bearer(httpx.Auth):
    """Sends a token or an API key. A callable is called before each request, so it can renew the token."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        self._authorize(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await asyncio.to_thread(self._authorize, request)
        yield request

    def _authorize(self, request: httpx.Request) -> None:
        token = self._token if isinstance(self._token, str) else self._token()
        request.headers["Authorization"] = f"Bearer {token}"
