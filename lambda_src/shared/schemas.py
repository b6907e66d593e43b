"""Types that more than one use case's contract has. Wire names are camelCase; unknown fields are refused."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

ModelId = Annotated[str, Meta(min_length=1, max_length=200, description="A model that this stage offers")]
Text = Annotated[str, Meta(min_length=1, max_length=50_000)]


class RequestModel(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a caller sends."""


class ResponseModel(msgspec.Struct, rename="camel"):
    """What a caller gets; a field that is UNSET is left out."""


class Usage(ResponseModel):
    """What the call used of the model. `cachedInputTokens` are those of `inputTokens` read from its prompt cache."""

    input_tokens: int | UnsetType = UNSET
    output_tokens: int | UnsetType = UNSET
    images: int | UnsetType = UNSET
    cached_input_tokens: int | UnsetType = UNSET


class Parameters(RequestModel):
    """How the model is to write. Which of these a model takes, and in which ranges, its row in the catalogue says."""

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
    """The page of a list that is asked for."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
