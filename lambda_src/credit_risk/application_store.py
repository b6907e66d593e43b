"""Many applications at once: what their outcomes are compared with, and the outcomes themselves.

`applications#<caller>`, `<application id>` is the item that single scores write, too. `outcomes#<caller>`,
`<application id>` has the outcome that is counted, with what it was compared with, so that a later one can take it
back. Its `place` is the batch and the line that it is from. Batches sort by their creation, so the greater place is the
later outcome, whatever the order of the work.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from lambda_src.credit_risk.counters import Outcome, ScoreFacts
from lambda_src.credit_risk.score_store import application_item, application_key, facts_in
from lambda_src.shared import aws
from lambda_src.shared.table import Item, Table, item_key, to_attribute

# DynamoDB's limits for one call.
_WRITES = 25
_READS = 100
_BACKOFF_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
_CONCURRENT_CALLS = 8
_Element = TypeVar("_Element")


class CountedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome that is in the counters. `place` is that of `place_of`."""

    place: str
    facts: ScoreFacts
    outcome: Outcome


class Known(msgspec.Struct, frozen=True):
    """What is known about applications, by their ids."""

    facts: Mapping[str, ScoreFacts]
    outcomes: Mapping[str, CountedOutcome]


def place_of(batch_id: str, line: int) -> str:
    """The place of an outcome: places sort as the outcomes follow one another."""
    return f"{batch_id}#{line:07}"


class ApplicationStore(Table):
    """The applications of one stage."""

    def __init__(
        self,
        name: str,
        client: Any = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        *,
        concurrent_calls: int = _CONCURRENT_CALLS,
    ) -> None:
        super().__init__(name, client, now, sleep)
        self._concurrent_calls = concurrent_calls

    def write_facts(self, caller: str, facts: Mapping[str, ScoreFacts], expires_at: int) -> None:
        """Writes what outcomes are compared with. A repetition writes the same. Raises `Unavailable`."""
        items = (application_item(caller, name, entry, expires_at) for name, entry in facts.items())
        calls = _batched([{"PutRequest": {"Item": item}} for item in items], _WRITES)
        if self._concurrent_calls == 1:
            for call in calls:
                self._write(call)
            return
        with ThreadPoolExecutor(self._concurrent_calls) as pool:
            for _ in pool.map(self._write, calls):
                pass

    def read(self, caller: str, application_ids: Iterable[str]) -> Known:
        """What is known about applications. Expired items are left out. Raises `Unavailable`."""
        facts: dict[str, ScoreFacts] = {}
        outcomes: dict[str, CountedOutcome] = {}
        keys = [key(caller, name) for name in application_ids for key in (application_key, _outcome_key)]
        for call in _batched(keys, _READS):
            for item in self._read(call):
                name = item["sk"]["S"]
                if "facts" in item:
                    if entry := facts_in(item, self._now()):
                        facts[name] = entry
                elif int(item["expiresAt"]["N"]) > self._now():
                    outcomes[name] = msgspec.json.decode(item["record"]["B"], type=CountedOutcome)
        return Known(facts, outcomes)

    def outcome_write(
        self, caller: str, application_id: str, outcome: CountedOutcome, before: CountedOutcome | None, expires_at: int
    ) -> dict[str, Any]:
        """The write of a transaction that records an outcome, if the one before is still the one that was read."""
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": {
                **_outcome_key(caller, application_id),
                "place": {"S": outcome.place},
                "record": {"B": msgspec.json.encode(outcome)},
                "expiresAt": to_attribute(expires_at),
            },
        }
        if before is None:
            # An expired item stays in the table for a while.
            put["ConditionExpression"] = "attribute_not_exists(pk) OR expiresAt < :now"
            put["ExpressionAttributeValues"] = {":now": to_attribute(int(self._now()) + 1)}
        else:
            put["ConditionExpression"] = "place = :before"
            put["ExpressionAttributeValues"] = {":before": {"S": before.place}}
        return {"Put": put}

    def count_outcomes(self, writes: Sequence[dict[str, Any]]) -> None:
        """Records outcomes and raises their counters, or does nothing. Raises `Unavailable`, also when another batch
        has recorded one of the outcomes since it was read: a retry reads it again."""
        if self._transact(writes):
            raise aws.store_unavailable("TransactionCanceled")

    def _write(self, requests: Sequence[dict[str, Any]]) -> None:
        remaining: Any = {self._table: list(requests)}
        for backoff in (*_BACKOFF_SECONDS, None):
            with aws.store_errors():
                remaining = self._dynamodb.batch_write_item(RequestItems=remaining).get("UnprocessedItems")
            if not remaining:
                return
            self._wait(backoff)

    def _read(self, keys: Sequence[Item]) -> Iterable[Item]:
        remaining: Any = {self._table: {"Keys": list(keys), "ConsistentRead": True}}
        for backoff in (*_BACKOFF_SECONDS, None):
            with aws.store_errors():
                answer = self._dynamodb.batch_get_item(RequestItems=remaining)
            yield from answer["Responses"].get(self._table, ())
            remaining = answer.get("UnprocessedKeys")
            if not remaining:
                return
            self._wait(backoff)

    def _wait(self, backoff: float | None) -> None:
        """The table takes up to 1,000 writes a second of one caller; what is above is to be sent again."""
        if backoff is None:
            raise aws.store_unavailable("UnprocessedItems")
        self._sleep(backoff)


def _batched(elements: Sequence[_Element], size: int) -> Iterator[Sequence[_Element]]:
    for start in range(0, len(elements), size):
        yield elements[start : start + size]


def _outcome_key(caller: str, application_id: str) -> Item:
    return item_key(f"outcomes#{caller}", application_id)
