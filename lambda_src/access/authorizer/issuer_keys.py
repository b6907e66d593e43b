"""The public keys of an issuer, found by its discovery document and kept in the process."""

import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Annotated, Any

import msgspec

from lambda_src.access.authorizer.identity import Rejected, Unreachable

# https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
DISCOVERY_PATH = "/.well-known/openid-configuration"
FETCH_SECONDS = 3.0
MAX_BYTES = 1_000_000
FRESH_SECONDS = 3600.0
# While the issuer does not answer. A key that it withdraws works no longer than this.
STALE_SECONDS = 24 * 3600.0
# Anyone can send tokens with unknown key ids: they must not make the function call the issuer each time.
REFETCH_SECONDS = 30.0

Fetch = Callable[[str], bytes]


class _Configuration(msgspec.Struct):
    issuer: str
    # Some providers name a policy in its query. As for issuers, plain HTTP is for this machine only.
    jwks_uri: Annotated[str, msgspec.Meta(pattern=r"^(https://|http://(localhost|127\.0\.0\.1):[0-9]{1,5}/)")]


class _JsonWebKey(msgspec.Struct):
    kty: str
    kid: str | None = None
    use: str | None = None


class _KeySet(msgspec.Struct):
    keys: list[msgspec.Raw]


class IssuerKeys:
    """One issuer's signature keys. `clock` returns seconds."""

    def __init__(self, url: str, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch or fetch_document
        self._clock = clock
        self._keys: list[tuple[str | None, dict[str, Any]]] = []
        self._fetched_at = self._tried_at = -float("inf")

    def find(self, key_id: str | None) -> dict[str, Any]:
        """The JSON Web Key with an id; without an id, the only one there is.

        Keys are fetched again every hour, and for an unknown id. Raises `Rejected` for one that does not exist, and
        `Unreachable`.
        """
        if self._age > FRESH_SECONDS:
            self._refresh()
        key = self._lookup(key_id)
        if key is None:
            self._refresh()
            key = self._lookup(key_id)
        if key is None:
            raise Rejected("the issuer has no such key")
        return key

    @property
    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _lookup(self, key_id: str | None) -> dict[str, Any] | None:
        keys = [key for each_id, key in self._keys if key_id is None or each_id == key_id]
        return keys[0] if len(keys) == 1 else None

    def _refresh(self) -> None:
        """Fetches the keys unless that was tried just now. Raises `Unreachable` when there are none to go on with."""
        if self._clock() - self._tried_at >= REFETCH_SECONDS:
            self._tried_at = self._clock()
            try:
                self._keys = self._fetched()
            except (OSError, HTTPException, ValueError) as error:
                # `HTTPException`: an answer that breaks off. `ValueError`: msgspec's errors, and one that is too long.
                if self._age > STALE_SECONDS:
                    raise Unreachable(f"{self._url}: {type(error).__name__}: {error}") from error
                return
            self._fetched_at = self._clock()
        if self._age > STALE_SECONDS:
            raise Unreachable(f"{self._url}: did not answer just now")

    def _fetched(self) -> list[tuple[str | None, dict[str, Any]]]:
        content = self._fetch(self._url.rstrip("/") + DISCOVERY_PATH)
        configuration = msgspec.json.decode(content, type=_Configuration)
        if configuration.issuer != self._url:
            raise ValueError(f"the discovery document is that of {configuration.issuer[:255]!r}")
        raw_keys = msgspec.json.decode(self._fetch(configuration.jwks_uri), type=_KeySet).keys
        keys = []
        for raw in raw_keys:
            # One that is not as it should be must not take the others with it.
            with suppress(msgspec.ValidationError):
                key = msgspec.json.decode(raw, type=_JsonWebKey)
                if key.use in (None, "sig"):
                    keys.append((key.kid, msgspec.json.decode(raw, type=dict[str, Any])))
        return keys


def fetch_document(url: str) -> bytes:
    """Raises `OSError`, `HTTPException` and `ValueError`."""
    # The scheme is checked where the address is read: in the settings, and in the discovery document.
    with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as response:  # noqa: S310
        content: bytes = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    return content
