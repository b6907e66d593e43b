"""The API's errors: one class per error code. `http.py` turns them into responses."""

from typing import Any


class ApiError(Exception):
    """500 unless a subclass says otherwise.

    `message` is for the caller. `details` are `{"path", "message"}` pairs, some with a `reason` for programs.
    """

    status = 500
    code = "internal"
    # Whether a call of a model failed, so that another model may answer.
    by_model = False

    def __init__(
        self, message: str, *, details: list[dict[str, Any]] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def body(self, request_id: str) -> dict[str, Any]:
        """The response body."""
        content: dict[str, Any] = {"code": self.code, "message": self.message, "requestId": request_id}
        if self.details:
            content["details"] = self.details
        return {"error": content}


class InvalidRequest(ApiError):
    """400: schema, unknown field, or a parameter that the model does not take."""

    status, code = 400, "invalid_request"

    def __init__(self, message: str, *, details: list[dict[str, Any]]) -> None:
        super().__init__(message, details=details)

    @classmethod
    def at(cls, path: str, message: str, reason: str | None = None) -> "InvalidRequest":
        """The error for one field; `path` is like `body.photos[0].data`."""
        detail = {"path": path, "message": message}
        return cls(f"{path}: {message}", details=[{**detail, "reason": reason} if reason else detail])


class Unauthorized(ApiError):
    """401: missing or invalid credentials, or a principal without a unique id."""

    status, code = 401, "unauthorized"


class NotFound(ApiError):
    """404: no such route or resource, or it belongs to another caller."""

    status, code = 404, "not_found"


class InProgress(ApiError):
    """409: the first request with this idempotency key is still running."""

    status, code = 409, "in_progress"


class Conflict(ApiError):
    """409: the resource's state forbids the request."""

    status, code = 409, "conflict"


class Stopped(ApiError):
    """409: the caller has stopped the answer before it had any text."""

    status, code = 409, "stopped"


class Forbidden(ApiError):
    """403: the caller may not do this."""

    status, code = 403, "forbidden"


class TooLarge(ApiError):
    """413: body or photo above the documented limit."""

    status, code = 413, "too_large"


class Refused(ApiError):
    """422: a guardrail or the model declined."""

    status, code = 422, "refused"


class IdempotencyKeyReused(ApiError):
    """422: the key was used with another body."""

    status, code = 422, "idempotency_key_reused"


class Throttled(ApiError):
    """429, with Retry-After."""

    status, code = 429, "throttled"


class BudgetExhausted(ApiError):
    """429: a budget of the caller, its team or the stage has no room for the request until `Retry-After`, if any."""

    status, code = 429, "budget_exhausted"


class ModelFailed(ApiError):
    """502: the model failed, or its answer is unusable."""

    status, code = 502, "model_error"


class Unavailable(ApiError):
    """503, with Retry-After: the model or a store cannot be reached."""

    status, code = 503, "unavailable"


class ModelUnavailable(ApiError):
    """503 without Retry-After: the model has ended, or the account may not use it. Only its operator can help."""

    status, code = 503, "model_unavailable"


class DeadlineExceeded(ApiError):
    """504: not finished in time. Nothing is written in part."""

    status, code = 504, "deadline"
