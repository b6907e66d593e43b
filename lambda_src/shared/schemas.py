"""Request and response types that use cases share. JSON names are camelCase; unknown fields are refused."""

import re
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.errors import InvalidRequest

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
# White space, control characters and characters without a width: a text of nothing else is blank. They are listed
# because `\s` means other characters in Python than in the JavaScript of JSON Schema, and none without a width.
_BLANK = (
    r"\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
)
NOT_BLANK = f"[^{_BLANK}]"
# Every text that people or models read. An empty one is refused by the pattern, too, so that the message is the same.
NonBlank = Annotated[str, Meta(pattern=NOT_BLANK, extra_json_schema={"minLength": 1})]
# Neither may end in a line break: see `Language`.
UseCaseId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}$(?!\n)", examples=["hr-qa"])]
Team = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)", examples=["payments"])]
Text = Annotated[NonBlank, Meta(max_length=50_000)]
# Control characters, and those that turn the direction of what follows: `gpj.exe` would be shown as `exe.jpg`.
_WITHOUT_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
# Tag characters: nobody sees them, but models read them as letters. Patterns of OpenAPI can't have them.
_TAGS = re.compile("[\U000e0000-\U000e007f]")
# A field has one pattern, so `check_file_name` checks this one.
FileName = Annotated[NonBlank, Meta(max_length=200, extra_json_schema={"allOf": [{"pattern": _WITHOUT_CONTROLS}]})]
# Marks what the audit trail must not have: with it, a reader of the trail could act as the caller.
NOT_AUDITED = Meta(extra={"audited": False})
Secret = Annotated[str, NOT_AUDITED]


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


class Upload(ResponseModel):
    """The form to post as multipart form data: `fields` first, then the file as `file`."""

    url: Secret
    fields: Annotated[dict[str, str], NOT_AUDITED]
    expires_at: str


def check_file_name(path: str, name: str) -> None:
    """Raises `InvalidRequest` for a `FileName` with control characters or invisible tags."""
    if problem := file_name_problem(name):
        raise InvalidRequest.at(path, problem)


def file_name_problem(name: str) -> str | None:
    """Why a name must not be shown or sent to a model; None for usual names."""
    if not re.fullmatch(_WITHOUT_CONTROLS, name):
        return "must not contain control characters"
    return "must not contain invisible tag characters" if _TAGS.search(name) else None
