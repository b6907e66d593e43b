"""On-demand token prices in AWS's public price lists.

A product is one figure of one model in one region. Its model is an attribute (`servicename`, `model`, `titanModel`) or
part of its usage type; what it prices is the rest of the usage type, of which there are these forms:

- `USW2-MP:USW2_InputTokenCount_Global-Units`, in AmazonBedrockFoundationModels, per million tokens
- `USW2-MP:USW2_input_tokens_long_ctx_global_standard-Units`, likewise
- `USW2-Nova2.0Lite-input-tokens-cross-region-global`, in AmazonBedrock and AmazonBedrockService, per thousand
- `USW2-xai.grok-4.7-mantle-input-tokens-global-standard`, likewise

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

import msgspec

from stacks.model_catalog import Row

OFFERS = ("AmazonBedrock", "AmazonBedrockFoundationModels", "AmazonBedrockService")

# `geo`: calls through a geographic profile, where the list has a price of their own; `regional`: otherwise, and calls
# by the model id.
Scope = Literal["regional", "geo", "global"]
Figure = Literal["inputPerMillion", "outputPerMillion", "cachedInputPerMillion"]

_FIGURES: dict[str, Figure] = {
    "input": "inputPerMillion",
    "Input": "inputPerMillion",
    "output": "outputPerMillion",
    "Output": "outputPerMillion",
    "cache_read": "cachedInputPerMillion",
    "cache-read": "cachedInputPerMillion",
    "CacheReadInput": "cachedInputPerMillion",
}
_EDITION = " (Amazon Bedrock Edition)"
_MARKETPLACE = re.compile(
    r"[A-Z0-9]+-MP:[A-Z0-9]+_(?:"
    r"(?P<counted>Input|Output|CacheReadInput)TokenCount"
    r"|(?P<named>input|output|cache_read)_tokens(?=\w*_standard)"
    r")(?P<qualifiers>(?:_(?:LCtx|long_ctx|Global|global|standard))*)-Units"
)
_USAGE = re.compile(
    r"[A-Z0-9]+-(?P<model>.+?)(?:-mantle)?-(?:text-)?"
    r"(?:(?P<figure>input|output)-tokens|(?P<cached>cache-read)-(?:input-token-count|tokens))"
    r"(?P<qualifiers>(?:-(?:standard|long-context|long-ctx|global|cross-region-global|cross-region-geo))*)"
)
# Other services than on-demand calls: they are not in the catalog, so they need no report.
_OTHER_SERVICE = re.compile(
    r"batch|flex|priority|latency|reserved|provisioned|custom|storage|cache_?-?write|guardrail|fine-?tun|training"
    r"|evaluation|model-?units|import",
    re.IGNORECASE,
)
# What the lists call a model whose name in the catalog is another.
_ALIASES = {
    "TitanEmbeddingV2-Text": "amazon.titan-embed-text-v2:0",
    "Cohere Embed 3 Model - English": "cohere.embed-english-v3",
    "Cohere Embed Model 3 - Multilingual": "cohere.embed-multilingual-v3",
}
_VERSION = re.compile(r"(?:-v\d+)?:\d+$")
_DATE = re.compile(r"-\d{8}(?=-|$)")


class UnreadableOffer(Exception):
    """The file does not have a price list's structure."""


class Quoted(NamedTuple):
    """What a price is for. `names`: what the list calls the model."""

    names: tuple[str, ...]
    region: str
    scope: Scope
    long: bool
    figure: Figure


@dataclass
class Quotes:
    """The prices in the lists. `unread`: names of a model -> usage types that are not understood."""

    offers: set[str] = field(default_factory=set)
    prices: dict[Quoted, set[Decimal]] = field(default_factory=dict)
    unread: dict[tuple[str, ...], set[str]] = field(default_factory=dict)


class _Product(msgspec.Struct):
    attributes: dict[str, str]


class _Dimension(msgspec.Struct, rename="camel"):
    unit: str
    price_per_unit: dict[str, str]
    description: str = ""


class _Term(msgspec.Struct, rename="camel"):
    price_dimensions: dict[str, _Dimension]


class _Terms(msgspec.Struct):
    on_demand: dict[str, dict[str, _Term]] = msgspec.field(name="OnDemand", default_factory=dict)


class _Offer(msgspec.Struct, rename="camel"):
    offer_code: str
    products: dict[str, _Product]
    terms: _Terms


def read_offer(content: dict[str, Any], quotes: Quotes) -> None:
    """Adds the prices of a price list."""
    try:
        offer = msgspec.convert(content, _Offer)
    except msgspec.ValidationError as error:
        raise UnreadableOffer(str(error)) from error
    quotes.offers.add(offer.offer_code)
    for sku, product in offer.products.items():
        usage = product.attributes.get("usagetype", "")
        names, parsed = _names(product.attributes), _parse(usage)
        dimensions = [d for term in offer.terms.on_demand.get(sku, {}).values() for d in term.price_dimensions.values()]
        region = product.attributes.get("regionCode")
        if _OTHER_SERVICE.search(usage) or not dimensions:
            continue
        prices = [price for dimension in dimensions if (price := _per_million(dimension)) is not None]
        if parsed is None or region is None or len(prices) < len(dimensions):
            quotes.unread.setdefault(names, set()).add(usage)
        else:
            quotes.prices.setdefault(Quoted(names, region, *parsed), set()).update(prices)


def _names(attributes: dict[str, str]) -> tuple[str, ...]:
    """What the list calls the product's model."""
    listed = [attributes.get(name, "").removesuffix(_EDITION) for name in ("servicename", "model", "titanModel")]
    usage = _USAGE.fullmatch(attributes.get("usagetype", ""))
    return tuple(name for name in (*listed, usage["model"] if usage else "") if name and name != "Amazon Bedrock")


def _parse(usage: str) -> tuple[Scope, bool, Figure] | None:
    """The scope, whether it is the price of a long context, and the figure."""
    if match := _MARKETPLACE.fullmatch(usage):
        named, qualifiers = match["counted"] or match["named"], match["qualifiers"].lower()
    elif match := _USAGE.fullmatch(usage):
        named, qualifiers = match["figure"] or match["cached"], match["qualifiers"]
    else:
        return None
    scope: Scope = "global" if "global" in qualifiers else "geo" if "geo" in qualifiers else "regional"
    return scope, "ctx" in qualifiers or "context" in qualifiers, _FIGURES[named]


def _per_million(dimension: _Dimension) -> Decimal | None:
    """The price of a million tokens in US dollars; None for other units and currencies."""
    try:
        price = Decimal(dimension.price_per_unit["USD"])
    except (KeyError, InvalidOperation):
        return None
    if dimension.unit == "1K tokens":
        return price * 1000
    is_million = dimension.unit == "1M tokens" or (dimension.unit == "Units" and "Million" in dimension.description)
    return price if is_million else None


@dataclass
class Tariff:
    """The prices of one model. `conflicts` are figures that the lists give two prices for."""

    figures: dict[tuple[str, Scope, bool], dict[Figure, float]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)


class Tariffs:
    """The lists' prices by the catalog's model id. `unknown`: names of models that have no row."""

    def __init__(self, quotes: Quotes, rows: dict[str, Row]) -> None:
        self._ids: dict[str, set[str]] = {}
        for row in rows.values():
            for name in _row_names(row):
                self._ids.setdefault(name, set()).add(row.id)
        self.by_model: dict[str, Tariff] = {}
        self.unknown: set[str] = set()
        prices: dict[tuple[str, str, Scope, bool, Figure], set[Decimal]] = {}
        for quoted, amounts in quotes.prices.items():
            for model_id in self._match(quoted.names):
                prices.setdefault((model_id, *quoted[1:]), set()).update(amounts)
        for (model_id, region, scope, long, figure), amounts in prices.items():
            tariff = self.by_model.setdefault(model_id, Tariff())
            if len(amounts) == 1:
                tariff.figures.setdefault((region, scope, long), {})[figure] = float(*amounts)
            else:
                shown = " or ".join(f"{amount.normalize():f}" for amount in sorted(amounts))
                tariff.conflicts.append(f"{scope}{' long-context' if long else ''} {figure} in {region}: {shown}")
        for names, usages in quotes.unread.items():
            for model_id in self._match(names):
                self.by_model.setdefault(model_id, Tariff()).unread |= usages

    def _match(self, names: tuple[str, ...]) -> Iterator[str]:
        """The model with these names: all names that the catalog knows must agree."""
        matches = [ids for name in names if (ids := self._ids.get(_key(_ALIASES.get(name, name))))]
        ids = set.intersection(*matches) if matches else set()
        if len(ids) == 1:
            yield from ids
        elif names:
            self.unknown.add(names[0])


def _row_names(row: Row) -> set[str]:
    """The id with and without provider, date and version, and the name with and without the provider's."""
    base = _VERSION.sub("", row.id)
    undated = _DATE.sub("", base)
    names = (row.id, base, undated, undated.partition(".")[2], row.name, f"{row.provider} {row.name}")
    # The lists price `Llama 3.3 70B`; its row is Llama 3.3 70B Instruct.
    return {key for name in names for key in (_key(name), _key(name).removesuffix("instruct"))}


def _key(name: str) -> str:
    """Lists write `Nova 2.0 Lite` and `Nova2.0Lite` for Nova 2 Lite."""
    return re.sub(r"[^a-z0-9+]", "", re.sub(r"(?<=\d)\.0(?!\d)", "", name.lower()))
