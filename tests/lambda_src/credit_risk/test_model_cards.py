"""The documentation and the points of models."""

from typing import Any

import msgspec
import pytest

from lambda_src.credit_risk import model_cards
from lambda_src.credit_risk.model import Model, encode
from lambda_src.credit_risk.models import Origin
from lambda_src.credit_risk.registry import FIRST_CHAMPION, SAMPLES, ActiveState, new_record
from lambda_src.credit_risk.scorecard import parse
from tests.lambda_src.credit_risk.stage import Stage, context, with_metrics
from tests.lambda_src.credit_risk.world import model_json


def card_of(origin: Origin = "trained", **changes: Any) -> Any:
    model = msgspec.convert({**with_metrics(), **changes}, Model)
    raw = encode(model)
    record = new_record(model, raw, model_id="m", origin=origin, registered_by="a", created_at="now")
    return model_cards.model_card(record, ActiveState(), parse(raw).model, [], "request-1")


def limits(card: Any) -> list[str]:
    return [limit.code for limit in card.limits]


def test_limits_say_what_a_model_is_not_for() -> None:
    assert limits(card_of()) == []
    assert limits(card_of(sample=True)) == ["sample"]
    assert limits(card_of("registered")) == ["notVerified"]
    assert limits(card_of("registered", performance=None)) == ["noMetrics"]
    assert limits(card_of(performance=None)) == ["noMetrics"]
    plain = msgspec.convert(model_json(), Model)
    raw = encode(plain)
    record = new_record(plain, raw, model_id="m", origin="registered", registered_by="a", created_at="now")
    assert limits(model_cards.model_card(record, ActiveState(), plain, [], "r")) == ["noMetrics", "noReference"]


@pytest.mark.parametrize(("r2", "expected"), [(0.01, ["lossNotPredicted"]), (0.3, []), (None, [])])
def test_a_loss_model_that_knows_averages_only_is_named(r2: float | None, expected: list[str]) -> None:
    performance = with_metrics()["performance"]
    performance["metrics"][0]["lossGivenDefaultR2"] = r2

    assert limits(card_of(performance=performance)) == expected


def test_the_sample_with_the_lenders_verdict_says_so() -> None:
    stage = Stage()
    for model in SAMPLES:
        codes = limits(stage.service.get_model(context(), id=model))
        assert ("lenderPricing" in codes) == (model != FIRST_CHAMPION)


def test_the_scorecard_shows_shares_and_default_rates_of_the_training_set() -> None:
    card = Stage().service.get_scorecard(context(), id=FIRST_CHAMPION)
    income = card.characteristics[0]

    assert income.required is False
    assert income.unit == "currency a year"
    assert [entry.missing for entry in income.classes][-2:] == [False, True]
    shares = [entry.share for entry in income.classes]
    assert sum(shares) == pytest.approx(1)  # type: ignore[arg-type]
    rates = [entry.bad_rate for entry in income.classes[:-1]]
    assert rates == sorted(rates, reverse=True)  # type: ignore[type-var]


def test_a_scorecard_without_counts_has_no_shares() -> None:
    stage = Stage()
    body = msgspec.convert(model_json(), Model)
    model = stage.service.create_model(context(), body=body).id
    (entry, *_) = stage.service.get_scorecard(context(), id=model).characteristics[0].classes

    assert msgspec.to_builtins(entry) == {"class": "< 30000", "points": -50, "missing": False}


def test_names_are_inert_text() -> None:
    stage = Stage()
    model = stage.register(name="[Card](https://x.y)")
    shown = [
        stage.service.get_model(context(), id=model).name,
        stage.service.get_scorecard(context(), id=model).name,
        stage.registry.get(model).reference.name,
    ]

    assert not [name for name in shown if "](" in name]
