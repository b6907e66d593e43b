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
    assert active.champion().reference.id == FIRST_CHAMPION
    model = stage.register()
    stage.activate(model)

    stage.clock.now += FRESH_SECONDS - 1
    assert active.champion().reference.id == FIRST_CHAMPION
    stage.clock.now += 1
    assert active.champion().reference.id == model
    stage.activate(model, "retired")
    stage.clock.now += FRESH_SECONDS
    with pytest.raises(Conflict, match="no model is active"):
        active.champion()


def test_the_table_is_read_once_a_minute() -> None:
    stage = Stage()
    active = ActiveModels(stage.registry, stage.clock)
    active.champion()
    stage.table.fail["get_item"] = client_error("InternalServerError")

    active.champion()
    stage.clock.now += FRESH_SECONDS
    with pytest.raises(Unavailable):
        active.champion()
    del stage.table.fail["get_item"]
    active.champion()


def test_a_challenger_that_cannot_be_read_does_not_stop_the_champion() -> None:
    stage = Stage()
    active = ActiveModels(stage.registry, stage.clock)
    stage.activate(stage.register(), "challenger")
    objects: dict[str, Any] = dict(stage.bucket.objects)
    stage.bucket.objects.clear()

    assert active.champion().reference.id == FIRST_CHAMPION
    assert active.challenger() is None
    stage.bucket.objects.update(objects)
    stage.clock.now += FRESH_SECONDS
    active.champion()
    challenger = active.challenger()
    assert challenger is not None
    assert challenger.cut_off.approve == 620
