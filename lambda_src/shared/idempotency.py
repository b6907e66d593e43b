"""Requests with one idempotency key are one: the first does the work, later ones get its response.

Powertools' Idempotency stores the response in one item, and 96 vectors exceed DynamoDB's 400 KB. Here a large response
is split into parts. The record has an owner (a random token) and a lease: when a process is killed, its lease ends and
the next request with the key takes over. A failed request releases its key.

Items: `idempotency#<digest>`, `request` holds the claim and then the response; `part#<owner>#<number>` its other parts.
"""

import hashlib
import math
import secrets
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from lambda_src.shared.context import NoIdempotency, StoredResponse
from lambda_src.shared.errors import ApiError, IdempotencyKeyReused, InProgress, InvalidRequest
from lambda_src.shared.observability import logger
from lambda_src.shared.table import Item, StaleWriteError, Table, item_key, to_item, update_arguments

KEPT_SECONDS = 24 * 3600
# A lease outlasts its request's deadline by this margin, so that the request is no longer running when it ends.
LEASE_MARGIN_SECONDS = 5
PART_BYTES = 350_000
RETRY_AFTER_SECONDS = 1


class Claim(msgspec.Struct, frozen=True):
    """One request's claim to do the work of a key."""

    key: str
    partition: str
    owner: str

    @classmethod
    def new(cls, *, caller: str, route: str, key: str) -> "Claim":
        """`route` is the method and path with their parameters: a key is the caller's, for one route."""
        digest = _digest("\n".join((caller, route, key)).encode())
        return cls(key, f"idempotency#{digest}", secrets.token_hex(16))


class IdempotencyStore(Table):
    """The idempotency keys of one use case."""

    def begin(self, claim: Claim, *, body: bytes, seconds: float) -> StoredResponse | None:
        """Takes the claim for `seconds`. Returns the stored response if there is one.

        Raises `InProgress` while the first request runs, `IdempotencyKeyReused` for another body under the same key,
        `InvalidRequest` for a key that is not 1-64 printable ASCII characters.
        """
        if not (1 <= len(claim.key) <= 64 and claim.key.isascii() and claim.key.isprintable()):
            raise InvalidRequest.at("headers.Idempotency-Key", "must be 1-64 printable ASCII characters")
        fingerprint = _digest(body)
        try:
            self._take(claim, fingerprint, math.ceil(seconds) + LEASE_MARGIN_SECONDS)
        except StaleWriteError:
            return self._stored_response(claim.partition, fingerprint)
        return None

    def finish(self, claim: Claim, status: int, body: bytes) -> None:
        """Stores the response. Does nothing when the lease was lost to another request."""
        with suppress(StaleWriteError):
            self._write_if("update_item", **self._completion(claim, status, body))

    def completion_write(self, claim: Claim, status: int, body: bytes) -> dict[str, Any]:
        """`finish` as one write of a transaction, which fails when the lease was lost."""
        return {"Update": {"TableName": self._table, **self._completion(claim, status, body)}}

    def release(self, claim: Claim) -> None:
        """Frees the key after a failure. Does nothing when the lease was lost.

        A stored response stays: the transaction that wrote it may have succeeded without its caller knowing.
        """
        with suppress(StaleWriteError):
            self._write_if(
                "delete_item",
                Key=item_key(claim.partition, "request"),
                ConditionExpression="#owner = :owner AND attribute_not_exists(#status)",
                ExpressionAttributeNames={"#owner": "owner", "#status": "status"},
                ExpressionAttributeValues={":owner": {"S": claim.owner}},
            )

    def _take(self, claim: Claim, fingerprint: str, lease_seconds: int) -> None:
        now = int(self._now())
        fields = {
            "owner": claim.owner,
            "fingerprint": fingerprint,
            "leaseUntil": now + lease_seconds,
            "expiresAt": now + KEPT_SECONDS,
        }
        self._write_if(
            "put_item",
            Item={**item_key(claim.partition, "request"), **to_item(fields)},
            ConditionExpression="attribute_not_exists(pk) OR expiresAt < :now OR leaseUntil < :now",
            ExpressionAttributeValues={":now": {"N": str(now)}},
        )

    def _completion(self, claim: Claim, status: int, body: bytes) -> dict[str, Any]:
        """The write that stores a response. Writes its further parts first."""
        packed = zlib.compress(body, 6)
        parts = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
        expires_at = int(self._now()) + KEPT_SECONDS
        for number, part in enumerate(parts[1:], 1):
            key = _part_key(claim.partition, claim.owner, number)
            self._call("put_item", Item={**key, **to_item({"part": part, "expiresAt": expires_at})})
        return {
            "Key": item_key(claim.partition, "request"),
            **update_arguments(
                {"status": status, "part": parts[0], "parts": len(parts), "expiresAt": expires_at},
                remove=["leaseUntil"],
                condition="#owner = :owner",
                names=["owner"],
                values={":owner": claim.owner},
            ),
        }

    def _stored_response(self, partition: str, fingerprint: str) -> StoredResponse:
        item = self._get(item_key(partition, "request"))
        if item and item["fingerprint"]["S"] != fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with another body.")
        if not item or "status" not in item:
            raise InProgress("The first request with this key is still running.", retry_after=RETRY_AFTER_SECONDS)
        packed = bytes(item["part"]["B"])
        for number in range(1, int(item["parts"]["N"])):
            part = self._get(_part_key(partition, item["owner"]["S"], number))
            assert part, "a response's parts are written before it and expire with it"
            packed += bytes(part["part"]["B"])
        return StoredResponse(int(item["status"]["N"]), zlib.decompress(packed))


class Idempotent(NoIdempotency):
    """The record of a request with an idempotency key. `status` and `encode` give a response in its stored form."""

    def __init__(self, store: IdempotencyStore, claim: Claim, status: int, encode: Callable[[Any], bytes]) -> None:
        self._store = store
        self._claim = claim
        self._status = status
        self._encode = encode
        self._written = False
        self._finished = False

    def begin(self, body: Any, seconds: float) -> StoredResponse | None:
        return self._store.begin(self._claim, body=msgspec.json.encode(body), seconds=seconds)

    def completion_writes(self, response: Any) -> list[dict[str, Any]]:
        self._written = True
        return [self._store.completion_write(self._claim, self._status, self._encode(response))]

    def finish(self, status: int, body: bytes) -> None:
        self._finished = True
        if not self._written:
            _ignore_failure(self._store.finish, self._claim, status, body)

    def release(self) -> None:
        if not self._finished:
            _ignore_failure(self._store.release, self._claim)


def _ignore_failure(write: Callable[..., None], *arguments: Any) -> None:
    """The work is done or has failed already: trouble with the record must not change the caller's response."""
    try:
        write(*arguments)
    except ApiError as error:
        logger.warning("idempotency record not written", error=type(error).__name__)


def _part_key(partition: str, owner: str, number: int) -> Item:
    return item_key(partition, f"part#{owner}#{number}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
