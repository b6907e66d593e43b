"""The local stage's stores as its administrator sees them, past all APIs."""

import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import boto3
import httpx

from bedrock_endpoints.discovery import parse_exports
from dev.local.paths import Paths


def client(service: str) -> Any:
    """A client of the emulator's administrator."""
    variables = parse_exports((Paths().home / "env").read_text("utf-8"))
    return boto3.client(
        service,
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        verify=variables["AWS_CA_BUNDLE"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def places_with(*texts: str) -> dict[str, list[str]]:
    """Where each of the texts is stored: tables, buckets with all versions, queues, the search index and logs."""
    places: dict[str, list[str]] = {text: [] for text in texts}
    for place, content in chain(_tables(), _buckets(), _queues(), _index(), _logs()):
        for text, found in places.items():
            if text.encode() in content:
                found.append(place)
    return places


def _tables() -> Iterator[tuple[str, bytes]]:
    dynamodb = client("dynamodb")
    for page in dynamodb.get_paginator("list_tables").paginate():
        for table in page["TableNames"]:
            for items in dynamodb.get_paginator("scan").paginate(TableName=table):
                for item in items["Items"]:
                    yield f"table {table}: {item['pk']} {item['sk']}", b" ".join(_values(item))


def _values(value: Any) -> Iterator[bytes]:
    """All texts in an item. Kept responses are compressed."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name).encode()
            yield from _values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    elif isinstance(value, bytes):
        yield value
        with suppress(zlib.error):
            yield zlib.decompress(value)
    else:
        yield str(value).encode()


def _buckets() -> Iterator[tuple[str, bytes]]:
    s3 = client("s3")
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", ()):
                key = version["Key"]
                body = s3.get_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])["Body"].read()
                yield f"bucket {bucket}: {key}", key.encode() + b" " + body


def _queues() -> Iterator[tuple[str, bytes]]:
    sqs = client("sqs")
    for url in sqs.list_queues().get("QueueUrls", ()):
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in answer.get("Messages", ()):
            yield f"queue {url}", message["Body"].encode()


def _index() -> Iterator[tuple[str, bytes]]:
    port = json.loads((Paths().home / "ports.json").read_text("utf-8"))["search"]
    with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}") as http:
        answer = http.post("/_search", json={"size": 10_000, "query": {"match_all": {}}}).json()
    for hit in answer["hits"]["hits"]:
        yield f"index {hit['_index']}: {hit['_id']}", json.dumps(hit, ensure_ascii=False).encode()


def _logs() -> Iterable[tuple[str, bytes]]:
    logs = client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                for event in events["events"]:
                    yield f"log {name}", event["message"].encode()
