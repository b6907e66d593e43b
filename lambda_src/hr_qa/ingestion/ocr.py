"""Scanned pages, read by Amazon Textract."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.hr_qa.ingestion.pages import Page, page_from_text
from lambda_src.hr_qa.ingestion.pdf import Document
from lambda_src.shared import aws
from lambda_src.shared.errors import Unavailable

# What OCR engines are made for; a page in letter size is then about 100 KB.
DPI = 200
READ_SECONDS = 40
ATTEMPTS = 2
# Lines that the service itself is unsure of are noise more often than text.
MIN_CONFIDENCE = 50.0


class Ocr:
    """Textract's DetectDocumentText on one page at a time."""

    def __init__(self, client: Any = None) -> None:
        self._textract = client or aws.slow_client("textract", READ_SECONDS, ATTEMPTS)

    def read(self, document: Document, page: Page) -> Page:
        """The page with the text of its picture; without any it stays a page without text. Raises `Unavailable`."""
        picture = document.render_png(page.number, DPI)
        try:
            answer = self._textract.detect_document_text(Document={"Bytes": picture})
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("Textract does not read the page.") from error
        lines = [
            block["Text"]
            for block in answer["Blocks"]
            if block["BlockType"] == "LINE" and block.get("Confidence", 100.0) >= MIN_CONFIDENCE
        ]
        return page_from_text(page.number, lines, page.path) if lines else page
