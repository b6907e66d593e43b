"""Requests with one idempotency key are one: the first does the work, later ones get its response.

Powertools' Idempotency stores the response in one item, and 96 vectors exceed DynamoDB's 400 KB. Here a large response
is split into parts. The record has an owner (a random token) and a lease: when a process is killed, its lease ends and
the next request with the key takes over. A failed request releases its key.

A response that contains data of a resource (a report, a conversation, a document) is erased with it: links lead from
the resource, and from the caller, to the responses. `forget` marks the resource as deleted before it follows the
links, and a response is stored with its links in one transaction that requires the mark's absence, so none is missed.
The key of an erased response stays used.

Items: `idempotency#<digest>`, `request` holds the claim and then the response; `part#<owner>#<number>` its other parts.
`kept#<digest of the resource or caller>`, `idempotency#<digest>` is a link, and `deleted` the mark.
"""

import hashlib
import math
import secrets
import zlib
from collections.abc import Callable, Collection, Sequence
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
# The sort key of a deleted resource's mark.
_DELETED = "deleted"


class Claim(msgspec.Struct, frozen=True):
    """One request's claim to do the work of a key."""

    key: str
    partition: str
    owner: str
    caller: str

    @classmethod
    def new(cls, *, caller: str, route: str, key: str) -> "Claim":
        """`route` is the method and path with their parameters: a key is the caller's, for one route."""
        digest = _digest("\n".join((caller, route, key)).encode())
        return cls(key, f"idempotency#{digest}", secrets.token_hex(16), caller)


class IdempotencyStore(Table):
    """The idempotency keys of one use case."""

    @classmethod
    def of(cls, table: Table) -> "IdempotencyStore":
        """The keys in the same table as other items of the use case."""
        return cls(table._table, table._dynamodb, table._now, table._sleep)

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

    def finish(self, claim: Claim, status: int, body: bytes, resources: Sequence[str] = ()) -> None:
        """Stores the response. Does nothing when the lease was lost to another request.

        When one of the resources has been deleted, the key is used but the response is not kept.
        """
        parts = self._write_parts(claim, body)
        if not resources:
            # The caller's link needs no transaction, which would double the cost of a large response.
            self._call("put_item", Item=self._link(claim, claim.caller, len(parts)))
            with suppress(StaleWriteError):
                self._write_if("update_item", **self._completion(claim, status, parts))
            return
        reasons = self._transact(self._linked_writes(claim, status, parts, resources))
        if "ConditionalCheckFailed" in reasons[1:]:
            # One of the resources was deleted in the meantime.
            self._erase(claim.partition, claim.owner, len(parts))

    def completion_writes(
        self, claim: Claim, status: int, body: bytes, resources: Sequence[str] = (), detail: str | None = None
    ) -> list[dict[str, Any]]:
        """`finish` as writes of a transaction, which fails when the lease was lost or a resource was deleted.

        `detail` is the id of what the response contains of the resources, for `forget_details`.
        """
        return self._linked_writes(claim, status, self._write_parts(claim, body), resources, detail)

    def _linked_writes(
        self, claim: Claim, status: int, parts: Sequence[bytes], resources: Sequence[str], detail: str | None = None
    ) -> list[dict[str, Any]]:
        links = [self._link(claim, name, len(parts), detail) for name in dict.fromkeys((claim.caller, *resources))]
        return [
            {"Update": {"TableName": self._table, **self._completion(claim, status, parts)}},
            *[{"Put": {"TableName": self._table, "Item": link}} for link in links],
            *[self.require_not_deleted(resource) for resource in dict.fromkeys(resources)],
        ]

    def forget(self, resource: str) -> None:
        """Erases the kept responses of a resource that is being deleted, also of requests that are still running."""
        partition = kept_partition(resource)
        expires_at = int(self._now()) + KEPT_SECONDS
        self._call("put_item", Item={**item_key(partition, _DELETED), **to_item({"expiresAt": expires_at})})
        self._erase_linked(partition)

    def require_not_deleted(self, resource: str) -> dict[str, Any]:
        """A write of a transaction that fails once `forget` was called for the resource."""
        return {"ConditionCheck": self._not_deleted(resource)}

    def forget_details(self, resource: str, details: Collection[str]) -> None:
        """Erases the kept responses that contain these details of a resource. The resource remains."""
        self._erase_linked(kept_partition(resource), details)

    def forget_caller(self, caller: str, limit: int) -> tuple[int, int]:
        """Erases up to `limit` kept responses to a caller's finished requests. Returns how many it found, and how many
        of them were not erased before, with a resource."""
        partition = kept_partition(caller)
        items = self._query(partition, limit=limit, forward=True, consistent=True).items
        return len(items), sum(self._erase_link(partition, item) for item in items)

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

    def _write_parts(self, claim: Claim, body: bytes) -> list[bytes]:
        """The response's parts. Writes all but the first, which the request's item holds."""
        packed = zlib.compress(body, 6)
        parts = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
        expires_at = int(self._now()) + KEPT_SECONDS
        for number, part in enumerate(parts[1:], 1):
            key = _part_key(claim.partition, claim.owner, number)
            self._call("put_item", Item={**key, **to_item({"part": part, "expiresAt": expires_at})})
        return parts

    def _completion(self, claim: Claim, status: int, parts: Sequence[bytes]) -> dict[str, Any]:
        """The write that stores a response."""
        expires_at = int(self._now()) + KEPT_SECONDS
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

    def _link(self, claim: Claim, name: str, parts: int, detail: str | None = None) -> Item:
        fields = {"owner": claim.owner, "parts": parts, "detail": detail, "expiresAt": int(self._now()) + KEPT_SECONDS}
        return {**item_key(kept_partition(name), claim.partition), **to_item(fields)}

    def _not_deleted(self, resource: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": item_key(kept_partition(resource), _DELETED),
            "ConditionExpression": "attribute_not_exists(pk)",
        }

    def _erase_linked(self, partition: str, details: Collection[str] | None = None) -> None:
        """Erases the responses of a partition's links, or of those to one of the details."""
        cursor: str | None = None
        while True:
            page = self._query(partition, cursor=cursor, forward=True, consistent=True)
            for item in page.items:
                if item["sk"]["S"] != _DELETED and (details is None or item.get("detail", {}).get("S") in details):
                    self._erase_link(partition, item)
            cursor = page.cursor
            if cursor is None:
                return

    def _erase_link(self, partition: str, link: Item) -> bool:
        """Erases the response of a link, then the link. Returns whether there was a response."""
        erased = self._erase(link["sk"]["S"], link["owner"]["S"], int(link["parts"]["N"]))
        self._call("delete_item", Key=item_key(partition, link["sk"]["S"]))
        return erased

    def _erase(self, partition: str, owner: str, parts: int) -> bool:
        """Deletes a response's content, and marks its key as used. Returns whether it was not so before."""
        for number in range(1, parts):
            self._call("delete_item", Key=_part_key(partition, owner, number))
        arguments = update_arguments(
            {"erased": 1},
            remove=["part", "parts", "leaseUntil"],
            condition="#owner = :owner AND attribute_not_exists(erased)",
            names=["owner"],
            values={":owner": owner},
        )
        try:
            self._write_if("update_item", Key=item_key(partition, "request"), **arguments)
        except StaleWriteError:
            return False
        return True

    def _stored_response(self, partition: str, fingerprint: str) -> StoredResponse:
        item = self._get(item_key(partition, "request"))
        if item and item["fingerprint"]["S"] != fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with another body.")
        if item and "erased" in item:
            raise IdempotencyKeyReused("The response to this idempotency key was deleted, with what it contained.")
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
        self._resources: list[str] = []
        self._detail: str | None = None
        self._written = False
        self._finished = False
        self._discarded = False

    def begin(self, body: Any, seconds: float) -> StoredResponse | None:
        return self._store.begin(self._claim, body=msgspec.json.encode(body), seconds=seconds)

    def keep_with(self, *resources: str, detail: str | None = None) -> None:
        self._resources += resources
        self._detail = detail

    def completion_writes(self, response: Any) -> list[dict[str, Any]]:
        self._written = True
        body = self._encode(response)
        return self._store.completion_writes(self._claim, self._status, body, self._resources, self._detail)

    def discard(self) -> None:
        self._discarded = True

    def finish(self, status: int, body: bytes) -> None:
        if self._discarded:
            self.release()
            return
        self._finished = True
        if not self._written:
            _ignore_failure(self._store.finish, self._claim, status, body, self._resources)

    def release(self) -> None:
        if not self._finished:
            _ignore_failure(self._store.release, self._claim)


def _ignore_failure(write: Callable[..., None], *arguments: Any) -> None:
    """The work is done or has failed already: trouble with the record must not change the caller's response."""
    try:
        write(*arguments)
    except ApiError as error:
        logger.warning("idempotency record not written", error=type(error).__name__)


def kept_partition(name: str) -> str:
    """The partition of the links to what is kept of a resource or a caller."""
    return f"kept#{_digest(name.encode())}"


def _part_key(partition: str, owner: str, number: int) -> Item:
    return item_key(partition, f"part#{owner}#{number}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
