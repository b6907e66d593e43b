"""What an S3 event on EventBridge tells on AWS and not in the emulator: the object's version."""

import json
from contextvars import ContextVar
from typing import Any

from local import seams

_version: ContextVar[str | None] = ContextVar("version", default=None)


def with_version(event: dict[str, Any], version: str | None) -> dict[str, Any]:
    """The event with `detail.object.version-id`, when it is one of S3 and the bucket keeps versions."""
    if not version or event.get("Source") != "aws.s3":
        return event
    detail = json.loads(event["Detail"])
    detail["object"].setdefault("version-id", version)
    return {**event, "Detail": json.dumps(detail)}


def extend() -> None:
    """Called once, before the emulator serves."""
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
