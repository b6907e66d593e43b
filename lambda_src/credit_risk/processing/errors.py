"""Why a file or a row cannot be used."""

from typing import Literal

ErrorCode = Literal[
    "wrong_checksum",
    "damaged",
    "too_large",
    "not_csv",
    "empty",
    "missing_columns",
    "unknown_columns",
    "duplicate_columns",
    "too_many_rows",
    "no_active_model",
    "file_changed",
    "processing_failed",
]


class FileError(Exception):
    """A file that cannot be used. `message` says what its owner can do; it never has text of the file."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RowError(Exception):
    """A row that cannot be used. `field` is a column, or "" for the line. The reason has no text of the file."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


NO_ACTIVE_MODEL = FileError("no_active_model", "No model is active. Activate one, and create another batch.")
FILE_CHANGED = FileError(
    "file_changed", "The file was replaced or deleted while it was being read. Create another batch for each file."
)
PROCESSING_FAILED = FileError(
    "processing_failed", "The file could not be processed because of a failure on our side. Create another batch later."
)
