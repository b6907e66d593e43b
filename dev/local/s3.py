"""S3 where the emulator differs: the version in events on EventBridge, and the end of a template's bucket."""

import json
from contextvars import ContextVar
from typing import Any

from dev.local import seams

_version: ContextVar[str | None] = ContextVar("version", default=None)


def with_version(event: dict[str, Any], version: str | None) -> dict[str, Any]:
    """The event with `detail.object.version-id`, when it is one of S3 and the bucket keeps versions."""
    if not version or event.get("Source") != "aws.s3":
        return event
    detail = json.loads(event["Detail"])
    detail["object"].setdefault("version-id", version)
    return {**event, "Detail": json.dumps(detail)}


def delete_bucket(name: str, _props: dict[str, Any]) -> None:
    """
    Delete a template's bucket as S3 does.

    The emulator's own handler takes a bucket that is not empty, too, and leaves its folder, from which it comes back
    at the next start and stands in the way of the next deployment.

    :raises ValueError: when the bucket is not empty.
    """
    status, _, body = seams.module("ministack.services.s3")._delete_bucket(name)
    if status == 409:
        raise ValueError(f"The bucket you tried to delete is not empty ({name})")
    if status >= 300 and status != 404:
        raise ValueError(f"{name}: {body!r}")


def extend() -> None:
    """Called once, before the emulator serves."""
    handlers = seams.module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    handlers["AWS::S3::Bucket"]["delete"] = delete_bucket
    s3, eventbridge = seams.module("ministack.services.s3"), seams.module("ministack.services.eventbridge")
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_s3_event(*given: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*given, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatch_event(event: dict[str, Any], *given: Any, **named: Any) -> Any:
        return dispatch(with_version(event, _version.get()), *given, **named)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_s3_event, dispatch_event
