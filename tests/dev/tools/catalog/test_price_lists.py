"""Names and usage types in AWS's price lists are those of the catalog's models and figures."""

import pytest

from dev.tools.catalog.price_lists import Quotes, Tariffs, read_offer
from stacks.model_catalog import CATALOG

EDITION = " (Amazon Bedrock Edition)"


@pytest.mark.parametrize(
    ("attributes", "model_id"),
    [
        ({"model": "Llama 3.3 70B"}, "meta.llama3-3-70b-instruct-v1:0"),
        ({"model": "R1"}, "deepseek.r1-v1:0"),
        ({"usagetype": "USE1-openai.gpt-oss-120b-mantle-input-tokens-standard"}, "openai.gpt-oss-120b-1:0"),
        ({"usagetype": "USE1-deepseek.v3.1-mantle-input-tokens-standard"}, "deepseek.v3-v1:0"),
        ({"servicename": f"Claude Opus 4.6{EDITION}"}, "anthropic.claude-opus-4-6-v1"),
        ({"servicename": f"OpenAI GPT-6 Astra{EDITION}"}, "openai.gpt-6-astra"),
        ({"servicename": f"Cohere Embed Model 3 - Multilingual{EDITION}"}, "cohere.embed-multilingual-v3"),
        ({"model": "Llama 3.3"}, None),
        ({"servicename": f"Claude Opus 4{EDITION}"}, None),
    ],
)
def test_the_lists_names_lead_to_the_committed_rows(attributes: dict[str, str], model_id: str | None) -> None:
    quotes = Quotes()
    usage = {"usagetype": "USE1-MP:USE1_InputTokenCount-Units", "regionCode": "us-east-1"}
    term = {"T": {"priceDimensions": {"D": {"unit": "1M tokens", "pricePerUnit": {"USD": "1"}}}}}
    products = {"A": {"attributes": usage | attributes}}
    read_offer({"offerCode": "AmazonBedrock", "products": products, "terms": {"OnDemand": {"A": term}}}, quotes)

    assert [*Tariffs(quotes, CATALOG.models).by_model] == ([model_id] if model_id else [])


@pytest.mark.parametrize(
    ("usage", "scope", "long", "figure"),
    [
        ("USW2-MP:USW2_InputTokenCount-Units", "regional", False, "inputPerMillion"),
        ("USW2-MP:USW2_OutputTokenCount_LCtx_Global-Units", "global", True, "outputPerMillion"),
        ("USW2-MP:USW2_CacheReadInputTokenCount_Global-Units", "global", False, "cachedInputPerMillion"),
        ("USW2-MP:USW2_cache_read_tokens_long_ctx_global_standard-Units", "global", True, "cachedInputPerMillion"),
        ("USW2-Nova2.0Lite-text-input-tokens-cross-region-global", "global", False, "inputPerMillion"),
        ("USW2-Nova2.0Lite-output-tokens-long-context-cross-region-geo", "geo", True, "outputPerMillion"),
        ("USW2-Nova2.0Lite-cache-read-input-token-count", "regional", False, "cachedInputPerMillion"),
        ("USW2-x.y-mantle-cache-read-tokens-long-ctx-standard", "regional", True, "cachedInputPerMillion"),
        ("USW2-x.y-mantle-output-tokens-global-standard", "global", False, "outputPerMillion"),
    ],
)
def test_every_known_form_of_a_usage_type_is_read(usage: str, scope: str, long: bool, figure: str) -> None:
    quotes = Quotes()
    attributes = {"usagetype": usage, "regionCode": "us-west-2", "servicename": "A model"}
    term = {"T": {"priceDimensions": {"D": {"unit": "1M tokens", "pricePerUnit": {"USD": "1"}}}}}
    products = {"A": {"attributes": attributes}}
    read_offer({"offerCode": "AmazonBedrock", "products": products, "terms": {"OnDemand": {"A": term}}}, quotes)

    (quoted,) = quotes.prices
    assert quoted[1:] == ("us-west-2", scope, long, figure)
