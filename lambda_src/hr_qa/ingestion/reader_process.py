"""The process that opens a document: PDFium and everything that handles its pages, under limits of memory and time.

`python -m lambda_src.hr_qa.ingestion.reader_process`: reads `Request`s from standard input, writes `Response`s to
standard output. A document that exceeds a limit ends this process, and nothing else: the kernel enforces the limits,
also within PDFium. The process has no credentials in its environment and cannot write files.
"""

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from lambda_src.hr_qa.ingestion.errors import TOO_COMPLEX, PdfError
from lambda_src.hr_qa.ingestion.pdf import Document, open_document
from lambda_src.hr_qa.ingestion.reader_protocol import (
    Failed,
    Image,
    Open,
    Opened,
    PageRead,
    Read,
    Ready,
    Render,
    Request,
    Response,
    read_frame,
    write_frame,
)

# Of address space: a handbook needs a fifth of it, and the largest plausible scan (A3 in color at 600 dots per inch,
# 210 MB) fits.
MEMORY_BYTES = 600 * 1024**2
# CPU seconds for one page. Ordinary pages take about 0.005.
PAGE_SECONDS = 10.0
# CPU seconds for a document: a fixed part, and a share for each page that is visited.
DOCUMENT_SECONDS = 15.0
SECONDS_PER_PAGE = 0.2


class CpuBudget:
    """Ends the process when it has used its CPU time, through SIGPROF's default action."""

    def __init__(self) -> None:
        self._allowed = time.process_time() + DOCUMENT_SECONDS
        self.start_page()

    def start_page(self) -> None:
        """Starts a page's time, and adds its share to the document's."""
        self._allowed += SECONDS_PER_PAGE
        left = max(self._allowed - time.process_time(), 0.001)
        signal.setitimer(signal.ITIMER_PROF, min(PAGE_SECONDS, left))


def limit_process() -> None:
    """Sets the limits that do not depend on the document."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(requests: IO[bytes], responses: IO[bytes]) -> None:
    """Answers requests until the end of the stream or a failure."""
    write_frame(responses, Ready())
    body = read_frame(requests)
    if body is None:
        return
    request = msgspec.msgpack.decode(body, type=Open)
    budget = CpuBudget()
    try:
        with open_document(Path(request.path), request.max_pages, on_page=budget.start_page) as document:
            write_frame(responses, Opened(document.page_count))
            while (body := read_frame(requests)) is not None:
                for response in _answer(document, msgspec.msgpack.decode(body, type=Request)):
                    write_frame(responses, response)
    except PdfError as error:
        write_frame(responses, Failed(error.code, error.message))
    except MemoryError:
        write_frame(responses, Failed("too_complex", TOO_COMPLEX))


def _answer(document: Document, request: Request) -> Iterator[Response]:
    if isinstance(request, Read):
        for number in range(request.first, request.last + 1):
            yield PageRead(document.read(number, number)[0])
    elif isinstance(request, Render):
        yield Image(document.render_png(request.page, request.dpi))


def main() -> None:
    """Runs until standard input ends."""
    limit_process()
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What PDFium prints must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, responses)


if __name__ == "__main__":
    main()
