"""Outcomes are counted once, by the day of their application; later ones replace earlier ones."""

import random

import pytest

from tests.lambda_src.credit_risk.batch_world import (
    COLUMNS,
    OUTCOME_COLUMNS,
    BatchWorld,
    outcome,
    row,
    single,
    to_csv,
    totals,
)
from tests.lambda_src.credit_risk.stage import CALLER, context

DEFAULTED = {"defaultedAt": "2026-11-15", "balanceAtDefault": "9000", "recovered": "500"}


@pytest.fixture
def world() -> BatchWorld:
    world = BatchWorld()
    world.score(10)
    return world


def counted(world: BatchWorld) -> dict[str, int]:
    return totals(world.counts(world.model, "outcomes"))


def test_outcomes_are_counted_by_the_day_of_the_application(world: BatchWorld) -> None:
    batch = world.report(outcome(0), outcome(1, "defaulted", **DEFAULTED), outcome(3))

    counts = counted(world)
    assert (batch.status, batch.rows_done, batch.rows_rejected) == ("ready", 3, 0)
    assert (counts["n"], counts["bads"], counts["defaults"]) == (3, 1, 1)
    assert (counts["exposureObserved"], counts["lossObserved"]) == (900_000, 850_000)
    days = sorted(key[1] for key in world.table.items if "#outcomes#" in key[1])
    assert days == ["2026-11-10#outcomes#files-0", "2026-11-11#outcomes#files-0"]
    assert not batch.results
    assert not batch.rejected
    assert not batch.summary


def test_a_default_without_amounts_is_one(world: BatchWorld) -> None:
    world.report(outcome(1, "defaulted"))

    assert counted(world)["bads"] == 1
    assert "defaults" not in counted(world)


def test_outcomes_of_single_applications_are_counted_too(world: BatchWorld) -> None:
    world.service.create_score(context(), body=single(row(77)))

    assert world.report(outcome(77)).rows_rejected == 0


def test_a_later_outcome_replaces_the_earlier_one(world: BatchWorld) -> None:
    world.report(outcome(1, "defaulted", **DEFAULTED), outcome(2))
    world.report(outcome(1), outcome(2, "defaulted"))
    direct = BatchWorld()
    direct.score(10)
    direct.report(outcome(1), outcome(2, "defaulted"))

    assert counted(world) == counted(direct)


def test_the_last_row_of_an_application_counts_wherever_it_is(world: BatchWorld) -> None:
    rows = [outcome(1, "defaulted"), outcome(1), *[outcome(number) for number in range(2, 8)], outcome(1, "defaulted")]
    world.report(*rows)

    assert (counted(world)["n"], counted(world)["bads"]) == (7, 1)


def test_the_same_file_again_changes_nothing(world: BatchWorld) -> None:
    world.report(outcome(1), outcome(2, "defaulted"))
    before = counted(world)
    world.report(outcome(1), outcome(2, "defaulted"))

    assert counted(world) == before


@pytest.mark.parametrize("seed", range(6))
def test_two_files_give_the_later_ones_outcomes_in_any_order(world: BatchWorld, seed: int) -> None:
    first, second = world.create("outcomes"), world.create("outcomes")
    older = [outcome(number, "defaulted", **DEFAULTED) for number in range(10)]
    newer = [outcome(number) for number in range(0, 10, 2)]
    world.upload(second, to_csv(newer, OUTCOME_COLUMNS), events=2)
    world.upload(first, to_csv(older, OUTCOME_COLUMNS), events=2)
    world.run(random.Random(seed))

    assert (counted(world)["n"], counted(world)["bads"]) == (10, 5)
    assert {world.get(batch).status for batch in (first, second)} == {"ready"}


def test_an_application_that_was_scored_again_is_compared_with_the_newer_score(world: BatchWorld) -> None:
    world.report(outcome(1, "defaulted"))
    world.submit(to_csv([row(1, annualIncome="25000", applicationDate="2026-11-17")]))
    world.report(outcome(1))

    days = {
        key[1]: totals({name: int(value["N"]) for name, value in item.items() if "N" in value})
        for key, item in world.table.items.items()
        if "#outcomes#" in key[1]
    }
    assert days["2026-11-11#outcomes#files-0"] == {}
    assert days["2026-11-17#outcomes#files-0"]["n"] == 1


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"applicationId": "A-99"}, "applicationId", "was not scored"),
        ({"applicationId": ""}, "applicationId", "is missing"),
        ({"applicationId": "=1"}, "applicationId", "has a wrong form"),
        ({"status": ""}, "status", "must be paid or defaulted"),
        ({"status": "=late"}, "status", "must be paid or defaulted"),
        ({"defaultedAt": "2026-11-01"}, "defaultedAt", "is before the application"),
        ({"defaultedAt": "2027-11-01"}, "defaultedAt", "is in the future"),
        ({"defaultedAt": "2026-11-31"}, "defaultedAt", "there is no such day"),
        ({"balanceAtDefault": "-5"}, "balanceAtDefault", "must be at least 0"),
        ({"recovered": "some"}, "recovered", "must be a number"),
        ({"recovered": "nan"}, "recovered", "must be"),
        ({"status": "paid"}, "defaultedAt", "must be blank"),
    ],
)
def test_a_bad_row_is_named(world: BatchWorld, changes: dict[str, str], field: str, reason: str) -> None:
    bad = {**outcome(1, "defaulted", **DEFAULTED), **changes}
    batch = world.report(bad, outcome(2))

    (found,) = world.download(batch.rejected)
    assert (found["line"], found["field"]) == ("2", field)
    assert found["reason"].startswith(reason)
    assert counted(world)["n"] == 1


def test_an_application_whose_score_has_expired_is_not_matched(world: BatchWorld) -> None:
    world.clock.now += 800 * 24 * 3600

    assert world.report(outcome(1)).rows_rejected == 1


def test_an_application_of_a_sample_model_that_was_turned_off_is_rejected() -> None:
    world = BatchWorld(model=False)
    scored = world.submit(to_csv([row(1, debtToIncome="9")], (*COLUMNS, "debtToIncome")))
    assert scored.status == "ready"
    other = BatchWorld(sample_models=False)
    other.table, other.clock = world.table, world.clock
    other.service = other.process()

    (found,) = other.download(other.report(outcome(1)).rejected)
    assert found["reason"] == "was scored by a model that no longer exists"


def test_more_days_than_a_transaction_takes() -> None:
    world = BatchWorld(slice_rows=200)
    records = [row(number, applicationDate=f"2026-{1 + number % 10:02}-{1 + number // 10:02}") for number in range(200)]
    world.submit(to_csv(records))
    world.report(*[outcome(number) for number in range(200)])

    assert world.counts(world.model)["n"] == 200
    assert counted(world)["n"] == 200
    assert len([key for key in world.table.items if key[0] == f"outcomes#{CALLER}"]) == 200
