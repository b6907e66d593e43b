"""What can go wrong: a class for each code of the APIs' contract, and two for requests without an answer of theirs."""

import json
from collections.abc import Mapping
from typing import Any


class ConfigurationError(ValueError):
    """Where the API is, or who calls it, is not known. The message says what to set."""


class EndpointError(Exception):
    """A call that did not succeed.

    `code` is the contract's, `status` HTTP's (None for an error within a stream), `details` are `{"path", "message"}`
    pairs, `request_id` finds the call in the log, `retry_after` is in seconds.
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
    """400: `details` names each field or parameter that is not taken."""


class Unauthorized(EndpointError):
    """401: no credentials, or bad ones."""


class Forbidden(EndpointError):
    """403: the caller is known, and may not do this."""


class NotFound(EndpointError):
    """404: no such resource, or not the caller's own."""


class Conflict(EndpointError):
    """409: a state that forbids it, such as a document that is not ready."""


class InProgress(Conflict):
    """409: the first try of this request still runs."""


class TooLarge(EndpointError):
    """413: the body is above the limit."""


class Refused(EndpointError):
    """422: the guardrail or the model declined."""


class IdempotencyKeyReused(EndpointError):
    """422: an idempotency key was used with another body."""


class Throttled(EndpointError):
    """429: over the gateway's or the model's limit, until `retry_after`."""


class Internal(EndpointError):
    """500: a bug of the API's."""


class ModelFailed(EndpointError):
    """502: the model's answer stayed unusable."""


class Unavailable(EndpointError):
    """503: model or store not reachable, until `retry_after`."""


class DeadlineExceeded(EndpointError):
    """504: not finished in time; nothing is half written."""


class ConnectionFailed(EndpointError):
    """The API was not reached, or its answer was cut. Of a stream that was cut nothing is kept."""


class UnexpectedAnswer(EndpointError):
    """An answer that is not in the contract's form: something else answers at this address."""


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
    "internal": Internal,
    "model_error": ModelFailed,
    "unavailable": Unavailable,
    "deadline": DeadlineExceeded,
}


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> EndpointError:
    """The error that an answer other than success is."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    retry_after = headers.get("Retry-After", "")
    return from_content(
        content,
        status=status,
        retry_after=int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )


def from_content(content: Any, *, status: int | None = None, retry_after: int | None = None) -> EndpointError:
    """The error of a body in the contract's shape; a code that is not known yet stays an `EndpointError`."""
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict) or "code" not in error:
        return UnexpectedAnswer(f"The API's answer ({status}) is none of the contract's.", status=status)
    return CODES.get(error["code"], EndpointError)(
        str(error.get("message") or error["code"]),
        status=status,
        code=error["code"],
        request_id=error.get("requestId"),
        details=error.get("details"),
        retry_after=retry_after,
    )
