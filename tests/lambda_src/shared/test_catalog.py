"""The rows are consistent."""

from datetime import date

import pytest

from lambda_src.shared import catalog


def test_ids_are_unique() -> None:
    assert len({model.id for model in catalog.MODELS}) == len(catalog.MODELS)


@pytest.mark.parametrize("model", catalog.MODELS, ids=lambda model: model.id)
def test_a_row_is_complete(model: catalog.Model) -> None:
    assert model.regions or model.profiles
    for day in (model.lifecycle.legacy_at, model.lifecycle.end_of_life_at, model.price and model.price.as_of):
        assert day is None or date.fromisoformat(day)
    assert model.lifecycle.status != "ended" or model.lifecycle.end_of_life_at
    for name, allowed in model.parameters.items():
        assert allowed.min < allowed.max, name
        assert allowed.default is None or allowed.min <= allowed.default <= allowed.max, name


def test_a_profile_resolves_to_its_model_and_regions() -> None:
    invocation = catalog.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0")
    assert (invocation.profile, invocation.model.family) == ("us", "claude")
    assert invocation.destination_regions == ("us-east-1", "us-east-2", "us-west-2")
    assert catalog.resolve("amazon.titan-embed-text-v2:0").destination_regions == ()


@pytest.mark.parametrize("unknown", ["", "nothing", "eu.anthropic.claude-haiku-5-5", "us.amazon.titan-embed-text-v2:0"])
def test_an_unknown_id_is_an_error(unknown: str) -> None:
    with pytest.raises(catalog.UnknownModel):
        catalog.resolve(unknown)


def test_cost() -> None:
    model = catalog.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0").model
    assert catalog.cost(model, input_tokens=1_000_000, output_tokens=200_000) == pytest.approx(2.0)
    assert catalog.cost(catalog.resolve("us.anthropic.claude-haiku-5-5").model, input_tokens=1) is None
