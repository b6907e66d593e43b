"""Equal requests are one: a key's first request does the work, later ones get its answer.

Why not Powertools' Idempotency: it keeps the answer in one item, and 96 vectors are more than DynamoDB's 400 KB. Here a
large answer is cut into parts. The record has an owner (a random token) and a lease; a process killed in its work loses
the lease, and the next request with the key takes over. A failed request gives the key back.
"""

import hashlib
import math
import secrets
import time
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import aws
from lambda_src.shared.errors import IdempotencyKeyReused, InProgress, InvalidRequest
from lambda_src.shared.store import unavailable

KEPT_SECONDS = 24 * 3600
# A lease outlasts its request's deadline by so much: when it has passed, the request can no longer be running.
LEASE_MARGIN_SECONDS = 5
PART_BYTES = 350_000
RETRY_AFTER_SECONDS = 1


class Claim(msgspec.Struct, frozen=True):
    """The right to do the work of one key."""

    pk: str
    owner: str


class StoredResponse(msgspec.Struct, frozen=True):
    """What was answered the first time."""

    status: int
    body: bytes


class IdempotencyStore:
    """The keys of one use case, in its table."""

    def __init__(self, table: str, client: Any = None, now: Callable[[], float] = time.time) -> None:
        self._table = table
        self._dynamodb = client or aws.store_client("dynamodb")
        self._now = now

    def begin(self, *, caller: str, route: str, key: str, body: bytes, seconds: float) -> Claim | StoredResponse:
        """A claim to do the work within so many seconds, or the first answer.

        Raises `InProgress` while the first request runs, `IdempotencyKeyReused` for another body under the same key,
        `InvalidRequest` for a key that is not 1-64 printable ASCII characters.
        """
        if not (1 <= len(key) <= 64 and key.isascii() and key.isprintable()):
            raise InvalidRequest.at("headers.Idempotency-Key", "must be 1-64 printable ASCII characters")
        claim = Claim(_digest("\n".join((caller, route, key)).encode()), secrets.token_hex(16))
        fingerprint = _digest(body)
        try:
            if self._claim(claim, fingerprint, math.ceil(seconds) + LEASE_MARGIN_SECONDS):
                return claim
            return self._first_answer(claim.pk, fingerprint)
        except BotoCoreError as error:
            raise unavailable(error) from error

    def finish(self, claim: Claim, status: int, body: bytes) -> None:
        """Keep the answer. Does nothing when the lease was lost to another request."""
        _if_owned(self._dynamodb.update_item, self._finishing(claim, status, body))

    def completion_write(self, claim: Claim, status: int, body: bytes) -> dict[str, Any]:
        """The same as a part of a transaction, which then fails when the lease was lost."""
        return {"Update": self._finishing(claim, status, body)}

    def release(self, claim: Claim) -> None:
        """The work failed: the key is free again. An answer that was kept stays: it may not be known to have been."""
        _if_owned(
            self._dynamodb.delete_item,
            self._owned(claim, "attribute_not_exists(#status)", {}, {"#status": "status"}),
        )

    def _finishing(self, claim: Claim, status: int, body: bytes) -> dict[str, Any]:
        """The last write that keeps an answer, after those of a large answer's further parts."""
        packed = zlib.compress(body, 6)
        parts = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
        expires = self._seconds(KEPT_SECONDS)
        for number, part in enumerate(parts[1:], 1):
            self._dynamodb.put_item(
                TableName=self._table,
                Item={**_key(claim.pk, _part(claim.owner, number)), "part": {"B": part}, "expiresAt": expires},
            )
        update = "SET #status = :status, part = :part, parts = :parts, expiresAt = :expires REMOVE leaseUntil"
        values = {
            ":status": {"N": str(status)},
            ":part": {"B": parts[0]},
            ":parts": {"N": str(len(parts))},
            ":expires": expires,
        }
        return {"UpdateExpression": update, **self._owned(claim, "", values, {"#status": "status"})}

    def _claim(self, claim: Claim, fingerprint: str, lease: int) -> bool:
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(claim.pk, "request"),
                    "owner": {"S": claim.owner},
                    "fingerprint": {"S": fingerprint},
                    "leaseUntil": self._seconds(lease),
                    "expiresAt": self._seconds(KEPT_SECONDS),
                },
                ConditionExpression="attribute_not_exists(pk) OR expiresAt < :now OR leaseUntil < :now",
                ExpressionAttributeValues={":now": self._seconds(0)},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise unavailable(error) from error
            return False
        return True

    def _first_answer(self, pk: str, fingerprint: str) -> StoredResponse:
        item = self._get(pk, "request")
        if item and item["fingerprint"]["S"] != fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with another body.")
        if not item or "status" not in item:
            raise InProgress("The first request with this key is still running.", retry_after=RETRY_AFTER_SECONDS)
        packed = bytes(item["part"]["B"])
        for number in range(1, int(item["parts"]["N"])):
            packed += bytes(self._get(pk, _part(item["owner"]["S"], number))["part"]["B"])
        return StoredResponse(int(item["status"]["N"]), zlib.decompress(packed))

    def _get(self, pk: str, sk: str) -> dict[str, Any]:
        try:
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        except ClientError as error:
            raise unavailable(error) from error
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _owned(self, claim: Claim, condition: str, values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
        """A write to the claim's record on condition that it is still its owner's."""
        return {
            "TableName": self._table,
            "Key": _key(claim.pk, "request"),
            "ConditionExpression": " AND ".join(filter(None, ("#owner = :owner", condition))),
            "ExpressionAttributeValues": {**values, ":owner": {"S": claim.owner}},
            "ExpressionAttributeNames": {**names, "#owner": "owner"},
        }

    def _seconds(self, ahead: int) -> dict[str, str]:
        return {"N": str(int(self._now()) + ahead)}


def _if_owned(write: Callable[..., Any], request: dict[str, Any]) -> None:
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": f"idempotency#{pk}"}, "sk": {"S": sk}}


def _part(owner: str, number: int) -> str:
    return f"part#{owner}#{number}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
