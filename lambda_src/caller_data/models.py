"""Request and response types of the caller data API."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.schemas import RequestModel, ResponseModel, Secret

ErasureStatus = Literal["running", "erased", "final", "failed"]
ExportStatus = Literal["running", "ready", "failed", "expired"]
# As logs show it: an IAM principal's id, a Cognito subject, `oidc:` and `owner:` with what follows.
CallerId = Annotated[str, Meta(pattern=r"^[!-~]{1,1024}$(?!\n)", examples=["owner:billing-service"])]


class NoQuery(RequestModel):
    """No parameters: one that is sent, such as a caller, is refused."""


class RequestErasure(RequestModel):
    """`caller` is the caller's id, as logs and `requestedBy` fields show it."""

    caller: CallerId


class KeptData(ResponseModel):
    """What is not erased. Without `count` it is not counted."""

    kind: str
    reason: str
    until: str
    count: int | UnsetType = UNSET


class ErasedData(ResponseModel):
    """What was erased of one use case, by kind. After a failure of the service, it may be more than the counts."""

    use_case: str
    counts: dict[str, int]
    kept: list[KeptData]


class Erasure(ResponseModel, kw_only=True):
    """An erasure and its receipt.

    `erased`: everything that was stored before the request is erased. `final`: also what requests have stored that ran
    at the same time. `failed`: `failed` names the use cases where it did not succeed; request another erasure.
    `callerDigest` is the caller's: the receipt does not have the caller's id.
    """

    id: str
    status: ErasureStatus
    caller_digest: str
    requested_at: str
    requested_by: Literal["caller", "administrator"]
    administrator: str | UnsetType = UNSET
    erased_at: str | UnsetType = UNSET
    final_at: str | UnsetType = UNSET
    failed_at: str | UnsetType = UNSET
    failed: list[str] | UnsetType = UNSET
    use_cases: list[ErasedData]
    kept: list[KeptData]


class ErasureAnswer(Erasure, kw_only=True):
    request_id: str


class ErasureList(ResponseModel, kw_only=True):
    items: list[Erasure]
    next_cursor: str | UnsetType = UNSET
    request_id: str


class ExportedData(ResponseModel):
    """What was exported of one use case, by kind."""

    use_case: str
    counts: dict[str, int]


class ExportAnswer(ResponseModel, kw_only=True):
    """An export. While it is `ready`, `url` is that of a ZIP archive and works until `urlExpiresAt`.

    `failed`: `failed` names the use cases where it did not succeed; none if the archive could not be written.
    """

    id: str
    status: ExportStatus
    requested_at: str
    ready_at: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    url: Secret | UnsetType = UNSET
    url_expires_at: str | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    failed: list[str] | UnsetType = UNSET
    use_cases: list[ExportedData]
    request_id: str
