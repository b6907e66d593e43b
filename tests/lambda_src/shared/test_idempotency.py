"""Leases, parts and keys."""

import random

import pytest
from botocore.exceptions import ClientError

from lambda_src.shared.errors import InProgress, InvalidRequest, Unavailable
from lambda_src.shared.idempotency import (
    KEPT_SECONDS,
    LEASE_MARGIN_SECONDS,
    PART_BYTES,
    Claim,
    IdempotencyStore,
    StoredResponse,
)
from tests.fakes import CALLER, FakeTable, client_error


class Clock:
    seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


def begin(idempotency: IdempotencyStore, key: str = "k") -> Claim | StoredResponse:
    return idempotency.begin(caller=CALLER, route="POST /x", key=key, body=b"{}", seconds=27.5)


def claim(idempotency: IdempotencyStore) -> Claim:
    got = begin(idempotency)
    assert isinstance(got, Claim)
    return got


def test_an_answer_larger_than_an_item_is_kept_in_parts() -> None:
    table = FakeTable()
    idempotency = IdempotencyStore("t", table)
    body = random.Random(1).randbytes(3 * PART_BYTES)
    idempotency.finish(claim(idempotency), 200, body)
    assert begin(idempotency) == StoredResponse(200, body)
    assert max(len(item["part"]["B"]) for item in table.items.values()) <= PART_BYTES
    assert all("expiresAt" in item for item in table.items.values())


def test_a_dead_process_loses_its_lease() -> None:
    clock = Clock()
    idempotency = IdempotencyStore("t", FakeTable(), clock)
    dead = claim(idempotency)
    clock.seconds += 28 + LEASE_MARGIN_SECONDS
    with pytest.raises(InProgress):
        begin(idempotency)
    clock.seconds += 1
    alive = claim(idempotency)
    idempotency.finish(alive, 201, b"alive")
    idempotency.finish(dead, 201, b"dead")
    idempotency.release(dead)
    assert begin(idempotency) == StoredResponse(201, b"alive")


def test_an_answer_is_forgotten_after_a_day_though_dynamodb_deletes_late() -> None:
    clock = Clock()
    idempotency = IdempotencyStore("t", FakeTable(), clock)
    idempotency.finish(claim(idempotency), 201, b"x")
    clock.seconds += KEPT_SECONDS
    assert isinstance(begin(idempotency), StoredResponse)
    clock.seconds += 1
    assert isinstance(begin(idempotency), Claim)


@pytest.mark.parametrize("key", ["", "a" * 65, "new\nline", "é"])
def test_keys_that_are_no_keys(key: str) -> None:
    with pytest.raises(InvalidRequest):
        begin(IdempotencyStore("t", FakeTable()), key)


def test_a_store_out_of_reach_is_unavailable() -> None:
    table = FakeTable()
    table.fail["put_item"] = client_error("ProvisionedThroughputExceededException")
    with pytest.raises(Unavailable):
        begin(IdempotencyStore("t", table))


def test_an_answer_that_was_kept_is_not_given_back() -> None:
    """The transaction that kept it may have been done though its caller was told nothing."""
    table = FakeTable()
    idempotency = IdempotencyStore("t", table)
    mine = claim(idempotency)
    table.update_item(**idempotency.completion_write(mine, 200, b"kept")["Update"])
    idempotency.release(mine)
    assert begin(idempotency) == StoredResponse(200, b"kept")


def test_a_lost_lease_makes_the_transactions_part_fail() -> None:
    clock, table = Clock(), FakeTable()
    idempotency = IdempotencyStore("t", table, clock)
    dead = claim(idempotency)
    clock.seconds += 60
    claim(idempotency)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.update_item(**idempotency.completion_write(dead, 200, b"late")["Update"])
