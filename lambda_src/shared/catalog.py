"""The Bedrock models that this project knows: the rows of `models.json`, next to this file.

A new model is a new row, not new code. `python -m dev.tools.catalog` compares the rows with Bedrock's own lists; each
row names the source of its figures. What no source says is left out, and the code must not guess it.

Only rows that are asked for are decoded: a function's start must not pay for the models of others.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

Purpose = Literal["text", "embedding", "image", "rerank"]
Number = int | float

FILE = Path(__file__).with_name("models.json")


class UnknownModel(LookupError):
    """The catalog has no model or inference profile with this id."""


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """The values that a parameter may have, and Bedrock's default if there is one. For a list: its length."""

    min: Number
    max: Number
    default: Number | None = None


class Lifecycle(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Dates are ISO 8601. For an active model, `end_of_life_at` is the earliest possible date, not an announced one.

    From `extended_access_at` on, a legacy model costs more.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
    """

    status: Literal["active", "legacy", "ended"]
    legacy_at: str | None = None
    end_of_life_at: str | None = None
    extended_access_at: str | None = None


class TokenPrice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """On-demand prices per million tokens."""

    input_per_million: float | None = None
    output_per_million: float | None = None
    cached_input_per_million: float | None = None


class LongContextPrice(TokenPrice, frozen=True, kw_only=True):
    """Prices of a request with more than `above` input tokens, for all of its tokens."""

    above: int


class Price(TokenPrice, frozen=True, kw_only=True):
    """On-demand prices in `currency`, per million tokens, per image, or per query of a rerank model."""

    as_of: str
    per_image: float | None = None
    per_query: float | None = None
    long_context: LongContextPrice | None = None
    currency: str = "USD"


class Thinking(msgspec.Struct, frozen=True):
    """A model that thinks before it answers by default. Its thoughts count as output tokens.

    `fields` of `additionalModelRequestFields` turn it off, or keep it short if the model thinks `always`.
    """

    always: bool
    fields: dict[str, Any] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One foundation model, as functions need it.

    `exclusive`: pairs of parameters of which a request may have one only.
    `structured_output`: how to request an answer with a JSON schema: Bedrock's schema field, a tool, or the prompt.
    `forced_tool`: whether the model accepts a forced tool choice.
    `dimensions`: the lengths of an embedding model's vectors, the default first.
    `context_tokens`: the most tokens of a request and its answer; None if unknown.
    `max_text_characters`: the longest text that an embedding model takes.
    `profiles`: the prefixes of its inference profiles, with the names of their routings (`stacks/model_catalog.py`).
    `prices`: by profile prefix, and "" for the model id. A profile without an entry costs what the model id costs;
    None stands for an unknown price.
    """

    id: str
    provider: str
    family: str
    name: str
    purpose: Purpose
    inputs: tuple[Literal["text", "image"], ...]
    lifecycle: Lifecycle
    parameters: dict[str, Range] = {}
    exclusive: tuple[tuple[str, str], ...] = ()
    thinking: Thinking | None = None
    structured_output: Literal["native", "tool", "prompt"] = "prompt"
    forced_tool: bool = True
    prompt_caching: bool = False
    dimensions: tuple[int, ...] = ()
    context_tokens: int | None = None
    max_text_characters: int | None = None
    profiles: dict[str, str] = {}
    prices: dict[str, Price | None] = {}


class Invocation(msgspec.Struct, frozen=True):
    """How to call a model: by its id, or by the id of an inference profile with the prefix `profile`.

    `application_profile` is the ARN of an application inference profile made from either; calls then name that one.
    """

    id: str
    model: Model
    profile: str | None = None
    application_profile: str | None = None

    @property
    def target(self) -> str:
        """Bedrock's `modelId` for the call."""
        return self.application_profile or self.id

    @property
    def price(self) -> Price | None:
        """The price of calls through this profile; None when no source gives it."""
        prices = self.model.prices
        return prices[self.profile] if self.profile in prices else prices.get("")


class _File(msgspec.Struct):
    models: dict[str, msgspec.Raw]


_rows = msgspec.json.decode(FILE.read_bytes(), type=_File).models
_decoded: dict[str, Model] = {}


def resolve(invocation_id: str) -> Invocation:
    """Looks up a model id, or an inference profile id such as `us.amazon.nova-lite-v1:0`.

    Either may be followed by `=` and the ARN of an application inference profile. Raises `UnknownModel` when the
    catalog has no such model, or the model no such profile.
    """
    name, _, application_profile = invocation_id.partition("=")
    arn = application_profile or None
    if name in _rows:
        return Invocation(name, _model(name), None, arn)
    prefix, _, model_id = name.partition(".")
    if model_id not in _rows or prefix not in _model(model_id).profiles:
        raise UnknownModel(name)
    return Invocation(name, _model(model_id), prefix, arn)


def models() -> Iterator[Model]:
    """All rows, in the file's order."""
    return map(_model, _rows)


def _model(model_id: str) -> Model:
    if model_id not in _decoded:
        _decoded[model_id] = msgspec.json.decode(_rows[model_id], type=Model)
    return _decoded[model_id]


def cost(
    invocation: Invocation,
    *,
    input_tokens: int = 0,
    cached_tokens: int = 0,
    output_tokens: int = 0,
    images: int = 0,
    queries: int = 0,
) -> float | None:
    """The estimated on-demand cost of one call in US dollars; None when the catalog has no price.

    `cached_tokens` are those of `input_tokens` that were read from the prompt cache. Writing to it costs more than
    plain input with some models, which is left out.
    """
    price = invocation.price
    if price is None:
        return None
    long = price.long_context
    tokens: TokenPrice = long if long and input_tokens > long.above else price
    plain = tokens.input_per_million or 0
    cached = plain if tokens.cached_input_per_million is None else tokens.cached_input_per_million
    per_million = (
        (input_tokens - cached_tokens) * plain
        + cached_tokens * cached
        + output_tokens * (tokens.output_per_million or 0)
    )
    return per_million / 1_000_000 + images * (price.per_image or 0) + queries * (price.per_query or 0)
