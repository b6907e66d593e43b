"""Why a file cannot be read."""

from typing import Literal

ErrorCode = Literal[
    "digest_mismatch",
    "unsupported_type",
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
UNSUPPORTED = (
    "The file is of no type that is read: PDF, Word (.docx), PowerPoint (.pptx), HTML, Markdown or plain text. Save "
    "the document as one of these and upload that."
)
DAMAGED = "The file is damaged or incomplete. Check that it opens, save it again and upload that."
XFA_FORM = (
    "The file is an XFA form: its pages only have a message, and only Adobe Reader draws the form. Open it there, "
    "print it to a new PDF and upload that."
)


class UnreadableFileError(Exception):
    """A file that cannot be read. `message` tells its owner what to do."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def too_many_pages(pages: int, limit: int) -> UnreadableFileError:
    """The error for a document with more pages than the stage allows."""
    message = f"The document has {pages} pages, at most {limit} are read. Split it and upload the parts."
    return UnreadableFileError("too_many_pages", message)
