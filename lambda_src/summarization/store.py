"""The reports in the table: the newest version as a record of its caller, older ones in a partition of the report.

Items besides the records, whose `version` is absent while it is the model's: `report#<id>`, `<version>` has an older
version's `record`, and the record's `expiresAt`.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import structs

from lambda_src.shared.errors import Conflict, NotFound
from lambda_src.shared.idempotency import IdempotencyStore
from lambda_src.shared.ids import timestamp
from lambda_src.shared.store import RecordStore
from lambda_src.shared.table import Item, item_key, update_arguments
from lambda_src.summarization.models import Report, SummaryRecord

MAX_VERSIONS = 20


class SummaryStore(RecordStore):
    """The reports of one stage."""

    def __init__(self, table: str, client: Any = None, *, days: int = 0, now: Callable[[], float] = time.time) -> None:
        super().__init__(table, "summary", SummaryRecord, client, days=days, now=now)

    def correct(self, caller: str, record_id: str, report: Report, *, expected_version: int) -> SummaryRecord:
        """The record with `report` as its newest version; a repeated request finds the version that it made.

        Raises `NotFound`, and `Conflict` if the expected version is not the newest, or there are `MAX_VERSIONS`.
        """
        item = self._item(caller, record_id)
        before: SummaryRecord = self._record(item)
        if before.version == expected_version + 1 and before.report == report:
            return before
        if before.version != expected_version:
            raise Conflict(f"The report is at version {before.version}. Read it again.")
        if before.version >= MAX_VERSIONS:
            raise Conflict(f"The report has {MAX_VERSIONS} versions, which is the most that are kept.")
        edited_at = timestamp(self._now())
        after = structs.replace(before, report=report, version=before.version + 1, edited_at=edited_at)
        self._add(item, before, after)
        return after

    def _add(self, item: Item, before: SummaryRecord, after: SummaryRecord) -> None:
        """Replaces the record and keeps the one before, unless either happened already or the report was deleted."""
        older = {**item_key(_versions(before.id), f"{before.version:04}"), "record": item["record"]}
        if "expiresAt" in item:
            older["expiresAt"] = item["expiresAt"]
        reasons = self._transact(
            [
                {"Update": {"TableName": self._table, **_replacement(item, before, after)}},
                {"Put": {"TableName": self._table, "Item": older}},
                # A deletion marks the report first: what is added after it would stay.
                IdempotencyStore.of(self).require_not_deleted(before.id),
            ]
        )
        if reasons and reasons[-1] == "ConditionalCheckFailed":
            raise NotFound("There is nothing of yours with this id.")
        if reasons:
            raise Conflict("The report was corrected at the same time. Read it again.")

    def versions(self, caller: str, record_id: str) -> list[SummaryRecord]:
        """All versions, newest first. Raises `NotFound`."""
        newest: SummaryRecord = self.get(caller, record_id)
        items = [*self._items(_versions(record_id), consistent=True)]
        older = [self._record(item) for item in reversed(items)]
        # A correction after the first read moves the newest version to the others.
        return [newest, *(record for record in older if record.version < newest.version)]

    def delete(self, caller: str, record_id: str) -> None:
        """Deletes the record last: if something fails before it, a retry still finds it."""
        for item in self._items(_versions(record_id), consistent=True):
            self._call("delete_item", Key={"pk": item["pk"], "sk": item["sk"]})
        super().delete(caller, record_id)


def _versions(record_id: str) -> str:
    """The partition of a report's older versions."""
    return f"report#{record_id}"


def _replacement(item: Item, before: SummaryRecord, after: SummaryRecord) -> Item:
    """The update of the record, on the condition that it is still at the version before."""
    first = before.version == 1
    return {
        "Key": {"pk": item["pk"], "sk": item["sk"]},
        **update_arguments(
            {"record": msgspec.json.encode(after), "version": after.version},
            condition="attribute_exists(pk) AND attribute_not_exists(#version)" if first else "#version = :before",
            values={} if first else {":before": before.version},
        ),
    }
