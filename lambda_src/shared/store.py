"""A use case's table: JSON records under a partition key (whose they are) and a sort key (which one).

Items: `pk`, `sk`, `record` (JSON bytes), optionally `expiresAt` (seconds since 1970; DynamoDB deletes up to two days
late, so readers compare it themselves).
"""

import re
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.shared import aws
from lambda_src.shared.errors import InvalidRequest, NotFound, Unavailable

CURSOR = re.compile(r"[0-9a-f-]{36}")
RETRY_AFTER_SECONDS = 2


def unavailable(error: Exception) -> Unavailable:
    """The answer when DynamoDB or S3 does not serve us."""
    return Unavailable(
        f"The store cannot be reached at the moment ({type(error).__name__}).", retry_after=RETRY_AFTER_SECONDS
    )


class Store:
    """Records of type `record_type`, ids as sort keys, one partition a caller."""

    def __init__(self, table: str, kind: str, record_type: type, client: Any = None) -> None:
        self._table = table
        self._kind = kind
        self._record_type = record_type
        self._dynamodb = client or aws.store_client("dynamodb")

    def put(self, caller: str, record_id: str, record: Any) -> None:
        """Write a new record; an id that is there already is a bug and raises."""
        item = {**self._key(caller, record_id), "record": {"B": msgspec.json.encode(record)}}
        self._call("put_item", Item=item, ConditionExpression="attribute_not_exists(pk)")

    def get(self, caller: str, record_id: str) -> Any:
        """Raises `NotFound` for an id that is not the caller's."""
        item = self._call("get_item", Key=self._key(caller, record_id), ConsistentRead=True).get("Item")
        if item is None:
            raise NotFound("There is nothing of yours with this id.")
        return self._record(item)

    def delete(self, caller: str, record_id: str) -> None:
        self._call("delete_item", Key=self._key(caller, record_id))

    def page(self, caller: str, limit: int, cursor: str | None) -> tuple[list[Any], str | None]:
        """The caller's records, newest first, and the cursor of the next page if there is one."""
        query: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": self._key(caller, "")["pk"]},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            if not CURSOR.fullmatch(cursor):
                raise InvalidRequest.at("query.cursor", "not a cursor of this list")
            query["ExclusiveStartKey"] = self._key(caller, cursor)
        answer = self._call("query", **query)
        last = answer.get("LastEvaluatedKey")
        return [self._record(item) for item in answer["Items"]], last["sk"]["S"] if last else None

    def _key(self, caller: str, record_id: str) -> dict[str, dict[str, str]]:
        return {"pk": {"S": f"{self._kind}#{caller}"}, "sk": {"S": record_id}}

    def _record(self, item: dict[str, Any]) -> Any:
        return msgspec.json.decode(item["record"]["B"], type=self._record_type)

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._dynamodb, operation)(TableName=self._table, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(error) from error
