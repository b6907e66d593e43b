"""Every hostile file ends as pages or as an error with advice, in bounded time and memory."""

import resource
import time
from pathlib import Path

import pytest

from lambda_src.document_reader.errors import UnreadableFileError
from lambda_src.document_reader.isolated_reader import LIMITS, open_isolated
from lambda_src.document_reader.reader import Document
from lambda_src.document_reader.reader_protocol import Limits
from tests.handbooks import MAX_PAGES
from tests.hostile.files import KINDS

# The documented limit for one document is a minute. Most kinds end much earlier.
SECONDS = 60
# Shorter than the real ones, to save time: a file that exceeds them would exceed the others, too.
SHORT = Limits(page_seconds=4, document_seconds=4)
# Reading these must fail. Others are bounded or repaired by PDFium: they may be readable, or become so.
FAILING = {
    "form_that_draws_itself",
    "forms_that_draw_each_other",
    "nested_forms_ten_wide",
    "nested_forms_two_wide",
    "many_pages_of_one_heavy_stream",
    "bomb_after_a_carriage_return",
    "bomb_after_a_space",
    "bomb_in_hexadecimal",
    "bomb_in_ascii_85",
    "bomb_of_lzw",
    "sixty_megabytes_of_operators",
}


@pytest.mark.parametrize("name", KINDS)
def test_a_hostile_file_ends_with_pages_or_an_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(KINDS[name]())
    started = time.monotonic()

    outcome = outcome_of(path, SHORT)

    assert outcome in ("pages", "damaged", "too_complex")
    assert name not in FAILING or outcome == "too_complex"
    assert time.monotonic() - started < SECONDS
    assert peak_bytes() <= LIMITS.memory_bytes


def test_the_real_limits_end_a_heavy_document_within_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(KINDS["many_pages_of_one_heavy_stream"]())
    started = time.monotonic()

    assert outcome_of(path, LIMITS) == "too_complex"
    assert time.monotonic() - started < SECONDS


def outcome_of(path: Path, limits: Limits) -> str:
    """What the owner would see: `pages`, or the error's code."""
    try:
        with open_isolated(path, MAX_PAGES, limits) as document:
            read_and_draw(document)
    except UnreadableFileError as error:
        return error.code if "upload" in error.message else f"{error.code} without advice"
    return "pages"


def read_and_draw(document: Document) -> None:
    """Reads one page range, and draws a page as for text recognition."""
    document.read(1, min(25, document.page_count))
    document.render_png(1, 200)


def peak_bytes() -> int:
    """The largest resident memory of any reader so far (Linux counts in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
