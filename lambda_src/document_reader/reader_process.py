"""The process that opens a document: the parsers and everything that handles its pages, under limits of memory and
time.

`python -m lambda_src.document_reader.reader_process`: reads `Request`s from standard input, writes `Response`s to
standard output. A document that exceeds a limit ends this process, and nothing else: the kernel enforces the limits,
also within PDFium and libxml2. The process has no credentials in its environment and cannot write files.
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

from lambda_src.document_reader.errors import TOO_COMPLEX, UnreadableFileError
from lambda_src.document_reader.reader import Document, open_document
from lambda_src.document_reader.reader_protocol import (
    Failed,
    Image,
    Limits,
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


class CpuBudget:
    """Ends the process when it has used its CPU time, through SIGPROF's default action."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._allowed = time.process_time() + limits.document_seconds
        self.start_page()

    def start_page(self) -> None:
        """Starts a page's time, and adds its share to the document's."""
        self._allowed += self._limits.seconds_per_page
        left = max(self._allowed - time.process_time(), 0.001)
        signal.setitimer(signal.ITIMER_PROF, min(self._limits.page_seconds, left))


def limit_process(limits: Limits) -> None:
    """Limits the process's memory, and lets it write no files."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(requests: IO[bytes], responses: IO[bytes]) -> None:
    """Answers requests until the end of the stream or a failure."""
    write_frame(responses, Ready())
    body = read_frame(requests)
    if body is None:
        return
    request = msgspec.msgpack.decode(body, type=Open)
    limit_process(request.limits)
    budget = CpuBudget(request.limits)
    try:
        with open_document(Path(request.path), request.max_pages, on_page=budget.start_page) as document:
            write_frame(responses, Opened(document.page_count, document.embedded_files, document.content_type))
            while (body := read_frame(requests)) is not None:
                for response in _answer(document, msgspec.msgpack.decode(body, type=Request)):
                    write_frame(responses, response)
    except UnreadableFileError as error:
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
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What PDFium prints must not get between the messages.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, responses)


if __name__ == "__main__":
    main()
