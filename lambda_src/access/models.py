"""Request and response types of the keys' API."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import ModelId, NonBlank, RequestModel, ResponseModel, Secret, Team, UseCaseId
from lambda_src.shared.settings import Group

Name = Annotated[NonBlank, Meta(max_length=100)]
# Part of the keys of what is stored.
Owner = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$(?!\n)", examples=["billing-service"])]
KeyStatus = Literal["active", "expired", "revoked"]


class CreateKey(RequestModel, kw_only=True):
    """A key for a program. What it stores belongs to its `owner`: another key of the same owner finds it.

    `useCases` and `models` limit what it may call; left out, all. `groups` are those that the stage's settings name:
    they open shared spaces and roles. Groups of administrators are refused.
    """

    name: Name
    owner: Owner
    team: Team | None = None
    groups: Annotated[list[Group], Meta(max_length=20)] = []
    use_cases: Annotated[list[UseCaseId], Meta(min_length=1, max_length=20)] | None = None
    models: Annotated[list[ModelId], Meta(min_length=1, max_length=20)] | None = None
    expires_in_days: Annotated[int, Meta(ge=1, le=730)] = 90


class RotateKey(RequestModel):
    """The secret so far works `overlapSeconds` longer. 0, for one that has leaked, ends all secrets before."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=7 * 24 * 3600)] = 3600


class Key(ResponseModel, kw_only=True):
    """A key without its secret."""

    id: str
    name: str
    owner: str
    team: str | UnsetType = UNSET
    groups: list[str]
    use_cases: list[str] | UnsetType = UNSET
    models: list[str] | UnsetType = UNSET
    status: KeyStatus
    created_at: str
    created_by: str
    expires_at: str
    rotated_at: str | UnsetType = UNSET
    previous_secret_until: str | UnsetType = UNSET
    revoked_at: str | UnsetType = UNSET


class KeyAnswer(Key, kw_only=True):
    request_id: str


class NewKey(KeyAnswer, kw_only=True):
    """`key` is what the program sends. It is shown this once: only a digest is stored."""

    key: Secret


class KeyList(ResponseModel, kw_only=True):
    items: list[Key]
    next_cursor: str | UnsetType = UNSET
    request_id: str
