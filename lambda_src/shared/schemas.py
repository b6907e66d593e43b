"""Request and response types that use cases share. JSON names are camelCase; unknown fields are refused."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

ModelId = Annotated[str, Meta(min_length=1, max_length=200, description="A model that this stage offers")]
# Language, script and region. The other parts of a BCP 47 tag are words of up to eight letters: possible instructions.
# In Python, `$` also matches before a last line break.
Language = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=12,
        pattern="^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$(?!\\n)",
        description="A BCP 47 tag: language, script, region",
        examples=["pt-BR"],
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=50_000)]
NonBlankText = Annotated[str, Meta(min_length=1, max_length=50_000, pattern=r"\S")]


class RequestModel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The base of request bodies and queries."""


class ResponseModel(msgspec.Struct, rename="camel"):
    """The base of response bodies. Fields that are UNSET are omitted."""


class Usage(ResponseModel):
    """What the model used. `cachedInputTokens` is the part of `inputTokens` read from its prompt cache."""

    input_tokens: int | UnsetType = UNSET
    output_tokens: int | UnsetType = UNSET
    images: int | UnsetType = UNSET
    cached_input_tokens: int | UnsetType = UNSET


class Parameters(RequestModel):
    """Inference parameters. `GET /models` of the playground lists which of them a model takes, with their ranges."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop_sequences: list[Annotated[str, Meta(min_length=1, max_length=1_000)]] | None = None
    length_penalty: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class ListQuery(RequestModel):
    """Paging of a list."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
