"""S3 behavior that the emulator lacks: object versions in EventBridge events, and deletion of a template's bucket."""

import json
from contextvars import ContextVar
from typing import Any

from dev.local import seams

_version: ContextVar[str | None] = ContextVar("version", default=None)


def with_version(event: dict[str, Any], version: str | None) -> dict[str, Any]:
    """Adds `detail.object.version-id` to an S3 event if the bucket has versioning."""
    if not version or event.get("Source") != "aws.s3":
        return event
    detail = json.loads(event["Detail"])
    detail["object"].setdefault("version-id", version)
    return {**event, "Detail": json.dumps(detail)}


def delete_bucket(name: str, _props: dict[str, Any]) -> None:
    """
    Deletes a template's bucket as S3 does.

    The emulator's handler also deletes a bucket that is not empty and leaves its folder. The folder restores the bucket
    at the next start, and the next deployment fails.

    :raises ValueError: if the bucket is not empty.
    """
    status, _, body = seams.module("ministack.services.s3")._delete_bucket(name)
    if status == 409:
        raise ValueError(f"The bucket you tried to delete is not empty ({name})")
    if status >= 300 and status != 404:
        raise ValueError(f"{name}: {body!r}")


def extend() -> None:
    """Installs the replacements. Called once, before the emulator serves."""
    handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    handlers["AWS::S3::Bucket"]["delete"] = delete_bucket
    s3, eventbridge = seams.module("ministack.services.s3"), seams.module("ministack.services.eventbridge")
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_s3_event(*args: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*args, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatch_event(event: dict[str, Any], *args: Any, **named: Any) -> Any:
        return dispatch(with_version(event, _version.get()), *args, **named)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_s3_event, dispatch_event
