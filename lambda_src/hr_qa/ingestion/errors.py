"""Why a file cannot be read."""

from typing import Literal

ErrorCode = Literal[
    "digest_mismatch",
    "not_a_pdf",
    "encrypted",
    "damaged",
    "too_many_pages",
    "empty",
    "too_complex",
    "too_large",
    "xfa_form",
]

TOO_COMPLEX = (
    "The document takes more memory or time to read than any usual document. Print it to a new PDF, or split it, and "
    "upload that."
)
XFA_FORM = (
    "The file is an XFA form: its pages only have a message, and only Adobe Reader draws the form. Open it there, "
    "print it to a new PDF and upload that."
)


class PdfError(Exception):
    """A file that cannot be read. `message` tells its owner what to do."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
