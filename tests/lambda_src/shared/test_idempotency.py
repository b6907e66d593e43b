"""Leases, parts and keys of the idempotency store."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_src.shared.context import StoredResponse
from lambda_src.shared.errors import IdempotencyKeyReused, InProgress, InvalidRequest, Unavailable
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
    assert max(len(item["part"]["B"]) for item in table.items.values() if "part" in item) <= PART_BYTES
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


@pytest.mark.parametrize(("timeout", "documented"), [(29, 35), (300, 306)], ids=["plain", "stream"])
@pytest.mark.parametrize("arrival", [1_000_000.0, 1_000_000.999])
def test_the_key_of_a_killed_function_is_free_when_the_documentation_says(
    timeout: float, documented: float, arrival: float
) -> None:
    """`docs/api.md` and `docs/how-to/operate.md` name the seconds."""
    clock = Clock()
    clock.seconds = arrival
    store = IdempotencyStore("t", FakeTable(), clock)
    claims = [Claim.new(caller=CALLER, route="POST /x", key="k") for _ in range(3)]
    store.begin(claims[0], body=b"{}", seconds=timeout)
    # The function may run until its timeout.
    clock.seconds = arrival + timeout
    with pytest.raises(InProgress):
        store.begin(claims[1], body=b"{}", seconds=timeout)
    clock.seconds = arrival + documented
    assert store.begin(claims[2], body=b"{}", seconds=timeout) is None


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
    table.transact_write_items(TransactItems=store.completion_writes(claim, 200, b"stored"))
    store.release(claim)
    assert begin(store) == StoredResponse(200, b"stored")


def test_after_a_lost_lease_the_write_in_a_transaction_fails() -> None:
    clock, table = Clock(), FakeTable()
    store = IdempotencyStore("t", table, clock)
    killed = take_claim(store)
    clock.seconds += 60
    take_claim(store)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.transact_write_items(TransactItems=store.completion_writes(killed, 200, b"late"))


def contents(table: FakeTable) -> list[bytes]:
    """What the table keeps of responses."""
    return [item["part"]["B"] for item in table.items.values() if "part" in item]


def test_deleting_a_resource_erases_the_responses_that_contain_it() -> None:
    table = FakeTable()
    store = IdempotencyStore("t", table)
    large = random.Random(1).randbytes(2 * PART_BYTES)
    for key, resources in (("both", ("a", "b")), ("one", ("a",)), ("other", ("b",))):
        claim = begin(store, key)
        assert isinstance(claim, Claim)
        store.finish(claim, 201, large + key.encode(), resources)

    store.forget("a")

    assert begin(store, "other") == StoredResponse(201, large + b"other")
    for key in ("both", "one"):
        with pytest.raises(IdempotencyKeyReused, match="was deleted"):
            begin(store, key)
    store.forget("b")
    assert not contents(table)


def test_a_response_of_a_resource_that_was_deleted_meanwhile_is_not_kept() -> None:
    table = FakeTable()
    store = IdempotencyStore("t", table)
    claim = take_claim(store)
    store.forget("a")
    store.finish(claim, 201, random.Random(1).randbytes(2 * PART_BYTES), ("a",))

    assert not contents(table)
    with pytest.raises(IdempotencyKeyReused):
        begin(store)


class DeletingTable(FakeTable):
    """Deletes the resource `a` before write number `at`."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.writes = 0

    def put_item(self, **request: Any) -> None:
        self._count()
        super().put_item(**request)

    def transact_write_items(self, **request: Any) -> None:
        self._count()
        super().transact_write_items(**request)

    def _count(self) -> None:
        self.writes += 1
        if self.writes == self.at:
            IdempotencyStore("t", self).forget("a")


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_deletion_at_any_point_erases_the_response(position: int) -> None:
    table = DeletingTable(position)
    store = IdempotencyStore("t", table)

    store.finish(take_claim(store), 201, random.Random(1).randbytes(2 * PART_BYTES), ("a",))

    assert table.writes > position
    assert not contents(table)


class ConflictingTable(FakeTable):
    """Its first `conflicts` transactions collide with another one at the resource's mark."""

    def __init__(self, conflicts: int) -> None:
        super().__init__()
        self.conflicts = conflicts

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:
        if self.conflicts:
            self.conflicts -= 1
            reasons = [{"Code": "None"} for _ in TransactItems[1:]] + [{"Code": "TransactionConflict"}]
            error = client_error("TransactionCanceledException")
            raise ClientError({**error.response, "CancellationReasons": reasons}, "TransactWriteItems")
        super().transact_write_items(TransactItems=TransactItems)


@pytest.mark.parametrize("conflicts", [1, 2])
def test_a_response_is_kept_after_a_collision_with_another_transaction(conflicts: int) -> None:
    store = IdempotencyStore("t", ConflictingTable(conflicts), sleep=lambda seconds: None)
    store.finish(take_claim(store), 201, b"paid for", ("a",))
    assert begin(store) == StoredResponse(201, b"paid for")


def test_erasing_a_caller_erases_all_their_kept_responses() -> None:
    table = FakeTable()
    store = IdempotencyStore("t", table)
    for key, resources in (("x", ()), ("y", ("a",))):
        claim = begin(store, key)
        assert isinstance(claim, Claim)
        store.finish(claim, 200, b"content", resources)
    other = Claim.new(caller="someone else", route="POST /x", key="x")
    store.begin(other, body=b"{}", seconds=27.5)
    store.finish(other, 200, b"theirs")

    assert store.forget_caller(CALLER, 1) == (1, 1)
    assert store.forget_caller(CALLER, 5) == (1, 1)
    assert store.forget_caller(CALLER, 5) == (0, 0)

    assert len(contents(table)) == 1
    assert store.begin(other, body=b"{}", seconds=27.5) == StoredResponse(200, b"theirs")


def test_a_response_that_was_erased_with_its_resource_is_not_counted_again() -> None:
    store = IdempotencyStore("t", FakeTable())
    store.finish(take_claim(store), 200, b"content", ("a",))
    store.forget("a")

    assert store.forget_caller(CALLER, 5) == (1, 0)


def test_links_expire_with_their_responses() -> None:
    table = FakeTable()
    store = IdempotencyStore("t", table)
    store.finish(take_claim(store), 200, b"x", ("a",))
    store.forget("a")
    assert all("expiresAt" in item for item in table.items.values())
