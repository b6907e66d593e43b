"""Tells a document's owner what of it was not read."""

from lambda_src.hr_qa.documents import DocumentItem
from lambda_src.hr_qa.models import DocumentNotice


def notices(document: DocumentItem) -> list[DocumentNotice]:
    """What was left out of a ready document."""
    left_out = []
    if document.embedded_files:
        files = "a file" if document.embedded_files == 1 else f"{document.embedded_files} files"
        message = f"The document contains {files} that answers do not use. Save them as PDFs and upload those, too."
        left_out.append(DocumentNotice(code="embedded_files", message=message))
    if document.unread_characters:
        message = (
            f"{document.unread_characters:,} characters at the ends of very long pages were not read. Divide the text "
            "into usual pages and upload the file again."
        )
        left_out.append(DocumentNotice(code="unread_text", message=message))
    return left_out
