"""The client's exceptions: one class per error code of the API, and those for calls without a valid response."""

import json
from collections.abc import Mapping
from typing import Any

# The gateway's id of a request, for responses whose body has none.
REQUEST_ID_HEADER = "x-amzn-requestid"


class ConfigurationError(ValueError):
    """The API's address, region or credentials are unknown. The message says what to set."""


class NotDeployed(ConfigurationError):
    """The stage does not have this use case."""


class CredentialsError(ConfigurationError):
    """There are no AWS credentials, or they could not be refreshed."""


class EndpointError(Exception):
    """A call that failed.

    `status` is the HTTP status (None for an error within a stream), `code` the API's error code, `details` a list of
    `{"path", "message"}`, `request_id` identifies the call in the stage's log, `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        details: list[dict[str, str]] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.details = details or []
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class InvalidRequest(EndpointError):
    """400: `details` names each invalid field or parameter."""


class Unauthorized(EndpointError):
    """401: missing or invalid credentials."""


class Forbidden(EndpointError):
    """403: the caller is not allowed to do this."""


class NotFound(EndpointError):
    """404: no such resource, or it belongs to another caller."""


class Conflict(EndpointError):
    """409: the resource's state does not allow this, such as a document that is not ready."""


class InProgress(Conflict):
    """409: an earlier request with the same idempotency key is still running."""


class TooLarge(EndpointError):
    """413: the body exceeds the limit."""


class Refused(EndpointError):
    """422: the guardrail or the model declined."""


class IdempotencyKeyReused(EndpointError):
    """422: the idempotency key was used with a different body."""


class Throttled(EndpointError):
    """429: over the gateway's or the model's limit; try again after `retry_after`."""


class BudgetExhausted(EndpointError):
    """429: a budget of the caller, its team or the stage is used up until `retry_after`.

    Without `retry_after`, the budget is too small for this request.
    """


class InternalError(EndpointError):
    """500: a bug in the API."""


class ModelError(EndpointError):
    """502: the model gave no usable answer."""


class Unavailable(EndpointError):
    """503: the model or a store is unreachable; try again after `retry_after`."""


class ModelUnavailable(EndpointError):
    """503: the model has ended, or the account may not use it. Retrying does not help; its operator can."""


class DeadlineExceeded(EndpointError):
    """504: not finished in time; nothing was saved."""


class ConnectionFailed(EndpointError):
    """The API could not be reached, or the connection broke."""


class TimedOut(ConnectionFailed):
    """No response within the client's timeout."""


class StreamInterrupted(ConnectionFailed):
    """A stream ended before its last event. If this connection broke, the API may store the answer nevertheless."""


class UnexpectedResponse(EndpointError):
    """A response that does not follow the API's contract: something else answers at this address."""


CODES: dict[str, type[EndpointError]] = {
    "invalid_request": InvalidRequest,
    "unauthorized": Unauthorized,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "conflict": Conflict,
    "in_progress": InProgress,
    "too_large": TooLarge,
    "refused": Refused,
    "idempotency_key_reused": IdempotencyKeyReused,
    "throttled": Throttled,
    "budget_exhausted": BudgetExhausted,
    "internal": InternalError,
    "model_error": ModelError,
    "unavailable": Unavailable,
    "model_unavailable": ModelUnavailable,
    "deadline": DeadlineExceeded,
}


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> EndpointError:
    """The error that an unsuccessful response describes."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    retry_after = headers.get("Retry-After", "")
    return from_content(
        content,
        status=status,
        request_id=headers.get(REQUEST_ID_HEADER),
        retry_after=int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )


def from_content(
    content: Any, *, status: int | None = None, request_id: str | None = None, retry_after: int | None = None
) -> EndpointError:
    """The error in a decoded body; a code that this version does not know gives a plain `EndpointError`.

    `request_id` is used where the body has none.
    """
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict) or "code" not in error:
        message = f"The response ({status}) does not follow the API's contract."
        return UnexpectedResponse(message, status=status, request_id=request_id, retry_after=retry_after)
    return CODES.get(error["code"], EndpointError)(
        str(error.get("message") or error["code"]),
        status=status,
        code=str(error["code"]),
        request_id=error.get("requestId") or request_id,
        details=error.get("details"),
        retry_after=retry_after,
    )
