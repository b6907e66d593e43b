"""Request and response types of the playground."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.catalog import Lifecycle, Number, Price, Purpose, Range
from lambda_src.shared.schemas import ModelId, Parameters, RequestModel, ResponseModel, Text, Usage


class Message(RequestModel):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: Text


class Task(RequestModel):
    """Either a `prompt`, or the `messages` of a conversation that ends with the user's."""

    instructions: Text | None = None
    prompt: Text | None = None
    messages: Annotated[list[Message], Meta(min_length=1, max_length=200)] | None = None
    parameters: Parameters | None = None


class CreateCompletion(Task):
    """One model's answer."""

    model: ModelId | None = None


class CompareCompletions(Task, kw_only=True):
    """The same task for several models."""

    models: Annotated[list[ModelId], Meta(min_length=2, max_length=4, extra_json_schema={"uniqueItems": True})]


class Completion(ResponseModel):
    """`stopReason` is Bedrock's. `parameters` are the effective ones; the model decides about absent ones.

    `latencyMs` is the time of the call including retries, in milliseconds.
    """

    text: str
    stop_reason: str
    model: str
    parameters: dict[str, Number | list[str]]
    usage: Usage
    latency_ms: int
    request_id: str


# Any, because msgspec unions need tagged structs. The type is only encoded, never decoded.
CompletionOrError = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "anyOf": [{"$ref": "#/components/schemas/Completion"}, {"$ref": "#/components/schemas/Error"}]
        }
    ),
]


class Comparison(ResponseModel):
    """One item for each of the request's `models`, in their order: a `Completion`, or that model's error."""

    items: list[CompletionOrError]
    request_id: str


class ListedModel(ResponseModel):
    """A model of the catalog. `invocationId` is the id that this stage calls it by, if it is `offered`.

    `price` is that of calls by `invocationId`, or else by the model's id.
    """

    id: str
    provider: str
    family: str
    name: str
    purpose: Purpose
    parameters: dict[str, Range]
    inputs: tuple[str, ...]
    lifecycle: Lifecycle
    offered: bool
    invocation_id: str | UnsetType = UNSET
    price: Price | UnsetType = UNSET


class ModelList(ResponseModel):
    items: list[ListedModel]
    request_id: str
