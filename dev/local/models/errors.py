"""Errors in the format of Bedrock's runtime and Textract."""

# HTTP status by error code.
STATUSES = {
    "AccessDeniedException": 403,
    "BadDocumentException": 400,
    "DocumentTooLargeException": 400,
    "InternalServerException": 500,
    "InvalidParameterException": 400,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnsupportedDocumentException": 400,
    "ValidationException": 400,
}


class ModelError(Exception):
    """An error for the caller. `code` is one of `STATUSES`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUSES[code]


class StreamError(Exception):
    """An exception within a stream, after the first byte. `exception_type` is in camel case."""

    def __init__(self, exception_type: str, message: str) -> None:
        super().__init__(message)
        self.exception_type = exception_type


class StreamCut(Exception):
    """A simulated connection loss during a stream."""


def invalid(message: str) -> ModelError:
    """The error for an invalid request."""
    return ModelError("ValidationException", message)
