"""Leases, parts and keys of the idempotency store."""

import random

import pytest
from botocore.exceptions import ClientError

from lambda_src.shared.context import StoredResponse
from lambda_src.shared.errors import InProgress, InvalidRequest, Unavailable
from lambda_src.shared.idempotency import KEPT_SECONDS, LEASE_MARGIN_SECONDS, PART_BYTES, Claim, IdempotencyStore
from tests.fakes import CALLER, FakeTable, client_error


class Clock:
    seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def begin(store: IdempotencyStore, key: str = "k") -> Claim | StoredResponse:
    claim = Claim.new(caller=CALLER, route="POST /x", key=key)
    return store.begin(claim, body=b"{}", seconds=27.5) or claim


def take_claim(store: IdempotencyStore) -> Claim:
    claim = begin(store)
    assert isinstance(claim, Claim)
    return claim


def test_a_response_larger_than_an_item_is_stored_in_parts() -> None:
    table = FakeTable()
    store = IdempotencyStore("t", table)
    body = random.Random(1).randbytes(3 * PART_BYTES)
    store.finish(take_claim(store), 200, body)
    assert begin(store) == StoredResponse(200, body)
    assert max(len(item["part"]["B"]) for item in table.items.values()) <= PART_BYTES
    assert all("expiresAt" in item for item in table.items.values())


def test_when_a_lease_has_ended_the_next_request_takes_over() -> None:
    clock = Clock()
    store = IdempotencyStore("t", FakeTable(), clock)
    killed = take_claim(store)
    clock.seconds += 28 + LEASE_MARGIN_SECONDS
    with pytest.raises(InProgress):
        begin(store)
    clock.seconds += 1
    successor = take_claim(store)
    store.finish(successor, 201, b"successor")
    store.finish(killed, 201, b"killed")
    store.release(killed)
    assert begin(store) == StoredResponse(201, b"successor")


def test_a_response_expires_after_a_day_before_dynamodb_deletes_it() -> None:
    clock = Clock()
    store = IdempotencyStore("t", FakeTable(), clock)
    store.finish(take_claim(store), 201, b"x")
    clock.seconds += KEPT_SECONDS
    assert isinstance(begin(store), StoredResponse)
    clock.seconds += 1
    assert isinstance(begin(store), Claim)


@pytest.mark.parametrize("key", ["", "a" * 65, "new\nline", "é"])
def test_an_invalid_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest):
        begin(IdempotencyStore("t", FakeTable()), key)


def test_an_unreachable_store_is_unavailable() -> None:
    table = FakeTable()
    table.fail["put_item"] = client_error("ProvisionedThroughputExceededException")
    with pytest.raises(Unavailable):
        begin(IdempotencyStore("t", table))


def test_a_stored_response_is_not_released() -> None:
    """The transaction that stored it may have succeeded without its caller knowing."""
    table = FakeTable()
    store = IdempotencyStore("t", table)
    claim = take_claim(store)
    table.update_item(**store.completion_write(claim, 200, b"stored")["Update"])
    store.release(claim)
    assert begin(store) == StoredResponse(200, b"stored")


def test_after_a_lost_lease_the_write_in_a_transaction_fails() -> None:
    clock, table = Clock(), FakeTable()
    store = IdempotencyStore("t", table, clock)
    killed = take_claim(store)
    clock.seconds += 60
    take_claim(store)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.update_item(**store.completion_write(killed, 200, b"late")["Update"])
