"""Opens documents in a process of their own, so that a file made to exhaust or crash its reader only fails itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lambda_src.document_reader.errors import TOO_COMPLEX, UnreadableFileError
from lambda_src.document_reader.pages import Page
from lambda_src.document_reader.reader import Document
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
from lambda_src.shared.observability import logger

LIMITS = Limits()
# Of waiting for a message. The limits of CPU time end the process earlier, unless the machine is overloaded.
WAIT_SECONDS = 120
# Not caused by the document: an operator or the kernel ended the process.
_OUTSIDE_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# What Python needs to start. Credentials stay behind.
_PASSED_VARIABLES = ("LD_LIBRARY_PATH", "PATH", "TZ", "LANG")
_UNREADABLE = "The document could not be read. Print or save it to a new PDF and upload that."

AnyResponse = TypeVar("AnyResponse", bound=Response)


class ReaderLostError(Exception):
    """The process ended, or did not answer, for a reason that is not the document's. A retry may succeed."""


class _ReaderProcess:
    """The client's side of `reader_process`."""

    def __init__(self, path: Path, max_pages: int, limits: Limits) -> None:
        environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", "lambda_src.document_reader.reader_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._started = False
        self._end = None if limits.total_seconds is None else time.monotonic() + limits.total_seconds
        try:
            self._receive(Ready)
            self._started = True
            self._send(Open(str(path), max_pages, limits))
            opened = self._receive(Opened)
            self.page_count, self.embedded_files = opened.page_count, opened.embedded_files
            self.content_type = opened.content_type
        except BaseException:
            self.close()
            raise

    def read(self, first: int, last: int) -> list[Page]:
        if not 1 <= first <= last <= self.page_count:
            raise ValueError(f"there are no pages {first} to {last} of {self.page_count}")
        self._send(Read(first, last))
        return [self._receive(PageRead).page for _ in range(first, last + 1)]

    def render_png(self, page: int, dpi: int) -> bytes:
        self._send(Render(page, dpi))
        return self._receive(Image).png

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()

    def _send(self, request: Request) -> None:
        assert self._process.stdin
        try:
            write_frame(self._process.stdin, request)
        except BrokenPipeError:
            raise self._loss() from None

    def _receive(self, expected: type[AnyResponse]) -> AnyResponse:
        assert self._process.stdout
        # A reader that blocks for another reason than CPU time must not hold the function until its timeout.
        watchdog = threading.Timer(self._wait_seconds(), self._process.kill)
        watchdog.start()
        try:
            body = read_frame(self._process.stdout)
        except ValueError as error:
            raise ReaderLostError(str(error)) from error
        finally:
            watchdog.cancel()
        if body is None:
            raise self._loss()
        response: Any = msgspec.msgpack.decode(body, type=Response)
        if isinstance(response, Failed):
            raise UnreadableFileError(response.code, response.message)
        if not isinstance(response, expected):
            raise ReaderLostError(f"{type(response).__name__} instead of {expected.__name__}")
        return response

    def _wait_seconds(self) -> float:
        return WAIT_SECONDS if self._end is None else min(WAIT_SECONDS, max(self._end - time.monotonic(), 0.0))

    def _loss(self) -> Exception:
        """Why there is no answer: the document, or something else, after which a retry may succeed."""
        status = self._process.wait()
        if self._started and self._end is not None and time.monotonic() >= self._end:
            logger.warning("reader took too long")
            return UnreadableFileError("too_complex", TOO_COMPLEX)
        if not self._started or -status in _OUTSIDE_SIGNALS:
            return ReaderLostError(f"the reader ended with status {status}")
        if status >= 0:
            # The traceback is in the log, too. Another attempt would fail in the same way.
            logger.error("reader failed", status=status)
            return UnreadableFileError("damaged", _UNREADABLE)
        logger.warning("reader ended", signal=signal.Signals(-status).name)
        return UnreadableFileError("too_complex", TOO_COMPLEX)


@contextmanager
def open_isolated(path: Path, max_pages: int, limits: Limits = LIMITS) -> Iterator[Document]:
    """Opens the file in a process with limits. Raises `UnreadableFileError` and `ReaderLostError`.

    A file that exceeds a limit, or crashes its parser, is a `UnreadableFileError` with the code `too_complex`.
    """
    reader = _ReaderProcess(path, max_pages, limits)
    try:
        yield reader
    finally:
        reader.close()
