"""What can go wrong for a caller: one small class for a code of the contract. Only `http.py` answers them."""

from typing import Any


class ApiError(Exception):
    """An answer other than success. `message` is for the caller; `details` are `{"path", "message"}` pairs."""

    status = 500
    code = "internal"

    def __init__(
        self, message: str, *, details: list[dict[str, str]] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def body(self, request_id: str) -> dict[str, Any]:
        """The error in the contract's shape."""
        content: dict[str, Any] = {"code": self.code, "message": self.message, "requestId": request_id}
        if self.details:
            content["details"] = self.details
        return {"error": content}


class InvalidRequest(ApiError):
    """400: schema, unknown field, or a parameter that the model does not take."""

    status, code = 400, "invalid_request"

    @classmethod
    def at(cls, path: str, message: str) -> "InvalidRequest":
        """The error for one field; `path` in the form `body.photos[0].data`."""
        return cls(f"{path}: {message}", details=[{"path": path, "message": message}])


class Unauthorized(ApiError):
    """401: no or bad credentials; the gateway named no caller."""

    status, code = 401, "unauthorized"


class NotFound(ApiError):
    """404: no such route or resource, or not the caller's own."""

    status, code = 404, "not_found"


class InProgress(ApiError):
    """409: the first request with this idempotency key is still running."""

    status, code = 409, "in_progress"


class Conflict(ApiError):
    """409: a state that forbids it."""

    status, code = 409, "conflict"


class Forbidden(ApiError):
    """403: the caller is known, and may not do this."""

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


class ModelFailed(ApiError):
    """502: the model's answer stayed unusable after repair."""

    status, code = 502, "model_error"


class Unavailable(ApiError):
    """503, with Retry-After: model or store not reachable."""

    status, code = 503, "unavailable"


class DeadlineExceeded(ApiError):
    """504: not finished in time; nothing is half written."""

    status, code = 504, "deadline"
