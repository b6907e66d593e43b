"""The rows are consistent."""

from datetime import date

import pytest

from lambda_src.shared import catalogue


def test_ids_are_unique() -> None:
    assert len({model.id for model in catalogue.MODELS}) == len(catalogue.MODELS)


@pytest.mark.parametrize("model", catalogue.MODELS, ids=lambda model: model.id)
def test_a_row_is_complete(model: catalogue.Model) -> None:
    assert model.regions or model.profiles
    for day in (model.lifecycle.legacy_at, model.lifecycle.end_of_life_at, model.price and model.price.as_of):
        assert day is None or date.fromisoformat(day)
    assert model.lifecycle.status != "ended" or model.lifecycle.end_of_life_at
    for name, allowed in model.parameters.items():
        assert allowed.min < allowed.max, name
        assert allowed.default is None or allowed.min <= allowed.default <= allowed.max, name


def test_a_profile_resolves_to_its_model_and_regions() -> None:
    invocation = catalogue.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0")
    assert (invocation.profile, invocation.model.family) == ("us", "claude")
    assert invocation.destination_regions == ("us-east-1", "us-east-2", "us-west-2")
    assert catalogue.resolve("amazon.titan-embed-text-v2:0").destination_regions == ()


@pytest.mark.parametrize("unknown", ["", "nothing", "eu.anthropic.claude-haiku-5-5", "us.amazon.titan-embed-text-v2:0"])
def test_an_unknown_id_is_an_error(unknown: str) -> None:
    with pytest.raises(catalogue.UnknownModel):
        catalogue.resolve(unknown)


def test_cost() -> None:
    model = catalogue.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0").model
    assert catalogue.cost(model, input_tokens=1_000_000, output_tokens=200_000) == pytest.approx(2.0)
    assert catalogue.cost(catalogue.resolve("us.anthropic.claude-haiku-5-5").model, input_tokens=1) is None
