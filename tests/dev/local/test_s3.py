"""Events have the object's version, and a template's bucket is deleted as on AWS."""

import json
from pathlib import Path
from typing import Any

from dev.local.s3 import with_version
from tests.dev.local.conftest import run_local


def _event(source: str = "aws.s3") -> dict[str, Any]:
    return {"Source": source, "Detail": json.dumps({"object": {"key": "a", "size": 1}})}


def test_the_version_is_added_to_events() -> None:
    assert json.loads(with_version(_event(), "v1")["Detail"])["object"] == {"key": "a", "size": 1, "version-id": "v1"}
    assert with_version(_event(), None) == _event()
    assert with_version(_event("mine"), "v1") == _event("mine")


def test_the_emulators_events_have_the_version() -> None:
    out = run_local(
        """
import json
from ministack.services import eventbridge, s3
events = []
eventbridge._dispatch_event = lambda event, view=None: events.append(event)
from dev.local import s3 as extension
extension.extend()
s3._bucket_notifications["b"] = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>"
s3._fire_s3_event("b", "k", "s3:ObjectCreated:Put", 1, "e", None, version_id="v7")
s3._fire_s3_event("b", "k", "s3:ObjectCreated:Put", 1, "e", None)
print(json.dumps([json.loads(event["Detail"])["object"].get("version-id") for event in events]))
"""
    )
    assert json.loads(out.splitlines()[-1]) == ["v7", None]


def test_only_an_empty_bucket_is_deleted_with_its_folder(tmp_path: Path) -> None:
    out = run_local(
        """
import json, os
from ministack.services import s3
from dev.local.s3 import delete_bucket
s3._create_bucket("full", b"", {})
s3._create_bucket("empty", b"", {})
s3._put_object("full", "k", b"x", {})
try:
    delete_bucket("full", {})
except ValueError as refusal:
    print(refusal)
delete_bucket("empty", {})
delete_bucket("empty", {})
print(json.dumps([name for account in os.listdir(s3.DATA_DIR) for name in os.listdir(f"{s3.DATA_DIR}/{account}")]))
""",
        env={"S3_PERSIST": "1", "S3_DATA_DIR": str(tmp_path)},
    )
    refusal, left = out.splitlines()[-2:]
    assert "not empty" in refusal
    assert json.loads(left) == ["full"]
