"""Sends EventBridge an event when the use of a budget reaches a share of it. Loaded with the first event."""

from typing import Any

import msgspec

from lambda_src.shared import aws

SOURCE = "bedrock-endpoints"


def send_event(detail_type: str, detail: dict[str, Any]) -> None:
    """Sends it to the account's default bus. Raises `Unavailable`."""
    entry = {"Source": SOURCE, "DetailType": detail_type, "Detail": msgspec.json.encode(detail).decode()}
    with aws.store_errors():
        answer = aws.store_client("events").put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        raise aws.store_unavailable(answer["Entries"][0].get("ErrorCode", ""))
