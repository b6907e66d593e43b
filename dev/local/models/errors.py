"""Errors as Bedrock's runtime and Textract send them."""

# The HTTP statuses of the modelled errors.
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
    """An error after the first byte: an exception within the stream. `kind` is its type, in camel case."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class StreamCut(Exception):
    """A simulated loss of the connection in the middle of a stream."""


def invalid(message: str) -> ModelError:
    """What Bedrock answers to a request it cannot serve as it is."""
    return ModelError("ValidationException", message)
