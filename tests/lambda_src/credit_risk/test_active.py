"""The models that score are looked up again every minute."""

from typing import Any

import pytest

from lambda_src.credit_risk.active import FRESH_SECONDS, ActiveModels
from lambda_src.credit_risk.registry import FIRST_CHAMPION
from lambda_src.shared.errors import Conflict, Unavailable
from tests.fakes import client_error
from tests.lambda_src.credit_risk.stage import Stage


def test_an_activation_is_in_force_within_a_minute() -> None:
    stage = Stage()
    active = ActiveModels(stage.registry, stage.clock)
    assert active.find()[0].reference.id == FIRST_CHAMPION
    model = stage.register()
    stage.activate(model)

    stage.clock.now += FRESH_SECONDS - 1
    assert active.find()[0].reference.id == FIRST_CHAMPION
    stage.clock.now += 1
    assert active.find()[0].reference.id == model
    stage.activate(model, "retired")
    stage.clock.now += FRESH_SECONDS
    with pytest.raises(Conflict, match="no model is active"):
        active.find()


def test_the_table_is_read_once_a_minute() -> None:
    stage = Stage()
    active = ActiveModels(stage.registry, stage.clock)
    active.find()
    stage.table.fail["get_item"] = client_error("InternalServerError")

    active.find()
    stage.clock.now += FRESH_SECONDS
    with pytest.raises(Unavailable):
        active.find()
    del stage.table.fail["get_item"]
    active.find()


def test_a_challenger_that_cannot_be_read_does_not_stop_the_champion() -> None:
    stage = Stage()
    active = ActiveModels(stage.registry, stage.clock)
    stage.activate(stage.register(), "challenger")
    objects: dict[str, Any] = dict(stage.bucket.objects)
    stage.bucket.objects.clear()

    champion, challenger = active.find()
    assert champion.reference.id == FIRST_CHAMPION
    assert challenger is None
    stage.bucket.objects.update(objects)
    stage.clock.now += FRESH_SECONDS
    _, challenger = active.find()
    assert challenger is not None
    assert challenger.cut_off.approve == 620


def test_a_sample_model_that_is_turned_off_scores_no_more() -> None:
    stage = Stage()
    stage.activate(FIRST_CHAMPION, cutOff={"approve": 700, "refer": 600})
    without = Stage(stage.table, stage.bucket, sample_models=False)

    with pytest.raises(Conflict, match="no model is active"):
        ActiveModels(without.registry, stage.clock).find()
