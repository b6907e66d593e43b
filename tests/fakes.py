"""Fakes of the AWS clients: a model with a queue of answers, a table and a bucket in memory."""

import base64
import copy
import hashlib
import io
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from lambda_src.shared.context import Context, Deadline, NoIdempotency
from lambda_src.shared.settings import Settings
from tests import expressions

CALLER = "AIDAANA0000000000000A"
OTHER = "AIDABOB0000000000000B"
_MAX_ITEM_BYTES = 400 * 1024


def client_error(code: str, message: str = "", operation: str = "Converse") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def png(width: int = 2, height: int = 3) -> bytes:
    """A valid PNG of one color."""

    def chunk(chunk_type: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(chunk_type + data)
        return struct.pack(">I", len(data)) + chunk_type + data + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + b"\x20\x40\x60" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class FakeModel:
    """A bedrock-runtime client. Each call returns the next answer of `queue`, or raises it if it is an exception.

    Answers are Converse answers or InvokeModel bodies, or functions of the request. A call takes `seconds`.
    """

    def __init__(self, *answers: Any, seconds: float = 0) -> None:
        self.queue = list(answers)
        self.requests: list[dict[str, Any]] = []
        self.timeouts: list[int] = []
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, read_seconds: int, region: str | None) -> "FakeModel":
        self.timeouts.append(read_seconds)
        return self

    def _next(self, request: dict[str, Any]) -> Any:
        with self._lock:
            self.requests.append(request)
            assert self.queue, "the model is called more often than the test expects"
            answer = self.queue.pop(0)
        time.sleep(self._seconds)
        if isinstance(answer, BaseException):
            raise answer
        return answer(request) if callable(answer) else answer

    def converse(self, **request: Any) -> Any:
        return self._next(request)

    def converse_stream(self, **request: Any) -> Any:
        """The queued answer is a list of events; see `FakeStream`."""
        return {"stream": FakeStream(self._next(request))}

    def apply_guardrail(self, **request: Any) -> Any:
        return self._next(request)

    def invoke_model(self, **request: Any) -> Any:
        body = json.loads(request["body"])
        answer = self._next({**request, "body": body})
        headers = {"x-amzn-bedrock-input-token-count": str(answer.pop("_tokens", 0))}
        return {
            "body": io.BytesIO(json.dumps(answer).encode()),
            "ResponseMetadata": {"HTTPHeaders": headers},
        }


def converse_answer(text: str, stop: str = "end_turn") -> dict[str, Any]:
    """A Converse answer with one text."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop,
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15},
    }


class FakeStream:
    """botocore's event stream. An exception among the events is raised in its place, a function is called."""

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = iter(events)
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
            if callable(event):
                event()
            else:
                yield event

    def close(self) -> None:
        self.closed = True


def stream_events(*pieces: str, stop: str = "end_turn") -> list[Any]:
    """ConverseStream's events for an answer in pieces."""
    deltas = [{"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}} for piece in pieces]
    return [
        {"messageStart": {"role": "assistant"}},
        *deltas,
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": stop}},
        {"metadata": {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}}},
    ]


def stability_answer(*seeds: int) -> dict[str, Any]:
    """A Stability answer with one image per seed."""
    images = [base64.b64encode(png()).decode() for _ in seeds]
    return {"images": images, "seeds": list(seeds), "finish_reasons": [None] * len(seeds)}


class FakeTable:
    """A DynamoDB client over a dictionary of items by key. `fail`: operation -> the exception it raises.

    `unprocessed`: how many items a call for many leaves undone.
    """

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.fail: dict[str, Exception] = {}
        self.unprocessed = 0
        self._lock = threading.Lock()

    @staticmethod
    def _key(key: dict[str, Any]) -> tuple[str, str]:
        return key["pk"]["S"], key["sk"]["S"]

    def _check_condition(self, item: dict[str, Any] | None, request: dict[str, Any]) -> None:
        condition = request.get("ConditionExpression")
        if condition is not None and not expressions.holds(condition, item, request):
            error = client_error("ConditionalCheckFailedException")
            if item and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
                error.response["Item"] = copy.deepcopy(item)
            raise error

    def _maybe_fail(self, operation: str) -> None:
        if operation in self.fail:
            raise self.fail[operation]

    def put_item(self, **request: Any) -> None:
        self._maybe_fail("put_item")
        with self._lock:
            key = self._key(request["Item"])
            self._check_condition(self.items.get(key), request)
            self.items[key] = request["Item"]

    def get_item(self, **request: Any) -> dict[str, Any]:
        self._maybe_fail("get_item")
        item = self.items.get(self._key(request["Key"]))
        return {"Item": dict(item)} if item else {}

    def delete_item(self, **request: Any) -> None:
        self._maybe_fail("delete_item")
        with self._lock:
            key = self._key(request["Key"])
            self._check_condition(self.items.get(key), request)
            self.items.pop(key, None)

    def update_item(self, **request: Any) -> dict[str, Any]:
        self._maybe_fail("update_item")
        with self._lock:
            key = self._key(request["Key"])
            self._check_condition(self.items.get(key), request)
            item = copy.deepcopy(self.items.get(key, request["Key"]))
            expressions.update(item, request)
            self.items[key] = item
            return {"Attributes": copy.deepcopy(item)}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:
        """Makes all writes, or raises with the reason for each."""
        self._maybe_fail("transact_write_items")
        with self._lock:
            writes = [next(iter(entry.items())) for entry in TransactItems]
            keys = [
                self._key(request["Item"] if operation == "Put" else request["Key"]) for operation, request in writes
            ]
            assert len({*keys}) == len(keys) <= 100, "DynamoDB allows one write per item in a transaction, 100 in all"
            allowed = [
                "ConditionExpression" not in request
                or expressions.holds(request["ConditionExpression"], self.items.get(key), request)
                for (_, request), key in zip(writes, keys, strict=True)
            ]
            if not all(allowed):
                error = client_error("TransactionCanceledException")
                reasons = [{"Code": "None" if ok else "ConditionalCheckFailed"} for ok in allowed]
                raise ClientError({**error.response, "CancellationReasons": reasons}, "TransactWriteItems")
            before = dict(self.items)
            for (operation, request), key in zip(writes, keys, strict=True):
                self._write(operation, request, key)
            full = [_size(self.items.get(key, {})) > _MAX_ITEM_BYTES for key in keys]
            if any(full):
                self.items = before
                error = client_error("TransactionCanceledException")
                reasons = [{"Code": "ValidationError" if too_large else "None"} for too_large in full]
                raise ClientError({**error.response, "CancellationReasons": reasons}, "TransactWriteItems")

    def _write(self, operation: str, request: dict[str, Any], key: tuple[str, str]) -> None:
        if operation == "Put":
            self.items[key] = request["Item"]
        elif operation == "Update":
            item = copy.deepcopy(self.items.get(key, request["Key"]))
            expressions.update(item, request)
            self.items[key] = item
        elif operation == "Delete":
            self.items.pop(key, None)
        else:
            assert operation == "ConditionCheck"

    def batch_write_item(self, *, RequestItems: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        self._maybe_fail("batch_write_item")
        ((table, requests),) = RequestItems.items()
        assert 1 <= len(requests) <= 25
        keys = [
            self._key(request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"])
            for request in requests
        ]
        assert len({*keys}) == len(keys), "DynamoDB refuses two writes of an item in one call"
        processed = max(1, len(requests) - self.unprocessed)
        for key, request in zip(keys[:processed], requests[:processed], strict=True):
            if "PutRequest" in request:
                self.items[key] = request["PutRequest"]["Item"]
            else:
                self.items.pop(key, None)
        rest = requests[processed:]
        return {"UnprocessedItems": {table: rest} if rest else {}}

    def batch_get_item(self, *, RequestItems: dict[str, dict[str, Any]]) -> dict[str, Any]:
        self._maybe_fail("batch_get_item")
        ((table, request),) = RequestItems.items()
        keys = [self._key(key) for key in request["Keys"]]
        assert 1 <= len(keys) <= 100
        assert len({*keys}) == len(keys), "DynamoDB refuses to read an item twice in one call"
        processed = max(1, len(keys) - self.unprocessed)
        found = [copy.deepcopy(self.items[key]) for key in keys[:processed] if key in self.items]
        rest = {"Keys": request["Keys"][processed:]}
        return {"Responses": {table: found}, "UnprocessedKeys": {table: rest} if rest["Keys"] else {}}

    def query(self, **request: Any) -> dict[str, Any]:
        self._maybe_fail("query")
        pk = request["ExpressionAttributeValues"][":pk"]["S"]
        forward = request.get("ScanIndexForward", True)
        after = request.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        with self._lock:
            keys = sorted((key for key in self.items if key[0] == pk), reverse=not forward)
        if request["KeyConditionExpression"] != "pk = :pk":
            assert request["KeyConditionExpression"] == "pk = :pk AND sk BETWEEN :first AND :last"
            first, last = (request["ExpressionAttributeValues"][name]["S"] for name in (":first", ":last"))
            keys = [key for key in keys if first <= key[1] <= last]
        if after is not None:
            keys = [key for key in keys if (key[1] > after) == forward and key[1] != after]
        page = keys[: request.get("Limit", len(keys))]
        answer: dict[str, Any] = {"Items": [copy.deepcopy(self.items[key]) for key in page]}
        if "Limit" in request and len(keys) >= request["Limit"] and page:
            answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": page[-1][1]}}
        return answer

    def scan(self, **request: Any) -> dict[str, Any]:
        """Pages of three items, with the attributes that are asked for, by default all, and a prefix as filter."""
        self._maybe_fail("scan")
        names = request.get("ExpressionAttributeNames", {})
        projection = request.get("ProjectionExpression")
        wanted = {names.get(name, name) for name in projection.split(", ")} if projection else None
        prefix = ""
        if "FilterExpression" in request:
            assert request["FilterExpression"] == "begins_with(pk, :documents)"
            prefix = request["ExpressionAttributeValues"][":documents"]["S"]
        start = self._key(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else ("", "")
        keys = sorted(key for key in self.items if key > start)
        items = [
            {name: value for name, value in copy.deepcopy(self.items[key]).items() if wanted is None or name in wanted}
            for key in keys[:3]
            if key[0].startswith(prefix)
        ]
        if len(keys) <= 3:
            return {"Items": items}
        return {"Items": items, "LastEvaluatedKey": {"pk": {"S": keys[2][0]}, "sk": {"S": keys[2][1]}}}


def _size(item: dict[str, Any]) -> int:
    """The bytes of an item, about as DynamoDB counts them."""
    contents = ((name, *attribute.values()) for name, attribute in item.items())
    return sum(len(name) + len(value if isinstance(value, bytes) else str(value)) for name, value in contents)


def stored(table: FakeTable) -> dict[tuple[str, str], dict[str, Any]]:
    """The table's items without the marks of deleted resources, which expire after a day."""
    return {key: item for key, item in table.items.items() if key[1] != "deleted"}


def kept_responses_erased(table: FakeTable, resource: str) -> bool:
    """Whether the responses that contain the resource were erased, also those of running requests."""
    partition = f"kept#{hashlib.sha256(resource.encode()).hexdigest()}"
    return [key for key in table.items if key[0] == partition] == [(partition, "deleted")]


class RecordedIdempotency(NoIdempotency):
    """Records which resources a response is kept with."""

    def __init__(self) -> None:
        self.resources: list[str] = []

    def keep_with(self, *resources: str, detail: str | None = None) -> None:
        self.resources += resources


class FakeBucket:
    """An S3 client over a dict of keys. `old_versions`: contents of noncurrent versions by key and version id.

    `others`: the objects of other buckets, which only readers reach.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.others: dict[str, dict[str, bytes]] = {}
        self.old_versions: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[str, list[bytes]] = {}
        self._uploads_begun = 0

    def put_object(self, *, Bucket: str, Key: str, Body: Any, ContentType: str = "") -> None:
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        content = self._content(Key, "404")
        return {"ETag": etag(content), "ContentLength": len(content)}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str | None = None) -> dict[str, Any]:
        # Those who may not list a bucket do not learn whether an object exists.
        content = self._content(Key, "AccessDenied" if Bucket in self.others else "NoSuchKey", Bucket)
        if IfMatch is not None and etag(content) != IfMatch:
            raise client_error("PreconditionFailed")
        return {"Body": io.BytesIO(content)}

    def copy_object(
        self, *, Bucket: str, Key: str, CopySource: dict[str, str], CopySourceIfMatch: str | None = None
    ) -> None:
        content = self._content(CopySource["Key"], "NoSuchKey")
        if CopySourceIfMatch is not None and etag(content) != CopySourceIfMatch:
            raise client_error("PreconditionFailed")
        self.objects[Key] = content

    def get_paginator(self, operation: str) -> "FakeBucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield self.list_objects_v2(**request)

    def list_objects_v2(
        self, *, Bucket: str, Prefix: str, MaxKeys: int = 1000, ContinuationToken: str = "0"
    ) -> dict[str, Any]:
        objects = self.others.get(Bucket, self.objects)
        keys = sorted((key for key in objects if key.startswith(Prefix)), key=str.encode)
        start = int(ContinuationToken)
        page = [
            {"Key": key, "ETag": etag(objects[key]), "Size": len(objects[key])} for key in keys[start : start + MaxKeys]
        ]
        more = {"NextContinuationToken": str(start + MaxKeys)} if start + MaxKeys < len(keys) else {}
        return {"Contents": page, **more} if page else {}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for entry in Delete["Objects"]:
            if entry.get("VersionId", "null") == "null":
                self.objects.pop(entry["Key"], None)
            else:
                del self.old_versions[entry["Key"], entry["VersionId"]]
        return {}

    def list_object_versions(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:
        current = [(key, "null") for key in self.objects]
        found = [(key, version) for key, version in (*current, *self.old_versions) if key.startswith(Prefix)]
        versions = [{"Key": key, "VersionId": version} for key, version in found]
        return {"Versions": versions} if versions else {}

    def generate_presigned_url(self, operation: str, *, Params: dict[str, str], ExpiresIn: int) -> str:
        served = {
            name: Params[f"Response{name}"]
            for name in ("ContentType", "ContentDisposition")
            if f"Response{name}" in Params
        }
        return f"https://{Params['Bucket']}.example/{Params['Key']}?{urlencode({'expires': ExpiresIn, **served})}"

    def generate_presigned_post(
        self, bucket: str, key: str, *, Fields: dict[str, str], Conditions: list[Any], ExpiresIn: int
    ) -> dict[str, Any]:
        return {"url": f"https://{bucket}.example/", "fields": {"key": key, **Fields, "policy": json.dumps(Conditions)}}

    def create_multipart_upload(self, *, Bucket: str, Key: str, ContentType: str) -> dict[str, Any]:
        self._uploads_begun += 1
        upload = f"{Key} {self._uploads_begun}"
        self.uploads[upload] = []
        return {"UploadId": upload}

    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes) -> dict[str, Any]:
        assert PartNumber == len(self.uploads[UploadId]) + 1
        self.uploads[UploadId].append(Body)
        return {"ETag": etag(Body)}

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: dict[str, Any]
    ) -> None:
        parts = self.uploads.pop(UploadId)
        assert [part["ETag"] for part in MultipartUpload["Parts"]] == [etag(part) for part in parts]
        self.objects[Key] = b"".join(parts)

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> None:
        self.uploads.pop(UploadId, None)

    def _content(self, key: str, missing: str, bucket: str = "") -> bytes:
        objects = self.others.get(bucket, self.objects)
        if key not in objects:
            raise client_error(missing)
        return objects[key]


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def settings(**changes: Any) -> Settings:
    defaults: dict[str, Any] = {
        "stage": "test",
        "use_case": "summarization",
        "table_name": "table",
        "bucket_name": "bucket",
        "models": ("us.anthropic.claude-haiku-4-5-20251001-v1:0",),
    }
    return Settings(**{**defaults, **changes})


def context(seconds: float = 27, caller: str = CALLER, groups: Iterable[str] = ()) -> Context:
    return Context(caller=caller, request_id="request-1", deadline=Deadline(seconds), groups=frozenset(groups))


class LambdaContext:
    """The part of Lambda's context that the code uses."""

    def __init__(self, seconds: float = 29) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def identity(caller: str = CALLER) -> dict[str, str]:
    """The gateway's identity of an IAM user."""
    return {"user": caller, "caller": caller, "userArn": f"arn:aws:iam::000000000000:user/{caller.lower()}"}


def event(method: str, resource: str, body: Any = None, **changes: Any) -> dict[str, Any]:
    """The gateway's proxy event."""
    raw = body if isinstance(body, str) or body is None else json.dumps(body)
    return {
        "httpMethod": method,
        "resource": resource,
        "path": resource,
        "headers": {"Content-Type": "application/json", **changes.pop("headers", {})},
        "queryStringParameters": changes.pop("query", None),
        "pathParameters": changes.pop("path", None),
        "body": raw,
        "isBase64Encoded": False,
        "requestContext": {"requestId": "request-1", "identity": identity()},
        **changes,
    }
