"""Reduces botocore's service descriptions to the operations that functions call.

botocore reads a service's complete description when it creates a client, and the endpoint table for the first client:
most of a function's start-up time.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# The operations that `lambda_src/` calls. A missing one raises AttributeError at its first call; the end-to-end
# tests call all of them. A service that is not listed keeps every operation.
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "bedrock": ("GetFoundationModel",),
    "bedrock-agent-runtime": ("Rerank",),
    "bedrock-runtime": ("ApplyGuardrail", "Converse", "ConverseStream", "InvokeModel"),
    "dynamodb": (
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "events": ("PutEvents",),
    "lambda": ("Invoke",),
    "logs": ("CreateLogStream", "PutLogEvents"),
    # CreateBucket is not called, but botocore needs its description to sign upload forms.
    "s3": (
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "DeleteObjects",
        "GetObject",
        "HeadObject",
        "ListObjectVersions",
        "ListObjectsV2",
        "PutObject",
        "UploadPart",
    ),
    "sqs": ("ChangeMessageVisibility", "SendMessage", "SendMessageBatch"),
    "textract": ("DetectDocumentText",),
}


def trim_data(data: Path, services: Sequence[str]) -> None:
    """Trims botocore's `data` folder, which must only contain the folders of these services."""
    for service in services:
        versions = sorted(path for path in (data / service).iterdir() if path.is_dir())
        for older in versions[:-1]:
            _remove_folder(older)
        for packed in sorted(versions[-1].glob("*.json.gz")):
            description = json.loads(gzip.decompress(packed.read_bytes()))
            if packed.name.startswith("service-"):
                description = only_operations(description, OPERATIONS.get(service))
            # Not compressed: the package is, and decompressing twice would cost every start.
            _write(packed.with_suffix(""), description)
            packed.unlink()
        for unused in (*versions[-1].glob("paginators-*.json"), *versions[-1].glob("waiters-*.json")):
            unused.unlink()
    _trim_endpoints(data / "endpoints.json", services)


def only_operations(description: dict[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """A service description with these operations and the shapes they reference, without documentation."""
    operations = description["operations"]
    kept = operations if names is None else {name: operations[name] for name in names}
    shapes = description["shapes"]
    reached = _reached(shapes, (_shape_names(operation) for operation in kept.values()))
    # botocore reads the documentation of other parts (`clientContextParams`), so only these two lose it.
    return {
        **description,
        "operations": _without_documentation(kept),
        "shapes": _without_documentation({name: shape for name, shape in shapes.items() if name in reached}),
    }


def _reached(shapes: Mapping[str, Any], starts: Iterable[Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [name for names in starts for name in names]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_shape_names(shapes[name]))
    return reached


def _shape_names(node: Any) -> Iterable[str]:
    """Every `{"shape": name}` below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for child in node.values():
            yield from _shape_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from _shape_names(child)


def _without_documentation(node: Any) -> Any:
    # A shape may have a member called `documentation`; that is an object, while documentation is a string.
    if isinstance(node, dict):
        return {
            key: _without_documentation(child)
            for key, child in node.items()
            if not (key == "documentation" and isinstance(child, str))
        }
    return [_without_documentation(child) for child in node] if isinstance(node, list) else node


def _trim_endpoints(table: Path, services: Sequence[str]) -> None:
    endpoints = json.loads(table.read_text("utf-8"))
    for partition in endpoints["partitions"]:
        partition["services"] = {name: row for name, row in partition["services"].items() if name in services}
    _write(table, endpoints)


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), "utf-8")


def _remove_folder(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink()
    folder.rmdir()
