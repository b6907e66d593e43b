"""Batches as their callers get them."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from lambda_src.credit_risk.models import BatchQuery, CreateBatch
from lambda_src.credit_risk.routes import ROUTES
from lambda_src.shared.errors import InvalidRequest, NotFound, Unavailable
from lambda_src.shared.http import Api
from lambda_src.shared.idempotency import IdempotencyStore
from tests.fakes import CALLER, OTHER, LambdaContext, RecordedIdempotency, client_error, event, kept_responses_erased
from tests.lambda_src.credit_risk.batch_world import OUTCOME_COLUMNS, BatchWorld, outcome, row, rows, to_csv
from tests.lambda_src.credit_risk.stage import context


@pytest.fixture
def world() -> BatchWorld:
    return BatchWorld()


def names(world: BatchWorld, caller: str = CALLER, **query: Any) -> list[str]:
    answer = world.service.list_batches(context(caller), query=BatchQuery(**query))
    return [item.name for item in answer.items]


def test_a_batch_is_created_with_a_form_for_its_file(world: BatchWorld) -> None:
    idempotency = RecordedIdempotency()
    body = CreateBatch(name="  October ", purpose="scoring")
    created = world.service.create_batch(context(idempotency=idempotency), body=body)

    assert created.status == "awaitingUpload"
    assert created.upload.fields["key"].endswith(created.id)
    assert CALLER not in created.upload.fields["key"]
    assert json.loads(created.upload.fields["policy"]) == [["content-length-range", 1, 104_857_600]]
    assert created.upload.expires_at == "2026-11-18T12:06:40.000Z"
    assert idempotency.resources == [created.id]
    found = world.get(created.id)
    assert (found.name, found.status, found.rows, found.error) == ("October", "awaitingUpload", UNSET, UNSET)


def test_an_announced_size_is_the_only_one_allowed(world: BatchWorld) -> None:
    body = CreateBatch(name="October", purpose="scoring", bytes=500)
    created = world.service.create_batch(context(), body=body)

    assert json.loads(created.upload.fields["policy"]) == [["content-length-range", 500, 500]]


@pytest.mark.parametrize(
    "body",
    [
        {"name": " ", "purpose": "scoring"},
        {"name": "x", "purpose": "other"},
        {"name": "x", "purpose": "scoring", "bytes": 104_857_601},
        {"name": "x", "purpose": "scoring", "sha256": "0"},
        {"name": "x", "purpose": "scoring", "extra": 1},
    ],
)
def test_an_impossible_batch_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, CreateBatch)


def test_batches_are_listed_newest_first_and_by_purpose(world: BatchWorld) -> None:
    for number, purpose in enumerate(("scoring", "training", "scoring")):
        world.create(purpose, name=f"{purpose} {number}")

    assert names(world) == ["scoring 2", "training 1", "scoring 0"]
    assert names(world, purpose="training") == ["training 1"]
    page = world.service.list_batches(context(), query=BatchQuery(limit=2))
    assert isinstance(page.next_cursor, str)
    assert names(world, limit=2, cursor=page.next_cursor) == ["scoring 0"]
    with pytest.raises(InvalidRequest):
        names(world, cursor="elsewhere")


def test_a_batch_is_its_callers(world: BatchWorld) -> None:
    batch_id = world.score(3).id

    assert names(world, OTHER) == []
    for operation in (world.service.get_batch, world.service.delete_batch):
        with pytest.raises(NotFound):
            operation(context(OTHER), id=batch_id)
    assert world.get(batch_id).status == "ready"


def test_a_file_in_the_place_of_anothers_batch_is_nobodys(world: BatchWorld) -> None:
    """No form allows it, but a batch's id alone gives no access."""
    batch_id = world.create()
    world.upload(batch_id, to_csv(rows(3)), caller=OTHER)
    world.run()

    assert world.get(batch_id).status == "awaitingUpload"
    assert not [key for key in world.bucket.objects if batch_id in key]


def test_results_are_urls_that_expire(world: BatchWorld) -> None:
    batch = world.submit(to_csv([row(1), row(2, amount="x")]))

    assert batch.results
    assert batch.rejected
    for file, name in ((batch.results, "scores"), (batch.rejected, "rejected")):
        assert f"results/{world.bucket_namespace}/{batch.id}/{name}.csv.gz" in file.url
        assert "expires=3600" in file.url
        assert f"{name}-{batch.id}.csv.gz" in file.url


def test_the_summary_is_that_of_the_scored_rows(world: BatchWorld) -> None:
    batch = world.submit(to_csv([*rows(9), row(9, amount="x")]))
    found = world.download(batch.results)

    assert batch.summary
    assert batch.summary.approval_rate == pytest.approx(6 / 9)
    assert batch.summary.mean_score == pytest.approx(sum(int(entry["score"]) for entry in found) / 9)
    assert batch.summary.mean_probability_of_default == pytest.approx(
        sum(float(entry["probabilityOfDefault"]) for entry in found) / 9, abs=1e-6
    )
    assert batch.summary.expected_loss == pytest.approx(sum(float(entry["expectedLoss"]) for entry in found))
    assert batch.summary.exposure == pytest.approx(sum(float(entry["exposureAtDefault"]) for entry in found))


def test_a_deletion_erases_kept_responses_and_leaves_scores(world: BatchWorld) -> None:
    batch = world.score(3)
    world.service.delete_batch(context(), id=batch.id)
    world.run()

    assert kept_responses_erased(world.table, batch.id)
    assert names(world) == []
    assert world.report(outcome(1)).rows_rejected == 0


def test_a_deletion_that_is_not_queued_is_repeated(world: BatchWorld) -> None:
    batch = world.score(3)
    world.sqs.fail = client_error("ServiceUnavailable")
    with pytest.raises(Unavailable):
        world.service.delete_batch(context(), id=batch.id)
    world.sqs.fail = None
    world.service.delete_batch(context(), id=batch.id)
    world.run()

    assert not [key for key in world.bucket.objects if batch.id in key]


def test_all_versions_of_the_files_are_deleted(world: BatchWorld) -> None:
    batch = world.submit(to_csv([outcome(1)], OUTCOME_COLUMNS), "outcomes")
    keys = [f"{folder}/{world.bucket_namespace}/{batch.id}" for folder in ("batches", "work", "results")]
    world.bucket.old_versions = {(keys[0], "1"): b"x", (f"{keys[1]}/p", "1"): b"x", (f"{keys[2]}/p", "1"): b"x"}
    world.service.delete_batch(context(), id=batch.id)
    world.run()

    assert world.bucket.old_versions == {}


def test_one_idempotency_key_is_one_batch(world: BatchWorld) -> None:
    api = Api(ROUTES, world.service, world.settings, IdempotencyStore("table", world.table, world.clock))
    request = event("POST", "/batches", {"name": "October", "purpose": "scoring"}, headers={"Idempotency-Key": "k"})
    answers = [api(request, LambdaContext()) for _ in range(2)]

    assert [answer["statusCode"] for answer in answers] == [201, 201]
    assert answers[0]["body"] == answers[1]["body"]
    assert names(world) == ["October"]
