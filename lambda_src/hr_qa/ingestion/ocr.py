"""Text recognition of scanned pages with Amazon Textract."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambda_src.document_reader.pages import Page, page_from_text
from lambda_src.document_reader.reader import Document
from lambda_src.shared import aws
from lambda_src.shared.errors import Unavailable

# The resolution that OCR engines are made for. A page in letter size is about 100 KB.
DPI = 200
READ_SECONDS = 40
ATTEMPTS = 2
# Percent. Lines below are noise more often than text.
MIN_CONFIDENCE = 50.0


class Ocr:
    """Textract's DetectDocumentText, one page per call."""

    def __init__(self, client: Any = None) -> None:
        self._textract = client or aws.slow_client("textract", READ_SECONDS, ATTEMPTS)

    def read(self, document: Document, page: Page) -> Page:
        """The page with its recognized text, or unchanged if there is none. Raises `Unavailable`."""
        image = document.render_png(page.number, DPI)
        try:
            answer = self._textract.detect_document_text(Document={"Bytes": image})
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("Textract cannot read the page at the moment.") from error
        lines = [
            block["Text"]
            for block in answer["Blocks"]
            if block["BlockType"] == "LINE" and block.get("Confidence", 100.0) >= MIN_CONFIDENCE
        ]
        return page_from_text(page.number, lines, page.path) if lines else page
