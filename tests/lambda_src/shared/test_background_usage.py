"""What background work uses of the models is recorded."""

import json
from datetime import date
from typing import Any

import pytest

from lambda_src.shared import usage_store
from lambda_src.shared.background_usage import background_usage
from lambda_src.shared.catalog import resolve
from lambda_src.shared.context import Context
from lambda_src.shared.queue_handler import QueueHandler
from lambda_src.shared.usage_store import UsageStore
from tests.fakes import FakeTable, LambdaContext, client_error, settings

NOVA = resolve("us.amazon.nova-lite-v1:0")
EVENT = {
    "Records": [
        {
            "messageId": "m-1",
            "receiptHandle": "r-1",
            "body": '{"caller": "ana"}',
            "attributes": {"ApproximateReceiveCount": "1"},
        }
    ]
}


class World:
    """A queue's handler whose step calls a model, and fails if `fails`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.table = FakeTable()
        self.fails = False
        monkeypatch.setattr(usage_store, "UsageStore", lambda name: UsageStore(name, self.table))
        self.handler: QueueHandler[Any] = QueueHandler(
            caller="ingestion",
            max_receives=3,
            decode=json.loads,
            run=self.run,
            retry_after=lambda receipt, seconds: None,
            name=lambda step: "step",
            record=background_usage(settings(usage_table="usage", use_case="hr_qa")),
            **options,
        )

    def run(self, context: Context, step: Any) -> None:
        context.count_call(NOVA, 1)
        context.used(NOVA).add(input_tokens=10)
        if self.fails:
            raise ValueError("no")

    def recorded(self) -> list[tuple[str, str, int, int, int]]:
        rows = UsageStore("usage", self.table).rows(date(2026, 1, 1), date(2100, 1, 1))
        return [
            (row.caller, row.use_case, row.amounts.requests, row.amounts.calls, row.amounts.input_tokens)
            for row in rows
        ]


def test_a_step_is_charged_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    assert world.handler(EVENT, LambdaContext(60)) == {"batchItemFailures": []}
    assert world.recorded() == [("ingestion", "hr-qa", 0, 1, 10)]


def test_or_to_the_caller_that_it_is_for_also_if_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, charged_to=lambda step: step["caller"])
    world.fails = True
    assert world.handler(EVENT, LambdaContext(60)) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert world.recorded() == [("ana", "hr-qa", 0, 1, 10)]


def test_a_step_is_not_repeated_because_its_use_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.table.fail["update_item"] = client_error("InternalServerError")
    assert world.handler(EVENT, LambdaContext(60)) == {"batchItemFailures": []}


def test_a_stage_that_does_not_record_use_records_nothing() -> None:
    assert background_usage(settings()) is None
